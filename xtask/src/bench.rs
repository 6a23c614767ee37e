//! `cargo xtask bench`: upgrades of several servers, interleaved. `cargo xtask bench load`: the load engine itself.
//! `cargo xtask bench server`: the reference server beside nginx.

mod cost;
mod machine;
mod nginx;
mod pacing;
mod room;
mod server;
mod stamps;

use std::process::ExitCode;

use crate::binaries;

/// Hands over to `changeover bench`, or measures the load engine or the reference server.
pub(crate) fn bench(arguments: &[String]) -> ExitCode {
    match arguments.split_first() {
        Some((what, rest)) if what == "load" => measure(&LOAD, rest),
        Some((what, rest)) if what == "server" => measure(&SERVER, rest),
        Some((what, rest)) if what == stamps::VERB => stamps::serve(rest),
        _ => binaries::become_changeover(&binaries::with("bench", arguments)),
    }
}

/// One thing that is measured.
struct Section {
    name: &'static str,
    says: &'static str,
    run: fn(&machine::Tools, u32) -> Verdict,
}

/// What `bench NAME` measures.
struct Bench {
    name: &'static str,
    sections: &'static [Section],
}

const SERVER: Bench = Bench {
    name: "server",
    sections: &[Section {
        name: "cpu",
        says: "CPU of the server for a request, beside nginx",
        run: server::server,
    }],
};

const LOAD: Bench = Bench { name: "load", sections: &SECTIONS };

const SECTIONS: [Section; 3] = [
    Section {
        name: "cost",
        says: "CPU of the client for a request, beside other load tools",
        run: cost::cost,
    },
    Section {
        name: "pacing",
        says: "when requests arrive at the server, against when they should",
        run: pacing::pacing,
    },
    Section {
        name: "room",
        says: "lateness and memory beside 10 000 connections, and after 10 million requests",
        run: room::room,
    },
];

/// What a section came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    AsAsked,
    /// It could not be measured here.
    Skipped,
    /// It was not as asked, on a machine that was busy with something else.
    Void,
    Missed,
}

impl Verdict {
    /// A figure that misses what is asked for is the machine's, if others used it meanwhile.
    fn of(is_as_asked: bool, foreign: f64) -> Verdict {
        match is_as_asked {
            true => Verdict::AsAsked,
            false if foreign > machine::BUSY => Verdict::Void,
            false => Verdict::Missed,
        }
    }

    fn says(self) -> &'static str {
        match self {
            Verdict::AsAsked => "as asked",
            Verdict::Skipped => "SKIP",
            Verdict::Void => "void: the machine was busy with something else",
            Verdict::Missed => "MISSED",
        }
    }
}

fn measure(bench: &Bench, arguments: &[String]) -> ExitCode {
    let (mut rounds, mut wanted) = (5, Vec::new());
    for argument in arguments {
        match argument.strip_prefix("--rounds=").map(str::parse) {
            Some(Ok(number @ 1..)) => rounds = number,
            None if bench.sections.iter().any(|section| section.name == argument) => {
                wanted.push(argument.as_str());
            }
            _ => return usage(bench),
        }
    }
    let tools = match binaries::build() {
        Ok(folder) => machine::Tools::find(&folder),
        Err(code) => return code,
    };
    let chosen = bench.sections.iter().filter(|section| wanted.is_empty() || wanted.contains(&section.name));
    let mut worst = Verdict::AsAsked;
    for Section { name, says, run } in chosen {
        println!("== {name}: {says}");
        let verdict = run(&tools, rounds);
        println!("{name}: {}\n", verdict.says());
        worst = worst.max(verdict);
    }
    match worst {
        Verdict::Missed => ExitCode::FAILURE,
        Verdict::Void => ExitCode::from(3),
        Verdict::AsAsked | Verdict::Skipped => ExitCode::SUCCESS,
    }
}

fn usage(bench: &Bench) -> ExitCode {
    eprintln!("usage: cargo xtask bench {} [--rounds=N] [SECTION ...]", bench.name);
    bench.sections.iter().for_each(|section| eprintln!("  {:<7} {}", section.name, section.says));
    ExitCode::from(2)
}

/// The middle of some figures; 0 of none.
fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}
