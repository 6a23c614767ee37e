//! Programs, cores, and what the kernel says of them (proc(5)); nothing that std alone cannot do.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Above this share of all CPUs taken by others, a figure that is not as asked says nothing.
pub(super) const BUSY: f64 = 0.10;

/// An ordinary user's `PATH` often lacks these.
const SYSTEM: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/// Where things are.
pub(super) struct Tools {
    /// `changeover` of this workspace.
    pub(super) changeover: PathBuf,
    /// Its reference server.
    pub(super) changeoverd: PathBuf,
}

impl Tools {
    pub(super) fn find(folder: &Path) -> Tools {
        Tools { changeover: folder.join("changeover"), changeoverd: folder.join("changeoverd") }
    }
}

/// A program on `PATH` or where the system keeps servers.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SYSTEM.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A command on one core: the server's is 0, the client's 1, where there are two.
pub(super) fn pinned(core: usize, program: &Path) -> Command {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut command = Command::new("taskset");
    command.args(["-c", &(core % cores).to_string()]).arg(program);
    command
}

/// What a process used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    /// CPU time of all its threads, in seconds.
    pub(super) cpu: f64,
    /// Its memory at the most, and what of it was there in the middle of its life, in KiB.
    pub(super) peak_kib: u64,
    pub(super) early_kib: u64,
    /// How long it took.
    pub(super) wall: f64,
}

/// Runs a command to its end; what it used, and what it printed.
pub(super) fn run(mut command: Command, early: Duration) -> std::io::Result<(Used, String)> {
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let read = |mut pipe: Box<dyn std::io::Read + Send>| {
        thread::spawn(move || {
            let mut text = String::new();
            pipe.read_to_string(&mut text).ok();
            text
        })
    };
    let out = out.map(|pipe| read(Box::new(pipe)));
    let err = err.map(|pipe| read(Box::new(pipe)));
    let used = until_ended(&mut child, begun, early);
    child.wait()?;
    let text =
        |reader: Option<thread::JoinHandle<String>>| reader.and_then(|r| r.join().ok()).unwrap_or_default();
    Ok((used, text(out) + &text(err)))
}

/// Looks until it is a zombie: its times are whole then, and still there.
fn until_ended(child: &mut Child, begun: Instant, early: Duration) -> Used {
    let mut used = Used::default();
    loop {
        let wall = begun.elapsed();
        if let Some(now) = resident_kib(child.id()) {
            used.peak_kib = used.peak_kib.max(now);
            if wall <= early {
                used.early_kib = now;
            }
        }
        let Some((state, cpu)) = stat(child.id()) else { return used };
        (used.cpu, used.wall) = (cpu, wall.as_secs_f64());
        if state == 'Z' {
            return used;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// State and CPU seconds of a process: user and system, in ticks of 10 ms, which is what Linux shows everywhere.
pub(super) fn stat(pid: u32) -> Option<(char, f64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((fields.first()?.chars().next()?, (ticks(11)? + ticks(12)?) / 100.0))
}

fn resident_kib(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// CPU seconds that the whole machine spent, and how many there were.
#[derive(Clone, Copy)]
pub(super) struct Spent {
    busy: f64,
    all: f64,
}

impl Spent {
    pub(super) fn now() -> Spent {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let ticks: Vec<f64> =
            line.split_whitespace().skip(1).take(8).filter_map(|t| t.parse().ok()).collect();
        let idle = ticks.get(3).unwrap_or(&0.0) + ticks.get(4).unwrap_or(&0.0);
        let all: f64 = ticks.iter().sum();
        Spent { busy: (all - idle) / 100.0, all: all / 100.0 }
    }

    /// The share of all CPUs since then that went to nobody of ours, who used this many seconds.
    pub(super) fn foreign_since(self, ours: f64) -> f64 {
        let now = Spent::now();
        ((now.busy - self.busy - ours) / (now.all - self.all).max(0.01)).max(0.0)
    }
}

/// A number behind a key of flat JSON: all that is read of what `changeover load --json` writes.
pub(super) fn number(json: &str, path: &[&str]) -> Option<f64> {
    let mut rest = json;
    for key in path {
        rest = rest.split_once(&format!("\"{key}\":"))?.1;
    }
    let end = rest.find([',', '\n', '}'])?;
    rest[..end].trim().parse().ok()
}
