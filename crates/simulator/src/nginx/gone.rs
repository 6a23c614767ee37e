//! The end of a master: what it removes, and who is told.

use super::{
    Quirk,
    world::{Master, World},
};
use crate::scene::Name;

impl World {
    /// `orderly`: it removes its files itself.
    pub(super) fn end_master(&mut self, index: u8, orderly: bool) {
        let Some(master) = self.masters[usize::from(index)].take() else { return };
        if orderly {
            self.remove_files(index, master);
        }
        if let Some(parent) = master.parent {
            self.change(parent, |master| master.child = true);
        }
        if !orderly {
            self.bereave(index);
        }
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
    fn bereave(&mut self, index: u8) {
        let heir = self.living().find(|(_, master)| master.parent == Some(index)).map(|(heir, _)| heir);
        let Some(heir) = heir else { return };
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
            self.call_back(heir);
        }
    }

    /// It was told to leave in favour of one that is dead.
    fn call_back(&mut self, heir: u8) {
        self.pid_file = Name::Of(heir);
        self.told[usize::from(heir)] = false;
        self.change(heir, |master| (master.quit, master.listens) = (false, true));
        self.fork_workers(heir);
    }
}
