//! A client that follows a stream of numbered events. It asks for the stream once, and again behind the last event it
//! has seen when the stream has ended as it may.

use std::collections::VecDeque;

use facts::{Outcome, plan::Population, record::flag};

use super::{
    Client, Manner, Step,
    listen::{Heard, is_closed},
};
use crate::{
    answer::NotHttp,
    attempt::Attempt,
    chunked::Chunked,
    events::{Decoder, Event},
    fault::End,
    head::{Body, Head},
    request::Request,
    socket::{Io, Socket},
    wire::Wire,
};

/// What a client knows of its events, over all its connections.
pub(super) struct Following {
    population: Population,
    /// The last one it has seen; 0 before the first.
    last: u64,
    /// Events that came since the last attempt was over.
    fresh: u64,
    /// What was wrong with some of them: each is told by an attempt of its own, though one read brings several.
    wrong: VecDeque<Outcome>,
    came: u64,
    stream: Stream,
    /// The attempt that is under way has asked for the stream itself.
    asked: bool,
}

/// The answer that carries events, as far as it has come.
#[derive(Default)]
struct Stream {
    unparsed: Vec<u8>,
    head: Option<Head>,
    body: Framed,
    decoder: Decoder,
    /// How it ended, once it has.
    end: Option<Heard>,
}

#[derive(Default)]
enum Framed {
    #[default]
    Unknown,
    Chunked(Chunked),
    Counted(u64),
    UntilClose,
    Over,
}

impl Following {
    pub(super) fn new(population: &Population) -> Following {
        Following {
            population: population.clone(),
            last: 0,
            fresh: 0,
            wrong: VecDeque::new(),
            came: 0,
            stream: Stream::default(),
            asked: false,
        }
    }

    pub(super) fn begin(&mut self) {
        self.asked = false;
    }

    /// What is known of an event, or of the wait for one.
    pub(super) fn describe(&mut self, attempt: &mut Attempt) {
        let came = std::mem::take(&mut self.came);
        attempt.describe_head(&self.stream.head.unwrap_or_default(), came);
        if !self.asked {
            // It was asked for on an earlier attempt.
            attempt.record.flags |= flag::MESSAGE;
            (attempt.record.connected, attempt.record.sent, attempt.record.bytes_out) = (0, 0, 0);
        }
    }

    /// What the attempt comes to, if it has what it waits for.
    fn due(&mut self) -> Option<Outcome> {
        let fresh = std::mem::take(&mut self.fresh) > 0;
        self.wrong.pop_front().or(fresh.then_some(Outcome::Ok))
    }

    /// What came on it while nobody waited belongs to no attempt; that something was wrong with it is remembered.
    pub(super) fn forget_connection(&mut self) {
        self.stream = Stream::default();
        (self.fresh, self.came) = (0, 0);
    }

    /// Takes the next bytes of the stream; how it ends, if they are the last.
    fn take(&mut self, bytes: &[u8], origins: &[String]) -> Option<Heard> {
        self.came += bytes.len() as u64;
        let Following { stream, last, fresh, wrong, .. } = self;
        let taken = stream.take(bytes, origins, &mut |event| {
            match event {
                Event { id: Some(id), data } if data == Some(id) && id == *last + 1 => {}
                Event { id: Some(id), data } if data == Some(id) && id > *last => {
                    wrong.push_back(Outcome::EventGap);
                }
                // It came before, or is none of the numbered ones.
                _ => wrong.push_back(Outcome::WrongBody),
            }
            *last = event.id.unwrap_or(*last).max(*last);
            *fresh += 1;
        });
        match taken {
            Err(_) => Some(Heard::Ended(End::NotHttp)),
            Ok(()) => stream.is_over().then_some(Heard::Gone),
        }
    }

    /// What an answer that is no stream of events is worth.
    fn refusal(&self) -> Option<Outcome> {
        let head = self.stream.head.as_ref()?;
        match head.status {
            200 if head.is_event_stream => None,
            500..=599 => Some(Outcome::Status5xx),
            _ => Some(Outcome::StatusOther),
        }
    }

    pub(super) fn ended(&self, outcome: Outcome) -> Outcome {
        match outcome {
            outcome if is_closed(outcome) && self.stream.head.is_some() => Outcome::CutInBody,
            outcome if is_closed(outcome) && !self.stream.unparsed.is_empty() => Outcome::CutInHeaders,
            Outcome::TimeoutFirstByte if self.stream.head.is_some() => Outcome::TimeoutBody,
            outcome => outcome,
        }
    }
}

