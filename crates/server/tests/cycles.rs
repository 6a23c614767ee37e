//! Again and again: what a cycle leaves behind, the thirtieth would show.

mod daemon;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use daemon::{DEADLINE, Server, order};

const CYCLES: u32 = 30;
/// The allocator keeps what it once had: pages that come and go, not a growth with each cycle.
const RSS_TOLERANCE_KIB: u64 = 512;

/// What a server has open: descriptors by what they are, of its master and of each of its workers.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    master: BTreeSet<String>,
    master_count: usize,
    workers: Vec<usize>,
    processes: usize,
}

fn held(server: &Server) -> Held {
    let master = server.master();
    server.wait("whoever asked last is forgotten", |_| callers(master) == 0);
    let open = descriptors(master);
    let children =
        fs::read_to_string(format!("/proc/{master}/task/{master}/children")).expect("a live master");
    let workers =
        children.split_whitespace().map(|pid| descriptors(pid.parse().expect("a pid")).len()).collect();
    Held {
        master_count: open.len(),
        master: open.into_iter().map(kind).collect(),
        workers,
        processes: server.processes().len(),
    }
}

/// Connections to the control socket: they have its name, as it has itself.
fn callers(master: i32) -> usize {
    let table = fs::read_to_string("/proc/net/unix").expect("the table of sockets");
    let end = format!("/{master}");
    let named = |line: &&str| line.contains(" @changeoverd/") && line.ends_with(&end);
    table.lines().filter(named).count().saturating_sub(1)
}

/// The same of a master that is not just writing a pid file, or looking which sockets there are: it says what it has seen before
/// it does something about it.
fn held_at_rest(server: &Server) -> Held {
    let rests =
        |held: &Held| !held.master.iter().any(|open| open.ends_with(".tmp") || open.starts_with("/proc/"));
    let begun = Instant::now();
    loop {
        let held = held(server);
        if rests(&held) {
            return held;
        }
        assert!(begun.elapsed() < DEADLINE, "it does not come to rest: {held:?}");
    }
}

fn descriptors(pid: i32) -> Vec<String> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("a live process").flatten();
    open.filter_map(|fd| Some(fs::read_link(fd.path()).ok()?.display().to_string())).collect()
}

/// `socket:[123]` is another one in each process.
fn kind(open: String) -> String {
    open.split(":[").next().unwrap_or_default().to_owned()
}

fn rss_kib(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a live process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Reads the pid file without a pause, and counts what a script must never find.
struct Reader {
    done: Arc<AtomicBool>,
    thread: thread::JoinHandle<(u64, Vec<String>)>,
}

impl Reader {
    fn start(path: PathBuf) -> Reader {
        let done = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&done);
        let thread = thread::spawn(move || {
            let (mut reads, mut wrong) = (0, Vec::new());
            while !ends.load(Ordering::Relaxed) {
                reads += 1;
                wrong.extend(complaint(&path));
            }
            (reads, wrong)
        });
        Reader { done, thread }
    }

    fn end(self) -> (u64, Vec<String>) {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().expect("it reads to the end")
    }
}

fn complaint(path: &Path) -> Option<String> {
    let read = || fs::read_to_string(path);
    match read() {
        Err(error) => Some(error.to_string()),
        Ok(text) => match text.trim().parse() {
            Err(_) => Some(format!("it held {text:?}")),
            // Dead by now; stale is a file that names it still.
            Ok(pid) if is_dead(pid) && read().is_ok_and(|again| again == text) => {
                Some(format!("{pid} is dead"))
            }
            Ok(_) => None,
        },
    }
}

fn is_dead(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
}

#[test]
fn thirty_upgrades_leave_what_two_left_and_the_pid_file_always_names_a_live_master() {
    let server = Server::start();
    let reader = Reader::start(server.path("server.pid"));
    let mut second = None;
    for cycle in 1..=CYCLES {
        let (code, told, why) = order(&server, &["upgrade"]);
        assert_eq!(code, Some(0), "upgrade {cycle}: {told}{why}");
        server.wait("the new master has seen the old one end", |s| {
            let master = s.master();
            s.log().contains(&format!("{master}#{master}: generation {cycle} is gone"))
        });
        if cycle == 2 {
            second = Some(held_at_rest(&server));
        }
    }
    let (reads, wrong) = reader.end();
    assert_eq!(wrong, Vec::<String>::new(), "of {reads} reads");
    assert!(reads > u64::from(CYCLES), "{reads} reads are too few to show anything");
    assert_eq!(Some(held_at_rest(&server)), second);
    assert_eq!(server.generation(), Some(CYCLES + 1));
}

#[test]
fn thirty_reloads_leave_what_two_left_and_the_master_does_not_grow() {
    let server = Server::start();
    let master = server.master();
    let mut second = None;
    for cycle in 1..=CYCLES {
        server.signal(master, Signal::SIGHUP);
        let revision = cycle + 1;
        server.wait("the reload is over", |s| is_reloaded(s, revision));
        if cycle == 2 {
            second = Some((held(&server), rss_kib(master)));
        }
    }
    let (before, rss_before) = second.expect("there were two");
    assert_eq!((held(&server), server.master()), (before, master));
    let rss = rss_kib(master);
    assert!(
        rss <= rss_before + RSS_TOLERANCE_KIB,
        "{rss_before} KiB after 2 reloads, {rss} KiB after {CYCLES}"
    );
}

/// The new workers accept, and the old ones have gone.
fn is_reloaded(server: &Server, revision: u32) -> bool {
    let (_, told, _) = order(server, &["status", "--json"]);
    let Ok(told) = serde_json::from_str::<serde_json::Value>(&told) else { return false };
    let master = &told["masters"][0];
    let workers = master["workers"].as_array().map_or(0, Vec::len);
    let accept = master["workers"].as_array().is_some_and(|all| all.iter().all(|w| w["duty"] == "accepting"));
    master["configuration"] == revision && workers == 2 && accept
}
