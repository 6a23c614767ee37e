//! A folder of scenarios made for one test, and the program run on it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assert_cmd::cargo::cargo_bin;
use tempfile::TempDir;

/// A scenario that does nothing for a second, on the target `ghost`.
pub(crate) const QUIET: &str = r#"
schema = 1
name = "quiet"
step = [{ phase = "steady", sleep = "1s" }]

[target.web]
kind = "ghost"

[load.users]
to = "web"
kind = "short"
rate = 100

[expect]
finally = ['lost == 0']
"#;

/// Another scenario of that kind: its name and its tags.
pub(crate) fn quiet(name: &str, tags: &str) -> String {
    QUIET.replace("name = \"quiet\"", &format!("name = \"{name}\"\ntags = [{tags}]"))
}

/// A shelf whose target cannot be found anywhere.
pub(crate) fn ghost() -> Shelf {
    Shelf::new(QUIET, "no-such-server", "['${program}']")
}

/// A temporary folder with scenarios, targets and runs.
pub(crate) struct Shelf {
    directory: TempDir,
}

/// What the program said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Shelf {
    /// One scenario, `quiet.toml`, and the target `ghost` that is this program.
    pub(crate) fn new(scenario: &str, program: &str, start: &str) -> Shelf {
        let shelf = Shelf { directory: tempfile::tempdir().expect("a temporary folder") };
        shelf.put("scenarios/quiet.toml", scenario);
        shelf.put("scenarios/targets/ghost/target.toml", &target(program, start));
        fs::create_dir(shelf.runs()).expect("create a folder");
        shelf
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where runs go.
    pub(crate) fn runs(&self) -> PathBuf {
        self.path().join("runs")
    }

    /// Writes a file of it.
    pub(crate) fn put(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("create a folder");
        fs::write(path, text).expect("write a file");
    }

    /// `changeover verify` on it, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(cargo_bin!("changeover"));
        command.arg("verify").args(arguments).arg("--runs").arg(self.runs()).current_dir(self.path());
        command
    }

    /// `changeover verify` on it.
    pub(crate) fn verify(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments))
    }
}

/// Runs `changeover` with these arguments here.
pub(crate) fn changeover(directory: &Path, arguments: &[&str]) -> Said {
    let mut command = std::process::Command::new(cargo_bin!("changeover"));
    command.args(arguments).current_dir(directory);
    said(command)
}

/// Runs a command as if on a desk, whatever these tests themselves run in.
pub(crate) fn said(mut command: std::process::Command) -> Said {
    for variable in ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"] {
        if command.get_envs().all(|(name, _)| name != variable) {
            command.env_remove(variable);
        }
    }
    let output = command.output().expect("run changeover");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn target(program: &str, start: &str) -> String {
    format!(
        r#"
install = "conjure {program}"
program = "{program}"
version = ["--version"]
start = {start}
pid_file = "${{run}}/server.pid"
oldbin = "${{run}}/server.pid.oldbin"
log = "${{run}}/error.log"
worker_title = "worker process"
"#
    )
}
