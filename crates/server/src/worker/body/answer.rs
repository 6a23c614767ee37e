//! What a client gets.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::{
    super::{
        access_log::Entry, connection::Busy, endpoint::Made, files::Rest, forward::Passing,
        journal::Execution,
    },
    Fault,
};

/// The body of an answer. The request counts as being answered until it is dropped.
#[derive(Debug)]
pub(in crate::worker) struct AnswerBody {
    content: Content,
    busy: Busy,
    execution: Option<Execution>,
    entry: Option<Box<Entry>>,
    /// Bytes that were taken.
    taken: u64,
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.busy.over(entry, self.taken);
        }
        // hyper takes text in one piece, and of a body that nobody may see it takes none.
        if let Some(execution) = self.execution.take()
            && (matches!(self.content, Content::Whole(_)) || self.is_end_stream())
        {
            self.busy.taken(execution);
        }
    }
}

/// Small, because most answers are, and it is moved about.
#[derive(Debug)]
pub(in crate::worker) enum Content {
    /// All of it.
    Whole(Option<Bytes>),
    /// A file, read as it is written.
    File(Box<Rest>),
    /// From an upstream peer, as it comes.
    Forwarded(Box<Passing>),
    /// By a test endpoint, as it is written.
    Made(Box<Made>),
}

impl Content {
    /// Text, which may be empty.
    pub(in crate::worker) fn text(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        Content::Whole((!text.is_empty()).then_some(text))
    }

    pub(in crate::worker) fn with(
        self,
        busy: Busy,
        execution: Option<Execution>,
        entry: Option<Box<Entry>>,
    ) -> AnswerBody {
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
