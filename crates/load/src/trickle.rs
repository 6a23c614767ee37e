//! How far something has got that goes on evenly over a time, in steps: the bytes of a slow request or a slow reader.

use facts::Nanos;

/// A step is never shorter: a client that is slow needs no more wake-ups than that.
const SHORTEST_STEP: Nanos = 10_000_000;

/// So many bytes over a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trickle {
    bytes: u64,
    over: Nanos,
    step: Nanos,
}

impl Trickle {
    /// All at once if `over` is 0.
    pub(crate) fn new(bytes: u64, over: Nanos) -> Trickle {
        let step = (over / bytes.max(1)).max(SHORTEST_STEP).min(over.max(1));
        Trickle { bytes, over, step }
    }

    /// All of them.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many bytes are due when this long has passed. The first piece is due at once.
    pub(crate) fn due(&self, passed: Nanos) -> u64 {
        if passed >= self.over {
            return self.bytes;
        }
        let reached = (passed / self.step + 1) * self.step;
        let part = u128::from(self.bytes) * u128::from(reached.min(self.over)) / u128::from(self.over);
        (part as u64).max(1).min(self.bytes)
    }

    /// When after the begin the next piece is due, if this long has passed.
    pub(crate) fn next(&self, passed: Nanos) -> Nanos {
        (passed / self.step + 1) * self.step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;

    #[test]
    fn pieces_are_due_evenly_and_the_last_one_by_the_end() {
        let slow = Trickle::new(100, 1000 * MS);
        assert_eq!((slow.due(0), slow.next(0)), (1, 10 * MS));
        assert_eq!(slow.due(499 * MS), 50);
        assert_eq!((slow.due(990 * MS), slow.due(1000 * MS), slow.due(5000 * MS)), (100, 100, 100));
        let few = Trickle::new(4, 1000 * MS);
        assert_eq!([0, 250, 500, 750].map(|ms| few.due(ms * MS)), [1, 2, 3, 4]);
        assert_eq!(few.next(260 * MS), 500 * MS);
    }

    #[test]
    fn what_takes_no_time_is_due_at_once() {
        assert_eq!(Trickle::new(100, 0).due(0), 100);
        assert_eq!(Trickle::new(0, 1000 * MS).due(0), 0);
    }
}
