//! `changeoverd -s`: one signal, or a whole sequence of them, each sent when the master has said that its time has come.
//! A sequence only does what an operator could do by hand: it may be interrupted at any point, and everything it leaves
//! behind is a state that the masters look after by themselves.

mod members;
mod single;
mod turn;
mod watched;

use std::{collections::BTreeSet, error::Error, path::Path, rc::Rc, time::Duration};

use nix::sys::signal::Signal;
use protocol::signals;

use self::{turn::Turn, watched::Watched};
use crate::{
    addressee,
    command_line::{CommandLine, Order},
    control::ControlError,
    pid_file, signal,
    status::{Neighbour, NeighbourStage, Stage, Status},
};

/// Exit code of a sequence that did not come to its end.
const FAILED: u8 = 1;

type Done = Result<u8, Box<dyn Error>>;

/// Does what was ordered, with the master that the pid file names. `ready` is how long workers may take to come up.
pub(crate) fn carry_out(order: Order, line: &CommandLine, pid_file: &Path, ready: Duration) -> Done {
    let takes_words = matches!(order, Order::Weight | Order::Down | Order::Drain | Order::Undrain);
    if let Some(word) = line.words.first().filter(|_| !takes_words) {
        return fail(&format!("this order takes no words: leave \"{word}\" out"));
    }
    if line.force && !takes_words {
        return fail("this order needs no --force: leave it out");
    }
    if line.timeout.is_some() && order != Order::Drain {
        return fail("this order does not wait for connections: leave --timeout out, or write: -s drain");
    }
    let pid = addressee::master(pid_file)?;
    match order {
        Order::Status => status(pid, pid_file, line.json),
        Order::Weight | Order::Down | Order::Drain | Order::Undrain => members::shift(order, line, pid_file),
        // Who leads is looked up when nobody else gives orders any more.
        Order::Upgrade => upgrade(&Rc::new(Turn::take(pid_file)?), pid_file),
        Order::Rollback => rollback(&Rc::new(Turn::take_over(pid_file)?), pid_file),
        Order::Stop => single::tell(signals::Signal::Term, pid),
        Order::Quit => single::tell(signals::Signal::Quit, pid),
        Order::Reload => single::reload(pid, ready),
        Order::Reopen => single::tell(signals::Signal::Usr1, pid),
    }
}

fn status(pid: u32, pid_file: &Path, json: bool) -> Done {
    let masters = match everybody(pid) {
        // Another one leads by now: it was named before this one left.
        Err(ControlError::Gone { .. } | ControlError::Unreachable { .. })
            if pid_file::read(pid_file).is_ok_and(|named| named != pid) =>
        {
            everybody(pid_file::read(pid_file)?)?
        }
        asked => asked?,
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&serde_json::json!({ "masters": masters }))?);
    } else {
        masters.iter().for_each(|master| print!("{master}"));
    }
    Ok(0)
}

/// The master that the pid file names and every other one that it leads to, the oldest first.
fn everybody(first: u32) -> Result<Vec<Status>, ControlError> {
    let mut statuses = vec![Watched::call(first)?.last];
    let mut known = BTreeSet::from([first]);
    let mut next = 0;
    while let Some(status) = statuses.get(next) {
        let beside = [&status.oldest, &status.old, &status.new, &status.newest];
        let beside = beside.into_iter().flatten().map(|neighbour| neighbour.pid);
        let unknown: Vec<u32> = beside.filter(|pid| *pid > 0 && known.insert(*pid)).collect();
        // One that has not opened its socket yet, or has gone meanwhile, is told by its neighbour.
        statuses.extend(unknown.into_iter().filter_map(|pid| Some(Watched::call(pid).ok()?.last)));
        next += 1;
    }
    statuses.sort_by_key(|status| status.generation);
    Ok(statuses)
}

fn upgrade(turn: &Rc<Turn>, pid_file: &Path) -> Done {
    let mut old = Watched::call_in_turn(pid_file::read(pid_file)?, turn)?;
    if let Some(why) = blocks_an_upgrade(&old.last) {
        return fail(&format!("no upgrade: {why}"));
    }
    old.send(Signal::SIGUSR2)?;
    let Some(new) = old.until("the new generation to be ready", upgraded)? else {
        return fail("the old generation ended before the new one was ready");
    };
    let Some((generation, new)) = new else { return old.fail("no upgrade; the old generation serves on") };
    say(&format!(
        "generation {generation} (master {new}) is ready; generation {} drains",
        old.last.generation
    ));
    old.send(Signal::SIGWINCH)?;
    match old.until("connections of the old generation to end", drained)? {
        Some(true) => {}
        Some(false) => return old.fail("rolled back: the new generation went while the old one drained"),
        None => return finish(new, pid_file),
    }
    old.send(Signal::SIGQUIT)?;
    match old.until("the old master to leave", |status| status.new.is_none().then_some(()))? {
        Some(()) => old.fail("rolled back: the new generation went while the old one left"),
        None => finish(new, pid_file),
    }
}

