//! What a scenario file says, key by key. Shapes only: nothing here knows whether a name exists.
//! No `tag`, `flatten` or `untagged`: each of them loses the place of a mistake. The comments on the keys are what
//! an editor shows: they go into `scenarios/schema.json`.

mod arguments;
mod step;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::spanned::Spanned;

pub(crate) use arguments::{
    Analysis, Configure, Disk, Down, Drain, Exec, Failpoint, Hold, Limit, LoadChange, Net, Send, Signals,
    Swap, To, Weight,
};
pub use step::KEYS;
pub(crate) use step::{Keys, MemberVerb, On, Step, VERBS};

pub(crate) type Word = Spanned<String>;
/// A table whose keys are the user's own names.
pub(crate) type Named<T> = BTreeMap<Word, T>;

/// A scenario of changeover: which server, which clients, what is done to the server, what must be true afterwards.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "changeover scenario")]
pub(crate) struct File {
    /// The version of the language: 1.
    pub(crate) schema: Spanned<i64>,
    /// One sentence that says what is to be shown.
    pub(crate) name: Word,
    /// Files, by their path below the scenario folder, that this one adds to and may overrule.
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "read before the files are one: see `include`; here for its type and its schema"
    )]
    pub(crate) include: Vec<Word>,
    /// Words to select scenarios by.
    #[serde(default)]
    pub(crate) tags: Vec<Word>,
    /// Every random choice is drawn from it (1).
    pub(crate) seed: Option<u64>,
    /// How often each case runs, each time with the next seed (1).
    pub(crate) repeat: Option<Spanned<i64>>,
    /// The run is ended by force after this long ("60s").
    pub(crate) deadline: Option<Word>,
    /// A percentile of fewer samples than this is unknown (1000).
    pub(crate) minimum_samples: Option<u64>,
    /// What the machine must have, or the case is skipped: "root", "netns", "mount", "nginx>=1.22".
    #[serde(default)]
    pub(crate) requires: Vec<Word>,
    /// "fail": a planted loss. Each line of `expect` must be refuted.
    pub(crate) must: Option<Word>,
    /// One case per combination of these values; `${NAME}` in any string is one of them.
    #[serde(default)]
    pub(crate) matrix: Named<Spanned<Vec<Word>>>,
    /// How the case fails on targets of this kind. Then it must fail so there.
    #[serde(default)]
    pub(crate) known_failure: Named<KnownFailure>,
    /// Servers under test.
    #[serde(default)]
    pub(crate) target: Named<Spanned<Target>>,
    /// Back ends of our own behind a target that is a proxy.
    #[serde(default)]
    pub(crate) origin: Named<Origin>,
    /// Clients that behave alike.
    #[serde(default)]
    pub(crate) load: Named<Spanned<Load>>,
    /// The network that the run's sockets are in.
    #[serde(default)]
    pub(crate) network: Network,
    /// What is done, one after the other.
    #[serde(default)]
    pub(crate) step: Vec<Spanned<Step>>,
    /// What is done meanwhile, whenever something happens.
    #[serde(default)]
    pub(crate) on: Vec<Spanned<On>>,
    /// What must be true.
    #[serde(default)]
    pub(crate) expect: Expect,
}

/// A server under test: a folder in `targets/` (`kind`), or one of your own (`program`, `start`, …).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ kind = \"nginx\" }`")]
pub(crate) struct Target {
    /// A folder in `scenarios/targets/`.
    pub(crate) kind: Option<Word>,
    /// Workers per generation; 0 for a server of one process.
    pub(crate) workers: Option<Spanned<i64>>,
    /// Which of the folder's configurations.
    pub(crate) config: Option<Word>,
    /// Values for the folder's options.
    #[serde(default)]
    pub(crate) options: Named<Word>,
    /// First weights, by origin.
    #[serde(default)]
    pub(crate) weights: Named<Spanned<i64>>,
    /// The program: a name on PATH or an absolute path. With `kind`: instead of the folder's.
    pub(crate) program: Option<Word>,
    /// Its command line. `${program}`, `${run}`, `${address}`, `${ip}`, `${port}`, `${workers}` are filled in.
    pub(crate) start: Option<Spanned<Vec<Word>>>,
    /// Arguments that print its version.
    pub(crate) version: Option<Vec<Word>>,
    /// The file it writes its pid to. Without one, its master is the process that was started.
    pub(crate) pid_file: Option<Word>,
    /// The file that has the old master's pid during an upgrade.
    pub(crate) oldbin: Option<Word>,
    /// Its error log.
    pub(crate) log: Option<Word>,
    /// What the command line of a worker contains; without it every child of a master is a worker.
    pub(crate) worker_title: Option<Word>,
    /// Whether the start command stays and is the server (true without `pid_file`), or ends when the server runs.
    pub(crate) stays: Option<Spanned<bool>>,
    /// Environment of the start command.
    #[serde(default)]
    pub(crate) env: Named<Word>,
    /// Files to write into the run directory before it is started.
    #[serde(default)]
    pub(crate) files: Named<Word>,
    /// How its verbs are done, as steps: `upgrade`, `drain`, `commit`, `rollback`, `reload`, `apply`, `stop`.
    #[serde(default)]
    pub(crate) verbs: Named<Vec<Spanned<Step>>>,
}

/// How a case fails on a server that is known not to do what it asks for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as `{ why = \"it closes idle connections\", fails = ['lost == 0'] }`"
)]
pub(crate) struct KnownFailure {
    /// One sentence: why.
    pub(crate) why: Word,
    /// The lines of `expect`, or the names of checks, that fail. At least one of them must; nothing else may.
    pub(crate) fails: Spanned<Vec<Word>>,
}

