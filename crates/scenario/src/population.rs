//! `[load.NAME]`: clients that behave alike.

use facts::plan::{AtDrain, Behaviour, Population};

use crate::{
    behaviour::{KINDS, Kind},
    codes, duration,
    mistake::{Mistake, Mistakes},
    pace,
    reading::Reading,
    scope::Scope,
    shape::Load,
    spanned::Spanned,
};

const DEFAULT_TIMEOUT_MS: u32 = 5_000;
const AT_DRAIN: [(&str, AtDrain); 3] = [
    ("must_finish", AtDrain::MustFinish),
    ("may_close_at_boundary", AtDrain::MayCloseAtBoundary),
    ("may_reconnect", AtDrain::MayReconnect),
];
/// Each client beyond this could not have an address of its own.
const MOST_CLIENTS: u32 = 100_000;

/// The population of a `[load.NAME]` table.
pub(crate) fn population(
    name: &str,
    table: &Spanned<Load>,
    reading: &Reading,
    scope: &Scope,
    mistakes: &mut Mistakes,
) -> Option<Population> {
    let load = table.get_ref();
    let target = mistakes.keep(reading.text(&load.to).and_then(|to| scope.target(to.as_str(), to.at())));
    let kind = mistakes.keep(reading.one_of(&load.kind, &KINDS));
    // A word that is not known must not hide the others.
    let method = mistakes.keep(kind.unwrap_or(Kind::Short).method(load, reading));
    let timeout = mistakes.keep(optional(load.timeout.as_ref(), DEFAULT_TIMEOUT_MS, |word| {
        reading.text(word).and_then(|text| duration::millis(&text)).map(|ms| ms as u32)
    }));
    let kind = kind?;
    for stray in kind.strays(load, reading) {
        mistakes.add(stray);
    }
    let behaviour = mistakes.keep(kind.behaviour(load, reading));
    let every_ms = mistakes.keep(Kind::every_ms(load, reading));
    let connections = mistakes
        .keep(optional(load.connections.as_ref(), kind.connections(), |n| reading.whole(n, 1..=100_000)));
    let body_bytes = method.and_then(|method| mistakes.keep(kind.body(load, method, reading)));
    let sources = mistakes.keep(optional(load.clients.as_ref(), 0, |n| reading.whole(n, 1..=MOST_CLIENTS)));
    let pace = mistakes.keep(pace::pace(table, kind, every_ms?, reading, scope));
    mistakes.keep(looking(load, kind, reading));
    let (behaviour, timeout_ms) = (behaviour?, timeout?);
    mistakes.keep(in_time(table, behaviour, timeout_ms, reading));
    let path = mistakes.keep(path(load, reading, || kind.path(behaviour, every_ms.unwrap_or_default())));
    let at_drain = mistakes
        .keep(optional(load.at_drain.as_ref(), behaviour.at_drain(), |word| reading.one_of(word, &AT_DRAIN)));
    Some(Population {
        name: name.to_owned(),
        target: target?,
        behaviour,
        pace: pace?,
        connections: connections?,
        looks: load.looks.as_ref().is_none_or(|looks| *looks.get_ref()),
        method: method?,
        path: path?,
        headers: Vec::new(),
        body_bytes: body_bytes?,
        timeout_ms,
        sources: sources?,
        at_drain: at_drain?,
    })
}

fn optional<W, T>(
    written: Option<&W>,
    default: T,
    read: impl FnOnce(&W) -> Result<T, Mistake>,
) -> Result<T, Mistake> {
    written.map_or(Ok(default), read)
}

/// A slow client must be able to end before its time is over.
fn in_time(
    table: &Spanned<Load>,
    behaviour: Behaviour,
    timeout_ms: u32,
    reading: &Reading,
) -> Result<(), Mistake> {
    let load = table.get_ref();
    let (key, takes_ms, written) = match behaviour {
        Behaviour::SlowHeader { over_ms }
        | Behaviour::Upload { over_ms, .. }
        | Behaviour::Download { over_ms, .. } => ("lasts", over_ms, &load.lasts),
        Behaviour::Silent { wait_ms } => ("wait", wait_ms, &load.wait),
        _ => return Ok(()),
    };
    if takes_ms < timeout_ms {
        return Ok(());
    }
    let at = written.as_ref().map_or_else(|| reading.head(table), |written| reading.at(written));
    let message = format!("`{key}` is not shorter than `timeout`: every request would be a hang");
    Err(Mistake::new(codes::CONTRADICTION, &at, message).help("give it a longer `timeout`"))
}

fn path(load: &Load, reading: &Reading, default: impl Fn() -> String) -> Result<String, Mistake> {
    let Some(path) = &load.path else { return Ok(default()) };
    let path = reading.text(path)?;
    let fits = path.as_str().starts_with('/') && path.as_str().chars().all(|c| c.is_ascii_graphic());
    if fits {
        return Ok(path.as_str().to_owned());
    }
    let message = format!("`{}` is not a request target", path.as_str());
    Err(Mistake::new(codes::UNKNOWN_WORD, path.at(), message).help("write a path, such as `/`"))
}

fn looking(load: &Load, kind: Kind, reading: &Reading) -> Result<(), Mistake> {
    match &load.looks {
        Some(looks) if !kind.looks() => Err(contradiction(
            reading,
            looks,
            "only a client that reuses a connection can look before it writes",
        )),
        _ => Ok(()),
    }
}

fn contradiction<T>(reading: &Reading, at: &Spanned<T>, message: &str) -> Mistake {
    Mistake::new(codes::CONTRADICTION, &reading.at(at), message)
}
