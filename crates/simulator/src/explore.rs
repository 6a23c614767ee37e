//! Strict breadth-first search by two threads: the first way found to a state is a shortest one, and nothing depends on how
//! the threads are scheduled.
//!
//! The frontier is cut into batches. In each, both threads expand half of it and sort what they found by fingerprint; then each
//! takes in the states of its own half of all fingerprints, in the order they were found.

mod rest;
mod shard;

use std::thread;

use crate::{
    allowance::Allowance,
    model::{Kind, Model},
    property::{Property, When},
};
use shard::Shard;

/// Threads, and parts of the set of visited states.
const SHARDS: usize = 2;

/// Frontier states expanded before what they lead to is taken in: bounds the memory for what is in between.
const BATCH: usize = 8_192;

/// A number of a state: its place in a shard, and which shard.
type StateId = u32;

/// What an exploration found.
pub struct Exploration<A> {
    /// Different states.
    pub states: usize,
    /// Steps from one of them to another, or to itself.
    pub edges: usize,
    /// Steps to the state that is farthest from the first.
    pub depth: usize,
    /// Whether every state within the bounds was seen.
    pub exhausted: bool,
    /// For each property that does not hold, and each deviation to blame: a shortest way there.
    pub violations: Vec<Violation<A>>,
    /// By position in the asked properties: in how many states one that must happen sometimes did.
    pub happened: Vec<usize>,
    /// A way to a state from which the processes may go on for ever, if there is one.
    pub restless: Option<Vec<A>>,
}

/// A property that does not hold.
pub struct Violation<A> {
    /// Its place in the asked properties.
    pub property: usize,
    /// The deviation that was needed to get there, as bits of [`crate::scene::Scene::blame`].
    pub blame: u32,
    /// What happened, from the start.
    pub trace: Vec<A>,
}

/// Explores until nothing is new, or until there are more than `most` states.
pub fn explore<M: Model>(model: &M, properties: &[&Property], most: usize) -> Exploration<M::Action> {
    let mut search = Search::new(model, properties);
    while !search.frontier.is_empty() && search.states() <= most {
        search.level();
    }
    search.conclude()
}

/// A found step: to which state, from which one, by what.
struct Found<M: Model> {
    situation: u64,
    allowance: Allowance,
    from: StateId,
    by: M::Action,
    /// It happens by itself, and takes nothing of what is allowed.
    internal: bool,
    /// `None` if the state was known when the batch began.
    state: Option<M::State>,
}

/// What one thread found in its half of a batch.
struct Half<M: Model> {
    found: [Vec<Found<M>>; SHARDS],
    edges: usize,
    violations: Vec<(usize, u32, StateId)>,
    happened: Vec<usize>,
}

