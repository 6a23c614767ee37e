//! One peer: what is asked of it, and how it fares.

/// What the configuration says of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// Share of the traffic, at least 1.
    pub weight: u32,
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
    fails: u32,
    accessed_seconds: i64,
    checked_seconds: i64,
}

/// Before any time a caller can name, so that a first pick counts as long after the last.
const NEVER: i64 = i64::MIN / 2;

impl Peer {
    pub(crate) fn new(index: usize, setup: Setup) -> Self {
        Peer {
            index,
            setup,
            effective_weight: i64::from(setup.weight),
            current_weight: 0,
            fails: 0,
            accessed_seconds: NEVER,
            checked_seconds: NEVER,
        }
    }

    pub(crate) fn is_down(&self) -> bool {
        self.setup.availability.is_down()
    }

    /// Whether failures and configuration allow to pick it. The window is `fail_timeout` *and* a tick: nginx
    /// compares with `<=`.
    pub(crate) fn is_usable(&self, now_seconds: i64) -> bool {
        let trusted = self.setup.max_fails == 0 || self.fails < self.setup.max_fails;
        let rested = now_seconds - self.checked_seconds > self.fail_timeout_seconds();
        !self.is_down() && (trusted || rested)
    }

    /// Takes part in a pick: gains its weight, and recovers one step of what failures took from it.
    /// Returns the weight it gained and where it stands.
    pub(crate) fn compete(&mut self) -> (i64, i64) {
        let gained = self.effective_weight;
        self.current_weight += gained;
        if self.effective_weight < i64::from(self.setup.weight) {
            self.effective_weight += 1;
        }
        (gained, self.current_weight)
    }

    /// Was picked: pays for it with the weight that all competitors gained.
    pub(crate) fn win(&mut self, total_weight: i64, now_seconds: i64) {
        self.current_weight -= total_weight;
        if now_seconds - self.checked_seconds > self.fail_timeout_seconds() {
            self.checked_seconds = now_seconds;
        }
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

    fn fail_timeout_seconds(&self) -> i64 {
        i64::from(self.setup.fail_timeout_seconds)
    }
}
