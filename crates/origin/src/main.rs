//! A small back end that knows exactly what it executed: it writes a journal before and after each request, and on
//! request loses some of them on purpose, so that whoever looks for lost requests can be shown to find them.
//!
//! | request | answer |
//! |---|---|
//! | `GET /delay?ms=N` | after N ms |
//! | `GET /stream?bytes=N` | N bytes: byte `i` is `(i * 31 + i / 251) mod 256`; with `&per_second=R` at that pace, with `&chunked=1` without `Content-Length` |
//! | `POST /sink`, `PUT /sink` | `BYTES FNV1A64` of the whole upload, also in `X-Changeover-Received` and `X-Changeover-Checksum`; `Expect: 100-continue` is honoured |
//! | `GET /websocket` | echoes text and binary; close 1001 when the process ends in order |
//! | `GET /events?every_ms=N` | server-sent events `id: K`, `data: K` with K = 1, 2, 3…; goes on after `Last-Event-ID` |
//! | `POST /echo` | the body |
//! | `GET /counter` | the number of this request, of all that this process got |
//! | anything else | `ok` |
//!
//! Every answer says `X-Changeover-Origin`; with `--echo` also `X-Changeover-Pid`, and the request's `X-Changeover-Id`.
//! Behind a proxy those two are the proxy's to say: it is the one whose generation counts.

mod arguments;
mod body;
mod daemon;
mod damage;
mod end;
mod endpoint;
mod error;
mod fault;
mod maker;
mod outbox;
mod pid_file;
mod queue;
mod server;
mod service;
mod stream;
mod websocket;

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
