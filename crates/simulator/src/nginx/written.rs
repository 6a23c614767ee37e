//! An outage as the draft of a scenario: what was done from outside becomes steps; what the processes did by themselves becomes facts to wait
//! for, and a master that has to find two things at once is held until both are there.

use protocol::signals::{Signal, Signals};

use super::{Action, Nginx, Quirk, World, world::Boot};
use crate::{
    model::Model,
    outage::{NGINX, Outage},
};

/// The scenario's file name and its text; `None` if nobody can force this on a real server from outside.
pub fn written(outage: &Outage) -> Option<(String, String)> {
    let model = Nginx { bounds: NGINX, quirks: super::Quirks::ALL, fewer: 0 };
    let mut steps = Steps { lines: Vec::new(), held: None, last: Signals::NONE };
    let mut state = model.initial();
    for (at, action) in outage.trace.iter().enumerate() {
        steps.follow(&state, *action, outage.trace[at + 1..].iter().copied())?;
        state = model.apply(&state, *action);
    }
    let name: Vec<&str> = outage.quirks.iter().map(Quirk::name).collect();
    let expected = expected(outage.property.name, steps.last)?;
    let known = outage.quirks.iter().map(|quirk| quirk.to_string()).collect::<Vec<_>>().join("; ");
    let title = format!("nginx: {known}");
    Some((format!("{}.toml", name.join("-")), text(&title, &known, &steps.lines, expected)))
}

struct Steps {
    lines: Vec<String>,
    /// The master that is stopped until it has everything it is to find.
    held: Option<u8>,
    last: Signals,
}

impl Steps {
    fn follow(&mut self, state: &World, action: Action, rest: impl Iterator<Item = Action>) -> Option<()> {
        match action {
            Action::Turn(index, signals) if !signals.is_empty() => self.signal(state, index, signals),
            Action::Kill(index) => self.kill(state, index, selector(state, index), rest),
            Action::KillAll(index) => {
                let all = if index == 0 { "web.old.*" } else { "web.new.*" };
                self.kill(state, index, all, rest);
            }
            // From outside nobody can make a configuration fail at just that moment, and another configuration or a limit of
            // the machine is not for a draft.
            Action::Fail(_) | Action::Cripple(_) | Action::CannotFork(..) | Action::Fewer => return None,
            _ => {}
        }
        Some(())
    }

    fn signal(&mut self, state: &World, index: u8, signals: Signals) {
        self.last = signals;
        let name = selector(state, index);
        let sent: Vec<String> = signals.iter().map(|signal| format!("{:?}", signal.name())).collect();
        let when = fact(state);
        if sent.len() > 1 && self.held.is_none() {
            self.lines.push(format!("{{ {when}hold = {{ to = \"{name}\" }} }}"));
            self.held = Some(index);
        }
        let when = if self.held.is_some() { String::new() } else { when };
        let sent = if sent.len() == 1 { sent[0].clone() } else { format!("[{}]", sent.join(", ")) };
        self.lines.push(format!("{{ {when}signal = {{ to = \"{name}\", sig = {sent} }} }}"));
        if self.held.take().is_some() {
            self.lines.push(format!("{{ release = {{ to = \"{name}\" }} }}"));
        }
    }

    /// If its parent finds the death together with a signal, that one is held meanwhile.
    fn kill(&mut self, state: &World, index: u8, whom: &str, rest: impl Iterator<Item = Action>) {
        let parent = state.master(index).and_then(|master| master.parent);
        let found = rest.into_iter().find_map(|action| match action {
            Action::Turn(other, signals) if Some(other) == parent => Some(!signals.is_empty()),
            _ => None,
        });
        let when = fact(state);
        let mut when_killed = when.clone();
        if let (Some(parent), Some(true)) = (parent, found) {
            self.lines.push(format!("{{ {when}hold = {{ to = \"{}\" }} }}", selector(state, parent)));
            self.held = Some(parent);
            when_killed = String::new();
        }
        self.lines.push(format!("{{ {when_killed}kill = {{ to = \"{whom}\" }} }}"));
    }
}

fn selector(state: &World, index: u8) -> &'static str {
    match (state.born, index) {
        (1, _) => "web.master",
        (_, 0) => "web.old.master",
        _ => "web.new.master",
    }
}

/// What can be waited for so that the server is where the trace has it.
fn fact(state: &World) -> String {
    let Some(new) = state.master(1) else { return String::new() };
    let draining = state.workers.iter().any(|worker| worker.owner == 0);
    match new.boot {
        Boot::Running if state.is_ready(1) && !draining && state.master(0).is_some() => {
            "when = \"ready(web.new) && workers(web.old) == 0\", ".into()
        }
        Boot::Running if state.is_ready(1) => "when = \"ready(web.new)\", ".into(),
        _ => String::new(),
    }
}

/// Where the expectation stands, and the line that nginx fails.
fn expected(property: &str, last: Signals) -> Option<(&'static str, &'static str)> {
    match property {
        "the listening sockets stay open"
        | "somebody accepts"
        | "somebody accepts, unless a fault or a reload's cut-over is being made good" => {
            Some(("finally", "lost(outage) == 0"))
        }
        "no generation has more workers that accept than it was configured for" => {
            Some(("finally", "workers(web.old) <= 2"))
        }
        "the pid file is never absent or empty" => Some(("checks", "pid-file-always")),
        "no worker of a dead generation serves beside a living one"
        | "no master leaves before its workers do" => Some(("finally", "orphans(web) == 0")),
        "no signal sleeps until another one comes" if last.contains(Signal::Winch) => {
            Some(("finally", "workers(web.old) == 0"))
        }
        _ => None,
    }
}

fn text(title: &str, known: &str, steps: &[String], (key, line): (&str, &str)) -> String {
    let steps: String = steps.iter().map(|line| format!("  {line},\n")).collect();
    format!(
        "#:schema ../schema.json\n\
         # A draft, written by `changeover simulate --profile nginx --write`: add the clients that must stay, and what else fails.\n\
         schema = 1\n\
         name = {title:?}\n\
         tags = [\"model\", \"signals\"]\n\
         include = [\"parts/two-workers.toml\"]\n\
         matrix = {{ target = [\"reference\", \"nginx\"] }}\n\
         known_failure = {{ nginx = {{ why = {known:?}, fails = ['{line}'] }} }}\n\
         step = [\n  {{ phase = \"steady\", sleep = \"1s\" }},\n  {{ phase = \"forced\", mark = \"the order of the model\" }},\n\
         {steps}  {{ phase = \"outage\", sleep = \"2s\" }},\n]\n\n\
         [load.users]\nto = \"web\"\nkind = \"short\"\nrate = 500\ntimeout = \"1s\"\n\n\
         [expect]\n{key} = ['{line}']\n"
    )
}
