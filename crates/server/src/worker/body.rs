//! Bodies: what a client sends, with its limits, and what it gets.

mod answer;
mod request;

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

pub(super) use self::{
    answer::{AnswerBody, Content},
    request::RequestBody,
};

/// Why a body cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// Longer than `client_max_body_size`.
    #[error("client intended to send too large body")]
    TooLarge,
    /// Nothing came for `client_body_timeout` or `proxy_read_timeout`.
    #[error("timed out while reading a body")]
    TimedOut,
    /// What came is no HTTP.
    #[error("client sent an invalid body")]
    Malformed,
    /// The connection broke.
    #[error("connection ended in the middle of a body")]
    Broken,
    /// The client left before the answer it had asked for was complete.
    #[error("client prematurely closed connection")]
    Abandoned,
}

/// A limit on the time between two frames; runs only while somebody waits for one.
#[derive(Debug)]
pub(super) struct Silence {
    longest: Duration,
    running: Option<Pin<Box<Sleep>>>,
}

impl Silence {
    pub(super) fn new(longest: Duration) -> Self {
        Silence { longest, running: None }
    }

    pub(super) fn poll(&mut self, cx: &mut Context) -> Poll<()> {
        self.running.get_or_insert_with(|| Box::pin(sleep(self.longest))).as_mut().poll(cx)
    }

    pub(super) fn stop(&mut self) {
        self.running = None;
    }
}
