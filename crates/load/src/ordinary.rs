//! Ordinary clients: reqwest, with its own pool and its own words for what went wrong. Two threads: one waits for what
//! the plan wants, because tokio's timers are up to a millisecond late; the other asks. What reqwest says is written
//! down as far as it goes; what it does not say (when the last byte of a request was written, whether a part of a head
//! had come, on which connection an attempt hung) is never guessed: the record lacks it, or says so.

mod asking;
mod connections;
mod exchange;
mod failure;
mod pacer;

use std::sync::Arc;

use facts::{Nanos, event::Scheduling};
use ledger::{Writer, ledger_name};
use tokio::{runtime, sync::mpsc};

use crate::{
    Error,
    engine::Measured,
    setup::Setup,
    stop::Shared,
    sys::{self, Epoll},
};
use asking::Asking;
use pacer::Pacer;

/// All ordinary populations of a run.
pub(crate) struct Ordinary {
    pacer: Pacer,
    asking: Asking,
    runtime: runtime::Runtime,
    shared: Arc<Shared>,
}

impl Ordinary {
    /// Its ledger and its connections are numbered as those of the given thread.
    pub(crate) fn new(setup: &Setup, thread: u32) -> Result<Ordinary, Error> {
        let os = |doing| move |source| Error::Os { doing, source };
        let ledger =
            Writer::create(&setup.directory.join(ledger_name(thread as usize)), setup.capacity(thread))?;
        let epoll = Epoll::new().map_err(os("create an epoll instance"))?;
        let shared = Arc::new(Shared::new(&epoll).map_err(os("create an eventfd"))?);
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let (to, starts) = mpsc::unbounded_channel();
        Ok(Ordinary {
            pacer: Pacer::new(setup, thread, epoll, shared.clone(), to),
            asking: Asking::new(setup, thread, ledger, shared.clone(), starts)?,
            runtime: runtime.map_err(os("start an async runtime"))?,
            shared,
        })
    }

    /// Paces everybody from `start`.
    pub(crate) fn begin_at(&mut self, setup: &Setup, start: Nanos) {
        self.pacer.begin_at(setup, start);
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// Until it was told to stop and every attempt is over.
    pub(crate) fn run(self, wanted: Scheduling) -> Result<Measured, Error> {
        let Ordinary { pacer, asking, runtime, .. } = self;
        let ask = move || {
            // What the pacer is, too: said once, by it.
            if wanted == Scheduling::First {
                sys::run_first();
            }
            runtime.block_on(asking.run())
        };
        let asking = std::thread::Builder::new().name("load-asking".into()).spawn(ask);
        let asking = asking.map_err(|source| Error::Os { doing: "start the thread that asks", source })?;
        let paced = pacer.run();
        let measured = asking.join().unwrap_or(Err(Error::Panicked));
        paced.and(measured)
    }
}
