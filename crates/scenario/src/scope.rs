//! The names of one scenario: what an expression or a selector may refer to.

use crate::{
    codes::{self, Code},
    mistake::{At, Mistake},
};

/// Names in the order of the plan's lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) targets: Vec<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) populations: Vec<String>,
    pub(crate) phases: Vec<String>,
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