/// A back end of our own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{}`")]
pub(crate) struct Origin {
    /// What it does wrong, each with how often: "reset-every=30" strikes each thirtieth request. reset, close (before a byte
    /// of an answer), ignore, unavailable (503), swallow (executed, never answered), lose-answer (executed, then closed),
    /// execute-twice, cut-head, reset-head, cut-body, reset-body, close-idle, announce-close, reset-tail, wrong-body,
    /// wrong-status, not-http, wrong-id, surplus, drip, swap-answers, miscount, cut-websocket, skip-event.
    #[serde(default)]
    pub(crate) faults: Vec<Word>,
}

/// Clients that behave alike.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ to = \"web\", kind = \"short\", rate = 500 }`")]
pub(crate) struct Load {
    /// The target they connect to.
    pub(crate) to: Word,
    /// "short": a connection per request. "keepalive": connections are kept. Also "pipelined", "slow_header", "upload",
    /// "download", "half_close", "silent", "websocket", "events", "sniper", "storm".
    pub(crate) kind: Word,
    /// Requests per second, all clients together.
    pub(crate) rate: Option<Spanned<f64>>,
    /// "poisson", "constant", "ramp" (needs `to_rate`, `over`), "step" (`to_rate`, `over`, `steps`), "burst" (`burst`), or,
    /// without a rate, "closed": the next request as soon as one is answered, for comparison only.
    pub(crate) arrivals: Option<Word>,
    /// The rate that a ramp or step goes to and stays at.
    pub(crate) to_rate: Option<Spanned<f64>>,
    /// How long it takes to get there.
    pub(crate) over: Option<Word>,
    /// In so many stairs.
    pub(crate) steps: Option<Spanned<i64>>,
    /// Requests at one instant.
    pub(crate) burst: Option<Spanned<i64>>,
    /// Instead of `rate`: the pause between an answer and the next request on a connection.
    pub(crate) think: Option<Word>,
    /// Connections kept (64); of "short" the most at a time (512).
    pub(crate) connections: Option<Spanned<i64>>,
    /// Whether they look for a close before they write to a kept connection (true).
    pub(crate) looks: Option<Spanned<bool>>,
    /// "GET" or "POST".
    pub(crate) method: Option<Word>,
    /// Bytes of a POST's body.
    pub(crate) body: Option<Spanned<i64>>,
    /// Request target ("/").
    pub(crate) path: Option<Word>,
    /// A request that took longer is a hang ("5s").
    pub(crate) timeout: Option<Word>,
    /// Of "pipelined": requests that are written at once (8).
    pub(crate) depth: Option<Spanned<i64>>,
    /// Of "slow_header", "upload" and "download": how long the head, the body, the answer takes ("1s"). Of "websocket":
    /// how long each of them lives before its client takes its leave and opens another (for ever).
    pub(crate) lasts: Option<Word>,
    /// Of "upload": "length", "chunked" or "expect" (length, and the body only after 100 Continue).
    pub(crate) framing: Option<Word>,
    /// Of "download": bytes of the answer (1048576).
    pub(crate) bytes: Option<Spanned<i64>>,
    /// Of "silent": how long a connection is open before anything is sent ("200ms").
    pub(crate) wait: Option<Word>,
    /// Of "events": how far they are apart ("100ms").
    pub(crate) every: Option<Word>,
    /// Of "sniper" and "storm", which send on all connections at once: "phase NAME", "every 2s", "told" (by a step),
    /// and of "sniper" "first close" (of an idle connection).
    pub(crate) fires: Option<Word>,
    /// So many clients with loopback addresses of their own.
    pub(crate) clients: Option<Spanned<i64>>,
    /// What the server may do to them at a drain: "must_finish", "may_close_at_boundary", "may_reconnect".
    pub(crate) at_drain: Option<Word>,
}

/// The network that the run's sockets are in.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ own = false }`")]
pub(crate) struct Network {
    /// A network namespace of the run's own, where one can be made (true). false: the servers need something of the
    /// machine's network.
    pub(crate) own: Option<Spanned<bool>>,
    /// Settings of the kernel for that network: "net.ipv4.tcp_migrate_req" = "1". Needs `netns`.
    #[serde(default)]
    pub(crate) sysctl: Named<Word>,
}

/// What must be true.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ finally = ['lost == 0'] }`")]
pub(crate) struct Expect {
    /// True all the time, but for stretches no longer than `within`: "accepting(web) > 0 within 500ms".
    #[serde(default)]
    pub(crate) always: Vec<Word>,
    /// True of the finished run.
    #[serde(default)]
    pub(crate) finally: Vec<Word>,
    /// As `finally`: what it may cost.
    #[serde(default)]
    pub(crate) budget: Vec<Word>,
    /// True at least once.
    #[serde(default)]
    pub(crate) reached: Vec<Word>,
    /// Named checks.
    #[serde(default)]
    pub(crate) checks: Vec<Word>,
    /// Lines for targets of this kind only.
    #[serde(default)]
    pub(crate) on: Named<ExpectOn>,
}

/// What is expected of one kind of target only.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ finally = ['lost == 0'] }`")]
pub(crate) struct ExpectOn {
    /// See `expect.always`.
    #[serde(default)]
    pub(crate) always: Vec<Word>,
    /// See `expect.finally`.
    #[serde(default)]
    pub(crate) finally: Vec<Word>,
    /// See `expect.budget`.
    #[serde(default)]
    pub(crate) budget: Vec<Word>,
    /// See `expect.reached`.
    #[serde(default)]
    pub(crate) reached: Vec<Word>,
    /// See `expect.checks`.
    #[serde(default)]
    pub(crate) checks: Vec<Word>,
}
