//! Waiting for the targets to be ready, and saying why one never will be.

use std::time::{Duration, Instant};

use facts::{
    Event, Expression, Nanos,
    event::Ending as Exit,
    expression::{Argument, Function, Operator},
    plan::{Launch, Members, Selector, Which},
};
use ledger::clock::now;

use super::{Run, TURN, wait::Waited};
use crate::{Error, excerpt::tail, installed::Installed};

/// A target that does not answer by then never will.
const READY_PATIENCE: Duration = Duration::from_secs(15);

/// A launcher that is still there by then does not daemonise.
const LAUNCH_PATIENCE: Duration = Duration::from_secs(5);

impl Run<'_> {
    /// Waits until each target answers with all its workers, its pid file names its master, and whoever started it
    /// has left; false when somebody pressed Ctrl-C meanwhile, or the plan's time is over.
    pub(super) fn wait_until_ready(&mut self) -> Result<bool, Error> {
        for target in 0..self.targets.len() {
            let is_ready = is_ready(target, !self.targets[target].target.pid_file.is_empty());
            let begun = Instant::now();
            match self.wait_until(&is_ready, READY_PATIENCE, |run| run.is_dead(target))? {
                Waited::Held => self.wait_until_launched(target)?,
                Waited::Interrupted => return Ok(false),
                Waited::OutOfTime => {
                    let name = &self.targets[target].target.name;
                    self.tell_cut_off(&format!("before {name} was ready"))?;
                    return Ok(false);
                }
                Waited::TimedOut(why) if self.is_dead(target).is_some() => {
                    return Err(self.not_ready(target, why));
                }
                Waited::TimedOut(saw) => {
                    let (waited, address) = (begun.elapsed().as_secs(), self.targets[target].address);
                    let why = format!("waited {waited} s for an answer on {address}; last seen: {saw}");
                    return Err(self.not_ready(target, why));
                }
            }
            let name = self.targets[target].target.name.clone();
            let view = self.measured_view(target);
            self.watcher.write(Event::TargetReady { target: name, view })?;
        }
        Ok(true)
    }

    /// A server may answer a moment before its launcher is told that all is well. One that stays is a master, or watches over them.
    fn wait_until_launched(&mut self, target: usize) -> Result<(), Error> {
        if self.targets[target].target.launch == Launch::Stays {
            return Ok(());
        }
        let launcher = self.launchers[target];
        let give_up = now() + LAUNCH_PATIENCE.as_nanos() as Nanos;
        while self.watcher.ending_of(launcher).is_none()
            && !self.watcher.census.is_live_master(target, launcher)
        {
            if now() > give_up {
                let why = format!("it answers, but process {launcher} that started it does not leave");
                return Err(self.not_ready(target, why));
            }
            self.watcher.turn(TURN)?;
        }
        Ok(())
    }

    /// Why a target will never be ready.
    fn is_dead(&self, target: usize) -> Option<String> {
        let launcher = self.launchers[target];
        match self.watcher.ending_of(launcher)? {
            Exit::Exited(0) if self.watcher.left_nobody(target, launcher) => {
                Some("it exited with status 0 and left no process behind".into())
            }
            Exit::Exited(0) | Exit::Unknown => None,
            Exit::Exited(code) => Some(format!("it exited with status {code}")),
            Exit::Killed(signal) => Some(format!("it was killed by signal {signal}")),
        }
    }

    fn not_ready(&self, target: usize, why: String) -> Error {
        let Installed { target, address, log, output, .. } = &self.targets[target];
        let has_log = !target.log.is_empty();
        let files = [Some(output), has_log.then_some(log)];
        let evidence = files.into_iter().flatten().map(|file| tail(file)).collect::<Vec<_>>().join("\n");
        Error::NotReady { target: target.name.clone(), address: *address, why, evidence }
    }
}

fn is_ready(target: usize, has_pid_file: bool) -> Expression {
    let of = |members| Selector { target, generation: Which::Old, members };
    let call = |function, argument| Expression::Call { function, arguments: vec![argument] };
    let ready = call(Function::Ready, Argument::Processes(of(Members::All)));
    if !has_pid_file {
        return ready;
    }
    let named = call(Function::PidFile, Argument::Target(target));
    let master = call(Function::Pid, Argument::Processes(of(Members::Master)));
    both(Operator::And, ready, both(Operator::Equal, named, master))
}

fn both(operator: Operator, left: Expression, right: Expression) -> Expression {
    Expression::Binary { operator, left: Box::new(left), right: Box::new(right) }
}
