//! The scenarios on the shelf, as plans.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use diagnostic::Diagnostic;
use facts::Plan;

use crate::{mistakes::NotUnderstood, printed::complain, selection::path_of};

/// The folder of targets, below the shelf.
const TARGETS: &str = "targets";
/// The folder of what scenarios include; no scenario by itself.
const PARTS: &str = "parts";

/// The files that cannot be used, each with why.
pub(crate) type Wrong = Vec<(PathBuf, NotUnderstood)>;

/// A folder of scenarios.
pub(crate) struct Catalogue {
    folder: PathBuf,
    /// Files that lie elsewhere and were named.
    guests: Vec<PathBuf>,
}

impl Catalogue {
    /// The folder named by the user, or the nearest `scenarios` from here upwards.
    pub(crate) fn open(named: Option<&Path>) -> Result<Catalogue, NotUnderstood> {
        let folder = match named {
            Some(folder) => folder.to_owned(),
            None => nearest().ok_or_else(|| {
                NotUnderstood::Said(
                    "find a folder `scenarios` here or above: there is none; name it with --scenarios".into(),
                )
            })?,
        };
        match folder.is_dir() {
            true => Ok(Catalogue { folder, guests: Vec::new() }),
            false => {
                Err(NotUnderstood::Said(format!("open the scenarios in {}: not a folder", folder.display())))
            }
        }
    }

