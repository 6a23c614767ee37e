//! The figures of many upgrades of one server.

use checks::{Latencies, Upgrade};
use facts::{Nanos, Plan};
use report::Disposition;

/// What was measured of one case.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// The case.
    pub(super) case: String,
    /// The target's kind.
    pub(super) target: String,
    /// Upgrades measured.
    pub(super) upgrades: u64,
    /// Of them: runs that did not do what they must.
    pub(super) not_good: u64,
    /// See `Upgrade`.
    pub(super) first_answer_ns: Vec<Nanos>,
    /// See `Upgrade`.
    pub(super) workers_gone_ns: Vec<Nanos>,
    /// See `Upgrade`.
    pub(super) whole_ns: Vec<Nanos>,
    /// See `Upgrade`, of all upgrades together.
    pub(super) steady_ns: Vec<Nanos>,
    /// See `Upgrade`, of all upgrades together.
    pub(super) during_ns: Vec<Nanos>,
    /// Attempts lost.
    pub(super) lost: u64,
    /// Attempts a careful client may retry.
    pub(super) retriable: u64,
    /// Why it was not run again.
    pub(super) gave_up: Option<String>,
}

impl Figures {
    /// Of a case that was not run yet.
    pub(super) fn new(plan: &Plan) -> Figures {
        let target = plan.targets.first().map_or_else(String::new, |target| target.kind.clone());
        Figures { case: plan.case.id.clone(), target, ..Figures::default() }
    }

    /// One more upgrade.
    pub(super) fn add(&mut self, upgrade: Upgrade, disposition: &Disposition) {
        self.upgrades += 1;
        self.not_good += u64::from(!disposition.is_good());
        self.first_answer_ns.extend(upgrade.first_answer_ns);
        self.workers_gone_ns.extend(upgrade.workers_gone_ns);
        self.whole_ns.extend(upgrade.whole_ns);
        self.steady_ns.extend(upgrade.steady_ns);
        self.during_ns.extend(upgrade.during_ns);
        self.lost += upgrade.lost;
        self.retriable += upgrade.retriable;
    }

    /// The durations of the upgrade itself, by name.
    pub(super) fn durations(&self) -> [(&'static str, Latencies); 3] {
        [
            ("USR2 to first answer of the new generation", Latencies::new(self.first_answer_ns.clone())),
            ("WINCH to old workers gone", Latencies::new(self.workers_gone_ns.clone())),
            ("USR2 to old master gone, pauses apart", Latencies::new(self.whole_ns.clone())),
        ]
    }

    /// The latencies of requests, by when they were meant to start.
    pub(super) fn requests(&self) -> [(&'static str, Latencies); 2] {
        [
            ("steady", Latencies::new(self.steady_ns.clone())),
            ("upgrade", Latencies::new(self.during_ns.clone())),
        ]
    }
}
