//! nginx's known outages are found, each is blamed on the right quirk, and without the quirk it is gone.

use std::sync::LazyLock;

use simulator::{
    Model, NGINX, Outage,
    nginx::{Nginx, Quirk, Quirks},
    outages,
};

/// nginx as it is.
static ALL: LazyLock<Vec<Outage>> = LazyLock::new(|| outages(NGINX, Quirks::ALL).0);

/// Which promise is broken, and by what.
fn found(quirks: Quirks) -> Vec<String> {
    let (outages, explored) = outages(NGINX, quirks);
    assert!(explored.iter().all(|found| found.exhausted));
    outages.iter().map(told).collect()
}

fn told(outage: &Outage) -> String {
    let quirks: Vec<String> = outage.quirks.iter().map(|quirk| format!("{quirk:?}")).collect();
    format!("{} {}: {}", outage.property.promise, outage.property.name, quirks.join(" and "))
}

#[test]
fn a_server_without_the_quirks_keeps_every_promise() {
    assert_eq!(found(Quirks::NONE), Vec::<String>::new());
}

#[test]
fn each_quirk_is_to_blame_for_something() {
    for quirk in Quirk::ALL {
        assert!(ALL.iter().any(|outage| outage.quirks.has(quirk)), "{quirk:?}");
    }
}

/// What happens from the moment two workers serve to each broken promise that this quirk alone is to blame for.
fn stories(quirk: Quirk) -> Vec<String> {
    let model = Nginx { bounds: NGINX, quirks: Quirks::ALL, fewer: 1 };
    let story = |outage: &Outage| {
        let mut state = model.initial();
        let mut lines = Vec::new();
        for action in &outage.trace {
            lines.push(model.tell(&state, *action));
            state = model.apply(&state, *action);
        }
        format!("{}: {}", outage.property.name, lines[5..].join("; "))
    };
    ALL.iter().filter(|outage| outage.quirks.iter().eq([quirk])).map(story).collect()
}

#[test]
fn a_queue_that_no_worker_is_left_for_is_found_at_a_reload_and_beside_a_new_binary() {
    let drains = "a worker of generation 1 stops accepting and drains";
    assert_eq!(
        stories(Quirk::ReuseportSurplus),
        [
            format!(
                "no queue is closed while the server serves on: the configuration file asks for one worker fewer; \
                 master 1 gets HUP; {drains}; {drains}"
            ),
            format!(
                "every queue is accepted from, if any is: the configuration file asks for one worker fewer; \
                 master 1 gets USR2; master 2 has its configuration, and truncates the pid file; master 2 writes the pid file; \
                 master 2 forks its workers; a worker of generation 2 comes up; master 1 gets WINCH; {drains}; {drains}"
            ),
        ]
    );
}

#[test]
fn a_reload_that_cannot_fork_leaves_nobody_who_accepts() {
    let drains = "a worker of generation 1 stops accepting and drains";
    let found = stories(Quirk::ForkUnchecked);
    let expected = format!("somebody accepts: master 1 gets HUP, and cannot fork; {drains}; {drains}");
    assert_eq!(found[0], expected);
}

/// The two were added last: what was known before is found as it was.
#[test]
fn nothing_that_was_known_changes_with_the_quirks_of_descriptors_and_queues() {
    let lengths = |outages: &[Outage]| -> Vec<(String, usize)> {
        let mut all: Vec<_> = outages.iter().map(|outage| (told(outage), outage.trace.len())).collect();
        all.sort();
        all
    };
    let added = [Quirk::ForkUnchecked, Quirk::ReuseportSurplus];
    let before = lengths(&outages(NGINX, Quirks::ALL.without(added[0]).without(added[1])).0);
    let mut after = lengths(&ALL);
    after.retain(|(line, _)| !added.iter().any(|quirk| line.contains(&format!("{quirk:?}"))));
    assert_eq!(after, before);
    assert_eq!(before.len(), 33);
}

#[test]
fn without_one_quirk_its_outages_are_gone_and_no_others() {
    for quirk in Quirk::ALL {
        let (left, _) = outages(NGINX, Quirks::ALL.without(quirk));
        let same =
            |a: &Outage, b: &Outage| a.property.name == b.property.name && a.quirks.is_within(b.quirks);
        for outage in ALL.iter().filter(|outage| !outage.quirks.has(quirk)) {
            assert!(
                left.iter().any(|found| same(found, outage)),
                "without {quirk:?} this is gone, too: {}",
                told(outage)
            );
        }
        for found in &left {
            assert!(!found.quirks.has(quirk), "{}", told(found));
            assert!(
                ALL.iter().any(|outage| same(found, outage)),
                "without {quirk:?} this is new: {}",
                told(found)
            );
        }
    }
}
