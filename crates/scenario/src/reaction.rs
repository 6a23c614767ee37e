//! `[[on]]`: one action, whenever something happens.

use facts::plan::{Action, Lasts, Reaction, Target, Trigger};

use crate::{
    action::Begun,
    codes, duration,
    mistake::{Mistake, Mistakes},
    reading::Reading,
    scope::Scope,
    selector::{self, Draws},
    shape::{Keys, On},
    spanned::Spanned,
    text::Text,
};

const EVENTS: [&str; 6] = ["phase", "step", "every", "appeared", "exited", "state_changed"];

/// The reactions of a case; their seeds are still to be drawn (`Plan::seeded`).
pub(crate) fn reactions(
    tables: &[Spanned<On>],
    targets: &[Target],
    reading: &Reading,
    scope: &Scope,
    mistakes: &mut Mistakes,
) -> Vec<Reaction> {
    let read = |table: &Spanned<On>| reaction(table, &mut targets.to_vec(), reading, scope, mistakes);
    tables.iter().filter_map(read).collect()
}

fn reaction(
    table: &Spanned<On>,
    now: &mut [Target],
    reading: &Reading,
    scope: &Scope,
    mistakes: &mut Mistakes,
) -> Option<Reaction> {
    let (on, head) = (table.get_ref(), reading.head(table));
    let event = match &on.event {
        Some(event) => mistakes.keep(reading.text(event).and_then(|text| trigger(&text, scope))),
        None => mistakes.keep(Err(Mistake::new(codes::MISSING_KEY, &head, "`event` is missing")
            .help("such as `event = \"appeared web.new.master\"`"))),
    };
    let after = on.after.as_ref().map(|after| reading.text(after).and_then(|text| duration::millis(&text)));
    let after_ms = mistakes.keep(after.transpose());
    let times = on.times.as_ref().map(|times| reading.whole(times, 1..=1_000_000));
    let times = mistakes.keep(times.transpose());
    let probability = mistakes.keep(probability(on.probability.as_ref(), reading));
    let own = if now.len() == 1 { Some(0) } else { None };
    mistakes.keep(takes_no_time(on.keys(), reading))?;
    let mut begun = Begun { reading, scope, now, own, timeout: None, draws: Draws::OneOfSeveral };
    let (action, text) = mistakes.keep(begun.action(on.keys(), &head))?;
    mistakes.keep(is_detached(&action, on.keys(), reading))?;
    Some(Reaction {
        place: head.place(),
        event: event?,
        times: times?,
        after_ms: after_ms?.unwrap_or(0),
        probability: probability?,
        seed: 0,
        action,
        text,
    })
}

fn probability(written: Option<&Spanned<f64>>, reading: &Reading) -> Result<f64, Mistake> {
    let Some(written) = written else { return Ok(1.0) };
    let probability = *written.get_ref();
    if probability > 0.0 && probability <= 1.0 {
        return Ok(probability);
    }
    let message = format!("{probability} is not a probability");
    Err(Mistake::new(codes::OUT_OF_RANGE, &reading.at(written), message).help("more than 0, at most 1"))
}

/// What waits, or rewrites what a step may rewrite too, is for steps.
fn takes_no_time(keys: Keys, reading: &Reading) -> Result<(), Mistake> {
    let refused = |at, message: &str, help: &str| {
        Err(Mistake::new(codes::NOT_A_REACTION, &at, message).help(help.to_owned()))
    };
    if let Some((verb, on)) = keys.verb() {
        let message = format!("`{verb}` waits for its end; a reaction does one thing at once");
        return refused(reading.at(&on), &message, "send the signal that begins it: `signal = { to, sig }`");
    }
    if let Some((verb, down)) = keys.member_verb() {
        let message = format!("`{}` waits for its end; a reaction does one thing at once", verb.names().0);
        return refused(reading.at(&down.target), &message, "make it a step");
    }
    let waits = [keys.sleep.as_ref(), keys.wait_until.as_ref()];
    if let Some(wait) = waits.into_iter().flatten().next() {
        return refused(
            reading.at(wait),
            "a reaction does not wait",
            "`after` says how long after its event it acts",
        );
    }
    if let Some(analysis) = keys.analysis {
        return refused(reading.at(analysis), "a reaction does not wait", "make it a step");
    }
    let spans = [
        keys.weight.as_ref().map(|it| reading.at(it)),
        keys.down.as_ref().map(|it| reading.at(it)),
        keys.delete.as_ref().map(|it| reading.at(it)),
        keys.configure.as_ref().map(|it| reading.at(it)),
    ];
    match spans.into_iter().flatten().next() {
        Some(at) => refused(at, "which configuration holds when this happens is not known", "make it a step"),
        None => Ok(()),
    }
}

fn is_detached(action: &Action, keys: Keys, reading: &Reading) -> Result<(), Mistake> {
    match (action, keys.exec) {
        (Action::Exec { command, .. }, Some(exec)) if command.lasts != Lasts::Stays => Err(Mistake::new(
            codes::NOT_A_REACTION,
            &reading.at(exec),
            "a reaction does not wait for a command",
        )
        .help("add `detach = true`")),
        _ => Ok(()),
    }
}

/// `appeared web.new.master`: the first word says what kind of event, the second which.
fn trigger(text: &Text, scope: &Scope) -> Result<Trigger, Mistake> {
    let written = text.as_str();
    let first = written.find(' ').unwrap_or(written.len());
    let start = first + written[first..].len() - written[first..].trim_start().len();
    let (kind, which) = (&written[..first], written[start..].trim_end());
    let at = text.part(start..start + which.len());
    let selector = || Ok(selector::parse(text, start, which, scope)?.selector());
    match kind {
        "phase" => Ok(Trigger::Phase { phase: scope.phase(which, &at)? }),
        "step" => Ok(Trigger::Step { step: scope.step(which, &at)?.first }),
        "every" => Ok(Trigger::Every { ms: duration::part_millis(which, &at)? }),
        "appeared" => Ok(Trigger::Appeared { who: selector()? }),
        "exited" => Ok(Trigger::Exited { who: selector()? }),
        "state_changed" => Ok(Trigger::StateChanged { target: scope.target(which, &at)? }),
        _ => {
            let message = format!("`{kind}` is not an event");
            Err(Mistake::new(codes::BAD_EVENT, &text.part(0..first), message).known(kind, EVENTS))
        }
    }
}
