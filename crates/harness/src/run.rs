//! The timeline of a run. `run` reads like the plan: start, load, steps, settle, stop.

mod action;
mod analysis;
mod command;
mod failpoint;
mod fault;
mod reaction;
mod ready;
mod remains;
mod sending;
mod settle;
mod start;
mod step;
mod stop;
mod wait;
mod watching;

use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::OwnedFd,
    panic::resume_unwind,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread::{self, Builder},
    time::Duration,
};

use facts::{Event, Moment, Nanos, Plan, kernel::Extent, plan::Action};
use ledger::clock::now;

use self::{
    fault::Faults,
    reaction::{Happened, Reacting},
    remains::Remains,
    sending::RunningLoad,
    watching::Watched,
};
use crate::{
    Error, Netns, counters, installed::Installed, origins::RunningOrigin, proxy::Proxy, watcher::Watcher,
};

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
    /// Whether the run gets a network namespace of its own.
    pub netns: Netns,
    /// Set from outside (Ctrl-C): the run ends early, tears down and says so.
    pub interrupted: Arc<AtomicBool>,
}

/// Runs a plan; everything that happened is in the run directory then, and nothing else is left. An error means
/// that the run could not be carried out; its directory holds no sealed history. What goes wrong with the target
/// once it is ready is no error.
pub fn run(plan: &Plan, setup: &Setup) -> Result<(), Error> {
    // In a thread of its own: a namespace is joined by a thread, and what that starts is in it, too.
    thread::scope(|scope| {
        let thread = Builder::new().name("run".into()).spawn_scoped(scope, || run_here(plan, setup));
        let ran = thread.map_err(Error::system("start the thread of a run"))?;
        ran.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn run_here(plan: &Plan, setup: &Setup) -> Result<(), Error> {
    let mut run = Run::start(plan, setup)?;
    if run.wait_until_ready()? {
        run.prepare_to_watch()?;
        run.enter_phase(0)?;
        run.start_load()?;
        let ending = run.take_steps()?;
        run.stop_everything_beside()?;
        run.stop_load()?;
        run.settle()?;
        run.stop(ending)
    } else {
        run.stop(Ending::CutOff)
    }
}

/// How the steps ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// All were done: what is left over now is the target's doing.
    Completed,
    /// In the middle of something, because a step failed.
    Early,
    /// In the middle of something, because somebody wanted it so or the plan's time was over.
    CutOff,
}

/// Why a step was not done.
#[derive(Debug)]
enum Halt {
    /// A fact about the target or the scenario: recorded, and the run is judged.
    Failed(String),
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// The plan's own time is over; that says nothing about the target.
    OutOfTime,
    /// Our own machinery.
    Broken(Error),
}

impl Halt {
    /// A failure with more evidence.
    fn because(self, evidence: impl FnOnce() -> String) -> Halt {
        match self {
            Halt::Failed(why) => Halt::Failed(format!("{why}\n{}", evidence())),
            other => other,
        }
    }
}

impl<E: Into<Error>> From<E> for Halt {
    fn from(error: E) -> Halt {
        Halt::Broken(error.into())
    }
}

struct Run<'a> {
    plan: &'a Plan,
    setup: &'a Setup,
    /// Whose doings the kernel's counters count.
    extent: Extent,
    /// Absolute.
    directory: PathBuf,
    watcher: Watcher,
    targets: Vec<Installed>,
    /// The pid each target was started as.
    launchers: Vec<u32>,
    origins: Vec<RunningOrigin>,
    /// One in front of each target whose path the plan disturbs.
    proxies: Vec<Option<Proxy>>,
    phase: Arc<AtomicU8>,
    begun: Option<u8>,
    load: Option<RunningLoad>,
    /// Stopped by us, and not released yet.
    held: BTreeSet<u32>,
    faults: Faults,
    /// Commands of the plan that stay.
    companions: Vec<(u32, OwnedFd)>,
    watched: Vec<Watched<'a>>,
    reactions: Vec<Reacting<'a>>,
    /// For the reactions to take in.
    happened: Vec<Happened>,
    /// By which `worker[?]` is drawn.
    lot: u64,
    beside: Beside,
    /// What was there before each target was started.
    before: Vec<Remains>,
    begun_at: Nanos,
    /// When the load started, and with it the clock of the steps.
    loaded_at: Nanos,
    step_ended_at: Nanos,
    deadline: Nanos,
}

/// Whether what is done beside the steps is done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    /// Before the load, and after the steps.
    Off,
    On,
    /// A reaction acts; what it makes happen is taken in after it.
    Reacting,
}

impl Run<'_> {
    /// Waits for something to happen, at most this long, and does what is due beside the steps.
    fn turn(&mut self, at_most: Duration) -> Result<(), Error> {
        if self.beside == Beside::Off {
            return self.watcher.turn(at_most);
        }
        self.hold_the_stopped();
        let due = [self.faults.next_due(), self.next_reaction()].into_iter().flatten();
        self.watcher.turn(due.fold(at_most, Duration::min))?;
        self.hold_the_stopped();
        self.undo_due_faults()?;
        self.watch()?;
        if self.beside == Beside::On {
            self.beside = Beside::Reacting;
            let reacted = self.react();
            self.beside = Beside::On;
            reacted?;
        }
        Ok(())
    }

    /// From here on nothing happens any more but the end.
    fn stop_everything_beside(&mut self) -> Result<(), Error> {
        self.watch()?;
        self.disarm_all()?;
        self.beside = Beside::Off;
        self.watched.clear();
        self.watcher.always_want_answers(Vec::new());
        self.undo_all_faults()
    }

    /// A phase begins now, unless the run is in it already.
    fn enter_phase(&mut self, phase: u8) -> Result<(), Error> {
        let Some(name) = self.plan.phases.get(usize::from(phase)).cloned() else { return Ok(()) };
        if self.begun.replace(phase) == Some(phase) {
            return Ok(());
        }
        // Before it begins: between that and what is done in it nothing may take time.
        self.count()?;
        let earliest = now();
        self.phase.store(phase, Ordering::SeqCst);
        self.fire_volleys(phase)?;
        self.happened.push(Happened::Phase(phase));
        let at = Moment { earliest, latest: now() };
        Ok(self.watcher.log.write(at, Event::PhaseBegan { phase, name })?)
    }

    /// Writes what the kernel has counted so far.
    fn count(&self) -> Result<(), Error> {
        let earliest = now();
        // Nothing else needs them: where they cannot be read, that much less is known of a loss.
        let Ok(counters) = counters::read() else { return Ok(()) };
        let at = Moment { earliest, latest: now() };
        Ok(self.watcher.log.write(at, Event::KernelCounted { extent: self.extent, counters })?)
    }

    fn is_interrupted(&self) -> bool {
        self.setup.interrupted.load(Ordering::Relaxed)
    }
}

/// Everything that may be done in a run.
fn actions(plan: &Plan) -> impl Iterator<Item = &Action> {
    let beside = plan.reactions.iter().map(|reaction| &reaction.action);
    plan.steps.iter().map(|step| &step.action).chain(beside)
}

/// The longest pause between two looks at the condition of a wait.
const TURN: Duration = Duration::from_millis(3);
