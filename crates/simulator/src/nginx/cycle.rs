//! `ngx_master_process_cycle`: what a master does when `sigsuspend` returns.

use protocol::signals::{Signal, Signals};

use super::{
    Quirk,
    world::{Fork, World},
};

/// Whether the loop goes on to the next flag or back to `sigsuspend`.
pub(super) enum Flow {
    On,
    Back,
}

impl World {
    /// `sigsuspend` returns: the handlers have run.
    pub(super) fn wake(&mut self, index: u8, signals: Signals) {
        self.signals = self.signals.without(signals);
        let accepted = self.handled(index, signals);
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
        let idle = self.is_childless(index);
        let barren = master.crippled && !self.quirks.has(Quirk::ReadinessUnknown);
        if barren && idle {
            self.end_master(index, true);
            return Flow::Back;
        }
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

    /// New workers, then the old ones drain. Without the quirk the old ones stay if no new ones come.
    fn reload(&mut self, index: u8) -> Flow {
        let fails = self.master(index).is_some_and(|master| master.fork == Fork::Fails);
        if fails && !self.quirks.has(Quirk::ForkUnchecked) {
            return Flow::On;
        }
        self.drain(index);
        let file = self.file;
        self.change(index, |master| master.wanted = file);
        self.fork_workers(index);
        if !self.quirks.has(Quirk::NoacceptingKept) {
            self.change(index, |master| master.noaccepting = false);
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

    pub(super) fn flag(&mut self, index: u8, signal: Signal) -> bool {
        let mut was = false;
        self.change(index, |master| was = master.take(signal));
        was
    }
}
