//! From the command line to what the engine is told.

use std::{
    net::ToSocketAddrs,
    path::Path,
    sync::{Arc, atomic::AtomicU8},
    time::Duration,
};

use facts::plan::{Behaviour, Method, Pace, Population};
use load::{Address, Bodies, Books, Options, Setup, Timing};

use crate::arguments::{self, Arrivals, Pacing};

/// How long it goes on when nothing limits it.
const DEFAULT_DURATION: Duration = Duration::from_secs(10);
/// With a limit on requests only: long enough for any.
const NO_LIMIT: Duration = Duration::from_secs(24 * 3600);
const BATCH_NANOS: u64 = 100_000;

/// What is to be sent, where, and for how long.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) url: String,
    pub(super) address: Address,
    pub(super) population: Population,
    pub(super) options: Options,
    pub(super) seed: u64,
    /// It ends after this long at the latest.
    pub(super) duration: Duration,
    pub(super) telling: Telling,
}

/// Who is told how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// Whoever sits at the terminal, if anybody does.
    Terminal,
    /// Whoever reads the log: a line a second.
    Lines,
    Nobody,
}

impl Asked {
    /// What of it contradicts itself is said in one line.
    pub(super) fn read(arguments: &arguments::Load) -> Result<Asked, String> {
        let (address, path) = place(&arguments.url)?;
        let pace = pace(arguments)?;
        let options = Options {
            threads: arguments.threads,
            most_starts: arguments.requests,
            timing: match arguments.pacing {
                Pacing::Exact => Timing::Exact,
                Pacing::Batch => Timing::Batch { nanos: BATCH_NANOS },
                Pacing::Spin => Timing::Spin,
            },
            books: if arguments.without_ledger { Books::Unwritten } else { Books::Written },
            bodies: if arguments.vary { Bodies::Varying } else { Bodies::Alike },
            ..Options::default()
        };
        let limit = if arguments.requests.is_some() { NO_LIMIT } else { DEFAULT_DURATION };
        Ok(Asked {
            url: arguments.url.clone(),
            address,
            population: population(arguments, path, pace)?,
            options,
            seed: arguments.seed,
            duration: arguments.duration.unwrap_or(limit),
            telling: match arguments {
                arguments::Load { quiet: true, .. } => Telling::Nobody,
                arguments::Load { progress: true, .. } => Telling::Lines,
                _ => Telling::Terminal,
            },
        })
    }

    /// For the engine; its ledger lies in `directory`.
    pub(super) fn setup(&self, directory: &Path) -> Setup {
        Setup {
            populations: vec![self.population.clone()],
            addresses: vec![self.address.clone()],
            origins: Vec::new(),
            seed: self.seed,
            phase: Arc::new(AtomicU8::new(0)),
            directory: directory.to_owned(),
            rates: Vec::new(),
            longest: self.duration,
            options: self.options,
        }
    }
}

fn population(arguments: &arguments::Load, path: String, pace: Pace) -> Result<Population, String> {
    let method = match (arguments.method, arguments.body) {
        (Some(arguments::Method::Get), Some(_)) => {
            return Err("--method GET and --body exclude each other: a GET has no body".into());
        }
        (Some(arguments::Method::Post), _) | (None, Some(_)) => Method::Post,
        (Some(arguments::Method::Get) | None, None) => Method::Get,
    };
    let (behaviour, connections) =
        if arguments.short { (Behaviour::Short, 512) } else { (Behaviour::Keepalive, 64) };
    Ok(Population {
        name: "load".into(),
        target: 0,
        behaviour,
        pace,
        connections: arguments.connections.unwrap_or(connections),
        looks: arguments.look,
        method,
        path,
        headers: arguments.headers.clone(),
        body_bytes: arguments.body.unwrap_or(0),
        timeout_ms: u32::try_from(arguments.timeout.as_millis()).unwrap_or(u32::MAX),
        ..Population::default()
    })
}

fn pace(arguments: &arguments::Load) -> Result<Pace, String> {
    let nanos = |duration: Duration| duration.as_nanos() as u64;
    let needs = |option: &str| format!("--arrivals needs {option} as well; see --help");
    foreign(arguments)?;
    let Some(per_second) = arguments.rate else {
        return Ok(arguments.think.map_or(Pace::Closed, |think| Pace::Think { nanos: nanos(think) }));
    };
    let to = arguments.to_rate.ok_or_else(|| needs("--to-rate"));
    let over_ns = arguments.over.map(nanos).ok_or_else(|| needs("--over"));
    for rate in [Some(per_second), arguments.to_rate].into_iter().flatten() {
        if !(rate > 0.0 && rate <= 1e7) {
            return Err(format!("{rate} is not a rate: requests a second, more than 0"));
        }
    }
    Ok(match arguments.arrivals {
        Arrivals::Poisson => Pace::Poisson { per_second },
        Arrivals::Constant => Pace::Constant { per_second },
        Arrivals::Ramp => Pace::Ramp { from: per_second, to: to?, over_ns: over_ns? },
        Arrivals::Step => {
            let steps = arguments.steps.ok_or_else(|| needs("--steps"))?;
            Pace::Step { from: per_second, to: to?, steps, over_ns: over_ns? }
        }
        Arrivals::Burst => Pace::Burst { per_second, size: arguments.burst.ok_or_else(|| needs("--burst"))? },
    })
}

