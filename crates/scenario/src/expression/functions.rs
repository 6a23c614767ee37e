//! What can be asked of a run: one row per function, and the reading of its arguments.

use std::ops::Range;

use facts::{
    Outcome,
    expression::{Argument, Function, Kind},
    plan::{Members, Which},
};

use crate::{codes, mistake::Mistake, scope::Scope, selector, text::Text};

/// Which arguments a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// `pidfile(web)`
    Target,
    /// `ready(web.new)`: one generation.
    Generation,
    /// `workers(web.old)`: any processes.
    Processes,
    /// `pid(web.old.master)`: one process.
    Process,
    /// `lost(drain..settled, users)`: both optional, in any order.
    Attempts,
    /// `idle(drain, users)`: the phase is needed.
    FromPhase,
    /// `share(b, drain, users)`: the origin is needed.
    OfOrigin,
    /// `took(drain..commit)`: phases only, and optional.
    Phases,
    /// `done(shift)`: the id of a step.
    Step,
    /// `moved(before, after, users)`: two stretches of phases, and optionally a population.
    TwoStretches,
    /// `left(b, before, after, users)`: an origin, and the same.
    OriginOfStretches,
    /// `flaps(shift, users)`: as `Attempts`, of clients with addresses of their own.
    Clients,
    /// `started(b, shift)`: an origin and a stretch of phases, as its journal tells.
    OfJournal,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) function: Function,
    pub(super) kind: Kind,
    pub(super) takes: Takes,
}

impl Signature {
    /// Whether it can be answered while the run goes on.
    pub(super) fn is_live(&self) -> bool {
        self.function.is_live()
    }

    /// Whether it can be asked of the requests since the measurement before.
    pub(super) fn is_measured(&self) -> bool {
        self.is_live() || matches!(self.takes, Takes::Attempts | Takes::OfOrigin)
    }

    /// How to write it.
    pub(super) fn usage(&self) -> String {
        let name = self.name;
        match self.takes {
            Takes::Target => format!("{name}(TARGET)"),
            Takes::Generation => format!("{name}(TARGET.new)"),
            Takes::Processes => format!("{name}(TARGET.old.*)"),
            Takes::Process => format!("{name}(TARGET.old.master)"),
            Takes::Attempts => format!("{name}, {name}(PHASE..PHASE) or {name}(PHASE, POPULATION)"),
            Takes::FromPhase => format!("{name}(PHASE) or {name}(PHASE, POPULATION)"),
            Takes::OfOrigin => format!("{name}(ORIGIN, PHASE)"),
            Takes::Phases => format!("{name}(PHASE) or {name}(PHASE..PHASE)"),
            Takes::Step => format!("{name}(ID)"),
            Takes::TwoStretches => format!("{name}(BEFORE, AFTER) or {name}(BEFORE, AFTER, POPULATION)"),
            Takes::OriginOfStretches => {
                format!("{name}(ORIGIN, BEFORE, AFTER) or {name}(ORIGIN, BEFORE, AFTER, POPULATION)")
            }
            Takes::Clients => format!("{name}(PHASE..PHASE) or {name}(PHASE, POPULATION)"),
            Takes::OfJournal => format!("{name}(ORIGIN, PHASE)"),
        }
    }
}

const fn row(name: &'static str, function: Function, kind: Kind, takes: Takes) -> Signature {
    Signature { name, function, kind, takes }
}

