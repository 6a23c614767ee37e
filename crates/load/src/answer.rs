//! Reads one answer, however it is cut into pieces: the head with httparse, the body counted and hashed. Knows
//! nothing of sockets and time.

use facts::{Content, Outcome};

use crate::{
    chunked::Chunked,
    head::{Body, Head},
};

/// A head longer than this is not an answer.
const LONGEST_HEAD_BYTES: usize = 64 * 1024;

/// The bytes are not an HTTP/1 answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotHttp;

/// How much of the answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    /// This many bytes of the body are still to come.
    Counted(u64),
    Chunked(Chunked),
    /// The body ends where the connection does.
    UntilClose,
    Complete,
}

/// What became of the bytes that an answer was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// They are all of this answer.
    All,
    /// It ended after so many of them.
    Ended(usize),
}

/// One answer, as far as it has come. Its buffer is reused for the next one.
pub(crate) struct Answer {
    part: Part,
    unparsed: Vec<u8>,
    head: Head,
    framing: Framing,
    content: Content,
    bytes_in: u64,
    /// A `100 Continue` came.
    may_continue: bool,
    surplus: bool,
}

/// Who says where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The answer itself.
    Told,
    /// The end of the connection.
    UntilClose,
}

impl Answer {
    pub(crate) fn new() -> Answer {
        Answer {
            part: Part::Head,
            unparsed: Vec::new(),
            head: Head::default(),
            framing: Framing::Told,
            content: Content::EMPTY,
            bytes_in: 0,
            may_continue: false,
            surplus: false,
        }
    }

    /// A whole answer of which somebody else has read these parts.
    pub(crate) fn read_elsewhere(head: Head, body: Body, content: Content, bytes_in: u64) -> Answer {
        let framing = if body == Body::UntilClose { Framing::UntilClose } else { Framing::Told };
        Answer { part: Part::Complete, head, framing, content, bytes_in, ..Answer::new() }
    }

    /// Ready for the answer to the next request.
    pub(crate) fn reset(&mut self) {
        let mut unparsed = std::mem::take(&mut self.unparsed);
        unparsed.clear();
        *self = Answer { unparsed, ..Answer::new() };
    }

    /// Takes the next bytes. What follows a complete answer is not taken: whether somebody asked for it is not known
    /// here.
    pub(crate) fn feed(&mut self, bytes: &[u8], origins: &[String]) -> Result<Fed, NotHttp> {
        let used = match self.part {
            Part::Head if self.unparsed.is_empty() => self.feed_head(bytes, origins),
            Part::Head => self.feed_piece(bytes, origins),
            _ => self.feed_body(bytes),
        };
        self.bytes_in += used.unwrap_or(bytes.len()) as u64;
        Ok(if used? < bytes.len() { Fed::Ended(used?) } else { Fed::All })
    }

    /// More came than was asked for.
    pub(crate) fn note_surplus(&mut self, bytes: usize) {
        self.bytes_in += bytes as u64;
        self.surplus = true;
    }

    fn feed_head(&mut self, bytes: &[u8], origins: &[String]) -> Result<usize, NotHttp> {
        let used = self.parse_head(bytes, origins)?;
        let rest = &bytes[used..];
        if self.part == Part::Head {
            self.unparsed.extend_from_slice(rest);
            return Ok(bytes.len());
        }
        Ok(used + self.feed_body(rest)?)
    }

    /// The slow path: the head comes in more than one piece. The pieces before were counted when they came.
    fn feed_piece(&mut self, bytes: &[u8], origins: &[String]) -> Result<usize, NotHttp> {
        let mut all = std::mem::take(&mut self.unparsed);
        let before = all.len();
        all.extend_from_slice(bytes);
        let used = self.feed_head(&all, origins)?;
        if self.unparsed.is_empty() {
            all.clear();
            self.unparsed = all;
        }
        Ok(used - before)
    }

