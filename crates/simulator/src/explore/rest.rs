//! Every run comes to rest: no cycle of steps that happen by themselves. Then, under weak fairness, what holds in every state at
//! rest is what every run leads to.

use super::{SHARDS, StateId, shard::Shard};
use crate::model::Model;

/// A state from which the processes may go on for ever, if there is one. States without a step of their own are taken away,
/// then those that lead only to such, and so on (Kahn's algorithm, backwards); what is left lies on a cycle or before one.
pub(super) fn restless<M: Model>(shards: &[Shard<M>; SHARDS]) -> Option<StateId> {
    let states = SHARDS * shards.iter().map(Shard::len).max().unwrap_or(0);
    let mut steps_left = vec![0_u32; states];
    for (from, _) in steps(shards) {
        steps_left[*from as usize] += 1;
    }
    let (starts, sources) = backwards(shards, states);
    let mut resting: Vec<StateId> = (0..states as u32).filter(|id| steps_left[*id as usize] == 0).collect();
    while let Some(id) = resting.pop() {
        for from in &sources[starts[id as usize]..starts[id as usize + 1]] {
            steps_left[*from as usize] -= 1;
            if steps_left[*from as usize] == 0 {
                resting.push(*from);
            }
        }
    }
    steps_left.iter().position(|left| *left > 0).map(|id| id as StateId)
}

fn steps<M: Model>(shards: &[Shard<M>; SHARDS]) -> impl Iterator<Item = &(StateId, StateId)> {
    shards.iter().flat_map(|shard| &shard.internal)
}

/// For each state where its steps come from: offsets into one list.
fn backwards<M: Model>(shards: &[Shard<M>; SHARDS], states: usize) -> (Vec<usize>, Vec<StateId>) {
    let mut starts = vec![0_usize; states + 2];
    for (_, to) in steps(shards) {
        starts[*to as usize + 2] += 1;
    }
    for index in 2..starts.len() {
        starts[index] += starts[index - 1];
    }
    let mut sources = vec![0; starts[states + 1]];
    for (from, to) in steps(shards) {
        let place = &mut starts[*to as usize + 1];
        sources[*place] = *from;
        *place += 1;
    }
    (starts, sources)
}
