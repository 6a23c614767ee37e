//! What is done beside the steps, whenever its event happens.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use facts::{
    Event, Nanos,
    plan::{Reaction, Selector, Trigger},
    seed,
};
use ledger::clock::now;

use super::{Halt, Run};
use crate::{Error, site::Site, watcher::News};

/// A reaction at work.
#[derive(Debug)]
pub(super) struct Reacting<'a> {
    reaction: &'a Reaction,
    /// Events so far: the position in its stream.
    events: u64,
    left: Option<u32>,
    /// When it acts next, and with which lot.
    due: VecDeque<(Nanos, u64)>,
    /// The next event of its clock.
    tick: Nanos,
    /// Whom its selector meant at the last look.
    meant: BTreeSet<u32>,
}

/// Something a reaction can react to, beside what the watcher sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    Phase(u8),
    Step(usize),
}

impl<'a> Reacting<'a> {
    pub(super) fn new(reaction: &'a Reaction) -> Reacting<'a> {
        let (due, meant) = (VecDeque::new(), BTreeSet::new());
        Reacting { reaction, events: 0, left: reaction.times, due, tick: Nanos::MAX, meant }
    }

    /// The load has started: clocks run, and whoever lives is no newcomer.
    pub(super) fn start(&mut self, at: Nanos, site: &Site) {
        if let Trigger::Every { ms } = self.reaction.event {
            self.tick = at + ms * 1_000_000;
        }
        self.meant = self.who(site);
    }

    fn who(&self, site: &Site) -> BTreeSet<u32> {
        match self.reaction.event {
            Trigger::Appeared { who } | Trigger::Exited { who } => meant(&who, site),
            _ => BTreeSet::new(),
        }
    }

    /// Draws for every event that happened since the last call.
    fn take_in(&mut self, news: &[News], happened: &[Happened], site: &Site, at: Nanos) {
        let meant = self.who(site);
        let events = match self.reaction.event {
            Trigger::Phase { phase } => count(happened, |what| *what == Happened::Phase(phase)),
            Trigger::Step { step } => count(happened, |what| *what == Happened::Step(step)),
            Trigger::Every { ms } => self.ticks(ms * 1_000_000, at),
            Trigger::Appeared { who } => count(
                news,
                |what| matches!(what, News::Appeared { target, pid } if *target == who.target && meant.contains(pid)),
            ),
            Trigger::Exited { who } => count(
                news,
                |what| matches!(what, News::Ended { target, pid } if *target == who.target && self.meant.contains(pid)),
            ),
            Trigger::StateChanged { target } => count(news, |what| match what {
                News::Appeared { target: of, .. }
                | News::Ended { target: of, .. }
                | News::PidFile { target: of } => *of == target,
            }),
        };
        self.meant = meant;
        for _ in 0..events {
            self.draw(at);
        }
    }

    fn ticks(&mut self, every: Nanos, at: Nanos) -> usize {
        let mut ticks = 0;
        while self.tick <= at {
            self.tick += every.max(1);
            ticks += 1;
        }
        ticks
    }

    fn draw(&mut self, at: Nanos) {
        self.events += 1;
        let number = self.events.to_string();
        let draw = |what: &str| seed::derive(self.reaction.seed, &[what, &number]);
        let chance = (draw("chance") >> 11) as f64 / (1_u64 << 53) as f64;
        if self.left == Some(0) || chance >= self.reaction.probability {
            return;
        }
        self.left = self.left.map(|left| left - 1);
        self.due.push_back((at + self.reaction.after_ms * 1_000_000, draw("who")));
    }

    fn next(&self) -> Nanos {
        self.due.front().map_or(Nanos::MAX, |(at, _)| *at).min(self.tick)
    }
}

fn meant(who: &Selector, site: &Site) -> BTreeSet<u32> {
    site.views[who.target].select(who).into_iter().map(|process| process.pid).collect()
}

fn count<T>(happened: &[T], wanted: impl Fn(&T) -> bool) -> usize {
    happened.iter().filter(|what| wanted(what)).count()
}

impl Run<'_> {
    /// Takes in what happened, and does what is due.
    pub(super) fn react(&mut self) -> Result<(), Error> {
        let (news, at) = (self.watcher.take_news(), now());
        let happened = std::mem::take(&mut self.happened);
        for reacting in &mut self.reactions {
            reacting.take_in(&news, &happened, &self.watcher.site, at);
        }
        for number in 0..self.reactions.len() {
            while let Some((_, lot)) = self.reactions[number].due.pop_front_if(|(due, _)| *due <= at) {
                self.act_beside(number, lot)?;
            }
        }
        Ok(())
    }

    fn act_beside(&mut self, number: usize, lot: u64) -> Result<(), Error> {
        let reaction = self.reactions[number].reaction;
        self.watcher.look_now()?;
        self.watcher.write(Event::ReactionBegan { reaction: number, doing: reaction.text.clone() })?;
        self.lot = lot;
        match self.act(&reaction.action, &reaction.text) {
            // The step that is under way will notice, too.
            Ok(()) | Err(Halt::Interrupted | Halt::OutOfTime) => Ok(()),
            Err(Halt::Broken(error)) => Err(error),
            Err(Halt::Failed(why)) => self.watcher.write(Event::ReactionFailed { reaction: number, why }),
        }
    }

    /// How long until the next reaction, or the next event of a clock.
    pub(super) fn next_reaction(&self) -> Option<Duration> {
        let next = self.reactions.iter().map(Reacting::next).min().filter(|next| *next < Nanos::MAX)?;
        Some(Duration::from_nanos(next.saturating_sub(now())))
    }

    pub(super) fn note_step(&mut self, step: usize) {
        self.happened.push(Happened::Step(step));
    }
}

#[cfg(test)]
mod tests {
    use facts::plan::{Action, Place};

    use super::*;

    fn acts(probability: f64, times: Option<u32>, seed: u64, events: u64) -> Vec<u64> {
        let reaction = Reaction {
            place: Place::default(),
            event: Trigger::Every { ms: 1 },
            times,
            after_ms: 0,
            probability,
            seed,
            action: Action::Mark { text: String::new() },
            text: String::new(),
        };
        let mut reacting = Reacting::new(&reaction);
        reacting.start(0, &Site::default());
        reacting.take_in(&[], &[], &Site::default(), events * 1_000_000);
        reacting.due.iter().map(|(_, lot)| *lot).collect()
    }

    #[test]
    fn chances_are_drawn_from_the_seed_and_nothing_else() {
        assert_eq!(acts(1.0, None, 1, 7).len(), 7);
        assert_eq!(acts(0.0, None, 1, 7).len(), 0);
        assert_eq!(acts(1.0, Some(2), 1, 7).len(), 2);
        assert_eq!(acts(0.5, None, 7, 100), acts(0.5, None, 7, 100));
        assert_ne!(acts(0.5, None, 7, 100), acts(0.5, None, 8, 100));
        assert!((400..600).contains(&acts(0.5, None, 7, 1000).len()));
    }
}
