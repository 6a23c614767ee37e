//! Who answers a fresh connection: asked while somebody waits for it.

use facts::{Event, Generation};
use ledger::clock::now;

use super::Watcher;
use crate::{Error, probe::Answer};

impl Watcher {
    /// From now on these targets are asked who answers, beside those that always are.
    pub(crate) fn want_answers(&mut self, targets: Vec<usize>) {
        self.wanted = targets;
        let more = self.always_wanted.iter().filter(|target| !self.wanted.contains(target));
        self.wanted.extend(more.copied().collect::<Vec<_>>());
        self.wanted_since = now();
        self.heard.clear();
        self.nameless.clear();
    }

    /// From now on these targets are asked all the time.
    pub(crate) fn always_want_answers(&mut self, targets: Vec<usize>) {
        self.always_wanted = targets;
        self.want_answers(Vec::new());
    }

    /// A line for each target whose answers since the begin of this wait do not say who gave them.
    pub(crate) fn nameless_answers(&self) -> Vec<String> {
        let line = |(target, count): (&usize, &u64)| {
            let name = self.name(*target);
            format!(
                "{count} answers of {name} carry no X-Changeover-Pid: nobody knows which generation gave them"
            )
        };
        self.nameless.iter().filter(|(_, count)| **count > 0).map(line).collect()
    }

    /// True while a connection of the probe may be open.
    pub(crate) fn is_asking(&self) -> bool {
        self.probe.in_flight
    }

    pub(super) fn ask(&mut self) {
        // The one asked last goes to the end, so that a silent target does not starve the others.
        if let Some(&target) = self.wanted.first()
            && self.probe.ask(target, self.addresses[target])
        {
            self.wanted.rotate_left(1);
        }
    }

    pub(super) fn take_answers(&mut self) -> Result<(), Error> {
        while let Some(answer) = self.probe.answer() {
            if self.wanted.contains(&answer.target) {
                self.take_answer(&answer)?;
            }
        }
        Ok(())
    }

    fn take_answer(&mut self, answer: &Answer) -> Result<(), Error> {
        let Some(generation) = self.generation_of(answer) else {
            let is_nameless = answer.told.as_ref().is_some_and(|told| told.pids.is_empty());
            *self.nameless.entry(answer.target).or_default() += u64::from(is_nameless);
            return Ok(());
        };
        let target = answer.target;
        let view = &mut self.site.views[target];
        view.answers = generation;
        self.site.asked[target] = Some(answer.at);
        // An answer to a question of an earlier wait says nothing about now.
        if answer.at.earliest >= self.wanted_since {
            self.heard.push((target, generation));
        }
        if generation == 0 || view.answered.contains(&generation) {
            return Ok(());
        }
        view.answered.push(generation);
        let event = Event::GenerationAnswered { target: self.name(target), generation };
        Ok(self.log.write(answer.at, event)?)
    }

    /// 0: nobody answered. `None`: somebody did, of whom it is not known yet what it is.
    fn generation_of(&self, answer: &Answer) -> Option<Generation> {
        let Some(told) = &answer.told else { return Some(0) };
        let known = told.pids.iter().filter_map(|pid| self.census.remember(*pid));
        let by_pid =
            known.filter(|person| person.is_known && person.generation > 0).map(|p| p.generation).next();
        // Our own count of generations goes before the server's; a server that names neither can only be told
        // apart while there is nothing to tell apart.
        match (by_pid, told.pids.is_empty()) {
            (Some(generation), _) => Some(generation),
            (None, true) => told.generation.or_else(|| self.census.only_generation(answer.target)),
            (None, false) => None,
        }
    }
}
