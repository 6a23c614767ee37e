//! Bodies: what a client sends, with its limits, and what it gets.

use std::{
    cell::{Cell, RefCell},
    error::Error,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::{
    connection::{Busy, Connection},
    journal::Execution,
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

/// The body of a request. Shared, because it is read by the connection to an upstream peer while whoever answers
/// must know how it fared.
#[derive(Debug, Clone)]
pub(super) struct RequestBody(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    incoming: RefCell<Incoming>,
    silence: RefCell<Silence>,
    left: Cell<u64>,
    touched: Cell<bool>,
    fault: Cell<Option<Fault>>,
    progress: Cell<Instant>,
}

impl RequestBody {
    /// `size_max_bytes` 0 means no limit, as in nginx.
    pub(super) fn new(incoming: Incoming, size_max_bytes: u64, silence_max: Duration) -> Self {
        RequestBody(Rc::new(Inner {
            incoming: RefCell::new(incoming),
            silence: RefCell::new(Silence::new(silence_max)),
            left: Cell::new(if size_max_bytes == 0 { u64::MAX } else { size_max_bytes }),
            touched: Cell::new(false),
            fault: Cell::new(None),
            progress: Cell::new(Instant::now()),
        }))
    }

    /// Whether its announced length is already too much.
    pub(super) fn is_announced_too_large(&self) -> bool {
        self.0.incoming.borrow().size_hint().lower() > self.0.left.get()
    }

    /// Whether any of it was taken: then it cannot be sent a second time.
    pub(super) fn is_touched(&self) -> bool {
        self.0.touched.get()
    }

    /// What went wrong with it.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.0.fault.get()
    }

    /// When some of it last came.
    pub(super) fn progress(&self) -> Instant {
        self.0.progress.get()
    }

    /// Reads all of it and forgets it.
    pub(super) async fn discard(mut self) -> Result<(), Fault> {
        while let Some(frame) = self.frame().await {
            frame?;
        }
        Ok(())
    }

    fn frame_within_limits(&self, cx: &mut Context) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let inner = &self.0;
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
                        inner.touched.set(inner.touched.get() || length > 0);
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

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let polled = self.frame_within_limits(cx);
        if let Poll::Ready(Some(Err(fault))) = &polled {
            self.0.fault.set(Some(*fault));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.incoming.borrow().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.incoming.borrow().size_hint()
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
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
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
    /// From an upstream peer, as it comes.
    Forwarded(Incoming, Waiting),
}

impl Content {
    /// Text, which may be empty.
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        Content::Whole((!text.is_empty()).then_some(text))
    }

    pub(super) fn with(self, busy: Busy, execution: Option<Execution>) -> AnswerBody {
        AnswerBody { content: self, busy, execution }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &mut self.content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Forwarded(incoming, waiting) => match Pin::new(incoming).poll_frame(cx) {
                Poll::Pending => waiting.poll(cx).map(|fault| Some(Err(fault))),
                Poll::Ready(frame) => {
                    waiting.silence.stop();
                    Poll::Ready(frame.map(|frame| frame.map_err(|_| Fault::Broken)))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_none(),
            Content::Forwarded(incoming, _) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Forwarded(incoming, _) => incoming.size_hint(),
        }
    }
}

/// For how long the next frame of a peer's answer is waited for.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) silence: Silence,
    /// For whom. Without it the answer is read to its end, whoever wants it.
    pub(super) client: Option<Rc<Connection>>,
}

impl Waiting {
    fn poll(&mut self, cx: &mut Context) -> Poll<Fault> {
        if self.client.as_ref().is_some_and(|client| client.poll_abandoned(cx).is_ready()) {
            return Poll::Ready(Fault::Abandoned);
        }
        self.silence.poll(cx).map(|()| Fault::TimedOut)
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

    fn poll(&mut self, cx: &mut Context) -> Poll<()> {
        self.running.get_or_insert_with(|| Box::pin(sleep(self.longest))).as_mut().poll(cx)
    }

    fn stop(&mut self) {
        self.running = None;
    }
}
