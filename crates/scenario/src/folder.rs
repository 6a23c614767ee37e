//! Target folders: everything the harness needs to know about a server, as text.

use std::{collections::BTreeMap, rc::Rc};

use facts::plan::{self, Launch, Signal};
use serde::Deserialize;

use crate::{
    action,
    behaviour::KINDS,
    codes,
    mistake::{At, Mistake, Mistakes, Source},
    reading::{self, Reading},
    shape::{self, Named, Word},
    spanned::Spanned,
    text,
};

/// What the harness fills in when it starts a target, beside the target's options.
/// `pid_directory` is `run`, but for a plan that makes it fail.
pub(crate) const FACTS: [&str; 10] =
    ["name", "program", "run", "pid_directory", "address", "ip", "port", "workers", "members", "user"];
/// What the harness fills in for one upstream member.
const MEMBER_FACTS: [&str; 3] = ["member", "address", "weight"];
const DEFAULT_WORKERS: u32 = 2;

/// `target.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shape {
    install: Word,
    program: Word,
    version: Vec<Word>,
    start: Vec<Word>,
    pid_file: Option<Word>,
    oldbin: Option<Word>,
    log: Option<Word>,
    workers: Option<Spanned<i64>>,
    worker_title: Option<Word>,
    stays: Option<Spanned<bool>>,
    #[serde(default)]
    env: Named<Word>,
    upgrade_signal: Option<Word>,
    reload_signal: Option<Word>,
    stop_signal: Option<Word>,
    #[serde(default)]
    remains: Vec<Word>,
    #[serde(default)]
    failpoints: Vec<Word>,
    failpoint_program: Option<Word>,
    /// How a scenario of that path fails on this server.
    #[serde(default)]
    pub(crate) known_failure: Named<shape::KnownFailure>,
    /// Kinds of clients that this server cannot serve whatever its configuration, and why.
    #[serde(default)]
    pub(crate) lacks: Named<Word>,
    /// Kinds of clients that only these configurations serve.
    #[serde(default)]
    pub(crate) only_in: Named<Vec<Word>>,
    /// How each of its configurations chooses a member.
    #[serde(default)]
    method: Named<Word>,
    /// Other lists of the members, by the names that templates have for them.
    #[serde(default)]
    list: Named<Line>,
    member: Option<Word>,
    member_down: Option<Word>,
    #[serde(default)]
    promises: Vec<Word>,
    #[serde(default)]
    options: Named<Word>,
    #[serde(default)]
    config: Named<Named<Word>>,
    #[serde(default)]
    pub(crate) verbs: Named<Vec<Spanned<shape::Step>>>,
}

/// How a list writes one member.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ up = \"server ${address};\", down = \"\" }`")]
struct Line {
    up: Word,
    down: Word,
}

/// A folder that was read.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) kind: String,
    pub(crate) shape: Shape,
    pub(crate) reading: Reading,
}

/// Reads the folder of `kind`, which is named at `at`.
pub(crate) fn read(
    kind: &str,
    at: &At,
    loader: &impl Fn(&str) -> Result<String, String>,
) -> Result<Folder, Mistake> {
    let plain = !kind.is_empty() && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !plain {
        return Err(Mistake::new(
            codes::NO_TARGET_FOLDER,
            at,
            format!("`{kind}` is not the name of a folder"),
        ));
    }
    let name = format!("targets/{kind}/target.toml");
    let text = loader(&name).map_err(|why| {
        Mistake::new(codes::NO_TARGET_FOLDER, at, format!("no target `{kind}`: {why}"))
            .help("a target is a folder of text under `scenarios/targets/`; see scenarios/README.md")
    })?;
    let source = Rc::new(Source::new(name, text));
    let shape = reading::shape(&source)?;
    Ok(Folder { kind: kind.to_owned(), shape, reading: Reading { source, values: Vec::new() } })
}

