//! What happens: `ngx_master_process_cycle`, `ngx_reap_children`, the start of a new binary, and the blows from outside.

use protocol::signals::{Signal, Signals};

use super::{
    Quirk,
    world::{Action, Boot, Master, Stage, Worker, World},
};
use crate::scene::Name;

/// Whether a new binary can be started.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fork {
    Works,
    Fails,
}

/// Whether the loop goes on to the next flag or back to `sigsuspend`.
enum Flow {
    On,
    Back,
}

impl World {
    pub(super) fn apply(&mut self, action: Action) {
        match action {
            Action::Turn(index, signals) => self.wake(index, signals, Fork::Works),
            Action::Boot(index) => self.boot(index),
            Action::Work(at) => self.work(at.into()),
            Action::Finish(at) => self.end_worker(at.into()),
            Action::Kill(index) => {
                self.strike();
                self.end_master(index, false);
            }
            Action::KillAll(index) => {
                self.strike();
                self.workers.retain(|worker| worker.owner != index);
                self.end_master(index, false);
            }
            Action::Fail(index) => {
                self.strike();
                self.end_master(index, false);
            }
            Action::Cripple(index) => {
                self.strike();
                self.change(index, |master| master.crippled = true);
            }
            Action::CannotFork(index) => {
                self.strike();
                self.wake(index, Signals::from_iter([Signal::Usr2]), Fork::Fails);
            }
        }
    }

    fn strike(&mut self) {
        self.faults -= 1;
        self.faulted = true;
    }

    /// `sigsuspend` returns: the handlers have run.
    fn wake(&mut self, index: u8, signals: Signals, fork: Fork) {
        self.signals = self.signals.without(signals);
        let mut accepted = self.handled(index, signals);
        if fork == Fork::Fails && accepted.take(Signal::Usr2) {
            self.spoil(index);
        }
        self.note_orders(index, signals, accepted);
        self.change(index, |master| accepted.iter().for_each(|signal| master.flags.insert(signal)));
        self.redeem(index);
        self.cycle(index);
        while !self.quirks.has(Quirk::FlagsSleep) && self.master(index).is_some_and(|m| !m.flags.is_empty()) {
            self.cycle(index);
        }
        if self.master(index).is_some_and(|master| !master.flags.is_empty()) {
            self.fire(Quirk::FlagsSleep);
        }
    }

    /// `ngx_signal_handler`: USR2 is ignored while a new binary or the one that started us lives.
    fn handled(&self, index: u8, signals: Signals) -> Signals {
        let mut accepted = signals;
        let busy = self.master(index).is_some_and(|master| {
            master.new_binary.is_some() || master.parent.is_some_and(|parent| self.master(parent).is_some())
        });
        if busy {
            accepted.take(Signal::Usr2);
        }
        accepted
    }

    /// As for the reference: what an operator means by it, whatever the server makes of it.
    fn note_orders(&mut self, index: u8, signals: Signals, accepted: Signals) {
        let at = usize::from(index);
        let quit = signals.contains(Signal::Quit);
        let term = signals.contains(Signal::Term);
        self.told[at] |= quit || term;
        let upgrades = accepted.contains(Signal::Usr2);
        let staying: Vec<u8> = self
            .living()
            .map(|(other, _)| other)
            .filter(|other| *other != index && !self.told[usize::from(*other)])
            .collect();
        let ready = staying.iter().any(|other| self.ready[usize::from(*other)]);
        self.stopped |= (quit && !upgrades && staying.is_empty()) || (term && !ready);
        self.faulted |= term;
    }

    /// Without the quirk: what waited for the new generation comes true when it is ready, and is dropped when it died.
    fn redeem(&mut self, index: u8) {
        let Some(master) = self.master(index) else { return };
        let (deferred, new) = (master.deferred, master.new_binary);
        match new {
            Some(new) if self.master(new).is_some() && self.is_ready(new) => self.change(index, |master| {
                deferred.iter().for_each(|signal| master.flags.insert(signal));
                master.deferred = Signals::NONE;
            }),
            Some(new) if self.master(new).is_some() => {}
            _ => {
                if !deferred.is_empty() {
                    self.told[usize::from(index)] = false;
                }
                self.change(index, |master| master.deferred = Signals::NONE);
            }
        }
    }

    /// `ngx_exec_new_binary` without a child: the pid file is renamed back.
    fn spoil(&mut self, index: u8) {
        let kept = self.quirks.has(Quirk::NewBinaryInvalid);
        self.change(index, |master| master.invalid = kept);
    }

