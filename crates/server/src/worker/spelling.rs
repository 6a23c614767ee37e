//! How the names of headers are written. They mean the same however they are written, and hyper knows them in lower case only;
//! but people read what they configured, and nginx passes on what peers wrote. hyper writes a name as it once read it, if the
//! extensions of a message say so. What they say it by is its own, so it is had by letting hyper read such names once.

use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1,
    http::Extensions,
    rt::{Read, ReadBufCursor, Write},
};

/// Most lists that are remembered. A server has a few of its own; peers may send any.
const LISTS_MAX: usize = 256;

/// Names that nginx writes in its own way, whoever they come from (`ngx_http_header_filter`).
const OWN: [&str; 7] =
    ["connection", "content-length", "content-type", "date", "keep-alive", "server", "transfer-encoding"];

/// Names of a client's that are its own for this hop: what of them goes on is ours.
const HOP: [&str; 4] = ["connection", "content-length", "host", "transfer-encoding"];

/// Names as they are to be written, in the order of their headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Each with a line end after it.
    lines: Vec<u8>,
    /// Whether any of them needs to be remembered.
    way: Way,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Way {
    /// As hyper writes them by itself: `Title-Case`.
    #[default]
    Usual,
    Other,
}

impl Names {
    /// One more, of an answer or of the configuration.
    pub(super) fn push(&mut self, name: &[u8]) {
        if !is_one_of(&OWN, name) {
            self.add(name);
        }
    }

    fn add(&mut self, name: &[u8]) {
        if !is_usual(name) {
            self.way = Way::Other;
        }
        self.lines.extend_from_slice(name);
        self.lines.push(b'\n');
    }

    /// Those that a client sent with a request, in any case; `None` if none of them needs to be remembered.
    pub(super) fn of_request(headers: &[httparse::Header]) -> Option<Names> {
        let mut names = Names::default();
        let sent = headers.iter().map(|header| header.name.as_bytes());
        sent.filter(|name| !is_one_of(&HOP, name)).for_each(|name| names.add(name));
        (names.way == Way::Other).then_some(names)
    }

    /// Those of others that are not among these.
    pub(super) fn extend(&mut self, others: &Names, except: impl Fn(&[u8]) -> bool) {
        let all = others.lines.split(|byte| *byte == b'\n').filter(|name| !name.is_empty());
        all.filter(|name| !except(name)).for_each(|name| self.add(name));
    }

    /// Those of a head that a peer sent, after others that were not final.
    pub(super) fn of_answer(mut bytes: &[u8]) -> Names {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 100];
            let mut response = httparse::Response::new(&mut headers);
            let Ok(httparse::Status::Complete(end)) = response.parse(bytes) else { return Names::default() };
            if !matches!(response.code, Some(100 | 102..200)) {
                let mut names = Names::default();
                response.headers.iter().for_each(|header| names.push(header.name.as_bytes()));
                return names;
            }
            bytes = &bytes[end..];
        }
    }
}

