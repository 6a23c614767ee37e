//! `cargo xtask VERB`: builds every binary, then hands over to it. Thin on purpose, and without dependencies: it is
//! compiled before anything else can begin. One verb, one file.

mod bench;
mod binaries;
mod ci;
mod compare;
mod crash_matrix;
mod explain;
mod replay;
mod scenario;
mod selftest;
mod simulate;
mod test;
mod verify;

use std::process::ExitCode;

/// A verb of `cargo xtask`.
struct Verb {
    name: &'static str,
    says: &'static str,
    run: fn(&[String]) -> ExitCode,
}

const VERBS: &[Verb] = &[
    Verb { name: "verify", says: "run scenarios on real servers and judge them", run: verify::verify },
    Verb { name: "test", says: "run all tests of the workspace", run: test::test },
    Verb { name: "selftest", says: "show that the load engine sees every loss", run: selftest::selftest },
    Verb { name: "bench", says: "measure upgrades side by side", run: bench::bench },
    Verb { name: "scenario", says: "write, check, explain or list scenarios", run: scenario::scenario },
    Verb { name: "replay", says: "judge a kept run again", run: replay::replay },
    Verb { name: "compare", says: "set the figures of kept runs side by side", run: compare::compare },
    Verb { name: "simulate", says: "explore the upgrade protocol", run: simulate::simulate },
    Verb {
        name: "crash-matrix",
        says: "let every process of the reference fail before and after each of its acts",
        run: crash_matrix::crash_matrix,
    },
    Verb { name: "explain", says: "say what the code of a mistake means", run: explain::explain },
    Verb {
        name: "ci",
        says: "what CI runs: fmt, clippy, test, scenario check, selftest, a sample of the crash matrix, verify",
        run: ci::ci,
    },
];

/// clap's number for a command line that is not understood.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = arguments.split_first();
    let found = asked.and_then(|(name, rest)| Some((VERBS.iter().find(|verb| verb.name == name)?, rest)));
    match found {
        Some((verb, rest)) => (verb.run)(rest),
        None => {
            eprintln!("usage: cargo xtask VERB [ARGUMENTS]; each verb takes --help");
            VERBS.iter().for_each(|verb| eprintln!("  {:<12} {}", verb.name, verb.says));
            ExitCode::from(USAGE)
        }
    }
}
