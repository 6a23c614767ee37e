//! A small back end that knows exactly what it executed: it writes a journal before and after each request, and on
//! request loses some of them on purpose, so that whoever looks for lost requests can be shown to find them.

mod arguments;
mod daemon;
mod error;
mod fault;
mod pid_file;
mod queue;
mod server;
mod service;
mod stream;

use std::process::ExitCode;

use arguments::Arguments;
use clap::Parser;
use error::Error;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = if arguments.daemon { daemon::start() } else { run(&arguments) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // It has said why.
        Err(Error::Daemon) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("origin {}: {error}", arguments.name);
            ExitCode::FAILURE
        }
    }
}

/// Serves until it is told to end.
fn run(arguments: &Arguments) -> Result<(), Error> {
    if arguments.detached {
        daemon::detach()?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Error::Os { doing: "start the runtime", source })?;
    runtime.block_on(server::serve(arguments))
}
