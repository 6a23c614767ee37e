//! What a client sends.

use std::{
    cell::{Cell, RefCell},
    error::Error,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Instant;

use super::{Fault, Silence};

/// Most of a request body that is kept, so that another peer can be sent it too: nginx's `client_max_body_size`, unless it
/// is set.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// The body of a request. Shared, because it is read by the connection to an upstream peer while whoever answers
/// must know how it fared. A clone of one that was not read begins at the start, as long as all that came is kept; only
/// one of them may be read at a time, and `poll_rest` waits until it is the last.
#[derive(Debug, Clone)]
pub(in crate::worker) struct RequestBody {
    /// Most requests have no body.
    inner: Option<Rc<Inner>>,
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

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Coming,
    Whole,
    Failed(Fault),
}

#[derive(Debug)]
struct Inner {
    incoming: RefCell<Incoming>,
    silence: RefCell<Silence>,
    left: Cell<u64>,
    kept: RefCell<Kept>,
    course: Cell<Course>,
    progress: Cell<Instant>,
    /// Whoever waits until nobody else reads it.
    heir: RefCell<Option<Waker>>,
}

impl RequestBody {
    /// `size_max_bytes` 0 means no limit, as in nginx.
    pub(in crate::worker) fn new(
        incoming: Incoming,
        begun: Instant,
        size_max_bytes: u64,
        silence_max: Duration,
    ) -> Self {
        if incoming.is_end_stream() {
            return RequestBody { inner: None, given: 0 };
        }
        let inner = Rc::new(Inner {
            incoming: RefCell::new(incoming),
            silence: RefCell::new(Silence::new(silence_max)),
            left: Cell::new(if size_max_bytes == 0 { u64::MAX } else { size_max_bytes }),
            kept: RefCell::new(Kept::All(Vec::new())),
            course: Cell::new(Course::Coming),
            progress: Cell::new(begun),
            heir: RefCell::default(),
        });
        RequestBody { inner: Some(inner), given: 0 }
    }

    /// Whether its announced length is already too much.
    pub(in crate::worker) fn is_announced_too_large(&self) -> bool {
        let is_too_large = |inner: &Inner| inner.incoming.borrow().size_hint().lower() > inner.left.get();
        self.inner.as_deref().is_some_and(is_too_large)
    }

    /// Whether it can be sent from its start.
    pub(in crate::worker) fn is_repeatable(&self) -> bool {
        self.inner.as_ref().is_none_or(|inner| matches!(*inner.kept.borrow(), Kept::All(_)))
    }

    /// Whether the client has sent all of it.
    pub(in crate::worker) fn is_received(&self) -> bool {
        // The length of a chunked one is not known before its end was seen.
        let is_whole =
            |inner: &Inner| inner.course.get() == Course::Whole || inner.incoming.borrow().is_end_stream();
        self.inner.as_deref().is_none_or(is_whole)
    }

    /// What went wrong with it.
    pub(in crate::worker) fn fault(&self) -> Option<Fault> {
        match self.inner.as_ref()?.course.get() {
            Course::Failed(fault) => Some(fault),
            Course::Coming | Course::Whole => None,
        }
    }

    /// When some of it last came, if there is any.
    pub(in crate::worker) fn progress(&self) -> Option<Instant> {
        self.inner.as_ref().map(|inner| inner.progress.get())
    }

    /// Reads all of it and forgets it.
    pub(in crate::worker) async fn discard(mut self) -> Result<(), Fault> {
        while let Some(frame) = self.frame().await {
            frame?;
        }
        Ok(())
    }

    /// The same of what is left of it once nobody else reads it. Ready at its end, and when it cannot be read any more.
    pub(in crate::worker) fn poll_rest(&mut self, cx: &mut Context) -> Poll<()> {
        while let Some(inner) = self.inner.as_ref().filter(|_| !self.is_received() && self.fault().is_none())
        {
            if Rc::strong_count(inner) > 1 {
                inner.heir.replace(Some(cx.waker().clone()));
                return Poll::Pending;
            }
            inner.kept.replace(Kept::NotAll);
            ready!(Pin::new(&mut *self).poll_frame(cx));
        }
        Poll::Ready(())
    }

    /// A piece that came before, for somebody who is sent it again.
    fn kept(&mut self) -> Option<Bytes> {
        let Kept::All(pieces) = &*self.inner.as_ref()?.kept.borrow() else { return None };
        let piece = pieces.get(self.given)?.clone();
        self.given += 1;
        Some(piece)
    }

    /// Bytes that came before and are given again.
    fn left_to_give(&self) -> u64 {
        let Some(inner) = &self.inner else { return 0 };
        match &*inner.kept.borrow() {
            Kept::All(pieces) => pieces.iter().skip(self.given).map(|piece| piece.len() as u64).sum(),
            Kept::NotAll => 0,
        }
    }

    fn keep(&mut self, inner: &Inner, piece: &Bytes) {
        let mut kept = inner.kept.borrow_mut();
        let Kept::All(pieces) = &mut *kept else { return };
        if pieces.iter().map(Bytes::len).sum::<usize>() + piece.len() > KEPT_BYTES_MAX {
            *kept = Kept::NotAll;
        } else {
            pieces.push(piece.clone());
            self.given += 1;
        }
    }
}

impl Inner {
    fn frame_within_limits(&self, cx: &mut Context) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match Pin::new(&mut *self.incoming.borrow_mut()).poll_frame(cx) {
            Poll::Pending => self.silence.borrow_mut().poll(cx).map(|()| Some(Err(Fault::TimedOut))),
            Poll::Ready(Some(Ok(frame))) => {
                self.silence.borrow_mut().stop();
                self.progress.set(Instant::now());
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                Poll::Ready(Some(match self.left.get().checked_sub(length) {
                    None => Err(Fault::TooLarge),
                    Some(left) => {
                        self.left.set(left);
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
        let Some(inner) = self.inner.clone() else { return Poll::Ready(None) };
        let polled = inner.frame_within_limits(cx);
        match &polled {
            Poll::Ready(Some(Err(fault))) => inner.course.set(Course::Failed(*fault)),
            Poll::Ready(Some(Ok(frame))) => {
                frame.data_ref().into_iter().for_each(|piece| self.keep(&inner, piece));
            }
            Poll::Ready(None) => inner.course.set(Course::Whole),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.left_to_give() == 0 && self.is_received()
    }

    fn size_hint(&self) -> SizeHint {
        let Some(inner) = &self.inner else { return SizeHint::with_exact(0) };
        let (mut hint, again) = (inner.incoming.borrow().size_hint(), self.left_to_give());
        match hint.exact() {
            Some(rest) => hint.set_exact(rest + again),
            None => hint.set_lower(hint.lower() + again),
        }
        hint
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.inner.iter().filter_map(|inner| inner.heir.take()).for_each(Waker::wake);
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
