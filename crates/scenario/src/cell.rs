//! One cell of the matrix: the file with every `${…}` filled, turned into a plan.

use diagnostic::closest;
use facts::{
    fault::{Fault, NotPlanted, Planted},
    plan::{Action, Case, Expectation, KnownFailure, Origin, Plan, Population, Step, Target},
};

use crate::{
    behaviour::{KINDS, Kind},
    codes, duration, expectations, known_failure,
    manual::Manual,
    mistake::{Mistake, Mistakes},
    network, phase, population, reaction,
    reading::{self, Reading},
    requirement,
    scope::{Id, Scope},
    sense,
    shape::{self, File, Load, Named, Word},
    spanned::Spanned,
    target::Targets,
    timeline::{Made, Timeline},
};

const DEFAULT_DEADLINE_MS: u64 = 60_000;
const DEFAULT_MINIMUM_SAMPLES: u64 = 1_000;
const DEFAULT_SEED: u64 = 1;
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
        scope.phases = phase::phases(&file.step, &self.reading, mistakes);
        self.check_clashes(&scope, mistakes);
        let targets = self.targets(&scope, mistakes);
        let populations = self.populations(&scope, mistakes);
        let made = targets.as_ref().map(|(targets, manuals)| self.steps(targets, manuals, &scope, mistakes));
        scope.ids = made.as_ref().map_or_else(|| self.unmade_ids(), |made| made.ids.clone());
        let known: &[Target] = targets.as_ref().map_or(&[], |(targets, _)| targets);
        let reactions = reaction::reactions(&file.on, known, &self.reading, &scope, mistakes);
        let (case, deadline_ms) = (self.case(mistakes), self.deadline(mistakes));
        let limit = deadline_ms.unwrap_or(u64::MAX);
        let of = (known, reactions.as_slice());
        let expectations =
            expectations::expectations(&file.expect, of, limit, &self.reading, &scope, mistakes);
        let must_fail = self.must_fail(mistakes);
        let repeat = self.repeat(mistakes);
        let ((targets, manuals), Made { steps, skip, .. }) = (targets?, made?);
        let known_failure = self.known_failure(&targets, &manuals, &expectations, mistakes);
        let must = file.must.as_ref().filter(|_| must_fail);
        sense::check_must(must, &expectations, known_failure.is_some(), &self.reading, mistakes);
        sense::check_deadline(file, &steps, limit, &self.reading, mistakes);
        sense::check_origins(file, &targets, &self.reading, mistakes);
        self.check_configurations(&populations, &manuals, mistakes);
        let requires = self.requires(&targets, &steps, mistakes);
        let network = network::network(&file.network, &requires, &self.reading, mistakes);
        let plan = Plan {
            schema: LAYOUT,
            case: case?,
            seed: DEFAULT_SEED,
            repeat: repeat?,
            requires,
            network,
            skip: skip
                .or_else(|| cannot_fail_its_disk(&targets, &steps))
                .or_else(|| self.cannot_serve(&populations, &manuals)),
            deadline_ms: deadline_ms?,
            minimum_samples: file.minimum_samples.unwrap_or(DEFAULT_MINIMUM_SAMPLES),
            origins: self.origins(mistakes),
            phases: scope.phases,
            populations,
            steps,
            reactions,
            expectations,
            known_failure,
            must_fail,
            targets,
        };
        let plan = with_failpoint_programs(plan);
        Some(plan.seeded(file.seed.unwrap_or(DEFAULT_SEED)))
    }

    fn steps(&self, targets: &[Target], manuals: &[Manual], scope: &Scope, mistakes: &mut Mistakes) -> Made {
        let (reading, now) = (&self.reading, targets.to_vec());
        Timeline {
            reading,
            scope,
            manuals,
            mistakes,
            now,
            drained: Default::default(),
            made: Made::default(),
        }
        .run(&self.file.step)
    }

    /// The ids of a file whose steps could not be made, so that they are not also unknown.
    fn unmade_ids(&self) -> Vec<Id> {
        let ids = self.file.step.iter().filter_map(|step| step.get_ref().id.as_ref());
        ids.map(|id| Id { name: id.get_ref().clone(), first: 0, last: 0 }).collect()
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

    fn repeat(&self, mistakes: &mut Mistakes) -> Option<u32> {
        let Some(repeat) = &self.file.repeat else { return Some(1) };
        mistakes.keep(self.reading.whole(repeat, 1..=1_000_000))
    }

    fn must_fail(&self, mistakes: &mut Mistakes) -> bool {
        let must = self.file.must.as_ref();
        must.is_some_and(|must| {
            mistakes.keep(self.reading.one_of(must, &[("fail", true), ("pass", false)])).unwrap_or(false)
        })
    }

    fn requires(
        &self,
        targets: &[Target],
        steps: &[Step],
        mistakes: &mut Mistakes,
    ) -> Vec<facts::plan::Requirement> {
        let is_kind = |name: &str| (self.loader)(&format!("targets/{name}/target.toml")).is_ok();
        let mut required =
            requirement::requirements(&self.file.requires, targets, steps, is_kind, &self.reading, mistakes);
        let netns = facts::plan::Requirement::Netns;
        if !self.file.network.sysctl.is_empty() && !required.contains(&netns) {
            required.push(netns);
        }
        required
    }

    fn names(&self, mistakes: &mut Mistakes) -> Scope {
        Scope {
            targets: names(&self.file.target, &self.reading, mistakes),
            origins: names(&self.file.origin, &self.reading, mistakes),
            populations: names(&self.file.load, &self.reading, mistakes),
            kinds: self.file.load.values().map(|load| self.kind(load)).collect(),
            ..Scope::default()
        }
    }

    fn kind(&self, load: &Spanned<Load>) -> Option<Kind> {
        self.reading.one_of(&load.get_ref().kind, &KINDS).ok()
    }

    /// `lost(drain)` must not be able to mean two things.
    fn check_clashes(&self, scope: &Scope, mistakes: &mut Mistakes) {
        for key in self.file.load.keys().filter(|key| scope.phases.contains(key.get_ref())) {
            let message = format!("`{}` is also the name of a phase", key.get_ref());
            mistakes.add(Mistake::new(codes::BAD_NAME, &self.reading.at(key), message));
        }
    }

    fn targets(&self, scope: &Scope, mistakes: &mut Mistakes) -> Option<(Vec<Target>, Vec<Manual<'_>>)> {
        let targets = Targets { reading: &self.reading, scope, loader: self.loader };
        let tables = self.file.target.iter();
        let read: Vec<_> =
            tables.map(|(name, table)| targets.read(name.get_ref(), table, mistakes)).collect();
        Some(read.into_iter().collect::<Option<Vec<_>>>()?.into_iter().unzip())
    }

    fn origins(&self, mistakes: &mut Mistakes) -> Vec<Origin> {
        let mut origin = |(name, table): (&Word, &shape::Origin)| Origin {
            name: name.get_ref().clone(),
            faults: table.faults.iter().filter_map(|fault| mistakes.keep(self.fault(fault))).collect(),
        };
        self.file.origin.iter().map(&mut origin).collect()
    }

    /// A fault of an origin, spelled as the origin takes it.
    fn fault(&self, word: &Word) -> Result<String, Mistake> {
        let text = self.reading.text(word)?;
        let Err(why) = Planted::parse(text.as_str()) else { return Ok(text.as_str().to_owned()) };
        let message = format!("`{}` is not a fault of an origin", text.as_str());
        let help = match why {
            NotPlanted::NoNumber(fault) => format!("write `{}-every=N`: each N-th, from 1", fault.name()),
            NotPlanted::Unknown => unknown_fault(text.as_str()),
        };
        Err(Mistake::new(codes::UNKNOWN_WORD, text.at(), message).help(help))
    }

    fn populations(&self, scope: &Scope, mistakes: &mut Mistakes) -> Vec<Population> {
        let tables = self.file.load.iter();
        let populations = tables
            .filter_map(|(name, load)| {
                population::population(name.get_ref(), load, &self.reading, scope, mistakes)
            })
            .collect::<Vec<_>>();
        sense::check_ordinary(self.file, &populations, &self.reading, mistakes);
        populations
    }

    /// A configuration that passes no upgrades would answer each handshake with a page, and the run would blame the server.
    fn check_configurations(&self, populations: &[Population], manuals: &[Manual], mistakes: &mut Mistakes) {
        for population in populations {
            let Some((_, load)) = self.file.load.iter().find(|(name, _)| *name.get_ref() == population.name)
            else {
                continue;
            };
            let Some((_, target)) = self.file.target.iter().nth(population.target) else { continue };
            let Some(kind) = mistakes.keep(self.reading.text(&load.get_ref().kind)) else { continue };
            let config = target.get_ref().config.as_ref().map(|config| self.reading.text(config));
            let Some(config) = mistakes.keep(config.transpose()) else { continue };
            let config = config.as_ref().map_or("default", |config| config.as_str());
            let only = manuals.get(population.target).and_then(|manual| manual.only_in(kind.as_str()));
            if let Some(only) = only.filter(|only| !only.contains(&config)) {
                let target =
                    &self.file.target.keys().nth(population.target).map_or("", |name| name.get_ref());
                let message =
                    format!("the configuration `{config}` of `{target}` serves no `{}`", kind.as_str());
                let help = format!("write `config = \"{}\"` in `[target.{target}]`", only.join("\"` or `\""));
                mistakes.add(Mistake::new(codes::CONTRADICTION, kind.at(), message).help(help));
            }
        }
    }

    /// Why a target cannot serve some of its clients.
    fn cannot_serve(&self, populations: &[Population], manuals: &[Manual]) -> Option<String> {
        let kind_of = |population: &Population| {
            let table = self.file.load.iter().find(|(name, _)| *name.get_ref() == population.name)?;
            self.reading.text(&table.1.get_ref().kind).ok()
        };
        populations
            .iter()
            .find_map(|population| manuals.get(population.target)?.lacks(kind_of(population)?.as_str()))
    }

    /// What this file knows of the kinds of this case, or what their folders know of this file.
    fn known_failure(
        &self,
        targets: &[Target],
        manuals: &[Manual],
        expectations: &[Expectation],
        mistakes: &mut Mistakes,
    ) -> Option<KnownFailure> {
        let is_here = |kind: &str| targets.iter().any(|target| target.kind == kind);
        let own = self.file.known_failure.iter().find(|(kind, _)| is_here(kind.get_ref()));
        let path = self.id.split("::").next().unwrap_or_default();
        let of_folder = || manuals.iter().find_map(|manual| manual.known_failure(path));
        let (failure, reading) = own.map(|(_, failure)| (failure, &self.reading)).or_else(of_folder)?;
        known_failure::read(failure, reading, expectations, mistakes)
    }
}

