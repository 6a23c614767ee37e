//! Giving connections to workers that accept.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, VecDeque},
    io,
    os::fd::AsFd,
    process,
    rc::Rc,
    time::Duration,
};

use tokio::{sync::Notify, task::JoinSet, time::timeout};

use super::{
    super::service::{Service, Stage},
    OFFER_CONNECTIONS_MAX, OFFER_UNREAD_BYTES_MAX,
    channel::Channel,
    luggage::Parcel,
    message::{Item, Message},
    take,
};
use crate::names;

/// How long a taker may think about an offer. One that lives answers within a turn of its loop.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// How long whoever accepts may take to say so.
const GREETING_DEADLINE: Duration = Duration::from_millis(500);

/// Most takers at a time: enough to spread the connections, and few enough for hundreds of workers to drain at once.
const TAKERS_MAX: usize = 4;
const CALLS_MAX: usize = 16;

/// Connections that wait to be given away.
#[derive(Debug, Default)]
pub(in crate::worker) struct Departures {
    queue: RefCell<VecDeque<Parcel>>,
    added: Notify,
    given: Cell<u64>,
}

impl Departures {
    pub(in crate::worker) fn add(&self, parcel: Parcel) {
        self.queue.borrow_mut().push_back(parcel);
        self.added.notify_one();
    }

    /// How many have gone.
    pub(in crate::worker) fn given(&self) -> u64 {
        self.given.get()
    }

    fn put_back(&self, parcels: Vec<Parcel>) {
        let mut queue = self.queue.borrow_mut();
        parcels.into_iter().rev().for_each(|parcel| queue.push_front(parcel));
        self.added.notify_one();
    }

    /// As many as one offer may have, and at least one. What was taken out is lost if it is not held on to, so nothing is
    /// awaited after that.
    async fn batch(&self) -> Vec<Parcel> {
        loop {
            let batch = self.take_batch();
            if !batch.is_empty() {
                // Another taker may do something about the rest.
                self.added.notify_one();
                return batch;
            }
            self.added.notified().await;
        }
    }

    fn take_batch(&self) -> Vec<Parcel> {
        let mut queue = self.queue.borrow_mut();
        let mut left = OFFER_UNREAD_BYTES_MAX;
        let mut fits =
            |parcel: &Parcel| left.checked_sub(parcel.unread.len()).map(|rest| left = rest).is_some();
        let count = queue.iter().take(OFFER_CONNECTIONS_MAX).take_while(|parcel| fits(parcel)).count();
        queue.drain(..count).collect()
    }
}

/// Whether anybody of this family accepts now.
pub(in crate::worker) fn is_anybody_there(family: &str) -> bool {
    !names::listening(family).is_empty()
}

/// Gives connections away for as long as there is anybody who takes them. After that those that are left are served here to
/// their end.
pub(in crate::worker) async fn give(service: Rc<Service>, family: String) {
    let mut tried = BTreeSet::new();
    loop {
        let takers = find(&service, &family, &mut tried).await;
        if takers.is_empty() {
            break;
        }
        service.enter(Stage::HandingOver);
        let mut giving = JoinSet::new();
        takers.into_iter().for_each(|taker| drop(giving.spawn_local(give_to(Rc::clone(&service), taker))));
        while giving.join_next().await.is_some() {}
        service.enter(Stage::Seeking);
    }
    service.log.notice("nobody takes connections: each of them ends with its next answer");
    service.enter(Stage::Draining);
    let left = std::mem::take(&mut *service.departures.queue.borrow_mut());
    left.into_iter().for_each(|parcel| take::serve(&service, parcel));
}

/// Some of those who accept and were not tried before; of another generation, if there is one.
async fn find(service: &Service, family: &str, tried: &mut BTreeSet<String>) -> Vec<Channel> {
    let mut names = names::listening(family);
    names.retain(|name| !tried.contains(name));
    if !names.is_empty() {
        // Not all givers to the same takers.
        let first = usize::try_from(process::id()).unwrap_or_default() % names.len();
        names.rotate_left(first);
        names.truncate(CALLS_MAX);
    }
    let mut greetings = JoinSet::new();
    names.into_iter().for_each(|name| drop(greetings.spawn_local(greet(name))));
    let mut found = Vec::new();
    while let Some(greeted) = greetings.join_next().await {
        let Ok((name, taker)) = greeted else { continue };
        tried.insert(name.clone());
        match taker {
            Ok((generation, taker)) => found.push((generation, name, taker)),
            Err(error) => service.log.info(&format!("{name} takes no connections: {error}")),
        }
    }
    if found.iter().any(|(generation, ..)| *generation != service.generation) {
        found.retain(|(generation, ..)| *generation != service.generation);
    }
    // Their turn comes when the others are gone.
    let spare = found.split_off(found.len().min(TAKERS_MAX));
    for (_, name, _) in spare {
        tried.remove(&name);
    }
    found.into_iter().map(|(.., taker)| taker).collect()
}

