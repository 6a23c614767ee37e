//! `rate`, `arrivals`, `think` and what belongs to them: when the clients of a `[load.NAME]` table send.

use facts::plan::{Behaviour, Fires, Pace};

use crate::{
    behaviour::Kind,
    codes, duration,
    mistake::Mistake,
    reading::Reading,
    scope::Scope,
    shape::{Load, Word},
    spanned::Spanned,
    text::Text,
};

/// What `arrivals` can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrivals {
    Constant,
    Poisson,
    Ramp,
    Step,
    Burst,
    Closed,
}

const ARRIVALS: [(&str, Arrivals); 6] = [
    ("poisson", Arrivals::Poisson),
    ("constant", Arrivals::Constant),
    ("ramp", Arrivals::Ramp),
    ("step", Arrivals::Step),
    ("burst", Arrivals::Burst),
    ("closed", Arrivals::Closed),
];

/// Most stairs of a step: each has to last for some requests.
const MOST_STEPS: u32 = 1000;
/// Most requests at one instant.
const LARGEST_BURST: u32 = 100_000;

/// When the clients send; events are `every_ms` apart.
pub(crate) fn pace(
    table: &Spanned<Load>,
    kind: Kind,
    every_ms: u64,
    reading: &Reading,
    scope: &Scope,
) -> Result<Pace, Mistake> {
    let load = table.get_ref();
    let arrivals = load.arrivals.as_ref().map(|word| reading.one_of(word, &ARRIVALS)).transpose()?;
    foreign_keys(load, arrivals, reading)?;
    match (&load.rate, &load.think, arrivals) {
        (Some(_), Some(think), _) => {
            Err(contradiction(reading, think, "`rate` and `think` exclude each other"))
        }
        (rate, think, Some(Arrivals::Closed)) => closed(load, rate.as_ref(), think.as_ref(), kind, reading),
        (None, Some(think), _) => thinking(load, think, kind, reading),
        (Some(rate), None, _) if !kind.has_rate() => {
            Err(contradiction(reading, rate, &format!("clients of kind `{}` have no rate", kind.word()))
                .help(instead_of_rate(kind)))
        }
        (Some(rate), None, arrivals) => {
            let arrivals = arrivals.unwrap_or(Arrivals::Poisson);
            let pace = open(table, per_second(rate, reading)?, arrivals, reading)?;
            let fastest = [Some(rate), load.to_rate.as_ref()].into_iter().flatten();
            fastest.filter(|_| kind == Kind::Reqwest).try_for_each(|rate| ordinary(rate, reading))?;
            Ok(pace)
        }
        (None, None, _) if kind == Kind::Events => Ok(Pace::Think { nanos: every_ms * 1_000_000 }),
        (None, None, _) if kind.is_volley() => match &load.fires {
            Some(fires) => Ok(Pace::Volley { fires: volley(&reading.text(fires)?, kind, scope)? }),
            None => Err(Mistake::new(codes::MISSING_KEY, &reading.head(table), "`fires` is missing")
                .help("such as `fires = \"phase drain\"` or `fires = \"every 2s\"`")),
        },
        (None, None, _) if kind == Kind::Pipelined => {
            Err(Mistake::new(codes::MISSING_KEY, &reading.head(table), "`think` is missing")
                .help("such as `think = \"100ms\"` (between the last answer of a batch and the next batch)"))
        }
        (None, None, _) if kind.thinks() => Err(missing(table, reading, "`rate` or `think` is missing")),
        (None, None, _) => Err(missing(table, reading, "`rate` is missing")),
    }
}

/// A rate that an ordinary client keeps up with.
pub(crate) fn ordinary(rate: &Spanned<f64>, reading: &Reading) -> Result<(), Mistake> {
    if *rate.get_ref() <= Behaviour::FASTEST_ORDINARY {
        return Ok(());
    }
    let message = format!("{} is more than `reqwest` keeps up with", rate.get_ref());
    Err(Mistake::new(codes::OUT_OF_RANGE, &reading.at(rate), message)
        .help("at most 500 requests per second; a `keepalive` population beside it has no such limit"))
}

fn unthinking(kind: Kind) -> &'static str {
    match kind {
        Kind::Events => "a client that follows events does not think; say `every`",
        Kind::Reqwest => "clients of `reqwest` share their connections and do not think; say `rate`",
        Kind::Sniper | Kind::Storm => "clients that all send at once do not think; say `fires`",
        _ => "a client that connects for every request does not think",
    }
}

fn instead_of_rate(kind: Kind) -> &'static str {
    match kind {
        Kind::Pipelined => "say how long each of them thinks between two batches: `think = \"100ms\"`",
        Kind::Events => "say how far the events are apart: `every = \"100ms\"`",
        _ => "say when they send: `fires = \"phase drain\"`",
    }
}

/// `phase drain`, `every 2s`, `first close`, `told`.
fn volley(text: &Text, kind: Kind, scope: &Scope) -> Result<Fires, Mistake> {
    let written = text.as_str();
    let (first, rest) = written.split_once(' ').unwrap_or((written, ""));
    let at = text.part(written.len() - rest.len()..written.len());
    match (first, rest) {
        ("told", "") => Ok(Fires::Told),
        ("first", "close") if kind == Kind::Sniper => Ok(Fires::FirstClose),
        ("first", "close") => Err(Mistake::new(
            codes::CONTRADICTION,
            text.at(),
            "a storm keeps no connections that could be closed",
        )
        .help("use `kind = \"sniper\"`")),
        ("phase", _) => Ok(Fires::Phase { phase: scope.phase(rest, &at)? }),
        ("every", _) => Ok(Fires::Every { nanos: duration::part_millis(rest, &at)? * 1_000_000 }),
        _ => Err(Mistake::new(codes::BAD_EVENT, text.at(), format!("`{written}` fires nothing")).help(
            "write `phase NAME`, `every 2s`, `first close` (of an idle connection) or `told` (by a step)",
        )),
    }
}

