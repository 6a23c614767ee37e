//! What a configuration says, once it is read: the main level.

use std::time::Duration;

use crate::http::Http;

/// A whole configuration. Paths are as written; the caller resolves relative ones against the prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// `worker_processes`; 1 unless said.
    pub worker_processes: WorkerProcesses,
    /// `pid`; the caller knows the default.
    pub pid: Option<String>,
    /// `daemon`; on unless said.
    pub daemon: bool,
    /// `error_log`, as often as written; none means the caller's default at level `error`.
    pub error_logs: Vec<ErrorLog>,
    /// `user`.
    pub user: Option<User>,
    /// `worker_shutdown_timeout`: how long a draining worker waits for its connections; none means for ever.
    pub worker_shutdown_timeout: Option<Duration>,
    /// `worker_rlimit_nofile`.
    pub worker_rlimit_nofile: Option<u64>,
    /// `changeover_ready_timeout`: a new generation that is not ready by then is given up. 30 s unless said.
    pub changeover_ready_timeout: Duration,
    /// `changeover_handover`: whether a draining worker gives its connections to those that accept. On unless said.
    pub changeover_handover: bool,
    /// `changeover_journal`: where every worker writes down what it executes; off unless said.
    pub changeover_journal: Option<Journal>,
    /// `worker_connections`: most connections of one worker at a time; 512 unless said.
    pub worker_connections: u32,
    /// `http`; empty if not written.
    pub http: Http,
}

impl Default for Configuration {
    fn default() -> Self {
        Configuration {
            worker_processes: WorkerProcesses::Count(1),
            pid: None,
            daemon: true,
            error_logs: Vec::new(),
            user: None,
            worker_shutdown_timeout: None,
            worker_rlimit_nofile: None,
            changeover_ready_timeout: Duration::from_secs(30),
            changeover_handover: true,
            changeover_journal: None,
            worker_connections: 512,
            http: Http::default(),
        }
    }
}

/// `changeover_journal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// What the names of the files begin with: `PATH.PID.bin` is the journal of the worker with that pid.
    pub path: String,
    /// Requests that each has room for; 262144 unless said.
    pub entries: u64,
}

/// How many workers a generation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerProcesses {
    /// One per processor.
    Auto,
    /// This many, at least 1.
    Count(u32),
}

/// One `error_log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorLog {
    /// Where the lines go.
    pub destination: Destination,
    /// The least severe level that is written.
    pub level: Level,
}

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The standard error of the process.
    Stderr,
    /// A file, appended to.
    File(String),
}

/// Severity of a log line, the most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The server cannot go on.
    Emerg,
    /// Something that must not happen did.
    Alert,
    /// A part of the server cannot go on.
    Crit,
    /// A request could not be answered as asked.
    Error,
    /// Worth a look.
    Warn,
    /// The life of the processes.
    Notice,
    /// What clients do.
    Info,
    /// Everything.
    Debug,
}

impl Level {
    /// Every level, the most severe first.
    pub const ALL: [Level; 8] = [
        Level::Emerg,
        Level::Alert,
        Level::Crit,
        Level::Error,
        Level::Warn,
        Level::Notice,
        Level::Info,
        Level::Debug,
    ];

    /// As it is written in a configuration and in a log line.
    pub fn name(self) -> &'static str {
        match self {
            Level::Emerg => "emerg",
            Level::Alert => "alert",
            Level::Crit => "crit",
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Notice => "notice",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// Whom the workers run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Name of the user.
    pub name: String,
    /// Name of the group; the user's name if not written.
    pub group: String,
}
