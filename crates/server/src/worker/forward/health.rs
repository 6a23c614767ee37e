//! What is known of the health of peers, by one worker or by all.

use std::cell::RefCell;

use balance::{Attempts, Ended, Pool, Setup};
use conf::Upstream;

use super::super::service::now_seconds;
use crate::{
    log::Log,
    upstream::{self, News},
    zone::Shared,
};

/// A pool, and with whom it is shared.
#[derive(Debug)]
pub(in crate::worker) struct Health {
    pool: RefCell<Pool>,
    /// `None` if nobody else's.
    shared: Option<Shared>,
    upstream: String,
    setups: Vec<Setup>,
    log: Log,
}

impl Health {
    /// Nothing is known of anybody, but what is `shared`.
    pub(super) fn new(upstream: &Upstream, shared: Option<Shared>, log: &Log) -> Health {
        let setups = upstream::setups(upstream);
        Health {
            pool: RefCell::new(Pool::new(upstream::method(upstream), &setups)),
            shared,
            upstream: upstream.name.clone(),
            setups,
            log: log.clone(),
        }
    }

    /// The attempts of a new request.
    pub(super) fn attempts(&self, key: &[u8]) -> Attempts {
        let mut pool = self.pool.borrow_mut();
        self.shared.iter().for_each(|shared| shared.obey(&mut pool));
        pool.attempts(key)
    }

    /// The peer for the next attempt.
    pub(super) fn pick(&self, attempts: &mut Attempts) -> Option<usize> {
        let now = now_seconds();
        self.act(attempts, |pool, attempts| pool.pick(attempts, now, super::asking::chance))
    }

    /// The end of the attempt that was begun last.
    pub(super) fn finish(&self, attempts: &mut Attempts, ended: Ended) {
        let now = now_seconds();
        let news = self.act(attempts, |pool, attempts| {
            let index = pool.asked(attempts)?;
            let (before, _) = pool.standing(index)?;
            pool.finish(attempts, ended, now);
            let (after, _) = pool.standing(index)?;
            upstream::news(self.setups.get(index)?, &before, &after)
        });
        // Of all that share it one: whose answer did it.
        match news {
            Some(News::Bad(news)) => self.log.warn(&format!("upstream \"{}\": {news}", self.upstream)),
            Some(News::Good(news)) => self.log.notice(&format!("upstream \"{}\": {news}", self.upstream)),
            None => {}
        }
    }

    fn act<T>(&self, attempts: &mut Attempts, act: impl Fn(&mut Pool, &mut Attempts) -> T) -> T {
        let mut pool = self.pool.borrow_mut();
        let Some(shared) = &self.shared else { return act(&mut pool, attempts) };
        let (done, after) = shared.act(&mut pool, |pool| {
            let mut attempts = attempts.clone();
            (act(pool, &mut attempts), attempts)
        });
        *attempts = after;
        done
    }
}
