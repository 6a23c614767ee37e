//! Whether a script that reads the pid file at any moment finds a master that obeys signals.

use facts::{
    Event, Nanos, Verdict,
    event::{Moment, PidFile},
    plan::Target,
};

use crate::{
    Index,
    masters::{Master, masters},
};

/// How long the file may name a master that died by force, while another one lives.
const CORRECTED_WITHIN: Nanos = 100_000_000;

/// From the moment the target was ready until it had settled, its pid file was never absent, empty or garbage and
/// named a live master; `.oldbin` appeared only after the pid file named the new one.
pub(crate) fn pid_file_always(index: &Index) -> Verdict {
    let promised = |t: &&Target| t.promises.iter().any(|promise| promise == "pid-file-always");
    let any_promised = index.plan.targets.iter().any(|target| promised(&target));
    let judged = index.plan.targets.iter().filter(|target| !any_promised || promised(target));
    Verdict::worst(judged.map(|target| of_target(index, target)))
}

fn of_target(index: &Index, target: &Target) -> Verdict {
    let ready = index.first(|e| matches!(e, Event::TargetReady { target: t, .. } if *t == target.name));
    let settled = index.first(|e| matches!(e, Event::Settled { target: t, .. } if *t == target.name));
    let (Some(ready), Some(settled)) = (ready, settled) else {
        return Verdict::unknown(format!("{} was not followed until it had settled", target.name));
    };
    let file = changes(index, target, &target.pid_file);
    if file.is_empty() {
        return Verdict::unknown(format!("nobody looked at the pid file of {}", target.name));
    }
    let masters = masters(index, &target.name);
    let states = states(&file, settled).into_iter().filter(|state| state.until > ready);
    let complaints: Vec<Complaint> =
        states.filter_map(|state| complaint(index, &state, &masters, ready)).collect();
    let (wrong, untold): (Vec<Complaint>, Vec<Complaint>) =
        complaints.into_iter().partition(|complaint| matches!(complaint, Complaint::Wrong(_)));
    let mut lines: Vec<String> = wrong.into_iter().map(Complaint::line).collect();
    let replaced = replacements(index, target);
    lines.extend(early_oldbin(&file, &replaced, &changes(index, target, &target.oldbin), settled));
    let overlooked = index.first(|e| matches!(e, Event::Overlooked { target: t, .. } if *t == target.name));
    match lines.is_empty() {
        // An absence may have been among what was missed; what was seen to be wrong stays wrong.
        true if overlooked.is_some() => {
            Verdict::unknown(format!("the harness missed changes of the pid file of {}", target.name))
        }
        true if !untold.is_empty() => {
            Verdict::unknown(untold.into_iter().map(Complaint::line).collect::<Vec<_>>().join("; "))
        }
        true => Verdict::pass(format!("it changed {} times and always named a live master", file.len())),
        false => Verdict::Fail { lines },
    }
}

/// One change of a file.
#[derive(Clone, Copy)]
struct Change {
    at: Moment,
    holds: PidFile,
    live_master: bool,
}

/// What the file held from one change to the next.
struct State {
    /// Surely from then…
    from: Nanos,
    /// …until then.
    until: Nanos,
    /// Perhaps already then…
    not_before: Nanos,
    /// …and perhaps still then.
    not_after: Nanos,
    holds: PidFile,
    live_master: bool,
}

fn changes(index: &Index, target: &Target, template: &str) -> Vec<Change> {
    let wanted = base_name(template);
    let change = |line: &facts::Stamped| match &line.event {
        Event::PidFileChanged { target: of, file, holds, live_master }
            if *of == target.name && base_name(file) == wanted =>
        {
            Some(Change { at: line.at, holds: *holds, live_master: *live_master })
        }
        _ => None,
    };
    index.history.events.iter().filter_map(change).collect()
}

