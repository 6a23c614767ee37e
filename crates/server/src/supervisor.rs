//! The process that was started in the foreground: `protocol::supervisor` decides, this does. Masters tell it who they are at a
//! socket of its own, in the words that they would tell systemd (`notify`), and it passes them on in its own name.

mod ears;
mod family;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::CString,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    process,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, SigmaskHow, Signal as Raised, sigprocmask},
        signalfd::{SfdFlags, SignalFd},
        wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid},
    },
    unistd::{Pid, setsid},
};
use protocol::{
    signals::{Signal, Signals},
    supervisor::{Configuration, Effect, Ending, Others, Process, Remark, State, Wakeup, Word, step},
};
use rustix::process::{
    Pid as RustixPid, PidfdFlags, Signal as Sent, pidfd_open, pidfd_send_signal, set_child_subreaper,
};

use self::{
    ears::{Ears, Said},
    family::{Kin, children, kin},
};
use crate::{
    home::Home,
    last_in_force,
    log::Log,
    master::SIGNALS,
    notify::{Notifier, SOCKET_VARIABLE},
    os::{self, Forked},
    pid_file,
};

/// In the environment of the masters that one started: its pid.
const VARIABLE: &str = "CHANGEOVER_SUPERVISOR";

/// What the line of a master that cannot start begins with.
const REASON: &str = "X_CHANGEOVER_REASON=";

/// What no service manager has to know begins with this.
const OURS: &str = "X_CHANGEOVER_";

/// How soon it looks again at children that may become masters or workers, while there is no master.
const LOOK_AGAIN_MS: u16 = 20;

/// Whether our parent is a supervisor that started us.
pub(crate) fn is_there() -> bool {
    let parent = nix::unistd::getppid().to_string();
    env::var(VARIABLE).is_ok_and(|pid| pid == parent)
}

/// Whether one was somewhere above us, whoever our parent is: it hears what we say at `NOTIFY_SOCKET`.
pub(crate) fn is_above() -> bool {
    env::var(VARIABLE).is_ok_and(|pid| !pid.is_empty())
}

/// Tells it why there will be no master here.
pub(crate) fn tell_why(why: &str) {
    if is_above() {
        let line = format!("{REASON}{}", why.replace('\n', " "));
        // Its log has the code with which we exit in any case.
        let _ = Notifier::from_environment().and_then(|notifier| notifier.tell(&[line]));
    }
}

/// Stays until the last generation has left; the code to exit with.
pub(crate) fn supervise(home: &Home, log: Log, pid_file: &Path) -> io::Result<u8> {
    let mut supervisor = Supervisor::new(home, log, pid_file)?;
    let (mut state, mut wakeup) = (State::default(), Wakeup::default());
    let mut last = Instant::now();
    loop {
        let (next, effects) = step(&state, &wakeup);
        state = next;
        wakeup = Wakeup::default();
        for effect in effects {
            match effect {
                Effect::Exit(code) => return Ok(u8::try_from(code).unwrap_or(1)),
                Effect::StartMaster(configuration) => {
                    wakeup.started = Some(supervisor.start_master(configuration));
                }
                Effect::Send(signal, master) => supervisor.send(signal, master),
                Effect::SendWorkers(signal) => supervisor.send_workers(signal),
                Effect::AnnounceStop => supervisor.pass_on(vec!["STOPPING=1".to_owned()]),
                Effect::ReopenLogs => supervisor.log.reopen(),
                Effect::Say(remark) => supervisor.say(remark),
            }
        }
        if wakeup.started.is_none() {
            supervisor.gather(&state, &mut wakeup)?;
            wakeup.elapsed_ms = u32::try_from(last.elapsed().as_millis()).unwrap_or(u32::MAX);
            last += Duration::from_millis(wakeup.elapsed_ms.into());
        }
    }
}

struct Supervisor<'a> {
    home: &'a Home,
    log: Log,
    pid_file: &'a Path,
    signals: SignalFd,
    ears: Ears,
    notifier: Notifier,
    masters: BTreeMap<Process, OwnedFd>,
    /// Why those of them that cannot start cannot.
    reasons: BTreeMap<Process, String>,
    /// The text of the configuration that the last leader had in force.
    last_in_force: Option<OwnedFd>,
}