/// Options that have no effect here: never ignored.
fn foreign(arguments: &arguments::Load) -> Result<(), String> {
    use Arrivals::{Burst, Poisson, Ramp, Step};
    let useless = |option: &str| Err(format!("{option} has no effect with these arrivals; see --help"));
    let arguments::Load { rate, to_rate, over, steps, burst, arrivals, .. } = arguments;
    match arrivals {
        _ if rate.is_none() && *arrivals != Poisson => useless("--arrivals without --rate"),
        Ramp | Step if burst.is_some() => useless("--burst"),
        Ramp if steps.is_some() => useless("--steps"),
        Ramp | Step => Ok(()),
        _ if to_rate.is_some() => useless("--to-rate"),
        _ if over.is_some() => useless("--over"),
        _ if steps.is_some() => useless("--steps"),
        Burst => Ok(()),
        _ if burst.is_some() => useless("--burst"),
        _ => Ok(()),
    }
}

/// Where a URL points: an address and a path.
fn place(url: &str) -> Result<(Address, String), String> {
    let wrong = |why: &str| format!("{url}: {why}; write http://127.0.0.1:8080/path");
    let rest = match url.split_once("://") {
        Some(("http", rest)) => rest,
        Some(("https", _)) => return Err(wrong("TLS is not spoken here")),
        Some((scheme, _)) => return Err(wrong(&format!("`{scheme}` is not spoken here"))),
        None => return Err(wrong("the scheme is missing")),
    };
    if let Some(socket) = rest.strip_prefix("unix:") {
        let (socket, path) = socket.split_once(':').unwrap_or((socket, "/"));
        return Ok((Address::Unix(socket.into()), path.to_owned()));
    }
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let path = path.split('#').next().unwrap_or("/");
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong("the path is more than visible ASCII characters"));
    }
    let has_port =
        authority.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && !port.contains(']'));
    let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    let mut addresses =
        authority.to_socket_addrs().map_err(|error| wrong(&format!("no such host ({error})")))?;
    let address = addresses.next().ok_or_else(|| wrong("the host has no address"))?;
    Ok((address.into(), path.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Verb};

    fn shown(address: &Address) -> String {
        match address {
            Address::Ip(address) => address.to_string(),
            Address::Unix(path) => format!("unix {}", path.display()),
        }
    }

    /// What a command line comes to: the pace, or what is wrong with it.
    fn read(line: &str) -> String {
        let words = ["changeover", "load"].into_iter().chain(line.split_whitespace());
        match Arguments::try_parse_from(words) {
            Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
            Ok(Arguments { verb: Verb::Load(arguments), .. }) => match Asked::read(&arguments) {
                Ok(asked) => {
                    format!("{} {} {:?}", shown(&asked.address), asked.population.path, asked.population.pace)
                }
                Err(why) => why,
            },
            Ok(_) => "another verb".into(),
        }
    }

    #[test]
    fn a_url_is_an_address_and_a_path() {
        for (url, expected) in [
            ("http://127.0.0.1:81/a?b=c#d", "127.0.0.1:81 /a?b=c "),
            ("http://127.0.0.1", "127.0.0.1:80 / "),
            ("http://[::1]:8080/x", "[::1]:8080 /x "),
            ("http://[::1]", "[::1]:80 / "),
            ("http://unix:/run/a.sock:/x", "unix /run/a.sock /x "),
            ("http://unix:/run/a.sock", "unix /run/a.sock / "),
        ] {
            let got = read(&format!("--closed {url}"));
            assert!(got.starts_with(expected), "{url}: {got}");
        }
        for (url, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80: the scheme is missing; write http://127.0.0.1:8080/path"),
            ("https://a/", "https://a/: TLS is not spoken here; write http://127.0.0.1:8080/path"),
            ("http://127.0.0.1:port/", "http://127.0.0.1:port/: no such host"),
        ] {
            let got = read(&format!("--closed {url}"));
            assert!(got.starts_with(expected), "{url}: {got}");
        }
    }

    #[test]
    fn options_that_contradict_each_other_are_never_ignored() {
        let url = "http://127.0.0.1:1/";
        for (options, expected) in [
            ("--rate 5", "127.0.0.1:1 / Poisson { per_second: 5.0 }"),
            ("--think 1s", "127.0.0.1:1 / Think { nanos: 1000000000 }"),
            ("--closed", "127.0.0.1:1 / Closed"),
            ("--rate 5 --arrivals burst --burst 3", "127.0.0.1:1 / Burst { per_second: 5.0, size: 3 }"),
            ("", "error: the following required arguments were not provided:"),
            ("--rate 5 --closed", "error: the argument '--rate <PER_SECOND>' cannot be used with '--closed'"),
            ("--short --closed", "error: the argument '--short' cannot be used with '--closed'"),
            ("--rate 0", "0 is not a rate"),
            ("--rate 5 --arrivals ramp --over 1s", "--arrivals needs --to-rate"),
            ("--rate 5 --burst 3", "--burst has no effect"),
            ("--closed --arrivals constant", "--arrivals without --rate has no effect"),
            ("--rate 5 --method GET --body 3", "--method GET and --body exclude each other"),
            (
                "--closed --header a",
                "error: invalid value 'a' for '--header <NAME:VALUE>': a header is NAME:VALUE",
            ),
            ("--closed --header Expect:x", "error: invalid value 'Expect:x' for '--header <NAME:VALUE>'"),
            ("--closed --header a:b -H c:d", "127.0.0.1:1 / Closed"),
            ("--rate 5 --duration 5", "error: invalid value '5' for '--duration <DURATION>'"),
        ] {
            let got = read(&format!("{options} {url}"));
            assert!(got.starts_with(expected), "{options}: {got}");
        }
    }
}