/// When the pid file was replaced by something that nobody read.
fn replacements(index: &Index, target: &Target) -> Vec<Moment> {
    let wanted = base_name(&target.pid_file);
    let replaced = |line: &facts::Stamped| match &line.event {
        Event::PidFileReplaced { target: of, file } => {
            (*of == target.name && base_name(file) == wanted).then_some(line.at)
        }
        _ => None,
    };
    index.history.events.iter().filter_map(replaced).collect()
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The states a file was surely in: from the latest instant of a change to the earliest of the next that differs. A change that
/// may have come after the end tells nothing.
fn states(changes: &[Change], end: Nanos) -> Vec<State> {
    let mut states: Vec<State> = Vec::new();
    for change in changes.iter().filter(|change| change.at.latest < end) {
        if let Some(last) = states.last_mut() {
            // The harness says it again when the named master dies: the file did not change.
            if last.holds == change.holds {
                continue;
            }
            (last.until, last.not_after) = (change.at.earliest, change.at.latest);
        }
        let Change { holds, live_master, at } = *change;
        let (from, not_before) = (at.latest, at.earliest);
        states.push(State { from, until: end, not_before, not_after: end, holds, live_master });
    }
    states
}

/// What is to be said of a state of the file.
enum Complaint {
    /// It was wrong.
    Wrong(String),
    /// Perhaps it was wrong, and perhaps nobody on this machine was on time.
    Untold(String),
}

impl Complaint {
    fn line(self) -> String {
        match self {
            Complaint::Wrong(line) | Complaint::Untold(line) => line,
        }
    }
}

/// For how long, between two instants, a thread that only sleeps was kept from running.
fn asleep(index: &Index, from: Nanos, until: Nanos) -> Nanos {
    let hiccup = |line: &facts::Stamped| match line.event {
        Event::Hiccup { ns } if line.at.latest > from && line.at.earliest < until => Some(ns),
        _ => None,
    };
    index.history.events.iter().filter_map(hiccup).sum()
}

fn complaint(index: &Index, state: &State, masters: &[Master], ready: Nanos) -> Option<Complaint> {
    let since = state.from.max(ready);
    // It was looked at now and then: how long at most is known, how long at least may be nothing.
    let at_most = state.not_after.saturating_sub(state.not_before.max(ready)) as f64 / 1e6;
    let lasted = format!("for at most {at_most:.1} ms in {}", index.phase_at(since));
    let PidFile::Names(pid) = state.holds else {
        let anybody = masters.iter().any(|master| master.lived_at(since));
        let how = format!("{:?}", state.holds).to_lowercase();
        return anybody
            .then(|| Complaint::Wrong(format!("the pid file was {how} {lasted} while a master lived")));
    };
    let named = masters.iter().rfind(|master| master.pid == pid && master.from <= state.until);
    match named.map(|master| master.until) {
        None if state.live_master => None,
        None => Some(Complaint::Wrong(format!("the pid file named pid {pid} {lasted}, which was no master"))),
        Some(None) => None,
        Some(Some(died)) => {
            let deadline = died.max(since) + CORRECTED_WITHIN;
            let another = masters.iter().any(|m| m.pid != pid && m.lived_at(died) && m.lived_at(deadline));
            let late = state.until > deadline && another;
            let (lateness, asleep) = (state.until.saturating_sub(died), asleep(index, died, state.until));
            let (at_least, phase) = (lateness as f64 / 1e6, index.phase_at(died));
            let line = format!("the pid file named pid {pid} {at_least:.1} ms after its death in {phase}");
            // A server that gets no processor is not to blame for what it does not do.
            late.then(|| match lateness.saturating_sub(asleep) > CORRECTED_WITHIN {
                true => Complaint::Wrong(line),
                false => Complaint::Untold(format!(
                    "{line}, of which nobody on this machine ran for {:.1} ms",
                    asleep as f64 / 1e6
                )),
            })
        }
    }
}

/// `.oldbin` must not appear before the pid file names another master than it does. What that held for a moment that nobody
/// read may have been the other one.
fn early_oldbin(file: &[Change], replaced: &[Moment], oldbin: &[Change], settled: Nanos) -> Vec<String> {
    let too_early = |change: &&Change| {
        let PidFile::Names(old) = change.holds else { return false };
        let named_another = |(position, state): (usize, &Change)| {
            let until = file.get(position + 1).map_or(Nanos::MAX, |next| next.at.latest);
            let overlaps = state.at.earliest <= change.at.latest && until >= change.at.earliest;
            overlaps && matches!(state.holds, PidFile::Names(pid) if pid != old)
        };
        let unread = |at: &Moment| at.earliest <= change.at.latest && at.latest >= change.at.earliest;
        change.at.latest < settled
            && !file.iter().enumerate().any(named_another)
            && !replaced.iter().any(unread)
    };
    // Told again because the named master died, it did not appear again.
    let appeared = (0..oldbin.len()).filter(|n| *n == 0 || oldbin[n - 1].holds != oldbin[*n].holds);
    let early = appeared.map(|number| &oldbin[number]).filter(too_early);
    early.map(|_| ".oldbin appeared before the pid file named the new master".to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use facts::{Event, event::PidFile};

    use crate::built::{Built, FAIL, PASS, UNKNOWN, check};

    fn file(name: &str, holds: PidFile) -> Event {
        Event::PidFileChanged { target: "web".into(), file: name.into(), holds, live_master: true }
    }

    fn is_pid_change(event: &Event) -> bool {
        matches!(event, Event::PidFileChanged { .. })
    }

    #[test]
    fn a_pid_file_that_is_absent_for_a_moment_is_a_failure() {
        check("pid-file-always", Built::good(), PASS);
        check("pid-file-always", Built::good().without(is_pid_change), UNKNOWN);
        check("pid-file-always", Built::good().without(|e| matches!(e, Event::Settled { .. })), UNKNOWN);
        let absent = || Built::good().inserted(1190, file("pid", PidFile::Absent));
        check("pid-file-always", absent(), FAIL);
        check("pid-file-always", Built::good().inserted(1190, file("pid", PidFile::Empty)), FAIL);
    }

    #[test]
    fn how_long_at_most_and_in_which_phase_is_told() {
        // Absent when it was looked at at 1198 ms, there at 1196 ms; named again at 1200 ms.
        let built = Built::good().inserted_between(1196, 1198, file("pid", PidFile::Absent));
        let claim = facts::plan::Claim::Check("pid-file-always".into());
        let asked = facts::plan::Expectation { place: None, text: String::new(), claim };
        let plan = facts::Plan { expectations: vec![asked], ..built.plan.clone() };
        let facts::Verdict::Fail { lines } = crate::judge(&plan, &built.history).overall else {
            panic!("an absent pid file passed");
        };
        assert_eq!(lines, ["the pid file was absent for at most 4.0 ms in upgrade while a master lived"]);
    }

    #[test]
    fn what_the_harness_missed_is_no_pass_and_excuses_nothing() {
        let missed = |built: Built| {
            built.inserted(1100, Event::Overlooked { target: "web".into(), what: "all".into() })
        };
        check("pid-file-always", missed(Built::good()), UNKNOWN);
        let absent = Built::good().inserted(1190, file("pid", PidFile::Absent));
        check("pid-file-always", missed(absent), FAIL);
    }

    #[test]
    fn after_the_target_had_settled_it_may_go() {
        check("pid-file-always", Built::good().inserted(2995, file("pid", PidFile::Absent)), PASS);
        let around = Built::good().inserted_between(2985, 2995, file("pid", PidFile::Absent));
        check("pid-file-always", around, PASS);
    }

    #[test]
    fn a_dead_master_is_corrected_in_time_while_another_lives() {
        let named_dead = |corrected_at| {
            let killed = Built::good().without(is_pid_change);
            let named = killed.inserted(5, file("pid", PidFile::Names(10)));
            // Generation 1's master (pid 10) ends at 2000 ms.
            named.inserted(corrected_at, file("pid", PidFile::Names(20)))
        };
        check("pid-file-always", named_dead(2050), PASS);
        check("pid-file-always", named_dead(2150), FAIL);
        // A machine on which nobody ran tells nothing of the server; what is late beyond that does.
        let starved =
            |at, from, until| named_dead(at).inserted_between(from, until, Event::Hiccup { ns: 60_000_000 });
        check("pid-file-always", starved(2150, 2010, 2080), UNKNOWN);
        check("pid-file-always", starved(2170, 2010, 2080), FAIL);
        check("pid-file-always", starved(2150, 1800, 1900), FAIL);
    }

    #[test]
    fn oldbin_comes_after_the_pid_file_names_the_new_master() {
        let without = || Built::good().without(is_pid_change).inserted(5, file("pid", PidFile::Names(10)));
        let good = without().inserted(1200, file("pid", PidFile::Names(20)));
        check("pid-file-always", good.inserted(1210, file("pid.oldbin", PidFile::Names(10))), PASS);
        let early = without().inserted(1190, file("pid.oldbin", PidFile::Names(10)));
        check("pid-file-always", early.inserted(1200, file("pid", PidFile::Names(20))), FAIL);
        // Ready and dead again between two looks.
        let unread = Event::PidFileReplaced { target: "web".into(), file: "pid".into() };
        let between = without().inserted_between(1190, 1200, unread.clone()).inserted_between(
            1190,
            1200,
            file("pid.oldbin", PidFile::Names(10)),
        );
        check("pid-file-always", between.inserted(1900, file("pid", PidFile::Names(20))), PASS);
        let before = without().inserted(1100, unread).inserted(1190, file("pid.oldbin", PidFile::Names(10)));
        check("pid-file-always", before.inserted(1900, file("pid", PidFile::Names(20))), FAIL);
        // Rolled back: the pid file names the old master again, which dies before it has removed the other one.
        let oldbin = |at: u64| {
            let good = without().inserted(1200, file("pid", PidFile::Names(20)));
            let rolled_back = good.inserted(1210, file("pid.oldbin", PidFile::Names(10)));
            rolled_back
                .inserted(1300, file("pid", PidFile::Names(10)))
                .inserted(at, file("pid.oldbin", PidFile::Names(10)))
        };
        check("pid-file-always", oldbin(1310).inserted(2010, file("pid", PidFile::Names(20))), PASS);
    }
}
