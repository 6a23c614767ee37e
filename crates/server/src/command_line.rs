//! nginx's command line, as far as it means something here.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};

/// What nginx has not.
const DIRECTIVES: &str = "\
Directives of its own:
  changeover_ready_timeout TIME;           (main) how long a new generation may take to serve [30s]
  changeover_handover on | off;            (main) whether connections go on in other workers [on]
  changeover_journal PATH [ENTRIES];       (main) what was executed, for the harness
  changeover_zone_reload forget | keep;    (upstream) whether a reload forgets what a zone knows [forget]
  changeover_eject PERCENT% [of=ANSWERS] [within=TIME] [rest=TIME];
                                           (upstream) rests a server of whose answers so many were 5xx or none
Test endpoints, each in a location:
  changeover_echo; changeover_sink;        the body of a POST back, or its length and checksum
  changeover_delay;                        an answer after ?ms=N
  changeover_stream;                       ?bytes=N that can be foretold [&per_second=N] [&chunked=1]
  changeover_websocket;                    echoes messages; 1001 at worker_shutdown_timeout
  changeover_events;                       server-sent events, ?every_ms=N apart; goes on after Last-Event-ID
  changeover_counter;                      how many such requests this worker has had";

/// A master/worker HTTP server and balancer that is upgraded without losing a request. Takes nginx's options, signals and
/// a subset of its configuration.
#[derive(Debug, Parser)]
#[command(name = "changeoverd", after_help = DIRECTIVES, version, disable_version_flag = true, disable_help_flag = true)]
pub(crate) struct CommandLine {
    /// Show this help
    #[arg(short = '?', short_alias = 'h', long = "help", action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// Show the version
    #[arg(short = 'v')]
    pub(crate) version: bool,
    /// Show the version and how it was built
    #[arg(short = 'V')]
    pub(crate) build: bool,
    /// Test the configuration and exit
    #[arg(short = 't')]
    pub(crate) test: bool,
    /// Test the configuration, print it and exit
    #[arg(short = 'T')]
    pub(crate) dump: bool,
    /// Say nothing but errors while testing the configuration
    #[arg(short = 'q')]
    pub(crate) quiet: bool,
    /// Send a signal to the running master, or ask it
    #[arg(short = 's', value_name = "SIGNAL")]
    pub(crate) signal: Option<Order>,
    /// With -s weight, down, drain and undrain: of whom, as they say
    #[arg(value_name = "WORDS", requires = "signal")]
    pub(crate) words: Vec<String>,
    /// With -s weight, down and drain: also if no server is left that serves
    #[arg(long = "force", requires = "signal")]
    pub(crate) force: bool,
    /// With -s drain: how long to wait at most (30s, 5m); what is left then is told, and the exit code is 1
    #[arg(long = "timeout", value_name = "TIME", requires = "signal", value_parser = conf::read_time)]
    pub(crate) timeout: Option<Duration>,
    /// Print the status as JSON
    #[arg(long = "json", requires = "signal")]
    pub(crate) json: bool,
    /// Directory that relative paths start from
    #[arg(short = 'p', value_name = "PREFIX", default_value = ".")]
    pub(crate) prefix: PathBuf,
    /// Log file before the configuration is read
    #[arg(short = 'e', value_name = "FILE")]
    pub(crate) error_log: Option<PathBuf>,
    /// Configuration file
    #[arg(short = 'c', value_name = "FILE", default_value = "nginx.conf")]
    pub(crate) configuration: PathBuf,
    /// Directives that come before the configuration file
    #[arg(short = 'g', value_name = "DIRECTIVES", default_value = "")]
    pub(crate) directives: String,
}

/// What `-s` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// Fast stop (TERM)
    Stop,
    /// Graceful stop (QUIT)
    Quit,
    /// Reload the configuration (HUP)
    Reload,
    /// Reopen the logs (USR1)
    Reopen,
    /// Start the program file as a new generation, wait until it serves, and let the old one finish (USR2, WINCH, QUIT);
    /// on failure the old one serves on, and the reason is printed
    Upgrade,
    /// Give the service back to the old generation, as long as it is there
    Rollback,
    /// Print who serves, what waits, and what was said to the last signals
    Status,
    /// Change servers of an upstream that has a zone, all at once and in all generations: -s weight UPSTREAM SERVER=5
    /// SERVER=95, or SERVER=down, SERVER=up, SERVER=5,up. It holds until the configuration says something else of that server
    Weight,
    /// Send servers nothing any more: -s down UPSTREAM SERVER...
    Down,
    /// The same, and wait until the last request that they have has ended: -s drain UPSTREAM SERVER... --timeout 30s
    Drain,
    /// Send servers their share again: -s undrain UPSTREAM SERVER...
    Undrain,
}
