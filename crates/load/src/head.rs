//! What the head of an answer says that matters here.

use std::mem::MaybeUninit;

use crate::{answer::NotHttp, request::WEBSOCKET_ACCEPT};

const MOST_HEADERS: usize = 64;

/// The head of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// `X-Changeover-Id`; one that is not 16 hex digits, or two that differ, read as 0, which no request has.
    pub(crate) echo: Option<u64>,
    /// `X-Changeover-Pid`, or 0.
    pub(crate) pid: u32,
    /// `X-Changeover-Generation`, or 0.
    pub(crate) generation: u16,
    /// Index into the origins plus 1, or 0.
    pub(crate) origin: u8,
    /// The server closes after this answer.
    pub(crate) closes: bool,
    /// `X-Changeover-Received`: bytes of the request's body that the back end counted.
    pub(crate) received: Option<u64>,
    /// `Sec-WebSocket-Accept` is what our handshake is answered with.
    pub(crate) accepts: bool,
    /// `Content-Type: text/event-stream`.
    pub(crate) is_event_stream: bool,
}

/// How the end of a body is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    None,
    Counted(u64),
    Chunked,
    UntilClose,
}

/// What the framing headers said.
#[derive(Default)]
struct Framing {
    length: Option<u64>,
    chunked: bool,
}

impl Head {
    /// The head at the start of `bytes`, its length, and where its body ends. `None`: more bytes are needed.
    pub(crate) fn parse(bytes: &[u8], origins: &[String]) -> Result<Option<(usize, Head, Body)>, NotHttp> {
        // Not initialised: that would be half of the parser's work.
        let mut headers = [const { MaybeUninit::uninit() }; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut []);
        let parser = httparse::ParserConfig::default();
        let length = match parser.parse_response_with_uninit_headers(&mut response, bytes, &mut headers) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(NotHttp),
        };
        let status = response.code.ok_or(NotHttp)?;
        let fields = response.headers.iter().map(|header| (header.name, header.value));
        let (head, body) = Head::of(status, response.version == Some(0), fields, origins)?;
        Ok(Some((length, head, body)))
    }

    /// The head that these fields are, and where its body ends.
    pub(crate) fn of<'a>(
        status: u16,
        is_http_1_0: bool,
        fields: impl Iterator<Item = (&'a str, &'a [u8])>,
        origins: &[String],
    ) -> Result<(Head, Body), NotHttp> {
        let mut head = Head { status, closes: is_http_1_0, ..Head::default() };
        let mut framing = Framing::default();
        for (name, value) in fields {
            head.take(name, value, origins, &mut framing)?;
        }
        let body = head.body(&framing);
        head.closes |= body == Body::UntilClose;
        Ok((head, body))
    }

    fn take(
        &mut self,
        name: &str,
        value: &[u8],
        origins: &[String],
        framing: &mut Framing,
    ) -> Result<(), NotHttp> {
        let value = value.trim_ascii();
        match name {
            name if name.eq_ignore_ascii_case("content-length") => {
                let length = number(value).ok_or(NotHttp)?;
                // RFC 9112 §6.3: lengths that differ are an error nobody can recover from.
                if framing.length.replace(length).is_some_and(|before| before != length) {
                    return Err(NotHttp);
                }
            }
            name if name.eq_ignore_ascii_case("transfer-encoding") => {
                framing.chunked = has_token(value, "chunked");
            }
            name if name.eq_ignore_ascii_case("connection") => {
                self.closes = has_token(value, "close") || (self.closes && !has_token(value, "keep-alive"));
            }
            name if name.eq_ignore_ascii_case("x-changeover-id") => {
                let id = id(value).unwrap_or(0);
                self.echo = Some(if self.echo.is_none_or(|before| before == id) { id } else { 0 });
            }
            name if name.eq_ignore_ascii_case("x-changeover-pid") => {
                self.pid = number(value).and_then(|n| n.try_into().ok()).unwrap_or(0);
            }
            name if name.eq_ignore_ascii_case("x-changeover-generation") => {
                self.generation = number(value).and_then(|n| n.try_into().ok()).unwrap_or(0);
            }
            name if name.eq_ignore_ascii_case("x-changeover-origin") => {
                let index = origins.iter().position(|origin| origin.as_bytes() == value);
                self.origin = index.map_or(0, |index| index as u8 + 1);
            }
            name if name.eq_ignore_ascii_case("content-type") => {
                self.is_event_stream = value.starts_with(b"text/event-stream");
            }
            name if name.eq_ignore_ascii_case("x-changeover-received") => self.received = number(value),
            name if name.eq_ignore_ascii_case("sec-websocket-accept") => {
                self.accepts = value == WEBSOCKET_ACCEPT;
            }
            _ => {}
        }
        Ok(())
    }

    fn body(&self, framing: &Framing) -> Body {
        match (self.status, framing) {
            (100..=199 | 204 | 304, _) => Body::None,
            (_, Framing { chunked: true, .. }) => Body::Chunked,
            (_, Framing { length: Some(length), .. }) => Body::Counted(*length),
            _ => Body::UntilClose,
        }
    }
}

fn number(value: &[u8]) -> Option<u64> {
    // No sign: `parse` would take one.
    let digits = value.iter().all(u8::is_ascii_digit).then_some(value)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn id(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value).ok().filter(|digits| digits.len() == 16)?;
    u64::from_str_radix(digits, 16).ok()
}

fn has_token(value: &[u8], token: &str) -> bool {
    value.split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}