    /// Parses heads at the start of `bytes`; how many bytes they took. Interim answers (1xx) are passed over.
    fn parse_head(&mut self, bytes: &[u8], origins: &[String]) -> Result<usize, NotHttp> {
        let mut used = 0;
        loop {
            let Some((length, head, body)) = Head::parse(&bytes[used..], origins)? else {
                return if bytes.len() - used > LONGEST_HEAD_BYTES { Err(NotHttp) } else { Ok(used) };
            };
            used += length;
            if head.status / 100 == 1 && head.status != 101 {
                self.may_continue |= head.status == 100;
                continue;
            }
            self.head = head;
            self.part = match body {
                Body::None | Body::Counted(0) => Part::Complete,
                Body::Counted(bytes) => Part::Counted(bytes),
                Body::Chunked => Part::Chunked(Chunked::default()),
                Body::UntilClose => Part::UntilClose,
            };
            if body == Body::UntilClose {
                self.framing = Framing::UntilClose;
            }
            return Ok(used);
        }
    }

    /// How many of the bytes belong to the body.
    fn feed_body(&mut self, bytes: &[u8]) -> Result<usize, NotHttp> {
        match &mut self.part {
            Part::Head | Part::Complete => Ok(0),
            Part::UntilClose => {
                self.content.take(bytes);
                Ok(bytes.len())
            }
            Part::Counted(left) => {
                let taken = (*left).min(bytes.len() as u64);
                *left -= taken;
                self.content.take(&bytes[..taken as usize]);
                if *left == 0 {
                    self.part = Part::Complete;
                }
                Ok(taken as usize)
            }
            Part::Chunked(chunked) => match chunked.feed(bytes, &mut |data| self.content.take(data))? {
                Some(used) => {
                    self.part = Part::Complete;
                    Ok(used)
                }
                None => Ok(bytes.len()),
            },
        }
    }

    /// The other side closed in order. True when that completes the answer.
    pub(crate) fn end_of_stream(&mut self) -> bool {
        if self.part == Part::UntilClose {
            self.part = Part::Complete;
        }
        self.is_complete()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.part == Part::Complete
    }

    /// True when the server said that the body may come.
    pub(crate) fn may_continue(&self) -> bool {
        self.may_continue
    }

    pub(crate) fn has_head(&self) -> bool {
        self.part != Part::Head
    }

