//! What is known of a peer's health. It is a value: workers that share it take a copy, work on it, and put it back.

use crate::ejection::Trust;

/// What was seen of a peer, its connections apart. Names are those of `ngx_http_upstream_rr_peer_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What failures took from its weight. Not what they left of it, because another generation may give it another weight.
    pub lost_weight: i64,
    /// Where it stands in round robin.
    pub current_weight: i64,
    /// Failures that were not forgiven.
    pub fails: u32,
    /// When it failed last.
    pub accessed_seconds: i64,
    /// When it failed last, or was looked at anew.
    pub checked_seconds: i64,
    /// What its answers were worth.
    pub trust: Trust,
}

impl Standing {
    /// Of a peer of which nothing is known.
    pub const NEW: Standing = Standing {
        lost_weight: 0,
        current_weight: 0,
        fails: 0,
        accessed_seconds: 0,
        checked_seconds: 0,
        trust: Trust::NEW,
    };

    /// Numbers that it is written as.
    pub const WORDS: usize = 8;

    /// Itself as numbers. Whoever changes them changes the version of what is shared.
    pub fn to_words(self) -> [u64; Self::WORDS] {
        let (kind, [first, second, third], since_seconds) = match self.trust {
            Trust::In { answers, faults, since_seconds } => (0, [answers, faults, 0], since_seconds),
            Trust::Out { since_seconds } => (1, [0, 0, 0], since_seconds),
            Trust::OnTrial { round, left, good, since_seconds } => (2, [left, good, round], since_seconds),
        };
        [
            self.lost_weight.cast_unsigned(),
            self.current_weight.cast_unsigned(),
            u64::from(self.fails),
            self.accessed_seconds.cast_unsigned(),
            self.checked_seconds.cast_unsigned(),
            u64::from(third) << 32 | kind,
            u64::from(first) << 32 | u64::from(second),
            since_seconds.cast_unsigned(),
        ]
    }

    /// The same from numbers; `None` if they are no standing.
    pub fn from_words(words: [u64; Self::WORDS]) -> Option<Standing> {
        let [lost, current, fails, accessed, checked, kind, counts, since] = words;
        let (first, second, third) = ((counts >> 32) as u32, counts as u32, (kind >> 32) as u32);
        let since_seconds = since.cast_signed();
        let trust = match kind as u32 {
            0 => Trust::In { answers: first, faults: second, since_seconds },
            1 => Trust::Out { since_seconds },
            2 if third < 32 => Trust::OnTrial { left: first, good: second, round: third, since_seconds },
            _ => return None,
        };
        Some(Standing {
            lost_weight: lost.cast_signed(),
            current_weight: current.cast_signed(),
            fails: u32::try_from(fails).ok()?,
            accessed_seconds: accessed.cast_signed(),
            checked_seconds: checked.cast_signed(),
            trust,
        })
    }
}