impl<'a> Supervisor<'a> {
    fn new(home: &'a Home, log: Log, pid_file: &'a Path) -> io::Result<Supervisor<'a>> {
        // A master whose own parent was a master becomes our child when that one leaves.
        set_child_subreaper(Some(RustixPid::INIT))?;
        os::set_title("changeoverd: supervisor");
        let mut mask = SigSet::empty();
        SIGNALS.iter().for_each(|(raised, _)| mask.add(*raised));
        mask.add(Raised::SIGCHLD);
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), None)?;
        Ok(Supervisor {
            home,
            log,
            pid_file,
            signals: SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?,
            ears: Ears::open()?,
            notifier: Notifier::from_environment()?,
            masters: BTreeMap::new(),
            reasons: BTreeMap::new(),
            last_in_force: None,
        })
    }

    /// `None` if there is no process; the log says why.
    fn start_master(&mut self, configuration: Configuration) -> Option<Process> {
        let text = self.last_in_force.as_ref().filter(|_| configuration == Configuration::LastInForce);
        match self.fork_master(text) {
            Ok(pid) => {
                self.know(pid);
                Some(pid)
            }
            Err(error) => {
                self.log.emerg(&format!("supervisor: failed to start a master: {error}"));
                None
            }
        }
    }

    fn fork_master(&self, text: Option<&OwnedFd>) -> io::Result<Process> {
        match os::fork_single_threaded()? {
            Forked::Parent(pid) => Ok(pid.as_raw().unsigned_abs()),
            Forked::Child => {
                // What a terminal sends to everybody in front of it comes through us.
                let _ = setsid();
                let program = self.home.program.as_os_str();
                let kept: Vec<BorrowedFd> = text.into_iter().map(AsFd::as_fd).collect();
                let environment = self.environment(text);
                let error = os::execute(program, &self.home.arguments, &environment, &kept);
                self.log.emerg(&format!("failed to execute {}: {error}", self.home.program.display()));
                process::exit(127)
            }
        }
    }

    fn environment(&self, text: Option<&OwnedFd>) -> Vec<CString> {
        let parent = nix::unistd::getppid().to_string();
        let ours = [
            (SOCKET_VARIABLE, format!("@{}", self.ears.name)),
            (VARIABLE, parent),
            (last_in_force::VARIABLE, text.map(|text| os::number(text.as_fd())).unwrap_or_default()),
        ];
        os::environment(&ours)
    }

    fn know(&mut self, pid: Process) {
        let Some(raw) = RustixPid::from_raw(pid.cast_signed()) else { return };
        if let (false, Ok(pidfd)) = (self.masters.contains_key(&pid), pidfd_open(raw, PidfdFlags::empty())) {
            self.masters.insert(pid, pidfd);
        }
    }

    fn send(&self, signal: Signal, master: Process) {
        let Some(pidfd) = self.masters.get(&master) else { return };
        match pidfd_send_signal(pidfd, sent(signal)) {
            // It has ended: that is told.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(errno) => self.log.alert(&format!("supervisor: failed to send {}: {errno}", signal.name())),
        }
    }

    fn send_workers(&self, signal: Signal) {
        for pid in children().unwrap_or_default().into_iter().filter(|pid| kin(*pid) == Kin::Worker) {
            // Our own child, and not reaped: the pid is its own.
            if let Some(pid) = RustixPid::from_raw(pid.cast_signed()) {
                let _ = rustix::process::kill_process(pid, sent(signal));
            }
        }
    }

    /// Waits for something to happen, and takes in everything that did.
    fn gather(&mut self, state: &State, wakeup: &mut Wakeup) -> io::Result<()> {
        let timeout = if state.has_master() { PollTimeout::NONE } else { look_again(state) };
        let mut fds = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.ears.as_fd(), PollFlags::POLLIN),
        ];
        fds.extend(self.masters.values().map(|pidfd| PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)));
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        wakeup.signals = self.raised();
        let reaped = reap();
        // What somebody said before its end is there when its end is.
        self.listen(wakeup);
        self.bury(&reaped, wakeup);
        wakeup.others = self.others(state, wakeup);
        Ok(())
    }

    fn raised(&self) -> Signals {
        let mut signals = Signals::NONE;
        while let Ok(Some(info)) = self.signals.read_signal() {
            let known = SIGNALS.iter().find(|(raised, _)| *raised as u32 == info.ssi_signo);
            known.iter().for_each(|(_, signal)| signals.insert(*signal));
        }
        signals
    }

    fn listen(&mut self, wakeup: &mut Wakeup) {
        for Said { who, lines, file } in self.ears.hear() {
            self.know(who);
            // One that ended before we could take hold of it has nothing to say any more.
            if !self.masters.contains_key(&who) {
                continue;
            }
            let leads = lines.iter().any(|line| line.starts_with("MAINPID="));
            wakeup.heard.push((who, if leads { Word::Leads } else { Word::Lives }));
            let reason = lines.iter().find_map(|line| line.strip_prefix(REASON));
            self.reasons.extend(reason.map(|reason| (who, reason.to_owned())));
            if lines.iter().any(|line| line == last_in_force::LINE) {
                self.last_in_force = file;
            }
            self.pass_on(lines);
        }
    }

    /// To whoever started us the main process is ourselves.
    fn pass_on(&self, mut lines: Vec<String>) {
        lines.retain(|line| !line.starts_with(OURS));
        for line in lines.iter_mut().filter(|line| line.starts_with("MAINPID=")) {
            *line = format!("MAINPID={}", process::id());
        }
        let told = if lines.is_empty() { Ok(()) } else { self.notifier.tell(&lines) };
        if let Err(error) = told {
            self.log.error(&format!("failed to notify {SOCKET_VARIABLE}: {error}"));
        }
    }

    fn bury(&mut self, reaped: &BTreeMap<Process, Ending>, wakeup: &mut Wakeup) {
        let ended = |(pid, pidfd): (&Process, &OwnedFd)| Some((*pid, ending(*pid, pidfd, reaped)?));
        let ended: Vec<(Process, Ending)> = self.masters.iter().filter_map(ended).collect();
        for (pid, ending) in ended {
            self.masters.remove(&pid);
            let why = self.reasons.remove(&pid).map(|why| format!(": {why}")).unwrap_or_default();
            self.log.notice(&format!("supervisor: master process {pid} {ending}{why}"));
            wakeup.ended.push((pid, ending));
        }
    }

    fn say(&self, remark: Remark) {
        let line = remark.to_string();
        match remark {
            Remark::Replaces(..) | Remark::NotReplaced(..) => self.log.alert(&line),
            Remark::ServesLastInForce => self.log.warn(&line),
            _ => self.log.notice(&line),
        }
    }

    /// Who is left if there is no master. A program that says nothing (nginx, or an older version) is known by its pid file.
    fn others(&mut self, state: &State, wakeup: &mut Wakeup) -> Others {
        let Some(children) = children() else { return Others::Unknown };
        let named = pid_file::read(self.pid_file).ok().filter(|pid| children.contains(pid));
        let named = named.filter(|_| state.leader().is_none() && !state.has_master());
        if let Some(pid) = named.filter(|pid| kin(*pid) != Kin::Worker) {
            self.know(pid);
            wakeup.heard.push((pid, Word::Leads));
            return Others::Unknown;
        }
        let kin: BTreeSet<Kin> = children.into_iter().map(kin).collect();
        match (kin.contains(&Kin::Unknown), kin.contains(&Kin::Worker)) {
            (true, _) => Others::Unknown,
            (false, true) => Others::Workers,
            (false, false) => Others::Nobody,
        }
    }
}

