//! `rate`, `arrivals`, `think` and what belongs to them: when the clients of a `[load.NAME]` table send.

use facts::plan::{Behaviour, Pace};

use crate::{
    codes, duration,
    mistake::Mistake,
    reading::Reading,
    shape::{Load, Word},
    spanned::Spanned,
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

/// When the clients send.
pub(crate) fn pace(table: &Spanned<Load>, behaviour: Behaviour, reading: &Reading) -> Result<Pace, Mistake> {
    let load = table.get_ref();
    let arrivals = load.arrivals.as_ref().map(|word| reading.one_of(word, &ARRIVALS)).transpose()?;
    foreign_keys(load, arrivals, reading)?;
    match (&load.rate, &load.think, arrivals) {
        (Some(_), Some(think), _) => {
            Err(contradiction(reading, think, "`rate` and `think` exclude each other"))
        }
        (rate, think, Some(Arrivals::Closed)) => {
            closed(load, rate.as_ref(), think.as_ref(), behaviour, reading)
        }
        (None, Some(think), _) => thinking(load, think, behaviour, reading),
        (Some(rate), None, arrivals) => {
            open(table, per_second(rate, reading)?, arrivals.unwrap_or(Arrivals::Poisson), reading)
        }
        (None, None, _) if behaviour == Behaviour::Short => Err(missing(table, reading, "`rate` is missing")),
        (None, None, _) => Err(missing(table, reading, "`rate` or `think` is missing")),
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

fn thinking(load: &Load, think: &Word, behaviour: Behaviour, reading: &Reading) -> Result<Pace, Mistake> {
    if behaviour == Behaviour::Short {
        let message = "a client that connects for every request does not think";
        return Err(contradiction(reading, think, message));
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
    behaviour: Behaviour,
    reading: &Reading,
) -> Result<Pace, Mistake> {
    match (rate, think, &load.arrivals) {
        (Some(rate), _, _) => {
            Err(contradiction(reading, rate, "a closed loop has no `rate`: the answers pace it"))
        }
        (_, Some(think), _) => Err(contradiction(reading, think, "a closed loop does not `think`")),
        (_, _, Some(word)) if behaviour == Behaviour::Short => {
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