/// Every function but the outcome classes, which are named as in `Outcome::name`.
const FUNCTIONS: [Signature; 53] = [
    row("ready", Function::Ready, Kind::Truth, Takes::Generation),
    row("workers", Function::Workers, Kind::Number, Takes::Processes),
    row("alive", Function::Alive, Kind::Number, Takes::Processes),
    row("pid", Function::Pid, Kind::Pid, Takes::Process),
    row("pidfile", Function::PidFile, Kind::Pid, Takes::Target),
    row("oldbin", Function::OldBin, Kind::Pid, Takes::Target),
    row("answers", Function::Answers, Kind::Number, Takes::Target),
    row("generation", Function::Generation, Kind::Number, Takes::Generation),
    row("orphans", Function::Orphans, Kind::Number, Takes::Target),
    row("reloaded", Function::Reloaded, Kind::Truth, Takes::Target),
    row("accepting", Function::Accepting, Kind::Number, Takes::Target),
    row("zombies", Function::Zombies, Kind::Number, Takes::Target),
    row("fired", Function::Fired, Kind::Number, Takes::Target),
    row("fds", Function::Fds, Kind::Number, Takes::Processes),
    row("lost", Function::Lost, Kind::Number, Takes::Attempts),
    row("retriable", Function::Retriable, Kind::Number, Takes::Attempts),
    row("corrupt", Function::Corrupt, Kind::Number, Takes::Attempts),
    row("count", Function::Count, Kind::Number, Takes::Attempts),
    row("ok", Function::Ok, Kind::Number, Takes::Attempts),
    row("p50", Function::Percentile(500), Kind::Duration, Takes::Attempts),
    row("p90", Function::Percentile(900), Kind::Duration, Takes::Attempts),
    row("p95", Function::Percentile(950), Kind::Duration, Takes::Attempts),
    row("p99", Function::Percentile(990), Kind::Duration, Takes::Attempts),
    row("p99.9", Function::Percentile(999), Kind::Duration, Takes::Attempts),
    row("p999", Function::Percentile(999), Kind::Duration, Takes::Attempts),
    row("max", Function::Max, Kind::Duration, Takes::Attempts),
    row("longest_gap", Function::LongestGap, Kind::Duration, Takes::Attempts),
    row("share", Function::Share, Kind::Number, Takes::OfOrigin),
    row("idle", Function::Idle, Kind::Number, Takes::FromPhase),
    row("idle_lost", Function::IdleLost, Kind::Number, Takes::FromPhase),
    row("stray_lost", Function::StrayLost, Kind::Number, Takes::FromPhase),
    row("idle_closes_seen", Function::IdleClosesSeen, Kind::Number, Takes::Attempts),
    row("took", Function::Took, Kind::Duration, Takes::Phases),
    row("done", Function::Done, Kind::Truth, Takes::Step),
    row("clients", Function::Clients, Kind::Number, Takes::Clients),
    row("moved", Function::Moved, Kind::Number, Takes::TwoStretches),
    row("moved_minimum", Function::MovedMinimum, Kind::Number, Takes::TwoStretches),
    row("left", Function::Left, Kind::Number, Takes::OriginOfStretches),
    row("flaps", Function::Flaps, Kind::Number, Takes::Clients),
    row("variants", Function::Variants, Kind::Number, Takes::Clients),
    row("started", Function::Started, Kind::Number, Takes::OfJournal),
    row("unfinished", Function::Unfinished, Kind::Number, Takes::OfJournal),
    row("first_start", Function::FirstStart, Kind::Duration, Takes::OfJournal),
    row("last_start", Function::LastStart, Kind::Duration, Takes::OfJournal),
    row("last_end", Function::LastEnd, Kind::Duration, Takes::OfJournal),
    row("exposed", Function::Exposed, Kind::Number, Takes::OfJournal),
    row("shifts", Function::Shifts, Kind::Number, Takes::Phases),
    row("first_new_p50", Function::FirstNew(500), Kind::Duration, Takes::Phases),
    row("first_new_p90", Function::FirstNew(900), Kind::Duration, Takes::Phases),
    row("first_new_max", Function::FirstNew(1000), Kind::Duration, Takes::Phases),
    row("last_old_p50", Function::LastOld(500), Kind::Duration, Takes::Phases),
    row("last_old_p90", Function::LastOld(900), Kind::Duration, Takes::Phases),
    row("last_old_max", Function::LastOld(1000), Kind::Duration, Takes::Phases),
];

/// Every name that can be asked, in the order of the table.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|row| row.name).chain(classes().map(|outcome| outcome.name()))
}

/// The row of `name`.
pub(super) fn find(name: &str) -> Option<Signature> {
    let class = || {
        let outcome = classes().find(|outcome| outcome.name() == name)?;
        Some(row(outcome.name(), Function::Class(outcome), Kind::Number, Takes::Attempts))
    };
    FUNCTIONS.iter().find(|row| row.name == name).copied().or_else(class)
}

fn classes() -> impl Iterator<Item = Outcome> {
    Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Ok)
}

/// An argument as written: a word, or two with `..` between them.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) span: Range<usize>,
    pub(super) until: Option<(String, Range<usize>)>,
}

/// The call `row(words)` as the plan keeps it; `at` are its bytes.
pub(super) fn arguments(
    row: &Signature,
    words: &[Word],
    at: Range<usize>,
    text: &Text,
    scope: &Scope,
) -> Result<Vec<Argument>, Mistake> {
    let reader = Reader { row, text, scope };
    match row.takes {
        Takes::Target | Takes::Generation | Takes::Processes | Takes::Process => match words {
            [word] if word.until.is_none() => Ok(vec![reader.of_target(word)?]),
            _ => Err(reader.wrong(at)),
        },
        Takes::TwoStretches => reader.of_two_stretches(words, at),
        Takes::OriginOfStretches => match words {
            [origin, words @ ..] if origin.until.is_none() => {
                let at_origin = text.part(origin.span.clone());
                let origin = Argument::Origin(scope.origin(&origin.text, &at_origin)?);
                Ok([vec![origin], reader.of_two_stretches(words, at)?].concat())
            }
            _ => Err(reader.wrong(at)),
        },
        Takes::Attempts
        | Takes::FromPhase
        | Takes::OfOrigin
        | Takes::Phases
        | Takes::Clients
        | Takes::OfJournal => reader.of_ledger(words, at),
        Takes::Step => match words {
            [word] if word.until.is_none() => {
                Ok(vec![scope.step(&word.text, &text.part(word.span.clone()))?.argument()])
            }
            _ => Err(reader.wrong(at)),
        },
    }
}

