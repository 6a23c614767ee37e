//! The process that was started in the foreground: `protocol::supervisor` decides, this does. Masters tell it who they are at a
//! socket of its own, in the words that they would tell systemd (`notify`), and it passes them on in its own name.

mod ears;
mod family;

use std::{
    collections::BTreeMap,
    env,
    ffi::CString,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    process,
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
    supervisor::{Effect, Ending, Others, Process, State, Wakeup, Word, step},
};
use rustix::process::{
    Pid as RustixPid, PidfdFlags, Signal as Sent, pidfd_open, pidfd_send_signal, set_child_subreaper,
};

use self::{
    ears::Ears,
    family::{children, is_worker},
};
use crate::{
    home::Home,
    log::Log,
    master::SIGNALS,
    notify::{Notifier, SOCKET_VARIABLE},
    os::{self, Forked},
    pid_file,
};

/// In the environment of the masters that one started: its pid.
const VARIABLE: &str = "CHANGEOVER_SUPERVISOR";

/// How soon it looks again at children that may become masters or workers, while there is no master.
const LOOK_AGAIN_MS: u16 = 20;

/// Whether our parent is a supervisor that started us.
pub(crate) fn is_there() -> bool {
    let parent = nix::unistd::getppid().to_string();
    env::var(VARIABLE).is_ok_and(|pid| pid == parent)
}

/// Stays until the last generation has left; the code to exit with.
pub(crate) fn supervise(home: &Home, log: Log, pid_file: &Path) -> io::Result<u8> {
    let mut supervisor = Supervisor::new(home, log, pid_file)?;
    let (mut state, mut wakeup) = (State::default(), Wakeup::default());
    loop {
        let (next, effects) = step(&state, &wakeup);
        state = next;
        wakeup = Wakeup::default();
        for effect in effects {
            match effect {
                Effect::Exit(code) => return Ok(u8::try_from(code).unwrap_or(1)),
                Effect::StartMaster => wakeup.started = Some(supervisor.start_master()),
                Effect::Send(signal, master) => supervisor.send(signal, master),
                Effect::SendWorkers(signal) => supervisor.send_workers(signal),
                Effect::Say(remark) => supervisor.log.notice(&remark.to_string()),
            }
        }
        if wakeup.started.is_none() {
            supervisor.gather(&state, &mut wakeup)?;
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
        })
    }

    /// `None` if there is no process; the log says why.
    fn start_master(&mut self) -> Option<Process> {
        match self.fork_master() {
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

    fn fork_master(&self) -> io::Result<Process> {
        match os::fork_single_threaded()? {
            Forked::Parent(pid) => Ok(pid.as_raw().unsigned_abs()),
            Forked::Child => {
                // What a terminal sends to everybody in front of it comes through us.
                let _ = setsid();
                let program = self.home.program.as_os_str();
                let error = os::execute(program, &self.home.arguments, &self.environment(), &[]);
                self.log.emerg(&format!("failed to execute {}: {error}", self.home.program.display()));
                process::exit(127)
            }
        }
    }

    fn environment(&self) -> Vec<CString> {
        let parent = nix::unistd::getppid().to_string();
        let ours = [(SOCKET_VARIABLE, format!("@{}", self.ears.name)), (VARIABLE, parent)];
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
        for pid in children().unwrap_or_default().into_iter().filter(|pid| is_worker(*pid)) {
            // Our own child, and not reaped: the pid is its own.
            if let Some(pid) = RustixPid::from_raw(pid.cast_signed()) {
                let _ = rustix::process::kill_process(pid, sent(signal));
            }
        }
    }

    /// Waits for something to happen, and takes in everything that did.
    fn gather(&mut self, state: &State, wakeup: &mut Wakeup) -> io::Result<()> {
        let timeout = if state.has_master() { PollTimeout::NONE } else { PollTimeout::from(LOOK_AGAIN_MS) };
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
        for (pid, lines) in self.ears.hear() {
            self.know(pid);
            // One that ended before we could take hold of it has nothing to say any more.
            if !self.masters.contains_key(&pid) {
                continue;
            }
            let leads = lines.iter().any(|line| line.starts_with("MAINPID="));
            wakeup.heard.push((pid, if leads { Word::Leads } else { Word::Lives }));
            self.pass_on(lines);
        }
    }

    /// To whoever started us the main process is ourselves.
    fn pass_on(&self, mut lines: Vec<String>) {
        for line in lines.iter_mut().filter(|line| line.starts_with("MAINPID=")) {
            *line = format!("MAINPID={}", process::id());
        }
        if let Err(error) = self.notifier.tell(&lines) {
            self.log.error(&format!("failed to notify {SOCKET_VARIABLE}: {error}"));
        }
    }

    fn bury(&mut self, reaped: &BTreeMap<Process, Ending>, wakeup: &mut Wakeup) {
        let ended = |(pid, pidfd): (&Process, &OwnedFd)| Some((*pid, ending(*pid, pidfd, reaped)?));
        let ended: Vec<(Process, Ending)> = self.masters.iter().filter_map(ended).collect();
        for (pid, ending) in ended {
            self.masters.remove(&pid);
            self.log.notice(&format!("supervisor: master process {pid} ended: {ending:?}"));
            wakeup.ended.push((pid, ending));
        }
    }

    /// Who is left if there is no master. A program that says nothing (nginx, or an older version) is known by its pid file.
    fn others(&mut self, state: &State, wakeup: &mut Wakeup) -> Others {
        let Some(children) = children() else { return Others::Unknown };
        if children.is_empty() {
            return Others::Nobody;
        }
        if children.iter().all(|pid| is_worker(*pid)) {
            return Others::Workers;
        }
        let named = pid_file::read(self.pid_file).ok().filter(|pid| children.contains(pid));
        if let Some(pid) = named.filter(|_| state.leader().is_none() && !state.has_master()) {
            self.know(pid);
            wakeup.heard.push((pid, Word::Leads));
        }
        Others::Unknown
    }
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
