//! One step: wait, begin its phase, act.

use std::time::{Duration, Instant};

use facts::{
    Event, Role,
    event::Seen,
    plan::{Action, Selector, Signal, Step},
};
use ledger::clock::now;

use super::{Halt, Run};
use crate::procfs;

/// A SIGSTOP takes effect when the process is scheduled next.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

impl Run<'_> {
    pub(super) fn take_step(&mut self, number: usize, step: &Step) -> Result<(), Halt> {
        if let Some(condition) = &step.when {
            self.wait_for(condition)?;
        }
        if now() > self.deadline {
            return Err(Halt::Failed(format!("the plan's deadline of {} ms passed", self.plan.deadline_ms)));
        }
        // Who is meant is decided at the last moment (after a rollback `master` is another process again), but before
        // the phase begins: between that and the action nothing may take time.
        self.watcher.look_now()?;
        if let Some(phase) = step.phase {
            self.enter_phase(phase)?;
        }
        self.watcher.write(Event::StepBegan { step: number, doing: step.text.clone() })?;
        self.act(&step.action)
    }

    fn act(&mut self, action: &Action) -> Result<(), Halt> {
        match action {
            Action::Signal { to, signals } => self.send(to, signals),
            Action::Kill { to } => self.send(to, &[Signal::Kill]),
            Action::Hold { to } => self.send(to, &[Signal::Stop]),
            Action::Release { to } => self.send(to, &[Signal::Cont]),
            Action::Sleep { ms } => self.sleep(Duration::from_millis(*ms)),
            Action::WaitUntil { condition } => self.wait_for(condition),
            Action::SwapBinary { target, replacement } => {
                Ok(self.targets[*target].swap(*replacement, &mut self.watcher.warden)?)
            }
            Action::Weight { target, weights } => Ok(self.targets[*target].weigh(weights)?),
            Action::Configure { target, options } => Ok(self.targets[*target].configure(options)?),
        }
    }

    fn send(&mut self, to: &Selector, signals: &[Signal]) -> Result<(), Halt> {
        let mut chosen: Vec<Seen> =
            self.watcher.site.views[to.target].select(to).into_iter().cloned().collect();
        if chosen.is_empty() {
            let saw = self.watcher.site.describe();
            return Err(Halt::Failed(format!("nobody to send it to; last seen: {saw}")));
        }
        // Masters first: a master that still runs would replace the workers killed before it.
        chosen.sort_by_key(|process| (process.role != Role::Master, process.pid));
        for process in &chosen {
            for signal in signals {
                self.send_one(to.target, process, *signal)?;
            }
        }
        Ok(())
    }

    fn send_one(&mut self, target: usize, process: &Seen, signal: Signal) -> Result<(), Halt> {
        match signal {
            Signal::Usr2 if process.role == Role::Master => {
                self.watcher.site.upgrading(target, process.generation)
            }
            Signal::Hup => self.watcher.site.reloading(target),
            _ => {}
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

    /// Whoever the scenario stopped and forgot runs again.
    pub(super) fn release_held(&mut self) -> Result<(), crate::Error> {
        for pid in std::mem::take(&mut self.held) {
            // An error says that it has ended: then there is nothing to release.
            self.watcher.signal(pid, Signal::Cont).ok();
        }
        Ok(())
    }
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
