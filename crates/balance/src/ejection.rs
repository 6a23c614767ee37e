//! Ejection by rate, which nginx does not have: a peer of whose answers too many are faults is left alone, whatever the method of
//! the requests was and whoever else could be asked; and let back in slowly. One request is a trial; if it ends well two more may
//! follow, then four, so that a peer that is still bad harms one client for each rest.

/// When a peer is ejected, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ejection {
    /// Of its answers within the window, so many in a hundred are faults.
    pub percent: u32,
    /// Not before so many answers of a window are known, at least 1.
    pub answers: u32,
    /// How long the answers are counted until counting begins anew.
    pub window_seconds: u32,
    /// How long it is left alone. It is tried one tick later, as after `fail_timeout`.
    pub rest_seconds: u32,
}

/// Trials that must all end well: 1, 2, 4, … 64.
const ROUNDS: u32 = 7;

/// Where a peer stands with its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It gets its share.
    In {
        /// Answers since the window began.
        answers: u32,
        /// Faults among them.
        faults: u32,
        /// When the window began.
        since_seconds: i64,
    },
    /// It gets nothing.
    Out {
        /// When it was ejected.
        since_seconds: i64,
    },
    /// It gets as many requests as it has earned.
    OnTrial {
        /// Rounds that ended well.
        round: u32,
        /// Requests of this round that it may still get.
        left: u32,
        /// Answers of this round that were good.
        good: u32,
        /// When it got the last one.
        since_seconds: i64,
    },
}

impl Trust {
    /// Nothing is known yet.
    pub const NEW: Trust = Trust::In { answers: 0, faults: 0, since_seconds: 0 };

    /// Whether it may get a request now.
    pub(crate) fn admits(self, rule: &Ejection, now_seconds: i64) -> bool {
        match self {
            Trust::In { .. } => true,
            Trust::Out { since_seconds } => rule.has_rested(since_seconds, now_seconds),
            // Whoever was trying it may have been killed: then it would wait for ever for an answer.
            Trust::OnTrial { left, since_seconds, .. } => {
                left > 0 || rule.has_rested(since_seconds, now_seconds)
            }
        }
    }

    /// It gets a request.
    pub(crate) fn asked(self, now_seconds: i64) -> Trust {
        let since_seconds = now_seconds;
        match self {
            Trust::In { .. } => self,
            Trust::OnTrial { round, left, good, .. } if left > 0 => {
                Trust::OnTrial { round, left: left - 1, good, since_seconds }
            }
            Trust::Out { .. } | Trust::OnTrial { .. } => {
                Trust::OnTrial { round: 0, left: 0, good: 0, since_seconds }
            }
        }
    }

    /// It answered well.
    pub(crate) fn praised(self, rule: &Ejection, now_seconds: i64) -> Trust {
        match self {
            Trust::In { .. } => self.counted(0, rule, now_seconds),
            // Asked before it was ejected.
            Trust::Out { .. } => self,
            Trust::OnTrial { round, left, good, since_seconds } => {
                match (round + 1, good + 1 >= 1 << round) {
                    (_, false) => Trust::OnTrial { round, left, good: good + 1, since_seconds },
                    (ROUNDS, true) => Trust::In { answers: 0, faults: 0, since_seconds: now_seconds },
                    (next, true) => Trust::OnTrial { round: next, left: 1 << next, good: 0, since_seconds },
                }
            }
        }
    }

    /// It was at fault. It stays if it is the only one that can be asked.
    pub(crate) fn blamed(self, rule: &Ejection, now_seconds: i64, others: Others) -> Trust {
        let out = Trust::Out { since_seconds: now_seconds };
        match (self, self.counted(1, rule, now_seconds)) {
            (Trust::In { .. }, Trust::In { answers, faults, .. })
                if others == Others::Usable && rule.is_broken(answers, faults) =>
            {
                out
            }
            (Trust::In { .. }, counted) => counted,
            (Trust::Out { .. }, _) => self,
            (Trust::OnTrial { .. }, _) => out,
        }
    }

    fn counted(self, fault: u32, rule: &Ejection, now_seconds: i64) -> Trust {
        match self {
            Trust::In { answers, faults, since_seconds } if !rule.is_over(since_seconds, now_seconds) => {
                Trust::In {
                    answers: answers.saturating_add(1),
                    faults: faults.saturating_add(fault),
                    since_seconds,
                }
            }
            Trust::In { .. } => Trust::In { answers: 1, faults: fault, since_seconds: now_seconds },
            other => other,
        }
    }
}

/// Whether anybody else could be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    Usable,
    None,
}

impl Ejection {
    fn has_rested(&self, since_seconds: i64, now_seconds: i64) -> bool {
        now_seconds - since_seconds > i64::from(self.rest_seconds)
    }

    fn is_over(&self, since_seconds: i64, now_seconds: i64) -> bool {
        now_seconds - since_seconds > i64::from(self.window_seconds)
    }

    fn is_broken(&self, answers: u32, faults: u32) -> bool {
        answers >= self.answers && u64::from(faults) * 100 >= u64::from(answers) * u64::from(self.percent)
    }
}
