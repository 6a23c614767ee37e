//! Everything is asked to leave in order. What does not, or leaves something behind, is a leak.

use std::{collections::BTreeSet, time::Duration};

use facts::{
    Event, Nanos, Role,
    event::View,
    plan::{Launch, Signal, Which},
};
use ledger::clock::now;

use super::{Ending, Run, TURN, remains::Remains};
use crate::{Error, address};

/// A target that is told to leave after the load has stopped has nothing left to finish.
const QUIT_PATIENCE: Duration = Duration::from_secs(6);

/// After TERM, and for the news of what was killed.
const TERM_PATIENCE: Duration = Duration::from_secs(3);

/// In the middle of something a process may be deaf for good; it is reported as killed either way.
const EARLY_PATIENCE: Duration = Duration::from_secs(1);

impl Run<'_> {
    /// Ends all targets and origins, and the log.
    pub(super) fn stop(mut self, ending: Ending) -> Result<(), Error> {
        let before = self.watcher.site.views.clone();
        let mut told = BTreeSet::new();
        // In the middle of an upgrade two generations are no leak.
        if ending == Ending::Completed {
            self.tell_strays(&mut told)?;
        }
        self.ask_targets_to_leave(ending)?;
        let obeyed: Vec<bool> =
            before.iter().enumerate().map(|(t, view)| self.left_in_order(t, view)).collect();
        self.dismiss_companions()?;
        for origin in &self.origins {
            origin.stop();
        }
        self.sweep(&told)?;
        for (target, obeyed) in obeyed.into_iter().enumerate() {
            self.tell_remains(target, obeyed && ending == Ending::Completed)?;
        }
        let interrupted = ending == Ending::CutOff || self.is_interrupted();
        self.watcher.write(Event::RunEnded { interrupted })
    }

    fn tell_strays(&self, told: &mut BTreeSet<u32>) -> Result<(), Error> {
        for (target, view) in self.watcher.site.views.iter().enumerate() {
            let in_charge = view.generation(Which::Current);
            for stray in self.strays(target) {
                told.insert(stray.pid);
                let (name, role) = (self.watcher.name(target), stray.role);
                let who = in_charge.map_or("no generation is".into(), |g| format!("generation {g} is"));
                let (pid, generation) = (stray.pid, stray.generation);
                self.leaked(format!(
                    "{name}: {role:?} {pid} of generation {generation} still lives, {who} in charge"
                ))?;
            }
        }
        Ok(())
    }

    fn ask_targets_to_leave(&mut self, ending: Ending) -> Result<(), Error> {
        let (quit_patience, term_patience) = match ending {
            Ending::Completed => (QUIT_PATIENCE, TERM_PATIENCE),
            Ending::Early | Ending::CutOff => (EARLY_PATIENCE, EARLY_PATIENCE),
        };
        self.watcher.look_now()?;
        for target in 0..self.targets.len() {
            let configured = &self.targets[target].target;
            // QUIT is the graceful stop of a master with workers; to a server of one process it means a core dump.
            let usual = if configured.workers == 0 { Signal::Term } else { Signal::Quit };
            self.tell_masters(target, configured.stop_signal.unwrap_or(usual));
        }
        if self.until_masters_left(quit_patience)? {
            return Ok(());
        }
        for target in 0..self.targets.len() {
            self.tell_masters(target, Signal::Term);
        }
        self.until_masters_left(term_patience)?;
        Ok(())
    }

    fn tell_masters(&mut self, target: usize, signal: Signal) {
        let is_master = |role| role == Role::Master;
        let masters = self.watcher.census.living_of(target).filter(|person| is_master(person.role));
        for pid in masters.map(|person| person.pid).collect::<Vec<_>>() {
            // It may have ended since: that is what is wanted.
            self.watcher.signal(pid, signal).ok();
        }
    }

    /// Waits for masters only: without one nobody tells the rest to leave.
    fn until_masters_left(&mut self, patience: Duration) -> Result<bool, Error> {
        let give_up = now() + patience.as_nanos() as Nanos;
        while self.watcher.census.living().any(|person| person.role == Role::Master) {
            if now() > give_up {
                return Ok(false);
            }
            self.watcher.turn(TURN)?;
        }
        // Its workers left before it, but their ends may come in later than its own.
        self.watcher.turn(TURN)?;
        self.until_started_left(give_up)?;
        Ok(true)
    }

    /// A supervisor that was started in the foreground ends behind its last master, of itself.
    fn until_started_left(&mut self, give_up: Nanos) -> Result<(), Error> {
        let targets = &self.targets;
        let stays = |target: usize| targets[target].target.launch == Launch::Stays;
        while now() < give_up
            && self.watcher.census.living().any(|one| one.role == Role::Other && stays(one.target))
        {
            self.watcher.turn(TURN)?;
        }
        Ok(())
    }

    fn until_all_left(&mut self, patience: Duration) -> Result<bool, Error> {
        let give_up = now() + patience.as_nanos() as Nanos;
        while self.watcher.census.living().next().is_some() || self.watcher.has_untold_ends() {
            if now() > give_up {
                return Ok(false);
            }
            self.watcher.turn(TURN)?;
        }
        Ok(true)
    }

    /// A target that had a master in charge and left when it was asked to.
    fn left_in_order(&self, target: usize, before: &View) -> bool {
        let had_master = before.generation(Which::Current).is_some();
        had_master && self.watcher.census.living_of(target).next().is_none()
    }

    fn sweep(&mut self, told: &BTreeSet<u32>) -> Result<(), Error> {
        let killed = self.watcher.warden.sweep()?;
        for removed in killed.iter().filter(|removed| !told.contains(&removed.pid)) {
            self.leaked(format!("process {} had to be killed: {}", removed.pid, removed.title))?;
        }
        self.until_all_left(TERM_PATIENCE)?;
        Ok(())
    }

    /// What no process is needed for: a listening socket, files of a target that left in order.
    fn tell_remains(&self, target: usize, in_order: bool) -> Result<(), Error> {
        let installed = &self.targets[target];
        if address::is_listening(installed.address) {
            self.leaked(format!("somebody still listens on {}", installed.address))?;
        }
        let configured = &installed.target;
        let files = [(&configured.pid_file, &installed.pid_file), (&configured.oldbin, &installed.oldbin)];
        let left = files.into_iter().filter(|(template, path)| !template.is_empty() && path.exists());
        for (_, path) in left.filter(|_| in_order) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if configured.remains.iter().any(|remains| *remains == name) {
                continue;
            }
            self.leaked(format!("{}: {name} is left behind by an orderly stop", installed.target.name))?;
        }
        let remains = Remains::of(installed).since(&self.before[target], installed);
        remains.into_iter().filter(|_| in_order).try_for_each(|what| self.leaked(what))
    }

    fn leaked(&self, what: String) -> Result<(), Error> {
        self.watcher.write(Event::Leaked { what })
    }
}
