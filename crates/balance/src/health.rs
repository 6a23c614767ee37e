//! How a peer fares, for whoever has to tell it, or has to know whether the others can do without it.

use crate::ejection::Trust;
use crate::peer::Setup;
use crate::standing::Standing;

/// Whether a peer gets the share that its weight promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Good,
    /// Left alone after `max_fails` failures. The first request from then on tries it, and decides.
    Resting {
        /// Seconds since 1970.
        until_seconds: i64,
    },
    /// Left alone because too many of its answers were faults. The first request from then on tries it.
    Ejected {
        /// Seconds since 1970.
        until_seconds: i64,
    },
    /// It gets as many requests as it has earned since it was ejected.
    OnTrial,
}

impl Setup {
    /// How a peer fares of which this was seen. A pool of one peer asks it however it fares.
    pub fn health(&self, standing: &Standing) -> Health {
        let after = |since: i64, seconds: u32| since.saturating_add(i64::from(seconds)).saturating_add(1);
        match (self.ejection, standing.trust) {
            (Some(rule), Trust::Out { since_seconds }) => {
                Health::Ejected { until_seconds: after(since_seconds, rule.rest_seconds) }
            }
            (Some(_), Trust::OnTrial { .. }) => Health::OnTrial,
            _ if self.max_fails > 0 && standing.fails >= self.max_fails => {
                Health::Resting { until_seconds: after(standing.checked_seconds, self.fail_timeout_seconds) }
            }
            _ => Health::Good,
        }
    }
}
