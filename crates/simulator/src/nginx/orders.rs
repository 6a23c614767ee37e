//! What a signal handler takes in, and what an operator means by a signal, whatever the server makes of it.

use protocol::signals::{Signal, Signals};

use super::world::World;

impl World {
    /// `ngx_signal_handler`: USR2 is ignored while a new binary or the one that started us lives.
    pub(super) fn handled(&self, index: u8, signals: Signals) -> Signals {
        let mut accepted = signals;
        let busy = self.master(index).is_some_and(|master| {
            master.new_binary.is_some() || master.parent.is_some_and(|parent| self.master(parent).is_some())
        });
        if busy {
            accepted.take(Signal::Usr2);
        }
        accepted
    }

    /// As for the reference.
    pub(super) fn note_orders(&mut self, index: u8, signals: Signals, accepted: Signals) {
        let at = usize::from(index);
        let quit = signals.contains(Signal::Quit);
        let term = signals.contains(Signal::Term);
        self.told[at] |= quit || term;
        let upgrades = accepted.contains(Signal::Usr2);
        let staying: Vec<u8> = self
            .living()
            .map(|(other, _)| other)
            .filter(|other| *other != index && !self.told[usize::from(*other)])
            .collect();
        let ready = staying.iter().any(|other| self.ready[usize::from(*other)]);
        self.stopped |= (quit && !upgrades && staying.is_empty()) || (term && !ready);
        self.faulted |= term;
    }
}
