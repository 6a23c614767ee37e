//! The members of a director as its configuration names them.

use std::collections::BTreeMap;

/// One member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// Gets its share.
    Up { weight: u32 },
    /// Gets nothing and keeps its place and its weight, so that nobody else's clients move.
    Down { weight: u32 },
    /// Is not there any more.
    Deleted,
}

/// All members by the names of their origins. One that nothing was said of is there with weight 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upstream(BTreeMap<String, Member>);

impl Upstream {
    /// With these first weights; 0 is down.
    pub fn new(weights: &BTreeMap<String, u32>) -> Upstream {
        let mut upstream = Upstream::default();
        upstream.weigh(weights);
        upstream
    }

    /// Gives those named other weights. 0 is down, with the weight it had (1 if it had none); a deleted one is back.
    pub fn weigh(&mut self, weights: &BTreeMap<String, u32>) {
        for (origin, weight) in weights {
            let member = match (*weight, self.member(origin)) {
                (0, Member::Up { weight } | Member::Down { weight }) => Member::Down { weight },
                (0, Member::Deleted) => Member::Down { weight: 1 },
                (weight, _) => Member::Up { weight },
            };
            self.0.insert(origin.clone(), member);
        }
    }

    /// Takes one out altogether.
    pub fn delete(&mut self, origin: &str) {
        self.0.insert(origin.to_owned(), Member::Deleted);
    }

    /// The member that an origin is.
    pub fn member(&self, origin: &str) -> Member {
        self.0.get(origin).copied().unwrap_or(Member::Up { weight: 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(a: u32, b: u32) -> BTreeMap<String, u32> {
        [("a".to_owned(), a), ("b".to_owned(), b)].into()
    }

    #[test]
    fn a_member_that_is_down_keeps_its_weight() {
        let mut upstream = Upstream::new(&weights(95, 5));
        upstream.weigh(&weights(95, 0));
        assert_eq!(upstream.member("b"), Member::Down { weight: 5 });
        upstream.weigh(&weights(95, 0));
        assert_eq!(upstream.member("b"), Member::Down { weight: 5 });
        upstream.weigh(&weights(90, 10));
        assert_eq!(
            (upstream.member("a"), upstream.member("b")),
            (Member::Up { weight: 90 }, Member::Up { weight: 10 })
        );
        assert_eq!(Upstream::new(&weights(1, 0)).member("b"), Member::Down { weight: 1 });
        assert_eq!(upstream.member("c"), Member::Up { weight: 1 });
    }

    #[test]
    fn a_deleted_member_comes_back_with_a_weight() {
        let mut upstream = Upstream::new(&weights(1, 2));
        upstream.delete("b");
        assert_eq!(upstream.member("b"), Member::Deleted);
        upstream.weigh(&weights(1, 3));
        assert_eq!(upstream.member("b"), Member::Up { weight: 3 });
    }
}