struct Search<'a, M: Model> {
    model: &'a M,
    properties: &'a [&'a Property],
    shards: [Shard<M>; SHARDS],
    frontier: Vec<(StateId, M::State)>,
    edges: usize,
    depth: usize,
    violations: Vec<(usize, u32, StateId)>,
    happened: Vec<usize>,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, properties: &'a [&'a Property]) -> Search<'a, M> {
        let first = model.initial();
        let situation = model.situation(&first);
        let mut shards = [Shard::new(0), Shard::new(1)];
        let id = shards[shard_of(situation)].found_first(situation, model.allowance(&first));
        Search {
            model,
            properties,
            shards,
            frontier: vec![(id, first)],
            edges: 0,
            depth: 0,
            violations: Vec::new(),
            happened: vec![0; properties.len()],
        }
    }

    fn states(&self) -> usize {
        self.shards.iter().map(Shard::len).sum()
    }

    fn level(&mut self) {
        let frontier = std::mem::take(&mut self.frontier);
        let mut next = Vec::new();
        for batch in frontier.chunks(BATCH) {
            let halves = self.expand(batch);
            self.take_in(halves, &mut next);
        }
        self.depth += usize::from(!next.is_empty());
        self.frontier = next;
    }

    fn expand(&self, batch: &[(StateId, M::State)]) -> Vec<Half<M>> {
        let (first, second) = batch.split_at(batch.len() / SHARDS);
        thread::scope(|scope| {
            let other = scope.spawn(|| self.expand_half(first));
            let ours = self.expand_half(second);
            vec![joined(other.join()), ours]
        })
    }

    fn expand_half(&self, part: &[(StateId, M::State)]) -> Half<M> {
        let mut half = Half {
            found: [Vec::new(), Vec::new()],
            edges: 0,
            violations: Vec::new(),
            happened: vec![0; self.properties.len()],
        };
        let mut actions = Vec::new();
        for (id, state) in part {
            actions.clear();
            self.model.actions(state, &mut actions);
            let at_rest = !actions.iter().any(|action| self.model.kind(*action) == Kind::Step);
            self.judge(*id, state, at_rest, &mut half);
            half.edges += actions.len();
            let from = (*id, self.model.allowance(state));
            actions.iter().for_each(|action| self.follow(from, state, *action, &mut half));
        }
        half
    }

    fn judge(&self, id: StateId, state: &M::State, at_rest: bool, half: &mut Half<M>) {
        let scene = self.model.scene(state);
        for (index, property) in self.properties.iter().enumerate() {
            match property.when {
                When::Sometimes => half.happened[index] += usize::from((property.holds)(&scene)),
                When::AtRest if !at_rest => {}
                _ if (property.holds)(&scene) => {}
                _ => half.violations.push((index, scene.blame, id)),
            }
        }
    }

    fn follow(
        &self,
        (from, before): (StateId, Allowance),
        state: &M::State,
        by: M::Action,
        half: &mut Half<M>,
    ) {
        let after = self.model.apply(state, by);
        let (situation, allowance) = (self.model.situation(&after), self.model.allowance(&after));
        let shard = shard_of(situation);
        let internal = self.model.kind(by) != Kind::Outside && allowance == before;
        let is_new = self.shards[shard].find(situation, allowance).is_none();
        if is_new || internal {
            let state = is_new.then_some(after);
            half.found[shard].push(Found { situation, allowance, from, by, internal, state });
        }
    }

    fn take_in(&mut self, halves: Vec<Half<M>>, next: &mut Vec<(StateId, M::State)>) {
        let mut found: [Vec<Vec<Found<M>>>; SHARDS] = [Vec::new(), Vec::new()];
        for half in halves {
            self.edges += half.edges;
            self.happened.iter_mut().zip(half.happened).for_each(|(sum, more)| *sum += more);
            half.violations.into_iter().for_each(|violation| self.note(violation));
            found.iter_mut().zip(half.found).for_each(|(all, part)| all.push(part));
        }
        let [of_first, of_second] = found;
        let [first, second] = &mut self.shards;
        let (new_first, new_second) = thread::scope(|scope| {
            let other = scope.spawn(|| second.take_in(of_second));
            let ours = first.take_in(of_first);
            (ours, joined(other.join()))
        });
        next.extend(new_first);
        next.extend(new_second);
    }

    /// The first one found is a shortest one.
    fn note(&mut self, (property, blame, id): (usize, u32, StateId)) {
        let known = |(p, b, _): &(usize, u32, StateId)| *p == property && *b == blame;
        if !self.violations.iter().any(known) {
            self.violations.push((property, blame, id));
        }
    }

    fn conclude(self) -> Exploration<M::Action> {
        let trace = |id| trace(&self.shards, id);
        let exhausted = self.frontier.is_empty();
        Exploration {
            states: self.states(),
            edges: self.edges,
            depth: self.depth,
            exhausted,
            violations: self
                .violations
                .iter()
                .map(|(property, blame, id)| Violation {
                    property: *property,
                    blame: *blame,
                    trace: trace(*id),
                })
                .collect(),
            restless: if exhausted { rest::restless(&self.shards).map(trace) } else { None },
            happened: self.happened,
        }
    }
}

fn trace<M: Model>(shards: &[Shard<M>; SHARDS], mut id: StateId) -> Vec<M::Action> {
    let mut actions = Vec::new();
    while let Some((from, by)) = shards[id as usize % SHARDS].origin(id) {
        actions.push(by);
        id = from;
    }
    actions.reverse();
    actions
}

fn shard_of(fingerprint: u64) -> usize {
    // The map uses the low and the very high bits.
    (fingerprint >> 40) as usize % SHARDS
}

/// A panic of the model is a panic of the exploration.
fn joined<T>(result: thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