fn is_one_of(names: &[&str], name: &[u8]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// Whether it is what hyper makes of it.
fn is_usual(name: &[u8]) -> bool {
    let mut before = b'-';
    name.iter().all(|letter| {
        let usual = if before == b'-' { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        before = *letter;
        *letter == usual
    })
}

/// What hyper made of lists of names.
#[derive(Debug, Default)]
pub(super) struct Spellings(RefCell<HashMap<Vec<u8>, Extensions>>);

impl Spellings {
    /// What a message says to have its headers written so; `None` if it need not say anything.
    pub(super) fn of(&self, names: &Names) -> Option<Extensions> {
        if names.way == Way::Usual {
            return None;
        }
        let mut known = self.0.borrow_mut();
        if let Some(spelled) = known.get(&names.lines) {
            return Some(spelled.clone());
        }
        let spelled = learn(&names.lines)?;
        if known.len() >= LISTS_MAX {
            known.clear();
        }
        known.insert(names.lines.clone(), spelled.clone());
        Some(spelled)
    }
}

/// Lets hyper read an answer with such names. All of it is there as soon as it is asked for, so nothing is waited for.
fn learn(lines: &[u8]) -> Option<Extensions> {
    let mut text = b"HTTP/1.1 204 No Content\r\n".to_vec();
    for name in lines.split(|byte| *byte == b'\n').filter(|name| !name.is_empty()) {
        text.extend_from_slice(name);
        text.extend_from_slice(b": x\r\n");
    }
    text.extend_from_slice(b"\r\n");
    let mut cx = Context::from_waker(Waker::noop());
    let mut builder = http1::Builder::new();
    let handshake =
        builder.preserve_header_case(true).handshake(Said { answer: text.into(), asked: Asked::NotYet });
    let Poll::Ready(Ok((mut sender, mut connection))) = pin!(handshake).poll(&mut cx) else { return None };
    let mut answer = pin!(sender.send_request(Request::new(Empty::<Bytes>::new())));
    for _ in 0..4 {
        if let Poll::Ready(answer) = answer.as_mut().poll(&mut cx) {
            return answer.ok().map(Response::<Incoming>::into_parts).map(|(parts, _)| parts.extensions);
        }
        let _ = Pin::new(&mut connection).poll(&mut cx);
    }
    None
}

/// A peer whose answer is known before it is asked, and given as soon as it is.
struct Said {
    answer: Bytes,
    asked: Asked,
}

#[derive(PartialEq, Eq)]
enum Asked {
    NotYet,
    Yes,
}

impl Read for Said {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context,
        mut buffer: ReadBufCursor,
    ) -> Poll<io::Result<()>> {
        if self.asked == Asked::NotYet {
            return Poll::Pending;
        }
        let count = buffer.remaining().min(self.answer.len());
        buffer.put_slice(&self.answer.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl Write for Said {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.asked = Asked::Yes;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Names {
        let mut names = Names::default();
        list.iter().for_each(|name| names.push(name.as_bytes()));
        names
    }

    #[test]
    fn only_unusual_names_are_remembered() {
        let spellings = Spellings::default();
        assert!(spellings.of(&names(&["X-Real-Ip", "Etag", "content-type"])).is_none());
        assert!(spellings.of(&names(&["X-Real-IP"])).is_some());
        assert!(spellings.of(&names(&["Etag", "x-lower"])).is_some());
        assert_eq!(spellings.0.borrow().len(), 2);
    }

    #[test]
    fn names_of_a_client_are_kept_but_for_those_of_the_hop() {
        let header = |name| httparse::Header { name, value: b"1" };
        let sent = ["host", "X-ID", "content-type", "Content-length", "Accept"].map(header);
        let mut expected = Names::default();
        ["X-ID", "content-type", "Accept"].iter().for_each(|name| expected.add(name.as_bytes()));
        assert_eq!(Names::of_request(&sent), Some(expected.clone()));
        assert_eq!(Names::of_request(&["host", "Accept", "User-Agent"].map(header)), None);
        let mut all = names(&["x-own", "X-id"]);
        all.extend(&expected, |name| name.eq_ignore_ascii_case(b"x-id"));
        assert_eq!(all.lines, b"x-own\nX-id\ncontent-type\nAccept\n");
    }

    #[test]
    fn a_peer_may_send_any_number_of_lists() {
        let spellings = Spellings::default();
        for number in 0..2 * LISTS_MAX {
            assert!(spellings.of(&names(&[&format!("x-{number}")])).is_some());
        }
        assert!(spellings.0.borrow().len() <= LISTS_MAX);
    }

    #[test]
    fn names_of_a_peer_are_those_of_its_final_answer() {
        let text =
            b"HTTP/1.1 100 Continue\r\nx-a: 1\r\n\r\nHTTP/1.1 200 OK\r\nServer: s\r\nx-b: 1\r\n\r\nbody";
        assert_eq!(Names::of_answer(text), names(&["x-b"]));
        assert_eq!(Names::of_answer(b"no HTTP"), Names::default());
    }
}
