//! Steps: what the file says turned into what will happen, in order. Portable verbs are replaced by the primitive
//! steps of the target's folder, and every `weight` and `configure` by the whole set that holds from then on.

mod verb;

use std::collections::BTreeMap;

use facts::plan::{Action, Begins, Condition, Place, Step, Target};

use crate::{
    action::{self, Begun},
    codes, duration,
    expression::{self, Asked},
    manual::Manual,
    mistake::{Mistake, Mistakes},
    phase,
    reading::{self, Reading},
    scope::{Id, Scope},
    selector::Draws,
    shape::{self, Word},
    spanned::Spanned,
};

pub(crate) const DEFAULT_WITHIN_MS: u64 = 10_000;

/// Turns steps into actions one after the other.
pub(crate) struct Timeline<'a> {
    pub(crate) reading: &'a Reading,
    pub(crate) scope: &'a Scope,
    pub(crate) manuals: &'a [Manual<'a>],
    pub(crate) mistakes: &'a mut Mistakes,
    /// What holds at this point of the timeline.
    pub(crate) now: Vec<Target>,
    /// Members that are drained, and the weights that they had, by the number of their target.
    pub(crate) drained: BTreeMap<(usize, String), u32>,
    pub(crate) made: Made,
}

/// What became of the steps.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) steps: Vec<Step>,
    pub(crate) ids: Vec<Id>,
    /// Why it cannot be done with these targets.
    pub(crate) skip: Option<String>,
}

/// What a step of the file says beside its action; every step it becomes has it.
struct Head {
    place: Place,
    id: Option<String>,
    phase: Option<u8>,
    begins: Begins,
    when: Option<Condition>,
    may_fail: bool,
    rescues: Option<usize>,
}

impl Head {
    /// The next step. What happens once happens with the first of them.
    fn step(&mut self, action: Action, text: String) -> Step {
        Step {
            place: self.place.clone(),
            id: self.id.clone(),
            phase: self.phase.take(),
            begins: std::mem::take(&mut self.begins),
            when: self.when.take(),
            may_fail: self.may_fail,
            rescues: self.rescues,
            action,
            text,
        }
    }
}

