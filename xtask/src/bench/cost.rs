//! CPU of the client for a request: closed loops of 32 connections on core 1, interleaved, so that what the machine does
//! meanwhile hits all alike. The server counts the requests, whatever the tools say.

use std::{path::Path, process::Command, time::Duration};

use super::{
    Verdict,
    machine::{Spent, Tools, pinned, program, run},
    median,
    nginx::{INSTALL, Nginx},
};

const SECONDS: &str = "3";
const CONNECTIONS: &str = "32";
/// Asked for: ours in parts of theirs.
const ASKED: [(&str, f64); 2] = [("wrk", 1.00), ("oha", 0.65)];

struct Tool {
    name: &'static str,
    install: &'static str,
    arguments: fn(&mut Command, &str),
}

const OURS: &str = "changeover load";

const WITHOUT_LEDGER: &str = "without ledger";
/// Asked for: what the ledger costs a request.
const LEDGER_MICROS: f64 = 0.3;

const TOOLS: [Tool; 5] = [
    Tool {
        name: OURS,
        install: "",
        arguments: |command, url| {
            let seconds = format!("{SECONDS}s");
            command.args(["load", "--closed", "-c", CONNECTIONS, "-d", &seconds, "--json", "-", url]);
        },
    },
    Tool {
        name: WITHOUT_LEDGER,
        install: "",
        arguments: |command, url| {
            let seconds = format!("{SECONDS}s");
            command.args([
                "load",
                "--closed",
                "--without-ledger",
                "-c",
                CONNECTIONS,
                "-d",
                &seconds,
                "-q",
                url,
            ]);
        },
    },
    Tool {
        name: "wrk",
        install: "apt-get install wrk",
        arguments: |command, url| {
            command.args(["-t", "1", "-c", CONNECTIONS, "-d", SECONDS, url]);
        },
    },
    Tool {
        name: "h2load",
        install: "apt-get install nghttp2-client",
        arguments: |command, url| {
            command.args(["--h1", "-t", "1", "-c", CONNECTIONS, "-D", SECONDS, url]);
        },
    },
    Tool {
        name: "oha",
        install: "cargo install --locked oha",
        arguments: |command, url| {
            let seconds = format!("{SECONDS}s");
            command.args(["--no-tui", "-c", CONNECTIONS, "-z", &seconds, url]);
        },
    },
];

/// Figures of a tool, one of each round.
#[derive(Default)]
struct Figures {
    micros: Vec<f64>,
    per_second: Vec<f64>,
}

/// Runs them all, A B C D A B C D …
pub(super) fn cost(tools: &Tools, rounds: u32) -> Verdict {
    let Some(server) = Nginx::start() else {
        println!("SKIP {INSTALL}");
        return Verdict::Skipped;
    };
    let there: Vec<_> =
        TOOLS.iter().filter_map(|tool| Some((tool, path(tool, tools)?, Figures::default()))).collect();
    let mut there = there;
    let (before, served) = (Spent::now(), server.cpu());
    let mut ours = 0.0;
    for _ in 0..rounds {
        for (tool, program, figures) in &mut there {
            ours += once(tool, program, &server, figures);
        }
    }
    let foreign = before.foreign_since(ours + server.cpu() - served);
    let all: Vec<(&str, Figures)> =
        there.into_iter().map(|(tool, _, figures)| (tool.name, figures)).collect();
    told(&all, rounds, foreign)
}

fn path(tool: &Tool, tools: &Tools) -> Option<std::path::PathBuf> {
    if tool.install.is_empty() {
        return Some(tools.changeover.clone());
    }
    let found = program(tool.name);
    if found.is_none() {
        println!("SKIP {} is not installed; {}", tool.name, tool.install);
    }
    found
}

/// CPU seconds it took.
fn once(tool: &Tool, program: &Path, server: &Nginx, figures: &mut Figures) -> f64 {
    let mut command = pinned(1, program);
    (tool.arguments)(&mut command, &server.url());
    let before = server.requests().unwrap_or(0.0);
    let Ok((used, _)) = run(command, Duration::ZERO) else { return 0.0 };
    // The second question is no request of the tool's.
    let requests = server.requests().unwrap_or(0.0) - before - 1.0;
    if requests > 0.0 {
        figures.micros.push(used.cpu * 1e6 / requests);
        figures.per_second.push(requests / used.wall);
    }
    used.cpu
}

fn told(all: &[(&str, Figures)], rounds: u32, foreign: f64) -> Verdict {
    let micros = |name: &str| {
        all.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, figures)| median(&figures.micros))
            .filter(|m| *m > 0.0)
    };
    let ratio =
        |own: f64, other: &str| micros(other).map_or("-".into(), |theirs| format!("{:.2}", own / theirs));
    println!(
        "medians of {rounds} rounds of {SECONDS} s, {CONNECTIONS} connections; others took {:.0} % of the CPUs",
        foreign * 100.0
    );
    println!("{:<16}{:>12}{:>10}{:>10}{:>8}{:>8}", "", "CPU us/req", "least", "req/s", "x wrk", "x oha");
    for (name, figures) in all {
        let (own, least) =
            (median(&figures.micros), figures.micros.iter().copied().fold(f64::INFINITY, f64::min));
        let rate = median(&figures.per_second);
        println!(
            "{name:<16}{own:>12.2}{least:>10.2}{rate:>10.0}{:>8}{:>8}",
            ratio(own, "wrk"),
            ratio(own, "oha")
        );
    }
    let Some(own) = micros(OURS) else { return Verdict::Missed };
    let mut worst = Verdict::AsAsked;
    for (other, asked) in ASKED {
        let Some(theirs) = micros(other) else { continue };
        let verdict = Verdict::of(own / theirs <= asked, foreign);
        println!("asked: at most {asked:.2} x {other}; is {:.2}: {}", own / theirs, verdict.says());
        worst = worst.max(verdict);
    }
    worst.max(ledger(own, micros(WITHOUT_LEDGER), foreign))
}

/// What writing down costs: the same run with and without.
fn ledger(own: f64, without: Option<f64>, foreign: f64) -> Verdict {
    let Some(without) = without else { return Verdict::Missed };
    let verdict = Verdict::of(own - without <= LEDGER_MICROS, foreign);
    println!(
        "asked: at most {LEDGER_MICROS:.2} us for the ledger; is {:.2}: {}",
        own - without,
        verdict.says()
    );
    verdict
}
