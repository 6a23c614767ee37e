//! What is due begins: the plan says when, a client that rests says who.

use std::sync::atomic::Ordering;

use facts::Nanos;

use super::Engine;
use crate::{
    attempt::{Attempt, Planned},
    group::{Pacing, Source},
};

/// Most starts before the kernel is asked for news again: a generator that is behind must still read answers.
const STARTS_IN_A_ROW: usize = 32;

impl Engine {
    pub(super) fn start_due(&mut self) {
        for _ in 0..STARTS_IN_A_ROW {
            let now = self.wire.tick();
            match self.next_due() {
                Some((intended, group)) if intended <= now.min(self.end) => {
                    self.turn_to(group, intended, now)
                }
                _ => return,
            }
        }
    }

    /// The group that is due first: there are few, so that looking at all is cheaper than any order kept among them.
    pub(super) fn next_due(&self) -> Option<(Nanos, usize)> {
        let due = self.groups.iter().enumerate().filter_map(|(index, group)| Some((group.due()?, index)));
        due.min()
    }

    pub(super) fn turn_to(&mut self, group: usize, intended: Nanos, now: Nanos) {
        let Some(source) = self.groups[group].take_due(group) else { return };
        if let Source::All(population) = source {
            return self.fire(population, intended);
        }
        let Some(start) = self.plan(group, intended) else { return };
        self.measured.lag.add(start.phase, now - intended);
        match source {
            Source::Population(_) | Source::All(_) => self.deal(start),
            Source::Client(client) => {
                self.begin(client, start);
                self.walk(client);
            }
        }
    }

    /// Every client of a population that rests sends now.
    pub(super) fn fire(&mut self, population: usize, intended: Nanos) {
        for client in std::mem::take(&mut self.groups[population].idle) {
            let Some(start) = self.plan(population, intended) else { return };
            self.begin(client, start);
            self.walk(client);
        }
    }

    /// A start that the plan wants; `None`: it was the last one before.
    pub(super) fn plan(&mut self, population: usize, intended: Nanos) -> Option<Planned> {
        if self.starts_left == 0 {
            self.stop_planning();
            return None;
        }
        self.starts_left -= 1;
        let phase = self.phase.load(Ordering::Acquire);
        let start = Planned { id: self.next_id, intended, population, phase };
        self.next_id += 1;
        self.shared.counters.planned.add(1);
        Some(start)
    }

    pub(super) fn deal(&mut self, start: Planned) {
        let group = &mut self.groups[start.population];
        // The longest idle first, never used before used: all connections are opened, and each of them rests.
        match group.idle.pop_front() {
            Some(client) => {
                self.begin(client, start);
                self.walk(client);
            }
            None => group.queue.push_back(start),
        }
    }

    pub(super) fn begin(&mut self, index: usize, start: Planned) {
        let client = &mut self.clients[index];
        let record = start.record();
        let Ok(slot) = self.ledger.begin(&record) else {
            self.shared.counters.unsent.add(1);
            return;
        };
        let group = &mut self.groups[client.population];
        let began = self.wire.now;
        group.deadlines.push_back((began + group.timeout, index, start.id));
        client.begin(Attempt { slot, record });
        self.shared.counters.sent.add(1);
        self.active += 1;
        for _ in 1..group.depth {
            let Some(next) = self.plan(start.population, start.intended) else { return };
            self.join(index, next, began);
        }
    }

    /// One more request in the batch that a client has just begun.
    pub(super) fn join(&mut self, index: usize, start: Planned, began: Nanos) {
        let record = start.record();
        let Ok(slot) = self.ledger.begin(&record) else {
            self.shared.counters.unsent.add(1);
            return;
        };
        let group = &mut self.groups[start.population];
        group.deadlines.push_back((began + group.timeout, index, start.id));
        self.clients[index].join(Attempt { slot, record });
        self.shared.counters.sent.add(1);
        self.active += 1;
    }

    /// What a resting client is to do at once; otherwise it is put where its next start will find it.
    pub(super) fn next_start(&mut self, index: usize) -> Option<Planned> {
        let population = self.clients[index].population;
        let group = &mut self.groups[population];
        let next = group.queue.pop_front();
        match group.pacing {
            Pacing::Think { .. } => next,
            Pacing::Stopped(_) if next.is_none() => {
                self.clients[index].retire();
                group.idle.push_back(index);
                None
            }
            Pacing::Closed { .. } if self.wire.now <= self.end => self.plan(population, self.wire.now),
            _ => {
                if next.is_none() {
                    group.idle.push_back(index);
                }
                next
            }
        }
    }
}
