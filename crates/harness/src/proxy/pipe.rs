//! One direction of a connection: what was read, when it may be written, and the end of it.

use std::{collections::VecDeque, os::fd::OwnedFd};

use facts::Nanos;
use ledger::clock::now;
use rustix::{
    io::{Errno, read, write},
    net::{Shutdown, shutdown},
};

/// What is read and not written yet; more stays with the sender, as in any network.
const MOST_BYTES: usize = 256 * 1024;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    /// With the instant from which on it may be written; in order.
    chunks: VecDeque<(Nanos, Vec<u8>)>,
    bytes: usize,
    end: End,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// The sender shut down; the receiver hears of it at this instant.
    Seen(Nanos),
    Told,
}

impl Pipe {
    /// Carries what can be carried; when there will be more to write, if that is known. An error is the end of both.
    pub(super) fn carry(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        delay: Nanos,
    ) -> Result<Option<Nanos>, Errno> {
        loop {
            let has_read = self.take(from, delay)?;
            let (has_written, next) = self.give(to)?;
            // Writing makes room for more, and a socket tells only once that there is something to read.
            if !has_read && !has_written {
                return Ok(next);
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.end == End::Told
    }

    fn take(&mut self, from: &OwnedFd, delay: Nanos) -> Result<bool, Errno> {
        let mut buffer = [0; 16 * 1024];
        let mut has_read = false;
        while self.bytes < MOST_BYTES && self.end == End::Open {
            match read(from, &mut buffer) {
                Ok(0) => self.end = End::Seen(now() + delay),
                Ok(length) => {
                    self.bytes += length;
                    self.chunks.push_back((now() + delay, buffer[..length].to_vec()));
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno),
            }
            has_read = true;
        }
        Ok(has_read)
    }

    fn give(&mut self, to: &OwnedFd) -> Result<(bool, Option<Nanos>), Errno> {
        let mut has_written = false;
        while let Some((at, chunk)) = self.chunks.front_mut() {
            if *at > now() {
                return Ok((has_written, Some(*at)));
            }
            match write(to, chunk) {
                Ok(length) => {
                    self.bytes -= length;
                    chunk.drain(..length);
                    if chunk.is_empty() {
                        self.chunks.pop_front();
                    }
                }
                Err(Errno::AGAIN) => return Ok((has_written, None)),
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno),
            }
            has_written = true;
        }
        match self.end {
            End::Seen(at) if at > now() => Ok((has_written, Some(at))),
            End::Seen(_) => {
                shutdown(to, Shutdown::Write)?;
                self.end = End::Told;
                Ok((has_written, None))
            }
            _ => Ok((has_written, None)),
        }
    }
}
