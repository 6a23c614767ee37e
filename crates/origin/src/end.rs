//! The end of the process, told to those who talk without end, so that they can say goodbye.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};

/// Nobody waits longer than this for a goodbye.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whoever ends the process.
#[derive(Clone)]
pub(crate) struct Ending(watch::Sender<bool>);

/// Whoever has to say goodbye before; the process waits until it is dropped.
#[derive(Clone)]
pub(crate) struct End(watch::Receiver<bool>);

impl Ending {
    pub(crate) fn new() -> Ending {
        Ending(watch::Sender::new(false))
    }

    /// For somebody who will have to say goodbye.
    pub(crate) fn end(&self) -> End {
        End(self.0.subscribe())
    }

    /// Tells all of them and waits until they have gone.
    pub(crate) async fn tell(&self) {
        self.0.send_replace(true);
        // Who is stuck with a client that does not read is left behind.
        let _ = timeout(PATIENCE, self.0.closed()).await;
    }
}

impl End {
    /// Returns when the process is to end.
    pub(crate) async fn came(&self) {
        // Without the other side there is no process any more.
        let _ = self.0.clone().wait_for(|ends| *ends).await;
    }
}