/// Why USR2 would be refused, or would not end in an upgrade.
fn blocks_an_upgrade(status: &Status) -> Option<String> {
    let staying = status.old.as_ref().filter(|old| old.stage != NeighbourStage::Leaving);
    let beside = status.new.as_ref().map(|new| ("new", new)).or(staying.map(|old| ("old", old)));
    match (beside, &status.oldest) {
        (Some((which, other)), _) => Some(format!(
            "generation {} (the {which} master {}) is still there; finish that upgrade, or: changeoverd -s rollback",
            other.generation, other.pid
        )),
        (None, Some(oldest)) => Some(format!(
            "three generations live, and generation {} (master {}) waits for its last connections",
            oldest.generation, oldest.pid
        )),
        (None, None) if status.stage != Stage::Serving => {
            Some(format!("generation {} is {}", status.generation, status.stage))
        }
        (None, None) => None,
    }
}

/// `Some(Some(…))`: the new generation is ready. `Some(None)`: there is none and none will come.
fn upgraded(status: &Status) -> Option<Option<(u32, u32)>> {
    match &status.new {
        Some(new) if new.stage == NeighbourStage::Ready => Some(Some((new.generation, new.pid))),
        Some(_) => None,
        None if status.deferred.iter().any(|signal| signal == "USR2") => None,
        None => Some(None),
    }
}

/// Whether the old generation has no workers any more, or takes its service back.
fn drained(status: &Status) -> Option<bool> {
    match &status.new {
        None => Some(false),
        Some(_) => status.workers.is_empty().then_some(true),
    }
}

/// One master has gone: the other must be alone, and the pid file must name it.
fn finish(left: u32, pid_file: &Path) -> Done {
    let named = pid_file::read(pid_file)?;
    if named != left {
        return fail(&format!("{} names process {named} instead of master {left}", pid_file.display()));
    }
    let mut master = match Watched::call(left) {
        Ok(master) => master,
        // An older version has no control socket: what can be known is known.
        Err(error @ ControlError::Unreachable { .. }) => {
            say(&format!("master {left} leads, as the pid file says; {error}"));
            return Ok(0);
        }
        Err(error) => return Err(error.into()),
    };
    // An older generation may have connections that last for hours; it has been told.
    let leaves = |old: &Neighbour| old.stage == NeighbourStage::Leaving;
    let is_alone = |status: &Status| {
        status.old.as_ref().is_none_or(leaves) && status.new.is_none() && status.stage == Stage::Serving
    };
    match master.until("one generation to be left", |status| is_alone(status).then_some(status.generation))? {
        Some(generation) => {
            say(&format!("generation {generation} (master {left}) serves"));
            Ok(0)
        }
        None => fail(&format!("master {left} ended, too")),
    }
}

fn rollback(turn: &Rc<Turn>, pid_file: &Path) -> Done {
    let pid = pid_file::read(pid_file)?;
    let mut master = Watched::call_in_turn(pid, turn)?;
    match (master.last.old.clone(), master.last.new.clone()) {
        (Some(old), None) if old.stage == NeighbourStage::Leaving => fail(&format!(
            "no rollback: generation {} was told to leave (QUIT) and only waits for its last connections",
            old.generation
        )),
        (Some(old), None) => {
            say(&format!(
                "generation {} gives back to generation {} (master {})",
                master.last.generation, old.generation, old.pid
            ));
            master.send(Signal::SIGQUIT)?;
            let gave_up = |status: &Status| (status.stage == Stage::Serving).then_some(());
            match master.until("the old generation to serve and the new one to end", gave_up)? {
                Some(()) => master.fail("no rollback: the new generation serves on"),
                None => finish(old.pid, pid_file),
            }
        }
        (_, Some(new)) if new.stage != NeighbourStage::Leaving => {
            say(&format!("generation {} (master {}) is stopped before it is ready", new.generation, new.pid));
            signal::send(Signal::SIGTERM, new.pid)?;
            master.until("the new generation to be gone", |status| status.new.is_none().then_some(()))?;
            finish(pid, pid_file)
        }
        (_, Some(_)) => finish(pid, pid_file),
        (None, None) => fail(&format!(
            "no rollback: generation {} is alone; to go back to an older program or configuration, put that in place and order \
             -s upgrade",
            master.last.generation
        )),
    }
}

fn say(line: &str) {
    println!("changeoverd: {line}");
}

fn fail(line: &str) -> Done {
    eprintln!("changeoverd: {line}");
    Ok(FAILED)
}
