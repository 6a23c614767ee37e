//! How long one upgrade took, and what requests took meanwhile.

use facts::{Blame, Event, Generation, History, Nanos, Plan, Role, Stamped, plan::Action};

use crate::{Index, latency::latency};

/// The times of the first upgrade in a history, in nanoseconds. `None` is what did not happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upgrade {
    /// From USR2 to the first answer of the new generation that a client got.
    pub first_answer_ns: Option<Nanos>,
    /// From WINCH to the end of the last old worker.
    pub workers_gone_ns: Option<Nanos>,
    /// From USR2 to the end of the old master, without the pauses that the scenario makes in between.
    pub whole_ns: Option<Nanos>,
    /// Latencies of requests meant to start before USR2.
    pub steady_ns: Vec<Nanos>,
    /// Latencies of requests meant to start between USR2 and the end of the old master.
    pub during_ns: Vec<Nanos>,
    /// Attempts lost in the whole run.
    pub lost: u64,
    /// Attempts a careful client may retry.
    pub retriable: u64,
}

impl Upgrade {
    /// The first upgrade of the first target; `None` when no USR2 was sent.
    pub fn of(plan: &Plan, history: &History) -> Option<Upgrade> {
        let index = Index::new(plan, history);
        let (usr2, old) = signal(history, "USR2")?;
        let winch = signal(history, "WINCH").map(|(at, _)| at);
        let workers_gone = last_end(history, old, Role::Worker);
        let master_gone = last_end(history, old, Role::Master);
        let count = |blame| index.attempts.iter().filter(|a| a.blame() == blame).count() as u64;
        Some(Upgrade {
            first_answer_ns: first_answer(&index, old).map(|at| at.saturating_sub(usr2)),
            workers_gone_ns: winch.zip(workers_gone).map(|(winch, gone)| gone.saturating_sub(winch)),
            whole_ns: master_gone.map(|gone| gone.saturating_sub(usr2 + pauses(&index, usr2, gone))),
            steady_ns: latencies(&index, 0, usr2),
            during_ns: latencies(&index, usr2, master_gone.unwrap_or(Nanos::MAX)),
            lost: count(Blame::Lost),
            retriable: count(Blame::Retriable),
        })
    }
}

/// When a signal was first sent, and to which generation.
fn signal(history: &History, wanted: &str) -> Option<(Nanos, Generation)> {
    history.events.iter().find_map(|line| match &line.event {
        Event::SignalSent { signal, generation, .. } if signal == wanted => {
            Some((line.at.earliest, *generation))
        }
        _ => None,
    })
}

/// When the last process of a role in a generation ended.
fn last_end(history: &History, wanted: Generation, of: Role) -> Option<Nanos> {
    let ended = |line: &Stamped| match line.event {
        Event::ProcessEnded { generation, role, .. } if generation == wanted && role == of => {
            Some(line.at.latest)
        }
        _ => None,
    };
    // After the target had settled, everything ends.
    let running = history.events.iter().take_while(|line| !matches!(line.event, Event::Settled { .. }));
    running.filter_map(ended).max()
}

/// How long the scenario itself slept between two instants.
fn pauses(index: &Index, from: Nanos, until: Nanos) -> Nanos {
    let is_sleep = |step: usize| matches!(index.plan.steps.get(step), Some(s) if matches!(s.action, Action::Sleep { .. }));
    let mut slept = 0;
    let mut begun = None;
    for line in &index.history.events {
        match line.event {
            Event::StepBegan { step, .. } if is_sleep(step) => begun = Some(line.at.latest),
            Event::StepDone { step } if is_sleep(step) => {
                let Some(begun) = begun.take() else { continue };
                slept += line.at.earliest.min(until).saturating_sub(begun.max(from));
            }
            _ => {}
        }
    }
    slept
}

fn first_answer(index: &Index, old: Generation) -> Option<Nanos> {
    let by_new = index.attempts.iter().filter(|a| a.answered_by.is_some_and(|by| by.generation > old));
    by_new.filter_map(|a| a.record.first_byte_at()).min()
}

fn latencies(index: &Index, from: Nanos, until: Nanos) -> Vec<Nanos> {
    let within = index.attempts.iter().filter(|a| (from..until).contains(&a.record.intended));
    within.filter_map(|attempt| latency(index, attempt)).collect()
}

#[cfg(test)]
mod tests {
    use facts::{Event, Outcome};

    use super::Upgrade;
    use crate::built::Built;

    const MS: u64 = 1_000_000;

    #[test]
    fn an_upgrade_is_timed_from_its_signals_to_what_they_led_to() {
        let built = Built::good().outcome(120, Outcome::Refused);
        let upgrade = Upgrade::of(&built.plan, &built.history).expect("a USR2 was sent");
        // USR2 at 1000 ms, the first attempt of generation 2 is meant for 1500 ms.
        assert_eq!(upgrade.first_answer_ns, Some(500 * MS + 900_000));
        assert_eq!(upgrade.workers_gone_ns, Some(100 * MS));
        assert_eq!(upgrade.whole_ns, Some(1000 * MS));
        assert_eq!((upgrade.steady_ns.len(), upgrade.during_ns.len()), (99, 100));
        assert_eq!(upgrade.during_ns.iter().max(), Some(&(1000 * MS)), "a lost attempt took its deadline");
        assert_eq!(upgrade.lost, 1);
    }

    #[test]
    fn what_the_scenario_slept_meanwhile_is_not_the_servers() {
        // Every step of the plan is a sleep; the second lasts from 1700 to 1800 ms now.
        let built = Built::good().without(|e| matches!(e, Event::StepDone { step: 1 }));
        let built = built.inserted(1800, Event::StepDone { step: 1 });
        let upgrade = Upgrade::of(&built.plan, &built.history).expect("a USR2 was sent");
        assert_eq!(upgrade.whole_ns, Some(900 * MS));
    }

    #[test]
    fn without_a_signal_there_is_no_upgrade() {
        let built = Built::good().without(|e| matches!(e, Event::SignalSent { .. }));
        assert_eq!(Upgrade::of(&built.plan, &built.history), None);
    }
}
