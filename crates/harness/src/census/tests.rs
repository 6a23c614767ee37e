//! Scans by hand, in the words of nginx: `check` feeds them one by one and says who was found to be what.

mod plain;

use facts::plan::Launch;

use super::*;

const WARDEN: u32 = 1;
const RAW: &str = "/run/bin/web -c /run/nginx.conf";
const MASTER: &str = "nginx: master process /run/bin/web -c /run/nginx.conf";
const WORKER: &str = "nginx: worker process";

fn breed() -> Breed {
    Breed {
        name: "web".into(),
        program: "/run/bin/web".into(),
        start_title: RAW.into(),
        worker_title: "worker process".into(),
        workers: 2,
        has_pid_file: true,
        launch: Launch::Daemonises,
    }
}

type Row = (u32, u32, &'static str);

fn scan(at: Nanos, rows: &[Row]) -> Scan {
    let sighting = |&(pid, parent, title): &Row| Sighting {
        pid,
        parent,
        title: Some(title.to_owned()),
        program: Some("/run/bin/web".into()),
        image: None,
    };
    Scan { after: at, sightings: rows.iter().map(sighting).collect() }
}

fn said(finding: &Finding) -> String {
    match finding {
        Finding::Appeared(p) => format!("{} {:?} {}", p.pid, p.role, p.generation),
        Finding::Orphaned(p) => format!("{} orphaned", p.pid),
    }
}

/// Scans 3 ms apart against everything that was found, in order.
fn check(scans: &[&[Row]], named: &[(usize, u32)], expected: &[&str]) {
    let mut census = Census::new(WARDEN, Some("/x/warden".into()), vec![breed()]);
    census.launched(10, 0);
    let mut found = Vec::new();
    for (index, rows) in scans.iter().enumerate() {
        let scan = scan(index as Nanos * 3_000_000, rows);
        let listed: Vec<u32> = scan.sightings.iter().map(|s| s.pid).collect();
        let gone: Vec<u32> = census.living().map(|p| p.pid).filter(|pid| !listed.contains(pid)).collect();
        for pid in gone {
            census.end(pid);
        }
        found.extend(census.observe(&scan, named).iter().map(said));
    }
    assert_eq!(found, expected);
}

#[test]
fn a_daemon_is_a_master_when_it_has_workers() {
    check(
        &[
            &[(10, WARDEN, RAW)],
            &[(10, WARDEN, RAW), (11, 10, RAW)],
            &[(11, WARDEN, RAW)],
            &[(11, WARDEN, MASTER), (12, 11, MASTER)],
            &[(11, WARDEN, MASTER), (12, 11, WORKER), (13, 11, WORKER)],
        ],
        &[],
        &["11 Master 1", "12 Worker 1", "13 Worker 1"],
    );
}

#[test]
fn a_fork_is_nobody_until_it_differs_from_its_parent() {
    check(
        &[
            &[(11, WARDEN, MASTER), (12, 11, WORKER)],
            &[(11, WARDEN, MASTER), (12, 11, WORKER), (20, 11, MASTER)],
            &[(11, WARDEN, MASTER), (12, 11, WORKER), (20, 11, MASTER)],
            &[(11, WARDEN, MASTER), (12, 11, WORKER), (20, 11, RAW)],
            &[(11, WARDEN, MASTER), (12, 11, WORKER), (20, 11, MASTER), (21, 20, WORKER)],
        ],
        &[],
        &["11 Master 1", "12 Worker 1", "20 Master 2", "21 Worker 2"],
    );
}

#[test]
fn a_new_master_nobody_saw_in_between_is_known_by_its_workers_or_by_the_pid_file() {
    let start: &[Row] = &[(11, WARDEN, MASTER), (12, 11, WORKER)];
    let renamed: &[Row] = &[(11, WARDEN, MASTER), (12, 11, WORKER), (20, 11, MASTER), (21, 20, WORKER)];
    check(&[start, renamed], &[], &["11 Master 1", "12 Worker 1", "20 Master 2", "21 Worker 2"]);
    let childless: &[Row] = &[(11, WARDEN, MASTER), (12, 11, WORKER), (20, 11, MASTER)];
    check(&[start, childless], &[(0, 20)], &["11 Master 1", "12 Worker 1", "20 Master 2"]);
    check(&[start, childless], &[], &["11 Master 1", "12 Worker 1"]);
}

#[test]
fn a_parent_that_changed_its_title_and_forked_within_one_scan_has_no_second_master() {
    // The child is listed with the new title although the scan before saw the parent with the old one.
    check(
        &[&[(10, WARDEN, RAW), (11, 10, RAW)], &[(11, WARDEN, MASTER), (12, 11, MASTER)]],
        &[(0, 11)],
        &["11 Master 1"],
    );
}

#[test]
fn a_wrapper_that_executes_the_program_is_not_the_first_master() {
    let wrapper = "/bin/sh -c exec /run/bin/web -c /run/nginx.conf";
    check(
        &[
            &[(10, WARDEN, wrapper), (9, 10, wrapper)],
            &[(10, WARDEN, RAW), (9, 10, "sleep 600")],
            &[(11, WARDEN, RAW), (12, 11, WORKER)],
        ],
        &[],
        &["11 Master 1", "12 Worker 1"],
    );
}

#[test]
fn a_helper_that_changes_its_title_is_no_master() {
    let helper = "nginx: cache manager process";
    let mut scans: Vec<&[Row]> = vec![&[(11, WARDEN, MASTER), (12, 11, WORKER)]];
    let later: &[Row] = &[(11, WARDEN, MASTER), (12, 11, WORKER), (15, 11, "nginx: cache manager process")];
    assert_eq!(later[2].2, helper);
    scans.resize(400, later);
    check(&scans, &[], &["11 Master 1", "12 Worker 1", "15 Other 1"]);
}

#[test]
fn an_orphan_keeps_its_generation() {
    check(
        &[
            &[(11, WARDEN, MASTER), (12, 11, WORKER), (20, 11, RAW)],
            &[(11, WARDEN, MASTER), (12, 11, WORKER), (20, 11, MASTER), (21, 20, WORKER)],
            &[(11, WARDEN, MASTER), (12, 11, WORKER), (21, WARDEN, WORKER)],
        ],
        &[],
        &["11 Master 1", "12 Worker 1", "20 Master 2", "21 Worker 2", "21 orphaned"],
    );
}

#[test]
fn the_third_generation_follows_a_second_that_died() {
    check(
        &[
            &[(11, WARDEN, MASTER), (20, 11, RAW)],
            &[(11, WARDEN, MASTER)],
            &[(11, WARDEN, MASTER), (30, 11, RAW)],
        ],
        &[(0, 11)],
        &["11 Master 1", "20 Master 2", "30 Master 3"],
    );
}

#[test]
fn a_script_in_place_of_the_program_is_a_master_that_never_gets_ready() {
    check(
        &[
            &[(11, WARDEN, MASTER)],
            &[(11, WARDEN, MASTER), (20, 11, "/bin/sh /run/bin/web -c /run/nginx.conf")],
        ],
        &[(0, 11)],
        &["11 Master 1", "20 Master 2"],
    );
}

#[test]
fn a_worker_forked_before_its_master_took_its_title_is_no_master() {
    let mut census = Census::new(WARDEN, Some("/x/warden".into()), vec![breed()]);
    census.launched(10, 0);
    let mut see = |at_ms: u64, rows: &[Row]| {
        let mut scan = scan(at_ms * 1_000_000, rows);
        scan.sightings.iter_mut().for_each(|sighting| sighting.image = Some(7));
        census.observe(&scan, &[(0, 11)]).iter().map(said).collect::<Vec<_>>()
    };
    assert_eq!(see(0, &[(11, WARDEN, RAW)]), ["11 Master 1"]);
    assert_eq!(see(3, &[(11, WARDEN, MASTER), (12, 11, RAW)]), [""; 0]);
    assert_eq!(see(6, &[(11, WARDEN, MASTER), (12, 11, WORKER)]), ["12 Worker 1"]);
}

/// Everybody living after one scan of one process of the warden.
fn counted(breeds: Vec<Breed>, program: &str) -> usize {
    let mut census = Census::new(WARDEN, Some("/x/warden".into()), breeds);
    let title = Some(format!("{program} some arguments"));
    let stranger = Sighting { pid: 50, parent: WARDEN, title, program: Some(program.into()), image: None };
    census.observe(&Scan { after: 0, sightings: vec![stranger] }, &[]);
    census.living().count()
}

#[test]
fn who_belongs_to_nobody_is_not_counted() {
    let other = Breed { program: "/run/bin/other".into(), ..breed() };
    assert_eq!(counted(vec![breed()], "/x/warden"), 0, "not executed yet");
    assert_eq!(counted(vec![breed()], "/bin/sleep"), 1, "there is but one target");
    assert_eq!(counted(vec![breed(), other.clone()], "/bin/sleep"), 0);
    assert_eq!(counted(vec![breed(), other], "/run/bin/other"), 1);
}

#[test]
fn a_worker_without_a_living_master_is_an_orphan() {
    let mut census = Census::new(WARDEN, Some("/x/warden".into()), vec![breed()]);
    census.observe(&scan(0, &[(11, WARDEN, MASTER), (12, 11, WORKER)]), &[]);
    let worker = census.get(12).cloned().expect("seen");
    assert!(!census.is_orphan(&worker));
    assert!(census.is_live_master(0, 11));
    census.end(11);
    assert!(census.is_orphan(&worker));
    assert!(!census.is_live_master(0, 11));
}
