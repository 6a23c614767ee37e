//! A plan told to a reader: everything that was decided, in the order in which it happens.

mod doing;

use std::fmt::Write;

use facts::{
    Plan,
    plan::{
        Begins, Behaviour, Claim, Expectation, Fires, Framing, Launch, Method, Pace, Population, Reaction,
        Requirement, Step, Target, Trigger,
    },
};

use doing::{selector, span};

/// What the plan will do, as text: the resolved timeline.
pub fn explain(plan: &Plan) -> String {
    let mut told = String::new();
    let mut part = |head: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = writeln!(told, "{head}");
            told.extend(lines.iter().map(|line| format!("  {line}\n")));
        }
    };
    part(&plan.case.id, head(plan));
    part("targets", plan.targets.iter().flat_map(target).collect());
    part("origins", plan.origins.iter().map(|origin| origin.name.clone()).collect());
    part("load", plan.populations.iter().map(|population| clients(plan, population)).collect());
    part("steps", plan.steps.iter().enumerate().map(|(number, step)| one_step(plan, number, step)).collect());
    part("meanwhile", plan.reactions.iter().map(|reaction| meanwhile(plan, reaction)).collect());
    part("expect", expected(plan));
    told
}

fn head(plan: &Plan) -> Vec<String> {
    let mut lines = vec![plan.case.title.clone()];
    let mut facts = vec![format!("seed {}", plan.seed), format!("deadline {}", span(plan.deadline_ms))];
    facts.push(format!("a percentile needs {} samples", plan.minimum_samples));
    if plan.repeat > 1 {
        facts.push(format!("{} times, each with the next seed", plan.repeat));
    }
    lines.push(facts.join(", "));
    if !plan.case.tags.is_empty() {
        lines.push(format!("tags: {}", plan.case.tags.join(", ")));
    }
    if !plan.requires.is_empty() {
        lines.push(format!("requires: {}", plan.requires.iter().map(needed).collect::<Vec<_>>().join(", ")));
    }
    lines.extend(plan.skip.iter().map(|why| format!("SKIP: {why}")));
    lines.extend(
        plan.known_failure
            .iter()
            .map(|known| format!("known to fail: {} ({})", known.why, known.fails.join(", "))),
    );
    if plan.must_fail {
        lines.push("a planted loss: each line below that stands in the file must be refuted".to_owned());
    }
    lines
}

fn needed(requirement: &Requirement) -> String {
    match requirement {
        Requirement::Root => "root".to_owned(),
        Requirement::Netns => "netns".to_owned(),
        Requirement::Mount => "mount".to_owned(),
        Requirement::Program { name, at_least: Some(version) } => format!("{name}>={version}"),
        Requirement::Program { name, at_least: None } => name.clone(),
    }
}

fn target(target: &Target) -> Vec<String> {
    let workers = match target.workers {
        0 => "one process".to_owned(),
        workers => format!("{workers} workers"),
    };
    let launch = match target.launch {
        Launch::Daemonises => "",
        Launch::Stays => ", stays in the foreground",
    };
    let mut lines = vec![format!("{}: {}, {workers}{launch}", target.name, target.kind)];
    let environment = target.environment.iter().map(|(key, value)| format!("{key}={value}"));
    let command: Vec<String> = environment.chain(target.start.iter().cloned()).collect();
    lines.push(format!("  {} as program: {}", target.program, command.join(" ")));
    let files: Vec<&str> = target.files.iter().map(|(name, _)| name.as_str()).collect();
    for (what, names) in [("files", files.join(", ")), ("pid file", target.pid_file.clone())] {
        if !names.is_empty() {
            lines.push(format!("  {what}: {names}"));
        }
    }
    let options: Vec<String> = target.options.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let weights: Vec<String> = target.weights.iter().map(|(key, value)| format!("{key}={value}")).collect();
    for (what, values) in [("options", options), ("weights", weights)] {
        if !values.is_empty() {
            lines.push(format!("  {what}: {}", values.join(" ")));
        }
    }
    lines
}

fn clients(plan: &Plan, population: &Population) -> String {
    let to = plan.targets.get(population.target).map_or("?", |target| target.name.as_str());
    let kind = kind(population);
    let pace = pace(plan, population);
    let method = match population.method {
        Method::Get => "GET".to_owned(),
        Method::Post => format!("POST {} bytes", population.body_bytes),
    };
    let looks = match (population.behaviour, population.looks) {
        (Behaviour::Keepalive | Behaviour::Pipelined { .. }, false) => ", without looking before it writes",
        _ => "",
    };
    let (name, connections, path) = (&population.name, population.connections, &population.path);
    let timeout = span(u64::from(population.timeout_ms));
    let from = match population.sources {
        0 => String::new(),
        many => format!(", from {many} addresses"),
    };
    let drain = match population.at_drain {
        usual if usual == population.behaviour.at_drain() => String::new(),
        other => format!(", {} at a drain", other.name()),
    };
    format!(
        "{name}: to {to}, {pace}, {kind}, at most {connections}{from}, {method} {path}, timeout {timeout}{looks}{drain}"
    )
}

