//! The one thing a step or a reaction does.

mod command;
mod configuration;
mod failpoint;
mod fault;

use facts::plan::{Action, Analysis, Replacement, Selector, Signal, Target};

use crate::{
    codes, duration,
    expression::{self, Asked},
    mistake::{At, Mistake, all, both},
    reading::Reading,
    scope::Scope,
    selector,
    shape::{self, Keys, Signals, Word},
    spanned::Spanned,
    text::Text,
    timeline,
};

pub(crate) use configuration::{merged, options, weights};

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

/// An action, and how to say it in a log.
pub(crate) type Done = Result<(Action, String), Mistake>;

/// A step or reaction whose turn it is, and what holds when it comes.
pub(crate) struct Begun<'a> {
    pub(crate) reading: &'a Reading,
    pub(crate) scope: &'a Scope,
    pub(crate) now: &'a mut [Target],
    /// The target that is meant where none is named: of a verb its own, else the only one.
    pub(crate) own: Option<usize>,
    /// `timeout` of the step.
    pub(crate) timeout: Option<&'a Word>,
    /// Whether one of several processes may be drawn.
    pub(crate) draws: selector::Draws,
}

impl Begun<'_> {
    /// The action of these keys, which must be one.
    pub(crate) fn action(&mut self, keys: Keys, head: &At) -> Done {
        one_only(keys, self.reading, head)?;
        match keys {
            Keys { signal: Some(send), .. } => self.signal(send.get_ref()),
            Keys { kill: Some(kill), .. } => self.to("kill", &kill.get_ref().to, |to| Action::Kill { to }),
            Keys { exit: Some(exit), .. } => {
                self.to("exit", &exit.get_ref().to, |to| Action::Signal { to, signals: vec![Signal::Term] })
            }
            Keys { hold: Some(hold), .. } => self.hold(hold.get_ref()),
            Keys { release: Some(release), .. } => {
                self.to("release", &release.get_ref().to, |to| Action::Release { to })
            }
            Keys { sleep: Some(sleep), .. } => {
                let text = self.reading.text(sleep)?;
                Ok((Action::Sleep { ms: duration::millis(&text)? }, format!("sleep {}", text.as_str())))
            }
            Keys { wait_until: Some(until), .. } => {
                let condition = timeline::condition(until, self.timeout, self.reading, self.scope)?;
                let said = format!("wait until {}", condition.text);
                Ok((Action::WaitUntil { condition }, said))
            }
            Keys { mark: Some(mark), .. } => {
                let text = self.reading.text(mark)?.as_str().to_owned();
                Ok((Action::Mark { text: text.clone() }, format!("mark `{text}`")))
            }
            Keys { analysis: Some(analysis), .. } => self.analysis(analysis.get_ref()),
            _ => self.change(keys, head),
        }
    }

    /// The actions that change a file, a limit or a path.
    fn change(&mut self, keys: Keys, head: &At) -> Done {
        match keys {
            Keys { swap_binary: Some(swap), .. } => self.swap(swap.get_ref()),
            Keys { weight: Some(weight), .. } => self.weight(weight.get_ref()),
            Keys { down: Some(down), .. } => self.down(down.get_ref()),
            Keys { delete: Some(delete), .. } => self.delete(delete.get_ref()),
            Keys { configure: Some(configure), .. } => self.configure(configure.get_ref()),
            Keys { exec: Some(exec), .. } => self.exec(exec.get_ref(), &self.reading.at(exec)),
            Keys { limit: Some(limit), .. } => self.limit(limit.get_ref()),
            Keys { disk: Some(disk), .. } => self.disk(disk.get_ref(), &self.reading.at(disk)),
            Keys { failpoint: Some(point), .. } => self.failpoint(point.get_ref()),
            Keys { net: Some(net), .. } => self.net(net.get_ref(), &self.reading.at(net)),
            Keys { load: Some(load), .. } => self.load(load.get_ref(), &self.reading.at(load)),
            // A verb, where there may be none.
            _ => {
                let members = keys.member_verb().map(|(_, down)| self.reading.at(&down.target));
                let at = keys.verb().map(|(_, on)| self.reading.at(&on)).or(members);
                let message = "a verb is made of primitive steps only";
                Err(Mistake::new(codes::CONTRADICTION, at.as_ref().unwrap_or(head), message))
            }
        }
    }

    fn signal(&self, send: &shape::Send) -> Done {
        let words = match send.sig.get_ref() {
            Signals::One(one) => vec![Spanned::new(send.sig.span(), one.clone())],
            Signals::Several(several) => several.clone(),
        };
        let texts = all(words.iter().map(|word| self.reading.text(word)))?;
        if texts.is_empty() {
            return Err(Mistake::new(
                codes::UNKNOWN_SIGNAL,
                &self.reading.at(&send.sig),
                "no signal to send",
            ));
        }
        let ((selector, to), signals) = both(self.receiver(&send.to), all(texts.iter().map(signal)))?;
        let names: Vec<&str> = texts.iter().map(Text::as_str).collect();
        let said = format!("signal {to} {}", names.join(" "));
        Ok((Action::Signal { to: selector, signals }, said))
    }

    fn to(&self, verb: &str, to: &Word, act: impl FnOnce(Selector) -> Action) -> Done {
        let (selector, to) = self.receiver(to)?;
        Ok((act(selector), format!("{verb} {to}")))
    }

    /// Who receives something, and how that is written.
    fn receiver(&self, to: &Word) -> Result<(Selector, String), Mistake> {
        let to = self.reading.text(to)?;
        Ok((selector::receiver(&to, self.scope, self.draws)?, to.as_str().to_owned()))
    }

    fn hold(&self, hold: &shape::Hold) -> Done {
        let ((for_ms, said), (to, word)) = both(self.lasting(hold.lasts.as_ref()), self.receiver(&hold.to))?;
        Ok((Action::Hold { to, for_ms }, format!("hold {word}{said}")))
    }

    /// The milliseconds of a `for`, and how to say it.
    fn lasting(&self, lasts: Option<&Word>) -> Result<(Option<u64>, String), Mistake> {
        let Some(lasts) = lasts else { return Ok((None, String::new())) };
        let text = self.reading.text(lasts)?;
        Ok((Some(duration::millis(&text)?), format!(" for {}", text.as_str())))
    }

    fn swap(&self, swap: &shape::Swap) -> Done {
        let (target, replacement) =
            both(self.target(&swap.target), self.reading.one_of(&swap.with, &REPLACEMENTS))?;
        let with = self.reading.text(&swap.with)?;
        let said = format!("replace the program of {} by {}", self.scope.targets[target], with.as_str());
        Ok((Action::SwapBinary { target, replacement }, said))
    }

    fn analysis(&self, analysis: &shape::Analysis) -> Done {
        let every = self.reading.text(&analysis.every)?;
        let text = self.reading.text(&analysis.success)?;
        let limit = analysis.failure_limit.as_ref().map(|limit| self.reading.whole(limit, 0..=1_000));
        let counts = both(self.reading.whole(&analysis.count, 1..=1_000), limit.transpose());
        let success = expression::parse(&text, self.scope, Asked::Measured);
        let (every_ms, ((count, limit), success)) = both(duration::millis(&every), both(counts, success))?;
        if let (Some(limit), Some(at)) = (limit, &analysis.failure_limit)
            && limit >= count
        {
            let message = format!("{count} measurements cannot fail more than {limit} times");
            return Err(Mistake::new(codes::OUT_OF_RANGE, &self.reading.at(at), message)
                .help(format!("anything from 0 to {}", count - 1)));
        }
        let (text, failure_limit) = (text.as_str().to_owned(), limit.unwrap_or(0));
        let analysis = Analysis { every_ms, count, success, text, failure_limit };
        let said = format!("analyse every {} × {}: {}", every.as_str(), analysis.count, analysis.text);
        Ok((Action::Analysis(analysis), said))
    }

    fn target(&self, word: &Word) -> Result<usize, Mistake> {
        timeline::target(word, self.reading, self.scope)
    }

    /// The target a word names, or the one that is meant where none is.
    fn target_or_own(&self, word: Option<&Word>, at: &At) -> Result<usize, Mistake> {
        match (word, self.own) {
            (Some(word), _) => self.target(word),
            (None, Some(own)) => Ok(own),
            (None, None) => Err(Mistake::new(codes::MISSING_KEY, at, "`target` is missing")
                .help("it may be left out where there is one target only")),
        }
    }
}