/// Children may become masters or workers; and the next try may be due.
fn look_again(state: &State) -> PollTimeout {
    let due_ms = state.deadline_ms().and_then(|ms| u16::try_from(ms).ok());
    PollTimeout::from(due_ms.unwrap_or(LOOK_AGAIN_MS).min(LOOK_AGAIN_MS))
}

/// Everybody who has ended and was left to us; as PID 1 that is anybody.
fn reap() -> BTreeMap<Process, Ending> {
    let mut reaped = BTreeMap::new();
    while let Ok(status) = waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
        let (Some(pid), Some(ending)) = (status.pid(), told(status)) else { break };
        reaped.insert(pid.as_raw().unsigned_abs(), ending);
    }
    reaped
}

/// `None` while it lives.
fn ending(pid: Process, pidfd: &OwnedFd, reaped: &BTreeMap<Process, Ending>) -> Option<Ending> {
    if let Some(ending) = reaped.get(&pid) {
        return Some(*ending);
    }
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    if poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready == 0) {
        return None;
    }
    match waitid(Id::PIDFd(pidfd.as_fd()), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG) {
        Ok(status) => told(status).or(Some(Ending::Elsewhere)),
        Err(_) => Some(Ending::Elsewhere),
    }
}

fn told(status: WaitStatus) -> Option<Ending> {
    match status {
        WaitStatus::Exited(_, code) => Some(Ending::Exited(code)),
        WaitStatus::Signaled(_, signal, _) => Some(Ending::Killed(signal as i32)),
        _ => None,
    }
}

fn sent(signal: Signal) -> Sent {
    match signal {
        Signal::Hup => Sent::HUP,
        Signal::Int => Sent::INT,
        Signal::Quit => Sent::QUIT,
        Signal::Term => Sent::TERM,
        Signal::Usr1 => Sent::USR1,
        Signal::Usr2 => Sent::USR2,
        Signal::Winch => Sent::WINCH,
    }
}
