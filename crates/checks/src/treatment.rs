//! How each population was treated, measured by what a server may do to it at a drain.

use facts::{
    Blame, Outcome, Verdict,
    plan::{AtDrain, Population},
    record::flag,
};
use serde::Serialize;

use crate::{Index, ask::was_sent, attempt::Attempt, index::Scope};

/// What became of one population.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PopulationRow {
    /// Its name in the scenario.
    pub name: String,
    /// What its server may do to it.
    pub at_drain: AtDrain,
    /// Attempts begun.
    pub sent: u64,
    /// Answered completely.
    pub ok: u64,
    /// Got no complete answer though the client did everything right.
    pub lost: u64,
    /// Reused connections closed before any byte of an idempotent request's answer, or after an announced end.
    pub retriable: u64,
    /// Wrong answers.
    pub corrupt: u64,
    /// Explained by what the scenario itself did, or by a leave that the server took.
    pub excused: u64,
    /// Of `excused`: messages that met a server's leave-taking instead of their echo.
    pub deadline: u64,
    /// Nobody saw how they ended.
    pub unseen: u64,
    /// Connections that were ended between two requests: announced, or seen by a client that looked.
    pub ended_at_boundary: u64,
    /// Handshakes that took so long that the SYN was sent again.
    pub syn_retries: u64,
    /// Whether that is what it may be.
    pub verdict: Verdict,
}

/// The row of each population, in order.
pub(crate) fn populations(index: &Index) -> Vec<PopulationRow> {
    index
        .plan
        .populations
        .iter()
        .enumerate()
        .map(|(number, population)| row(index, number, population))
        .collect()
}

/// No population's connections ended that must go on to their own end.
pub(crate) fn at_drain(index: &Index) -> Verdict {
    let rows = populations(index);
    if rows.iter().all(|row| row.sent == 0) {
        return Verdict::unknown("there is no record");
    }
    let lines: Vec<String> = rows.iter().filter_map(broken).collect();
    if lines.is_empty() {
        return Verdict::pass("no connection ended that must go on to its own end");
    }
    Verdict::Fail { lines }
}

/// What was done to a population that may not be, if anything was. A loss is told of elsewhere.
fn broken(row: &PopulationRow) -> Option<String> {
    let name = &row.name;
    match row.at_drain {
        AtDrain::MustFinish if row.ended_at_boundary > 0 => Some(format!(
            "{} connections of {name}, which must finish, were ended between two requests",
            row.ended_at_boundary
        )),
        AtDrain::MustFinish | AtDrain::MayCloseAtBoundary if row.deadline > 0 => {
            Some(format!("{} connections of {name} were ended under a message", row.deadline))
        }
        _ => None,
    }
}

fn row(index: &Index, number: usize, population: &Population) -> PopulationRow {
    let all = || index.attempts(Scope { population: Some(number), ..Scope::default() });
    let of = |blame: Blame| all().filter(|a| a.blame() == blame).count() as u64;
    let flagged = |bit: u8| all().filter(|a| a.record.has(bit)).count() as u64;
    let mut row = PopulationRow {
        name: population.name.clone(),
        at_drain: population.at_drain,
        sent: all().filter(|a| was_sent(a)).count() as u64,
        ok: of(Blame::Nobody),
        lost: of(Blame::Lost),
        retriable: of(Blame::Retriable),
        corrupt: of(Blame::Corrupt),
        excused: of(Blame::Excused),
        deadline: all().filter(|a| a.outcome == Outcome::Deadline).count() as u64,
        unseen: of(Blame::Generator) + all().filter(|a| a.is_untold()).count() as u64,
        ended_at_boundary: all().filter(|a| is_boundary(population, a)).count() as u64,
        syn_retries: flagged(flag::SYN_RETRY),
        verdict: Verdict::unknown("nothing was sent"),
    };
    row.verdict = verdict(&row);
    row
}

/// A kept connection was ended in a way that its client could see.
fn is_boundary(population: &Population, attempt: &Attempt) -> bool {
    let record = &attempt.record;
    population.behaviour.keeps() && (record.has(flag::IDLE_CLOSE_SEEN) || record.has(flag::CLOSE_ANNOUNCED))
}