/// The signal of a name, with or without `SIG`.
pub(crate) fn signal(text: &Text) -> Result<Signal, Mistake> {
    let name = text.as_str();
    let bare = name.strip_prefix("SIG").unwrap_or(name);
    SIGNALS.iter().find(|(known, _)| *known == bare).map(|(_, signal)| *signal).ok_or_else(|| {
        Mistake::new(codes::UNKNOWN_SIGNAL, text.at(), format!("`{name}` is not a signal a scenario sends"))
            .known(name, SIGNALS.iter().map(|(known, _)| *known))
    })
}

/// Exactly one action must be there.
pub(crate) fn one_only(keys: Keys, reading: &Reading, head: &At) -> Result<(), Mistake> {
    let mut present = keys.present();
    present.sort_by_key(|(_, span)| span.start);
    match present.as_slice() {
        [_] => Ok(()),
        [] => Err(not_one(head, "nothing is done here")),
        [(first, _), (second, span), ..] => {
            let message = format!("two things are done here: `{first}` and `{second}`");
            Err(not_one(&At::new(&reading.source, span.clone()), &message).label("one at a time"))
        }
    }
}

fn not_one(at: &At, message: &str) -> Mistake {
    let known = shape::KEYS.join(", ");
    Mistake::new(codes::NOT_ONE_ACTION, at, message).help(format!("a step has exactly one of: {known}"))
}