    /// The same shelf, and those of these paths that are files of somewhere else: targets and parts they find here.
    pub(crate) fn with_guests<'w>(self, words: impl Iterator<Item = &'w str>) -> Catalogue {
        let home = fs::canonicalize(&self.folder).unwrap_or_else(|_| self.folder.clone());
        let is_elsewhere = |path: &&Path| {
            path.is_file() && fs::canonicalize(path).is_ok_and(|path| !path.starts_with(&home))
        };
        let guests = words.filter_map(path_of).filter(|path| is_elsewhere(&path.as_path())).collect();
        Catalogue { guests, ..self }
    }

    /// Where it is, as the user named it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every scenario file on the shelf, in order of name.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>, NotUnderstood> {
        let mut files = Vec::new();
        self.collect(&self.folder, &mut Vec::new(), &mut files)
            .map_err(|source| NotUnderstood::Said(format!("read {}: {source}", self.folder.display())))?;
        files.extend(self.guests.iter().cloned());
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// Every plan of every scenario on the shelf, in order of file name.
    pub(crate) fn plans(&self) -> Result<Vec<Plan>, NotUnderstood> {
        let (plans, wrong) = self.sound()?;
        let wrong: Vec<NotUnderstood> = wrong.into_iter().map(|(_, why)| why).collect();
        if wrong.is_empty() { Ok(plans) } else { Err(NotUnderstood::all(wrong)) }
    }

    /// The plans of the files that are sound, and what is wrong with the others.
    pub(crate) fn sound(&self) -> Result<(Vec<Plan>, Wrong), NotUnderstood> {
        let (mut plans, mut wrong) = (Vec::new(), Vec::new());
        for file in self.files()? {
            match self.load(&file) {
                Ok(more) => plans.extend(more),
                Err(why) => wrong.push((file, why)),
            }
        }
        Ok((plans, wrong))
    }

    /// The file that the user names by its path, or as `verify` names its cases: `mine/01-reload`.
    pub(crate) fn named(&self, name: &Path) -> PathBuf {
        let below = self.folder.join(name);
        let mut with_end = below.clone().into_os_string();
        with_end.push(".toml");
        let others = [below, PathBuf::from(with_end)];
        if name.exists() {
            return name.to_owned();
        }
        others.into_iter().find(|path| path.is_file()).unwrap_or_else(|| name.to_owned())
    }

    /// The plans of one file.
    pub(crate) fn load(&self, file: &Path) -> Result<Vec<Plan>, NotUnderstood> {
        let bytes = fs::read(file).map_err(|source| NotUnderstood::unreadable(file, &source.to_string()))?;
        self.load_text(&file.to_string_lossy(), &NotUnderstood::text(file, bytes)?)
    }

    /// What the plans of a file are warned of, each with the text that it is about.
    pub(crate) fn advice(
        &self,
        file: &Path,
        plans: &[Plan],
    ) -> Result<Vec<(Diagnostic, String)>, NotUnderstood> {
        let text =
            fs::read_to_string(file).map_err(|why| NotUnderstood::unreadable(file, &why.to_string()))?;
        let warnings = scenario::advise(plans, &file.to_string_lossy(), &text);
        Ok(warnings.into_iter().map(|warning| (warning, text.clone())).collect())
    }

    /// The plans of a text that stands, or is to stand, in a file of this name.
    pub(crate) fn load_text(&self, name: &str, text: &str) -> Result<Vec<Plan>, NotUnderstood> {
        let loader = |path: &str| self.read(path);
        let mut plans = scenario::load(name, text, &loader).map_err(|wrong| {
            let with_text = |mut mistake: Diagnostic| {
                let about = if mistake.file == name { Ok(text.to_owned()) } else { loader(&mistake.file) };
                self.locate(&mut mistake.file, name);
                (mistake, about.unwrap_or_default())
            };
            NotUnderstood::Mistakes(wrong.into_iter().map(with_text).collect())
        })?;
        for plan in &mut plans {
            let steps = plan.steps.iter_mut().map(|step| &mut step.place);
            let reactions = plan.reactions.iter_mut().map(|reaction| &mut reaction.place);
            let expectations = plan.expectations.iter_mut().filter_map(|line| line.place.as_mut());
            steps.chain(reactions).chain(expectations).for_each(|place| self.locate(&mut place.file, name));
        }
        Ok(plans)
    }

    /// What a scenario includes it names by its path below the folder; an editor opens it by the whole path.
    fn locate(&self, file: &mut String, scenario: &str) {
        if file != scenario {
            *file = self.folder.join(&*file).to_string_lossy().into_owned();
        }
    }

    /// The kinds of targets, in order of name.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let folders = fs::read_dir(self.folder.join(TARGETS)).into_iter().flatten().flatten();
        let targets = folders.filter(|folder| folder.path().join("target.toml").is_file());
        let mut kinds: Vec<String> =
            targets.filter_map(|folder| folder.file_name().into_string().ok()).collect();
        kinds.sort();
        kinds
    }

    fn read(&self, path: &str) -> Result<String, String> {
        let path = self.folder.join(path);
        match fs::metadata(&path) {
            // Reading a fifo would wait for a writer for ever.
            Ok(status) if !status.is_file() => Err("not a regular file".into()),
            _ => fs::read_to_string(&path).map_err(|source| match self.near(&path) {
                Some(near) if source.kind() == io::ErrorKind::NotFound => {
                    format!("there is none; did you mean `{near}`?")
                }
                _ => source.to_string(),
            }),
        }
    }

    /// The target, or the part, that a path which is not there most likely means.
    fn near(&self, path: &Path) -> Option<String> {
        let below = path.strip_prefix(&self.folder).ok()?;
        let mut words = below.components().map(|word| word.as_os_str().to_string_lossy().into_owned());
        match (words.next()?.as_str(), words.next()?) {
            (TARGETS, kind) => {
                let kinds = self.kinds();
                diagnostic::closest(&kind, kinds.iter().map(String::as_str)).map(str::to_owned)
            }
            (folder, file) => {
                let there = fs::read_dir(self.folder.join(folder)).ok()?.flatten();
                let there: Vec<String> =
                    there.filter_map(|other| other.file_name().into_string().ok()).collect();
                let near = diagnostic::closest(&file, there.iter().map(String::as_str))?;
                Some(format!("{folder}/{near}"))
            }
        }
    }

    /// All `*.toml` below a folder but those of targets and parts. `inside` are the folders it is in, by their real
    /// paths.
    fn collect(&self, folder: &Path, inside: &mut Vec<PathBuf>, files: &mut Vec<PathBuf>) -> io::Result<()> {
        let real = fs::canonicalize(folder)?;
        if inside.contains(&real) {
            skip(folder, "a link to a folder that it is in");
            return Ok(());
        }
        inside.push(real);
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if [TARGETS, PARTS].iter().any(|other| path == self.folder.join(other)) {
                continue;
            }
            let is_scenario = path.extension().is_some_and(|extension| extension == "toml");
            match fs::metadata(&path) {
                Ok(status) if status.is_dir() && is_scenario => skip(&path, "a folder, not a file"),
                Ok(status) if status.is_dir() => self.collect(&path, inside, files)?,
                Ok(status) if is_scenario && !status.is_file() => skip(&path, "not a regular file"),
                // What cannot be looked at is said by whoever reads it.
                _ if is_scenario => files.push(path),
                _ => {}
            }
        }
        inside.pop();
        Ok(())
    }
}

fn skip(path: &Path, why: &str) {
    complain(&format!("skip {}: {why}", path.display()));
}

/// Relative paths, so that messages name the file as the user would.
fn nearest() -> Option<PathBuf> {
    let depth = std::env::current_dir().ok()?.components().count();
    let above = (0..depth).map(|up| "../".repeat(up) + "scenarios");
    above.map(PathBuf::from).find(|folder| folder.is_dir())
}