struct Reader<'a> {
    row: &'a Signature,
    text: &'a Text,
    scope: &'a Scope,
}

impl Reader<'_> {
    fn wrong(&self, at: Range<usize>) -> Mistake {
        let message = format!("`{}` takes other arguments", self.row.name);
        Mistake::new(codes::WRONG_ARGUMENTS, &self.text.part(at), message)
            .help(format!("write {}", self.row.usage()))
    }

    fn of_target(&self, word: &Word) -> Result<Argument, Mistake> {
        let mut written = selector::parse(self.text, word.span.start, &word.text, self.scope)?;
        let fits = match self.row.takes {
            _ if written.members == Some(Members::AnyWorker) => false,
            Takes::Target => written.generation.is_none() && written.members.is_none(),
            Takes::Generation => written.members.is_none() && written.generation != Some(Which::Any),
            Takes::Process => {
                let one = matches!(written.members, Some(Members::Master | Members::Worker(_)));
                one && written.generation != Some(Which::Any)
            }
            _ => true,
        };
        if !fits {
            return Err(self.wrong(word.span.clone()));
        }
        if self.row.takes == Takes::Target {
            return Ok(Argument::Target(written.target));
        }
        if self.row.takes == Takes::Generation {
            // `ready(web)` asks the generation that is in charge.
            written.generation.get_or_insert(Which::Current);
        }
        Ok(Argument::Processes(written.selector()))
    }

    fn of_ledger(&self, words: &[Word], at: Range<usize>) -> Result<Vec<Argument>, Mistake> {
        let mut found = Vec::new();
        let mut rest = words.iter();
        if matches!(self.row.takes, Takes::OfOrigin | Takes::OfJournal) {
            let Some(first) = rest.next().filter(|word| word.until.is_none()) else {
                return Err(self.wrong(at));
            };
            found
                .push(Argument::Origin(self.scope.origin(&first.text, &self.text.part(first.span.clone()))?));
        }
        for word in rest {
            let argument = self.phases_or_population(word)?;
            let twice = |known: &Argument| std::mem::discriminant(known) == std::mem::discriminant(&argument);
            if found.iter().any(twice) {
                return Err(self.wrong(word.span.clone()));
            }
            found.push(argument);
        }
        let has_phase = found.iter().any(|argument| matches!(argument, Argument::Phases { .. }));
        let has_population = found.iter().any(|argument| matches!(argument, Argument::Population(_)));
        let lacks_phase = self.row.takes == Takes::FromPhase && !has_phase;
        let takes_no_population = matches!(self.row.takes, Takes::Phases | Takes::OfJournal);
        if lacks_phase || takes_no_population && has_population {
            return Err(self.wrong(at));
        }
        Ok(found)
    }

    /// Two stretches that do not overlap, the earlier one first, and whose clients are meant.
    fn of_two_stretches(&self, words: &[Word], at: Range<usize>) -> Result<Vec<Argument>, Mistake> {
        let found: Vec<Argument> =
            words.iter().map(|word| self.phases_or_population(word)).collect::<Result<_, _>>()?;
        match found.as_slice() {
            [Argument::Phases { last, .. }, Argument::Phases { first, .. }]
            | [Argument::Phases { last, .. }, Argument::Phases { first, .. }, Argument::Population(_)]
                if last < first =>
            {
                Ok(found)
            }
            _ => Err(self.wrong(at)),
        }
    }

    fn phases_or_population(&self, word: &Word) -> Result<Argument, Mistake> {
        let at = self.text.part(word.span.clone());
        if let Some((until, span)) = &word.until {
            let first = self.scope.phase(&word.text, &at)?;
            let last = self.scope.phase(until, &self.text.part(span.clone()))?;
            if last < first {
                let both = self.text.part(word.span.start..span.end);
                let message = format!("`{until}` begins before `{}`", word.text);
                return Err(Mistake::new(codes::WRONG_ARGUMENTS, &both, message)
                    .help(format!("write {until}..{}", word.text)));
            }
            return Ok(Argument::Phases { first, last });
        }
        if self.scope.populations.contains(&word.text) || self.resembles_a_population(&word.text) {
            return Ok(Argument::Population(self.scope.population(&word.text, &at)?));
        }
        self.scope.phase(&word.text, &at).map(|phase| Argument::Phases { first: phase, last: phase })
    }

    /// A stranger is taken for the nearer of the two, so that the suggestion is the right one.
    fn resembles_a_population(&self, word: &str) -> bool {
        let phases = self.scope.phases.iter().map(String::as_str);
        let populations = self.scope.populations.iter().map(String::as_str);
        let near = diagnostic::closest(word, phases.chain(populations));
        !self.scope.phases.iter().any(|known| known == word)
            && near.is_some_and(|near| self.scope.populations.iter().any(|known| known == near))
    }
}
