//! Everything that can happen to a server with a supervisor, in every order: masters that come up, lead, are killed, cannot start
//! or are told to stop, one or two at a time; workers that go; time; signals. The supervisor never ends untold, always tries
//! again, and ends when it was told to.

use std::collections::{BTreeMap, HashSet, VecDeque};

use protocol::{
    signals::{Signal, Signals},
    supervisor::{Effect, Ending, Others, Process, State, Wakeup, Word, step},
};

/// How far a master is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Life {
    Starting,
    Led,
}

/// The supervisor and everybody around it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct World {
    state: State,
    masters: BTreeMap<Process, Life>,
    workers: bool,
    /// A master has led.
    served: bool,
    /// Somebody may have stopped the server: a master exited as if it had been told to.
    told: bool,
    /// Somebody did: there is no other way to take it.
    meant: bool,
    ended: bool,
}

#[derive(Clone, Debug)]
enum Event {
    Leads(Process),
    /// The leader starts another one.
    Upgrade,
    Ends(Vec<(Process, Ending)>),
    WorkersGo,
    Later,
    Calm,
    Signal(Signal),
}

const MASTERS_MAX: usize = 2;

impl World {
    fn begin() -> Vec<World> {
        World::default().wake(Wakeup { others: Others::Nobody, ..Wakeup::default() })
    }

    fn events(&self) -> Vec<Event> {
        let mut events = vec![Event::Calm, Event::Signal(Signal::Hup), Event::Signal(Signal::Term)];
        events.extend(self.state.deadline_ms().map(|_| Event::Later));
        events.extend(self.masters.keys().map(|process| Event::Leads(*process)));
        if self.workers {
            events.push(Event::WorkersGo);
        }
        if self.state.leader().is_some() && self.masters.len() < MASTERS_MAX {
            events.push(Event::Upgrade);
        }
        let endings = [Ending::Killed(9), Ending::Exited(1), Ending::Exited(0), Ending::Elsewhere];
        for (process, life) in &self.masters {
            let can = |ending: &&Ending| *life == Life::Led || **ending != Ending::Exited(0);
            events.extend(endings.iter().filter(can).map(|ending| Event::Ends(vec![(*process, *ending)])));
        }
        let all: Vec<Process> = self.masters.keys().copied().collect();
        if let [first, second] = all[..] {
            events.push(Event::Ends(vec![(first, Ending::Killed(9)), (second, Ending::Killed(9))]));
            events.push(Event::Ends(vec![(first, Ending::Exited(0)), (second, Ending::Killed(9))]));
        }
        events
    }

    fn apply(&self, event: &Event) -> Vec<World> {
        let mut world = self.clone();
        let mut wakeup = Wakeup::default();
        match event {
            Event::Leads(process) => {
                world.masters.insert(*process, Life::Led);
                (world.served, world.workers) = (true, true);
                world.told &= world.meant;
                wakeup.heard.push((*process, Word::Leads));
            }
            Event::Upgrade => wakeup.heard.push((world.bear(), Word::Lives)),
            Event::Ends(ended) => {
                world.note_ends(ended);
                wakeup.ended = ended.clone();
            }
            Event::WorkersGo => world.workers = false,
            Event::Later => wakeup.elapsed_ms = self.state.deadline_ms().unwrap_or(0),
            Event::Calm => wakeup.elapsed_ms = 5_000,
            Event::Signal(signal) => {
                world.meant |= *signal == Signal::Term;
                world.told |= world.meant;
                wakeup.signals = Signals::from_iter([*signal]);
            }
        }
        wakeup.others = if world.workers { Others::Workers } else { Others::Nobody };
        world.wake(wakeup)
    }

    /// The leader exits with 0 only when it was told to stop; another one leaves the service to the leader.
    fn note_ends(&mut self, ended: &[(Process, Ending)]) {
        let leader = self.state.leader();
        let unasked =
            |(_, ending): &(Process, Ending)| !matches!(ending, Ending::Exited(0) | Ending::Elsewhere);
        let stopped = |(process, ending): &(Process, Ending)| {
            *ending == Ending::Exited(0) && (leader.is_none() || leader == Some(*process))
        };
        self.meant |= self.masters.len() == 1 && leader.is_some() && ended.iter().any(stopped);
        self.masters.retain(|master, _| ended.iter().all(|(process, _)| process != master));
        self.told |= ended.iter().any(stopped) && !ended.iter().any(unasked);
    }

    fn bear(&mut self) -> Process {
        let process = (10..).find(|process| !self.masters.contains_key(process)).expect("numbers do not end");
        self.masters.insert(process, Life::Starting);
        process
    }

    /// All that can become of one turn, and of those that follow it at once.
    fn wake(mut self, wakeup: Wakeup) -> Vec<World> {
        let (state, effects) = step(&self.state, &wakeup);
        self.state = state;
        for effect in &effects {
            match effect {
                Effect::Exit(_) => self.exit(&wakeup),
                Effect::SendWorkers(_) => self.workers &= !self.told,
                _ => {}
            }
        }
        if !effects.iter().any(|effect| matches!(effect, Effect::StartMaster(_))) {
            self.check(&wakeup);
            return vec![self];
        }
        let mut forked = self.clone();
        let process = forked.bear();
        let others = if self.workers { Others::Workers } else { Others::Nobody };
        let result = |started| Wakeup { started: Some(started), ..Wakeup::default() };
        let failed = self.wake(result(None));
        // What is left is looked at in the turn after that.
        let failed = failed.into_iter().flat_map(|world| world.wake(Wakeup { others, ..Wakeup::default() }));
        forked.wake(result(Some(process))).into_iter().chain(failed).collect()
    }

    fn exit(&mut self, wakeup: &Wakeup) {
        assert!(self.told || !self.served, "ends untold: {self:?} after {wakeup:?}");
        assert!(self.masters.is_empty() && !self.workers, "somebody is left: {self:?} after {wakeup:?}");
        self.ended = true;
    }

    fn check(&self, wakeup: &Wakeup) {
        if self.ended || !self.masters.is_empty() || wakeup.others == Others::Unknown {
            return;
        }
        let alone = wakeup.others == Others::Nobody;
        let tries = self.state.deadline_ms().is_some();
        assert!(
            self.meant || tries || self.told && !alone,
            "nobody leads, and nobody will: {self:?} after {wakeup:?}"
        );
        assert!(!self.meant || !alone, "told to end, alone, and stays: {self:?} after {wakeup:?}");
    }
}

#[test]
fn it_never_ends_untold_always_tries_again_and_ends_when_it_is_told_to() {
    let mut queue: VecDeque<World> = World::begin().into();
    let mut known: HashSet<World> = queue.iter().cloned().collect();
    let (mut ended, mut paused) = (0, 0);
    while let Some(world) = queue.pop_front() {
        ended += usize::from(world.ended);
        paused += usize::from(world.state.deadline_ms().is_some());
        let events = if world.ended { Vec::new() } else { world.events() };
        let next = events.iter().flat_map(|event| world.apply(event));
        for world in next {
            if known.insert(world.clone()) {
                queue.push_back(world);
            }
        }
    }
    assert!(ended > 0 && paused > 0, "both were seen: {ended} {paused}");
    println!("{} states", known.len());
    assert!(known.len() > 1_000, "{} states", known.len());
}
