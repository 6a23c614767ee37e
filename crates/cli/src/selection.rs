//! Which cases a run of `verify` means, and with which seeds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use facts::Plan;

use crate::{
    arguments::{Netns, Verify},
    control::control,
    exit::Exit,
    filter::Filter,
    mistakes::NotUnderstood,
    printed::complain,
    profiles::{self, NoProfile, Profile, Skips},
};

/// The tag that `--quick` selects.
const QUICK: &str = "quick";

/// What the command line and the profile say together.
pub(crate) struct Selection<'a> {
    asked: &'a Verify,
    filter: Option<Filter>,
    profile: Profile,
}

impl<'a> Selection<'a> {
    /// Reads the filter and the profile. What is wrong was told; the exit code says how.
    pub(crate) fn of(asked: &'a Verify, scenarios: &Path) -> Result<Selection<'a>, Exit> {
        let filter = asked.filter.as_deref().map(read).transpose()?;
        let name = asked.profile.as_deref().unwrap_or(profiles::DEFAULT);
        let profile = Profile::named(name, scenarios).map_err(|why| match why {
            NoProfile::Wrong(why) => {
                why.tell();
                Exit::BadScenario
            }
            NoProfile::Unknown(why) => {
                complain(&why);
                Exit::Usage
            }
        })?;
        Ok(Selection { asked, filter, profile })
    }

    /// Whether a skipped case is an error.
    pub(crate) fn skips(&self) -> Skips {
        self.profile.skips
    }

    /// Whether runs get network namespaces of their own, if the profile says.
    pub(crate) fn netns(&self) -> Option<Netns> {
        self.profile.netns
    }

    /// The cases to run, each with its seed.
    pub(crate) fn chosen(&self, plans: Vec<Plan>) -> Vec<Plan> {
        let all = plans.len();
        let plans: Vec<Plan> = plans.into_iter().filter(|plan| self.is_meant(plan)).collect();
        let before = plans.len();
        let plans: Vec<Plan> = plans.into_iter().filter(|plan| self.is_in_profile(plan)).collect();
        if plans.len() < before {
            let name = self.asked.profile.as_deref().unwrap_or(profiles::DEFAULT);
            complain(&format!("profile {name}: {} of {all} cases; -E 'all()' means them all", plans.len()));
        }
        let plans = plans.into_iter();
        let plans = plans.filter_map(|plan| if self.asked.no_upgrade { control(&plan) } else { Some(plan) });
        plans.flat_map(|plan| self.repeated(plan)).collect()
    }

    /// The words that name no case at all; one that names a case of another part (`--shard`) is not misspelt.
    pub(crate) fn idle(&self, plans: &[Plan]) -> Vec<&'a str> {
        let words = self.asked.filters.iter().map(String::as_str);
        let runs = |plan: &Plan| !self.asked.no_upgrade || control(plan).is_some();
        let meant = |plan: &Plan| self.is_asked_for(plan) && self.is_in_profile(plan) && runs(plan);
        words.filter(|word| !plans.iter().any(|plan| is_named(plan, word) && meant(plan))).collect()
    }

