//! When the last step is done and the last answer has come: what every target looks like now.

use std::time::Duration;

use facts::{
    Event, Generation, Moment, Nanos, Role,
    event::{Seen, View},
    plan::{Launch, Which},
};
use ledger::clock::now;

use super::{Run, TURN};
use crate::{Error, excerpt::alarms, procfs};

/// Dust that has not settled by then is what there is.
const PATIENCE: Duration = Duration::from_secs(2);

/// Fresh connections that are asked who answers: one may hit another generation than the next.
const PROBES: usize = 8;

/// Lines of a target's log that are kept.
const LINES: usize = 50;

impl Run<'_> {
    /// Takes the final view of every target, after a last look at who answers.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        let targets = self.targets.len();
        self.watcher.want_answers((0..targets).collect());
        let give_up = now() + PATIENCE.as_nanos() as Nanos;
        while !self.has_settled() && now() < give_up && !self.is_interrupted() {
            self.watcher.turn(TURN)?;
        }
        let answers: Vec<Generation> = (0..targets).map(|target| self.who_answers(target)).collect();
        self.watcher.want_answers(Vec::new());
        // A connection of ours must not be counted among the target's descriptors.
        while self.watcher.is_asking() {
            self.watcher.turn(TURN)?;
        }
        for (target, answers) in answers.into_iter().enumerate() {
            let view = View { answers, ..self.measured_view(target) };
            self.watcher.write(Event::Settled { target: self.watcher.name(target), view })?;
            self.quote(target)?;
        }
        Ok(())
    }

    fn has_settled(&self) -> bool {
        let heard = |target| self.watcher.heard.iter().filter(|(of, _)| *of == target).count();
        let reaped = self.watcher.site.views.iter().all(|view| view.zombies == 0);
        let clear = self.watcher.census.living().all(|person| person.is_known);
        let heard_all = (0..self.targets.len()).all(|target| heard(target) >= PROBES);
        let no_strays = (0..self.targets.len()).all(|target| self.strays(target).next().is_none());
        heard_all && reaped && clear && no_strays && !self.watcher.has_untold_ends()
    }

    /// The view of now, with what is too dear to measure all the time.
    pub(super) fn measured_view(&self, target: usize) -> View {
        let mut view = self.watcher.site.views[target].clone();
        for process in &mut view.processes {
            process.fds = procfs::fds(process.pid);
            process.rss_kib = procfs::rss_kib(process.pid);
        }
        view
    }

    /// A generation that is not in charge and answers all the same must not hide behind the one that is.
    fn who_answers(&self, target: usize) -> Generation {
        let view = &self.watcher.site.views[target];
        let in_charge = view.generation(Which::Current).unwrap_or(0);
        let mut heard = self.watcher.heard.iter().filter(|(of, _)| *of == target).map(|(_, answer)| *answer);
        heard.find(|answer| *answer != in_charge).unwrap_or_else(|| {
            let asked =
                self.watcher.site.asked[target].is_some_and(|at| at.earliest >= self.watcher.wanted_since);
            if asked { view.answers } else { 0 }
        })
    }

    /// Processes that should be gone: not of the generation that the pid file puts in charge. Where what was started stays, and is
    /// no master, it watches over all generations.
    pub(super) fn strays(&self, target: usize) -> impl Iterator<Item = &Seen> {
        let view = &self.watcher.site.views[target];
        let in_charge = view.generation(Which::Current);
        let stays = self.targets[target].target.launch == Launch::Stays;
        let supervisor = Some(self.launchers[target]).filter(|_| stays);
        view.processes.iter().filter(move |process| {
            let supervises = process.role == Role::Other && Some(process.pid) == supervisor;
            Some(process.generation) != in_charge && !supervises
        })
    }

    fn quote(&self, target: usize) -> Result<(), Error> {
        // The line has the server's own wall clock; on ours it only happened some time in the run.
        let at = Moment { earliest: self.begun_at, latest: now() };
        for line in alarms(&self.targets[target].log, LINES) {
            self.watcher.log.write(at, Event::TargetSaid { target: self.watcher.name(target), line })?;
        }
        Ok(())
    }
}
