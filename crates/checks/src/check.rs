//! The table of named properties.

use facts::Verdict;

use crate::{
    Index, allowance, conforms, coverage, descriptors, generations, generator, identities, leftovers,
    pid_file, reactions, sealed, serving, split, steps, tended, treatment,
};

/// A named property of a run.
pub struct Check {
    /// Its name in scenarios and target folders.
    pub name: &'static str,
    /// What it claims, as a sentence.
    pub says: &'static str,
    /// Judges it.
    pub judge: fn(&Index) -> Verdict,
}

/// Every property that can be asked for by name.
pub const CHECKS: &[Check] = &[
    Check {
        name: "sealed",
        says: "the run ended by itself and its history has no gap",
        judge: sealed::sealed,
    },
    Check {
        name: "generator",
        says: "the generator sent everything it planned and saw how it ended",
        judge: generator::generator,
    },
    Check {
        name: "identities",
        says: "planned = sent + unsent, sent = sum of outcomes, ids are unique and every executed id is known",
        judge: identities::identities,
    },
    Check { name: "steps", says: "every step of the scenario was done", judge: steps::steps },
    Check {
        name: "reactions",
        says: "every reaction that is not left to chance did something",
        judge: reactions::reactions,
    },
    Check {
        name: "covered",
        says: "requests were under way around everything that was done to a target",
        judge: coverage::covered,
    },
    Check {
        name: "every-attempt-ok",
        says: "every attempt was answered completely, or the scenario says what it allows",
        judge: allowance::every_attempt_ok,
    },
    Check {
        name: "at-drain",
        says: "no connection of a population that must finish was ended before its client ended it",
        judge: treatment::at_drain,
    },
    Check {
        name: "served-in-every-phase",
        says: "some generation gave a complete answer in every phase",
        judge: serving::served_in_every_phase,
    },
    Check {
        name: "nothing-left-behind",
        says: "no process, socket or file outlived the run; no zombie, no orphan",
        judge: leftovers::nothing_left_behind,
    },
    Check {
        name: "no-corruption",
        says: "no answer was wrong, and no journal shows a request that was executed twice",
        judge: serving::no_corruption,
    },
    Check {
        name: "pid-file-always",
        says: "the pid file always named a live master; .oldbin appeared only after it named the new one",
        judge: pid_file::pid_file_always,
    },
    Check {
        name: "no-leaked-descriptors",
        says: "the master in charge at the end has no more open descriptors than the first one had when it was ready",
        judge: descriptors::no_leaked_descriptors,
    },
    Check { name: "no-orphans", says: "no process was left without a master", judge: leftovers::no_orphans },
    Check {
        name: "right-generation",
        says: "once a generation had left, none of it answered a later request",
        judge: generations::right_generation,
    },
    Check {
        name: "conforms",
        says: "each turn that a master took is one of the protocol, and none heard what another did not say",
        judge: conforms::conforms,
    },
    Check {
        name: "queues-tended",
        says: "no connection was left waiting at a listening socket that nobody who kept it accepted from",
        judge: tended::queues_tended,
    },
    Check {
        name: "split",
        says: "while a director was left alone, each origin got what its method and weights promise",
        judge: split::split,
    },
];

#[cfg(test)]
mod tests {
    #[test]
    fn a_scenario_knows_the_name_of_every_check() {
        let names: Vec<&str> = super::CHECKS.iter().map(|check| check.name).collect();
        assert_eq!(names, facts::CHECK_NAMES);
    }
}
