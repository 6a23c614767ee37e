//! What is known of the health of peers, by one worker or by all.

use std::cell::RefCell;

use balance::{Attempts, Ended, Pool};

use super::super::service::now_seconds;
use crate::zone::Shared;

/// A pool, and with whom it is shared.
#[derive(Debug)]
pub(in crate::worker) struct Health {
    pool: RefCell<Pool>,
    shared: Option<Shared>,
}

impl Health {
    /// Nobody else's.
    pub(super) fn own(pool: Pool) -> Health {
        Health { pool: RefCell::new(pool), shared: None }
    }

    /// Everybody's.
    pub(super) fn shared(pool: Pool, shared: Shared) -> Health {
        Health { pool: RefCell::new(pool), shared: Some(shared) }
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
        self.act(attempts, |pool, attempts| pool.finish(attempts, ended, now));
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
