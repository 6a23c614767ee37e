//! The main level and `events`.

use std::time::Duration;

use super::{argument_span, http, inside, set};
use crate::configuration::{Configuration, Destination, ErrorLog, Journal, Level, User, WorkerProcesses};
use crate::problems::{Problems, Wrong};
use crate::tree::Directive;
use crate::value;

/// Requests a journal has room for unless said: 8 MiB.
const JOURNAL_ENTRIES: u64 = 1 << 18;

/// Reads the directives of one source into `configuration`.
pub(crate) fn main(directives: &[Directive], configuration: &mut Configuration, problems: &mut Problems) {
    for directive in directives {
        one(directive, configuration, problems);
    }
}

fn one(directive: &Directive, configuration: &mut Configuration, problems: &mut Problems) {
    match directive.name.text.as_str() {
        "worker_processes" => set(&mut configuration.worker_processes, directive, problems, worker_processes),
        "pid" => set(&mut configuration.pid, directive, problems, |path| path_of(path).map(Some)),
        "daemon" => set(&mut configuration.daemon, directive, problems, value::switch),
        "master_process" => set(&mut (), directive, problems, master_process),
        "error_log" => error_log(directive, configuration, problems),
        "user" => configuration.user = Some(user(directive)),
        "worker_shutdown_timeout" => {
            set(&mut configuration.worker_shutdown_timeout, directive, problems, |text| {
                // 0 is for ever, as in nginx (`ngx_set_shutdown_timer`).
                value::time(text).map(|longest| (!longest.is_zero()).then_some(longest))
            });
        }
        "worker_rlimit_nofile" => {
            set(&mut configuration.worker_rlimit_nofile, directive, problems, |text| {
                value::number(text).map(Some)
            });
        }
        "changeover_ready_timeout" => {
            set(&mut configuration.changeover_ready_timeout, directive, problems, ready_timeout);
        }
        "changeover_handover" => {
            set(&mut configuration.changeover_handover, directive, problems, value::switch);
        }
        "changeover_journal" => configuration.changeover_journal = journal(directive, problems),
        "events" => inside(directive).iter().for_each(|inner| event(inner, configuration, problems)),
        "http" => configuration.http = http::http(inside(directive), problems),
        _ => {}
    }
}

fn event(directive: &Directive, configuration: &mut Configuration, problems: &mut Problems) {
    match directive.name.text.as_str() {
        "worker_connections" => {
            set(&mut configuration.worker_connections, directive, problems, worker_connections)
        }
        // Every turn of our accept loop takes what there is.
        "multi_accept" => set(&mut true, directive, problems, value::switch),
        "use" => set(&mut (), directive, problems, event_method),
        _ => {}
    }
}

fn worker_processes(text: &str) -> Result<WorkerProcesses, Wrong> {
    if text == "auto" {
        return Ok(WorkerProcesses::Auto);
    }
    match value::small_number(text) {
        Ok(count @ 1..=1024) => Ok(WorkerProcesses::Count(count)),
        _ => Err(Wrong::value(
            format!("invalid number \"{text}\""),
            "write \"auto\" or a number from 1 to 1024",
        )),
    }
}

fn path_of(text: &str) -> Result<String, Wrong> {
    if text.is_empty() {
        return Err(Wrong::value("empty path", "write the path of a file"));
    }
    Ok(text.to_owned())
}

fn master_process(text: &str) -> Result<(), Wrong> {
    if value::switch(text)? {
        return Ok(());
    }
    Err(Wrong::value(
        "\"master_process off\" is not supported here",
        "without a master there is nobody to upgrade: remove it; to stay in the foreground write: daemon off;",
    ))
}

fn event_method(text: &str) -> Result<(), Wrong> {
    if text == "epoll" {
        return Ok(());
    }
    Err(Wrong::value(format!("invalid event type \"{text}\""), "the only one here is \"epoll\""))
}

fn worker_connections(text: &str) -> Result<u32, Wrong> {
    match value::small_number(text)? {
        0 => Err(Wrong::value("invalid number \"0\"", "a worker needs at least 1 connection")),
        count => Ok(count),
    }
}

fn ready_timeout(text: &str) -> Result<Duration, Wrong> {
    let timeout = value::time(text)?;
    if timeout.is_zero() {
        return Err(Wrong::value("invalid time \"0\"", "a new generation needs some time to become ready"));
    }
    Ok(timeout)
}

fn journal(directive: &Directive, problems: &mut Problems) -> Option<Journal> {
    let path = problems.note(&argument_span(directive, 0), path_of(directive.argument(0)));
    let entries = match directive.arguments.get(1) {
        None => Some(JOURNAL_ENTRIES),
        Some(word) => problems.note(&word.span, entries(&word.text)),
    };
    Some(Journal { path: path?, entries: entries? })
}

fn entries(text: &str) -> Result<u64, Wrong> {
    match value::number(text)? {
        // 32 bytes each: 32 GiB, reserved when a worker starts.
        entries @ 1..=0x4000_0000 => Ok(entries),
        _ => Err(Wrong::value(format!("invalid number \"{text}\""), "write a number from 1 to 1073741824")),
    }
}

fn error_log(directive: &Directive, configuration: &mut Configuration, problems: &mut Problems) {
    let level = match directive.arguments.get(1) {
        None => Some(Level::Error),
        Some(word) => problems.note(&word.span, level(&word.text)),
    };
    let destination = problems.note(&argument_span(directive, 0), destination(directive.argument(0)));
    if let (Some(destination), Some(level)) = (destination, level) {
        configuration.error_logs.push(ErrorLog { destination, level });
    }
}

fn destination(text: &str) -> Result<Destination, Wrong> {
    if text == "stderr" {
        return Ok(Destination::Stderr);
    }
    if text.starts_with("syslog:") || text.starts_with("memory:") {
        return Err(Wrong::value(format!("\"{text}\" is not supported here"), "write a path, or \"stderr\""));
    }
    path_of(text).map(Destination::File)
}

fn level(text: &str) -> Result<Level, Wrong> {
    let known = Level::ALL.map(Level::name);
    let found = Level::ALL.into_iter().find(|level| level.name() == text);
    found.ok_or_else(|| {
        Wrong::value(format!("invalid log level \"{text}\""), format!("known: {}", known.join(", ")))
    })
}

fn user(directive: &Directive) -> User {
    let name = directive.argument(0).to_owned();
    let group = directive.arguments.get(1).map_or_else(|| name.clone(), |word| word.text.clone());
    User { name, group }
}