impl Timeline<'_> {
    /// All steps of the file.
    pub(crate) fn run(mut self, steps: &[Spanned<shape::Step>]) -> Made {
        for step in steps {
            self.step(step, None);
        }
        if let Some(first) = self.made.steps.first_mut() {
            first.phase.get_or_insert(0);
        }
        self.made
    }

    fn step(&mut self, step: &Spanned<shape::Step>, rescues: Option<usize>) {
        let head = self.head(step, rescues, self.reading);
        let keys = step.get_ref().keys();
        let single = action::one_only(keys, self.reading, &self.reading.head(step));
        let (Some(()), first) = (self.mistakes.keep(single), self.made.steps.len()) else { return };
        match (keys.verb(), keys.member_verb()) {
            (Some((verb, on)), _) => self.verb(head, verb, &on),
            (None, Some((verb, down))) => self.member_verb(head, verb, down),
            (None, None) => self.single(step, head),
        }
        let last = self.made.steps.len().saturating_sub(1);
        self.identify(step.get_ref(), first, last);
        if let Some(analysis) = keys.analysis {
            self.rescue(&analysis.get_ref().on_fail, first);
        }
    }

    /// The steps that are done when the analysis of that number fails. Nothing follows them: what they configure
    /// holds for nobody else.
    fn rescue(&mut self, steps: &[Spanned<shape::Step>], analysis: usize) {
        let (now, drained) = (self.now.clone(), self.drained.clone());
        for step in steps {
            if let Some(nested) = &step.get_ref().analysis {
                let message = "a step of `on_fail` does not analyse again";
                self.mistakes.add(Mistake::new(codes::CONTRADICTION, &self.reading.at(nested), message));
                continue;
            }
            self.step(step, Some(analysis));
        }
        (self.now, self.drained) = (now, drained);
    }

    fn identify(&mut self, step: &shape::Step, first: usize, last: usize) {
        let Some(id) = &step.id else { return };
        let Some(name) = self.mistakes.keep(self.reading.text(id).and_then(|text| reading::name(&text)))
        else {
            return;
        };
        if self.made.ids.iter().any(|known| known.name == name) {
            let message = format!("two steps have the id `{name}`");
            self.mistakes.add(Mistake::new(codes::BAD_NAME, &self.reading.at(id), message));
        }
        self.made.ids.push(Id { name, first, last });
    }

    fn single(&mut self, step: &Spanned<shape::Step>, mut head: Head) {
        let own = if self.now.len() == 1 { Some(0) } else { None };
        let Some((action, text)) = self.action(step, self.reading, own) else { return };
        self.made.steps.push(head.step(action, text));
    }

    fn action(
        &mut self,
        step: &Spanned<shape::Step>,
        reading: &Reading,
        own: Option<usize>,
    ) -> Option<(Action, String)> {
        let timeout = step.get_ref().timeout.as_ref();
        let (scope, draws) = (self.scope, Draws::Never);
        let mut begun = Begun { reading, scope, now: &mut self.now, own, timeout, draws };
        let done = begun.action(step.get_ref().keys(), &reading.head(step));
        self.mistakes.keep(done)
    }

    fn head(&mut self, step: &Spanned<shape::Step>, rescues: Option<usize>, reading: &Reading) -> Head {
        let it = step.get_ref();
        let has_wait = it.when.is_some() || it.wait_until.is_some() || it.exec.is_some();
        if let (Some(timeout), false) = (&it.timeout, has_wait) {
            let message = "`timeout` has no effect without `when`, `wait_until` or `exec`";
            self.mistakes.add(Mistake::new(codes::CONTRADICTION, &reading.at(timeout), message));
        }
        let phase = it.phase.as_ref().and_then(|word| phase::index(word, reading, self.scope));
        let begins = self.mistakes.keep(begins(it, reading)).unwrap_or_default();
        let when = it.when.as_ref().map(|when| condition(when, it.timeout.as_ref(), reading, self.scope));
        Head {
            place: reading.head(step).place(),
            id: it.id.as_ref().map(|id| id.get_ref().clone()),
            phase,
            begins,
            when: when.and_then(|when| self.mistakes.keep(when)),
            may_fail: it.may_fail.as_ref().is_some_and(|may_fail| *may_fail.get_ref()),
            rescues,
        }
    }
}

/// When a step's turn is.
fn begins(step: &shape::Step, reading: &Reading) -> Result<Begins, Mistake> {
    let given = [("at", &step.at), ("after", &step.after), ("when", &step.when)];
    let given: Vec<_> = given.into_iter().filter_map(|(key, word)| Some((key, word.as_ref()?))).collect();
    if let [(first, _), (second, word), ..] = given.as_slice() {
        let message = format!("`{first}` and `{second}` exclude each other");
        return Err(Mistake::new(codes::CONTRADICTION, &reading.at(word), message));
    }
    let ms = |word: &Word| duration::millis(&reading.text(word)?);
    match (&step.at, &step.after) {
        (Some(at), _) => Ok(Begins::At { ms: ms(at)? }),
        (_, Some(after)) => Ok(Begins::After { ms: ms(after)? }),
        _ => Ok(Begins::AtOnce),
    }
}

/// The condition of a `when` or `wait_until`.
pub(crate) fn condition(
    word: &Word,
    timeout: Option<&Word>,
    reading: &Reading,
    scope: &Scope,
) -> Result<Condition, Mistake> {
    let text = reading.text(word)?;
    let holds = expression::parse(&text, scope, Asked::Live)?;
    let within_ms = match timeout {
        Some(timeout) => duration::millis(&reading.text(timeout)?)?,
        None => DEFAULT_WITHIN_MS,
    };
    Ok(Condition { holds, within_ms, text: text.as_str().to_owned() })
}

/// The target a word names.
pub(crate) fn target(word: &Word, reading: &Reading, scope: &Scope) -> Result<usize, Mistake> {
    let text = reading.text(word)?;
    scope.target(text.as_str(), text.at())
}
