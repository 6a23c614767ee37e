//! What a case needs of the machine, and whether it is there.

use std::{fs, process::Command};

use facts::plan::{Plan, Requirement, Target};
use harness::Netns;

use crate::programs::find;

/// `CAP_SYS_ADMIN`: the right to mount and to make namespaces (capability.h).
const SYS_ADMIN: u32 = 21;

/// Why a case cannot run here, if it cannot.
pub(crate) fn unmet(plan: &Plan, netns: Netns) -> Option<String> {
    let of_the_plan = plan.skip.clone();
    let declined = || (netns == Netns::Off && plan.requires.contains(&Requirement::Netns)).then(no_netns);
    let missing = |requirement: &Requirement| missing(requirement, &plan.targets);
    of_the_plan.or_else(declined).or_else(|| plan.requires.iter().find_map(missing))
}

fn no_netns() -> String {
    "needs a network namespace, and they are switched off; leave out `--netns off`".into()
}

fn missing(requirement: &Requirement, targets: &[Target]) -> Option<String> {
    match requirement {
        Requirement::Root => {
            (!nix::unistd::geteuid().is_root()).then(|| "needs root; run it as root".to_owned())
        }
        Requirement::Netns => (!may_administrate())
            .then(|| "needs to make a network namespace (CAP_SYS_ADMIN); run it as root".to_owned()),
        Requirement::Mount => (!may_administrate())
            .then(|| "needs to mount a file system (CAP_SYS_ADMIN); run it as root".to_owned()),
        Requirement::Program { name, at_least } => {
            let target = targets.iter().find(|target| target.kind == *name || target.program == *name);
            program(name, at_least.as_deref(), target)
        }
    }
}

/// A container's root often lacks it.
fn may_administrate() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    bits.is_some_and(|bits| bits >> SYS_ADMIN & 1 == 1)
}

fn program(name: &str, at_least: Option<&str>, target: Option<&Target>) -> Option<String> {
    let install = target.map(|target| format!("; {}", target.install)).unwrap_or_default();
    let file = target.map_or(name, |target| target.program.as_str());
    let Some(path) = find(file) else { return Some(format!("{name} is not installed{install}")) };
    let wanted = at_least?;
    let ways = target.map(|target| target.version.clone()).filter(|way| !way.is_empty());
    let ways =
        ways.map_or_else(|| vec![vec!["--version".to_owned()], vec!["-v".to_owned()]], |way| vec![way]);
    let said = ways.iter().find_map(|way| {
        let output = Command::new(&path).args(way).output().ok()?;
        let text = [output.stdout, output.stderr].concat();
        version(&String::from_utf8_lossy(&text))
    });
    match said {
        Some(has) if is_at_least(&has, wanted) => None,
        Some(has) => Some(format!("needs {name} {wanted} or later, and this is {has}{install}")),
        None => Some(format!("needs {name} {wanted} or later, and it does not say its version")),
    }
}

/// The first thing in a text that looks like a version: numbers with dots between them.
fn version(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.').map(|word| word.trim_matches('.'));
    words.into_iter().find(|word| word.contains('.')).map(str::to_owned)
}

/// Number by number; a number that is not there is 0.
fn is_at_least(has: &str, wanted: &str) -> bool {
    let numbers =
        |text: &str| -> Vec<u64> { text.split('.').map(|number| number.parse().unwrap_or(0)).collect() };
    let (mut has, mut wanted) = (numbers(has), numbers(wanted));
    let length = has.len().max(wanted.len());
    has.resize(length, 0);
    wanted.resize(length, 0);
    has >= wanted
}

#[cfg(test)]
mod tests {
    use facts::plan::{Plan, Requirement};

    use harness::Netns;

    use super::{is_at_least, unmet, version};

    #[test]
    fn a_version_is_found_in_what_servers_say() {
        for (said, expected) in [
            ("nginx version: nginx/1.22.1\n", Some("1.22.1")),
            ("HAProxy version 2.6.12-1+deb12u1 2023/12/16 - https://haproxy.org/\n", Some("2.6.12")),
            ("gunicorn (version 20.1.0)\n", Some("20.1.0")),
            ("unicorn v6.1.0\n", Some("6.1.0")),
            ("usage: x\n", None),
        ] {
            assert_eq!(version(said).as_deref(), expected, "{said}");
        }
    }

    #[test]
    fn versions_are_compared_number_by_number() {
        assert!(is_at_least("1.22.1", "1.22"));
        assert!(is_at_least("1.22", "1.22.0"));
        assert!(is_at_least("1.100", "1.22"));
        assert!(!is_at_least("1.9", "1.22"));
        assert!(!is_at_least("1.22", "1.22.1"));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let needs = |name: &str, at_least: Option<&str>| {
            let at_least = at_least.map(str::to_owned);
            let requires = vec![Requirement::Program { name: name.into(), at_least }];
            unmet(&Plan { requires, ..Plan::default() }, Netns::Auto)
        };
        assert_eq!(needs("no-such-server", None).as_deref(), Some("no-such-server is not installed"));
        assert_eq!(needs("sh", None), None);
        let why = needs("true", Some("9999.0")).expect("no `true` is that new");
        assert!(why.starts_with("needs true 9999.0 or later, and "), "{why}");
        let skipped = Plan { skip: Some("has no verb `reload`".into()), ..Plan::default() };
        assert_eq!(unmet(&skipped, Netns::Auto).as_deref(), Some("has no verb `reload`"));
        let own = Plan { requires: vec![Requirement::Netns], ..Plan::default() };
        let why = unmet(&own, Netns::Off).expect("it was declined");
        assert!(why.contains("--netns off"), "{why}");
    }
}
