//! What a master decides: one state machine for every generation. A master talks to two others, by the
//! channel between them: the *predecessor* that started it and the *successor* it started. While an old generation drains the
//! next upgrade may begin: then the oldest and the newest of three know each other, too, as *elder* and *heir*.
//!
//! The order inside one turn is fixed here and not by the kernel: results first, then deaths before promises, promises
//! before signals, and among signals TERM, HUP, USR1, USR2, WINCH, QUIT. So WINCH pending together with the death
//! of the new generation is refused instead of emptying the server, and USR2 pending together with QUIT is an
//! upgrade followed by a commit. (nginx's `ngx_master_process_cycle` tests QUIT before USR2 and stops for good.)

mod announce;
mod cohort;
mod effect;
mod kin;
mod leave;
pub mod recorded;
mod remark;
mod stage;
mod state;
mod upgrade;
mod wakeup;
mod workers;

use alloc::vec::Vec;

pub use effect::Effect;
pub use remark::Remark;
pub use stage::Stage;
pub use state::{
    Bond, Cohort, CohortStage, Configuration, Duty, Limits, Notice, Origin, Predecessor, State, Successor,
    SuccessorStage, Worker, WorkerId,
};
pub use wakeup::{Farewells, PeerMessage, Result, Wakeup};

use crate::signals::{Signal, Signals};

/// One turn of a master's loop. Performing the effects in order, and telling each one's result in a later wakeup,
/// is all the caller has to do.
pub fn step(state: &State, wakeup: &Wakeup) -> (State, Vec<Effect>) {
    let mut turn = Turn {
        state: state.clone(),
        effects: Vec::new(),
        bereaved: false,
        displaced: false,
        farewells: wakeup.farewells,
    };
    if turn.state.stage == Stage::Gone {
        return (turn.state, turn.effects);
    }
    turn.results(wakeup);
    turn.kin(wakeup);
    turn.deaths(wakeup);
    turn.reports(wakeup);
    turn.promises(wakeup);
    turn.time(wakeup.elapsed_ms);
    let signals = turn.meant(wakeup);
    turn.signals(signals);
    turn.settle();
    (turn.state, turn.effects)
}

type Act = fn(&mut Turn);

/// HUP before USR2, so that a reload is over before its binary is replaced; QUIT last, so that it never overtakes an upgrade.
const ORDER: &[(Signal, Act)] = &[
    (Signal::Hup, Turn::hup),
    (Signal::Usr1, Turn::usr1),
    (Signal::Usr2, Turn::usr2),
    (Signal::Winch, Turn::winch),
    (Signal::Quit, Turn::quit),
];

/// A step being taken: the next state so far, and what is to be done for it.
struct Turn {
    state: State,
    effects: Vec<Effect>,
    /// Another generation died in this turn that had not said it would.
    bereaved: bool,
    /// The pid file names another generation, which took over, and this one has not been told to leave.
    displaced: bool,
    /// Who of the others exits this moment.
    farewells: Farewells,
}

impl Turn {
    fn act(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn say(&mut self, remark: Remark) {
        self.effects.push(Effect::Say(remark));
    }

    fn deaths(&mut self, wakeup: &Wakeup) {
        self.last_words(wakeup);
        if wakeup.successor_died {
            self.lose_successor();
        }
        if wakeup.predecessor_died {
            self.lose_predecessor();
        }
        wakeup.exits.iter().for_each(|id| self.lose_worker(*id));
    }

    /// What the dead promised is void, but not that they were told to go, nor that they thought better of it.
    fn last_words(&mut self, wakeup: &Wakeup) {
        if wakeup.successor_died {
            self.hear_dead_successor(&wakeup.from_successor);
        }
        if wakeup.predecessor_died && wakeup.from_predecessor.contains(&PeerMessage::Leaving) {
            self.hear_predecessor(PeerMessage::Leaving);
        }
    }

    fn results(&mut self, wakeup: &Wakeup) {
        for result in &wakeup.results {
            match *result {
                Result::WorkerNotSpawned(id) => self.lose_worker(id),
                Result::ConfigurationLoaded { workers } => self.begin_reload(workers),
                Result::ConfigurationRefused => self.refuse_reload(),
                Result::SuccessorSpawned => self.successor_spawned(),
                Result::SuccessorNotSpawned => self.lose_successor(),
                Result::PidFileWritten => self.pid_file_written(),
                Result::PidFileNotWritten => self.pid_file_not_written(),
            }
        }
    }

    fn promises(&mut self, wakeup: &Wakeup) {
        if !wakeup.successor_died {
            wakeup.from_successor.iter().for_each(|message| self.hear_successor(*message));
        }
        if !wakeup.predecessor_died {
            wakeup.from_predecessor.iter().for_each(|message| self.hear_predecessor(*message));
        }
    }

    /// A QUIT that meets an unexpected death in one turn was meant for two generations: what it relied on is gone.
    fn meant(&mut self, wakeup: &Wakeup) -> Signals {
        let mut signals = wakeup.signals;
        let unspawned = wakeup.results.contains(&Result::SuccessorNotSpawned);
        if (self.bereaved || unspawned) && signals.take(Signal::Quit) {
            self.say(Remark::Dropped(Signal::Quit, "the other generation died in the same moment"));
        }
        signals
    }

    fn signals(&mut self, signals: Signals) {
        for signal in signals.iter() {
            self.say(Remark::Received(signal));
        }
        if signals.contains(Signal::Term) || signals.contains(Signal::Int) {
            return self.terminate(0);
        }
        for (signal, act) in ORDER {
            if signals.contains(*signal) {
                act(self);
            }
        }
    }

    fn usr1(&mut self) {
        self.act(Effect::ReopenLogs);
        let ids: Vec<WorkerId> = self.state.workers.keys().copied().collect();
        for id in ids {
            self.act(Effect::Tell(id, crate::worker::Command::Reopen));
        }
    }

    /// Whatever follows from the new state without any further input; repeated until nothing does.
    fn settle(&mut self) {
        self.advance_name();
        self.advance_cohort();
        self.advance_service();
        self.advance_deferred();
        self.advance_orphans();
        self.advance_leaving();
    }
}
