//! One peer: what is asked of it, and how it fares.

use alloc::string::String;

use crate::ejection::{Ejection, Others};
use crate::standing::Standing;

/// What the configuration says of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// As the configuration writes it, port included: a consistent hash depends on it.
    pub name: String,
    /// Share of the traffic, at least 1.
    pub weight: u32,
    /// Connections at a time; 0 means any number.
    pub max_conns: u32,
    /// Failures after which the peer is left alone for `fail_timeout_seconds`; 0 never leaves it alone.
    pub max_fails: u32,
    /// See `max_fails`. The peer is tried again one tick later, as in nginx.
    pub fail_timeout_seconds: u32,
    /// When it may be picked at all.
    pub availability: Availability,
    /// Whether its faults are counted, too; nginx does not.
    pub ejection: Option<Ejection>,
}

/// What is said of a peer while everything runs, in place of what the configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Share of the traffic; 0 is none.
    pub weight: u32,
    /// Whether it is left alone, and still counts as one of the list.
    pub down: bool,
}

/// When a peer may be picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// Whenever its failures allow.
    Primary,
    /// When no primary can be.
    Backup,
    /// A primary that is never picked, and still counts as one of the list.
    PrimaryDown,
    /// A backup that is never picked.
    BackupDown,
}

impl Availability {
    pub(crate) fn is_backup(self) -> bool {
        matches!(self, Availability::Backup | Availability::BackupDown)
    }

    fn is_down(self) -> bool {
        matches!(self, Availability::PrimaryDown | Availability::BackupDown)
    }
}

/// A peer and how it fares.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// Index in the list that the pool was made of.
    pub(crate) index: usize,
    pub(crate) standing: Standing,
    pub(crate) conns: Conns,
    setup: Setup,
}

/// Connections that a peer has now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conns {
    /// Of this worker.
    pub own: u32,
    /// Of others, as far as it knows of them.
    pub others: u32,
}

impl Conns {
    fn all(self) -> u32 {
        self.own.saturating_add(self.others)
    }
}

impl Peer {
    pub(crate) fn new(index: usize, setup: Setup) -> Self {
        Peer { index, standing: Standing::NEW, conns: Conns::default(), setup }
    }

    pub(crate) fn name(&self) -> &str {
        &self.setup.name
    }

    pub(crate) fn weight(&self) -> u32 {
        self.setup.weight
    }

    /// A weight of 0, which no configuration gives, is as good as none.
    pub(crate) fn is_down(&self) -> bool {
        self.setup.availability.is_down() || self.setup.weight == 0
    }

    /// From now on it has this weight, and is down or not, whatever the configuration says.
    pub(crate) fn order(&mut self, order: Order) {
        self.setup.weight = order.weight;
        self.setup.availability = match (self.setup.availability.is_backup(), order.down) {
            (false, false) => Availability::Primary,
            (false, true) => Availability::PrimaryDown,
            (true, false) => Availability::Backup,
            (true, true) => Availability::BackupDown,
        };
    }

    /// As if round robin began anew.
    pub(crate) fn even_out(&mut self) {
        (self.standing.current_weight, self.standing.lost_weight) = (0, 0);
    }

    pub(crate) fn has_room(&self) -> bool {
        self.setup.max_conns == 0 || self.conns.all() < self.setup.max_conns
    }

    /// Whether failures and configuration allow to pick it. The window is `fail_timeout` *and* a tick: nginx
    /// compares with `<=`.
    pub(crate) fn is_usable(&self, now_seconds: i64) -> bool {
        let trusted = self.setup.max_fails == 0 || self.standing.fails < self.setup.max_fails;
        let admitted = self.setup.ejection.is_none_or(|rule| self.standing.trust.admits(&rule, now_seconds));
        !self.is_down() && (trusted || self.has_rested(now_seconds)) && admitted && self.has_room()
    }

    /// Takes part in a round of round robin: gains its weight, and recovers one step of what failures took from it.
    /// Returns the weight it gained and where it stands.
    pub(crate) fn compete(&mut self) -> (i64, i64) {
        let gained = (i64::from(self.setup.weight) - self.standing.lost_weight).max(0);
        self.standing.current_weight += gained;
        self.standing.lost_weight = (self.standing.lost_weight - 1).max(0);
        (gained, self.standing.current_weight)
    }

    /// Won such a round: pays for it with the weight that all competitors gained.
    pub(crate) fn pay(&mut self, total_weight: i64) {
        self.standing.current_weight -= total_weight;
    }

    /// Is being asked, and with it looked at anew if its window is over.
    pub(crate) fn check(&mut self, now_seconds: i64) {
        if self.has_rested(now_seconds) {
            self.standing.checked_seconds = now_seconds;
        }
        if self.setup.ejection.is_some() {
            self.standing.trust = self.standing.trust.asked(now_seconds);
        }
    }

    pub(crate) fn connect(&mut self) {
        self.conns.own += 1;
    }

    pub(crate) fn disconnect(&mut self) {
        self.conns.own = self.conns.own.saturating_sub(1);
    }

    pub(crate) fn fail(&mut self, now_seconds: i64) {
        let standing = &mut self.standing;
        standing.fails = standing.fails.saturating_add(1);
        standing.accessed_seconds = now_seconds;
        standing.checked_seconds = now_seconds;
        // In integers: a weight smaller than max_fails loses nothing.
        let loss = self.setup.weight.checked_div(self.setup.max_fails).unwrap_or(0);
        standing.lost_weight = (standing.lost_weight + i64::from(loss)).min(i64::from(self.setup.weight));
    }

    /// A success forgives only if the peer was checked anew since it last failed.
    pub(crate) fn succeed(&mut self) {
        if self.standing.accessed_seconds < self.standing.checked_seconds {
            self.standing.fails = 0;
        }
    }

    /// Its answer was good, for ejection by rate.
    pub(crate) fn praise(&mut self, now_seconds: i64) {
        if let Some(rule) = &self.setup.ejection {
            self.standing.trust = self.standing.trust.praised(rule, now_seconds);
        }
    }

    /// Its answer was a fault, or there was none.
    pub(crate) fn blame(&mut self, now_seconds: i64, others: Others) {
        if let Some(rule) = &self.setup.ejection {
            self.standing.trust = self.standing.trust.blamed(rule, now_seconds, others);
        }
    }

    /// Compares the connections per weight of two peers, without dividing.
    pub(crate) fn load_against(&self, other: &Peer) -> core::cmp::Ordering {
        let load = |mine: &Peer, theirs: &Peer| u64::from(mine.conns.all()) * u64::from(theirs.setup.weight);
        load(self, other).cmp(&load(other, self))
    }

    fn has_rested(&self, now_seconds: i64) -> bool {
        now_seconds - self.standing.checked_seconds > i64::from(self.setup.fail_timeout_seconds)
    }
}
