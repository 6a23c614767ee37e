//! Which cases are meant: `tag(crash) & target(nginx) & !name(broken)`.

mod reading;

use facts::Plan;

pub(crate) use reading::Wrong;

/// A filter expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// `all()`
    All,
    /// `none()`
    None,
    /// A word of the case matches.
    Word(Field, Match),
    Not(Box<Filter>),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// One of the scenario's tags.
    Tag,
    /// The kind of one of its targets.
    Target,
    /// The whole name, `upgrade/usr2-winch-quit::target=nginx`.
    Name,
}

/// How it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// `=word`
    Whole(String),
    /// `~part`
    Part(String),
}

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    /// The first thing that does not fit, and where.
    pub(crate) fn parse(text: &str) -> Result<Filter, Wrong> {
        reading::parse(text)
    }

    /// Whether a case is meant.
    pub(crate) fn holds(&self, plan: &Plan) -> bool {
        match self {
            Filter::All => true,
            Filter::None => false,
            Filter::Not(inner) => !inner.holds(plan),
            Filter::And(left, right) => left.holds(plan) && right.holds(plan),
            Filter::Or(left, right) => left.holds(plan) || right.holds(plan),
            Filter::Word(Field::Tag, word) => plan.case.tags.iter().any(|tag| word.holds(tag)),
            Filter::Word(Field::Target, word) => plan.targets.iter().any(|target| word.holds(&target.kind)),
            Filter::Word(Field::Name, word) => word.holds(&plan.case.id),
        }
    }
}

impl Match {
    fn holds(&self, text: &str) -> bool {
        match self {
            Match::Whole(word) => text == word,
            Match::Part(part) => text.contains(part.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use facts::plan::{Case, Plan, Target};

    use super::Filter;

    /// Whether a crash scenario on nginx is meant.
    fn check(filter: &str, expected: bool) {
        let plan = Plan {
            case: Case {
                id: "crash/on-start::target=nginx".into(),
                tags: vec!["crash".into(), "rollback".into()],
                ..Case::default()
            },
            targets: vec![Target { kind: "nginx".into(), ..Target::default() }],
            ..Plan::default()
        };
        let read = Filter::parse(filter).unwrap_or_else(|wrong| panic!("{filter}: {wrong:?}"));
        assert_eq!(read.holds(&plan), expected, "{filter}");
    }

    #[test]
    fn a_case_is_meant_by_its_tags_targets_and_name() {
        check("tag(crash)", true);
        check("tag(cras)", false);
        check("tag(~cras)", true);
        check("target(nginx)", true);
        check("target(ngin)", false);
        check("name(on-start)", true);
        check("name(=on-start)", false);
        check("name(=crash/on-start::target=nginx)", true);
        check("test(~crash/)", true);
        check("all()", true);
        check("none()", false);
    }

    #[test]
    fn not_binds_tighter_than_and_and_that_tighter_than_or() {
        check("tag(crash) & target(nginx) & !name(broken)", true);
        check("!tag(crash) | tag(rollback)", true);
        check("!(tag(crash) | tag(rollback))", false);
        check("tag(crash) | tag(x) & tag(y)", true);
        check("(tag(crash) | tag(x)) & tag(y)", false);
        check("not tag(x) and tag(crash) or none()", true);
    }
}
