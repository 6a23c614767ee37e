//! What all clients of an engine share.

use facts::{Caller, Nanos};
use ledger::{Callers, SocketLog, clock, sockets_name};

use crate::{
    setup::Setup,
    socket::Socket,
    standard::Standard,
    sys::{Epoll, socket_state},
};

/// Most bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// What all clients of an engine share.
pub(crate) struct Wire {
    pub(crate) epoll: Epoll,
    pub(crate) origins: Vec<String>,
    /// Where reads land; what matters of them is kept by the answer.
    pub(crate) buffer: Vec<u8>,
    /// What answers are measured by, by population.
    pub(crate) standards: Vec<Standard>,
    sockets: SocketLog,
    /// `None`: no client has an address of its own.
    callers: Option<Callers>,
    /// Connections opened so far.
    pub(crate) connections: u32,
    /// Numbers are dealt to threads in turn: connection n of this one is called `first + n * step`.
    numbers: Numbers,
    /// When the clock was last read. Reading costs as much as writing a record, so that nobody reads it twice for one
    /// thing.
    pub(crate) now: Nanos,
}

/// How a thread numbers its connections, so that no other gives the same number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    first: u32,
    step: u32,
}

impl Numbers {
    pub(crate) fn new(setup: &Setup, thread: u32) -> Numbers {
        Numbers { first: thread + 1, step: setup.threads() }
    }

    /// The number of the connection that this thread opens after so many others.
    pub(crate) fn after(self, others: u32) -> u32 {
        self.first + others * self.step
    }
}

impl Wire {
    /// What the clients of this thread share.
    pub(crate) fn new(epoll: Epoll, setup: &Setup, thread: u32, callers: Option<Callers>) -> Wire {
        let (origins, bodies) = (setup.origins.len(), setup.options.bodies);
        let standard = |population| Standard::new(population, origins, bodies);
        Wire {
            epoll,
            origins: setup.origins.clone(),
            buffer: vec![0; READ_BYTES],
            standards: setup.populations.iter().map(standard).collect(),
            sockets: SocketLog::new(setup.directory.join(sockets_name(thread as usize))),
            callers,
            connections: 0,
            numbers: Numbers::new(setup, thread),
            now: clock::now(),
        }
    }

    /// Reads the clock.
    pub(crate) fn tick(&mut self) -> Nanos {
        self.now = clock::now();
        self.now
    }

    /// Says that every connection is written down.
    pub(crate) fn seal(&mut self) -> Result<(), ledger::Error> {
        self.callers.take().map_or(Ok(()), Callers::seal)
    }

    /// Keeps what the kernel knows of the connection of an attempt that failed.
    pub(crate) fn keep_evidence(&mut self, id: u64, socket: &Socket) {
        if self.sockets.has_room()
            && let Some(state) = socket_state(socket, id)
        {
            self.sockets.write(&state);
        }
    }

    /// The number of a new connection, of a client that has an address of its own or of none in particular.
    pub(crate) fn number_connection(&mut self, client: Option<u32>) -> u32 {
        let number = self.numbers.after(self.connections);
        self.connections += 1;
        if let (Some(callers), Some(client)) = (&self.callers, client) {
            callers.opened(&Caller { connection: number, client });
        }
        number
    }
}
