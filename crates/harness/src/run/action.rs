//! One action: what is done to whom, now.

use std::time::{Duration, Instant};

use facts::{
    Event, Role,
    event::Seen,
    plan::{Action, LoadChange, Members, Selector, Signal},
};

use super::{Halt, Run, fault::Fault};
use crate::procfs::{self, Stat};

/// A SIGSTOP takes effect when the process is scheduled next.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

impl Run<'_> {
    /// Acts; `doing` is how a log says it.
    pub(super) fn act(&mut self, action: &Action, doing: &str) -> Result<(), Halt> {
        match action {
            Action::Signal { to, signals } => self.send(to, signals).map(drop),
            Action::Kill { to } => self.send(to, &[Signal::Kill]).map(drop),
            Action::Hold { to, for_ms } => {
                let held = self.send(to, &[Signal::Stop])?;
                self.faults.begin(Fault::Held(held), doing, *for_ms);
                Ok(())
            }
            Action::Release { to } => self.send(to, &[Signal::Cont]).map(drop),
            Action::Sleep { ms } => self.sleep(Duration::from_millis(*ms)),
            Action::WaitUntil { condition } => self.wait_for(condition),
            Action::SwapBinary { target, replacement } => {
                Ok(self.targets[*target].swap(*replacement, &mut self.watcher.warden)?)
            }
            Action::Weight { target, weights } => Ok(self.targets[*target].weigh(weights)?),
            Action::Delete { target, member } => Ok(self.targets[*target].delete(member)?),
            Action::Configure { target, options } => Ok(self.targets[*target].configure(options)?),
            Action::Exec { target, command } => self.execute(*target, command),
            Action::Limit { to, resource, soft } => self.limit(to, *resource, *soft, doing),
            Action::Disk { target, fault, for_ms } => self.disk(*target, *fault, doing, *for_ms),
            Action::Net { target, fault, for_ms } => self.net(*target, *fault, doing, *for_ms),
            Action::Load { population, change } => self.change_load(*population, *change),
            Action::Mark { text } => Ok(self.watcher.write(Event::Marked { text: text.clone() })?),
            Action::Failpoint(failpoint) => self.arm(failpoint),
            Action::Analysis(_) => Err(Halt::Failed("an analysis is a step of its own".into())),
        }
    }

    /// Those that a selector means now, masters first: a master that still runs would replace the workers killed
    /// before it.
    pub(super) fn choose(&self, to: &Selector) -> Result<Vec<Seen>, Halt> {
        let mut chosen: Vec<Seen> =
            self.watcher.site.views[to.target].select(to).into_iter().cloned().collect();
        if chosen.is_empty() {
            let saw = self.watcher.site.describe();
            return Err(Halt::Failed(format!("nobody to do it to; last seen: {saw}")));
        }
        if to.members == Members::AnyWorker {
            let drawn = (self.lot % chosen.len() as u64) as usize;
            return Ok(vec![chosen.swap_remove(drawn)]);
        }
        chosen.sort_by_key(|process| (process.role != Role::Master, process.pid));
        Ok(chosen)
    }

    fn send(&mut self, to: &Selector, signals: &[Signal]) -> Result<Vec<u32>, Halt> {
        let chosen = self.choose(to)?;
        let mut reached = Vec::new();
        for process in &chosen {
            match self.send_all(to.target, process, signals) {
                Err(Halt::Failed(_)) if is_moot(chosen.len(), procfs::stat(process.pid)) => {}
                Err(halt) => return Err(halt),
                Ok(()) => reached.push(process.pid),
            }
        }
        match reached.is_empty() {
            true => Err(Halt::Failed("all of them ended before it could be done to them".into())),
            false => Ok(reached),
        }
    }

    fn send_all(&mut self, target: usize, process: &Seen, signals: &[Signal]) -> Result<(), Halt> {
        signals.iter().try_for_each(|signal| self.send_one(target, process, *signal))
    }

    fn send_one(&mut self, target: usize, process: &Seen, signal: Signal) -> Result<(), Halt> {
        let configured = &self.targets[target].target;
        if configured.upgrade_signal == Some(signal) && process.role == Role::Master {
            self.watcher.upgrading(target, process.generation, Some(process.pid));
        } else if configured.reload_signal == Some(signal) {
            self.watcher.site.reloading(target);
        }
        self.watcher.signal(process.pid, signal).map_err(Halt::Failed)?;
        match signal {
            Signal::Stop => {
                self.held.insert(process.pid);
                until_stopped(process.pid)
            }
            Signal::Cont => {
                self.held.remove(&process.pid);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn change_load(&mut self, population: usize, change: LoadChange) -> Result<(), Halt> {
        match &self.load {
            Some(running) => Ok(running.load.change(population, change).map_err(crate::Error::Load)?),
            None => Err(Halt::Failed("there is no load to change".into())),
        }
    }
}

/// Whether it is no failure that one could not be signalled: of several, one may end because another one was killed right before.
fn is_moot(chosen: usize, now: Option<Stat>) -> bool {
    chosen > 1 && now.is_none_or(|stat| stat.is_zombie())
}

/// Waits until the process is stopped indeed. Until then it may still take a signal that is sent after the SIGSTOP:
/// the kernel delivers by number, not by order.
fn until_stopped(pid: u32) -> Result<(), Halt> {
    let deadline = Instant::now() + STOP_PATIENCE;
    loop {
        match procfs::stat(pid) {
            Some(stat) if stat.state == 'T' => return Ok(()),
            Some(stat) if Instant::now() > deadline => {
                let state = stat.state;
                return Err(Halt::Failed(format!(
                    "{pid} did not stop within {STOP_PATIENCE:?}; its state is {state}"
                )));
            }
            Some(_) => std::thread::yield_now(),
            None => return Err(Halt::Failed(format!("{pid} ended before it stopped"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_may_have_ended_and_one_alone_may_not() {
        let stat =
            |state| Stat::parse(&format!("7 (web) {state} 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0"));
        assert!(stat('S').is_some());
        assert!(is_moot(2, None) && is_moot(3, stat('Z')));
        assert!(!is_moot(2, stat('S')), "it lives: then something else is wrong");
        assert!(!is_moot(1, None), "nobody was there to do it to");
    }
}