/// Only the program that is built for it has failpoints.
fn with_failpoint_programs(mut plan: Plan) -> Plan {
    let actions = plan.steps.iter().map(|step| &step.action);
    let actions = actions.chain(plan.reactions.iter().map(|reaction| &reaction.action));
    let armed: Vec<usize> = actions
        .filter_map(|action| match action {
            Action::Failpoint(failpoint) => Some(failpoint.to.target),
            _ => None,
        })
        .collect();
    for (_, target) in plan.targets.iter_mut().enumerate().filter(|(number, _)| armed.contains(number)) {
        if !target.failpoint_program.is_empty() {
            target.program = target.failpoint_program.clone();
        }
    }
    plan
}

fn unknown_fault(text: &str) -> String {
    let (word, _) = text.split_once('=').unwrap_or((text, ""));
    let names = Fault::ALL.iter().map(|fault| fault.name());
    match closest(word.strip_suffix("-every").unwrap_or(word), names.clone()) {
        Some(name) => format!("did you mean `{name}-every=N`?"),
        None => format!("write `NAME-every=N`; names are {}", names.collect::<Vec<_>>().join(", ")),
    }
}

/// Why a `disk` step would not reach the target's pid file.
fn cannot_fail_its_disk(targets: &[Target], steps: &[Step]) -> Option<String> {
    let disks = steps.iter().filter_map(|step| match step.action {
        Action::Disk { target, .. } => targets.get(target),
        _ => None,
    });
    let elsewhere = disks.into_iter().find(|target| !target.pid_file.contains("${pid_directory}"))?;
    Some(format!("{} does not keep its pid file in `${{pid_directory}}`", elsewhere.kind))
}

fn names<T>(tables: &Named<T>, reading: &Reading, mistakes: &mut Mistakes) -> Vec<String> {
    // A bad name stays in the list: its index is still right, and it is not also unknown.
    tables
        .keys()
        .map(|key| mistakes.keep(reading::name(&reading.raw(key))).unwrap_or_else(|| key.get_ref().clone()))
        .collect()
}
