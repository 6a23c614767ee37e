//! What the harness found out about the machine it ran on and about itself.

use facts::{Event, History, Nanos, event::Scheduling};
use serde::Serialize;

/// `None` for what was not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Machine {
    /// The longest pause of a thread that only sleeps.
    pub hiccup_max_ns: Option<Nanos>,
    /// The share of all CPUs that went to strangers.
    pub foreign_cpu: Option<f64>,
    /// The share that a hypervisor took.
    pub steal: Option<f64>,
    /// How the threads of the generator were scheduled.
    pub generator: Option<Scheduling>,
}

impl Machine {
    pub(crate) fn of(history: &History) -> Machine {
        let mut machine = Machine::default();
        for line in &history.events {
            match line.event {
                Event::SelfCheck { hiccup_max_ns, foreign_cpu, steal } => {
                    machine.hiccup_max_ns = Some(hiccup_max_ns);
                    (machine.foreign_cpu, machine.steal) = (Some(foreign_cpu), Some(steal));
                }
                Event::GeneratorScheduled { scheduling } => machine.generator = Some(scheduling),
                _ => {}
            }
        }
        machine
    }
}

#[cfg(test)]
mod tests {
    use facts::{Event, event::Scheduling};

    use super::Machine;
    use crate::built::Built;

    #[test]
    fn what_was_measured_is_told_and_nothing_else() {
        let scheduled = Event::GeneratorScheduled { scheduling: Scheduling::Ordinary };
        let built = Built::good().inserted(2900, scheduled);
        let machine = Machine::of(&built.history);
        assert_eq!((machine.generator, machine.foreign_cpu), (Some(Scheduling::Ordinary), Some(0.0)));
        let unmeasured = Built::good().without(|event| matches!(event, Event::SelfCheck { .. }));
        assert_eq!(Machine::of(&unmeasured.history), Machine::default());
    }
}