fn kind(population: &Population) -> String {
    let over = |ms: u32| span(ms.into());
    match population.behaviour {
        Behaviour::Short => "a connection per request".to_owned(),
        Behaviour::Keepalive => "kept connections".to_owned(),
        Behaviour::Pipelined { depth } => format!("kept connections, {depth} requests at once"),
        Behaviour::SlowHeader { over_ms } => {
            format!("a connection per request, its head over {}", over(over_ms))
        }
        Behaviour::Upload { over_ms, framing } => {
            let framing = match framing {
                Framing::Length => "",
                Framing::Chunked => " in chunks",
                Framing::Expect => " after 100 Continue",
            };
            format!("a connection per request, its body{framing} over {}", over(over_ms))
        }
        Behaviour::Download { bytes, over_ms } => {
            format!("a connection per request, {bytes} bytes read over {}", over(over_ms))
        }
        Behaviour::HalfClose => "a connection per request, half closed behind it".to_owned(),
        Behaviour::Silent { wait_ms } => {
            format!("a connection per request, silent for {}", over(wait_ms))
        }
        Behaviour::Websocket { lasts_ms: None } => "websockets".to_owned(),
        Behaviour::Websocket { lasts_ms: Some(ms) } => format!("websockets, each of them for {}", over(ms)),
        Behaviour::Events => "event streams".to_owned(),
        Behaviour::Reqwest => "reqwest with a pool of connections".to_owned(),
    }
}

fn pace(plan: &Plan, population: &Population) -> String {
    match population.pace {
        Pace::Constant { per_second } => format!("{per_second}/s evenly"),
        Pace::Poisson { per_second } => format!("{per_second}/s at random"),
        Pace::Ramp { from, to, over_ns } => {
            format!("{from}/s to {to}/s over {} at random", span(over_ns / 1_000_000))
        }
        Pace::Step { from, to, steps, over_ns } => {
            format!("{from}/s to {to}/s in {steps} steps over {} at random", span(over_ns / 1_000_000))
        }
        Pace::Burst { per_second, size } => format!("{per_second}/s, {size} at a time, at random"),
        Pace::Think { nanos } => format!("one every {} on each", span(nanos / 1_000_000)),
        Pace::Closed => "a closed loop, for comparison only".to_owned(),
        Pace::Volley { fires } => match fires {
            Fires::Told => "all at once when told".to_owned(),
            Fires::Phase { phase } => {
                format!("all at once when phase {} begins", plan.phases[usize::from(phase)])
            }
            Fires::FirstClose => "all at once when one is seen closed".to_owned(),
            Fires::Every { nanos } => format!("all at once every {}", span(nanos / 1_000_000)),
        },
    }
}

fn one_step(plan: &Plan, number: usize, step: &Step) -> String {
    let phase = step.phase.and_then(|phase| plan.phases.get(usize::from(phase)));
    let begins = match step.begins {
        Begins::AtOnce => String::new(),
        Begins::At { ms } => format!("at {}: ", span(ms)),
        Begins::After { ms } => format!("{} later: ", span(ms)),
    };
    let when = step.when.as_ref().map(|when| format!("when {} ({}): ", when.text, span(when.within_ms)));
    let rescues = step.rescues.map(|of| format!("if {} failed: ", of + 1));
    let may_fail = if step.may_fail { " (may fail)" } else { "" };
    let id = step.id.as_ref().map(|id| format!(" [{id}]")).unwrap_or_default();
    format!(
        "{:10} {:>2}  {}{begins}{}{}{may_fail}{id}",
        phase.map_or("", String::as_str),
        number + 1,
        rescues.unwrap_or_default(),
        when.unwrap_or_default(),
        doing::said(&step.action, &step.text),
    )
}

fn meanwhile(plan: &Plan, reaction: &Reaction) -> String {
    let event = match reaction.event {
        Trigger::Phase { phase } => format!("when phase {} begins", plan.phases[usize::from(phase)]),
        Trigger::Step { step } => format!("when step {} begins", step + 1),
        Trigger::Every { ms } => format!("every {}", span(ms)),
        Trigger::Appeared { who } => format!("when {} appears", selector(plan, &who)),
        Trigger::Exited { who } => format!("when {} exits", selector(plan, &who)),
        Trigger::StateChanged { target } => format!("when {} changes", plan.targets[target].name),
    };
    let mut said = event;
    if reaction.probability < 1.0 {
        let _ = write!(said, ", with probability {}", reaction.probability);
    }
    if reaction.after_ms > 0 {
        let _ = write!(said, ", {} later", span(reaction.after_ms));
    }
    if let Some(times) = reaction.times {
        let _ = write!(said, ", at most {times} times");
    }
    format!("{said}: {} (seed {:016x})", doing::said(&reaction.action, &reaction.text), reaction.seed)
}

fn expected(plan: &Plan) -> Vec<String> {
    let (own, checks): (Vec<&Expectation>, Vec<&Expectation>) =
        plan.expectations.iter().partition(|expectation| expectation.place.is_some());
    let mut lines: Vec<String> = own.into_iter().map(line).collect();
    let names: Vec<&str> = checks.iter().map(|check| check.text.as_str()).collect();
    lines.push(format!("checks   {}", names.join(", ")));
    lines
}

fn line(expectation: &Expectation) -> String {
    let kind = match expectation.claim {
        Claim::Always(_) => "always",
        Claim::Reached(_) => "reached",
        Claim::Holds(_) => "finally",
        Claim::Check(_) => "check",
    };
    format!("{kind:8} {}", expectation.text)
}
