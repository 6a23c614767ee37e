//! Whether the right generation answered: after a commit only the new one, after a rollback only the old one.

mod left;

use std::collections::BTreeMap;

use facts::{Generation, Outcome, Verdict};

use self::left::{fallen, left};
use crate::{
    Index,
    attempt::Attempt,
    masters::{masters, open_upgrade},
    story::story,
};

/// So many lives are told as evidence.
const TOLD: usize = 5;

/// A generation whose master has left while another one was in charge answers no request meant to start later.
pub(crate) fn right_generation(index: &Index) -> Verdict {
    Verdict::worst((0..index.plan.targets.len()).map(|target| of_target(index, target)))
}

fn of_target(index: &Index, target: usize) -> Verdict {
    let (answered, strange): (Vec<&Attempt>, Vec<&Attempt>) =
        answers(index, target).partition(|a| is_known(a));
    if answered.is_empty() {
        return Verdict::unknown("no answer was given by a process of a known generation");
    }
    if let Some(line) = contradiction(&answered) {
        return Verdict::fail(line);
    }
    let left = left(&masters(index, &index.plan.targets[target].name), &fallen(index));
    let late: Vec<&Attempt> =
        answered.iter().copied().filter(|a| left.iter().any(|l| l.answered(a))).collect();
    if !late.is_empty() {
        let told = late.iter().take(TOLD).map(|attempt| story(index, attempt).to_string());
        let first =
            late.first().and_then(|first| Some(left.iter().find(|l| l.answered(first))?.told(index, first)));
        let first = first.unwrap_or_default();
        let count = format!("{} requests were answered by a generation that had left{first}", late.len());
        return Verdict::Fail { lines: [count].into_iter().chain(told).collect() };
    }
    if let Some(first) = strange.first() {
        let count = strange.len();
        let told = story(index, first);
        return Verdict::unknown(format!(
            "{count} answers were given by no process of a known generation, the first: {told}"
        ));
    }
    match left.iter().find(|l| !answered.iter().any(|a| a.record.intended > l.at)) {
        // The rest was told to leave when all was over.
        Some(_) if open_upgrade(index, target).is_some() => {
            Verdict::unknown(open_upgrade(index, target).unwrap_or_default())
        }
        Some(silent) => {
            Verdict::unknown(format!("nobody was answered after generation {} had left", silent.generation))
        }
        None => Verdict::pass(format!("{} answers, {} generations left", answered.len(), left.len())),
    }
}

fn answers<'a>(index: &'a Index, target: usize) -> impl Iterator<Item = &'a Attempt> {
    let scope = crate::index::Scope { target: Some(target), ..Default::default() };
    index.attempts(scope).filter(|a| a.is_answered() || a.outcome == Outcome::WrongGeneration)
}

fn is_known(attempt: &Attempt) -> bool {
    attempt.answered_by.is_some_and(|by| by.generation > 0)
}

/// What answers say of their generation against the processes that gave them. A server may number its generations
/// as it likes, but each has one number and no two have the same.
fn contradiction(answered: &[&Attempt]) -> Option<String> {
    let mut claims: BTreeMap<(Generation, Generation), &Attempt> = BTreeMap::new();
    let mut before = (0, 0);
    for attempt in answered {
        let Some(by) = attempt.answered_by.filter(|by| by.pid > 0) else { continue };
        let pair = (by.generation, attempt.record.generation());
        if pair.1 > 0 && pair != before {
            claims.entry(pair).or_insert(attempt);
            before = pair;
        }
    }
    let pairs = || claims.keys().enumerate();
    let two =
        pairs().find_map(|(n, one)| Some((one, claims.keys().skip(n + 1).find(|other| differ(one, other))?)));
    let ((seen, claimed), (other, also)) = two?;
    let id = |pair: &(Generation, Generation)| claims.get(pair).map_or(0, |attempt| attempt.record.id);
    Some(format!(
        "answers do not name who gave them: a process of generation {seen} said {claimed} (#{:016x}), one of \
         generation {other} said {also} (#{:016x})",
        id(&(*seen, *claimed)),
        id(&(*other, *also))
    ))
}

/// True when a generation has two numbers, or two generations have one.
fn differ(one: &(Generation, Generation), other: &(Generation, Generation)) -> bool {
    (one.0 == other.0) != (one.1 == other.1)
}

#[cfg(test)]
mod tests {
    use facts::{
        Event,
        event::{Ending, Role},
        plan::FailpointAct,
    };

