//! What this worker executes, written down: that it began, before anything is done, and that it was answered, when
//! the kernel has the whole answer. A killed worker leaves the truth behind.

use std::cell::RefCell;

use hyper::{HeaderMap, StatusCode};
use ledger::{Begun, Journal, clock};

use super::{connection::Client, headers::ID, service::Service};

/// An execution whose answer is on its way.
#[derive(Debug)]
pub(super) struct Execution {
    journal: Journal,
    begun: Begun,
    status: u16,
}

/// Executions of one connection whose whole answers hyper has taken, and perhaps not yet written.
#[derive(Debug, Default)]
pub(super) struct Unwritten(RefCell<Vec<Execution>>);

impl Service {
    /// Writes down that a request of a client that gives numbers is about to be executed.
    pub(super) fn begin(&self, request: &HeaderMap) -> Option<Execution> {
        let journal = self.journal.as_ref()?;
        let id = u64::from_str_radix(request.get(ID)?.to_str().ok()?, 16).ok().filter(|id| *id != 0)?;
        // A full journal says so itself; the answer is still due.
        let begun = journal.begin(id, clock::now(), std::process::id()).ok()?;
        Some(Execution { journal: journal.clone(), begun, status: 0 })
    }
}

impl Service {
    /// Writes down that a connection came from another process. Where there is no port, nobody could tell which.
    pub(super) fn note_taken(&self, client: Client) {
        let (Some(journal), Client::Remote(address)) = (&self.journal, client) else { return };
        // A full journal says so itself.
        let _ = journal.took_over(address.port(), clock::now(), std::process::id());
    }
}

impl Execution {
    /// With the status of its answer.
    pub(super) fn answered_with(self, status: StatusCode) -> Execution {
        Execution { status: status.as_u16(), ..self }
    }
}

impl Unwritten {
    /// hyper has all of an answer.
    pub(super) fn add(&self, execution: Execution) {
        self.0.borrow_mut().push(execution);
    }

    /// hyper flushes, and does so only when its own buffer is empty: the kernel has every answer it had taken.
    pub(super) fn flushed(&self) {
        for Execution { journal, begun, status } in self.0.borrow_mut().drain(..) {
            journal.answered(begun, clock::now(), status);
        }
    }
}