impl Folder {
    /// The target as a plan keeps it, with the scenario's own choices still to be made.
    pub(crate) fn target(
        &self,
        name: &str,
        config: &str,
        at: &At,
        loader: &impl Fn(&str) -> Result<String, String>,
        mistakes: &mut Mistakes,
    ) -> Option<plan::Target> {
        let shape = &self.shape;
        let template = |word: &Word, mistakes: &mut Mistakes| self.template(word, &self.facts(), mistakes);
        let files = mistakes.keep(self.files(config, at, loader))?;
        for (source, _) in &files {
            self.check_placeholders(source, mistakes);
        }
        mistakes.keep(check_verbs(&shape.verbs, &self.reading));
        mistakes.keep(check_kinds(&shape.lacks, &self.reading));
        mistakes.keep(check_kinds(&shape.only_in, &self.reading));
        let optional = |word: Option<&Word>, mistakes: &mut Mistakes| {
            word.map(|word| template(word, mistakes)).unwrap_or_default()
        };
        let stays = shape.stays.as_ref().is_some_and(|stays| *stays.get_ref());
        let words = |words: &[Word]| words.iter().map(|word| word.get_ref().clone()).collect();
        Some(plan::Target {
            name: name.to_owned(),
            kind: self.kind.clone(),
            install: shape.install.get_ref().clone(),
            program: shape.program.get_ref().clone(),
            version: words(&shape.version),
            start: shape.start.iter().map(|word| template(word, mistakes)).collect(),
            launch: if stays { Launch::Stays } else { Launch::Daemonises },
            environment: shape
                .env
                .iter()
                .map(|(key, value)| (key.get_ref().clone(), template(value, mistakes)))
                .collect(),
            files: files.into_iter().map(|(source, name)| (name, source.text.clone())).collect(),
            pid_file: optional(shape.pid_file.as_ref(), mistakes),
            oldbin: optional(shape.oldbin.as_ref(), mistakes),
            log: optional(shape.log.as_ref(), mistakes),
            workers: self.workers(mistakes).unwrap_or(DEFAULT_WORKERS),
            worker_title: shape.worker_title.as_ref().map(|word| word.get_ref().clone()).unwrap_or_default(),
            upgrade_signal: self.signal(shape.upgrade_signal.as_ref(), Some(Signal::Usr2), mistakes),
            reload_signal: self.signal(shape.reload_signal.as_ref(), Some(Signal::Hup), mistakes),
            stop_signal: self.signal(shape.stop_signal.as_ref(), None, mistakes),
            remains: words(&shape.remains),
            options: self.options(),
            member: self.member(shape.member.as_ref(), mistakes),
            member_down: self.member(shape.member_down.as_ref(), mistakes),
            lists: self.lists(mistakes),
            method: self.method(config, mistakes),
            weights: BTreeMap::new(),
            promises: self.promises(mistakes),
            failpoints: words(&shape.failpoints),
            failpoint_program: shape
                .failpoint_program
                .as_ref()
                .map(|word| word.get_ref().clone())
                .unwrap_or_default(),
        })
    }

    /// The signal a word names; `none` and nothing are none.
    fn signal(
        &self,
        word: Option<&Word>,
        default: Option<Signal>,
        mistakes: &mut Mistakes,
    ) -> Option<Signal> {
        let Some(word) = word else { return default };
        let text = self.reading.raw(word);
        if matches!(text.as_str(), "none" | "") { None } else { mistakes.keep(action::signal(&text)) }
    }

    fn workers(&self, mistakes: &mut Mistakes) -> Option<u32> {
        let written = self.shape.workers.as_ref()?;
        mistakes.keep(self.reading.whole(written, 0..=1024))
    }

    fn promises(&self, mistakes: &mut Mistakes) -> Vec<String> {
        let promise = |word: &Word| {
            let text = self.reading.raw(word);
            mistakes.keep(reading::check_name(&text)).map(|()| text.as_str().to_owned())
        };
        self.shape.promises.iter().filter_map(promise).collect()
    }

    fn options(&self) -> BTreeMap<String, String> {
        let pair = |(key, value): (&Word, &Word)| (key.get_ref().clone(), value.get_ref().clone());
        self.shape.options.iter().map(pair).collect()
    }

    /// Everything a template of this folder may name.
    fn facts(&self) -> Vec<&str> {
        let options = self.shape.options.keys().map(|key| key.get_ref().as_str());
        let lists = self.shape.list.keys().map(|key| key.get_ref().as_str());
        FACTS.into_iter().chain(options).chain(lists).collect()
    }

