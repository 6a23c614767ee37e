//! The files of a run, written so that a SIGKILL of the writer loses nothing that was written: attempt records
//! and server journals in preallocated shared mappings (the page cache outlives the process), the event log
//! with one `write(2)` per line. It knows what the words are (`facts`), never what they mean for a verdict.

mod callers;
pub mod clock;
mod error;
mod event_log;
mod header;
mod hlog;
mod journal;
mod manifest;
mod read;
mod sockets;
mod table;
mod writer;

pub use callers::Callers;
pub use error::{Error, Full};
pub use event_log::EventLog;
pub use hlog::{HLOG_NAME, write_hlog};
pub use journal::{Begun, Journal};
pub use manifest::{MANIFEST_NAME, Manifest, check_manifest, write_manifest};
pub use read::{read_history, read_journal, read_ledger, read_ledgers, read_turns};
pub use sockets::SocketLog;
pub use table::Slot;
pub use writer::Writer;

/// Name of the event log in a run directory.
pub const EVENT_LOG_NAME: &str = "events.ndjson";

/// Name of the n-th ledger file in a run directory.
pub fn ledger_name(number: usize) -> String {
    format!("ledger-{number}.bin")
}

/// Name in a run directory of who opened the connections of the n-th generator thread.
pub fn callers_name(number: usize) -> String {
    format!("callers-{number}.bin")
}

/// Name in a run directory of what an origin writes down of its planted faults.
pub fn faults_name(origin: &str) -> String {
    format!("faults-{origin}.log")
}

/// Name in a run directory of the journal of an origin or a target. A server of several processes puts its own name
/// behind that of each: `journal-web.1234.bin`.
pub fn journal_name(server: &str) -> String {
    format!("journal-{server}.bin")
}

/// Name in a run directory of what the n-th generator thread saw of the connections of failed attempts.
pub fn sockets_name(number: usize) -> String {
    format!("sockets-{number}.ndjson")
}