    /// One pass through the loop.
    fn cycle(&mut self, index: u8) {
        let steps: [fn(&mut World, u8) -> Flow; 7] = [
            World::reap,
            World::leave,
            World::terminate,
            World::quit,
            World::reconfigure,
            World::change_binary,
            World::stop_accepting,
        ];
        for step in steps {
            if self.master(index).is_none() || matches!(step(self, index), Flow::Back) {
                return;
            }
        }
    }

    /// `ngx_reap_children`; `live` is counted anew.
    fn reap(&mut self, index: u8) -> Flow {
        let Some(master) = self.master(index).copied() else { return Flow::Back };
        let barren = master.crippled && !self.quirks.has(Quirk::ReadinessUnknown);
        if barren && self.workers.iter().all(|worker| worker.owner != index) {
            self.end_master(index, true);
            return Flow::Back;
        }
        let idle = self.workers.iter().all(|worker| worker.owner != index);
        if !master.child {
            // Only what the model left out could have changed it.
            return Flow::On;
        }
        self.change(index, |master| {
            master.child = false;
            master.live = !idle;
        });
        if master.new_binary.is_some_and(|new| self.master(new).is_none()) {
            self.lose_new_binary(index, master);
        }
        Flow::On
    }

    fn lose_new_binary(&mut self, index: u8, before: Master) {
        self.change(index, |master| {
            master.new_binary = None;
            master.noaccepting = false;
        });
        (self.pid_file, self.old_bin) = (Name::Of(index), Name::Absent);
        if before.quit && self.quirks.has(Quirk::QuitIsFinal) {
            return self.fire(Quirk::QuitIsFinal);
        }
        if before.noaccepting || before.quit {
            self.came_back = true;
            if self.has_workers(index) && !before.quit {
                self.fire(Quirk::NoacceptingKept);
            }
            self.told[usize::from(index)] = false;
            self.change(index, |master| master.quit = false);
            self.fork_workers(index);
        }
    }

    fn has_workers(&self, index: u8) -> bool {
        self.workers.iter().any(|w| w.owner == index && w.stage != Stage::Draining && !w.told)
    }

    /// `!live && (terminate || quit)`: nothing to wait for.
    fn leave(&mut self, index: u8) -> Flow {
        let Some(master) = self.master(index).copied() else { return Flow::Back };
        let leaving = master.quit
            || master.terminate
            || master.flags.contains(Signal::Quit)
            || master.flags.contains(Signal::Term);
        if master.live || !leaving {
            return Flow::On;
        }
        if self.has_workers(index) {
            self.fire(Quirk::LiveNotSet);
            self.abandoned = true;
        }
        self.end_master(index, true);
        Flow::Back
    }

    fn terminate(&mut self, index: u8) -> Flow {
        if !self.flag(index, Signal::Term) {
            return Flow::On;
        }
        self.change(index, |master| (master.terminate, master.flags) = (true, Signals::NONE));
        self.workers.retain(|worker| worker.owner != index);
        self.change(index, |master| master.child = true);
        Flow::Back
    }

    fn quit(&mut self, index: u8) -> Flow {
        let Some(master) = self.master(index).copied() else { return Flow::Back };
        if master.quit {
            // Deaf: flags that are set now are never looked at.
            if !self.quirks.has(Quirk::FlagsSleep) {
                self.change(index, |master| master.flags = Signals::NONE);
            }
            return Flow::Back;
        }
        if !master.flags.contains(Signal::Quit) {
            return Flow::On;
        }
        if master.flags.contains(Signal::Usr2) {
            if !self.quirks.has(Quirk::QuitBeforeUsr2) {
                self.flag(index, Signal::Quit);
                self.change(index, |master| master.deferred.insert(Signal::Quit));
                return Flow::On;
            }
            self.fire(Quirk::QuitBeforeUsr2);
            // It is set for ever, and nobody is left to look.
            self.flag(index, Signal::Usr2);
        }
        self.flag(index, Signal::Quit);
        if self.must_wait(index) {
            self.change(index, |master| master.deferred.insert(Signal::Quit));
            return Flow::On;
        }
        let alone = master.new_binary.is_none() && master.parent.is_none_or(|old| self.master(old).is_none());
        self.change(index, |master| master.quit = true);
        self.leave_service(index, master.parent);
        if self.quirks.has(Quirk::QuitIsFinal) || alone {
            self.change(index, |master| master.listens = false);
        }
        self.drain(index);
        if !self.quirks.has(Quirk::FlagsSleep) {
            self.change(index, |master| master.flags = Signals::NONE);
        }
        Flow::Back
    }

