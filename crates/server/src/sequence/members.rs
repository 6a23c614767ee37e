//! Orders about the servers of an upstream.

use std::{
    error::Error,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::{
    Done, everybody, fail, say,
    watched::{ANSWER_DEADLINE, PATIENCE},
};
use crate::{
    command_line::{CommandLine, Order},
    control::Master,
    pid_file,
    shift::{self, Change, Refusal, Reply, Request},
    status::Status,
};

/// Between two looks at what nobody tells.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// What a shift takes, after its name.
const SHIFT_USAGE: [&str; 2] = ["UPSTREAM SERVER=WEIGHT | down | up...", "UPSTREAM SERVER..."];

/// Carries them out, and waits for the end of a drain.
pub(super) fn shift(order: Order, line: &CommandLine, pid_file: &Path) -> Done {
    let usage = SHIFT_USAGE[usize::from(order != Order::Weight)];
    let (upstream, members) = match line.words.as_slice() {
        [upstream, members @ ..] if !members.is_empty() => (upstream.clone(), members),
        _ => return fail(&format!("it is not said of whom: write {usage} behind it")),
    };
    let changes: Result<Vec<_>, _> = members.iter().map(|word| read_change(order, word)).collect();
    let request = Request { upstream, changes: changes?, forced: line.force };
    match Master::call(pid_file::read(pid_file)?)?.ask(&request, Instant::now() + ANSWER_DEADLINE)? {
        Reply::Refused(why) => fail(&why),
        Reply::Done(what) => {
            say(&what);
            match order {
                Order::Drain => until_drained(pid_file, &request.upstream, members, line.timeout),
                _ => Ok(0),
            }
        }
    }
}

fn read_change(order: Order, word: &str) -> Result<(String, Change), Refusal> {
    match order {
        Order::Weight => shift::change(word),
        Order::Undrain => Ok((word.to_owned(), Change::UP)),
        _ => Ok((word.to_owned(), Change::DOWN)),
    }
}

/// The end of a connection to a peer is no event for a master: it is asked again and again.
fn until_drained(pid_file: &Path, upstream: &str, names: &[String], timeout: Option<Duration>) -> Done {
    let (began, whom) = (Instant::now(), names.join(", "));
    let (mut next_word, mut heard) = (began, began);
    loop {
        let busy = match busy(pid_file, upstream, names) {
            Ok(busy) => busy,
            // One that dies is followed by another.
            Err(_) if heard.elapsed() < ANSWER_DEADLINE => {
                thread::sleep(LOOK_PAUSE);
                continue;
            }
            Err(error) => return Err(error),
        };
        heard = Instant::now();
        if busy == 0 {
            say(&format!("no connection to {whom} is left"));
            return Ok(0);
        }
        let left = if busy == 1 { "1 connection".to_owned() } else { format!("{busy} connections") };
        if timeout.is_some_and(|timeout| began.elapsed() >= timeout) {
            return fail(&format!(
                "not drained after {} s: {left} to {whom} left; it gets no new requests, ask again with -s drain or -s status",
                began.elapsed().as_secs()
            ));
        }
        if Instant::now() >= next_word {
            say(&format!("waiting for {left} to {whom} to end"));
            next_word += PATIENCE;
        }
        thread::sleep(LOOK_PAUSE);
    }
}

/// Connections to these servers. Each master knows of its own workers and of those before; another one may lead by now.
fn busy(pid_file: &Path, upstream: &str, names: &[String]) -> Result<u32, Box<dyn Error>> {
    let of_master = |status: Status| {
        let clusters = status.clusters.into_iter().filter(|cluster| cluster.name == upstream);
        let members = clusters.flat_map(|cluster| cluster.members);
        members.filter(|member| names.contains(&member.name)).map(|member| member.conns).sum()
    };
    Ok(everybody(pid_file::read(pid_file)?)?.into_iter().map(of_master).max().unwrap_or_default())
}
