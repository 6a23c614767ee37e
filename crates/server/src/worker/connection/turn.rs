//! Whose turn it is on a connection: what has come and is not answered, who waits for whom, and until when.

use std::task::{Context, Poll};

use tokio::time::Instant;

use super::{super::head_size::Oversize, Connection, LastWords};

impl Connection {
    /// When the request that was begun last began to arrive.
    pub(in crate::worker) fn begun_at(&self) -> Instant {
        // With another one behind it the socket knows only of that.
        if self.is_newest() { self.socket.head_since() } else { Instant::now() }
    }

    /// Whether a request after the one being answered is already on its way to us. It must be answered too, so this
    /// answer must not announce the end. Looks into the socket.
    pub(in crate::worker) fn has_next_request(&self) -> bool {
        self.socket.look();
        self.has_begun_another()
    }

    /// Ready once the client has left with its newest request unanswered. One that only closed its half cannot be told
    /// from it (nginx's `ngx_http_upstream_check_broken_connection` makes no difference either); one that sent another
    /// request before it stopped sending waits for both answers.
    pub(in crate::worker) fn poll_abandoned(&self, cx: &mut Context) -> Poll<()> {
        // A body that is still coming is hyper's to read, and its end too.
        let is_whole = self.socket.is_between_requests() && self.is_newest();
        if is_whole && self.socket.poll_end(cx).is_ready() && self.is_newest() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// What of the request that was begun last is too large to be answered.
    pub(in crate::worker) fn oversize(&self) -> Option<Oversize> {
        let of_newest = |(request, _): &(u64, Oversize)| *request == self.started.get();
        self.socket.refusal().filter(of_newest).map(|(_, oversize)| oversize)
    }

    /// The same of one whose head hyper still waits for, when everything before it is answered.
    pub(super) fn refuses(&self) -> Option<Oversize> {
        let next = self.started.get() + 1;
        let refusal = self.socket.refusal().filter(|(request, _)| *request == next);
        refusal.filter(|_| self.is_done() && self.socket.is_flushed()).map(|(_, oversize)| oversize)
    }

    /// Whether nothing came after the request being answered.
    fn is_newest(&self) -> bool {
        self.socket.requests_begun() == Some(self.started.get())
    }

    /// When the client has waited too long with what it is to do next. `None` while it is our turn.
    pub(super) fn deadline(&self) -> Option<Instant> {
        // Also after the answer is complete: hyper may still hold the end of it.
        if let Some(since) = self.socket.blocked_since() {
            return Some(since + self.send_timeout.get());
        }
        // A body that is late is late by itself.
        if !self.is_done() {
            return None;
        }
        let is_in_head = self.started.get() == 0 || self.has_begun_another();
        let patience = if is_in_head { self.header_timeout } else { self.keepalive_timeout.get() };
        Some(self.waiting_since() + patience)
    }

    /// Since when it has been the client's turn.
    pub(in crate::worker) fn waiting_since(&self) -> Instant {
        match self.started.get() {
            _ if self.has_begun_another() => self.socket.head_since(),
            0 => self.accepted,
            _ => self.done_at(),
        }
    }

    fn has_begun_another(&self) -> bool {
        self.socket.requests_begun().is_some_and(|begun| begun > self.started.get())
    }

    /// Since when every request that came is answered and nothing else is begun. `None` for a connection that has not
    /// sent its first request (somebody just opened it to do so), and for one that was asked to make room.
    pub(in crate::worker) fn idle_since(&self) -> Option<Instant> {
        let started = self.started.get();
        let begun = self.socket.requests_begun();
        let is_idle = started > 0 && self.is_done() && begun == Some(started);
        let is_staying = self.socket.blocked_since().is_none() && !self.is_asked.get();
        (is_idle && is_staying).then(|| self.done_at())
    }

    pub(super) fn is_late(&self) -> bool {
        // A request that came at the last moment is in time.
        self.socket.look();
        self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Whether every request that hyper has understood is answered, and has come whole.
    pub(super) fn is_done(&self) -> bool {
        self.is_answered() && self.rest.is_over()
    }

    fn is_answered(&self) -> bool {
        self.started.get() == self.finished.get()
    }

    /// An answer is over with the last that is written of it, and its request perhaps later.
    fn done_at(&self) -> Instant {
        self.rest.ended_at().map_or(self.socket.written(), |ended| ended.max(self.socket.written()))
    }

    /// Whether more of an answer is to be written after the end of the worker's time.
    pub(super) fn has_last_words(&self) -> bool {
        self.last_words.get() == LastWords::Due || self.is_answered() && !self.socket.is_flushed()
    }
}
