//! Servers whose workers have the command line of their masters: gunicorn, whose new master is a child of the old one,
//! and HAProxy, whose master executes itself anew.

use super::*;

/// Pid, parent, image.
type Plain = (u32, u32, Image);

/// A scan of such processes, or what is done to one of them.
enum Happens {
    /// After this many ms.
    Scan(u64, &'static [Plain]),
    Upgrade(u32),
    Names(&'static [u32]),
}
use Happens::{Names, Scan as Seen, Upgrade};

fn check_plain(breed: Breed, happens: &[Happens], expected: &[&str]) {
    let mut census = Census::new(WARDEN, Some("/x/warden".into()), vec![breed]);
    census.launched(10, 0);
    let (mut found, mut named) = (Vec::new(), Vec::new());
    for what in happens {
        let (after_ms, rows) = match what {
            Seen(after_ms, rows) => (after_ms, rows),
            Upgrade(pid) => {
                census.upgrading(*pid);
                continue;
            }
            Names(pids) => {
                named = pids.iter().map(|pid| (0, *pid)).collect();
                continue;
            }
        };
        let sighting = |&(pid, parent, image): &Plain| Sighting {
            pid,
            parent,
            title: Some(RAW.to_owned()),
            program: Some("/usr/bin/python3".into()),
            image: Some(image),
        };
        let gone: Vec<u32> =
            census.living().map(|p| p.pid).filter(|pid| rows.iter().all(|row| row.0 != *pid)).collect();
        for pid in gone {
            census.end(pid);
        }
        let scan = Scan { after: after_ms * 1_000_000, sightings: rows.iter().map(sighting).collect() };
        found.extend(census.observe(&scan, &named).iter().map(said));
    }
    assert_eq!(found, expected);
}

fn plain() -> Breed {
    Breed { worker_title: String::new(), ..breed() }
}

#[test]
fn a_child_that_stays_a_fork_of_its_master_is_a_worker() {
    check_plain(
        plain(),
        &[
            Seen(0, &[(11, WARDEN, 7)]),
            Names(&[11]),
            Seen(3, &[(11, WARDEN, 7), (12, 11, 7)]),
            Seen(90, &[(11, WARDEN, 7), (12, 11, 7)]),
            Seen(110, &[(11, WARDEN, 7), (12, 11, 7)]),
        ],
        &["11 Master 1", "12 Worker 1"],
    );
}

#[test]
fn a_child_that_executes_the_program_again_is_a_new_master() {
    let one: &[Plain] = &[(11, WARDEN, 7), (12, 11, 7)];
    let forked: &[Plain] = &[(11, WARDEN, 7), (12, 11, 7), (20, 11, 7)];
    let executed: &[Plain] = &[(11, WARDEN, 7), (12, 11, 7), (20, 11, 8)];
    let grown: &[Plain] = &[(11, WARDEN, 7), (12, 11, 7), (20, 11, 8), (21, 20, 8)];
    let found = &["11 Master 1", "12 Worker 1", "20 Master 2", "21 Worker 2"];
    let begin = || [Names(&[11]), Seen(0, one), Seen(200, one), Upgrade(11)];
    let watched = [Seen(203, forked), Seen(206, executed), Seen(230, grown), Seen(400, grown)];
    check_plain(plain(), &begin().into_iter().chain(watched).collect::<Vec<_>>(), found);
    // Between two looks it may have become what it is.
    let unwatched = [Seen(206, executed), Seen(230, grown), Seen(400, grown)];
    check_plain(plain(), &begin().into_iter().chain(unwatched).collect::<Vec<_>>(), found);
}

#[test]
fn the_pid_file_has_the_last_word_about_a_child_that_took_long() {
    let all: &[Plain] = &[(11, WARDEN, 7), (20, 11, 7)];
    check_plain(
        plain(),
        &[Names(&[11]), Seen(0, all), Seen(200, all), Names(&[11, 20]), Seen(203, all)],
        &["11 Master 1", "20 Worker 1", "20 Master 2"],
    );
}

#[test]
fn a_master_that_executes_itself_begins_a_generation_when_it_was_told_to_upgrade() {
    let (start, wait): (&[Plain], &[Plain]) =
        (&[(11, WARDEN, 7), (12, 11, 7)], &[(11, WARDEN, 8), (12, 11, 7)]);
    let again: &[Plain] = &[(11, WARDEN, 9), (12, 11, 7)];
    let forked: &[Plain] = &[(11, WARDEN, 9), (12, 11, 7), (13, 11, 9)];
    let wait_again: &[Plain] = &[(11, WARDEN, 10), (12, 11, 7), (13, 11, 9)];
    let begin = || [Names(&[11]), Seen(0, start), Seen(50, wait), Seen(200, wait), Upgrade(11)];
    let found = &["11 Master 1", "12 Worker 1", "11 Master 2", "13 Worker 2"];
    let watched = [Seen(203, again), Seen(220, forked), Seen(223, wait_again), Seen(400, wait_again)];
    check_plain(plain(), &begin().into_iter().chain(watched).collect::<Vec<_>>(), found);
    // Nobody saw it with the image that its worker has.
    let unwatched = [Seen(223, wait_again), Seen(400, wait_again)];
    check_plain(plain(), &begin().into_iter().chain(unwatched).collect::<Vec<_>>(), found);
}

#[test]
fn the_old_workers_of_a_master_that_executed_itself_are_no_orphans() {
    let mut census = Census::new(WARDEN, None, vec![plain()]);
    let sighting = |pid, parent, image| Sighting {
        pid,
        parent,
        title: Some(RAW.into()),
        program: Some("/run/bin/web".into()),
        image: Some(image),
    };
    let scan =
        |at, image| Scan { after: at, sightings: vec![sighting(11, WARDEN, image), sighting(12, 11, 7)] };
    census.observe(&scan(0, 7), &[(0, 11)]);
    census.observe(&scan(200_000_000, 7), &[(0, 11)]);
    census.upgrading(11);
    census.observe(&scan(300_000_000, 8), &[(0, 11)]);
    let worker = census.get(12).cloned().expect("seen");
    assert_eq!((worker.role, worker.generation), (Role::Worker, 1));
    assert!(!census.is_orphan(&worker));
}

#[test]
fn a_server_that_stays_in_the_foreground_is_a_master_from_the_start() {
    let stays = Breed { workers: 0, has_pid_file: false, launch: Launch::Stays, ..plain() };
    check_plain(stays, &[Seen(0, &[(10, WARDEN, 7)])], &["10 Master 1"]);
}