    /// What else on the command line leaves out all that a word names; `None` when it names nothing.
    pub(crate) fn left_out_by(&self, word: &str, plans: &[Plan]) -> Option<&'static str> {
        let named: Vec<&Plan> = plans.iter().filter(|plan| is_named(plan, word)).collect();
        let none = |holds: &dyn Fn(&Plan) -> bool| !named.iter().any(|plan| holds(plan));
        let in_filter = |plan: &Plan| self.filter.as_ref().is_none_or(|filter| filter.holds(plan));
        match named.is_empty() {
            true => None,
            false if self.asked.quick && none(&is_quick) => Some("--quick"),
            false if none(&in_filter) => Some("-E"),
            false if none(&|plan| self.is_in_profile(plan)) => Some("--profile"),
            false if self.asked.no_upgrade && none(&|plan| control(plan).is_some()) => Some("--no-upgrade"),
            false => Some("the flags together"),
        }
    }

    /// Whether a file that cannot be used might hold a case that was asked for. Where every word names files, those
    /// decide; what else a word may mean nobody can tell of a file that was not understood.
    pub(crate) fn needs(&self, file: &Path, all: &[PathBuf]) -> bool {
        let holds = |file: &Path, word: &str| match only_file(word) {
            Some(only) => is_same(file, &only),
            None => is_part(file.to_string_lossy().trim_end_matches(".toml"), file_of(word)),
        };
        let words = &self.asked.filters;
        let names_files = |word: &String| all.iter().any(|file| holds(file, word));
        words.is_empty() || !words.iter().all(names_files) || words.iter().any(|word| holds(file, word))
    }

    /// Whether there would be cases, were it not for the part that `--shard` names.
    pub(crate) fn has_other_parts(&self, plans: &[Plan]) -> bool {
        let meant = |plan: &Plan| self.is_asked_for(plan) && self.is_in_profile(plan);
        self.asked.shard.is_some() && plans.iter().any(meant)
    }

    /// What the command line says of a case.
    fn is_meant(&self, plan: &Plan) -> bool {
        self.is_asked_for(plan) && self.asked.shard.is_none_or(|shard| shard.holds(&plan.case.id))
    }

    /// The same, in whichever part it is.
    fn is_asked_for(&self, plan: &Plan) -> bool {
        let asked = self.asked;
        let named = asked.filters.is_empty() || asked.filters.iter().any(|word| is_named(plan, word));
        named
            && (!asked.quick || is_quick(plan))
            && self.filter.as_ref().is_none_or(|filter| filter.holds(plan))
    }

    /// The default profile is for those who ask for nothing in particular: who names a case gets it.
    fn is_in_profile(&self, plan: &Plan) -> bool {
        let asked = self.asked;
        let is_particular = !asked.filters.is_empty() || self.filter.is_some() || asked.quick;
        let ignored = asked.profile.is_none() && is_particular;
        ignored || self.profile.filter.as_ref().is_none_or(|filter| filter.holds(plan))
    }

    fn repeated(&self, mut plan: Plan) -> Vec<Plan> {
        let times = self.asked.repeat.or(self.profile.repeat).unwrap_or(plan.repeat).max(1);
        plan.repeat = times;
        let first = self.asked.seed.unwrap_or(plan.seed);
        (0..u64::from(times)).map(|nth| plan.clone().seeded(first.wrapping_add(nth))).collect()
    }
}

/// The file that a word may name: what stands before the arms of its matrix.
pub(crate) fn file_of(word: &str) -> &str {
    word.split("::").next().unwrap_or_default()
}

/// The file outside the shelf that a word may name, by its path or as its cases are named: without its end. A bare word
/// without one is a part of names, whatever lies here.
pub(crate) fn path_of(word: &str) -> Option<PathBuf> {
    let file = file_of(word);
    match file {
        _ if file.ends_with(".toml") => Some(file.into()),
        _ if word.contains('/') || file != word => Some(format!("{file}.toml").into()),
        _ => None,
    }
}

/// The file that a word means and nothing else: one that is there.
fn only_file(word: &str) -> Option<PathBuf> {
    let file = Path::new(file_of(word));
    let is_file = file.extension().is_some_and(|end| end == "toml") && file.is_file();
    is_file.then(|| fs::canonicalize(file).ok()).flatten()
}

fn is_same(file: &Path, real: &Path) -> bool {
    fs::canonicalize(file).is_ok_and(|file| file == real)
}

/// Whether a word means a case: by the file that it is, or as part of its name.
fn is_named(plan: &Plan, word: &str) -> bool {
    match only_file(word) {
        Some(only) => {
            let arms = word.strip_prefix(file_of(word)).unwrap_or_default();
            is_same(Path::new(&plan.case.file), &only) && plan.case.id.contains(arms)
        }
        None => is_part(&plan.case.id, word),
    }
}

fn is_quick(plan: &Plan) -> bool {
    plan.case.tags.iter().any(|tag| tag == QUICK)
}

/// Whether a word of the command line is part of a name: as cases are named, or as the path of a file.
fn is_part(id: &str, word: &str) -> bool {
    let bare = word.strip_prefix("./").unwrap_or(word);
    let below = bare.rsplit_once("scenarios/").map_or(bare, |(_, below)| below);
    let name = below.strip_suffix(".toml").map_or_else(|| below.replace(".toml::", "::"), str::to_owned);
    id.contains(word) || !name.is_empty() && id.contains(&name)
}

/// The filter that a text says. What is wrong was told.
pub(crate) fn read(text: &str) -> Result<Filter, Exit> {
    Filter::parse(text).map_err(|wrong| {
        NotUnderstood::Mistakes(vec![(wrong.diagnostic("-E", 0), text.to_owned())]).tell();
        Exit::Usage
    })
}
