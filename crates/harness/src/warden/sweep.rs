//! Kills every descendant of the calling process, also those that are stopped or forked meanwhile.

use std::time::Duration;

use facts::{Nanos, event::Ending};
use rustix::{
    event::{Timespec, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use super::{message::Removed, server::next_ended};
use crate::procfs;

/// After this long a process that does not die (blocked in the kernel) is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Kills and reaps until no descendant is left; returns what had to be killed. `reaped` hears of every end.
pub(super) fn everything(mut reaped: impl FnMut(u32, Ending)) -> Vec<Removed> {
    let mut killed: Vec<Removed> = Vec::new();
    let give_up = ledger::clock::now() + PATIENCE.as_nanos() as Nanos;
    // One pass is not enough: a process killed in mid-fork leaves a child that the next scan finds, and the
    // children of a killed process become ours only when it is dead.
    loop {
        while let Ok(Some((pid, ending))) = next_ended() {
            reaped(pid, ending);
        }
        let alive: Vec<u32> = procfs::descendants(std::process::id());
        if alive.is_empty() || ledger::clock::now() > give_up {
            return killed;
        }
        for pid in alive {
            kill(pid, &mut killed);
        }
        pause();
    }
}

fn kill(pid: u32, killed: &mut Vec<Removed>) {
    let Some(handle) = Pid::from_raw(pid as i32).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
    else {
        return;
    };
    // A zombie was not killed by us, and its parent (killed in this pass) leaves it to us to reap.
    if procfs::stat(pid).is_none_or(|stat| stat.is_zombie()) {
        return;
    }
    let title = procfs::title(pid);
    let sent = pidfd_send_signal(&handle, Signal::KILL).is_ok();
    // SIGKILL ends a stopped process too; CONT is for one that a debugger left in between.
    pidfd_send_signal(&handle, Signal::CONT).ok();
    if sent && killed.iter().all(|removed| removed.pid != pid) {
        killed.push(Removed { pid, title });
    }
}

/// Gives the killed the moment they need to die; the condition itself is looked at again right after.
fn pause() {
    poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 1_000_000 })).ok();
}
