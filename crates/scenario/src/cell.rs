//! One cell of the matrix: the file with every `${…}` filled, turned into a plan.

use std::collections::BTreeSet;

use facts::plan::{Case, Claim, Expectation, Origin, Plan, Population, Target};

use crate::{
    action, codes, duration,
    expression::{self, Asked},
    folder::{self, Folder},
    mistake::{Mistake, Mistakes},
    population,
    reading::{self, Reading},
    scope::Scope,
    shape::{self, File, Named, Word},
    text,
    timeline::{self, Timeline},
};

/// What every server must do in every scenario.
pub const DEFAULT_CHECKS: [&str; 9] = [
    "sealed",
    "generator",
    "identities",
    "steps",
    "covered",
    "every-attempt-ok",
    "served-in-every-phase",
    "nothing-left-behind",
    "no-corruption",
];
const DEFAULT_DEADLINE_MS: u64 = 60_000;
const DEFAULT_MINIMUM_SAMPLES: u64 = 1_000;
const LAYOUT: u32 = 1;

/// The plan of one cell, and the mistakes on the way.
pub(crate) struct Cell<'a, L> {
    pub(crate) file: &'a File,
    pub(crate) reading: Reading,
    pub(crate) loader: &'a L,
    pub(crate) id: String,
}

impl<L: Fn(&str) -> Result<String, String>> Cell<'_, L> {
    pub(crate) fn plan(&self, mistakes: &mut Mistakes) -> Option<Plan> {
        let file = self.file;
        let mut scope = self.names(mistakes);
        scope.phases = timeline::phases(&file.step, &self.reading, mistakes);
        self.check_clashes(&scope, mistakes);
        let targets = self.targets(&scope, mistakes);
        let populations = self.populations(&scope, mistakes);
        let known: &[Target] = targets.as_ref().map_or(&[], |(targets, _)| targets);
        let expectations = self.expectations(&scope, known, mistakes);
        let must_fail = self.must_fail(mistakes);
        let (targets, folders) = targets?;
        let timeline = Timeline {
            reading: &self.reading,
            scope: &scope,
            folders: &folders,
            mistakes,
            now: targets.clone(),
            steps: Vec::new(),
        };
        let steps = timeline.run(&file.step);
        Some(Plan {
            schema: LAYOUT,
            case: self.case(mistakes)?,
            seed: file.seed.unwrap_or(1),
            deadline_ms: self.deadline(mistakes)?,
            minimum_samples: file.minimum_samples.unwrap_or(DEFAULT_MINIMUM_SAMPLES),
            origins: scope.origins.iter().map(|name| Origin { name: name.clone() }).collect(),
            phases: scope.phases,
            populations,
            steps,
            expectations,
            known_failure: self.known_failure(&targets),
            must_fail,
            targets,
        })
    }

    fn case(&self, mistakes: &mut Mistakes) -> Option<Case> {
        let title = mistakes.keep(self.reading.text(&self.file.name))?;
        let tags = self.file.tags.iter().filter_map(|tag| mistakes.keep(self.reading.text(tag)));
        Some(Case {
            id: self.id.clone(),
            file: self.reading.source.name.clone(),
            title: title.as_str().to_owned(),
            tags: tags.map(|tag| tag.as_str().to_owned()).collect(),
        })
    }

    fn deadline(&self, mistakes: &mut Mistakes) -> Option<u64> {
        let Some(deadline) = &self.file.deadline else { return Some(DEFAULT_DEADLINE_MS) };
        mistakes.keep(self.reading.text(deadline).and_then(|text| duration::millis(&text)))
    }

    fn must_fail(&self, mistakes: &mut Mistakes) -> bool {
        let must = self.file.must.as_ref();
        must.is_some_and(|must| {
            mistakes.keep(self.reading.one_of(must, &[("fail", true), ("pass", false)])).unwrap_or(false)
        })
    }

    fn names(&self, mistakes: &mut Mistakes) -> Scope {
        Scope {
            targets: names(&self.file.target, &self.reading, mistakes),
            origins: names(&self.file.origin, &self.reading, mistakes),
            populations: names(&self.file.load, &self.reading, mistakes),
            phases: Vec::new(),
        }
    }

    /// `lost(drain)` must not be able to mean two things.
    fn check_clashes(&self, scope: &Scope, mistakes: &mut Mistakes) {
        for key in self.file.load.keys().filter(|key| scope.phases.contains(key.get_ref())) {
            let message = format!("`{}` is also the name of a phase", key.get_ref());
            mistakes.add(Mistake::new(codes::BAD_NAME, &self.reading.at(key), message));
        }
    }

    fn targets(&self, scope: &Scope, mistakes: &mut Mistakes) -> Option<(Vec<Target>, Vec<Folder>)> {
        let tables = self.file.target.iter();
        let read: Vec<_> =
            tables.map(|(name, table)| self.target(name.get_ref(), table, scope, mistakes)).collect();
        Some(read.into_iter().collect::<Option<Vec<_>>>()?.into_iter().unzip())
    }

    fn target(
        &self,
        name: &str,
        table: &shape::Target,
        scope: &Scope,
        mistakes: &mut Mistakes,
    ) -> Option<(Target, Folder)> {
        let kind = mistakes.keep(self.reading.text(&table.kind))?;
        let folder = mistakes.keep(folder::read(kind.as_str(), kind.at(), self.loader))?;
        let config = match &table.config {
            Some(config) => mistakes.keep(self.reading.text(config))?,
            None => kind.clone(),
        };
        let config_name = if table.config.is_some() { config.as_str() } else { "default" };
        let mut target = folder.target(name, config_name, config.at(), self.loader, mistakes)?;
        self.choices(table, scope, &mut target, mistakes);
        let lists_members = target.files.iter().any(|(_, template)| has_members(template));
        if lists_members && table.weights.is_empty() {
            let message = "this configuration spreads requests over origins, but `weights` names none";
            let mistake = Mistake::new(codes::CONTRADICTION, config.at(), message);
            mistakes.add(mistake.help("such as `weights = { a = 100, b = 0 }`"));
        }
        Some((target, folder))
    }

    /// What the scenario chooses of what the folder leaves open. After a mistake the folder's own choice stays, so
    /// that the rest of the file can still be read.
    fn choices(&self, table: &shape::Target, scope: &Scope, target: &mut Target, mistakes: &mut Mistakes) {
        let workers = table.workers.as_ref().map(|workers| self.reading.whole(workers, 0..=1024));
        if let Some(workers) = workers.and_then(|workers| mistakes.keep(workers)) {
            target.workers = workers;
        }
        if let Some(options) = mistakes.keep(action::options(&table.options, target, &self.reading)) {
            target.options = timeline::merged(&target.options, options);
        }
        let weights = mistakes.keep(action::weights(&table.weights, &self.reading, scope));
        target.weights = weights.unwrap_or_default();
    }

    fn populations(&self, scope: &Scope, mistakes: &mut Mistakes) -> Vec<Population> {
        let tables = self.file.load.iter();
        tables
            .filter_map(|(name, load)| {
                population::population(name.get_ref(), load, &self.reading, scope, mistakes)
            })
            .collect()
    }

    fn known_failure(&self, targets: &[Target]) -> Option<String> {
        let applies = |kind: &Word| targets.iter().any(|target| target.kind == *kind.get_ref());
        self.file.known_failure.iter().find(|(kind, _)| applies(kind)).map(|(_, why)| why.get_ref().clone())
    }

    /// The file's own lines, those for the kinds of this cell, then what holds of every server and of these targets.
    fn expectations(&self, scope: &Scope, targets: &[Target], mistakes: &mut Mistakes) -> Vec<Expectation> {
        let expect = &self.file.expect;
        let on: Vec<_> =
            expect.on.iter().filter(|(kind, _)| targets.iter().any(|t| t.kind == *kind.get_ref())).collect();
        let finally = expect.finally.iter().chain(on.iter().flat_map(|(_, on)| &on.finally));
        let mut expectations: Vec<Expectation> =
            finally.filter_map(|line| mistakes.keep(self.holds(line, scope))).collect();
        let checks = expect.checks.iter().chain(on.iter().flat_map(|(_, on)| &on.checks));
        expectations.extend(checks.filter_map(|check| mistakes.keep(self.named_check(check))));
        let promised = targets.iter().flat_map(|target| target.promises.iter().map(String::as_str));
        let unplaced: BTreeSet<&str> = promised.filter(|name| !DEFAULT_CHECKS.contains(name)).collect();
        expectations.extend(DEFAULT_CHECKS.into_iter().chain(unplaced).map(check));
        expectations
    }

    fn holds(&self, line: &Word, scope: &Scope) -> Result<Expectation, Mistake> {
        let text = self.reading.text(line)?;
        let holds = expression::parse(&text, scope, Asked::Finally)?;
        let place = Some(text.at().place());
        Ok(Expectation { place, text: text.as_str().to_owned(), claim: Claim::Holds(holds) })
    }

    fn named_check(&self, name: &Word) -> Result<Expectation, Mistake> {
        let text = self.reading.text(name)?;
        reading::check_name(&text)?;
        Ok(Expectation { place: Some(text.at().place()), ..check(text.as_str()) })
    }
}

fn check(name: &str) -> Expectation {
    Expectation { place: None, text: name.to_owned(), claim: Claim::Check(name.to_owned()) }
}

fn has_members(template: &str) -> bool {
    text::placeholders(template).iter().any(|(name, _)| *name == "members")
}

fn names<T>(tables: &Named<T>, reading: &Reading, mistakes: &mut Mistakes) -> Vec<String> {
    // A bad name stays in the list: its index is still right, and it is not also unknown.
    tables
        .keys()
        .map(|key| mistakes.keep(reading::name(&reading.raw(key))).unwrap_or_else(|| key.get_ref().clone()))
        .collect()
}
