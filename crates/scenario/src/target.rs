//! `[target.NAME]`: a folder with the scenario's choices, or a server that the scenario describes itself.

use facts::plan::{Launch, Target};

use crate::{
    action, codes,
    folder::{self, Folder},
    manual::Manual,
    mistake::{At, Mistake, Mistakes},
    reading::Reading,
    scope::Scope,
    sense,
    shape::{self, Word},
    spanned::Spanned,
};

/// Reads the targets of one case.
pub(crate) struct Targets<'a, L> {
    pub(crate) reading: &'a Reading,
    pub(crate) scope: &'a Scope,
    pub(crate) loader: &'a L,
}

impl<L: Fn(&str) -> Result<String, String>> Targets<'_, L> {
    /// The target of a table, and how its verbs are done.
    pub(crate) fn read<'t>(
        &self,
        name: &str,
        table: &'t Spanned<shape::Target>,
        mistakes: &mut Mistakes,
    ) -> Option<(Target, Manual<'t>)> {
        let at = self.reading.head(table);
        let written = table.get_ref();
        let (mut target, manual) = match &written.kind {
            Some(kind) => {
                mistakes.keep(self.not_beside_kind(written));
                let (target, folder) = self.of_folder(name, kind, written, mistakes)?;
                (target, Manual::Folder(Box::new(folder)))
            }
            None => self.own(name, written, &at, mistakes)?,
        };
        self.choices(written, &mut target, mistakes);
        sense::check_weights(written, &target, &self.scope.origins, &at, self.reading, mistakes);
        Some((target, manual))
    }

    fn of_folder(
        &self,
        name: &str,
        kind: &Word,
        table: &shape::Target,
        mistakes: &mut Mistakes,
    ) -> Option<(Target, Folder)> {
        let kind = mistakes.keep(self.reading.text(kind))?;
        let folder = mistakes.keep(folder::read(kind.as_str(), kind.at(), self.loader))?;
        let config = match &table.config {
            Some(config) => mistakes.keep(self.reading.text(config))?,
            None => kind.clone(),
        };
        let config_name = if table.config.is_some() { config.as_str() } else { "default" };
        let target = folder.target(name, config_name, config.at(), self.loader, mistakes)?;
        Some((target, folder))
    }

    /// A server of the scenario's own: what it does not say is what a plain server does.
    fn own<'t>(
        &self,
        name: &str,
        table: &'t shape::Target,
        at: &At,
        mistakes: &mut Mistakes,
    ) -> Option<(Target, Manual<'t>)> {
        let (Some(program), Some(start)) = (&table.program, &table.start) else {
            let message = "neither `kind` nor both of `program` and `start`";
            mistakes.add(Mistake::new(codes::MISSING_KEY, at, message).help(
                "such as `kind = \"nginx\"`, or `program = \"/usr/sbin/mine\"` and `start = [\"${program}\", \"--listen\", \"${address}\"]`",
            ));
            return None;
        };
        let program = mistakes.keep(self.reading.text(program))?;
        mistakes.keep(folder::check_verbs(&table.verbs, self.reading));
        let templates = |words: &[Word], mistakes: &mut Mistakes| -> Vec<String> {
            words.iter().map(|word| self.template(Some(word), mistakes)).collect()
        };
        let stays = table.stays.as_ref().map_or(table.pid_file.is_none(), |stays| *stays.get_ref());
        let target = Target {
            name: name.to_owned(),
            kind: name.to_owned(),
            install: format!("install {}", program.as_str()),
            program: program.as_str().to_owned(),
            version: templates(table.version.as_deref().unwrap_or_default(), mistakes),
            start: templates(start.get_ref(), mistakes),
            launch: if stays { Launch::Stays } else { Launch::Daemonises },
            files: self.files(table, mistakes),
            pid_file: self.template(table.pid_file.as_ref(), mistakes),
            oldbin: self.template(table.oldbin.as_ref(), mistakes),
            log: self.template(table.log.as_ref(), mistakes),
            worker_title: self.template(table.worker_title.as_ref(), mistakes),
            upgrade_signal: Some(facts::plan::Signal::Usr2),
            reload_signal: Some(facts::plan::Signal::Hup),
            ..Target::default()
        };
        Some((target, Manual::Own { verbs: &table.verbs, reading: self.reading.clone() }))
    }

    /// A text that the run fills; empty when it is not there.
    fn template(&self, word: Option<&Word>, mistakes: &mut Mistakes) -> String {
        let text = word.map(|word| self.reading.template(word, &folder::FACTS));
        let text = text.and_then(|text| mistakes.keep(text));
        text.map(|text| text.as_str().to_owned()).unwrap_or_default()
    }

    fn files(&self, table: &shape::Target, mistakes: &mut Mistakes) -> Vec<(String, String)> {
        let file = |(name, text): (&Word, &Word)| {
            let plain = !name.get_ref().is_empty()
                && !name.get_ref().contains('/')
                && !name.get_ref().starts_with('.');
            if !plain {
                let message = format!("`{}` is not the name of a file in the run directory", name.get_ref());
                mistakes.add(Mistake::new(codes::BAD_NAME, &self.reading.at(name), message));
            }
            (name.get_ref().clone(), self.template(Some(text), mistakes))
        };
        table.files.iter().map(file).collect()
    }

    /// A folder says these itself.
    fn not_beside_kind(&self, table: &shape::Target) -> Result<(), Mistake> {
        let spans = [
            ("start", table.start.as_ref().map(Spanned::span)),
            ("pid_file", table.pid_file.as_ref().map(Spanned::span)),
            ("oldbin", table.oldbin.as_ref().map(Spanned::span)),
            ("log", table.log.as_ref().map(Spanned::span)),
            ("worker_title", table.worker_title.as_ref().map(Spanned::span)),
            ("stays", table.stays.as_ref().map(Spanned::span)),
            ("files", table.files.keys().next().map(Spanned::span)),
            ("verbs", table.verbs.keys().next().map(Spanned::span)),
        ];
        match spans.into_iter().find_map(|(key, span)| Some((key, span?))) {
            None => Ok(()),
            Some((key, span)) => {
                let message = format!("with `kind`, the folder says `{key}`");
                Err(Mistake::new(codes::CONTRADICTION, &At::new(&self.reading.source, span), message)
                    .help("without `kind` the table describes a server of its own"))
            }
        }
    }

    /// What the scenario chooses of what the folder leaves open. After a mistake the folder's own choice stays, so
    /// that the rest of the file can still be read.
    fn choices(&self, table: &shape::Target, target: &mut Target, mistakes: &mut Mistakes) {
        // Only a server that has none by itself can do without workers.
        let least = u32::from(table.kind.is_some() && target.workers > 0);
        let workers = table.workers.as_ref().map(|workers| self.reading.whole(workers, least..=1024));
        if let Some(workers) = workers.and_then(|workers| mistakes.keep(workers)) {
            target.workers = workers;
        }
        if let Some(options) = mistakes.keep(action::options(&table.options, target, self.reading)) {
            target.options = action::merged(&target.options, options);
        }
        let weights = mistakes.keep(action::weights(&table.weights, self.reading, self.scope));
        target.weights = weights.unwrap_or_default();
        let program = table.program.as_ref().map(|program| self.reading.text(program));
        if let Some(program) = program.and_then(|program| mistakes.keep(program)) {
            if program.as_str().trim().is_empty() {
                mistakes.add(Mistake::new(codes::OUT_OF_RANGE, program.at(), "no program to run"));
            }
            target.program = program.as_str().to_owned();
        }
        for (key, value) in &table.env {
            if key.get_ref().is_empty() || key.get_ref().contains(['=', '\0']) {
                let message = format!("`{}` cannot be the name of a variable", key.get_ref());
                mistakes.add(Mistake::new(codes::BAD_NAME, &self.reading.at(key), message));
            }
            target.environment.insert(key.get_ref().clone(), self.template(Some(value), mistakes));
        }
    }
}