impl Stream {
    fn take(
        &mut self,
        bytes: &[u8],
        origins: &[String],
        each: &mut impl FnMut(Event),
    ) -> Result<(), NotHttp> {
        if self.head.is_some() {
            return self.take_body(bytes, each);
        }
        self.unparsed.extend_from_slice(bytes);
        let all = std::mem::take(&mut self.unparsed);
        match Head::parse(&all, origins)? {
            Some((length, head, body)) => {
                self.head = Some(head);
                self.body = match body {
                    Body::Chunked => Framed::Chunked(Chunked::default()),
                    Body::UntilClose => Framed::UntilClose,
                    Body::Counted(bytes) => Framed::Counted(bytes),
                    Body::None => Framed::Over,
                };
                self.take_body(&all[length..], each)
            }
            None => {
                self.unparsed = all;
                Ok(())
            }
        }
    }

    fn take_body(&mut self, bytes: &[u8], each: &mut impl FnMut(Event)) -> Result<(), NotHttp> {
        match &mut self.body {
            Framed::Chunked(chunked) => {
                if chunked.feed(bytes, &mut |data| self.decoder.take(data, each))?.is_some() {
                    self.body = Framed::Over;
                }
            }
            Framed::Counted(left) => {
                let taken = (*left).min(bytes.len() as u64);
                self.decoder.take(&bytes[..taken as usize], each);
                *left -= taken;
            }
            Framed::UntilClose => self.decoder.take(bytes, each),
            Framed::Unknown | Framed::Over => {}
        }
        Ok(())
    }

    /// True when the answer says itself that it is over, between two events.
    fn is_over(&self) -> bool {
        matches!(self.body, Framed::Over | Framed::Counted(0)) && !self.decoder.is_inside()
    }

    /// True when the end of the connection may be the end of the answer, between two events.
    fn may_end(&self) -> bool {
        self.is_over() || (matches!(self.body, Framed::UntilClose) && !self.decoder.is_inside())
    }
}

impl Client {
    /// Has the stream, and reads it until an event came.
    pub(super) fn follow(&mut self, wire: &mut Wire) -> Step {
        loop {
            let heard = self.read_events(wire);
            let Manner::Following(following) = &mut self.manner else { return Step::Next };
            if let Some(outcome) = following.refusal().or_else(|| following.due()) {
                self.first_byte_came(wire.now);
                return Step::Over(outcome);
            }
            match heard {
                Heard::Ended(end) => return Step::Failed(end),
                // It has asked for the stream and got one without an event: that is a whole answer.
                Heard::Gone if following.asked => return Step::Over(Outcome::Ok),
                Heard::Gone => self.leave(),
                Heard::Nothing | Heard::Echo if self.is_followed() => return Step::Waiting,
                Heard::Nothing | Heard::Echo => {}
            }
            match self.ask_for_stream(wire) {
                // What came with it, or before the connection broke, is read first.
                Step::Next => {}
                step => return step,
            }
        }
    }

    /// Opens a connection and writes the request behind the last event.
    fn ask_for_stream(&mut self, wire: &mut Wire) -> Step {
        self.make_request();
        if !self.socket.as_ref().is_some_and(Socket::is_established) {
            match self.connect(wire) {
                Step::Next => {}
                step => return step,
            }
        }
        match (self.broken, self.send()) {
            (Some(errno), _) => Step::Failed(End::Failed(errno)),
            (None, step) => step,
        }
    }

    /// True when the stream was asked for, on this attempt or an earlier one.
    fn is_followed(&self) -> bool {
        let Manner::Following(following) = &self.manner else { return false };
        let is_written = self.written == self.request.bytes().len();
        self.socket.is_some() && (!following.asked || is_written)
    }

    /// Makes the request for the stream, once an attempt.
    fn make_request(&mut self) {
        let Manner::Following(following) = &mut self.manner else { return };
        if std::mem::replace(&mut following.asked, true) {
            return;
        }
        let last = (following.last > 0).then_some(following.last);
        self.request = Request::after(&following.population, &self.route.to, last);
        let id = self.attempt.as_ref().map_or(0, |attempt| attempt.record.id);
        self.request.set_id(0, id);
        self.written = 0;
    }

    /// Reads what there is of the stream.
    pub(super) fn read_events(&mut self, wire: &mut Wire) -> Heard {
        loop {
            let (Manner::Following(following), Some(socket)) = (&mut self.manner, &mut self.socket) else {
                return Heard::Nothing;
            };
            if !socket.is_established() {
                return Heard::Nothing;
            }
            if let Some(heard) = following.stream.end {
                return heard;
            }
            let end = match socket.read(&mut wire.buffer) {
                Ok(Io::NotNow) => return Heard::Nothing,
                Ok(Io::Bytes(0)) if following.stream.may_end() => Some(Heard::Gone),
                Ok(Io::Bytes(0)) => Some(Heard::Ended(End::Closed)),
                Ok(Io::Bytes(count)) => {
                    let end = following.take(&wire.buffer[..count], &wire.origins);
                    following.stream.end = end;
                    let now = wire.tick();
                    self.first_byte_came(now);
                    continue;
                }
                Err(errno) => Some(Heard::Ended(End::Failed(errno))),
            };
            following.stream.end = end;
        }
    }
}
