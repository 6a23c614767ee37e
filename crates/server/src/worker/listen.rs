//! Accepting: one loop per listener, for as long as the worker is told to.

use std::{
    future::poll_fn,
    io,
    os::fd::OwnedFd,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use conf::Address;
use nix::errno::Errno;
use tokio::{
    net::{TcpListener, UnixListener},
    task::{AbortHandle, spawn_local},
    time::{Instant, timeout},
};

use super::{
    Listener,
    connection::{self, Client, Connection},
    room::Room,
    service::Service,
    stream::Stream,
};

/// How long accepting rests when there are no descriptors, unless a connection closes first.
const REST: Duration = Duration::from_millis(100);

/// How often the log tells of it.
const SAID_EVERY: Duration = Duration::from_secs(1);

/// The running loops. Dropping it deregisters the listeners. The sockets stay open: they are shared with the master
/// and with other workers, and what is queued in them is theirs to accept.
#[derive(Debug)]
pub(super) struct Accepting(Vec<AbortHandle>);

impl Drop for Accepting {
    fn drop(&mut self) {
        // A loop can be ended only where it waits: between accepting a connection and starting to serve it there is
        // no such place.
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// Registers every listener and begins to accept.
///
/// # Errors
/// A listener cannot be duplicated or registered; then none is.
pub(super) fn start(service: &Rc<Service>, listeners: &[Listener]) -> io::Result<Accepting> {
    let registered: io::Result<Vec<(Acceptor, Address)>> = listeners.iter().map(register).collect();
    let start = |(listener, address)| spawn_local(run(Rc::clone(service), listener, address)).abort_handle();
    Ok(Accepting(registered?.into_iter().map(start).collect()))
}

/// A duplicate, so that accepting can be stopped and started again.
fn register(listener: &Listener) -> io::Result<(Acceptor, Address)> {
    let acceptor = Acceptor::new(listener.socket.try_clone()?, &listener.address)?;
    Ok((acceptor, listener.address.clone()))
}

/// A registered listening socket.
enum Acceptor {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Acceptor {
    fn new(socket: OwnedFd, address: &Address) -> io::Result<Acceptor> {
        match address {
            Address::Inet(_) => {
                let socket = std::net::TcpListener::from(socket);
                socket.set_nonblocking(true)?;
                TcpListener::from_std(socket).map(Acceptor::Tcp)
            }
            Address::Unix(_) => {
                let socket = std::os::unix::net::UnixListener::from(socket);
                socket.set_nonblocking(true)?;
                UnixListener::from_std(socket).map(Acceptor::Unix)
            }
        }
    }

    fn poll_accept(&self, cx: &mut Context) -> Poll<io::Result<(Stream, Client)>> {
        let accepted = match self {
            Acceptor::Tcp(listener) => {
                let accepted = ready!(listener.poll_accept(cx));
                accepted.map(|(stream, client)| (Stream::Tcp(stream), Client::Remote(client)))
            }
            Acceptor::Unix(listener) => {
                let accepted = ready!(listener.poll_accept(cx));
                accepted.map(|(stream, _)| (Stream::Unix(stream), Client::Local))
            }
        };
        Poll::Ready(accepted)
    }
}

async fn run(service: Rc<Service>, listener: Acceptor, address: Address) {
    let mut said: Option<Instant> = None;
    loop {
        match poll_fn(|cx| poll_accept(&service, &listener, cx)).await {
            None => rest_until(&service, || service.room().is_some()).await,
            Some(Ok((stream, client))) => {
                admit(&service, stream, client, &address);
            }
            Some(Err(error)) => {
                // With clients that come and go it is so again after each of them.
                let is_news = said.is_none_or(|said| said.elapsed() > SAID_EVERY);
                if is_exhausted(&error) && is_news {
                    service.log.crit(&format!(
                        "accept4() failed ({error}): accepting rests until a connection closes"
                    ));
                    said = Some(Instant::now());
                }
                if is_exhausted(&error) {
                    let _ = timeout(REST, service.freed.notified()).await;
                }
            }
        }
    }
}

/// `None` if there is no room: left in the queue, connections can be accepted by another worker; nginx accepts and closes
/// them. The look for room and the accept are one step, so that nobody is asked to end for a client that does not come.
fn poll_accept(
    service: &Service,
    listener: &Acceptor,
    cx: &mut Context,
) -> Poll<Option<io::Result<(Stream, Client)>>> {
    let Some(room) = service.room() else { return Poll::Ready(None) };
    let accepted = ready!(listener.poll_accept(cx));
    if let (Ok(_), Room::After(idle)) = (&accepted, room) {
        idle.make_room();
    }
    Poll::Ready(Some(accepted))
}

async fn rest_until(service: &Service, fits: impl Fn() -> bool) {
    while !fits() {
        let _ = timeout(REST, service.freed.notified()).await;
    }
}

/// From here on the connection is served, whatever the worker is told.
fn admit(service: &Rc<Service>, stream: Stream, client: Client, listener: &Address) {
    // Answers are written whole; waiting for an acknowledgement would only delay them.
    if let Err(error) = stream.set_nodelay() {
        service.log.info(&format!("setsockopt(TCP_NODELAY) failed ({error}), client: {client:?}"));
    }
    let local = stream.local_address().unwrap_or_else(|| listener.clone());
    let connection = Connection::new(service, stream, client, local);
    spawn_local(connection::serve(connection));
}

/// Out of descriptors or memory: trying again at once would only burn the processor.
fn is_exhausted(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM))
}
