//! The bytes of a request. Written once per client; only the id changes.

use std::net::SocketAddr;

use facts::plan::{Behaviour, Method, Population};

const ID_DIGITS: usize = 16;

/// A request that is sent again and again under new ids.
#[derive(Clone)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    id_at: usize,
}

impl Request {
    pub(crate) fn new(population: &Population, address: SocketAddr) -> Request {
        let method = match population.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        let mut head = format!("{method} {} HTTP/1.1\r\nHost: {address}\r\n", population.path);
        if population.behaviour == Behaviour::Short {
            // What a client says that will not ask again.
            head.push_str("Connection: close\r\n");
        }
        if population.method == Method::Post {
            head.push_str(&format!("Content-Length: {}\r\n", population.body_bytes));
        }
        head.push_str("X-Changeover-Id: ");
        let id_at = head.len();
        head.push_str("0000000000000000\r\n\r\n");
        let mut bytes = head.into_bytes();
        if population.method == Method::Post {
            bytes.extend((0..population.body_bytes).map(|n| b'a' + (n % 26) as u8));
        }
        Request { bytes, id_at }
    }

    pub(crate) fn set_id(&mut self, id: u64) {
        for (index, digit) in self.bytes[self.id_at..][..ID_DIGITS].iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(id >> (60 - 4 * index) & 15) as usize];
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(behaviour: Behaviour, method: Method, id: u64) -> String {
        let population = Population {
            name: "users".into(),
            target: 0,
            behaviour,
            pace: facts::plan::Pace::Think { nanos: 0 },
            connections: 1,
            looks: false,
            method,
            path: "/x".into(),
            body_bytes: 3,
            timeout_ms: 1000,
        };
        let mut request = Request::new(&population, "127.0.0.1:80".parse().unwrap());
        request.set_id(id);
        String::from_utf8(request.bytes().to_vec()).unwrap().replace("\r\n", "|")
    }

    #[test]
    fn a_one_shot_client_says_so() {
        assert_eq!(
            rendered(Behaviour::Short, Method::Get, 0xabc),
            "GET /x HTTP/1.1|Host: 127.0.0.1:80|Connection: close|X-Changeover-Id: 0000000000000abc||"
        );
    }

    #[test]
    fn a_post_carries_its_body() {
        assert_eq!(
            rendered(Behaviour::Keepalive, Method::Post, u64::MAX),
            "POST /x HTTP/1.1|Host: 127.0.0.1:80|Content-Length: 3|X-Changeover-Id: ffffffffffffffff||abc"
        );
    }
}
