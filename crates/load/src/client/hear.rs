//! A client that speaks on an upgraded connection: each message is numbered, carries the id of its attempt, and comes
//! back as it was.

use facts::{Nanos, Outcome, record::flag};

use super::{Client, Manner, Step, listen::Heard};
use crate::{
    answer::Answer,
    attempt::Attempt,
    fault::End,
    head::Head,
    socket::Io,
    websocket::{Decoder, Said, goes_away, is_proper, push_close, push_pong, push_text},
    wire::Wire,
};

/// "The purpose for which the connection was established has been fulfilled" (RFC 6455 §7.4.1).
const NORMAL: u16 = 1000;

/// An upgraded connection, once it is.
#[derive(Default)]
pub(super) struct Talking {
    /// After so long the client takes its leave; it never does if this is not said.
    lasts: Option<Nanos>,
    /// What the handshake was answered with.
    open: Option<Head>,
    decoder: Decoder,
    /// Frames that are not yet written.
    out: Vec<u8>,
    /// The message that is under way; empty before it is said.
    said: Vec<u8>,
    /// The client has taken its leave, and waits for the other side to do so (RFC 6455 §7.1.1): who closes at once
    /// resets what the other still says.
    takes_leave: bool,
    /// The other side's leave was because it goes away itself.
    goes_away: bool,
    /// Messages said on this connection.
    messages: u64,
    /// Bytes of frames that came since the attempt began.
    came: u64,
    wrote: u64,
}

/// What the answer to a handshake is worth.
pub(super) fn handshake(answer: &Answer, id: u64) -> Outcome {
    let head = answer.head();
    match answer.outcome(id) {
        wrong @ (Outcome::WrongId | Outcome::Status5xx) => wrong,
        _ if head.status == 101 && head.accepts => Outcome::Ok,
        _ => Outcome::StatusOther,
    }
}

impl Talking {
    pub(super) fn new(lasts_ms: Option<u32>) -> Talking {
        Talking { lasts: lasts_ms.map(|ms| Nanos::from(ms) * 1_000_000), ..Talking::default() }
    }

    /// As before its connection.
    pub(super) fn forget_connection(&mut self) {
        *self = Talking { lasts: self.lasts, ..Talking::default() };
    }

    pub(super) fn begin(&mut self) {
        self.said.clear();
        (self.came, self.wrote) = (0, 0);
    }

    /// The connection is upgraded.
    pub(super) fn open(&mut self, head: Head) {
        self.open = Some(head);
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The client has taken its leave: nothing is said on the connection any more.
    pub(super) fn takes_leave(&self) -> bool {
        self.takes_leave
    }

    /// What is known of a message.
    pub(super) fn describe(&self, attempt: &mut Attempt) {
        let Some(head) = self.open else { return };
        attempt.describe_head(&head, self.came);
        attempt.record.bytes_out = self.wrote as u32;
        attempt.record.flags |= flag::MESSAGE;
    }

    /// What came right behind the answer to the handshake.
    pub(super) fn take_first(&mut self, bytes: &[u8]) {
        self.decoder.take(bytes);
    }

    /// Acts on everything that was said; what it comes to, if that ends something.
    fn act(&mut self) -> Heard {
        loop {
            match self.decoder.next() {
                Err(_) => return Heard::Ended(End::NotHttp),
                Ok(None) => return Heard::Nothing,
                Ok(Some(Said::Close(_))) if self.takes_leave => return Heard::Gone,
                Ok(Some(_)) if self.takes_leave => {}
                Ok(Some(Said::Ping(payload))) => push_pong(&mut self.out, &payload),
                Ok(Some(Said::Close(code))) => {
                    push_close(&mut self.out, code);
                    self.goes_away = goes_away(code);
                    return if is_proper(code) { Heard::Gone } else { Heard::Ended(End::Closed) };
                }
                Ok(Some(Said::Message(message))) if message == self.said => return Heard::Echo,
                Ok(Some(Said::Message(_))) => return Heard::Ended(End::Unasked),
            }
        }
    }
}

impl Client {
    /// Nothing more is asked of it: it does not hold on to a connection that only lives for more.
    pub(crate) fn retire(&mut self) {
        match &mut self.manner {
            Manner::Talking(talking) if talking.takes_leave => {}
            Manner::Talking(talking) if talking.is_open() => {
                push_close(&mut talking.out, Some(NORMAL));
                talking.takes_leave = true;
                // What cannot be written now follows when the other side says something.
                self.flush();
            }
            Manner::Following(_) => self.let_go(),
            _ => {}
        }
    }

