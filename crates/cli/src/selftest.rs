//! `selftest`: does the load engine see every loss, and none where there is none? Servers that do something wrong on
//! purpose write down to which request; every attempt must be classified as exactly that, and every other as answered.
//! A verdict of this program is worth as much as this table.

mod cells;
mod judge;
mod servers;
mod sockets;
mod table;

use std::{
    fs, io,
    path::Path,
    sync::{Arc, atomic::AtomicU8},
    thread::sleep,
    time::Duration,
};

use facts::{History, Outcome, Plan, Record, plan::Population};

use self::{
    cells::{CELLS, Cell, Doing},
    judge::{Row, Truth},
    servers::Misbehaving,
    sockets::Troubled,
};
use crate::{arguments, exit::Exit, printed::complain, printed::print, run_directory::Runs};

/// How long requests are sent: enough for a dozen faults of each kind.
const LASTS: Duration = Duration::from_millis(2500);

/// Whoever a cell sends its requests to.
enum Server {
    Misbehaving(Misbehaving),
    Troubled(Troubled),
}

/// Runs every cell at once and prints the table.
pub(crate) fn selftest(asked: &arguments::Selftest) -> Exit {
    let runs = match Runs::open(&asked.place) {
        Ok(runs) => runs,
        Err(error) => return broken(&format!("make a run directory: {error}")),
    };
    let directory = match runs.next() {
        Ok(directory) => directory,
        Err(error) => return broken(&format!("make a run directory: {error}")),
    };
    let rows = match measure(&directory, asked.seed) {
        Ok(rows) => rows,
        Err(why) => {
            runs.discard(&directory);
            return broken(&why);
        }
    };
    print(&table::table(&rows, asked.seed));
    let is_right = rows.iter().all(Row::is_right);
    if asked.place.keep || !is_right {
        runs.keep(&directory);
        print(&format!("ledger, journals and fault logs: {}", directory.display()));
    } else {
        runs.discard(&directory);
    }
    if is_right { Exit::Passed } else { Exit::Failed }
}

fn broken(why: &str) -> Exit {
    complain(&format!("selftest: {why}"));
    Exit::HarnessBug
}

fn measure(directory: &Path, seed: u64) -> Result<Vec<Row<'static>>, String> {
    let mut servers = Vec::new();
    for (number, cell) in CELLS.iter().enumerate() {
        let server = start(cell, number, directory);
        servers.push(server.map_err(|error| format!("start a server for `{}`: {error}", cell.name))?);
    }
    let addresses = servers.iter_mut().map(Server::address).collect::<io::Result<Vec<_>>>();
    let populations: Vec<Population> = CELLS.iter().enumerate().map(|(n, cell)| cell.population(n)).collect();
    let setup = load::Setup {
        populations: populations.clone(),
        addresses: addresses.map_err(|error| format!("start the servers: {error}"))?,
        origins: Vec::new(),
        seed,
        phase: Arc::new(AtomicU8::new(0)),
        directory: directory.to_owned(),
        rates: Vec::new(),
        longest: LASTS * 10,
        // The servers need the processors too, and nothing here is a question of time.
        options: load::Options { scheduling: load::Scheduling::Ordinary, ..load::Options::default() },
    };
    let load = load::start(setup).map_err(|error| error.to_string())?;
    sleep(LASTS / 2);
    servers.iter_mut().try_for_each(Server::go_wrong).map_err(|error| error.to_string())?;
    sleep(LASTS / 2);
    servers.iter_mut().try_for_each(Server::last_seen).map_err(|error| error.to_string())?;
    let planned = load.stop().map_err(|error| error.to_string())?.counts.planned;
    let truths = servers.into_iter().map(|server| server.truth()).collect::<io::Result<Vec<Truth>>>();
    let truths = truths.map_err(|error| format!("read what the servers did: {error}"))?;
    let history = history(directory)?;
    let is_late = |record: &&Record| {
        record.outcome() == Outcome::Unsent && !CELLS[usize::from(record.population)].queues()
    };
    match history.records.iter().filter(is_late).count() {
        0 => {}
        unsent => return Err(format!("{unsent} of {planned} requests were not sent")),
    }
    let plan = Plan { populations, ..Plan::default() };
    Ok(judge::rows(CELLS, &truths, &plan, &history))
}

fn start(cell: &Cell, number: usize, directory: &Path) -> io::Result<Server> {
    let origin = |fault| Misbehaving::start(number, fault, directory).map(Server::Misbehaving);
    match cell.doing {
        Doing::Socket(trouble) => Troubled::start(trouble, directory).map(Server::Troubled),
        Doing::Nothing => origin(None),
        Doing::Fault(fault) => origin(Some(fault)),
    }
}

impl Server {
    fn address(&mut self) -> io::Result<load::Address> {
        match self {
            Server::Misbehaving(server) => server.address().map(load::Address::from),
            Server::Troubled(server) => Ok(server.address()),
        }
    }

    fn go_wrong(&mut self) -> io::Result<()> {
        match self {
            Server::Misbehaving(_) => Ok(()),
            Server::Troubled(server) => server.go_wrong(),
        }
    }

    /// Clients that listen to what comes by itself do so no longer.
    fn last_seen(&mut self) -> io::Result<()> {
        match self {
            Server::Misbehaving(server) => server.last_seen(),
            Server::Troubled(_) => Ok(()),
        }
    }

    /// Ends it. What it did wrong.
    fn truth(self) -> io::Result<Truth> {
        match self {
            Server::Misbehaving(server) => server.truth(),
            Server::Troubled(server) => server.truth(),
        }
    }
}

/// What the clients and the servers wrote down. There is no event log: nothing but requests happened.
fn history(directory: &Path) -> Result<History, String> {
    let records = ledger::read_ledgers(directory).map_err(|error| error.to_string())?;
    let mut journals = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| error.to_string())?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(name) = name.strip_prefix("journal-") {
            let entries = ledger::read_journal(&entry.path()).map_err(|error| error.to_string())?;
            journals.push((name.to_owned(), entries));
        }
    }
    Ok(History { records, journals, ..History::default() })
}
