//! Who a client is, where a proxy that is trusted says so (`ngx_http_realip_module`).

use std::net::{IpAddr, SocketAddr};

use conf::RealIp;
use hyper::HeaderMap;

/// How far a header led.
enum Led {
    /// To its first address, each of the others being a trusted proxy's.
    ToItsStart(SocketAddr),
    /// To an address beyond which nothing is believed or understood.
    To(SocketAddr),
    Nowhere,
}

/// The address that the headers give for a client that came from `remote`; `None` if nothing is said, or nobody who says it
/// is trusted. Without a port there it is 0.
pub(super) fn forwarded(real_ip: &RealIp, headers: &HeaderMap, remote: SocketAddr) -> Option<SocketAddr> {
    if real_ip.from.is_empty() {
        return None;
    }
    let mut values: Vec<&str> =
        headers.get_all(&real_ip.header).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    // Of other headers there is one, and that is the first.
    if real_ip.header != "x-forwarded-for" {
        values.truncate(1);
    }
    let mut found = None;
    for value in values.into_iter().rev() {
        match led(real_ip, value, found.unwrap_or(remote)) {
            Led::ToItsStart(address) => found = Some(address),
            Led::To(address) => return Some(address),
            Led::Nowhere => break,
        }
        if !real_ip.recursive {
            break;
        }
    }
    found
}

/// Goes through a list from its end (`ngx_http_get_forwarded_addr_internal`).
fn led(real_ip: &RealIp, list: &str, from: SocketAddr) -> Led {
    let is_separator = |character: char| matches!(character, ' ' | ',');
    let is_trusted = |address: SocketAddr| real_ip.from.iter().any(|network| network.contains(address.ip()));
    let (mut rest, mut found) = (list, None);
    loop {
        let stop = |found: Option<SocketAddr>| found.map_or(Led::Nowhere, Led::To);
        if !is_trusted(found.unwrap_or(from)) {
            return stop(found);
        }
        rest = rest.trim_end_matches(is_separator);
        let start = rest.rfind(is_separator).map_or(0, |place| place + 1);
        let Some(address) = parse(&rest[start..]) else { return stop(found) };
        if start == 0 || !real_ip.recursive {
            return Led::ToItsStart(address);
        }
        (rest, found) = (&rest[..start - 1], Some(address));
    }
}

/// An address with or without a port, one of IPv6 with or without brackets.
fn parse(text: &str) -> Option<SocketAddr> {
    let without_port = |text: &str| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 0));
    let bracketed = || without_port(text.strip_prefix('[')?.strip_suffix(']')?);
    without_port(text).or_else(|| text.parse().ok()).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    /// Headers, one a line, and who the client is.
    fn check(settings: &str, headers: &[&str], expected: &str) {
        let text = format!("events {{ }} http {{ {settings} server {{ listen 1; }} }}");
        let configuration = conf::parse("test", &text, "").expect("right");
        let mut map = HeaderMap::new();
        for line in headers {
            let (name, value) = line.split_once(": ").expect("a header");
            let name = hyper::header::HeaderName::try_from(name).expect("a name");
            map.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        let remote = SocketAddr::from(([127, 0, 0, 1], 9));
        let found = forwarded(&configuration.http.servers[0].settings.real_ip, &map, remote);
        assert_eq!(
            found.map_or_else(|| "-".to_owned(), |one| one.to_string()),
            expected,
            "{settings} {headers:?}"
        );
    }

    #[test]
    fn the_last_address_counts_that_no_trusted_proxy_put_there() {
        let once = "set_real_ip_from 127.0.0.0/8; real_ip_header X-Forwarded-For;";
        check(once, &["X-Forwarded-For: 1.1.1.1, 2.2.2.2"], "2.2.2.2:0");
        check(once, &["X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 2.2.2.2:80 ,"], "2.2.2.2:80");
        check(once, &["X-Forwarded-For: nobody"], "-");
        check(once, &[], "-");
        check(once, &["X-Forwarded-For: [2001:db8::1]:7"], "[2001:db8::1]:7");
        check(once, &["X-Forwarded-For: [2001:db8::1]"], "[2001:db8::1]:0");
        let through = format!("{once} set_real_ip_from 10.0.0.0/8; real_ip_recursive on;");
        check(&through, &["X-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.0.0.1"], "2.2.2.2:0");
        check(&through, &["X-Forwarded-For: nobody, 10.0.0.1"], "10.0.0.1:0");
        check(&through, &["X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 10.0.0.2, 10.0.0.1"], "1.1.1.1:0");
        check(&through, &["X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 2.2.2.2"], "2.2.2.2:0");
    }

    #[test]
    fn only_who_is_trusted_is_believed() {
        check("set_real_ip_from 10.0.0.0/8;", &["X-Real-IP: 1.1.1.1"], "-");
        check("", &["X-Real-IP: 1.1.1.1"], "-");
        check("set_real_ip_from 127.0.0.1;", &["X-Real-IP: 1.1.1.1", "X-Real-IP: 2.2.2.2"], "1.1.1.1:0");
    }
}
