//! The one thing a step does.

use std::{collections::BTreeMap, ops::Range};

use facts::plan::{Action, Replacement, Signal, Target};
use toml::Spanned;

use crate::{
    codes, duration,
    mistake::{At, Mistake},
    reading::Reading,
    scope::Scope,
    selector,
    shape::{self, Named, Signals, Word},
    text::Text,
    timeline,
};

const SIGNALS: [(&str, Signal); 10] = [
    ("HUP", Signal::Hup),
    ("INT", Signal::Int),
    ("QUIT", Signal::Quit),
    ("TERM", Signal::Term),
    ("USR1", Signal::Usr1),
    ("USR2", Signal::Usr2),
    ("WINCH", Signal::Winch),
    ("KILL", Signal::Kill),
    ("STOP", Signal::Stop),
    ("CONT", Signal::Cont),
];
const REPLACEMENTS: [(&str, Replacement); 4] = [
    ("original", Replacement::Original),
    ("exits-at-once", Replacement::ExitsAtOnce),
    ("hangs", Replacement::Hangs),
    ("text-file", Replacement::TextFile),
];
/// Weights beyond this are a slip; nginx multiplies them by the number of members.
const HEAVIEST: u32 = 65_535;

/// A step whose turn it is, and what holds when it comes.
pub(crate) struct Begun<'a> {
    pub(crate) reading: &'a Reading,
    pub(crate) scope: &'a Scope,
    pub(crate) now: &'a mut [Target],
}

impl Begun<'_> {
    /// The action of a step of a target's folder: no phase, no verb.
    pub(crate) fn primitive(&mut self, step: &Spanned<shape::Step>) -> Result<(Action, String), Mistake> {
        if let Some(phase) = &step.get_ref().phase {
            let message = "a verb begins no phase: its scenario does";
            return Err(Mistake::new(codes::CONTRADICTION, &self.reading.at(phase), message));
        }
        if let Some(verb) = step.get_ref().verbs().into_iter().find_map(|(_, on)| on.as_ref()) {
            let message = "a verb is made of primitive steps only";
            return Err(Mistake::new(codes::CONTRADICTION, &self.reading.at(verb), message));
        }
        self.action(step)
    }

    /// The action of a step, and how to say it in a log.
    pub(crate) fn action(&mut self, step: &Spanned<shape::Step>) -> Result<(Action, String), Mistake> {
        one_only(step, self.reading)?;
        let it = step.get_ref();
        if let Some(send) = &it.signal {
            return self.signal(send.get_ref());
        }
        if let Some(kill) = &it.kill {
            return self.to("kill", kill, |to| Action::Kill { to });
        }
        if let Some(hold) = &it.hold {
            return self.to("hold", hold, |to| Action::Hold { to });
        }
        if let Some(release) = &it.release {
            return self.to("release", release, |to| Action::Release { to });
        }
        if let Some(sleep) = &it.sleep {
            let text = self.reading.text(sleep)?;
            return Ok((Action::Sleep { ms: duration::millis(&text)? }, format!("sleep {}", text.as_str())));
        }
        if let Some(until) = &it.wait_until {
            let condition = timeline::condition(until, it.timeout.as_ref(), self.reading, self.scope)?;
            let text = format!("wait until {}", condition.text);
            return Ok((Action::WaitUntil { condition }, text));
        }
        if let Some(swap) = &it.swap_binary {
            return self.swap(swap.get_ref());
        }
        if let Some(weight) = &it.weight {
            return self.weight(weight.get_ref());
        }
        if let Some(configure) = &it.configure {
            return self.configure(configure.get_ref());
        }
        Err(not_one(&self.reading.head(step), "this step does nothing"))
    }

    fn signal(&self, send: &shape::Send) -> Result<(Action, String), Mistake> {
        let to = self.reading.text(&send.to)?;
        let selector = selector::receiver(&to, self.scope)?;
        let words = match send.sig.get_ref() {
            Signals::One(one) => vec![Spanned::new(send.sig.span(), one.clone())],
            Signals::Several(several) => several.clone(),
        };
        let texts = words.iter().map(|word| self.reading.text(word)).collect::<Result<Vec<_>, _>>()?;
        if texts.is_empty() {
            return Err(Mistake::new(
                codes::UNKNOWN_SIGNAL,
                &self.reading.at(&send.sig),
                "no signal to send",
            ));
        }
        let signals = texts.iter().map(signal).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<&str> = texts.iter().map(Text::as_str).collect();
        let said = format!("signal {} {}", to.as_str(), names.join(" "));
        Ok((Action::Signal { to: selector, signals }, said))
    }

    fn to(
        &self,
        verb: &str,
        to: &Spanned<shape::To>,
        act: impl FnOnce(facts::plan::Selector) -> Action,
    ) -> Result<(Action, String), Mistake> {
        let to = self.reading.text(&to.get_ref().to)?;
        Ok((act(selector::receiver(&to, self.scope)?), format!("{verb} {}", to.as_str())))
    }

    fn swap(&self, swap: &shape::Swap) -> Result<(Action, String), Mistake> {
        let target = timeline::target(&swap.target, self.reading, self.scope)?;
        let replacement = self.reading.one_of(&swap.with, &REPLACEMENTS)?;
        let with = REPLACEMENTS.iter().find(|(_, known)| *known == replacement).map_or("", |(word, _)| word);
        let said = format!("replace the program of {} by {with}", self.scope.targets[target]);
        Ok((Action::SwapBinary { target, replacement }, said))
    }

    fn weight(&mut self, weight: &shape::Weight) -> Result<(Action, String), Mistake> {
        let target = timeline::target(&weight.target, self.reading, self.scope)?;
        let set = weights(&weight.set, self.reading, self.scope)?;
        let said: String = set.iter().map(|(origin, weight)| format!(" {origin}={weight}")).collect();
        let said = format!("weight {}{said}", self.scope.targets[target]);
        let now = &mut self.now[target];
        now.weights = timeline::merged(&now.weights, set);
        Ok((Action::Weight { target, weights: now.weights.clone() }, said))
    }

    fn configure(&mut self, configure: &shape::Configure) -> Result<(Action, String), Mistake> {
        let target = timeline::target(&configure.target, self.reading, self.scope)?;
        let set = options(&configure.options, &self.now[target], self.reading)?;
        let said: String = set.iter().map(|(option, value)| format!(" {option}={value}")).collect();
        let said = format!("configure {}{said}", self.scope.targets[target]);
        let now = &mut self.now[target];
        now.options = timeline::merged(&now.options, set);
        Ok((Action::Configure { target, options: now.options.clone() }, said))
    }
}

