//! The names of one scenario: what an expression or a selector may refer to.

use diagnostic::Code;
use facts::expression::Argument;

use crate::{
    behaviour::Kind,
    codes,
    mistake::{At, Mistake},
};

/// Names in the order of the plan's lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) targets: Vec<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) populations: Vec<String>,
    /// Of each population; `None` for a word that is no kind.
    pub(crate) kinds: Vec<Option<Kind>>,
    pub(crate) phases: Vec<String>,
    pub(crate) ids: Vec<Id>,
}

/// The `id` of a step, and which steps of the plan it became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) name: String,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Id {
    pub(crate) fn argument(&self) -> Argument {
        Argument::Steps { first: self.first, last: self.last }
    }
}

impl Scope {
    pub(crate) fn target(&self, name: &str, at: &At) -> Result<usize, Mistake> {
        find(&self.targets, name, at, codes::UNKNOWN_TARGET, "target")
    }

    pub(crate) fn origin(&self, name: &str, at: &At) -> Result<usize, Mistake> {
        find(&self.origins, name, at, codes::UNKNOWN_ORIGIN, "origin")
    }

    pub(crate) fn phase(&self, name: &str, at: &At) -> Result<u8, Mistake> {
        find(&self.phases, name, at, codes::UNKNOWN_PHASE, "phase").map(|index| index as u8)
    }

    pub(crate) fn step(&self, id: &str, at: &At) -> Result<&Id, Mistake> {
        self.ids.iter().find(|known| known.name == id).ok_or_else(|| {
            Mistake::new(codes::UNKNOWN_STEP, at, format!("no step has the id `{id}`"))
                .known(id, self.ids.iter().map(|known| known.name.as_str()))
        })
    }

    pub(crate) fn population(&self, name: &str, at: &At) -> Result<usize, Mistake> {
        find(&self.populations, name, at, codes::UNKNOWN_POPULATION, "population")
    }
}

fn find(names: &[String], name: &str, at: &At, code: Code, what: &str) -> Result<usize, Mistake> {
    names.iter().position(|known| known == name).ok_or_else(|| {
        Mistake::new(code, at, format!("unknown {what} `{name}`"))
            .known(name, names.iter().map(String::as_str))
    })
}