    /// Without the quirk an old generation that was not told to leave serves again before the new one goes.
    fn leave_service(&mut self, index: u8, parent: Option<u8>) {
        let Some(parent) = parent.filter(|p| self.master(*p).is_some_and(|master| !master.quit)) else {
            return;
        };
        if self.quirks.has(Quirk::NobodyTakesOver) {
            return self.fire(Quirk::NobodyTakesOver);
        }
        (self.pid_file, self.old_bin) = (Name::Of(parent), Name::Absent);
        self.change(parent, |master| (master.noaccepting, master.deferred) = (false, Signals::NONE));
        if !self.has_workers(parent) {
            self.fork_workers(parent);
        }
        debug_assert_ne!(index, parent);
    }

    /// Without the quirk WINCH and QUIT wait for a new generation that is not ready; with it they are obeyed.
    fn must_wait(&mut self, index: u8) -> bool {
        let new = self.master(index).and_then(|master| master.new_binary);
        let unready = new.is_some_and(|new| !self.is_ready(new));
        if unready && self.quirks.has(Quirk::ReadinessUnknown) {
            self.fire(Quirk::ReadinessUnknown);
            let bared = self.living().all(|(other, _)| other == index || !self.ready[usize::from(other)]);
            self.bared |= bared;
        }
        unready && !self.quirks.has(Quirk::ReadinessUnknown)
    }

    fn reconfigure(&mut self, index: u8) -> Flow {
        if !self.flag(index, Signal::Hup) {
            return Flow::On;
        }
        let Some(master) = self.master(index).copied() else { return Flow::Back };
        if master.new_binary.is_none() && !master.invalid {
            return self.reload(index);
        }
        if master.invalid {
            self.fire(Quirk::NewBinaryInvalid);
        } else if self.has_workers(index) {
            if !self.quirks.has(Quirk::HupMultiplies) {
                return Flow::Back;
            }
            self.fire(Quirk::HupMultiplies);
        } else {
            self.came_back = true;
        }
        let live = master.live || !self.quirks.has(Quirk::LiveNotSet);
        self.fork_workers(index);
        self.change(index, |master| (master.noaccepting, master.live) = (false, live));
        Flow::Back
    }

    /// New workers, then the old ones drain.
    fn reload(&mut self, index: u8) -> Flow {
        self.drain(index);
        self.fork_workers(index);
        if !self.quirks.has(Quirk::NoacceptingKept) {
            self.change(index, |master| master.noaccepting = false);
        }
        Flow::On
    }

    /// `ngx_exec_new_binary`
    fn change_binary(&mut self, index: u8) -> Flow {
        if !self.flag(index, Signal::Usr2) {
            return Flow::On;
        }
        let new = self.born;
        if usize::from(new) >= self.masters.len() {
            return Flow::On;
        }
        self.born += 1;
        self.masters[usize::from(new)] = Some(Master::child_of(Some(index)));
        self.change(index, |master| (master.new_binary, master.invalid) = (Some(new), false));
        if self.quirks.has(Quirk::PidFileRenamed) {
            (self.old_bin, self.pid_file) = (self.pid_file, Name::Absent);
        }
        Flow::On
    }

    fn stop_accepting(&mut self, index: u8) -> Flow {
        if !self.flag(index, Signal::Winch) {
            return Flow::On;
        }
        let new = self.master(index).and_then(|master| master.new_binary);
        if new.is_none_or(|new| self.master(new).is_none_or(|new| new.quit || new.terminate)) {
            if !self.quirks.has(Quirk::WinchObeyedAlone) {
                return Flow::On;
            }
            self.fire(Quirk::WinchObeyedAlone);
            self.bared = true;
        } else if self.must_wait(index) {
            self.change(index, |master| master.deferred.insert(Signal::Winch));
            return Flow::On;
        }
        self.change(index, |master| master.noaccepting = true);
        self.drain(index);
        Flow::On
    }

    fn flag(&mut self, index: u8, signal: Signal) -> bool {
        let mut was = false;
        self.change(index, |master| was = master.take(signal));
        was
    }

    fn drain(&mut self, index: u8) {
        self.own(index)
            .filter(|worker| worker.stage != Stage::Draining)
            .for_each(|worker| worker.told = true);
    }