fn verdict(row: &PopulationRow) -> Verdict {
    let mut lines = Vec::new();
    let mut complain = |count: u64, what: &str| {
        if count > 0 {
            lines.push(format!("{count} {what}"));
        }
    };
    complain(row.lost, "lost");
    complain(row.corrupt, "answered wrongly");
    if row.at_drain != AtDrain::MayReconnect {
        complain(row.retriable, "closed under a request");
        complain(row.deadline, "ended under a message");
    }
    if row.at_drain == AtDrain::MustFinish {
        complain(row.ended_at_boundary, "ended between two requests");
    }
    match (lines.is_empty(), row.sent, row.unseen) {
        (false, ..) => Verdict::Fail { lines },
        (true, 0, _) => Verdict::unknown("nothing was sent"),
        (true, _, 1..) => Verdict::unknown(format!("nobody saw how {} ended", row.unseen)),
        (true, ..) => Verdict::pass(format!("{} of {} answered", row.ok, row.sent)),
    }
}

#[cfg(test)]
mod tests {
    use facts::{
        Outcome,
        plan::{AtDrain, Behaviour},
        record::flag,
    };

    use super::populations;
    use crate::{
        Index,
        built::{Built, FAIL, PASS, UNKNOWN, check},
    };

    fn kept(at_drain: AtDrain, change: impl Fn(&mut Built)) -> Built {
        let mut built = Built::good();
        let population = &mut built.plan.populations[0];
        (population.behaviour, population.at_drain) = (Behaviour::Keepalive, at_drain);
        change(&mut built);
        built
    }

    fn closed_idle(built: &mut Built) {
        built.history.records[119].flags |= flag::IDLE_CLOSE_SEEN;
    }

    fn rank(built: &Built) -> u8 {
        populations(&Index::new(&built.plan, &built.history))[0].verdict.rank()
    }

    #[test]
    fn a_connection_that_must_go_on_may_not_be_closed_even_while_it_is_idle() {
        check("at-drain", kept(AtDrain::MustFinish, |_| {}), PASS);
        check("at-drain", kept(AtDrain::MustFinish, closed_idle), FAIL);
        check("at-drain", kept(AtDrain::MayCloseAtBoundary, closed_idle), PASS);
        let announced = |built: &mut Built| built.history.records[9].flags |= flag::CLOSE_ANNOUNCED;
        check("at-drain", kept(AtDrain::MustFinish, announced), FAIL);
        check("at-drain", kept(AtDrain::MayReconnect, announced), PASS);
        check("at-drain", Built::default(), UNKNOWN);
    }

    #[test]
    fn a_message_that_met_a_leave_taking_is_excused_only_to_who_may_say_it_again() {
        let left = |built: &mut Built| *built = built.clone().outcome(120, Outcome::Deadline);
        let pass = rank(&Built::good());
        for (at_drain, verdict) in
            [(AtDrain::MustFinish, FAIL), (AtDrain::MayCloseAtBoundary, FAIL), (AtDrain::MayReconnect, PASS)]
        {
            check("at-drain", kept(at_drain, left), verdict);
            assert_eq!(rank(&kept(at_drain, left)) == pass, at_drain == AtDrain::MayReconnect);
        }
    }

    #[test]
    fn who_may_reconnect_is_not_well_treated_by_a_close_that_nobody_saw_whole() {
        let closed = |flags: u8| {
            let mut built = kept(AtDrain::MayReconnect, |_| {}).outcome(120, Outcome::RetriableClose);
            built.history.records[119].flags = flags;
            rank(&built)
        };
        let (seen, untold) = (closed(0), closed(flag::HEAD_UNTOLD));
        assert!(untold != seen, "{seen} {untold}");
        assert_eq!(untold, rank(&Built::good().outcome(9, Outcome::StillOpen)), "unknown");
    }

    #[test]
    fn each_population_has_a_verdict_of_its_own() {
        let retriable = |built: &mut Built| *built = built.clone().outcome(120, Outcome::RetriableClose);
        let pass = rank(&Built::good());
        assert_eq!(rank(&kept(AtDrain::MayReconnect, retriable)), pass);
        let fail = rank(&kept(AtDrain::MayCloseAtBoundary, retriable));
        assert_ne!(fail, pass);
        assert_eq!(rank(&kept(AtDrain::MustFinish, closed_idle)), fail);
        assert_eq!(rank(&Built::good().outcome(9, Outcome::CutInBody)), fail);
        let unseen = rank(&Built::good().outcome(9, Outcome::StillOpen));
        assert!(unseen != pass && unseen != fail);
    }
}
