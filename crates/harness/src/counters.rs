//! The kernel's own counters of what becomes of connections.

use std::{collections::BTreeMap, fs, io};

use facts::kernel::COUNTERS;

/// The counters of this thread's network namespace, by name. Those this kernel does not have are left out.
///
/// # Errors
/// A file that cannot be read: `/proc` is not there, or not for us.
pub(crate) fn read() -> io::Result<BTreeMap<String, u64>> {
    let mut counters = BTreeMap::new();
    // Not `/proc/net`: that is what the main thread sees, whatever namespace this one is in.
    for file in ["snmp", "netstat"] {
        counters.extend(parse(&fs::read_to_string(format!("/proc/thread-self/net/{file}"))?));
    }
    Ok(counters)
}

/// Pairs of lines: `Tcp: NAME NAME` and below it `Tcp: 1 2`.
fn parse(text: &str) -> BTreeMap<String, u64> {
    let lines: Vec<&str> = text.lines().collect();
    let pairs = lines.chunks_exact(2).flat_map(|pair| pair[0].split(' ').zip(pair[1].split(' ')));
    let kept = pairs.filter(|(name, _)| COUNTERS.contains(name));
    kept.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        net::{TcpListener, TcpStream},
    };

    use super::{parse, read};

    #[test]
    fn names_stand_above_their_values() {
        let text = "Tcp: MaxConn EstabResets OutRsts\nTcp: -1 7 12\nUdp: InErrors\nUdp: 3\n";
        let expected = BTreeMap::from([("EstabResets".to_owned(), 7), ("OutRsts".to_owned(), 12)]);
        assert_eq!(parse(text), expected);
    }

    #[test]
    fn a_refused_connection_is_counted() {
        let closed = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("an address");
        let before = read().expect("the counters");
        TcpStream::connect(closed).expect_err("nobody listens");
        let after = read().expect("the counters");
        assert!(after["AttemptFails"] > before["AttemptFails"], "{before:?} {after:?}");
    }
}
