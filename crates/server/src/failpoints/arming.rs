//! Who is to fail where and how, as whoever drives the test has written it into a file, and what then happens. The variable
//! `CHANGEOVER_FAILPOINTS` names the file without its end: `PREFIX.armed` holds one line,
//!
//! ```text
//! SERIAL ACT ROLE GENERATION BORN POINT.SIDE NTH
//! 3      kill worker 2       *    report-prepared.before 1
//! ```
//!
//! with `*` for any. Whoever fails removes the file, so that nobody else does, and then says so at the datagram socket
//! `PREFIX.sock`: `ACT ROLE GENERATION PID POINT.SIDE`. `note` only says that an instant was reached, and goes on.

use std::{
    env, fs,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    process,
    sync::{Mutex, PoisonError},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use protocol::Generation;

use super::Side;

const PREFIX_VARIABLE: &str = "CHANGEOVER_FAILPOINTS";

/// What a process is.
#[derive(Clone, Copy)]
pub(super) enum Role {
    Master,
    Worker,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Role::Master => "master",
            Role::Worker => "worker",
        }
    }
}

/// The line of the file.
struct Arming {
    serial: u64,
    act: String,
    role: String,
    generation: String,
    born: String,
    instant: String,
    nth: u64,
}

/// What a process remembers; a forked one begins anew.
struct Memory {
    pid: u32,
    /// The arming that was there when it reached its first instant.
    first_serial: u64,
    serial: u64,
    /// How often it reached the armed instant.
    times: u64,
}

static MEMORY: Mutex<Memory> = Mutex::new(Memory { pid: 0, first_serial: 0, serial: 0, times: 0 });

/// An instant is reached: fails there if it is to.
pub(super) fn reached(role: Role, generation: Generation, point: &str, side: Side) {
    let Some(prefix) = env::var_os(PREFIX_VARIABLE).map(PathBuf::from) else { return };
    let armed = prefix.with_added_extension("armed");
    let arming = fs::read_to_string(&armed).ok().and_then(|line| Arming::parse(&line));
    let instant = format!("{point}.{}", side.name());
    let is_meant = remember(arming.as_ref(), role, generation, &instant);
    let Some(arming) = arming.filter(|_| is_meant) else { return };
    let is_note = arming.act == "note";
    // Several may come here at once: it is for one of them.
    if !is_note && fs::remove_file(&armed).is_err() {
        return;
    }
    let words = [&arming.act, role.name(), &generation.to_string(), &process::id().to_string(), &instant];
    say(&prefix, &words.join(" "));
    act(&arming.act);
}

/// Whether this process is meant, this time.
fn remember(arming: Option<&Arming>, role: Role, generation: Generation, instant: &str) -> bool {
    let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    let serial = arming.map_or(0, |arming| arming.serial);
    if memory.pid != process::id() {
        *memory = Memory { pid: process::id(), first_serial: serial, serial, times: 0 };
    }
    let Some(arming) = arming else { return false };
    if memory.serial != serial {
        (memory.serial, memory.times) = (serial, 0);
    }
    let born = if memory.first_serial == serial { "after" } else { "before" };
    if !arming.means(role.name(), &generation.to_string(), born, instant) {
        return false;
    }
    memory.times += 1;
    arming.act == "note" || memory.times == arming.nth
}

impl Arming {
    fn parse(line: &str) -> Option<Arming> {
        let mut words = line.split_whitespace().map(str::to_owned);
        Some(Arming {
            serial: words.next()?.parse().ok()?,
            act: words.next()?,
            role: words.next()?,
            generation: words.next()?,
            born: words.next()?,
            instant: words.next()?,
            nth: words.next()?.parse().ok()?,
        })
    }

    fn means(&self, role: &str, generation: &str, born: &str, instant: &str) -> bool {
        let asked = [&self.role, &self.generation, &self.born, &self.instant];
        asked.iter().zip([role, generation, born, instant]).all(|(asked, is)| *asked == "*" || *asked == is)
    }
}

/// Before anything is done: the datagram is in the queue of whoever waits for it then.
fn say(prefix: &std::path::Path, line: &str) {
    let socket = prefix.with_added_extension("sock");
    if let Err(error) = UnixDatagram::unbound().and_then(|from| from.send_to(line.as_bytes(), &socket)) {
        eprintln!("changeoverd-failpoints: failed to say `{line}` at {}: {error}", socket.display());
    }
}

fn act(act: &str) {
    let signal = match act {
        "kill" => Signal::SIGKILL,
        "stop" => Signal::SIGSTOP,
        "exit" => process::exit(0),
        _ => return,
    };
    // To oneself: delivered before the call returns.
    if let Err(errno) = kill(Pid::this(), signal) {
        eprintln!("changeoverd-failpoints: failed to send {signal} to itself: {errno}");
    }
}
