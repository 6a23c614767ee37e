//! What the access log tells of a request: put together when the head of its answer is known, written when the kernel has all of
//! the answer, or when there will be no more of it (`ngx_http_log_handler`). Requests that hyper refuses by itself are not told of.

use std::{cell::RefCell, fmt::Write, rc::Rc};

use conf::{Escape, Part, Template, Variable};
use hyper::{Response, header::HeaderName};
use tokio::time::Instant;

use super::{
    body::Content,
    connection::{Client, Connection},
    exchange::Exchange,
};

/// The lines that a request is due, but for what only the end of its answer tells.
#[derive(Debug)]
pub(super) struct Entry {
    connection: Rc<Connection>,
    begun: Instant,
    /// What had been written on its connection before.
    written_before: u64,
    lines: Vec<Line>,
}

/// Entries of one connection whose answers hyper has all of, and how long their bodies were. Each holds the connection, so they
/// must be written at the latest when it ends.
#[derive(Debug, Default)]
pub(super) struct Unlogged(RefCell<Vec<(Box<Entry>, u64)>>);

/// How many bytes a client was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) body: u64,
    /// With the head, and what else it takes.
    pub(super) all: u64,
}

#[derive(Debug)]
struct Line {
    path: String,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Late(Variable),
}

/// The entry of a request; none if nobody wants to read of it.
pub(super) fn entry(exchange: &Exchange, response: &Response<Content>) -> Option<Entry> {
    if exchange.connection.client == Client::SelfTest || exchange.settings.access_logs.is_empty() {
        return None;
    }
    let status = response.status().as_u16();
    let value = |variable: &Variable| match variable {
        Variable::SentHeader(name) => sent_header(response, name),
        _ => exchange.value(variable, status),
    };
    let is_wanted = |condition: &Template| !matches!(condition.fill(value).as_str(), "" | "0");
    let logs = exchange.settings.access_logs.iter();
    let lines = logs.filter(|log| log.condition.as_ref().is_none_or(is_wanted)).map(|log| Line {
        path: log.path.clone(),
        pieces: log.format.line.parts().iter().map(|part| piece(part, log.format.escape, value)).collect(),
    });
    let (connection, begun) = (Rc::clone(exchange.connection), exchange.begun);
    let (written_before, lines) = (connection.socket.sent(), lines.collect());
    Some(Entry { connection, begun, written_before, lines })
}

fn piece(part: &Part, escape: Escape, value: impl Fn(&Variable) -> String) -> Piece {
    match part {
        Part::Literal(text) => Piece::Text(text.clone()),
        Part::Variable(variable) if is_late(variable) => Piece::Late(variable.clone()),
        Part::Variable(variable) => Piece::Text(escaped(&value(variable), escape)),
    }
}

/// What hyper adds by itself is not known yet, but for whether the connection stays.
fn sent_header(response: &Response<Content>, name: &str) -> String {
    let sent = HeaderName::try_from(name).ok().and_then(|name| response.headers().get(name));
    match sent {
        Some(value) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        None if name == "connection" => "keep-alive".to_owned(),
        None => String::new(),
    }
}

fn is_late(variable: &Variable) -> bool {
    matches!(
        variable,
        Variable::TimeLocal
            | Variable::TimeIso8601
            | Variable::Milliseconds
            | Variable::RequestTime
            | Variable::ConnectionTime
            | Variable::BodyBytesSent
            | Variable::BytesSent
    )
}

impl Unlogged {
    pub(super) fn add(&self, entry: Box<Entry>, body_bytes: u64) {
        self.0.borrow_mut().push((entry, body_bytes));
    }

    /// The kernel has all of the answers, or will get no more of them.
    pub(super) fn written(&self) {
        self.0.take().into_iter().for_each(|(entry, body_bytes)| entry.write(body_bytes));
    }
}

impl Entry {
    /// The answer is over. Answers that were written at once each count as all of them.
    pub(super) fn write(self, body_bytes: u64) {
        let sent = Sent { body: body_bytes, all: self.connection.socket.sent() - self.written_before };
        let late = |variable: &Variable| late(variable, self.begun, self.connection.accepted, sent);
        for Line { path, pieces } in &self.lines {
            let text = |piece: &Piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Late(variable) => late(variable),
            };
            let line: String = pieces.iter().map(text).chain(["\n".to_owned()]).collect();
            self.connection.service.access_logs.write(path, &line);
        }
    }
}

/// A value that changes until the answer is over, as it is now.
pub(super) fn late(variable: &Variable, begun: Instant, accepted: Instant, sent: Sent) -> String {
    let now = jiff::Zoned::now;
    let seconds = |since: Instant| format!("{:.3}", since.elapsed().as_secs_f64());
    match variable {
        Variable::TimeLocal => now().strftime("%d/%b/%Y:%H:%M:%S %z").to_string(),
        Variable::TimeIso8601 => now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        Variable::Milliseconds => {
            let ms = now().timestamp().as_millisecond();
            format!("{}.{:03}", ms / 1000, ms % 1000)
        }
        Variable::RequestTime => seconds(begun),
        Variable::ConnectionTime => seconds(accepted),
        Variable::BytesSent => sent.all.to_string(),
        _ => sent.body.to_string(),
    }
}

/// `ngx_http_log_escape`, and for JSON `ngx_escape_json`.
fn escaped(value: &str, escape: Escape) -> String {
    match escape {
        Escape::Default if value.is_empty() => "-".to_owned(),
        Escape::None => value.to_owned(),
        Escape::Default => value.bytes().fold(String::new(), |mut line, byte| {
            match byte {
                b'"' | b'\\' | 0..0x20 | 0x7f.. => write!(line, "\\x{byte:02X}").unwrap_or_default(),
                _ => line.push(char::from(byte)),
            }
            line
        }),
        Escape::Json => value.chars().fold(String::new(), |mut line, character| {
            match character {
                '"' | '\\' => line.extend(['\\', character]),
                '\n' => line.push_str("\\n"),
                '\r' => line.push_str("\\r"),
                '\t' => line.push_str("\\t"),
                '\u{8}' => line.push_str("\\b"),
                '\u{c}' => line.push_str("\\f"),
                _ if character < ' ' => write!(line, "\\u{:04X}", u32::from(character)).unwrap_or_default(),
                _ => line.push(character),
            }
            line
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_break_a_line() {
        let check = |escape, value: &str, expected: &str| assert_eq!(escaped(value, escape), expected);
        check(Escape::Default, "", "-");
        check(Escape::Default, "a\"b\\c\n\u{7f}é", "a\\x22b\\x5Cc\\x0A\\x7F\\xC3\\xA9");
        check(Escape::Json, "", "");
        check(Escape::Json, "a\"b\\c\n\u{1}é", "a\\\"b\\\\c\\n\\u0001é");
        check(Escape::None, "a\"b", "a\"b");
    }
}
