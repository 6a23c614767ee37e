//! `load`: the load engine as a tool of its own.

mod asked;
mod found;
mod place;
mod watch;

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use load::Totals;
use report::{LoadResult, LoadVerdict};

use crate::{
    arguments,
    exit::Exit,
    interrupt,
    printed::{complain, paint, print},
};
use asked::Asked;
use place::Place;

/// Sends, and says what came of it.
pub(crate) fn load(arguments: &arguments::Load) -> Exit {
    let interrupted = interrupt::watch();
    let asked = match Asked::read(arguments) {
        Ok(asked) => asked,
        Err(why) => {
            complain(&why);
            return Exit::Usage;
        }
    };
    let sent = Place::open(arguments.ledger.as_deref()).and_then(|place| {
        let (totals, lasted) = send(&asked, &place, &interrupted)?;
        let early = interrupted.load(Ordering::SeqCst);
        let result = found::result(&asked, &totals, lasted, early);
        if let Some(file) = &arguments.hlog {
            place.write_hlog(file, &asked)?;
        }
        Ok(result)
    });
    match sent.and_then(|result| tell(&result, arguments).map(|()| result)) {
        Ok(result) => exit(&result),
        Err(why) => {
            complain(&why);
            Exit::HarnessBug
        }
    }
}

fn send(asked: &Asked, place: &Place, interrupted: &AtomicBool) -> Result<(Totals, Duration), String> {
    let load = load::start(asked.setup(place.directory())).map_err(|error| error.to_string())?;
    let lasted = watch::until_over(&load, asked, interrupted);
    let totals = load.stop().map_err(|error| error.to_string())?;
    Ok((totals, lasted))
}

fn tell(result: &LoadResult, arguments: &arguments::Load) -> Result<(), String> {
    let stdout = Path::new("-");
    match arguments.json.as_deref() {
        Some(file) if file == stdout => {
            print(&report::load_json(result));
            return Ok(());
        }
        Some(file) => {
            let written = fs::write(file, report::load_json(result));
            written.map_err(|error| format!("write {}: {error}", file.display()))?;
        }
        None => {}
    }
    if !arguments.quiet {
        print(&report::load_table(result, paint()));
    }
    Ok(())
}

fn exit(result: &LoadResult) -> Exit {
    match result.verdict() {
        _ if result.interrupted => Exit::Interrupted,
        LoadVerdict::Lost { .. } => Exit::Failed,
        LoadVerdict::Void(_) => Exit::Unknown,
        LoadVerdict::Sound => Exit::Passed,
    }
}
