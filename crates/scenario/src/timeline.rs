//! Steps: what the file says turned into what will happen, in order. Portable verbs are replaced by the primitive
//! steps of the target's folder, and every `weight` and `configure` by the whole set that holds from then on.

use std::collections::BTreeMap;

use facts::plan::{Action, Condition, Step, Target};
use toml::Spanned;

use crate::{
    action::{self, Begun},
    codes, duration,
    expression::{self, Asked},
    folder::Folder,
    mistake::{Mistake, Mistakes},
    reading::{self, Reading},
    scope::Scope,
    shape::{self, Word},
};

/// The phase that a run begins with when its first step names none.
const FIRST_PHASE: &str = "steady";
const DEFAULT_WITHIN_MS: u64 = 10_000;

/// The phases that the steps name, in order.
pub(crate) fn phases(
    steps: &[Spanned<shape::Step>],
    reading: &Reading,
    mistakes: &mut Mistakes,
) -> Vec<String> {
    let mut phases: Vec<String> = Vec::new();
    if steps.first().is_none_or(|first| first.get_ref().phase.is_none()) {
        phases.push(FIRST_PHASE.to_owned());
    }
    for word in steps.iter().filter_map(|step| step.get_ref().phase.as_ref()) {
        if let Some(name) = mistakes.keep(phase(word, &phases, reading)) {
            phases.push(name);
        }
    }
    phases
}

fn phase(word: &Word, before: &[String], reading: &Reading) -> Result<String, Mistake> {
    let text = reading.text(word)?;
    let name = reading::name(&text)?;
    if before.contains(&name) {
        return Err(Mistake::new(codes::BAD_NAME, text.at(), format!("phase `{name}` begins twice"))
            .help("give the second stretch a name of its own; `a..b` asks about both"));
    }
    if before.len() > usize::from(u8::MAX) {
        return Err(Mistake::new(codes::OUT_OF_RANGE, text.at(), "more than 256 phases"));
    }
    Ok(name)
}

/// Turns steps into actions one after the other.
pub(crate) struct Timeline<'a> {
    pub(crate) reading: &'a Reading,
    pub(crate) scope: &'a Scope,
    pub(crate) folders: &'a [Folder],
    pub(crate) mistakes: &'a mut Mistakes,
    /// What holds at this point of the timeline.
    pub(crate) now: Vec<Target>,
    pub(crate) steps: Vec<Step>,
}

impl Timeline<'_> {
    /// All steps of the file.
    pub(crate) fn run(mut self, steps: &[Spanned<shape::Step>]) -> Vec<Step> {
        for step in steps {
            let phase =
                step.get_ref().phase.as_ref().and_then(|word| phase_index(word, self.reading, self.scope));
            let verb = step.get_ref().verbs().into_iter().find_map(|(verb, on)| Some((verb, on.as_ref()?)));
            match verb {
                Some((verb, on)) if self.is_single(step) => self.verb(step, phase, verb, on),
                Some(_) => {}
                None => self.single(step, phase),
            }
        }
        if let Some(first) = self.steps.first_mut() {
            first.phase.get_or_insert(0);
        }
        self.steps
    }

    fn is_single(&mut self, step: &Spanned<shape::Step>) -> bool {
        let counted = action::one_only(step, self.reading);
        self.mistakes.keep(counted).is_some()
    }

    fn single(&mut self, step: &Spanned<shape::Step>, phase: Option<u8>) {
        let condition = self.condition(step.get_ref(), self.reading);
        let mut begun = Begun { reading: self.reading, scope: self.scope, now: &mut self.now };
        let Some((action, text)) = self.mistakes.keep(begun.action(step)) else { return };
        let place = self.reading.head(step).place();
        self.steps.push(Step { place, phase, when: condition, action, text });
    }

    /// `when`, if there is one.
    fn condition(&mut self, step: &shape::Step, reading: &Reading) -> Option<Condition> {
        if let (Some(timeout), None, None) = (&step.timeout, &step.when, &step.wait_until) {
            let message = "`timeout` has no effect without `when` or `wait_until`";
            self.mistakes.add(Mistake::new(codes::CONTRADICTION, &reading.at(timeout), message));
        }
        let when = step.when.as_ref()?;
        self.mistakes.keep(condition(when, step.timeout.as_ref(), reading, self.scope))
    }

    /// A portable verb: the steps that the target's folder gives for it. A `when` of the scenario becomes a step of
    /// its own before them, because the first of them may have one too; the phase begins after it.
    fn verb(&mut self, step: &Spanned<shape::Step>, mut phase: Option<u8>, verb: &str, on: &Word) {
        let Some(target) = self.mistakes.keep(target(on, self.reading, self.scope)) else { return };
        let Some(folder) = self.folders.get(target) else { return };
        let Some(primitives) = self.mistakes.keep(primitives(folder, verb, on, self.reading)) else { return };
        let name = self.scope.targets[target].clone();
        let place = self.reading.head(step).place();
        if let Some(when) = self.condition(step.get_ref(), self.reading) {
            let text = format!("before {verb} {name}: wait until {}", when.text);
            let action = Action::WaitUntil { condition: when };
            self.steps.push(Step { place: place.clone(), phase: None, when: None, action, text });
        }
        let values = vec![("name".to_owned(), name.clone())];
        let reading = Reading { values, ..folder.reading.clone() };
        for primitive in primitives {
            let when = self.condition(primitive.get_ref(), &reading);
            let mut begun = Begun { reading: &reading, scope: self.scope, now: &mut self.now };
            let Some((action, text)) = self.mistakes.keep(begun.primitive(primitive)) else { continue };
            let text = format!("{verb} {name}: {text}");
            self.steps.push(Step { place: place.clone(), phase: phase.take(), when, action, text });
        }
    }
}

fn phase_index(word: &Word, reading: &Reading, scope: &Scope) -> Option<u8> {
    let text = reading.text(word).ok()?;
    scope.phase(text.as_str(), text.at()).ok()
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

fn primitives<'a>(
    folder: &'a Folder,
    verb: &str,
    on: &Word,
    reading: &Reading,
) -> Result<&'a [Spanned<shape::Step>], Mistake> {
    let verbs = &folder.shape.verbs;
    let known = verbs.iter().find(|(name, _)| name.get_ref() == verb).map(|(_, steps)| steps.as_slice());
    known.filter(|steps| !steps.is_empty()).ok_or_else(|| {
        let message = format!("target `{}` does not say how to `{verb}`", folder.kind);
        Mistake::new(codes::UNKNOWN_VERB, &reading.at(on), message)
            .help(format!("add `{verb} = [ … ]` to `[verbs]` in targets/{}/target.toml", folder.kind))
    })
}

/// Weights after `set`: those not named stay as they are.
pub(crate) fn merged<V: Clone>(now: &BTreeMap<String, V>, set: BTreeMap<String, V>) -> BTreeMap<String, V> {
    let mut merged = now.clone();
    merged.extend(set);
    merged
}
