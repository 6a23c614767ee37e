//! Bodies: what a client sends, with its limits, and what it gets.

use std::{
    cell::{Cell, RefCell},
    error::Error,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::{
    access_log::Entry, connection::Busy, endpoint::Made, files::Rest, forward::Passing, journal::Execution,
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

/// Most of a request body that is kept, so that another peer can be sent it too: nginx's `client_max_body_size`, unless it
/// is set.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// The body of a request. Shared, because it is read by the connection to an upstream peer while whoever answers
/// must know how it fared. A clone of one that was not read begins at the start, as long as all that came is kept; only
/// one of them may be read at a time.
#[derive(Debug, Clone)]
pub(super) struct RequestBody {
    inner: Rc<Inner>,
    /// How many of the kept pieces were given.
    given: usize,
}

/// What has come of a body.
#[derive(Debug)]
enum Kept {
    All(Vec<Bytes>),
    /// It was too much.
    NotAll,
}

#[derive(Debug)]
struct Inner {
    incoming: RefCell<Incoming>,
    silence: RefCell<Silence>,
    left: Cell<u64>,
    kept: RefCell<Kept>,
    fault: Cell<Option<Fault>>,
    progress: Cell<Instant>,
}

impl RequestBody {
    /// `size_max_bytes` 0 means no limit, as in nginx.
    pub(super) fn new(
        incoming: Incoming,
        begun: Instant,
        size_max_bytes: u64,
        silence_max: Duration,
    ) -> Self {
        let inner = Rc::new(Inner {
            incoming: RefCell::new(incoming),
            silence: RefCell::new(Silence::new(silence_max)),
            left: Cell::new(if size_max_bytes == 0 { u64::MAX } else { size_max_bytes }),
            kept: RefCell::new(Kept::All(Vec::new())),
            fault: Cell::new(None),
            progress: Cell::new(begun),
        });
        RequestBody { inner, given: 0 }
    }

    /// Whether its announced length is already too much.
    pub(super) fn is_announced_too_large(&self) -> bool {
        self.inner.incoming.borrow().size_hint().lower() > self.inner.left.get()
    }

    /// Whether it can be sent from its start.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(*self.inner.kept.borrow(), Kept::All(_))
    }

    /// Whether the client has sent all of it.
    pub(super) fn is_received(&self) -> bool {
        self.inner.incoming.borrow().is_end_stream()
    }

    /// What went wrong with it.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.inner.fault.get()
    }

    /// When some of it last came.
    pub(super) fn progress(&self) -> Instant {
        self.inner.progress.get()
    }

    /// Reads all of it and forgets it.
    pub(super) async fn discard(mut self) -> Result<(), Fault> {
        while let Some(frame) = self.frame().await {
            frame?;
        }
        Ok(())
    }

    /// A piece that came before, for somebody who is sent it again.
    fn kept(&mut self) -> Option<Bytes> {
        let Kept::All(pieces) = &*self.inner.kept.borrow() else { return None };
        let piece = pieces.get(self.given)?.clone();
        self.given += 1;
        Some(piece)
    }

    /// Bytes that came before and are given again.
    fn left_to_give(&self) -> u64 {
        match &*self.inner.kept.borrow() {
            Kept::All(pieces) => pieces.iter().skip(self.given).map(|piece| piece.len() as u64).sum(),
            Kept::NotAll => 0,
        }
    }

    fn keep(&mut self, piece: &Bytes) {
        let mut kept = self.inner.kept.borrow_mut();
        let Kept::All(pieces) = &mut *kept else { return };
        if pieces.iter().map(Bytes::len).sum::<usize>() + piece.len() > KEPT_BYTES_MAX {
            *kept = Kept::NotAll;
        } else {
            pieces.push(piece.clone());
            self.given += 1;
        }
    }

    fn frame_within_limits(&self, cx: &mut Context) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let inner = &self.inner;
        match Pin::new(&mut *inner.incoming.borrow_mut()).poll_frame(cx) {
            Poll::Pending => inner.silence.borrow_mut().poll(cx).map(|()| Some(Err(Fault::TimedOut))),
            Poll::Ready(Some(Ok(frame))) => {
                inner.silence.borrow_mut().stop();
                inner.progress.set(Instant::now());
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                Poll::Ready(Some(match inner.left.get().checked_sub(length) {
                    None => Err(Fault::TooLarge),
                    Some(left) => {
                        inner.left.set(left);
                        Ok(frame)
                    }
                }))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(fault_of(&error)))),
            Poll::Ready(None) => Poll::Ready(None),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if let Some(piece) = self.kept() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let polled = self.frame_within_limits(cx);
        match &polled {
            Poll::Ready(Some(Err(fault))) => self.inner.fault.set(Some(*fault)),
            Poll::Ready(Some(Ok(frame))) => frame.data_ref().into_iter().for_each(|piece| self.keep(piece)),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.left_to_give() == 0 && self.is_received()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, again) = (self.inner.incoming.borrow().size_hint(), self.left_to_give());
        match hint.exact() {
            Some(rest) => hint.set_exact(rest + again),
            None => hint.set_lower(hint.lower() + again),
        }
        hint
    }
}

/// hyper has no kind of its own for a body that is no HTTP, but tells it by the error inside.
fn fault_of(error: &hyper::Error) -> Fault {
    let inner = error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    match inner {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => Fault::Malformed,
        _ => Fault::Broken,
    }
}

/// The body of an answer. The request counts as being answered until it is dropped.
#[derive(Debug)]
pub(super) struct AnswerBody {
    content: Content,
    busy: Busy,
    execution: Option<Execution>,
    /// Written when the answer is over.
    entry: Option<Entry>,
    /// Bytes that were taken.
    taken: u64,
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            entry.write(self.taken);
        }
        // hyper takes text in one piece, and of a body that nobody may see it takes none.
        if let Some(execution) = self.execution.take()
            && (matches!(self.content, Content::Whole(_)) || self.is_end_stream())
        {
            self.busy.taken(execution);
        }
    }
}

#[derive(Debug)]
pub(super) enum Content {
    /// All of it.
    Whole(Option<Bytes>),
    /// A file, read as it is written.
    File(Rest),
    /// From an upstream peer, as it comes.
    Forwarded(Box<Passing>),
    /// By a test endpoint, as it is written.
    Made(Made),
}

impl Content {
    /// Text, which may be empty.
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        Content::Whole((!text.is_empty()).then_some(text))
    }

    pub(super) fn with(self, busy: Busy, execution: Option<Execution>, entry: Option<Entry>) -> AnswerBody {
        AnswerBody { content: self, busy, execution, entry, taken: 0 }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let frame = match &mut self.content {
            Content::Whole(bytes) => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
            Content::File(rest) => rest.next().map(|piece| piece.map(Frame::data).map_err(|_| Fault::Broken)),
            Content::Forwarded(passing) => ready!(Pin::new(&mut **passing).poll_frame(cx)),
            Content::Made(made) => ready!(made.poll_frame(cx)),
        };
        let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref);
        self.taken += data.map_or(0, |data| data.len() as u64);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_none(),
            Content::File(rest) => rest.left() == 0,
            Content::Forwarded(passing) => passing.is_end_stream(),
            Content::Made(made) => made.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::File(rest) => SizeHint::with_exact(rest.left()),
            Content::Forwarded(passing) => passing.size_hint(),
            Content::Made(made) => made.size_hint(),
        }
    }
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
