//! Where one request ends and the next begins in what a client sends. hyper reads ahead of what it serves and does
//! not say how far; a server that is about to close must know whether another request is already in its hands.

use std::{collections::VecDeque, mem::MaybeUninit};

use super::{
    head_size::{Oversize, Servers, oversize},
    spelling::Names,
};

/// Longest line of a chunked body that is followed.
const LINE_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;

/// Follows the bytes of one connection.
#[derive(Debug, Default)]
pub(super) struct Framing {
    place: Place,
    begun: u64,
    /// The unfinished head or chunk line.
    partial: Vec<u8>,
    reading: Reading,
    oversize: Option<Oversize>,
    /// How requests that were not asked for yet write their headers, by the number of each; only of those that need it.
    names: VecDeque<(u64, Names)>,
}

/// How heads are read.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    /// What they have to fit into.
    pub(super) servers: Servers,
    pub(super) spelling: Spelling,
}

/// Whether anybody asks how the names of headers are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Spelling {
    #[default]
    Forgotten,
    Kept,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Between,
    Head,
    Body {
        left: u64,
    },
    ChunkSize,
    ChunkData {
        left: u64,
    },
    Trailer,
    /// What came is no HTTP we understand. From here on nothing is known.
    Lost,
}

impl Framing {
    /// Of a connection on which this many requests have come whole.
    pub(super) fn after(requests: u64, reading: Reading) -> Framing {
        Framing { begun: requests, reading, ..Framing::default() }
    }

    /// How this request wrote the names of its headers, if that is worth telling; asked once of each, in order.
    pub(super) fn take_names(&mut self, request: u64) -> Option<Names> {
        let before = self.names.partition_point(|(number, _)| *number < request);
        self.names.drain(..before);
        self.names.pop_front_if(|(number, _)| *number == request).map(|(_, names)| names)
    }

    /// Which request has too large a head, and what of it. Nothing behind that is understood.
    pub(super) fn refusal(&self) -> Option<(u64, Oversize)> {
        self.oversize.map(|oversize| (self.begun, oversize))
    }

    /// How many requests have sent at least one byte; `None` once that cannot be known any more.
    pub(super) fn begun(&self) -> Option<u64> {
        (self.place != Place::Lost).then_some(self.begun)
    }

    /// Whether every request that has begun has come whole.
    pub(super) fn is_between(&self) -> bool {
        self.place == Place::Between
    }

    /// Takes the next bytes, as they came.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = match self.place {
                Place::Between => self.begin(bytes),
                Place::Head => self.head(bytes),
                Place::Body { left } => self.skip(bytes, left, Place::Between, |left| Place::Body { left }),
                Place::ChunkData { left } => {
                    self.skip(bytes, left, Place::ChunkSize, |left| Place::ChunkData { left })
                }
                Place::ChunkSize | Place::Trailer => self.chunk_line(bytes),
                Place::Lost => return,
            };
            bytes = &bytes[taken..];
        }
    }

    /// Empty lines before a request are not part of it.
    fn begin(&mut self, bytes: &[u8]) -> usize {
        match bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')) {
            None => bytes.len(),
            Some(start) => {
                self.begun += 1;
                self.place = Place::Head;
                start
            }
        }
    }

    fn head(&mut self, bytes: &[u8]) -> usize {
        let before = self.partial.len();
        if before == 0 {
            return self.parse_head(bytes).unwrap_or(bytes.len());
        }
        let mut whole = std::mem::take(&mut self.partial);
        whole.extend_from_slice(bytes);
        if !bytes.contains(&b'\n') && oversize(&whole, &self.reading.servers).is_none() {
            self.partial = whole;
            return bytes.len();
        }
        self.parse_head(&whole).map_or(bytes.len(), |end| end - before)
    }

    /// The length of the head if it is complete.
    fn parse_head(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut []);
        let (head, then) = match request.parse_with_uninit_headers(bytes, &mut headers) {
            Ok(httparse::Status::Complete(end)) => {
                if self.reading.spelling == Spelling::Kept {
                    self.names.extend(Names::of_request(request.headers).map(|names| (self.begun, names)));
                }
                (&bytes[..end], Some(after_head(request.headers)))
            }
            Ok(httparse::Status::Partial) => (bytes, None),
            Err(_) => (bytes, Some(Place::Lost)),
        };
        self.oversize = oversize(head, &self.reading.servers);
        match then {
            _ if self.oversize.is_some() => self.place = Place::Lost,
            Some(place) => self.place = place,
            None => self.partial = bytes.to_vec(),
        }
        (!matches!(self.place, Place::Head | Place::Lost)).then_some(head.len())
    }

    fn skip(&mut self, bytes: &[u8], left: u64, then: Place, again: fn(u64) -> Place) -> usize {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left - here as u64;
        self.place = if left == 0 { then } else { again(left) };
        here
    }

    fn chunk_line(&mut self, bytes: &[u8]) -> usize {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.partial.extend_from_slice(bytes);
            if self.partial.len() > LINE_BYTES_MAX {
                self.place = Place::Lost;
            }
            return bytes.len();
        };
        let mut line = std::mem::take(&mut self.partial);
        line.extend_from_slice(&bytes[..=end]);
        self.place =
            if self.place == Place::Trailer { after_trailer(&line) } else { after_chunk_size(&line) };
        end + 1
    }
}

