//! Whether an upgrade left descriptors open in the master. Workers hold a client's connections and prove nothing.

use facts::{
    Event, Verdict,
    event::{Role, View},
    plan::Which,
};

use crate::{Index, masters::open_upgrade};

/// The master in charge when everything had settled has no more open descriptors than the first master had when the
/// target was ready: each upgrade that leaves one behind would add up.
pub(crate) fn no_leaked_descriptors(index: &Index) -> Verdict {
    let targets = index.plan.targets.iter().enumerate();
    Verdict::worst(targets.map(|(number, target)| {
        let before = view_when_ready(index, &target.name).and_then(descriptors_in_charge);
        let after = index.settled(number).and_then(descriptors_in_charge);
        match (compare(&target.name, before, after), open_upgrade(index, number)) {
            // The master in charge holds what the other one needs.
            (Verdict::Fail { .. }, Some(open)) => Verdict::unknown(open),
            (verdict, _) => verdict,
        }
    }))
}

fn compare(target: &str, before: Option<u32>, after: Option<u32>) -> Verdict {
    match (before, after) {
        (Some(before), Some(after)) if after > before => Verdict::fail(format!(
            "the master of {target} had {before} descriptors at first and has {after} at the end"
        )),
        (Some(before), Some(after)) => Verdict::pass(format!("{after} descriptors after {before}")),
        _ => Verdict::unknown(format!("nobody counted the descriptors of the master of {target}")),
    }
}

fn view_when_ready<'a>(index: &'a Index, name: &str) -> Option<&'a View> {
    index.history.events.iter().find_map(|line| match &line.event {
        Event::TargetReady { target, view } if target == name => Some(view),
        _ => None,
    })
}

/// `None` when there is no master in charge, or its descriptors could not be counted.
fn descriptors_in_charge(view: &View) -> Option<u32> {
    let generation = view.generation(Which::Current)?;
    let master = view.processes.iter().find(|p| p.generation == generation && p.role == Role::Master)?;
    Some(master.fds).filter(|fds| *fds > 0)
}

#[cfg(test)]
mod tests {
    use facts::{Event, event::Seen};

    use crate::built::{Built, FAIL, PASS, UNKNOWN, check};

    fn with_descriptors_at_the_end(fds: u32) -> Built {
        let mut built = Built::good();
        built.amend(|event| {
            if let Event::Settled { view, .. } = event {
                view.processes.iter_mut().for_each(|process| process.fds = fds);
            }
        });
        built
    }

    #[test]
    fn one_descriptor_more_than_at_first_is_a_leak() {
        check("no-leaked-descriptors", Built::good(), PASS);
        check("no-leaked-descriptors", with_descriptors_at_the_end(10), FAIL);
        check("no-leaked-descriptors", with_descriptors_at_the_end(0), UNKNOWN);
        // A run that was interrupted took its last look before the dust had settled.
        let interrupted = with_descriptors_at_the_end(10).then(3001, Event::RunEnded { interrupted: true });
        check("no-leaked-descriptors", interrupted, UNKNOWN);
        let mut open = with_descriptors_at_the_end(10);
        open.amend(|event| {
            if let Event::Settled { view, .. } = event {
                let old = Seen { pid: 10, generation: 1, ..view.processes[0].clone() };
                view.processes.push(old);
            }
        });
        check("no-leaked-descriptors", open, UNKNOWN);
        check(
            "no-leaked-descriptors",
            Built::good().without(|e| matches!(e, Event::Settled { .. })),
            UNKNOWN,
        );
    }
}
