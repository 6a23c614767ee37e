//! Actions as lines of a timeline.

use protocol::{
    master::{self, Effect},
    signals::Signals,
};

use super::world::{Action, Cut, World};

pub(super) fn tell(before: &World, action: Action) -> String {
    match action {
        Action::Turn(index, signals, cut) => turn(before, index, signals, 0, cut),
        Action::TimePasses(index) => {
            let elapsed = before.master(index).and_then(|master| master.state.deadline_ms()).unwrap_or(0);
            turn(before, index, Signals::NONE, elapsed, Cut::None)
        }
        Action::Resume(index) => format!("master {} goes on", index + 1),
        Action::Work(at) => format!("{} takes a step", worker(before, at)),
        Action::Finish(at) => format!("the last client of {} leaves: it exits", worker(before, at)),
        Action::Kill(index) => format!("SIGKILL to master {}", index + 1),
        Action::Stop(index) => format!("SIGSTOP to master {}", index + 1),
        Action::Continue(index) => format!("SIGCONT to master {}", index + 1),
        Action::KillWorker(at) => format!("SIGKILL to {}", worker(before, at)),
        Action::QuitWorker(at) => format!("QUIT to {}", worker(before, at)),
        Action::StopWorker(at) => format!("SIGSTOP to {}", worker(before, at)),
        Action::ContinueWorker(at) => format!("SIGCONT to {}", worker(before, at)),
        Action::Hang(at) => format!("{} hangs and will never be prepared", worker(before, at)),
    }
}

fn worker(world: &World, at: u8) -> String {
    let worker = &world.workers[usize::from(at)];
    format!("worker {} of generation {} ({})", worker.id, worker.owner + 1, worker.life.stage)
}

fn turn(before: &World, index: u8, signals: Signals, elapsed_ms: u32, cut: Cut) -> String {
    let Some(process) = before.master(index) else { return String::new() };
    let wakeup = master::Wakeup { signals, elapsed_ms, ..process.inbox.clone() };
    let (state, effects) = master::step(&process.state, &wakeup);
    let sent = match signals.is_empty() {
        true => String::new(),
        false => format!("{signals} to master {}; ", index + 1),
    };
    let late = if elapsed_ms > 0 { format!(" after {elapsed_ms} ms") } else { String::new() };
    let said: Vec<String> = effects.iter().filter_map(line).collect();
    let disturbed = match cut {
        Cut::None => String::new(),
        Cut::Killed(after) => format!(" [killed after {after} effects]"),
        Cut::Overtaken(after) => format!(" [overtaken after {after} effects]"),
        Cut::Fails(at) => format!(" [effect {} fails]", at + 1),
    };
    let name = index + 1;
    format!("{sent}master {name} wakes{late} ({}): {}{disturbed}", state.stage, said.join(", "))
}

fn line(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Say(master::Remark::Received(_)) => None,
        effect => Some(effect.to_string()),
    }
}
