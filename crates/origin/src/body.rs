//! The body of an answer: all at once, or piece by piece as a task makes it.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::stream::Receipt;

/// The body of an answer. When hyper has taken all of it the journal is told, once the kernel has it too.
pub(crate) struct AnswerBody {
    source: Source,
    pub(crate) receipt: Option<Receipt>,
}

enum Source {
    Whole(Full<Bytes>),
    Made { pieces: Receiver<Bytes>, left: Left },
}

/// How much of a made body is to come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Bytes(u64),
    Unknown,
    /// The maker had made all of it.
    Nothing,
}

impl AnswerBody {
    /// All at once.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> AnswerBody {
        AnswerBody { source: Source::Whole(Full::new(bytes.into())), receipt: None }
    }

    /// As it is made, and the place to put the pieces; of `length` bytes, or as many as there will be.
    pub(crate) fn made(length: Option<u64>) -> (Sender<Bytes>, AnswerBody) {
        let (sender, pieces) = mpsc::channel(1);
        let left = length.map_or(Left::Unknown, Left::Bytes);
        (sender, AnswerBody { source: Source::Made { pieces, left }, receipt: None })
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.source {
            Source::Whole(full) => Pin::new(full).poll_frame(context),
            Source::Made { pieces, left } => {
                let piece = ready!(pieces.poll_recv(context));
                *left = match (&piece, *left) {
                    (Some(piece), Left::Bytes(bytes)) => {
                        Left::Bytes(bytes.saturating_sub(piece.len() as u64))
                    }
                    (None, Left::Unknown) => Left::Nothing,
                    (_, same) => same,
                };
                Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Whole(full) => full.is_end_stream(),
            Source::Made { left, .. } => matches!(left, Left::Bytes(0) | Left::Nothing),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Whole(full) => full.size_hint(),
            Source::Made { left: Left::Bytes(bytes), .. } => SizeHint::with_exact(*bytes),
            Source::Made { .. } => SizeHint::default(),
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        // A whole body goes into hyper's buffer in one piece; a HEAD request takes none of it and is answered too.
        if matches!(self.source, Source::Whole(_)) || self.is_end_stream() {
            self.receipt.take().into_iter().for_each(Receipt::taken);
        }
    }
}
