//! The new binary: its start, its readiness, its death, and what waits for it.

use protocol::signals::{Signal, Signals};

use super::{
    Quirk,
    cycle::Flow,
    world::{Boot, Fork, Master, World},
};
use crate::scene::Name;

impl World {
    /// `ngx_exec_new_binary`
    pub(super) fn change_binary(&mut self, index: u8) -> Flow {
        if !self.flag(index, Signal::Usr2) {
            return Flow::On;
        }
        if self.master(index).is_some_and(|master| master.fork == Fork::Fails) {
            self.spoil(index);
            return Flow::On;
        }
        let new = self.born;
        if usize::from(new) >= self.masters.len() {
            return Flow::On;
        }
        self.born += 1;
        // It inherits every socket, until it has read how many it needs.
        let had = self.master(index).map_or(self.file, |master| master.wanted);
        self.masters[usize::from(new)] = Some(Master::child_of(Some(index), had));
        self.change(index, |master| (master.new_binary, master.invalid) = (Some(new), false));
        if self.quirks.has(Quirk::PidFileRenamed) {
            (self.old_bin, self.pid_file) = (self.pid_file, Name::Absent);
        }
        Flow::On
    }

    /// `ngx_exec_new_binary` without a child: the pid file is renamed back.
    fn spoil(&mut self, index: u8) {
        let kept = self.quirks.has(Quirk::NewBinaryInvalid);
        self.change(index, |master| master.invalid = kept);
    }

    /// The start of a new binary, up to its first workers.
    pub(super) fn boot(&mut self, index: u8) {
        let Some(master) = self.master(index).copied() else { return };
        let quirky = self.quirks.has(Quirk::PidFileRenamed);
        let next = match master.boot {
            Boot::Configuring => Boot::Opened,
            Boot::Opened => Boot::Named,
            Boot::Named | Boot::Running => Boot::Running,
        };
        self.change(index, |master| master.boot = next);
        if next == Boot::Opened {
            let file = self.file;
            self.change(index, |master| master.wanted = file);
        }
        match next {
            Boot::Opened if quirky => self.pid_file = Name::Empty,
            Boot::Named if quirky => self.pid_file = Name::Of(index),
            Boot::Named if master.parent.is_none() => self.pid_file = Name::Of(index),
            Boot::Running => self.fork_workers(index),
            _ => {}
        }
    }

    /// Without the quirk this is when the new generation gets its name.
    pub(super) fn note_ready(&mut self, owner: u8) {
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

    pub(super) fn lose_new_binary(&mut self, index: u8, before: Master) {
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

    /// Without the quirk: what waited for the new generation comes true when it is ready, and is dropped when it died.
    pub(super) fn redeem(&mut self, index: u8) {
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

    /// Without the quirk WINCH and QUIT wait for a new generation that is not ready; with it they are obeyed.
    pub(super) fn must_wait(&mut self, index: u8) -> bool {
        let new = self.master(index).and_then(|master| master.new_binary);
        let unready = new.is_some_and(|new| !self.is_ready(new));
        if unready && self.quirks.has(Quirk::ReadinessUnknown) {
            self.fire(Quirk::ReadinessUnknown);
            let bared = self.living().all(|(other, _)| other == index || !self.ready[usize::from(other)]);
            self.bared |= bared;
        }
        unready && !self.quirks.has(Quirk::ReadinessUnknown)
    }

    /// Without the quirk an old generation that was not told to leave serves again before the new one goes.
    pub(super) fn leave_service(&mut self, index: u8, parent: Option<u8>) {
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
}
