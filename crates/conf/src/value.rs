//! Reads one argument: numbers, times, sizes, switches, addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::address::{Address, UNIX_PATH_BYTES_MAX};
use crate::codes;
use crate::http::Network;
use crate::problems::Wrong;

/// `on` or `off`.
pub(crate) fn switch(text: &str) -> Result<bool, Wrong> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Wrong::value(format!("invalid value \"{text}\""), "it must be \"on\" or \"off\"")),
    }
}

/// A decimal number without sign.
pub(crate) fn number(text: &str) -> Result<u64, Wrong> {
    digits(text).ok_or_else(|| Wrong::value(format!("invalid number \"{text}\""), "write a decimal number"))
}

/// A decimal number that fits in 32 bits.
pub(crate) fn small_number(text: &str) -> Result<u32, Wrong> {
    let too_big = || Wrong::value(format!("invalid number \"{text}\""), "it is too big");
    number(text)?.try_into().map_err(|_| too_big())
}

fn digits(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Units of time from the longest to the shortest, in milliseconds. The order in a value must be this one.
const TIME_UNITS: &[(&str, u64)] = &[
    ("y", 365 * 86_400_000),
    ("M", 30 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
    ("", 1000),
];

/// A time as nginx writes it: `10`, `10s`, `500ms`, `1h 30m` (`ngx_parse_time`). A bare number is seconds.
pub(crate) fn time(text: &str) -> Result<Duration, Wrong> {
    let wrong = || {
        Wrong::value(format!("invalid time \"{text}\""), "write a number and a unit: 500ms, 10s, 2m, 1h30m")
    };
    let mut rest = text;
    let mut total_ms: u64 = 0;
    let mut units = TIME_UNITS;
    while !rest.is_empty() {
        let (count, after) = split_where(rest, |byte| !byte.is_ascii_digit());
        let (unit, after) = split_where(after, |byte| !byte.is_ascii_alphabetic());
        let place = units.iter().position(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let part = digits(count).and_then(|count| count.checked_mul(units[place].1)).ok_or_else(wrong)?;
        total_ms = total_ms.checked_add(part).ok_or_else(wrong)?;
        units = &units[place + 1..];
        rest = after.trim_start_matches(' ');
    }
    // nginx keeps times in a signed 32-bit count of milliseconds on small machines; a longer one is a slip anyway.
    let longest_ms = 100 * TIME_UNITS[0].1;
    if text.is_empty() || total_ms > longest_ms { Err(wrong()) } else { Ok(Duration::from_millis(total_ms)) }
}

fn split_where(text: &str, end: impl Fn(u8) -> bool) -> (&str, &str) {
    text.split_at(text.bytes().position(end).unwrap_or(text.len()))
}

/// A size in bytes: `8192`, `10k`, `1m`, `2g`.
pub(crate) fn size(text: &str) -> Result<u64, Wrong> {
    let wrong = || {
        Wrong::value(
            format!("invalid size \"{text}\""),
            "write a number of bytes, or with k, m or g: 10k, 1m",
        )
    };
    let (count, unit) = split_where(text, |byte| !byte.is_ascii_digit());
    let factor: u64 = match unit {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return Err(wrong()),
    };
    digits(count).and_then(|count| count.checked_mul(factor)).ok_or_else(wrong)
}

/// `PORT`, `ADDRESS`, `ADDRESS:PORT`, `ADDRESS:FIRST-LAST`, `*:PORT`, `[v6]:PORT`, `unix:PATH`, as `listen` takes them.
pub(crate) fn listen_addresses(text: &str) -> Result<Vec<Address>, Wrong> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(vec![Address::Unix(socket_path(path)?)]);
    }
    let Some((first, last)) = port_range(text) else { return Ok(vec![listen_address(text)?.into()]) };
    let first = listen_address(first)?;
    let last = valid_port(last, digits(last).unwrap_or(0))?;
    if last < first.port() {
        let help = "write the lower port first";
        return Err(Wrong::value(format!("invalid port range \"{text}\""), help));
    }
    Ok((first.port()..=last).map(|port| SocketAddr::new(first.ip(), port).into()).collect())
}

/// What stands before and after the dash between two ports.
fn port_range(text: &str) -> Option<(&str, &str)> {
    let (first, last) = text.rsplit_once('-')?;
    (!last.contains(']')).then_some((first, last))
}

fn socket_path(path: &str) -> Result<PathBuf, Wrong> {
    let wrong = |help: &str| Err(Wrong::value(format!("invalid socket path \"{path}\""), help));
    match path {
        _ if !path.starts_with('/') => wrong("write an absolute path: unix:/run/server.sock"),
        _ if path.len() > UNIX_PATH_BYTES_MAX => wrong("a socket can be bound to at most 107 bytes"),
        _ => Ok(PathBuf::from(path)),
    }
}

fn listen_address(text: &str) -> Result<SocketAddr, Wrong> {
    if let Some(port) = digits(text) {
        return Ok(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), valid_port(text, port)?));
    }
    let starred = text.strip_prefix('*').map(|rest| format!("0.0.0.0{rest}"));
    peer_address(starred.as_deref().unwrap_or(text), 80)
}

