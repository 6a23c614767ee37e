//! Where programs are: our own beside this one, others where the system keeps servers.

use std::{
    collections::BTreeMap,
    env,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use facts::{Plan, plan::Target};

/// Built by this workspace.
const OURS: [&str; 3] = ["changeoverd", "changeoverd-failpoints", "origin"];
/// The program of origins.
const ORIGIN: &str = "origin";
/// An ordinary user's `PATH` often lacks these.
const SYSTEM: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/// The programs a plan needs, by the name it calls them.
pub(crate) type Programs = BTreeMap<String, PathBuf>;

/// A program that is not there.
#[derive(Debug)]
pub(crate) struct Missing {
    program: String,
    install: String,
}

impl Missing {
    /// True when this workspace itself should have built it.
    pub(crate) fn is_ours(&self) -> bool {
        OURS.contains(&self.program.as_str())
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is not installed; {}", self.program, self.install)
    }
}

/// The programs of a plan, or the first that is missing.
pub(crate) fn programs(plan: &Plan) -> Result<Programs, Missing> {
    let mut programs = Programs::new();
    for Target { program, install, .. } in &plan.targets {
        let missing = || Missing { program: program.clone(), install: install.clone() };
        programs.insert(program.clone(), find(program).ok_or_else(missing)?);
    }
    if !plan.origins.is_empty() {
        let install = "part of this workspace: cargo build --release -p origin";
        let missing = || Missing { program: ORIGIN.into(), install: install.into() };
        programs.insert(ORIGIN.into(), find(ORIGIN).ok_or_else(missing)?);
    }
    Ok(programs)
}

/// The file that a program's name stands for.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    if OURS.contains(&program) {
        return beside().map(|folder| folder.join(program)).filter(|path| is_executable(path));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SYSTEM.map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|path| path.is_absolute() && is_executable(path))
}

fn beside() -> Option<PathBuf> {
    Some(env::current_exe().ok()?.parent()?.to_owned())
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