/// A rate: more than 0 and within reason.
pub(crate) fn per_second(rate: &Spanned<f64>, reading: &Reading) -> Result<f64, Mistake> {
    let per_second = *rate.get_ref();
    if per_second > 0.0 && per_second <= 1e6 {
        return Ok(per_second);
    }
    Err(Mistake::new(codes::OUT_OF_RANGE, &reading.at(rate), format!("{per_second} is out of range"))
        .help("requests per second: more than 0, at most 1000000"))
}

fn open(
    table: &Spanned<Load>,
    per_second: f64,
    arrivals: Arrivals,
    reading: &Reading,
) -> Result<Pace, Mistake> {
    let load = table.get_ref();
    let needed = |key: &str, example: &str| {
        let name = ARRIVALS.iter().find(|(_, a)| *a == arrivals).map_or("", |(name, _)| name);
        let message = format!("`{key}` is missing: arrivals of this kind (`{name}`) need it");
        Mistake::new(codes::MISSING_KEY, &reading.head(table), message).help(format!("such as `{example}`"))
    };
    let climb = || {
        let to = load.to_rate.as_ref().ok_or_else(|| needed("to_rate", "to_rate = 2000"))?;
        let over = load.over.as_ref().ok_or_else(|| needed("over", "over = \"10s\""))?;
        let over_ns = duration::millis(&reading.text(over)?)? * 1_000_000;
        Ok((self::per_second(to, reading)?, over_ns))
    };
    Ok(match arrivals {
        Arrivals::Constant => Pace::Constant { per_second },
        // A closed loop has no rate: that was said before.
        Arrivals::Poisson | Arrivals::Closed => Pace::Poisson { per_second },
        Arrivals::Ramp => {
            let (to, over_ns) = climb()?;
            Pace::Ramp { from: per_second, to, over_ns }
        }
        Arrivals::Step => {
            let (to, over_ns) = climb()?;
            let steps = load.steps.as_ref().ok_or_else(|| needed("steps", "steps = 4"))?;
            Pace::Step { from: per_second, to, steps: reading.whole(steps, 1..=MOST_STEPS)?, over_ns }
        }
        Arrivals::Burst => {
            let size = load.burst.as_ref().ok_or_else(|| needed("burst", "burst = 50"))?;
            Pace::Burst { per_second, size: reading.whole(size, 1..=LARGEST_BURST)? }
        }
    })
}

fn thinking(load: &Load, think: &Word, kind: Kind, reading: &Reading) -> Result<Pace, Mistake> {
    if !kind.thinks() {
        return Err(contradiction(reading, think, unthinking(kind)));
    }
    if let Some(arrivals) = &load.arrivals {
        return Err(contradiction(reading, arrivals, "`arrivals` has no effect without `rate`"));
    }
    match duration::nanos(&reading.text(think)?)? {
        0 => Err(contradiction(reading, think, "clients that do not think are a closed loop")
            .help("say so: `arrivals = \"closed\"` instead of `think`")),
        nanos => Ok(Pace::Think { nanos }),
    }
}

fn closed(
    load: &Load,
    rate: Option<&Spanned<f64>>,
    think: Option<&Word>,
    kind: Kind,
    reading: &Reading,
) -> Result<Pace, Mistake> {
    match (rate, think, &load.arrivals) {
        (Some(rate), _, _) => {
            Err(contradiction(reading, rate, "a closed loop has no `rate`: the answers pace it"))
        }
        (_, Some(think), _) => Err(contradiction(reading, think, "a closed loop does not `think`")),
        (_, _, Some(word)) if !kind.thinks() => {
            Err(contradiction(reading, word, "a closed loop keeps its connections")
                .help("write `kind = \"keepalive\"`"))
        }
        _ => Ok(Pace::Closed),
    }
}

/// Keys that other arrivals need.
fn foreign_keys(load: &Load, arrivals: Option<Arrivals>, reading: &Reading) -> Result<(), Mistake> {
    let climbs = matches!(arrivals, Some(Arrivals::Ramp | Arrivals::Step));
    let useless = |key: &str, of: &str| format!("`{key}` has an effect only with `arrivals = {of}`");
    match load {
        Load { to_rate: Some(at), .. } if !climbs => {
            Err(contradiction(reading, at, &useless("to_rate", "\"ramp\"` or `\"step\"")))
        }
        Load { over: Some(at), .. } if !climbs => {
            Err(contradiction(reading, at, &useless("over", "\"ramp\"` or `\"step\"")))
        }
        Load { steps: Some(at), .. } if arrivals != Some(Arrivals::Step) => {
            Err(contradiction(reading, at, &useless("steps", "\"step\"")))
        }
        Load { burst: Some(at), .. } if arrivals != Some(Arrivals::Burst) => {
            Err(contradiction(reading, at, &useless("burst", "\"burst\"")))
        }
        _ => Ok(()),
    }
}

fn contradiction<T>(reading: &Reading, at: &Spanned<T>, message: &str) -> Mistake {
    Mistake::new(codes::CONTRADICTION, &reading.at(at), message)
}

fn missing(table: &Spanned<Load>, reading: &Reading, message: &str) -> Mistake {
    Mistake::new(codes::MISSING_KEY, &reading.head(table), message)
        .help("such as `rate = 500` (requests per second)")
}