    /// Takes its leave of a connection that has lived for as long as it is to.
    pub(super) fn retire_in_time(&mut self, now: Nanos) {
        let Some(opened) = self.socket.as_ref().map(|socket| socket.opened) else { return };
        if let Manner::Talking(talking) = &self.manner
            && talking.lasts.is_some_and(|lasts| now >= opened + lasts)
        {
            self.retire();
        }
    }

    fn farewell(&self) -> End {
        match &self.manner {
            Manner::Talking(talking) if talking.goes_away => End::GoesAway,
            _ => End::Farewell,
        }
    }

    /// Writes the handshake or the next message.
    pub(super) fn say(&mut self) -> Step {
        let Manner::Talking(talking) = &mut self.manner else { return self.send() };
        if !talking.is_open() {
            return self.send();
        }
        if talking.said.is_empty() {
            talking.messages += 1;
            let id = self.attempt.as_ref().map_or(0, |attempt| attempt.record.id);
            talking.said = format!("{id:016x} {}", talking.messages).into_bytes();
            push_text(&mut talking.out, &talking.said);
        }
        match self.flush() {
            Step::Next if self.broken.is_none() => {
                self.record().sent = self.ticks_so_far();
                Step::Next
            }
            step => step,
        }
    }

    /// Writes the frames that wait.
    fn flush(&mut self) -> Step {
        let (Manner::Talking(talking), Some(socket)) = (&mut self.manner, &mut self.socket) else {
            return Step::Next;
        };
        while !talking.out.is_empty() {
            match socket.write(&talking.out) {
                Ok(Io::Bytes(count)) => {
                    talking.wrote += count as u64;
                    talking.out.drain(..count);
                }
                Ok(Io::NotNow) => return Step::Waiting,
                Err(errno) => {
                    // A close frame may have come before the message was wanted: read first, then judge.
                    self.broken = Some(errno);
                    socket.distrust_hints();
                    return Step::Next;
                }
            }
        }
        Step::Next
    }

    /// Reads the answer to the handshake, or the echo.
    pub(super) fn hear(&mut self, wire: &mut Wire) -> Step {
        if !matches!(&self.manner, Manner::Talking(talking) if talking.is_open()) {
            return self.receive(wire);
        }
        match self.hear_frames(wire) {
            Heard::Echo => Step::Over(Outcome::Ok),
            Heard::Gone => Step::Failed(self.farewell()),
            Heard::Ended(end) => Step::Failed(end),
            Heard::Nothing => match self.flush() {
                Step::Next => self.broken.map_or(Step::Waiting, |errno| Step::Failed(End::Failed(errno))),
                step => step,
            },
        }
    }

    /// Reads what there is, acts on it, and writes what that wants.
    pub(super) fn hear_frames(&mut self, wire: &mut Wire) -> Heard {
        loop {
            let (Manner::Talking(talking), Some(socket)) = (&mut self.manner, &mut self.socket) else {
                return Heard::Nothing;
            };
            match talking.act() {
                Heard::Nothing => {}
                heard => {
                    // If it cannot be written, the next read or write will tell.
                    self.flush();
                    return heard;
                }
            }
            let count = match socket.read(&mut wire.buffer) {
                Ok(Io::NotNow) => {
                    self.flush();
                    return Heard::Nothing;
                }
                Ok(Io::Bytes(0)) => return Heard::Ended(End::Closed),
                Ok(Io::Bytes(count)) => count,
                Err(errno) => return Heard::Ended(End::Failed(errno)),
            };
            talking.came += count as u64;
            talking.decoder.take(&wire.buffer[..count]);
            let now = wire.tick();
            self.first_byte_came(now);
        }
    }
}
