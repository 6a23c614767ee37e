//! What sets apart states that are otherwise the same: how much may still be done to each, and what each is still held to.
//!
//! **Why a state that allows no more than another need not be explored.** Both have the same processes, channels and files, so
//! every act that is possible in the one that allows less is possible in the other, leads to two states that are the same again but for
//! their allowances, and leaves the other one with no less (an act takes the same from both; nothing ever gives). By induction
//! every run from the lesser state has a twin from the greater one, of the same length, through the same situations. A
//! property looks at situations and at excuses; whatever an excuse forgives ("a fault struck") is forgiven the more the less is
//! allowed. So a property that breaks on the lesser run breaks on its twin, after as many steps. And a breadth-first search has found
//! the greater state no later than the lesser one, so that a shortest way stays a shortest way.
//!
//! The same holds for runs that never end: nothing is taken infinitely often, so a run that goes on for ever ends in a circle of
//! steps that take nothing, and its twin goes round the same one.

/// Counters side by side, four bits each, of which the highest stays free for the comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance(u64);

const GUARDS: u64 = 0x8888_8888_8888_8888;

impl Allowance {
    /// These counters, in this order: at most 16, none above 7.
    ///
    /// # Panics
    /// If there are more, or one is greater: bounds that large are not explored exhaustively.
    pub fn of(counters: impl IntoIterator<Item = u8>) -> Allowance {
        let mut packed = 0_u64;
        for (at, counter) in counters.into_iter().enumerate() {
            assert!(at < 16 && counter < 8, "an allowance holds 16 counters below 8");
            packed |= u64::from(counter) << (4 * at);
        }
        Allowance(packed)
    }

    /// Whether no counter is smaller than the other's.
    pub fn covers(self, other: Allowance) -> bool {
        // Each guard survives the subtraction of a counter that is not greater.
        ((self.0 | GUARDS) - other.0) & GUARDS == GUARDS
    }
}

#[cfg(test)]
mod tests {
    use super::Allowance;

    #[test]
    fn an_allowance_covers_another_if_it_covers_each_counter() {
        let all = |counters: [u8; 3]| Allowance::of(counters);
        assert!(all([2, 0, 7]).covers(all([2, 0, 7])));
        assert!(all([2, 1, 7]).covers(all([2, 0, 0])));
        assert!(!all([2, 0, 7]).covers(all([1, 1, 0])));
        assert!(!all([0, 7, 7]).covers(all([1, 0, 0])));
        let last = |counter| Allowance::of([0; 15].into_iter().chain([counter]));
        assert!(last(7).covers(last(6)) && !last(6).covers(last(7)));
    }
}