fn signal(text: &Text) -> Result<Signal, Mistake> {
    let name = text.as_str();
    let bare = name.strip_prefix("SIG").unwrap_or(name);
    SIGNALS.iter().find(|(known, _)| *known == bare).map(|(_, signal)| *signal).ok_or_else(|| {
        Mistake::new(codes::UNKNOWN_SIGNAL, text.at(), format!("`{name}` is not a signal a scenario sends"))
            .known(name, SIGNALS.iter().map(|(known, _)| *known))
    })
}

/// Weights by origin.
pub(crate) fn weights(
    set: &Named<Spanned<i64>>,
    reading: &Reading,
    scope: &Scope,
) -> Result<BTreeMap<String, u32>, Mistake> {
    set.iter()
        .map(|(origin, weight)| {
            scope.origin(origin.get_ref(), &reading.at(origin))?;
            Ok((origin.get_ref().clone(), reading.whole(weight, 0..=HEAVIEST)?))
        })
        .collect()
}

/// Values for options that the target's folder has.
pub(crate) fn options(
    set: &Named<Word>,
    target: &Target,
    reading: &Reading,
) -> Result<BTreeMap<String, String>, Mistake> {
    set.iter()
        .map(|(key, value)| {
            if !target.options.contains_key(key.get_ref()) {
                let message = format!("target `{}` has no option `{}`", target.kind, key.get_ref());
                return Err(Mistake::new(codes::UNKNOWN_OPTION, &reading.at(key), message)
                    .known(key.get_ref(), target.options.keys().map(String::as_str)));
            }
            Ok((key.get_ref().clone(), reading.text(value)?.as_str().to_owned()))
        })
        .collect()
}

/// A step has exactly one action.
pub(crate) fn one_only(step: &Spanned<shape::Step>, reading: &Reading) -> Result<(), Mistake> {
    let mut actions = actions(step.get_ref());
    actions.sort_by_key(|(_, span)| span.start);
    match actions.as_slice() {
        [_] => Ok(()),
        [] => Err(not_one(&reading.head(step), "this step does nothing")),
        [(first, _), (second, span), ..] => {
            let message = format!("this step does both `{first}` and `{second}`");
            Err(not_one(&At::new(&reading.source, span.clone()), &message).label("one step, one action"))
        }
    }
}

fn not_one(at: &At, message: &str) -> Mistake {
    Mistake::new(codes::NOT_ONE_ACTION, at, message).help(
        "a step has exactly one of: signal, kill, hold, release, sleep, wait_until, swap_binary, weight, configure, \
         or a verb: upgrade, drain, commit, rollback, reload, stop",
    )
}

/// The action keys a step has, each with its place.
fn actions(step: &shape::Step) -> Vec<(&'static str, Range<usize>)> {
    let spans = [
        ("signal", step.signal.as_ref().map(Spanned::span)),
        ("kill", step.kill.as_ref().map(Spanned::span)),
        ("hold", step.hold.as_ref().map(Spanned::span)),
        ("release", step.release.as_ref().map(Spanned::span)),
        ("sleep", step.sleep.as_ref().map(Spanned::span)),
        ("wait_until", step.wait_until.as_ref().map(Spanned::span)),
        ("swap_binary", step.swap_binary.as_ref().map(Spanned::span)),
        ("weight", step.weight.as_ref().map(Spanned::span)),
        ("configure", step.configure.as_ref().map(Spanned::span)),
    ];
    let verbs = step.verbs().into_iter().map(|(verb, on)| (verb, on.as_ref().map(Spanned::span)));
    spans.into_iter().chain(verbs).filter_map(|(key, span)| Some((key, span?))).collect()
}
