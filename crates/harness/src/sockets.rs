//! TCP sockets as the kernel lists them (sock_diag(7)), in the network of the thread that asks.

use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use rustix::net::netlink::SOCK_DIAG;

use crate::netlink::{DUMP, Netlink, number};

/// `SOCK_DIAG_BY_FAMILY`
const BY_FAMILY: u16 = 20;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;

// States, as bits of the question (`TCPF_…`).
const ESTABLISHED: u32 = 1 << 1;
const CLOSE_WAIT: u32 = 1 << 8;
const LISTEN: u32 = 1 << 10;

/// One socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    /// What a descriptor of it is called in `/proc/PID/fd`; 0: no process has one.
    pub(crate) inode: u64,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// Of one that listens: connections nobody has accepted.
    pub(crate) waiting: u32,
}

/// A way to ask the kernel.
#[derive(Debug)]
pub(crate) struct Sockets(Netlink);

impl Sockets {
    pub(crate) fn open() -> io::Result<Sockets> {
        Ok(Sockets(Netlink::open(Some(SOCK_DIAG))?))
    }

    /// All that listen.
    pub(crate) fn listening(&mut self) -> io::Result<Vec<Socket>> {
        self.in_state(LISTEN)
    }

    /// Server ends of connections that nobody has accepted: established (the client may have closed), and no process
    /// has a descriptor. One that a process closed leaves these states at once.
    pub(crate) fn unaccepted(&mut self) -> io::Result<Vec<Socket>> {
        let mut open = self.in_state(ESTABLISHED | CLOSE_WAIT)?;
        open.retain(|socket| socket.inode == 0);
        Ok(open)
    }

    fn in_state(&mut self, states: u32) -> io::Result<Vec<Socket>> {
        let mut found = Vec::new();
        for family in [AF_INET, AF_INET6] {
            // inet_diag_req_v2: family, protocol, extensions, padding, states, and an id of 48 bytes that a dump ignores.
            let mut question = vec![family, IPPROTO_TCP, 0, 0];
            question.extend(states.to_ne_bytes());
            question.extend([0; 48]);
            self.0.ask(BY_FAMILY, DUMP, &question, |answer| found.extend(parse(answer)))?;
        }
        Ok(found)
    }
}

/// inet_diag_msg: family, state, timer, retransmits; ports, addresses, interface, cookie; expiry, both queues, uid,
/// inode. `None`: cut short.
fn parse(answer: &[u8]) -> Option<Socket> {
    const BYTES: usize = 72;
    if answer.len() < BYTES {
        return None;
    }
    let port = |at: usize| u16::from_be_bytes([answer[at], answer[at + 1]]);
    let ip = |at: usize| address(answer[0], answer[at..at + 16].try_into().ok()?);
    Some(Socket {
        inode: u64::from(number(answer, 68)),
        local: SocketAddr::new(ip(8)?, port(4)),
        remote: SocketAddr::new(ip(24)?, port(6)),
        waiting: number(answer, 56),
    })
}

/// A connection of IPv4 to a socket of IPv6 is one of IPv4.
fn address(family: u8, bytes: [u8; 16]) -> Option<IpAddr> {
    match family {
        AF_INET => Some(IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]])),
        AF_INET6 => Some(Ipv6Addr::from(bytes).to_canonical()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpListener, TcpStream};

    use super::Sockets;

    #[test]
    fn who_waits_at_a_socket_is_listed_until_somebody_accepts() {
        let listener = TcpListener::bind("127.77.5.1:0").expect("bind");
        let address = listener.local_addr().expect("an address");
        let clients = [TcpStream::connect(address).expect("one"), TcpStream::connect(address).expect("two")];
        let mut ports = clients.each_ref().map(|client| client.local_addr().expect("a port").port());
        ports.sort_unstable();
        clients[0].shutdown(Shutdown::Both).expect("a client that gave up waits all the same");
        let mut sockets = Sockets::open().expect("a socket");
        let mut look = || {
            let listening = sockets.listening().expect("an answer");
            let ours = listening.iter().find(|s| s.local == address).expect("it listens");
            assert!(ours.inode > 0, "we have a descriptor");
            let waiting = sockets.unaccepted().expect("an answer");
            let mut waiting: Vec<u16> =
                waiting.iter().filter(|s| s.local == address).map(|s| s.remote.port()).collect();
            waiting.sort_unstable();
            (ours.waiting, waiting)
        };
        assert_eq!(look(), (2, ports.to_vec()));
        let accepted = [listener.accept().expect("one"), listener.accept().expect("two")];
        assert_eq!(look(), (0, vec![]));
        drop(accepted);
    }
}
