//! `exec`: a command of the plan, started by the warden like everything else.

use std::{os::fd::OwnedFd, time::Duration};

use facts::{
    Nanos,
    event::Ending,
    plan::{Command, Lasts, Which, Word},
};
use ledger::clock::now;
use rustix::process::{Signal, pidfd_send_signal};

use super::{Halt, Run, TURN};
use crate::{Error, excerpt::tail, handles::handle};

/// A command that still runs at the end is asked to leave and has this long for it.
const PATIENCE: Duration = Duration::from_secs(2);

impl Run<'_> {
    pub(super) fn execute(&mut self, target: usize, command: &Command) -> Result<(), Halt> {
        // Before the upgrade begins: `${pid}` is who is in charge now.
        let argv = self.words(target, &command.argv)?;
        if command.upgrades {
            let view = &self.watcher.site.views[target];
            let in_charge = view.generation(Which::Current).unwrap_or(view.newest);
            self.watcher.upgrading(target, in_charge, None);
        }
        let output = self.targets[target].output.with_extension("exec");
        let mut spawn = self.targets[target].spawn(argv, output.clone());
        if command.upgrades {
            // It starts the server, as the start command did.
            spawn
                .environment
                .extend(self.targets[target].rendered(&self.targets[target].target.environment)?);
        }
        spawn.environment.extend(self.targets[target].rendered(&command.environment)?);
        let pid = self.watcher.spawn(spawn)?;
        match command.upgrades {
            true => self.watcher.census.launched(pid, target),
            false => self.watcher.ignore(pid),
        }
        match command.lasts {
            Lasts::Ends { status, within_ms } => {
                let ended = self.until_it_ends(pid, status, within_ms);
                ended.map_err(|halt| halt.because(|| tail(&output)))
            }
            Lasts::Stays if command.upgrades => Ok(()),
            // It may have ended already: then there is nobody to ask to leave.
            Lasts::Stays => {
                self.companions.extend(handle(pid).ok().map(|handle| (pid, handle)));
                Ok(())
            }
        }
    }

    fn words(&self, target: usize, words: &[Word]) -> Result<Vec<String>, Halt> {
        let mut argv = Vec::new();
        for word in words {
            match word {
                Word::Text(template) => argv.push(self.targets[target].render("exec", template)?),
                Word::Pids(selector) => argv.extend(self.choose(selector)?.iter().map(|p| p.pid.to_string())),
            }
        }
        Ok(argv)
    }

    fn until_it_ends(&mut self, pid: u32, status: i32, within_ms: u64) -> Result<(), Halt> {
        let give_up = now() + within_ms * 1_000_000;
        loop {
            match self.watcher.ending_of(pid) {
                Some(Ending::Exited(code)) if code == status => break,
                Some(ending) => {
                    return Err(Halt::Failed(format!(
                        "the command ended otherwise than with status {status}: {ending:?}"
                    )));
                }
                None if now() > give_up => {
                    return Err(Halt::Failed(format!("the command did not end within {within_ms} ms")));
                }
                None => self.turn_or_halt(TURN)?,
            }
        }
        self.watcher.forget(pid);
        Ok(())
    }

    /// Commands that stay do so until here at most.
    pub(super) fn dismiss_companions(&mut self) -> Result<(), Error> {
        let companions: Vec<(u32, OwnedFd)> = std::mem::take(&mut self.companions);
        for (signal, patience) in [(Signal::TERM, PATIENCE), (Signal::KILL, PATIENCE)] {
            let give_up = now() + patience.as_nanos() as Nanos;
            // One that has ended cannot be signalled: that is what is wanted.
            companions.iter().for_each(|(_, handle)| pidfd_send_signal(handle, signal).unwrap_or_default());
            while companions.iter().any(|(pid, _)| self.watcher.ending_of(*pid).is_none()) && now() < give_up
            {
                self.watcher.turn(TURN)?;
            }
        }
        Ok(())
    }
}
