//! A loopback address that is free now: random in 127.0.0.0/8, so that two runs at a time do not meet.

use std::{
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use crate::Error;

/// Tries before giving up; each fails only when somebody happens to have that port.
const TRIES: u32 = 32;

/// Above what needs privileges, below what the kernel hands out to clients.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// An address nobody is bound to.
pub(crate) fn free() -> Result<SocketAddr, Error> {
    let mut attempt = 1;
    loop {
        let address = random(attempt);
        match TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(source) if attempt == TRIES => {
                return Err(Error::NoAddress { tries: TRIES, address, source });
            }
            Err(_) => attempt += 1,
        }
    }
}

/// True when somebody still listens there. Connections in TIME_WAIT do not count.
pub(crate) fn is_listening(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
}

/// Which address is chosen never matters to a run, so it is not part of its seed.
fn random(attempt: u32) -> SocketAddr {
    let bits = RandomState::new().hash_one(attempt);
    let [a, b, c, d, e, ..] = bits.to_le_bytes();
    let host = Ipv4Addr::new(127, a, b, c.clamp(1, 254));
    let port = PORTS.start + u16::from_le_bytes([d, e]) % (PORTS.end - PORTS.start);
    SocketAddr::from((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_address_is_on_the_loopback_and_can_be_bound() {
        let address = free().expect("a free address");
        assert!(address.ip().is_loopback() && PORTS.contains(&address.port()));
        assert!(!is_listening(address));
        let listener = TcpListener::bind(address).expect("it was free");
        assert!(is_listening(address));
        drop(listener);
        assert!(!is_listening(address));
    }
}
