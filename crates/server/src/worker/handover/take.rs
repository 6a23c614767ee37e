//! Taking connections from workers that drain.

use std::{
    future::poll_fn,
    io,
    os::{fd::OwnedFd, unix::net::UnixDatagram as StdListener},
    process,
    rc::{Rc, Weak},
    sync::atomic::{AtomicU32, Ordering},
    task::{Context, Poll, ready},
};

use tokio::{
    io::Interest,
    net::UnixDatagram,
    task::{AbortHandle, spawn_local},
};

use super::{
    super::{
        connection::{self, Connection},
        service::Service,
    },
    channel::Channel,
    luggage::{Parcel, Will},
    message::{Item, Message},
};
use crate::control;

/// Listens for givers until it is dropped; the name is gone at that moment, and whoever reads the list finds nobody here.
#[derive(Debug)]
pub(in crate::worker) struct Arrivals {
    _listener: Rc<UnixDatagram>,
    listening: AbortHandle,
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// From here on connections are taken, as if this worker had accepted them.
///
/// # Errors
/// The name cannot be had.
pub(in crate::worker) fn take(service: &Rc<Service>, family: &str) -> io::Result<Arrivals> {
    // Workers of tests are threads of one process.
    static OPENED: AtomicU32 = AtomicU32::new(0);
    let opened = OPENED.fetch_add(1, Ordering::Relaxed);
    let listener = control::open(&format!("{family}{}.{opened}", process::id()))?;
    // What tokio knows of a datagram socket, its readiness, is the same for one that listens.
    let listener = Rc::new(UnixDatagram::from_std(StdListener::from(listener))?);
    let (weak, service) = (Rc::downgrade(&listener), Rc::clone(service));
    let listening = spawn_local(async move { listen(&service, &weak).await }).abort_handle();
    Ok(Arrivals { _listener: listener, listening })
}

async fn listen(service: &Rc<Service>, listener: &Weak<UnixDatagram>) {
    while let Some(admitted) = poll_fn(|cx| poll_admit(listener, cx)).await {
        match admitted.and_then(Channel::new) {
            Ok(giver) => drop(spawn_local(hear_out(Rc::clone(service), giver))),
            Err(error) => service.log.error(&format!("failed to hear a worker that drains: {error}")),
        }
    }
}

fn poll_admit(listener: &Weak<UnixDatagram>, cx: &mut Context) -> Poll<Option<io::Result<OwnedFd>>> {
    let Some(listener) = listener.upgrade() else { return Poll::Ready(None) };
    loop {
        ready!(listener.poll_recv_ready(cx))?;
        let next = || control::admit(&*listener).ok_or_else(|| io::ErrorKind::WouldBlock.into());
        match listener.try_io(Interest::READABLE, next) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            admitted => return Poll::Ready(Some(admitted)),
        }
    }
}

async fn hear_out(service: Rc<Service>, giver: Channel) {
    let heard = tokio::select! {
        heard = take_from(&service, &giver) => heard,
        () = service.cut() => Ok(()),
    };
    if let Err(error) = heard {
        service.log.error(&format!("failed to take connections from worker process {}: {error}", giver.pid));
    }
}

/// Takes what is offered, until one side leaves.
async fn take_from(service: &Rc<Service>, giver: &Channel) -> io::Result<()> {
    giver.say(&Message::Ready { generation: service.generation }, &[]).await?;
    loop {
        let word = tokio::select! {
            biased;
            () = service.leaves() => return Ok(()),
            word = giver.hear() => word?,
        };
        let (items, sockets) = match word {
            None | Some((Message::Withdrawn, _)) => return Ok(()),
            Some((Message::Offer { items }, sockets)) => (items, sockets),
            Some((other, _)) => {
                return Err(io::Error::other(format!("an offer was expected, not {other:?}")));
            }
        };
        if settle(service, giver, items, sockets).await? == Offer::Withdrawn {
            return Ok(());
        }
    }
}

/// How the talk about an offer ended.
#[derive(PartialEq, Eq)]
enum Offer {
    Settled,
    Withdrawn,
}

async fn settle(
    service: &Rc<Service>,
    giver: &Channel,
    items: Vec<Item>,
    sockets: Vec<OwnedFd>,
) -> io::Result<Offer> {
    let mut sockets = sockets.into_iter();
    let arrived: Vec<Option<Parcel>> =
        items.into_iter().map(|item| unpack(service, item, sockets.next())).collect();
    let which = arrived.iter().map(Option::is_some).collect();
    // If that does not reach the giver, its last word says whose they are, and its death says so as well.
    let _ = giver.say(&Message::Agreed { which }, &[]).await;
    match giver.hear().await? {
        // A giver that is dead reads no more.
        None => note_taken(service, &arrived),
        // From the next word on nobody else has them: whoever is killed then leaves written down what was in its hands.
        Some((Message::Yours, _)) => {
            note_taken(service, &arrived);
            drop(giver.say(&Message::Taken, &[]).await);
        }
        Some((Message::Withdrawn, _)) => return Ok(Offer::Withdrawn),
        Some((other, _)) => return Err(io::Error::other(format!("a last word was expected, not {other:?}"))),
    }
    let (arrived, pid) = (arrived.into_iter().flatten().collect::<Vec<Parcel>>(), giver.pid);
    service.log.info(&format!("{} connections came from worker process {pid}", arrived.len()));
    arrived.into_iter().for_each(|parcel| serve(service, parcel));
    Ok(Offer::Settled)
}

fn note_taken(service: &Service, arrived: &[Option<Parcel>]) {
    arrived.iter().flatten().for_each(|parcel| service.note_taken(parcel.luggage.client()));
}

/// `None` if it cannot be served here: the configuration has no such listener, there is no room, or no descriptor was left
/// for it.
fn unpack(service: &Rc<Service>, item: Item, socket: Option<OwnedFd>) -> Option<Parcel> {
    let Item { luggage, unread, .. } = item;
    let is_served = service.configuration.http.server_for(&luggage.local(), "").is_some();
    let has_place = service.has_place();
    socket.filter(|_| is_served && has_place).map(|socket| Parcel {
        socket,
        luggage,
        unread,
        ticket: service.admit(),
        will: Will::Goes,
    })
}

/// Serves a connection that is not to go anywhere.
pub(in crate::worker) fn stay(service: &Rc<Service>, parcel: Parcel) {
    serve(service, Parcel { will: Will::Stays, ..parcel });
}

/// Serves a connection that came, or that did not go after all.
pub(super) fn serve(service: &Rc<Service>, parcel: Parcel) {
    match Connection::resume(service, parcel) {
        Ok(connection) => drop(spawn_local(connection::serve(connection))),
        Err(error) => service.log.alert(&format!("failed to go on with a connection: {error}")),
    }
}
