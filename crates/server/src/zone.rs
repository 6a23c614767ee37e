//! `zone`: what is known of the peers of an upstream, for all workers of all generations (G12). Two segments hold it: what was
//! seen of peers, which a reload may forget, and what an operator said of them at run time, which it does not.
//!
//! Nothing is ever taken out of a segment, because a process of another generation may be using it. Where one has no room for what a
//! configuration needs, that configuration goes on in a larger one, with what was seen of its peers until then; the other ends with
//! the last process that uses it.
//!
//! An order holds until a configuration says something else of that peer: it is obeyed by every configuration that was read before
//! it was given, and by later ones as long as they say of the peer what was said when it was given.

mod orders;
mod shared;
mod standings;

use std::{
    io,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
};

use balance::{Health, Order, Setup, Standing};
use conf::{AtReload, Configuration, Peer, Upstream};

pub(crate) use self::shared::{Counts, Shared};
use self::standings::Seen;
use crate::{
    segment::{self, Kind, Room, Segment, Unusable},
    upstream,
};

/// Orders are for all generations at once, so there is one room for all: four times the servers that an upstream may have.
pub(crate) const ORDERS: usize = 4 * 512;

/// Masters that give orders at this moment.
const ORDERS_ROOM: Room = Room { places: 64, counters: 0, list: ORDERS * orders::WORDS };

/// The zone of one upstream, as one configuration knows it.
#[derive(Debug)]
pub(crate) struct Zone {
    pub(crate) orders: Arc<Segment>,
    pub(crate) standings: Arc<Segment>,
    pub(crate) audience: Audience,
    /// What workers of former configurations go on with, as long as there are any.
    former: Mutex<Vec<Arc<Segment>>>,
    peers: Vec<Known>,
    /// Orders that there were when this configuration was read.
    orders_before: u64,
}

/// Who hears the orders of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Workers of this configuration and of those after it: those before had no such zone, or one that we cannot read.
    Ours,
    /// All workers that there are.
    Everybody,
}

/// A peer, as all configurations know it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    key: u64,
    setup: Setup,
    /// What the configuration says.
    configured: Order,
}

/// Of each upstream in the order of the configuration; `None` without a zone.
pub(crate) type Zones = Vec<Option<Arc<Zone>>>;

/// Why zones are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// A master starts: it goes on with what others know.
    Start,
    /// Its configuration has changed.
    Reload,
}

/// The zones of a configuration with so many workers, with what is in the segments that there are already.
pub(crate) fn open(
    (configuration, workers): (&Configuration, u32),
    have: &[Arc<Segment>],
    occasion: Occasion,
) -> io::Result<Zones> {
    let workers = workers as usize;
    let upstreams = configuration.http.upstreams.iter();
    let zone = |upstream: &Upstream| match &upstream.zone {
        Some(zone) => {
            let is_forgotten = occasion == Occasion::Reload && zone.at_reload == AtReload::Forgotten;
            let orders = find(have, Kind::Orders, upstream).into_iter().next();
            let mut former = find(have, Kind::Standings, upstream);
            // They say how many orders there were: without those they are of no use.
            let goes_on = orders.is_some() && !is_forgotten && !former.is_empty();
            let found = goes_on.then(|| Arc::clone(&former[0]));
            let (orders, audience) = match orders {
                Some(orders) => (orders, Audience::Everybody),
                None => {
                    let orders = Segment::new(Kind::Orders, &upstream.name, ORDERS_ROOM)?;
                    (Arc::new(orders), Audience::Ours)
                }
            };
            let standings = standings::go_on(found, upstream, &keys(&upstream.peers), workers)?;
            former.retain(|segment| !Arc::ptr_eq(segment, &standings) && segment.is_used());
            Ok(Some(Arc::new(Zone::new((orders, audience), (standings, former), upstream))))
        }
        None => Ok(None),
    };
    let named = |upstream: &Upstream| {
        let unopened = |error: io::Error| {
            io::Error::other(format!("failed to open the zone of upstream \"{}\": {error}", upstream.name))
        };
        zone(upstream).map_err(unopened)
    };
    upstreams.map(named).collect()
}

/// The newest first.
fn find(have: &[Arc<Segment>], kind: Kind, upstream: &Upstream) -> Vec<Arc<Segment>> {
    let found = have.iter().filter(|segment| segment.kind == kind && segment.name == upstream.name);
    found.cloned().collect()
}

/// The segments of zones.
pub(crate) fn segments(zones: &Zones) -> Vec<Arc<Segment>> {
    let of_zone = |zone: &Arc<Zone>| {
        let current = [Arc::clone(&zone.orders), Arc::clone(&zone.standings)];
        current.into_iter().chain(zone.former())
    };
    zones.iter().flatten().flat_map(of_zone).collect()
}

/// The segments of another generation, and why some are of no use.
pub(crate) fn adopt(fds: Vec<OwnedFd>) -> (Vec<Arc<Segment>>, Vec<Unusable>) {
    let mut refused = Vec::new();
    let adopted = fds.into_iter().filter_map(|fd| Segment::adopt(fd).map_err(|why| refused.push(why)).ok());
    let adopted = adopted.map(Arc::new).collect();
    (adopted, refused)
}

impl Zone {
    fn new(
        (orders, audience): (Arc<Segment>, Audience),
        (standings, former): (Arc<Segment>, Vec<Arc<Segment>>),
        upstream: &Upstream,
    ) -> Zone {
        let orders_before = orders.stamp().number();
        let former = Mutex::new(former);
        Zone { orders, standings, audience, former, peers: known(upstream), orders_before }
    }

