//! A proxy in the path from the clients to a target, there only when a plan disturbs that path: it delays, resets or
//! swallows what it carries. It knows nothing of HTTP. What it cannot pass on as it is: a client whose connection is
//! refused behind it sees a reset.

mod pair;
mod pipe;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io,
    net::{SocketAddr, TcpListener},
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
};

use facts::{Nanos, plan::NetFault};
use ledger::clock::now;
use rustix::{
    buffer::spare_capacity,
    event::{
        EventfdFlags, Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
        eventfd,
    },
    io::Errno,
};

use self::pair::{Pair, Side};
use crate::Error;

const LISTENER: u64 = u64::MAX;
const BELL: u64 = u64::MAX - 1;
/// Most events taken at once.
const EVENTS: usize = 256;

/// A running proxy. Dropping it closes every connection.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    fault: Mutex<NetFault>,
    is_over: AtomicBool,
    bell: OwnedFd,
}

impl Proxy {
    /// Listens on `address` and carries everything to and from `target`.
    pub(crate) fn start(address: SocketAddr, target: SocketAddr) -> Result<Proxy, Error> {
        let failed = |source| Error::Proxy { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let bell = bell.map_err(|errno| failed(errno.into()))?;
        let shared =
            Arc::new(Shared { fault: Mutex::new(NetFault::None), is_over: AtomicBool::new(false), bell });
        let carrier = Carrier::new(listener, target, shared.clone()).map_err(failed)?;
        let thread = Builder::new().name("proxy".into()).spawn(|| carrier.run()).map_err(failed)?;
        Ok(Proxy { address, shared, thread: Some(thread) })
    }

    /// From now on the path fails in this way.
    pub(crate) fn set(&self, fault: NetFault) {
        *self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        self.shared.ring();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.shared.ring();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Shared {
    fn ring(&self) {
        // Fails only when the counter is full, and then it was written before.
        rustix::io::write(&self.bell, &1_u64.to_ne_bytes()).ok();
    }
}

/// The thread: everything it carries.
struct Carrier {
    epoll: OwnedFd,
    listener: TcpListener,
    target: SocketAddr,
    shared: Arc<Shared>,
    fault: NetFault,
    pairs: BTreeMap<u64, Pair>,
    /// When a pair has something to pass on.
    due: BinaryHeap<Reverse<(Nanos, u64)>>,
    next: u64,
}

impl Carrier {
    fn new(listener: TcpListener, target: SocketAddr, shared: Arc<Shared>) -> io::Result<Carrier> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        listener.set_nonblocking(true)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        epoll::add(&epoll, &shared.bell, EventData::new_u64(BELL), EventFlags::IN | EventFlags::ET)?;
        let (pairs, due) = (BTreeMap::new(), BinaryHeap::new());
        Ok(Carrier { epoll, listener, target, shared, fault: NetFault::None, pairs, due, next: 0 })
    }

    fn run(mut self) {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        while !self.shared.is_over.load(Ordering::SeqCst) {
            events.clear();
            let limit = self.due.peek().map(|Reverse((at, _))| nanos(at.saturating_sub(now())));
            match epoll::wait(&self.epoll, spare_capacity(&mut events), limit.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                // Nothing more can be carried; the clients see every connection closed.
                Err(_) => return,
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept(),
                    BELL => self.change(),
                    // Both sockets of a pair have neighbouring tokens.
                    token => self.carry(token / 2),
                }
            }
            self.carry_due();
        }
    }

    fn accept(&mut self) {
        while let Ok((client, _)) = self.listener.accept() {
            if self.fault == NetFault::Reset {
                Side::new(client.into()).reset();
                continue;
            }
            let Ok(pair) = Pair::connect(client, self.target) else { continue };
            let id = self.next;
            self.next += 1;
            let edges = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            let watched =
                [(&pair.client, 2 * id), (&pair.server, 2 * id + 1)].into_iter().all(|(side, token)| {
                    epoll::add(&self.epoll, &side.socket, EventData::new_u64(token), edges).is_ok()
                });
            if watched {
                self.pairs.insert(id, pair);
                self.carry(id);
            }
        }
    }

    fn change(&mut self) {
        self.fault = *self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if self.fault == NetFault::Reset {
            std::mem::take(&mut self.pairs).into_values().for_each(Pair::reset);
        }
        let all: Vec<u64> = self.pairs.keys().copied().collect();
        all.into_iter().for_each(|id| self.carry(id));
    }

    fn carry_due(&mut self) {
        while let Some(Reverse((at, id))) = self.due.peek().copied()
            && at <= now()
        {
            self.due.pop();
            self.carry(id);
        }
    }

    fn carry(&mut self, id: u64) {
        let delay = match self.fault {
            NetFault::Blackhole => return,
            NetFault::Latency { nanos } => nanos,
            NetFault::Reset | NetFault::None => 0,
        };
        let Some(pair) = self.pairs.get_mut(&id) else { return };
        match pair.carry(delay) {
            Ok(pair::Carried::Waits(until)) => {
                self.due.extend(until.map(|at| Reverse((at, id))));
            }
            Ok(pair::Carried::Over) => drop(self.pairs.remove(&id)),
            Err(_) => self.pairs.remove(&id).into_iter().for_each(Pair::reset),
        }
    }
}

fn nanos(nanos: Nanos) -> Timespec {
    Timespec { tv_sec: (nanos / 1_000_000_000) as i64, tv_nsec: (nanos % 1_000_000_000) as i64 }
}

#[cfg(test)]
mod tests;
