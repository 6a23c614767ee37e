//! One peer: what is asked of it, and how it fares.

use alloc::string::String;

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

/// The state of a peer. Names are those of `ngx_http_upstream_rr_peer_t`.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// Index in the list that the pool was made of.
    pub(crate) index: usize,
    setup: Setup,
    effective_weight: i64,
    current_weight: i64,
    conns: u32,
    fails: u32,
    accessed_seconds: i64,
    checked_seconds: i64,
}

impl Peer {
    pub(crate) fn new(index: usize, setup: Setup) -> Self {
        Peer {
            index,
            effective_weight: i64::from(setup.weight),
            setup,
            current_weight: 0,
            conns: 0,
            fails: 0,
            accessed_seconds: 0,
            checked_seconds: 0,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.setup.name
    }

    pub(crate) fn weight(&self) -> u32 {
        self.setup.weight
    }

    pub(crate) fn is_down(&self) -> bool {
        self.setup.availability.is_down()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.setup.max_conns == 0 || self.conns < self.setup.max_conns
    }

    /// Whether failures and configuration allow to pick it. The window is `fail_timeout` *and* a tick: nginx
    /// compares with `<=`.
    pub(crate) fn is_usable(&self, now_seconds: i64) -> bool {
        let trusted = self.setup.max_fails == 0 || self.fails < self.setup.max_fails;
        !self.is_down() && (trusted || self.has_rested(now_seconds)) && self.has_room()
    }

    /// Takes part in a round of round robin: gains its weight, and recovers one step of what failures took from it.
    /// Returns the weight it gained and where it stands.
    pub(crate) fn compete(&mut self) -> (i64, i64) {
        let gained = self.effective_weight;
        self.current_weight += gained;
        if self.effective_weight < i64::from(self.setup.weight) {
            self.effective_weight += 1;
        }
        (gained, self.current_weight)
    }

    /// Won such a round: pays for it with the weight that all competitors gained.
    pub(crate) fn pay(&mut self, total_weight: i64) {
        self.current_weight -= total_weight;
    }

    /// Is being asked, and with it looked at anew if its window is over.
    pub(crate) fn check(&mut self, now_seconds: i64) {
        if self.has_rested(now_seconds) {
            self.checked_seconds = now_seconds;
        }
    }

    pub(crate) fn connect(&mut self) {
        self.conns += 1;
    }

    pub(crate) fn disconnect(&mut self) {
        self.conns = self.conns.saturating_sub(1);
    }

    pub(crate) fn fail(&mut self, now_seconds: i64) {
        self.fails = self.fails.saturating_add(1);
        self.accessed_seconds = now_seconds;
        self.checked_seconds = now_seconds;
        // In integers: a weight smaller than max_fails loses nothing.
        let loss = self.setup.weight.checked_div(self.setup.max_fails).unwrap_or(0);
        self.effective_weight = (self.effective_weight - i64::from(loss)).max(0);
    }

    /// A success forgives only if the peer was checked anew since it last failed.
    pub(crate) fn succeed(&mut self) {
        if self.accessed_seconds < self.checked_seconds {
            self.fails = 0;
        }
    }

    /// Compares the connections per weight of two peers, without dividing.
    pub(crate) fn load_against(&self, other: &Peer) -> core::cmp::Ordering {
        let load = |mine: &Peer, theirs: &Peer| u64::from(mine.conns) * u64::from(theirs.setup.weight);
        load(self, other).cmp(&load(other, self))
    }

    fn has_rested(&self, now_seconds: i64) -> bool {
        now_seconds - self.checked_seconds > i64::from(self.setup.fail_timeout_seconds)
    }
}
