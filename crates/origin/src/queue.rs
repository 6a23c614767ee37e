//! How many connections wait in a listener's accept queue.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    net::{SocketAddr, SocketAddrV4},
};

/// Connections that wait to be accepted at `address`, over all its listeners; `None` when nobody listens there.
/// For a listener the kernel shows its accept queue as `rx_queue` in `/proc/net/tcp`.
pub(crate) fn length(address: SocketAddr) -> io::Result<Option<u64>> {
    let SocketAddr::V4(address) = address else {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "only IPv4 listeners can be watched"));
    };
    let mut sum = None;
    for line in BufReader::new(File::open("/proc/net/tcp")?).lines().skip(1) {
        match parse(&line?, address) {
            Line::Ours(queued) => sum = Some(sum.unwrap_or(0) + queued),
            Line::OtherListener => {}
            // Listeners come first; the connections behind them may take the kernel long to print.
            Line::NoListener => break,
        }
    }
    Ok(sum)
}

enum Line {
    Ours(u64),
    OtherListener,
    NoListener,
}

fn parse(line: &str, address: SocketAddrV4) -> Line {
    const LISTEN: &str = "0A";
    // The kernel prints the address as a number in the machine's own byte order.
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port());
    let fields: Vec<&str> = line.split_whitespace().collect();
    match fields[..] {
        [_, ours, _, LISTEN, queues, ..] if ours == local => {
            let queued = queues.split_once(':').and_then(|(_, rx)| u64::from_str_radix(rx, 16).ok());
            Line::Ours(queued.unwrap_or(0))
        }
        [_, _, _, LISTEN, ..] => Line::OtherListener,
        _ => Line::NoListener,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn connections_nobody_accepts_are_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(length(address).unwrap(), Some(0));
        let queued = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
        assert_eq!(length(address).unwrap(), Some(2));
        drop((listener, queued));
        assert_eq!(length(address).unwrap(), None);
    }
}
