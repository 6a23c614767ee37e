//! The plain steps of a script: a client has a connection, writes its request, and reads the answer.

use facts::{
    Nanos,
    record::{flag, ticks},
};
use rustix::io::Errno;

use super::{Client, Manner, Step};
use crate::{
    answer::Fed,
    fault::End,
    socket::{Found, Io, Socket},
    wire::Wire,
};

impl Client {
    pub(super) fn look(&mut self) -> Step {
        let Some(found) = self.socket.as_ref().map(Socket::look) else { return Step::Next };
        self.record().flags |= flag::LOOKED;
        match found {
            Found::Quiet => {}
            Found::Closed => {
                self.socket = None;
                self.found_closed = true;
            }
            // The attempt before has its outcome already: this one tells of it, and sends nothing.
            Found::Unasked => return Step::Failed(End::Unasked),
        }
        Step::Next
    }

    pub(super) fn connect(&mut self, wire: &mut Wire) -> Step {
        if self.socket.is_none() {
            match self.open(wire) {
                Ok(socket) => self.socket = Some(socket),
                Err(errno) => return Step::Failed(End::Failed(errno)),
            }
        }
        let socket = self.socket.as_mut().expect("opened above");
        if socket.is_established() {
            if socket.sequence > 0 {
                self.record().connected = 0;
            }
            return Step::Next;
        }
        match socket.establish(&self.route) {
            Ok(false) => return Step::Waiting,
            Ok(true) => {}
            Err(errno) => return Step::Failed(End::Failed(errno)),
        }
        let (opened, connected) = (socket.opened, self.ticks_so_far());
        self.attempt.as_mut().expect("a client on its way has an attempt").connected(connected, opened);
        Step::Next
    }

    pub(super) fn open(&mut self, wire: &mut Wire) -> Result<Socket, Errno> {
        // Counted even if it fails: a refused attempt is a connection of its own.
        let socket = Socket::new(&self.route, wire.number_connection(self.caller), wire.now)?;
        let added = wire.epoll.add_connection(&socket, self.token);
        added.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::NOMEM))?;
        if std::mem::take(&mut self.found_closed) {
            self.record().flags |= flag::IDLE_CLOSE_SEEN;
        }
        Ok(socket)
    }

    pub(super) fn send(&mut self) -> Step {
        self.send_up_to(self.request.bytes().len())
    }

    /// Writes the request as far as its first `end` bytes.
    pub(super) fn send_up_to(&mut self, end: usize) -> Step {
        let socket = self.socket.as_ref().expect("the script connects before it sends");
        while self.written < end {
            match socket.write(&self.request.bytes()[self.written..end]) {
                Ok(Io::Bytes(count)) => self.written += count,
                Ok(Io::NotNow) => return Step::Waiting,
                Err(errno) => {
                    // The answer may have come before the request was wanted: read first, then judge.
                    self.broken = Some(errno);
                    self.socket.as_mut().expect("just used").distrust_hints();
                    return Step::Next;
                }
            }
        }
        if end == self.request.bytes().len() {
            self.record().sent = self.ticks_so_far();
        }
        Step::Next
    }

    pub(super) fn receive(&mut self, wire: &mut Wire) -> Step {
        if let Manner::Pipelined(pipeline) = &mut self.manner
            && let Some(carried) = pipeline.take_carried()
            && let Some(step) = self.feed(&carried, wire.now, &wire.origins)
        {
            return step;
        }
        self.receive_up_to(usize::MAX, wire)
    }

    /// Reads the answer until it is over, the kernel has no more, or `most` bytes were read.
    pub(super) fn receive_up_to(&mut self, mut most: usize, wire: &mut Wire) -> Step {
        while most > 0 {
            let socket = self.socket.as_mut().expect("the script connects before it receives");
            let room = wire.buffer.len().min(most);
            let count = match socket.read(&mut wire.buffer[..room]) {
                Ok(Io::NotNow) => return self.broken.map_or(Step::Waiting, |e| Step::Failed(End::Failed(e))),
                Ok(Io::Bytes(0)) if self.answer.end_of_stream() => return Step::Answered,
                Ok(Io::Bytes(0)) => return Step::Failed(self.broken.map_or(End::Closed, End::Failed)),
                Ok(Io::Bytes(count)) => count,
                Err(errno) => return Step::Failed(End::Failed(errno)),
            };
            most -= count;
            // One look at the clock for these bytes: if they are the last, the attempt is over at this instant.
            let now = wire.tick();
            if let Some(step) = self.feed(&wire.buffer[..count], now, &wire.origins) {
                return step;
            }
        }
        Step::Next
    }

    /// Gives the answer its next bytes; what that comes to, if it is over.
    pub(super) fn feed(&mut self, bytes: &[u8], now: Nanos, origins: &[String]) -> Option<Step> {
        if self.answer.bytes_in() == 0 {
            let record = self.record();
            record.first_byte = ticks(record.intended, now);
        }
        match self.answer.feed(bytes, origins) {
            Err(_) => return Some(Step::Failed(End::NotHttp)),
            Ok(Fed::All) => {}
            Ok(Fed::Ended(used)) => self.keep_rest(&bytes[used..]),
        }
        self.answer.is_complete().then_some(Step::Answered)
    }

    /// More came than one answer.
    pub(super) fn keep_rest(&mut self, rest: &[u8]) {
        match &mut self.manner {
            Manner::Pipelined(pipeline) if pipeline.expects_more() => pipeline.carry(rest),
            Manner::Talking(talking) => talking.take_first(rest),
            _ => self.answer.note_surplus(rest.len()),
        }
    }

    pub(super) fn close(&mut self) -> Step {
        self.socket = None;
        Step::Next
    }
}