    fn fork_workers(&mut self, index: u8) {
        let worker = Worker { owner: index, stage: Stage::Starting, told: false };
        self.workers.extend(std::iter::repeat_n(worker, self.wanted.into()));
        self.change(index, |master| master.live = true);
    }

    /// The start of a new binary, up to its first workers.
    fn boot(&mut self, index: u8) {
        let Some(master) = self.master(index).copied() else { return };
        let quirky = self.quirks.has(Quirk::PidFileRenamed);
        let next = match master.boot {
            Boot::Configuring => Boot::Opened,
            Boot::Opened => Boot::Named,
            Boot::Named | Boot::Running => Boot::Running,
        };
        self.change(index, |master| master.boot = next);
        match next {
            Boot::Opened if quirky => self.pid_file = Name::Empty,
            Boot::Named if quirky => self.pid_file = Name::Of(index),
            Boot::Named if master.parent.is_none() => self.pid_file = Name::Of(index),
            Boot::Running => self.fork_workers(index),
            _ => {}
        }
    }

    fn work(&mut self, at: usize) {
        let worker = self.workers[at];
        let crippled = self.master(worker.owner).is_some_and(|master| master.crippled);
        match worker.stage {
            Stage::Starting if crippled || worker.told => self.end_worker(at),
            Stage::Starting => {
                self.workers[at].stage = Stage::Accepting;
                self.note_ready(worker.owner);
            }
            _ => (self.workers[at].stage, self.workers[at].told) = (Stage::Draining, false),
        }
    }

    /// Without the quirk this is when the new generation gets its name.
    fn note_ready(&mut self, owner: u8) {
        if !self.is_ready(owner) {
            return;
        }
        let (served, first) = (self.served, !self.ready[usize::from(owner)]);
        self.served = true;
        self.ready[usize::from(owner)] = true;
        let parent = self.master(owner).and_then(|master| master.parent);
        if let (true, true, Some(parent), false) =
            (served, first, parent, self.quirks.has(Quirk::PidFileRenamed))
        {
            self.pid_file = Name::Of(owner);
            self.old_bin = if self.master(parent).is_some() { Name::Of(parent) } else { Name::Absent };
        }
    }

    fn end_worker(&mut self, at: usize) {
        let owner = self.workers.remove(at).owner;
        self.change(owner, |master| master.child = true);
    }

    /// `orderly`: it removes its files itself.
    fn end_master(&mut self, index: u8, orderly: bool) {
        let Some(master) = self.masters[usize::from(index)].take() else { return };
        if orderly {
            self.remove_files(index, master);
        }
        if let Some(parent) = master.parent {
            self.change(parent, |master| master.child = true);
        }
        self.tell_heir(index, orderly);
    }

    /// `ngx_delete_pidfile`
    fn remove_files(&mut self, index: u8, master: Master) {
        let parent_lives = master.parent.is_some_and(|parent| self.master(parent).is_some());
        if let Some(new) = master.new_binary {
            self.old_bin = Name::Absent;
            if self.pid_file == Name::Of(index) {
                self.pid_file = Name::Of(new);
            }
        } else if master.invalid {
            // It removes the old one's file, which is not there, and leaves its own.
        } else if self.pid_file == Name::Of(index)
            && (self.quirks.has(Quirk::PidFileRenamed) || !parent_lives)
        {
            self.pid_file = Name::Absent;
        }
    }

    /// Without the quirk a new generation cleans up after an old one that was killed.
    fn tell_heir(&mut self, index: u8, orderly: bool) {
        let heir = self.living().find(|(_, master)| master.parent == Some(index)).map(|(heir, _)| heir);
        let Some(heir) = heir.filter(|_| !orderly) else { return };
        if self.quirks.has(Quirk::OldBinStays) {
            self.fire(Quirk::OldBinStays);
        } else if self.old_bin == Name::Of(index) {
            self.old_bin = Name::Absent;
        }
        if self.pid_file == Name::Of(index) {
            self.pid_file = Name::Of(heir);
        }
        let leaves = self.master(heir).is_some_and(|master| master.quit && !master.terminate)
            && !self.told[usize::from(index)];
        if leaves && !self.quirks.has(Quirk::NobodyTakesOver) {
            self.pid_file = Name::Of(heir);
            self.told[usize::from(heir)] = false;
            self.change(heir, |master| (master.quit, master.listens) = (false, true));
            self.fork_workers(heir);
        }
    }
}