    /// The templates of a configuration, with the names they get in the run directory.
    fn files(
        &self,
        config: &str,
        at: &At,
        loader: &impl Fn(&str) -> Result<String, String>,
    ) -> Result<Vec<(Rc<Source>, String)>, Mistake> {
        let Some((_, files)) = self.shape.config.iter().find(|(name, _)| name.get_ref() == config) else {
            if config == "default" {
                return Ok(Vec::new());
            }
            let known = self.shape.config.keys().map(|name| name.get_ref().as_str());
            let message = format!("target `{}` has no configuration `{config}`", self.kind);
            return Err(Mistake::new(codes::UNKNOWN_OPTION, at, message).known(config, known));
        };
        files.iter().map(|(name, path)| Ok((self.file(path, loader)?, name.get_ref().clone()))).collect()
    }

    fn file(
        &self,
        path: &Word,
        loader: &impl Fn(&str) -> Result<String, String>,
    ) -> Result<Rc<Source>, Mistake> {
        let name = join(&format!("targets/{}", self.kind), path.get_ref());
        let text = loader(&name).map_err(|why| {
            let message = format!("cannot read `{name}`: {why}");
            Mistake::new(codes::NO_TARGET_FOLDER, &self.reading.at(path), message)
        })?;
        Ok(Rc::new(Source::new(name, text)))
    }

    fn template(&self, word: &Word, known: &[&str], mistakes: &mut Mistakes) -> String {
        let raw = self.reading.raw(word);
        for (name, range) in text::placeholders(raw.as_str()) {
            if !known.contains(&name) {
                mistakes.add(text::unknown(name, &raw.part(range), known.iter().copied()));
            }
        }
        raw.as_str().to_owned()
    }

    fn lists(&self, mistakes: &mut Mistakes) -> BTreeMap<String, plan::Line> {
        let list = |(name, line): (&Word, &Line)| {
            let [up, down] = [&line.up, &line.down].map(|word| self.member(Some(word), mistakes));
            (name.get_ref().clone(), plan::Line { up, down })
        };
        self.shape.list.iter().map(list).collect()
    }

    fn method(&self, config: &str, mistakes: &mut Mistakes) -> String {
        let method = self.shape.method.iter().find(|(name, _)| name.get_ref() == config);
        method.map(|(_, word)| self.template(word, &self.facts(), mistakes)).unwrap_or_default()
    }

    fn member(&self, word: Option<&Word>, mistakes: &mut Mistakes) -> String {
        let options = self.shape.options.keys().map(|key| key.get_ref().as_str());
        let known: Vec<&str> = MEMBER_FACTS.into_iter().chain(options).collect();
        word.map(|word| self.template(word, &known, mistakes)).unwrap_or_default()
    }

    fn check_placeholders(&self, source: &Rc<Source>, mistakes: &mut Mistakes) {
        let known = self.facts();
        for (name, range) in text::placeholders(&source.text) {
            if !known.contains(&name) {
                mistakes.add(text::unknown(name, &At::new(source, range), known.iter().copied()));
            }
        }
    }
}

/// A kind that is misspelled would never be skipped, nor refused.
fn check_kinds<T>(kinds: &Named<T>, reading: &Reading) -> Result<(), Mistake> {
    kinds.keys().try_for_each(|kind| reading.one_of(kind, &KINDS).map(drop))
}

/// Verbs are known words: a misspelt one would be a verb that the target lacks.
pub(crate) fn check_verbs(
    verbs: &Named<Vec<Spanned<shape::Step>>>,
    reading: &Reading,
) -> Result<(), Mistake> {
    let Some(stranger) = verbs.keys().find(|verb| !shape::VERBS.contains(&verb.get_ref().as_str())) else {
        return Ok(());
    };
    let message = format!("`{}` is not a verb", stranger.get_ref());
    Err(Mistake::new(codes::UNKNOWN_WORD, &reading.at(stranger), message)
        .known(stranger.get_ref(), shape::VERBS))
}

/// `targets/nginx` and `../nginx.conf` make `targets/nginx.conf`.
fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_template_may_be_shared_by_folders() {
        assert_eq!(super::join("targets/nginx", "../nginx.conf"), "targets/nginx.conf");
        assert_eq!(super::join("targets/nginx", "./own.conf"), "targets/nginx/own.conf");
    }
}
