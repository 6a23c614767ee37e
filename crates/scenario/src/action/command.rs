//! `exec`: a command as a process of a target.

use facts::plan::{Action, Command, Lasts, Selector, Which, Word as Argument};

use super::{Begun, Done};
use crate::{
    codes, duration, folder,
    mistake::{At, Mistake, all, both},
    selector,
    shape::{Exec, Word},
    text::{self, Text},
    timeline,
};

impl Begun<'_> {
    pub(super) fn exec(&self, exec: &Exec, at: &At) -> Done {
        let target = self.target_or_own(exec.target.as_ref(), at)?;
        let names = self.facts(target);
        let later: Vec<&str> = names.iter().map(String::as_str).collect();
        let in_argv = [later.as_slice(), &["pid"]].concat();
        let argv = all(exec.argv.get_ref().iter().map(|word| self.argument(word, target, &in_argv)));
        if exec.argv.get_ref().first().is_none_or(|program| program.get_ref().trim().is_empty()) {
            return Err(Mistake::new(codes::OUT_OF_RANGE, &self.reading.at(&exec.argv), "no program to run"));
        }
        let variable = |(key, value): (&Word, &Word)| {
            Ok((key.get_ref().clone(), self.reading.template(value, &later)?.as_str().to_owned()))
        };
        let (argv, (environment, lasts)) =
            both(argv, both(all(exec.env.iter().map(variable)), self.lasts(exec)))?;
        let command = Command {
            environment: environment.into_iter().collect(),
            lasts,
            upgrades: exec.upgrades.as_ref().is_some_and(|upgrades| *upgrades.get_ref()),
            argv,
        };
        let words = exec.argv.get_ref().iter().map(|word| word.get_ref().as_str());
        let said = format!("exec {}", words.collect::<Vec<_>>().join(" "));
        Ok((Action::Exec { target, command }, said))
    }

    /// What the run fills in for a target.
    fn facts(&self, target: usize) -> Vec<String> {
        let facts = folder::FACTS.iter().map(|fact| (*fact).to_owned());
        facts.chain(self.now[target].options.keys().cloned()).collect()
    }

    fn argument(&self, word: &Word, target: usize, later: &[&str]) -> Result<Argument, Mistake> {
        let raw = self.reading.raw(word);
        if let Some((name, range)) =
            text::placeholders(raw.as_str()).into_iter().find(|(name, _)| is_pid(name))
        {
            if range != (0..raw.as_str().len()) {
                let message = "pids are arguments of their own";
                return Err(Mistake::new(codes::BAD_SELECTOR, &raw.part(range), message)
                    .help(format!("write `\"${{{name}}}\"` as one argument")));
            }
            return Ok(Argument::Pids(self.pids(&raw, name, target)?));
        }
        Ok(Argument::Text(self.reading.template(word, later)?.as_str().to_owned()))
    }

    /// `pid` is the process that the pid file names, `pid.old.master` any that a selector means.
    fn pids(&self, raw: &Text, name: &str, target: usize) -> Result<Selector, Mistake> {
        let members = facts::plan::Members::Master;
        match name.strip_prefix("pid.") {
            None => Ok(Selector { target, generation: Which::Current, members }),
            Some(rest) => selector::of_target(raw, "${pid.".len(), rest, target, self.draws),
        }
    }

    fn lasts(&self, exec: &Exec) -> Result<Lasts, Mistake> {
        let detached = exec.detach.as_ref().filter(|detach| *detach.get_ref());
        match (detached, &exec.exit) {
            (Some(_), Some(exit)) => {
                let message = "a command that is left running has no status to wait for";
                Err(Mistake::new(codes::CONTRADICTION, &self.reading.at(exit), message))
            }
            (Some(_), None) => Ok(Lasts::Stays),
            (None, exit) => {
                let status = exit.as_ref().map(|exit| self.reading.whole(exit, 0..=255)).transpose()?;
                let within_ms = match self.timeout {
                    Some(timeout) => duration::millis(&self.reading.text(timeout)?)?,
                    None => timeline::DEFAULT_WITHIN_MS,
                };
                Ok(Lasts::Ends { status: status.unwrap_or(0) as i32, within_ms })
            }
        }
    }
}

fn is_pid(name: &str) -> bool {
    name == "pid" || name.starts_with("pid.")
}