    use super::{Index, Verdict, right_generation};
    use crate::built::{Built, FAIL, PASS, UNKNOWN, check};

    #[test]
    fn a_generation_that_has_left_answers_nothing_later() {
        check("right-generation", Built::good(), PASS);
        check("right-generation", Built::default(), UNKNOWN);
        check("right-generation", Built::good().answered_by(1, |r| r.intended > 2_100_000_000), FAIL);
        check("right-generation", Built::good().answered_by(1, |r| r.intended < 1_990_000_000), PASS);
    }

    #[test]
    fn what_a_killed_master_leaves_behind_has_a_moment_to_go() {
        let killed = || Built::good().ended(10, 1300, Ending::Killed(9));
        let until = |at_ms: u64| killed().answered_by(1, move |r| r.intended < at_ms * 1_000_000);
        check("right-generation", until(2_200), PASS);
        check("right-generation", until(2_500), FAIL);
        let exits = || Built::good().ended(10, 1300, Ending::Exited(0));
        let late = |built: Built| built.answered_by(1, |r| r.intended < 2_200_000_000);
        check("right-generation", late(exits()), FAIL);
        let fell = Event::FailpointReached {
            target: "web".into(),
            pid: 10,
            generation: 1,
            role: Role::Master,
            point: "say.before".into(),
            act: FailpointAct::Exit,
        };
        check("right-generation", late(exits().inserted(1295, fell)), PASS);
    }

    #[test]
    fn how_the_generation_left_is_told() {
        let kill = || Event::SignalSent {
            target: "web".into(),
            pid: 10,
            generation: 1,
            role: Role::Master,
            signal: "KILL".into(),
        };
        let late = |ending| {
            let built = Built::good().ended(10, 1300, ending).inserted(1299, kill());
            let built = built.answered_by(1, |r| r.intended < 2_500_000_000);
            match right_generation(&Index::new(&built.plan, &built.history)) {
                Verdict::Fail { lines } => lines[0].clone(),
                other => panic!("{other:?}"),
            }
        };
        let killed = late(Ending::Killed(9));
        let expected = "a generation that had left: its master pid 10 was killed by signal 9 after KILL, 1011.0 ms before";
        assert!(killed.contains(expected), "{killed}");
        let exited = late(Ending::Exited(0));
        assert!(exited.contains("its master pid 10 exited with code 0 "), "{exited}");
        let unknown = late(Ending::Unknown);
        assert!(unknown.contains("its master pid 10 ended after KILL, "), "{unknown}");
    }

    #[test]
    fn nothing_is_shown_when_nobody_was_answered_afterwards() {
        let mut built = Built::good();
        built.history.records.retain(|record| record.intended < 2_000_000_000);
        check("right-generation", built, UNKNOWN);
    }

    #[test]
    fn a_server_that_does_not_name_its_generation_is_known_by_its_pids() {
        let by_pid = || Built::good().claiming(|_| 0);
        check("right-generation", by_pid(), PASS);
        check("right-generation", by_pid().answered_by_pid(11, |r| r.intended > 2_100_000_000), FAIL);
    }

    #[test]
    fn a_header_does_not_hide_who_answered() {
        let late = || Built::good().answered_by_pid(11, |r| r.intended > 2_100_000_000);
        check("right-generation", late(), FAIL);
        check("right-generation", late().claiming(|_| 2), FAIL);
        let lies_once = Built::good().claiming(|r| if r.id == 250 || r.server_pid == 11 { 1 } else { 2 });
        check("right-generation", lies_once, FAIL);
        check("right-generation", Built::good().claiming(|_| 2), FAIL);
    }

    #[test]
    fn a_server_may_number_its_generations_as_it_likes() {
        check("right-generation", Built::good().claiming(|r| if r.server_pid == 11 { 7 } else { 9 }), PASS);
        check("right-generation", Built::good().claiming(|r| if r.server_pid == 11 { 2 } else { 1 }), PASS);
        check("right-generation", Built::good().claiming(|r| if r.id > 200 { 2 } else { 0 }), PASS);
    }

    #[test]
    fn an_answer_of_a_stranger_shows_nothing() {
        check("right-generation", Built::good().answered_by_pid(77, |r| r.id == 250), UNKNOWN);
        check("right-generation", Built::good().answered_by_pid(0, |r| r.id == 250).claiming(|_| 0), UNKNOWN);
    }
}
