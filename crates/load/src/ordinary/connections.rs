//! Which connection an attempt was on, as far as it can be known. reqwest lets its connector be wrapped, and its
//! responses and errors name the client's port; the rest follows from who polls whom.

use std::{
    collections::HashMap,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use facts::Nanos;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpInfo};
use ledger::clock;
use tower_layer::Layer;
use tower_service::Service;

use crate::wire::Numbers;

tokio::task_local! {
    /// The attempt whose task this is.
    static TRAIL: Arc<Trail>;
}

/// A connection as one attempt used it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// Numbered from 1 in the run.
    pub(super) number: u32,
    /// Requests on it before this one.
    pub(super) sequence: u16,
    pub(super) port: u16,
    /// When its handshake began.
    pub(super) opened: Nanos,
    /// When it was over.
    pub(super) established: Nanos,
}

/// All connections of a thread, by the client's port.
pub(super) struct Connections {
    numbers: Numbers,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    opened: u32,
    /// As the next attempt on it will find it.
    by_port: HashMap<u16, Use>,
}

impl Connections {
    pub(super) fn new(numbers: Numbers) -> Connections {
        Connections { numbers, known: Mutex::default() }
    }

    /// How many were begun.
    pub(super) fn opened(&self) -> u32 {
        lock(&self.known).opened
    }

    /// Takes down that an attempt used the connection of this port.
    pub(super) fn used(&self, port: u16) -> Option<Use> {
        let mut known = lock(&self.known);
        let connection = known.by_port.get_mut(&port)?;
        let used = *connection;
        connection.sequence = used.sequence.saturating_add(1);
        Some(used)
    }

    /// Counted even if it fails: a refused attempt is a connection of its own.
    fn number(&self) -> u32 {
        let mut known = lock(&self.known);
        known.opened += 1;
        self.numbers.after(known.opened - 1)
    }

    fn establish(&self, new: Use) {
        lock(&self.known).by_port.insert(new.port, new);
    }
}

/// The client's port of a connection.
pub(super) fn port(connected: &Connected) -> Option<u16> {
    let mut extras = http::Extensions::new();
    connected.get_extras(&mut extras);
    extras.get::<HttpInfo>().map(|info| info.local_addr().port())
}

/// What was seen of an attempt from outside.
#[derive(Debug, Default)]
pub(super) struct Trail(Mutex<Seen>);

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// The request was polled: by then it had a pooled connection, or had begun to open one.
    is_polled: bool,
    resent: bool,
    way: Way,
}

/// How an attempt came to its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// It has opened none: it took one that was there.
    #[default]
    Pooled,
    /// It opens one.
    Opening { number: u32, opened: Nanos },
    /// It has opened one.
    Opened(Use),
    /// Another became free before its own was open: it took that, and somebody else goes on opening its own.
    Overtaken,
}

impl Trail {
    pub(super) fn way(&self) -> Way {
        lock(&self.0).way
    }

    /// The library has sent the request again because it had written nothing of it on the first connection. If it found
    /// another one in its pool, nobody can see that.
    pub(super) fn was_resent(&self) -> bool {
        lock(&self.0).resent
    }

    pub(super) fn is_polled(&self) {
        lock(&self.0).is_polled = true;
    }

    fn set(&self, way: Way) {
        lock(&self.0).way = way;
    }

    fn opens(&self, number: u32, opened: Nanos) {
        let mut seen = lock(&self.0);
        // The first poll opens a connection if none is idle: one that is opened later replaces one that had closed.
        seen.resent |= seen.is_polled;
        seen.way = Way::Opening { number, opened };
    }

    /// Follows the attempt through this future.
    pub(super) async fn follow<F: Future>(self: &Arc<Trail>, attempt: F) -> F::Output {
        TRAIL.scope(self.clone(), attempt).await
    }

    fn is_here(&self) -> bool {
        TRAIL.try_with(|here| std::ptr::eq(Arc::as_ptr(here), self)).unwrap_or(false)
    }
}

/// Wraps the connector, so that the opening of every connection is seen.
#[derive(Clone)]
pub(super) struct Watch(pub(super) Arc<Connections>);

/// A connector that is watched.
#[derive(Clone)]
pub(super) struct Watched<S> {
    connector: S,
    connections: Arc<Connections>,
}

impl<S> Layer<S> for Watch {
    type Service = Watched<S>;

    fn layer(&self, connector: S) -> Watched<S> {
        Watched { connector, connections: self.0.clone() }
    }
}

impl<S, R> Service<R> for Watched<S>
where
    S: Service<R>,
    S::Response: Connection,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, to: R) -> Self::Future {
        let (number, opened) = (self.connections.number(), clock::now());
        let trail = TRAIL.try_with(Arc::clone).ok();
        if let Some(trail) = &trail {
            trail.opens(number, opened);
        }
        let connections = self.connections.clone();
        let opening = self.connector.call(to);
        Box::pin(async move {
            let connection = watched(opening, trail.as_deref()).await?;
            if let Some(port) = port(&connection.connected()) {
                let new = Use { number, sequence: 0, port, opened, established: clock::now() };
                connections.establish(new);
                if let Some(trail) = trail.filter(|trail| trail.is_here()) {
                    trail.set(Way::Opened(new));
                }
            }
            Ok(connection)
        })
    }
}

/// Opens a connection; notes when another task than that of its attempt goes on with it.
async fn watched<F: Future>(opening: F, trail: Option<&Trail>) -> F::Output {
    let mut opening = pin!(opening);
    std::future::poll_fn(|context| {
        if let Some(trail) = trail.filter(|trail| !trail.is_here()) {
            trail.set(Way::Overtaken);
        }
        opening.as_mut().poll(context)
    })
    .await
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