/// Calls whoever accepts under this name; its generation.
async fn greet(name: String) -> (String, io::Result<(u32, Channel)>) {
    let greeting = async {
        let taker = Channel::call(&name)?;
        match taker.hear().await? {
            Some((Message::Ready { generation }, _)) => Ok((generation, taker)),
            other => Err(io::Error::other(format!("it said {other:?}"))),
        }
    };
    let greeted = timeout(GREETING_DEADLINE, greeting).await.unwrap_or_else(|late| Err(late.into()));
    (name, greeted)
}

/// Gives to one taker until it leaves or does not answer.
async fn give_to(service: Rc<Service>, taker: Channel) {
    let pid = taker.pid;
    service.log.notice(&format!("handing connections over to worker process {pid}"));
    loop {
        let batch = tokio::select! {
            biased;
            // It has nothing to say: it leaves.
            _ = taker.hear() => return,
            batch = service.departures.batch() => batch,
        };
        let count = batch.len();
        match offer(&taker, batch).await {
            Given::Taken { declined } => {
                let given = count - declined.len();
                service.departures.given.set(service.departures.given() + given as u64);
                service.log.info(&format!("{given} connections went to worker process {pid}"));
                declined.into_iter().for_each(|parcel| take::stay(&service, parcel));
            }
            Given::Kept { all, why } => {
                service.log.warn(&format!("worker process {pid} takes no more connections: {why}"));
                return service.departures.put_back(all);
            }
        }
    }
}

/// What became of an offer.
enum Given {
    /// They are the taker's, but for those that it would not have.
    Taken { declined: Vec<Parcel> },
    /// None of them was, or will be, read by the taker.
    Kept { all: Vec<Parcel>, why: String },
}

async fn offer(taker: &Channel, all: Vec<Parcel>) -> Given {
    let which = match agree(taker, &all).await {
        Ok(which) => which,
        Err(why) => return Given::Kept { all, why },
    };
    // Either it hears this or it is gone.
    if let Err(error) = taker.say(&Message::Yours, &[]).await {
        return Given::Kept { all, why: error.to_string() };
    }
    // Gone, before it had read anything. Whatever else it says, it was told that they are its own.
    if let Ok(None) = taker.hear().await {
        return Given::Kept { all, why: "it ended".to_owned() };
    }
    let answered = all.into_iter().zip(which);
    Given::Taken { declined: answered.filter(|(_, agreed)| !agreed).map(|(parcel, _)| parcel).collect() }
}

/// Which of them the taker would serve. After an error it serves none.
async fn agree(taker: &Channel, all: &[Parcel]) -> Result<Vec<bool>, String> {
    let items = all.iter().map(|parcel| Item::new(parcel.luggage.clone(), parcel.unread.clone())).collect();
    let sockets: Vec<_> = all.iter().map(|parcel| parcel.socket.as_fd()).collect();
    taker.say(&Message::Offer { items }, &sockets).await.map_err(|error| error.to_string())?;
    let why = match timeout(PATIENCE, taker.hear()).await {
        Ok(Ok(Some((Message::Agreed { which }, _)))) if which.len() == all.len() => return Ok(which),
        Ok(Ok(None)) => return Err("it ended".to_owned()),
        Ok(Ok(Some((other, _)))) => format!("an agreement was expected, not {other:?}"),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} ms", PATIENCE.as_millis()),
    };
    // It may have agreed, and then waits for the last word. The offer left room for it in the socket.
    match taker.say(&Message::Withdrawn, &[]).await {
        Ok(()) => Err(why),
        Err(error) => Err(format!("{why}; {error}")),
    }
}
