//! The bytes of a request. Written once per client; only the id changes.

use facts::plan::{Behaviour, Framing, Header, Method, Population};

use crate::address::Address;

const ID_DIGITS: usize = 16;
/// Most data in one chunk of a chunked body.
const CHUNK_BYTES: u32 = 4096;
/// The key of RFC 6455 §1.3. It proves nothing that must be secret: the id that comes back is what tells an answer to
/// this handshake from any other.
const WEBSOCKET_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// What the server makes of [`WEBSOCKET_KEY`].
pub(crate) const WEBSOCKET_ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A request that is sent again and again under new ids; for a pipelined client, several of them.
#[derive(Clone)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    id_at: usize,
    /// Bytes of one request, and of its head.
    each: usize,
    head: usize,
}

impl Request {
    pub(crate) fn new(population: &Population, address: &Address) -> Request {
        Request::after(population, address, None)
    }

    /// A request for the events behind one that has been seen.
    pub(crate) fn after(population: &Population, address: &Address, last_event: Option<u64>) -> Request {
        let mut head = start_of_head(population, address);
        if let Some(last) = last_event {
            head.push_str(&format!("Last-Event-ID: {last}\r\n"));
        }
        head.push_str("X-Changeover-Id: ");
        let id_at = head.len();
        head.push_str("0000000000000000\r\n\r\n");
        let length = head.len();
        let mut bytes = head.into_bytes();
        if population.method == Method::Post {
            push_body(&mut bytes, population);
        }
        let each = bytes.len();
        let bytes = bytes.repeat(usize::from(population.behaviour.depth()));
        Request { bytes, id_at, each, head: length }
    }

    /// Gives the n-th request (from 0) its id.
    pub(crate) fn set_id(&mut self, nth: usize, id: u64) {
        for (index, digit) in self.bytes[nth * self.each + self.id_at..][..ID_DIGITS].iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(id >> (60 - 4 * index) & 15) as usize];
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of its head.
    pub(crate) fn head_bytes(&self) -> usize {
        self.head
    }

    /// How many bytes of the n-th request there are among the first `written` of all.
    pub(crate) fn share(&self, nth: usize, written: usize) -> usize {
        written.saturating_sub(nth * self.each).min(self.each)
    }
}

fn start_of_head(population: &Population, address: &Address) -> String {
    let method = match population.method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    let mut head = format!("{method} {} HTTP/1.1\r\n", population.path);
    if !population.headers.iter().any(Header::is_host) {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    for Header { name, value } in &population.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match population.behaviour {
        Behaviour::Websocket { .. } => head.push_str(&format!(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {WEBSOCKET_KEY}\r\n"
        )),
        Behaviour::Events => head.push_str("Accept: text/event-stream\r\nCache-Control: no-store\r\n"),
        // What a client says that will not ask again.
        behaviour if !behaviour.keeps() => head.push_str("Connection: close\r\n"),
        _ => {}
    }
    match population.behaviour {
        _ if population.method == Method::Get => {}
        Behaviour::Upload { framing: Framing::Chunked, .. } => {
            head.push_str("Transfer-Encoding: chunked\r\n")
        }
        Behaviour::Upload { framing: Framing::Expect, .. } => {
            head.push_str(&format!("Content-Length: {}\r\nExpect: 100-continue\r\n", population.body_bytes));
        }
        _ => head.push_str(&format!("Content-Length: {}\r\n", population.body_bytes)),
    }
    head
}

/// The n-th byte of every body that is sent.
pub(crate) fn body_byte(n: u32) -> u8 {
    b'a' + (n % 26) as u8
}

fn push_body(bytes: &mut Vec<u8>, population: &Population) {
    let all = population.body_bytes;
    let Behaviour::Upload { framing: Framing::Chunked, .. } = population.behaviour else {
        return bytes.extend((0..all).map(body_byte));
    };
    for begin in (0..all).step_by(CHUNK_BYTES as usize) {
        let end = all.min(begin + CHUNK_BYTES);
        bytes.extend_from_slice(format!("{:x}\r\n", end - begin).as_bytes());
        bytes.extend((begin..end).map(body_byte));
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn rendered(behaviour: Behaviour, method: Method, id: u64) -> String {
        let population =
            Population { behaviour, method, path: "/x".into(), body_bytes: 3, ..Population::default() };
        let address: SocketAddr = "127.0.0.1:80".parse().unwrap();
        let mut request = Request::new(&population, &address.into());
        for nth in 0..behaviour.depth() {
            request.set_id(nth.into(), id + u64::from(nth));
        }
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
    fn headers_of_ones_own_stand_in_every_request_and_host_only_once() {
        let headers: Vec<Header> =
            ["A: b c", "host:x.example"].into_iter().map(|text| Header::parse(text).unwrap()).collect();
        let behaviour = Behaviour::Pipelined { depth: 2 };
        let population = Population { behaviour, headers, ..Population::default() };
        let address: SocketAddr = "127.0.0.1:80".parse().unwrap();
        let text = String::from_utf8(Request::new(&population, &address.into()).bytes().to_vec()).unwrap();
        assert_eq!(text.matches("\r\nA: b c\r\nhost: x.example\r\n").count(), 2, "{text}");
        assert_eq!(text.to_lowercase().matches("host:").count(), 2, "{text}");
        for wrong in
            ["A", ": b", "A b: c", "A: \u{7f}", "a: b\r\nc: d", "Content-Length: 3", "x-changeover-id: 1"]
        {
            assert!(Header::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_post_carries_its_body() {
        assert_eq!(
            rendered(Behaviour::Keepalive, Method::Post, u64::MAX),
            "POST /x HTTP/1.1|Host: 127.0.0.1:80|Content-Length: 3|X-Changeover-Id: ffffffffffffffff||abc"
        );
    }

    #[test]
    fn pipelined_requests_have_ids_of_their_own() {
        let one = |id| format!("GET /x HTTP/1.1|Host: 127.0.0.1:80|X-Changeover-Id: 000000000000000{id}||");
        assert_eq!(
            rendered(Behaviour::Pipelined { depth: 3 }, Method::Get, 1),
            [one(1), one(2), one(3)].concat()
        );
    }

    #[test]
    fn an_upload_is_framed_as_asked() {
        let upload = |framing| rendered(Behaviour::Upload { over_ms: 0, framing }, Method::Post, 1);
        let tail = "X-Changeover-Id: 0000000000000001||";
        let start = "POST /x HTTP/1.1|Host: 127.0.0.1:80|Connection: close|";
        assert_eq!(upload(Framing::Length), format!("{start}Content-Length: 3|{tail}abc"));
        assert_eq!(upload(Framing::Chunked), format!("{start}Transfer-Encoding: chunked|{tail}3|abc|0||"));
        assert_eq!(
            upload(Framing::Expect),
            format!("{start}Content-Length: 3|Expect: 100-continue|{tail}abc")
        );
    }

    #[test]
    fn a_share_of_what_was_written_belongs_to_each() {
        let population = Population { behaviour: Behaviour::Pipelined { depth: 2 }, ..Population::default() };
        let address: SocketAddr = "127.0.0.1:80".parse().unwrap();
        let request = Request::new(&population, &address.into());
        let each = request.bytes().len() / 2;
        assert_eq!((request.share(0, each + 5), request.share(1, each + 5)), (each, 5));
        assert_eq!((request.share(0, 3), request.share(1, 3)), (3, 0));
    }
}
