//! A zone as one worker uses it: before each act it takes what all know, afterwards it gives what came of it. If another worker
//! was faster it acts once more.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use balance::{Conns, Pool};

use super::{
    Zone,
    standings::{self, List},
};
use crate::segment::{Place, Stamp};

/// A worker's part in a zone.
#[derive(Debug)]
pub(crate) struct Shared {
    zone: Arc<Zone>,
    place: Place,
    /// Orders that the pool obeys.
    obeyed: Cell<Option<u64>>,
    /// Where the peers stand in the list, by their index: nobody is ever taken out of it.
    places: Vec<usize>,
    /// Connections of this worker, by the index of the peer.
    own: RefCell<Vec<u32>>,
    words: RefCell<Vec<u64>>,
    counts: Counts,
}

/// What the connections of other workers are needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    /// Nothing.
    Told,
    /// The method compares them.
    Compared,
    /// `max_conns`: no two workers may take the last one.
    Limited,
}

/// What a worker took.
struct Taken {
    stamp: Stamp,
    list: List,
}

impl Shared {
    /// `None` if too many processes share the zone: then this one can neither be told nor be seen.
    pub(crate) fn join(zone: &Arc<Zone>, counts: Counts) -> Option<Shared> {
        let keys: Vec<u64> = zone.peers.iter().map(|peer| peer.key).collect();
        let places = standings::add(&zone.standings, &keys, None)?;
        let place = zone.standings.join()?;
        Some(Shared {
            zone: Arc::clone(zone),
            place,
            places,
            obeyed: Cell::new(None),
            own: RefCell::new(vec![0; zone.peers.len()]),
            words: RefCell::default(),
            counts,
        })
    }

    /// The pool obeys what was ordered last.
    pub(crate) fn obey(&self, pool: &mut Pool) {
        let number = self.zone.orders.stamp().number();
        if self.obeyed.get() != Some(number) {
            let (number, orders) = self.zone.obeyed();
            pool.order(&orders);
            self.obeyed.set(Some(number));
        }
    }

    /// Acts on what all know. `act` may have to be done several times; it begins from the same each time.
    pub(crate) fn act<T>(&self, pool: &mut Pool, act: impl Fn(&mut Pool) -> T) -> T {
        loop {
            let taken = self.take(pool);
            let done = act(pool);
            if self.give(pool, taken) {
                return done;
            }
        }
    }

    fn take(&self, pool: &mut Pool) -> Taken {
        loop {
            self.obey(pool);
            let (stamp, mut list) = standings::read_list(&self.zone.standings, &mut self.words.borrow_mut());
            // Whoever gave that had orders that we have not seen.
            if Some(list.orders) > self.obeyed.get() {
                self.obeyed.set(None);
                continue;
            }
            for (index, place) in self.places.iter().enumerate() {
                let own = self.own.borrow()[index];
                let conns = Conns { own, others: self.others(*place) };
                pool.recall(index, list.seen[*place].standing, conns);
            }
            if Some(list.orders) < self.obeyed.get() {
                pool.even_out();
                list.orders = self.obeyed.get().unwrap_or_default();
            }
            return Taken { stamp, list };
        }
    }

    fn others(&self, place: usize) -> u32 {
        match self.counts {
            Counts::Told => 0,
            Counts::Compared | Counts::Limited => self.zone.standings.sum(Some(self.place), place),
        }
    }

    /// Whether nobody was faster.
    fn give(&self, pool: &Pool, taken: Taken) -> bool {
        let Taken { stamp, mut list } = taken;
        let mut conns = Vec::with_capacity(self.places.len());
        for (index, place) in self.places.iter().enumerate() {
            let Some((standing, own)) = pool.standing(index) else { continue };
            list.seen[*place].standing = standing;
            conns.push(own.own);
            // Before the others can know of it, so that whoever comes next counts it.
            self.zone.standings.count(self.place, *place, own.own);
        }
        let words = list.to_words();
        // Nobody has to know of what changed nothing, but of a connection that is the last.
        let is_news = self.counts == Counts::Limited || words != *self.words.borrow();
        if is_news && self.zone.standings.replace(self.place, stamp, &words).is_none() {
            return false;
        }
        *self.own.borrow_mut() = conns;
        true
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.zone.standings.leave(self.place);
    }
}
