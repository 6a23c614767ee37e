//! Bytes that go to the kernel in their own time: at once, or one by one.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

/// Between two bytes that come one by one.
const DRIP: Duration = Duration::from_millis(20);

/// Bytes that have not gone yet.
#[derive(Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    gone: usize,
    pace: Option<Pin<Box<Sleep>>>,
}

impl Outbox {
    /// Behind those that are there.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// One by one.
    pub(crate) fn drip(&mut self, bytes: Vec<u8>) {
        self.bytes.extend(bytes);
        self.pace = Some(Box::pin(sleep(Duration::ZERO)));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.gone == self.bytes.len()
    }

    /// Ready when all have gone.
    pub(crate) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        mut write: impl FnMut(&mut Context<'_>, &[u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let end = match &mut self.pace {
                None => self.bytes.len(),
                Some(pace) => {
                    ready!(pace.as_mut().poll(context));
                    pace.as_mut().reset(Instant::now() + DRIP);
                    self.gone + 1
                }
            };
            self.gone += ready!(write(context, &self.bytes[self.gone..end]))?;
        }
        *self = Outbox::default();
        Poll::Ready(Ok(()))
    }
}