fn after_head(headers: &[httparse::Header]) -> Place {
    let named = |name: &str| headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    if named("transfer-encoding").is_some() {
        // Anything but chunked is refused by hyper, and then it does not matter where it ends.
        return Place::ChunkSize;
    }
    match named("content-length") {
        None => Place::Between,
        Some(header) => {
            match std::str::from_utf8(header.value).ok().and_then(|text| text.trim().parse().ok()) {
                None => Place::Lost,
                Some(0) => Place::Between,
                Some(left) => Place::Body { left },
            }
        }
    }
}

fn after_chunk_size(line: &[u8]) -> Place {
    let digits: Vec<u8> = line.iter().copied().take_while(u8::is_ascii_hexdigit).collect();
    let size = std::str::from_utf8(&digits).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
    match size {
        None => Place::Lost,
        Some(0) => Place::Trailer,
        // The data, and the line end after it.
        Some(size) => size.checked_add(2).map_or(Place::Lost, |left| Place::ChunkData { left }),
    }
}

fn after_trailer(line: &[u8]) -> Place {
    if line == b"\r\n" || line == b"\n" { Place::Between } else { Place::Trailer }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `text` whole and byte by byte: both must find as many beginnings, and end between requests or not.
    fn check(text: &str, begun: Option<u64>, between: bool) {
        for step in [text.len().max(1), 1, 3] {
            let mut framing = Framing::default();
            text.as_bytes().chunks(step).for_each(|bytes| framing.feed(bytes));
            assert_eq!(framing.begun(), begun, "{text:?} in steps of {step}");
            assert_eq!(framing.place == Place::Between, between, "{text:?} in steps of {step}: {framing:?}");
        }
    }

    #[test]
    fn requests_are_counted_when_they_begin() {
        check("", Some(0), true);
        check("\r\n", Some(0), true);
        check("G", Some(1), false);
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(1), true);
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET / HT", Some(2), false);
        check("GET / HTTP/1.1\n\nGET / HTTP/1.1\n\n", Some(2), true);
    }

    #[test]
    fn bodies_are_not_requests() {
        let post = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET /";
        check(post, Some(1), true);
        check(&format!("{post}{post}P"), Some(3), false);
        check("POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\nGET /", Some(1), false);
        let chunked =
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nGET /\r\n0\r\nA: b\r\n\r\n";
        check(chunked, Some(1), true);
        check(&format!("{chunked}{chunked}GET"), Some(3), false);
    }

    #[test]
    fn what_is_not_http_is_not_counted() {
        check("\u{1}\u{2} what\r\n\r\n", None, false);
        check("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", None, false);
    }
}
