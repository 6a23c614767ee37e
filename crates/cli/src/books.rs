//! `ledger`: the books of a kept run, with their numbers, so that somebody else can count.

use facts::{History, Plan, Verdict};

use crate::{
    arguments,
    exit::Exit,
    kept_run,
    printed::{complain, print},
};

/// Prints the identities of the run in a directory, and what became of requests without an answer.
pub(crate) fn books(asked: &arguments::Books) -> Exit {
    let plan = match kept_run::plan(&asked.directory) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    let history = match kept_run::history(&asked.directory) {
        Ok(history) => history,
        Err(why) => {
            complain(&why);
            return Exit::Unknown;
        }
    };
    let mut books = checks::accounts(&plan, &history);
    let says = "every answer is of a generation that served then";
    books.extend(generations(&plan, &history).map(|verdict| checks::Identity { says, verdict }));
    books.iter().zip(1..).for_each(|(line, number)| print(&told(number, line.says, &line.verdict)));
    let checks::Fates { never_seen, executed, answer_lost, twice } = checks::fates(&plan, &history);
    print(&format!(
        "without a complete answer: {never_seen} in no journal, {executed} executed and not answered, \
         {answer_lost} whose answer the kernel had; {twice} executed more than once"
    ));
    history.incomplete.iter().for_each(|why| print(&format!("not the whole truth: {why}")));
    let is = |wanted: fn(&Verdict) -> bool| books.iter().any(|line| wanted(&line.verdict));
    match () {
        () if is(|verdict| matches!(verdict, Verdict::Fail { .. })) => Exit::Failed,
        () if is(|verdict| matches!(verdict, Verdict::Unknown { .. })) || !history.is_sealed() => {
            Exit::Unknown
        }
        () => Exit::Passed,
    }
}

/// Who answered was alive, and the right one: the check that every target with generations promises.
fn generations(plan: &Plan, history: &History) -> Option<Verdict> {
    let check = checks::CHECKS.iter().find(|check| check.name == "right-generation")?;
    Some((check.judge)(&checks::Index::new(plan, history)))
}

fn told(number: usize, says: &str, verdict: &Verdict) -> String {
    let (word, text) = match verdict {
        Verdict::Pass { because } => ("holds", because.clone()),
        Verdict::Unknown { why } => ("unknown", why.clone()),
        Verdict::Fail { lines } => ("BROKEN", lines.join("; ")),
    };
    format!("{number}. {word:<8} {says:<58} {text}")
}
