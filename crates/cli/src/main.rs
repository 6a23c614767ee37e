//! `changeover`: prove that an upgrade drops nothing, or see exactly which request was lost, when and why.

mod arguments;
mod bench;
mod case_run;
mod catalogue;
mod control;
mod exit;
mod interrupt;
mod printed;
mod programs;
mod replay;
mod run_directory;
mod scenarios;
mod verify;

use std::process::ExitCode;

use arguments::{Arguments, Verb};
use clap::Parser;

fn main() -> ExitCode {
    match Arguments::parse().verb {
        // First of all and without a thread: the warden is a process of its own.
        Verb::Warden { socket_fd } => harness::warden::serve_fd(socket_fd),
        Verb::Verify(asked) => verify::verify(&asked).into(),
        Verb::Scenario(asked) => scenarios::scenarios(&asked).into(),
        Verb::Replay(asked) => replay::replay(&asked).into(),
        Verb::Bench(asked) => bench::bench(&asked).into(),
    }
}
