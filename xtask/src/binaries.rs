//! The binaries of the workspace, and handing over to them. `cargo test` does not build the binaries of another
//! package, so everything is built here first and found by path.

use std::{
    env,
    ffi::OsString,
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Packages with a binary that a run or a test starts, and the variable that names its path.
const BINARIES: [(&str, &str); 3] =
    [("changeover", "CHANGEOVER_BIN"), ("changeoverd", "CHANGEOVERD_BIN"), ("origin", "ORIGIN_BIN")];

/// Builds all binaries; where they are then. A failed build has said why.
pub(crate) fn build() -> Result<PathBuf, ExitCode> {
    let mut build = cargo();
    build.args(["build", "--release", "--locked", "--quiet"]);
    for (package, _) in BINARIES {
        build.args(["-p", package]);
    }
    match build.status() {
        Ok(status) if status.success() => Ok(target_folder().join("release")),
        Ok(status) => Err(ExitCode::from(status.code().map_or(1, |code| code as u8))),
        Err(error) => Err(complain("start cargo", &error)),
    }
}

/// Builds all binaries and becomes `changeover ARGUMENTS`: its output, signals and exit code are its own.
pub(crate) fn become_changeover(arguments: &[String]) -> ExitCode {
    let folder = match build() {
        Ok(folder) => folder,
        Err(code) => return code,
    };
    let program = folder.join("changeover");
    let error = Command::new(&program).args(arguments).env("CHANGEOVER_CALLED_AS", "cargo xtask").exec();
    complain(&format!("start {}", program.display()), &error)
}

/// `changeover VERB ARGUMENTS`.
pub(crate) fn with(verb: &str, arguments: &[String]) -> Vec<String> {
    [&[verb.to_owned()], arguments].concat()
}

/// Names the binaries in a folder to a child.
pub(crate) fn name_binaries(command: &mut Command, folder: &Path) {
    for (package, variable) in BINARIES {
        command.env(variable, folder.join(package));
    }
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Says what could not be done.
pub(crate) fn complain(what: &str, error: &io::Error) -> ExitCode {
    eprintln!("xtask: {what}: {error}");
    ExitCode::FAILURE
}

/// cargo put us there, whatever was configured: `TARGET/debug/xtask`.
fn target_folder() -> PathBuf {
    let above = env::current_exe().ok().and_then(|path| Some(path.parent()?.parent()?.to_owned()));
    above.unwrap_or_else(|| PathBuf::from("target"))
}
