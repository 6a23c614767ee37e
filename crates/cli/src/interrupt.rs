//! Ctrl-C and SIGTERM: the run is torn down and reported, not abandoned.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use nix::sys::signal::{SigSet, Signal};

use crate::exit::Exit;

/// A flag that the first SIGINT or SIGTERM sets. The second ends this process at once; the warden still ends
/// everything it started, because its socket closes. To be called before any thread is started.
pub(crate) fn watch() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    // Threads inherit the mask, so that only the one below ever sees them; std resets it for child processes.
    if signals.thread_block().is_err() {
        return interrupted;
    }
    let flag = Arc::clone(&interrupted);
    let wait = move || {
        while signals.wait().is_ok() {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(i32::from(Exit::Interrupted as u8));
            }
        }
    };
    // Without the thread the signals stay blocked and the run ends by its own deadline.
    thread::Builder::new().name("interrupt".into()).spawn(wait).ok();
    interrupted
}
