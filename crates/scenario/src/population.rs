//! `[load.NAME]`: clients that behave alike.

use facts::plan::{Behaviour, Method, Population};

use crate::{
    codes, duration,
    mistake::{Mistake, Mistakes},
    pace,
    reading::Reading,
    scope::Scope,
    shape::Load,
    spanned::Spanned,
};

const BEHAVIOURS: [(&str, Behaviour); 2] = [("short", Behaviour::Short), ("keepalive", Behaviour::Keepalive)];
const METHODS: [(&str, Method); 2] = [("GET", Method::Get), ("POST", Method::Post)];
const DEFAULT_TIMEOUT_MS: u32 = 5_000;
/// Connections kept by `keepalive`, and the most that `short` has open at a time: within the 1024 files that an
/// ordinary user may open.
const DEFAULT_CONNECTIONS: [u32; 2] = [64, 512];

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
    let behaviour = mistakes.keep(reading.one_of(&load.kind, &BEHAVIOURS));
    let method =
        mistakes.keep(optional(load.method.as_ref(), Method::Get, |word| reading.one_of(word, &METHODS)));
    let most = DEFAULT_CONNECTIONS[usize::from(behaviour == Some(Behaviour::Short))];
    let connections =
        mistakes.keep(optional(load.connections.as_ref(), most, |n| reading.whole(n, 1..=100_000)));
    let timeout = mistakes.keep(optional(load.timeout.as_ref(), DEFAULT_TIMEOUT_MS, |word| {
        reading.text(word).and_then(|text| duration::millis(&text)).map(|ms| ms as u32)
    }));
    let body_bytes = mistakes.keep(body(load, method, reading));
    let path = mistakes.keep(path(load, reading));
    let behaviour = behaviour?;
    let pace = mistakes.keep(pace::pace(table, behaviour, reading));
    mistakes.keep(looking(load, behaviour, reading));
    Some(Population {
        name: name.to_owned(),
        target: target?,
        behaviour,
        pace: pace?,
        connections: connections?,
        looks: load.looks.as_ref().is_none_or(|looks| *looks.get_ref()),
        method: method?,
        path: path?,
        body_bytes: body_bytes?,
        timeout_ms: timeout?,
    })
}

fn optional<W, T>(
    written: Option<&W>,
    default: T,
    read: impl FnOnce(&W) -> Result<T, Mistake>,
) -> Result<T, Mistake> {
    written.map_or(Ok(default), read)
}

fn body(load: &Load, method: Option<Method>, reading: &Reading) -> Result<u32, Mistake> {
    let Some(body) = &load.body else { return Ok(0) };
    if method == Some(Method::Get) {
        return Err(contradiction(reading, body, "a GET has no body").help("add `method = \"POST\"`"));
    }
    reading.whole(body, 0..=1 << 30)
}

fn path(load: &Load, reading: &Reading) -> Result<String, Mistake> {
    let Some(path) = &load.path else { return Ok("/".to_owned()) };
    let path = reading.text(path)?;
    let fits = path.as_str().starts_with('/') && path.as_str().chars().all(|c| c.is_ascii_graphic());
    if fits {
        return Ok(path.as_str().to_owned());
    }
    let message = format!("`{}` is not a request target", path.as_str());
    Err(Mistake::new(codes::UNKNOWN_WORD, path.at(), message).help("write a path, such as `/`"))
}

fn looking(load: &Load, behaviour: Behaviour, reading: &Reading) -> Result<(), Mistake> {
    match &load.looks {
        Some(looks) if behaviour == Behaviour::Short => Err(contradiction(
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
