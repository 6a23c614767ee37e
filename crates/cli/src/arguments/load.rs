//! `load`.

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args, ValueEnum};
use facts::plan::Header;

/// `load`
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("pace").required(true).args(["rate", "think", "closed"])))]
pub(crate) struct Load {
    /// Such as http://127.0.0.1:8080/path or http://unix:/run/server.sock:/path
    pub(crate) url: String,
    /// Open loop: so many requests a second, whatever the answers do
    #[arg(long, value_name = "PER_SECOND")]
    pub(crate) rate: Option<f64>,
    /// Each connection pauses this long between an answer and its next request
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) think: Option<Duration>,
    /// Closed loop: each connection asks again as soon as it is answered. For comparison only: its times are no evidence
    #[arg(long)]
    pub(crate) closed: bool,
    /// How the requests of --rate are spread
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson)]
    pub(crate) arrivals: Arrivals,
    /// The rate that a ramp or step goes to and stays at
    #[arg(long, value_name = "PER_SECOND")]
    pub(crate) to_rate: Option<f64>,
    /// How long a ramp or step takes to get there
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) over: Option<Duration>,
    /// In so many stairs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) steps: Option<u32>,
    /// So many requests at one instant
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) burst: Option<u32>,
    /// Connections kept open [default: 64], or the most at a time with --short [default: 512]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) connections: Option<u32>,
    /// End after this long [default: 10s, if there is no --requests]
    #[arg(short, long, value_name = "DURATION", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// End after so many requests
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) requests: Option<u64>,
    /// A connection for each request
    #[arg(long, conflicts_with_all = ["keepalive", "think", "closed"])]
    pub(crate) short: bool,
    /// Connections are kept and reused (the default)
    #[arg(long)]
    pub(crate) keepalive: bool,
    /// Look whether a kept connection was closed before each request: costs a call
    #[arg(long, conflicts_with = "short")]
    pub(crate) look: bool,
    /// Method [default: POST with --body, GET without]
    #[arg(short, long, value_enum)]
    pub(crate) method: Option<Method>,
    /// A header of every request; may be said again
    #[arg(short = 'H', long = "header", value_name = "NAME:VALUE", value_parser = header)]
    pub(crate) headers: Vec<Header>,
    /// Bytes of body of a POST
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(..=1 << 30))]
    pub(crate) body: Option<u32>,
    /// The bodies of answers may differ from each other
    #[arg(long)]
    pub(crate) vary: bool,
    /// A request that took longer is lost
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Threads that share the connections and the one arrival plan
    #[arg(short, long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) threads: u32,
    /// Every instant of the plan is drawn from it
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// When requests are sent: exact; batch (those of 100 us together, for a fraction of the CPU); spin (never sleeps, takes
    /// a whole core of each thread)
    #[arg(long, value_enum, default_value_t = Pacing::Exact)]
    pub(crate) pacing: Pacing,
    /// Write what was found as JSON; - is standard output, instead of the table
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write an HdrHistogram log (V2, one line a second)
    #[arg(long, value_name = "FILE")]
    pub(crate) hlog: Option<PathBuf>,
    /// Write no record of any request: what it costs is measured against that, and nothing else can be
    #[arg(long, hide = true, conflicts_with_all = ["ledger", "hlog"])]
    pub(crate) without_ledger: bool,
    /// Keep the record of every request in this new directory
    #[arg(long, value_name = "DIR")]
    pub(crate) ledger: Option<PathBuf>,
    /// Say how far it is once a second, also where nobody looks
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) progress: bool,
    /// Print nothing but what is wrong
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// How the requests of an open loop are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arrivals {
    /// At random, as independent users come
    Poisson,
    /// Evenly
    Constant,
    /// At random, the rate climbing from --rate to --to-rate in --over
    Ramp,
    /// The same in --steps stairs
    Step,
    /// --burst at one instant, at random instants
    Burst,
}

/// Method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// Idempotent
    #[value(name = "GET", alias = "get")]
    Get,
    /// Not idempotent
    #[value(name = "POST", alias = "post")]
    Post,
}

/// How exactly requests are timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pacing {
    /// Each when it is due
    Exact,
    /// Those of 100 us together
    Batch,
    /// Each when it is due, by a thread that never sleeps
    Spin,
}

fn header(written: &str) -> Result<Header, String> {
    Header::parse(written).map_err(str::to_owned)
}

fn duration(written: &str) -> Result<Duration, String> {
    match scenario::duration_nanos(written) {
        Some(nanos @ 1_000_000..) => Ok(Duration::from_nanos(nanos)),
        Some(_) => Err("shorter than a millisecond".into()),
        None => Err("write a number with a unit: `250ms`, `2s`, `1m`".into()),
    }
}
