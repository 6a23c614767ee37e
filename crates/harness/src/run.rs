//! The timeline of a run. `run` reads like the plan: start, load, steps, settle, stop.

mod action;
mod ready;
mod remains;
mod settle;
mod start;
mod stop;
mod wait;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::Duration,
};

use facts::{Event, Moment, Nanos, Plan};
use ledger::clock::now;
use load::Load;

use self::remains::Remains;
use crate::{Error, installed::Installed, origins::RunningOrigin, self_check::SelfCheck, watcher::Watcher};

/// What a run needs to know of this machine.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The run directory; made if it is not there, and it must not hold another run. Keep the path short: control
    /// sockets in it are limited to 108 bytes.
    pub directory: PathBuf,
    /// The program that is the warden when its arguments are `warden --socket-fd N`: see [`crate::warden`].
    pub warden_program: PathBuf,
    /// Paths of the programs a plan names: those of its targets, and `origin` when it has origins.
    pub programs: BTreeMap<String, PathBuf>,
    /// Set from outside (Ctrl-C): the run ends early, tears down and says so.
    pub interrupted: Arc<AtomicBool>,
}

/// Runs a plan; everything that happened is in the run directory then, and nothing else is left. An error means
/// that the run could not be carried out; its directory holds no sealed history. What goes wrong with the target
/// once it is ready is no error.
pub fn run(plan: &Plan, setup: &Setup) -> Result<(), Error> {
    let mut run = Run::start(plan, setup)?;
    if run.wait_until_ready()? {
        run.enter_phase(0)?;
        let load = run.start_load()?;
        let ending = run.take_steps()?;
        run.release_held()?;
        run.stop_load(load)?;
        run.settle()?;
        run.stop(ending)
    } else {
        run.stop(Ending::Early)
    }
}

/// How the steps ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// All were done: what is left over now is the target's doing.
    Completed,
    /// In the middle of something.
    Early,
}

/// Why a step was not done.
#[derive(Debug)]
enum Halt {
    /// A fact about the target or the scenario: recorded, and the run is judged.
    Failed(String),
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// Our own machinery.
    Broken(Error),
}

impl<E: Into<Error>> From<E> for Halt {
    fn from(error: E) -> Halt {
        Halt::Broken(error.into())
    }
}

struct Run<'a> {
    plan: &'a Plan,
    setup: &'a Setup,
    /// Absolute.
    directory: PathBuf,
    watcher: Watcher,
    targets: Vec<Installed>,
    /// The pid each target was started as.
    launchers: Vec<u32>,
    origins: Vec<RunningOrigin>,
    phase: Arc<AtomicU8>,
    begun: Option<u8>,
    held: BTreeSet<u32>,
    /// What was there before each target was started.
    before: Vec<Remains>,
    begun_at: Nanos,
    deadline: Nanos,
}

struct RunningLoad {
    load: Load,
    self_check: SelfCheck,
}

impl Run<'_> {
    /// A phase begins now, unless the run is in it already.
    fn enter_phase(&mut self, phase: u8) -> Result<(), Error> {
        let Some(name) = self.plan.phases.get(usize::from(phase)).cloned() else { return Ok(()) };
        if self.begun.replace(phase) == Some(phase) {
            return Ok(());
        }
        let earliest = now();
        self.phase.store(phase, Ordering::SeqCst);
        let at = Moment { earliest, latest: now() };
        Ok(self.watcher.log.write(at, Event::PhaseBegan { phase, name })?)
    }

    /// `None` for a plan without clients.
    fn start_load(&mut self) -> Result<Option<RunningLoad>, Error> {
        if self.plan.populations.is_empty() {
            return Ok(None);
        }
        let self_check = SelfCheck::start(self.watcher.warden.pid(), self.watcher.log.clone())
            .map_err(Error::system("start the self check"))?;
        let earliest = now();
        let load = load::start(load::Setup {
            populations: self.plan.populations.clone(),
            addresses: self.targets.iter().map(|target| target.address).collect(),
            origins: self.plan.origins.iter().map(|origin| origin.name.clone()).collect(),
            seed: self.plan.seed,
            phase: self.phase.clone(),
            directory: self.directory.clone(),
            longest: Duration::from_nanos(self.deadline.saturating_sub(earliest)),
        })?;
        self.watcher.log.write(Moment { earliest, latest: now() }, Event::LoadStarted)?;
        Ok(Some(RunningLoad { load, self_check }))
    }

    /// Lets what is in flight end, and goes on watching meanwhile.
    fn stop_load(&mut self, running: Option<RunningLoad>) -> Result<(), Error> {
        let Some(RunningLoad { load, self_check }) = running else { return Ok(()) };
        let stopping = std::thread::spawn(move || load.stop());
        while !stopping.is_finished() {
            self.watcher.turn(TURN)?;
        }
        let totals = stopping.join().unwrap_or(Err(load::Error::Panicked))?;
        let load::Totals { planned, sent, unsent, lag } = totals;
        self.watcher.write(Event::LoadStopped { planned, sent, unsent })?;
        for load::PhaseLag { phase, samples, p999_ns, max_ns } in lag {
            self.watcher.write(Event::GeneratorLag { phase, samples, p999_ns, max_ns })?;
        }
        let (at, event) = self_check.finish();
        Ok(self.watcher.log.write(at, event)?)
    }

    /// The steps in order; the first that cannot be done is the last.
    fn take_steps(&mut self) -> Result<Ending, Error> {
        for (step, what) in self.plan.steps.iter().enumerate() {
            match self.take_step(step, what) {
                Ok(()) => self.watcher.write(Event::StepDone { step })?,
                Err(Halt::Broken(error)) => return Err(error),
                Err(Halt::Interrupted) => return Ok(Ending::Early),
                Err(Halt::Failed(why)) => {
                    self.watcher.write(Event::StepFailed { step, why })?;
                    return Ok(Ending::Early);
                }
            }
        }
        Ok(Ending::Completed)
    }

    fn is_interrupted(&self) -> bool {
        self.setup.interrupted.load(Ordering::Relaxed)
    }
}

/// The longest pause between two looks at the condition of a wait.
const TURN: Duration = Duration::from_millis(3);
