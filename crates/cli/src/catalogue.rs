//! The scenarios on the shelf, as plans.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use diagnostic::Diagnostic;
use facts::Plan;

use crate::{mistakes::NotUnderstood, printed::complain};

/// The folder of targets, below the shelf.
const TARGETS: &str = "targets";
/// The folder of what scenarios include; no scenario by itself.
const PARTS: &str = "parts";

/// A folder of scenarios.
pub(crate) struct Catalogue {
    folder: PathBuf,
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
            true => Ok(Catalogue { folder }),
            false => {
                Err(NotUnderstood::Said(format!("open the scenarios in {}: not a folder", folder.display())))
            }
        }
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
        files.sort();
        Ok(files)
    }

    /// Every plan of every scenario on the shelf, in order of file name.
    pub(crate) fn plans(&self) -> Result<Vec<Plan>, NotUnderstood> {
        let mut plans = Vec::new();
        let mut wrong = Vec::new();
        for file in self.files()? {
            match self.load(&file) {
                Ok(more) => plans.extend(more),
                Err(why) => wrong.push(why),
            }
        }
        if wrong.is_empty() { Ok(plans) } else { Err(NotUnderstood::all(wrong)) }
    }

    /// The plans of one file.
    pub(crate) fn load(&self, file: &Path) -> Result<Vec<Plan>, NotUnderstood> {
        let name = file.to_string_lossy();
        let text = fs::read_to_string(file)
            .map_err(|source| NotUnderstood::Said(format!("read {name}: {source}")))?;
        self.load_text(&name, &text)
    }

    /// The plans of a text that stands, or is to stand, in a file of this name.
    pub(crate) fn load_text(&self, name: &str, text: &str) -> Result<Vec<Plan>, NotUnderstood> {
        let loader = |path: &str| self.read(path);
        scenario::load(name, text, &loader).map_err(|wrong| {
            let with_text = |mistake: Diagnostic| {
                let about = if mistake.file == name { Ok(text.to_owned()) } else { loader(&mistake.file) };
                (mistake, about.unwrap_or_default())
            };
            NotUnderstood::Mistakes(wrong.into_iter().map(with_text).collect())
        })
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
            _ => fs::read_to_string(path).map_err(|source| source.to_string()),
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