/// `ADDRESS` or `ADDRESS:PORT`. Names are not resolved: an address never changes under a running server.
pub(crate) fn peer_address(text: &str, default_port: u16) -> Result<SocketAddr, Wrong> {
    refuse_unix(text)?;
    let (host, port) = split_port(text);
    let port = match port {
        None => default_port,
        Some(port) => valid_port(port, digits(port).unwrap_or(0))?,
    };
    Ok(SocketAddr::new(host_address(host)?, port))
}

/// `ADDRESS` or `ADDRESS/BITS`. Bits beyond the length mean nothing, as in nginx, which warns of them.
pub(crate) fn network(text: &str) -> Result<Network, Wrong> {
    refuse_unix(text)?;
    let (host, bits) = text.split_once('/').map_or((text, None), |(host, bits)| (host, Some(bits)));
    let address = host_address(host)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => most,
        Some(bits) => digits(bits)
            .and_then(|bits| u32::try_from(bits).ok())
            .filter(|bits| *bits <= most)
            .ok_or_else(|| {
                Wrong::value(format!("invalid network \"{text}\""), format!("write from 0 to {most} bits"))
            })?,
    };
    Ok(Network { address, bits })
}

/// The host without brackets, and what follows the last colon outside brackets.
fn split_port(text: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    }
}

fn valid_port(text: &str, port: u64) -> Result<u16, Wrong> {
    let wrong = || Wrong::value(format!("invalid port \"{text}\""), "write a port from 1 to 65535");
    u16::try_from(port).ok().filter(|port| *port > 0).ok_or_else(wrong)
}

fn host_address(host: &str) -> Result<IpAddr, Wrong> {
    if host.is_empty() {
        return Err(Wrong::value("no host", "write an address and a port: 127.0.0.1:8080"));
    }
    host.parse().map_err(|_| Wrong {
        code: codes::UNRESOLVED_HOST,
        message: format!("host not found: \"{host}\" is not an address"),
        help: match host {
            "localhost" => "names are not resolved here: write 127.0.0.1".to_owned(),
            _ => {
                "names are not resolved here: write an IP address, or the name of an \"upstream\"".to_owned()
            }
        },
    })
}

fn refuse_unix(text: &str) -> Result<(), Wrong> {
    if !text.starts_with("unix:") {
        return Ok(());
    }
    Err(Wrong::value(
        "unix domain sockets are not supported here",
        "write an address and a port: 127.0.0.1:8080",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let check = |text: &str, ms: u64| assert_eq!(time(text), Ok(Duration::from_millis(ms)), "{text}");
        check("0", 0);
        check("10", 10_000);
        check("10s", 10_000);
        check("500ms", 500);
        check("1h30m", 5_400_000);
        check("1m 30s", 90_000);
        check("1m30", 90_000);
        for wrong in ["", "s", "1x", "30s1m", "-1", "1.5s", "99999999999999999999", "1s1s", "200y"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("8192"), Ok(8192));
        assert_eq!(size("10k"), Ok(10_240));
        assert_eq!(size("1M"), Ok(1 << 20));
        for wrong in ["", "k", "1t", "-1", "99999999999g"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses() {
        let check = |text: &str, expected: &str| {
            assert_eq!(
                listen_addresses(text).map(|all| all
                    .iter()
                    .map(Address::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")),
                Ok(expected.to_owned()),
                "{text}"
            );
        };
        check("8080", "0.0.0.0:8080");
        check("*:8080", "0.0.0.0:8080");
        check("127.0.0.1", "127.0.0.1:80");
        check("127.0.0.1:8080", "127.0.0.1:8080");
        check("[::1]:8080", "[::1]:8080");
        check("[::]", "[::]:80");
        check("127.0.0.1:8080-8082", "127.0.0.1:8080 127.0.0.1:8081 127.0.0.1:8082");
        check("[::1]:80-81", "[::1]:80 [::1]:81");
        check("unix:/run/a-b.sock", "unix:/run/a-b.sock");
        for wrong in [
            "0",
            "70000",
            "127.0.0.1:",
            "127.0.0.1:x",
            "::1",
            "unix:a",
            "unix:",
            "localhost:80",
            ":80",
            "[::1",
            "127.0.0.1:9-8",
            "127.0.0.1:8-",
            "127.0.0.1-8",
            &format!("unix:/{}", "a".repeat(107)),
        ] {
            assert!(listen_addresses(wrong).is_err(), "{wrong}");
        }
    }
}