    /// What holds of each peer now, and how many orders there ever were.
    fn obeyed(&self) -> (u64, Vec<Order>) {
        let (number, given) = orders::read(&self.orders);
        let peer = |peer: &Known| self.order_of(peer, &given);
        (number, self.peers.iter().map(peer).collect())
    }

    fn order_of(&self, peer: &Known, given: &[orders::Given]) -> Order {
        let holds = |given: &&orders::Given| {
            given.key == peer.key && (given.number > self.orders_before || given.said == peer.configured)
        };
        given.iter().find(holds).map_or(peer.configured, |given| given.order)
    }

    /// What holds of each peer, what the configuration says, its failures, and its connections.
    pub(crate) fn members(&self) -> Vec<Member> {
        self.members_under(&orders::read(&self.orders).1)
    }

    fn members_under(&self, given: &[orders::Given]) -> Vec<Member> {
        let known = standings::read(&self.standings);
        let former = self.former().into_iter().map(|segment| (standings::read(&segment), segment));
        let former: Vec<_> = former.collect();
        let conns = |key: u64, segment: &Segment, seen: &[Seen]| {
            let place = seen.iter().position(|seen| seen.key == key);
            place.map_or(0, |place| segment.sum(None, place))
        };
        let member = |peer: &Known| {
            let seen = known.iter().find(|seen| seen.key == peer.key);
            let standing = seen.map_or(Standing::NEW, |seen| seen.standing);
            let elsewhere = former.iter().map(|(seen, segment)| conns(peer.key, segment, seen));
            Member {
                order: self.order_of(peer, given),
                configured: peer.configured,
                fails: standing.fails,
                // A single one is asked however it fares.
                health: if self.peers.len() == 1 { Health::Good } else { peer.setup.health(&standing) },
                conns: conns(peer.key, &self.standings, &known) + elsewhere.sum::<u32>(),
            }
        };
        self.peers.iter().map(member).collect()
    }

    /// Gives orders for peers by their index, all at once. `change` makes them of what holds, with `None` for whom nothing is
    /// ordered, or says why not.
    pub(crate) fn order<E>(
        &self,
        change: impl Fn(&[Member]) -> Result<Vec<Option<Order>>, E>,
    ) -> Result<Result<(), E>, Full> {
        let own = self.orders.join().ok_or(Full)?;
        let done = loop {
            let (stamp, mut given) = orders::read_with_stamp(&self.orders);
            let after = match change(&self.members_under(&given)) {
                Ok(after) => after,
                Err(error) => break Ok(Err(error)),
            };
            for (peer, order) in self.peers.iter().zip(after).filter_map(|(peer, order)| Some((peer, order?)))
            {
                given.retain(|given| given.key != peer.key);
                let number = stamp.number() + 1;
                given.push(orders::Given { key: peer.key, order, said: peer.configured, number });
            }
            let words = orders::to_words(&given);
            // Nobody who was faster can be waited for here: it would not fit the next time either.
            if words.len() > ORDERS_ROOM.list {
                break Err(Full);
            }
            if self.orders.replace(own, stamp, &words).is_some() {
                break Ok(Ok(()));
            }
        };
        self.orders.leave(own);
        done
    }

    /// Orders that this configuration does not obey are over, so that they do not come back with a later one. For when no other
    /// generation can come back.
    pub(crate) fn settle(&self) {
        let Some(own) = self.orders.join() else { return };
        loop {
            let (stamp, mut given) = orders::read_with_stamp(&self.orders);
            let before = given.len();
            given.retain(|given| {
                let mut peers = self.peers.iter();
                peers.any(|peer| {
                    given.key == peer.key
                        && (given.number > self.orders_before || given.said == peer.configured)
                })
            });
            if given.len() == before || self.orders.replace(own, stamp, &orders::to_words(&given)).is_some() {
                break;
            }
        }
        self.orders.leave(own);
    }

    /// Keeps a place for a worker that was just started; false if too many processes share the zone.
    pub(crate) fn admit(&self, worker: u32) -> bool {
        self.standings.join_for(worker).is_some() || !segment::is_alive(worker)
    }

    /// Why a worker is not let in.
    pub(crate) fn is_crowded(&self) -> String {
        format!(
            "{} processes share the zone of upstream \"{}\", and there is no room for another until one of them ends: those of \
             former configurations and generations wait for their last connections",
            self.standings.room.places, self.standings.name
        )
    }

    fn former(&self) -> Vec<Arc<Segment>> {
        self.former.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What processes that have ended counted counts no more.
    pub(crate) fn sweep(&self) {
        self.standings.sweep();
        self.former.lock().unwrap_or_else(PoisonError::into_inner).retain(|segment| segment.is_used());
    }
}

/// Too many processes share a segment, or more orders are in force than it has room for.
#[derive(Debug, thiserror::Error)]
#[error("this zone is full")]
pub(crate) struct Full;

/// What is known of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) order: Order,
    pub(crate) configured: Order,
    pub(crate) fails: u32,
    pub(crate) health: Health,
    pub(crate) conns: u32,
}

fn known(upstream: &Upstream) -> Vec<Known> {
    let configured = upstream.peers.iter().map(|peer| Order { weight: peer.weight, down: peer.down });
    let setups = upstream::setups(upstream).into_iter().zip(configured);
    let known = |(key, (setup, configured))| Known { key, setup, configured };
    keys(&upstream.peers).into_iter().zip(setups).map(known).collect()
}

/// A name that stands several times is several peers.
fn keys(peers: &[Peer]) -> Vec<u64> {
    let key = |(index, peer): (usize, &Peer)| {
        let before = peers[..index].iter().filter(|other| other.name == peer.name).count();
        crate::names::fnv1a(format!("{}#{before}", peer.name).as_bytes())
    };
    peers.iter().enumerate().map(key).collect()
}

#[cfg(test)]
mod tests;
