//! `changeover`: prove that an upgrade drops nothing, or see exactly which request was lost, when and why.

mod arguments;
mod bench;
mod books;
mod case_run;
mod catalogue;
mod codes;
mod compare;
mod conform;
mod control;
mod crash_matrix;
mod exit;
mod explain;
mod filter;
mod interrupt;
mod kept_run;
mod load;
mod mistakes;
mod printed;
mod profiles;
mod programs;
mod replay;
mod requirements;
mod run_directory;
mod scenarios;
mod schedule;
mod selection;
mod selftest;
mod shard;
mod simulate;
mod timed;
mod verify;

use std::process::ExitCode;

use arguments::{Arguments, Verb};
use clap::Parser;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    mistakes::choose(arguments.message_format);
    match arguments.verb {
        // First of all and without a thread: the warden is a process of its own.
        Verb::Warden { socket_fd } => harness::warden::serve_fd(socket_fd),
        Verb::Verify(asked) => verify::verify(&asked).into(),
        Verb::Scenario(asked) => scenarios::scenarios(&asked).into(),
        Verb::Replay(asked) => replay::replay(&asked).into(),
        Verb::Compare(asked) => compare::compare(&asked).into(),
        Verb::Simulate(asked) => simulate::simulate(&asked).into(),
        Verb::CrashMatrix(asked) => crash_matrix::crash_matrix(&asked).into(),
        Verb::Conform(asked) => conform::conform(&asked).into(),
        Verb::Explain { code } => explain::explain(code.as_deref()).into(),
        Verb::Ledger(asked) => books::books(&asked).into(),
        Verb::Selftest(asked) => selftest::selftest(&asked).into(),
        Verb::Bench(asked) => bench::bench(&asked).into(),
        Verb::Load(asked) => load::load(&asked).into(),
    }
}