    /// Bytes of this answer so far, head and framing included.
    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in
    }

    /// The final head; all zero before it came.
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    /// The body so far.
    pub(crate) fn content(&self) -> Content {
        self.content
    }

    /// What a complete answer to request `id` is worth by itself. Another request's answer is worse than an error.
    pub(crate) fn outcome(&self, id: u64) -> Outcome {
        match self.head.status {
            _ if self.head.echo.is_some_and(|echo| echo != id) => Outcome::WrongId,
            _ if self.surplus => Outcome::WrongBody,
            200..=299 => Outcome::Ok,
            500..=599 => Outcome::Status5xx,
            _ => Outcome::StatusOther,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `text` (`|` is CRLF) in pieces of every length; what the answer is worth, or "open", or "not http".
    fn read(text: &str) -> String {
        let bytes = text.replace('|', "\r\n").into_bytes();
        let results: Vec<String> = (1..=bytes.len()).map(|size| read_pieces(&bytes, size)).collect();
        assert!(results.iter().all(|r| *r == results[0]), "pieces matter: {results:?}");
        results[0].clone()
    }

    fn read_pieces(bytes: &[u8], size: usize) -> String {
        let mut answer = Answer::new();
        for piece in bytes.chunks(size) {
            match answer.feed(piece, &["a".into(), "b".into()]) {
                Ok(Fed::All) => {}
                Ok(Fed::Ended(used)) => answer.note_surplus(piece.len() - used),
                Err(NotHttp) => return "not http".into(),
            }
        }
        let Head { status, pid, generation, origin, closes, .. } = *answer.head();
        assert_eq!(answer.bytes_in(), bytes.len() as u64);
        let end = if answer.is_complete() { answer.outcome(0x1f).name() } else { "open" };
        format!("{end} status={status} pid={pid} generation={generation} origin={origin} closes={closes}")
    }

    #[test]
    fn every_framing_finds_the_end() {
        let ok = "ok status=200 pid=0 generation=0 origin=0 closes=false";
        assert_eq!(read("HTTP/1.1 200 OK|Content-Length: 5||hello"), ok);
        assert_eq!(read("HTTP/1.1 200 OK|Content-Length: 0||"), ok);
        assert_eq!(read("HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|a;x=y|0123456789|0||"), ok);
        assert_eq!(read("HTTP/1.1 200 OK|Transfer-Encoding: chunked||0|Trailer: x||"), ok);
        assert_eq!(read("HTTP/1.1 100 Continue||HTTP/1.1 200 OK|Content-Length: 1||x"), ok);
        assert!(read("HTTP/1.1 204 No Content||").starts_with("ok status=204"));
        assert!(read("HTTP/1.1 304 Not Modified|Content-Length: 7||").starts_with("status_other status=304"));
    }

    #[test]
    fn an_answer_that_did_not_end_is_open() {
        assert!(read("HTTP/1.1 200 OK|Content-Length: 5||hell").starts_with("open"));
        assert!(read("HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|0|").starts_with("open"));
        assert!(read("HTTP/1.1 200 OK||anything").starts_with("open"));
        assert!(read("HTTP/1.1 200 OK|Content-Le").starts_with("open"));
    }

    #[test]
    fn a_body_without_length_ends_with_the_connection() {
        let mut answer = Answer::new();
        answer.feed(b"HTTP/1.1 200 OK\r\n\r\nbody", &[]).unwrap();
        assert!(!answer.is_complete());
        assert!(answer.end_of_stream() && answer.head().closes);
    }

    #[test]
    fn what_follows_an_answer_is_left_alone() {
        let mut answer = Answer::new();
        let two = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n";
        assert_eq!(answer.feed(two, &[]), Ok(Fed::Ended(40)));
        assert!(answer.is_complete() && answer.bytes_in() == 40);
        assert_eq!(answer.feed(&two[40..], &[]), Ok(Fed::Ended(0)));
    }

    #[test]
    fn a_request_to_go_on_is_no_answer() {
        let mut answer = Answer::new();
        answer.feed(b"HTTP/1.1 100 Continue\r\n\r\n", &[]).unwrap();
        assert!(answer.may_continue() && !answer.has_head());
    }

    #[test]
    fn what_the_head_says_is_kept() {
        let text = "HTTP/1.1 200 OK|x-changeover-id: 000000000000001f|X-Changeover-Pid: 42|\
                    X-Changeover-Generation: 3|X-Changeover-Origin: b|Connection: Close|Content-Length: 0||";
        assert_eq!(read(text), "ok status=200 pid=42 generation=3 origin=2 closes=true");
        let stranger =
            "HTTP/1.1 200 OK|X-Changeover-Origin: stranger|Connection: foo, close|Content-Length: 0||";
        assert_eq!(read(stranger), "ok status=200 pid=0 generation=0 origin=0 closes=true");
        assert!(read("HTTP/1.0 200 OK|Content-Length: 0||").ends_with("closes=true"));
        assert!(read("HTTP/1.0 200 OK|Connection: keep-alive|Content-Length: 0||").ends_with("closes=false"));
    }

    #[test]
    fn wrong_answers_are_told_apart() {
        assert!(
            read("HTTP/1.1 200 OK|X-Changeover-Id: 0000000000000020|Content-Length: 0||")
                .starts_with("wrong_id")
        );
        assert!(
            read("HTTP/1.1 200 OK|X-Changeover-Id: nonsense|Content-Length: 0||").starts_with("wrong_id")
        );
        let (mine, other) = ("X-Changeover-Id: 000000000000001f|", "X-Changeover-Id: 0000000000000020|");
        for ids in [[mine, other], [other, mine]] {
            assert!(
                read(&format!("HTTP/1.1 200 OK|{}Content-Length: 0||", ids.concat())).starts_with("wrong_id")
            );
        }
        assert!(read(&format!("HTTP/1.1 200 OK|{mine}{mine}Content-Length: 0||")).starts_with("ok"));
        assert!(read("HTTP/1.1 503 No|Content-Length: 0||").starts_with("status_5xx"));
        assert!(read("HTTP/1.1 404 No|Content-Length: 0||").starts_with("status_other"));
        assert!(read("HTTP/1.1 200 OK|Content-Length: 1||xy").starts_with("wrong_body"));
        assert_eq!(read("SSH-2.0-OpenSSH||"), "not http");
        assert_eq!(read("HTTP/1.1 200 OK|Content-Length: 1x||"), "not http");
        assert_eq!(read("HTTP/1.1 200 OK|Content-Length: 1|Content-Length: 2||xy"), "not http");
        assert_eq!(read("HTTP/1.1 200 OK|Content-Length: +1||x"), "not http");
        assert_eq!(read("HTTP/1.1 200 OK|Transfer-Encoding: chunked||z|"), "not http");
    }
}
