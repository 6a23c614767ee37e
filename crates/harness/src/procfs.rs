//! What `/proc` says about processes. All of it may be outdated when it is read: a process that is gone reads
//! as nothing, never as an error.

use std::{fs, io, net::Ipv4Addr, path::PathBuf};

use rustix::process::Rlimit;

/// A process in `/proc/PID/stat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// State letter: `R`, `S`, `T`, `Z`, …
    pub(crate) state: char,
    /// Its parent.
    pub(crate) parent: u32,
    /// CPU time of the process and of its reaped children, in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// Where its stack begins; chosen anew by every `execve`. `None`: not ours to see, or in the middle of one.
    pub(crate) stack: Option<u64>,
}

impl Stat {
    pub(crate) fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// The name in parentheses may hold anything, so fields are counted from the last `)`.
    pub(crate) fn parse(text: &str) -> Option<Stat> {
        let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        // utime, stime, cutime, cstime: proc_pid_stat(5) fields 14 to 17.
        let cpu_ticks = (11..15).map(number).sum::<Option<u64>>()?;
        // startstack: field 28. 0 and 1 stand for "you may not know".
        let stack = number(25).filter(|stack| *stack > 1);
        Some(Stat { state: fields.first()?.chars().next()?, parent: number(1)? as u32, cpu_ticks, stack })
    }
}

/// `/proc/PID/stat`.
pub(crate) fn stat(pid: u32) -> Option<Stat> {
    Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The command line, arguments joined by spaces; empty for a zombie.
pub(crate) fn title(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text: String =
        String::from_utf8_lossy(&bytes).chars().map(|c| if c == '\0' { ' ' } else { c }).collect();
    text.trim_end().to_owned()
}

/// The program file it runs, also when that file was replaced since.
pub(crate) fn program(pid: u32) -> Option<PathBuf> {
    let link = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let text = link.to_string_lossy();
    Some(PathBuf::from(text.strip_suffix(" (deleted)").unwrap_or(&text)))
}

/// Children forked by any thread of the process.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    threads.flatten().flat_map(|thread| listed(&thread.path().join("children"))).collect()
}

/// Children forked by the main thread of the process: one file instead of a directory.
pub(crate) fn children_of_main_thread(pid: u32) -> Vec<u32> {
    listed(&PathBuf::from(format!("/proc/{pid}/task/{pid}/children")))
}

fn listed(file: &std::path::Path) -> Vec<u32> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// All descendants, parents before children.
pub(crate) fn descendants(root: u32) -> Vec<u32> {
    let mut found = children(root);
    let mut next = 0;
    while next < found.len() {
        let more = children(found[next]);
        found.extend(more.into_iter().filter(|pid| *pid != root));
        next += 1;
    }
    found
}

/// Port and inode of every TCP socket that listens on this address, in this thread's network.
pub(crate) fn listeners(ip: Ipv4Addr) -> Vec<(u16, u64)> {
    let text = fs::read_to_string("/proc/thread-self/net/tcp").unwrap_or_default();
    text.lines().filter_map(|line| listener(line, ip)).collect()
}

/// proc_net(5): `sl local remote st queues timer retransmits uid timeout inode`; the address is in memory order.
fn listener(line: &str, ip: Ipv4Addr) -> Option<(u16, u64)> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, port) = fields.get(1)?.split_once(':')?;
    let address = Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?.to_ne_bytes());
    let is_it = address == ip && *fields.get(3)? == LISTEN;
    is_it.then_some((u16::from_str_radix(port, 16).ok()?, fields.get(9)?.parse().ok()?))
}

/// Open file descriptors.
pub(crate) fn fds(pid: u32) -> u32 {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |entries| entries.count() as u32)
}

/// Inodes of the sockets that a process has descriptors of; none of one that is gone.
///
/// # Errors
/// We may not know.
pub(crate) fn sockets(pid: u32) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(format!("/proc/{pid}/fd")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    // A descriptor that was closed since it was listed is none.
    let links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    let inode = |link: PathBuf| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    Ok(links.filter_map(inode).collect())
}

/// A line of `/proc/PID/limits`, by its name; `None` in it is "unlimited". The call that sets a limit is no way to
/// read one: it sets both or nothing.
pub(crate) fn limit(pid: u32, name: &str) -> io::Result<Rlimit> {
    let text = fs::read_to_string(format!("/proc/{pid}/limits"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let mut numbers = line.split_whitespace().map(|word| word.parse().ok());
    Ok(Rlimit { current: numbers.next().flatten(), maximum: numbers.next().flatten() })
}

/// Resident memory in KiB.
pub(crate) fn rss_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_may_hold_parentheses_and_spaces() {
        let stat = Stat::parse("7 (a) b (c)) Z 42 7 7 0 -1 0 0 0 0 0 1 2 3 4 20 0 1 0 5 0 0 0 1 1 0 0");
        assert_eq!(stat, Some(Stat { state: 'Z', parent: 42, cpu_ticks: 10, stack: None }));
        assert_eq!(Stat::parse("7 (cut"), None);
    }

    #[test]
    fn this_process_is_its_own_parents_child() {
        let stat = stat(std::process::id()).expect("we live");
        assert_eq!(stat.parent, std::os::unix::process::parent_id());
        assert!(fds(std::process::id()) > 0);
        assert!(rss_kib(std::process::id()) > 0);
    }

    #[test]
    fn who_is_gone_reads_as_nothing() {
        assert_eq!((stat(u32::MAX), title(u32::MAX), children(u32::MAX)), (None, String::new(), vec![]));
    }

    #[test]
    fn who_listens_is_found_by_address() {
        let ip = Ipv4Addr::new(127, 77, 3, 9);
        assert_eq!(listeners(ip), []);
        let listener = std::net::TcpListener::bind((ip, 0)).expect("bind");
        let port = listener.local_addr().expect("an address").port();
        let found = listeners(ip);
        assert!(sockets(std::process::id()).expect("we may know our own").contains(&found[0].1));
        assert!(found.len() == 1 && found[0].0 == port && found[0].1 > 0, "{found:?}");
    }
}
