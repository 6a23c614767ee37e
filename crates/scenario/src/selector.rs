//! Selectors: which processes of a target are meant.

use facts::plan::{Members, Selector, Which};

use crate::{codes, mistake::Mistake, scope::Scope, text::Text};

const GENERATIONS: [(&str, Which); 4] =
    [("old", Which::Old), ("new", Which::New), ("current", Which::Current), ("any", Which::Any)];
const MEMBERS: [&str; 4] = ["master", "workers", "worker[0]", "*"];

/// Whether `worker[?]` may stand in a place: only a reaction has a stream to draw from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draws {
    Never,
    OneOfSeveral,
}

/// A selector as written: what it leaves open the place may fill in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) target: usize,
    pub(crate) generation: Option<Which>,
    pub(crate) members: Option<Members>,
}

impl Written {
    /// Whose processes are meant. A bare `web.*` is everything; `web.master` is the one the pid file names.
    pub(crate) fn selector(self) -> Selector {
        let generation = self.generation.unwrap_or(match self.members {
            Some(Members::Master | Members::Worker(_) | Members::Workers | Members::AnyWorker) => {
                Which::Current
            }
            Some(Members::All) | None => Which::Any,
        });
        Selector { target: self.target, generation, members: self.members.unwrap_or(Members::All) }
    }
}

/// Reads the whole of `text` as a selector that says which processes receive something.
pub(crate) fn receiver(text: &Text, scope: &Scope, draws: Draws) -> Result<Selector, Mistake> {
    let written = parse(text, 0, text.as_str(), scope)?;
    check_draw(written, text, draws)?;
    if written.members.is_none() {
        let message = format!("`{}` does not say which of its processes", text.as_str());
        let help = format!("write `{0}.master`, `{0}.workers`, `{0}.worker[0]` or `{0}.*`", text.as_str());
        return Err(Mistake::new(codes::BAD_SELECTOR, text.at(), message).help(help));
    }
    Ok(written.selector())
}

fn check_draw(written: Written, text: &Text, draws: Draws) -> Result<(), Mistake> {
    if written.members != Some(Members::AnyWorker) || draws == Draws::OneOfSeveral {
        return Ok(());
    }
    let message = "`worker[?]` is drawn from the stream of a reaction";
    Err(Mistake::new(codes::BAD_SELECTOR, text.at(), message)
        .help("a step says which: `worker[0]`, or `workers`"))
}

/// Reads `rest`, the part of a selector after its target, which stands at byte `offset` of `text`.
pub(crate) fn of_target(
    text: &Text,
    offset: usize,
    rest: &str,
    target: usize,
    draws: Draws,
) -> Result<Selector, Mistake> {
    let written = parts(text, offset, split(rest), target)?;
    check_draw(written, text, draws)?;
    Ok(written.selector())
}

/// Reads `word`, which stands at byte `offset` of `text`.
pub(crate) fn parse(text: &Text, offset: usize, word: &str, scope: &Scope) -> Result<Written, Mistake> {
    let mut split = split(word);
    let (start, name) = split.remove(0);
    let target = scope.target(name, &text.part(offset + start..offset + start + name.len()))?;
    parts(text, offset, split, target)
}

/// The parts after the target.
fn parts(text: &Text, offset: usize, parts: Vec<(usize, &str)>, target: usize) -> Result<Written, Mistake> {
    let at = |start: usize, part: &str| text.part(offset + start..offset + start + part.len());
    let mut written = Written { target, generation: None, members: None };
    for (start, part) in parts {
        let generation = GENERATIONS.iter().find(|(known, _)| *known == part).map(|(_, which)| *which);
        match (generation, members(part)) {
            (Some(which), _) if written.generation.is_none() && written.members.is_none() => {
                written.generation = Some(which);
            }
            (_, Some(members)) if written.members.is_none() => written.members = Some(members),
            _ => {
                if generation.is_some() || members(part).is_some() {
                    let message = format!("`{part}` does not fit behind what stands before it");
                    return Err(Mistake::new(codes::BAD_SELECTOR, &at(start, part), message)
                        .help("one generation, then one kind of process: `web.old.workers`"));
                }
                let message = format!("`{part}` selects nothing of a target here");
                let known = GENERATIONS.iter().map(|(known, _)| *known).chain(MEMBERS);
                return Err(Mistake::new(codes::BAD_SELECTOR, &at(start, part), message).known(part, known));
            }
        }
    }
    Ok(written)
}

/// The parts between the dots, each with its first byte.
fn split(word: &str) -> Vec<(usize, &str)> {
    let mut start = 0;
    word.split('.')
        .map(|part| {
            let here = start;
            start += part.len() + 1;
            (here, part)
        })
        .collect()
}

fn members(part: &str) -> Option<Members> {
    match part {
        "master" => Some(Members::Master),
        "workers" => Some(Members::Workers),
        "*" => Some(Members::All),
        "worker[?]" => Some(Members::AnyWorker),
        _ => {
            let index = part.strip_prefix("worker[")?.strip_suffix(']')?;
            index.parse().ok().map(Members::Worker)
        }
    }
}
