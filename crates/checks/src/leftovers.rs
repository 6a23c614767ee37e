//! What is still there when nothing should be.

use facts::{Event, Verdict, event::View};

use crate::Index;

/// No process, socket or file outlived the run, and when the dust had settled there was no zombie and no orphan.
pub(crate) fn nothing_left_behind(index: &Index) -> Verdict {
    let leaked = index.history.events.iter().filter_map(|line| match &line.event {
        Event::Leaked { what } => Some(format!("outlived the run: {what}")),
        _ => None,
    });
    let mut lines: Vec<String> = leaked.collect();
    for (target, view) in views(index) {
        if view.zombies > 0 {
            lines.push(format!("{target} has {} zombies", view.zombies));
        }
        lines.extend(orphans(target, view));
    }
    conclude(index, lines, "nothing outlived the run")
}

/// Every process that lost its master was adopted or gone by the end.
pub(crate) fn no_orphans(index: &Index) -> Verdict {
    let lines: Vec<String> = views(index).flat_map(|(target, view)| orphans(target, view)).collect();
    let unaccounted = orphaned(index).find(|pid| !has_ended(index, *pid) && !lives(index, *pid));
    match (unaccounted, orphaned(index).count()) {
        (Some(pid), _) if lines.is_empty() => {
            Verdict::unknown(format!("nobody saw what became of pid {pid}, which lost its master"))
        }
        (_, count) => {
            conclude(index, lines, &format!("{count} processes lost their master; each left or got one"))
        }
    }
}

fn orphaned(index: &Index) -> impl Iterator<Item = u32> {
    index.history.events.iter().filter_map(|line| match line.event {
        Event::ProcessOrphaned { pid, .. } => Some(pid),
        _ => None,
    })
}

fn has_ended(index: &Index, wanted: u32) -> bool {
    index
        .history
        .events
        .iter()
        .any(|line| matches!(line.event, Event::ProcessEnded { pid, .. } if pid == wanted))
}

fn lives(index: &Index, wanted: u32) -> bool {
    views(index).any(|(_, view)| view.processes.iter().any(|process| process.pid == wanted))
}

fn conclude(index: &Index, lines: Vec<String>, because: &str) -> Verdict {
    let settled = index.plan.targets.len() == views(index).count() && !index.plan.targets.is_empty();
    match (lines.is_empty(), settled) {
        // In the middle of something the harness itself ends whoever is there.
        (false, _) if index.is_cut_off() => Verdict::unknown(index.why_cut_off()),
        (false, _) => Verdict::Fail { lines },
        (true, false) => Verdict::unknown("the run ended before every target had settled"),
        (true, true) => Verdict::pass(because),
    }
}

fn views<'a>(index: &'a Index) -> impl Iterator<Item = (&'a str, &'a View)> {
    let targets = index.plan.targets.iter().enumerate();
    targets.filter_map(|(number, target)| Some((target.name.as_str(), index.settled(number)?)))
}

fn orphans(target: &str, view: &View) -> Vec<String> {
    let orphans = view.processes.iter().filter(|process| process.orphan);
    orphans.map(|p| format!("{target}: pid {} of generation {} has no master", p.pid, p.generation)).collect()
}

#[cfg(test)]
mod tests {
    use facts::{Event, Role, event::Seen};

    use crate::built::{Built, FAIL, PASS, UNKNOWN, check};

    fn leaked() -> Event {
        Event::Leaked { what: "pid 77".into() }
    }

    fn unsettled() -> Built {
        Built::good().without(|e| matches!(e, Event::Settled { .. }))
    }

    fn orphaned() -> Event {
        Event::ProcessOrphaned { target: "web".into(), pid: 11, generation: 1, role: Role::Worker }
    }

    fn with_orphan_at_the_end() -> Built {
        let mut built = Built::good();
        built.amend(|event| {
            if let Event::Settled { view, .. } = event {
                let (role, generation) = (Role::Worker, 1);
                view.processes.push(Seen {
                    pid: 99,
                    parent: 1,
                    generation,
                    role,
                    orphan: true,
                    fds: 9,
                    rss_kib: 9,
                });
            }
        });
        built
    }

    #[test]
    fn what_outlives_a_run_is_a_failure() {
        check("nothing-left-behind", Built::good(), PASS);
        check("nothing-left-behind", unsettled(), UNKNOWN);
        check("nothing-left-behind", Built::good().inserted(2900, leaked()), FAIL);
        check("nothing-left-behind", with_orphan_at_the_end(), FAIL);
        let mut zombies = Built::good();
        zombies.amend(|event| {
            if let Event::Settled { view, .. } = event {
                view.zombies = 1;
            }
        });
        check("nothing-left-behind", zombies, FAIL);
    }

    #[test]
    fn a_run_that_was_cut_off_proves_nothing_about_what_it_left() {
        let interrupted = |built: Built| built.then(3001, Event::RunEnded { interrupted: true });
        check("nothing-left-behind", interrupted(with_orphan_at_the_end()), UNKNOWN);
        check("no-orphans", interrupted(with_orphan_at_the_end()), UNKNOWN);
        check("nothing-left-behind", interrupted(Built::good().inserted(2900, leaked())), UNKNOWN);
        let cut = Event::CutOff { why: "its deadline passed".into() };
        let cut = Built::good().inserted(2850, cut).inserted(2900, leaked());
        check("nothing-left-behind", interrupted(cut), UNKNOWN);
    }

    #[test]
    fn an_orphan_must_leave_or_be_adopted() {
        check("no-orphans", Built::good(), PASS);
        check("no-orphans", unsettled(), UNKNOWN);
        check("no-orphans", with_orphan_at_the_end(), FAIL);
        check("no-orphans", Built::good().inserted(1300, orphaned()), PASS);
        let stays = Built::good().inserted(1300, orphaned());
        check("no-orphans", stays.without(|e| matches!(e, Event::ProcessEnded { pid: 11, .. })), UNKNOWN);
    }
}
