//! Where this server lives: its program, its arguments, its prefix, and the configuration file in it.

use std::{
    env,
    ffi::{CString, OsString},
    fs, io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use conf::{Configuration, Destination, ErrorLog};
use diagnostic::Diagnostic;

use crate::{access_log, command_line::CommandLine};

/// What does not change while the process lives.
pub(crate) struct Home {
    /// The program file, absolute, its last symlink kept: a package upgrade replaces what stands there.
    pub(crate) program: PathBuf,
    /// The arguments as they came, for the next generation.
    pub(crate) arguments: Vec<CString>,
    /// Relative paths of the configuration start here.
    pub(crate) prefix: PathBuf,
    /// The configuration file.
    pub(crate) configuration: PathBuf,
    directives: String,
    error_log: Option<PathBuf>,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    #[error("failed to read the configuration file {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{rendered}")]
    Refused {
        /// For a terminal.
        rendered: String,
        /// For a log: one line per mistake.
        lines: Vec<String>,
    },
}

impl ConfigurationError {
    /// What is wrong, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            ConfigurationError::Refused { lines, .. } => lines.clone(),
            ConfigurationError::Unreadable { .. } => vec![self.to_string()],
        }
    }
}

impl Home {
    /// Must be called before the title of the process is changed: the arguments are read here.
    pub(crate) fn find(line: &CommandLine) -> io::Result<Home> {
        let arguments: Vec<OsString> = env::args_os().collect();
        let here = env::current_dir()?;
        let prefix = tidy(here.join(&line.prefix));
        Ok(Home {
            program: tidy(here.join(find_program(arguments.first())?)),
            arguments: arguments
                .into_iter()
                .filter_map(|argument| CString::new(argument.into_vec()).ok())
                .collect(),
            configuration: prefix.join(&line.configuration),
            error_log: line.error_log.as_ref().map(|path| prefix.join(path)),
            prefix,
            directives: line.directives.clone(),
        })
    }

    /// Reads and checks the configuration file as it is now.
    pub(crate) fn read(&self) -> Result<(Configuration, String), ConfigurationError> {
        let path = &self.configuration;
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigurationError::Unreadable { path: path.clone(), source })?;
        Ok((self.parse(&text)?, text))
    }

    /// The same for a text that the file may have held.
    pub(crate) fn parse(&self, text: &str) -> Result<Configuration, ConfigurationError> {
        let path = self.configuration.display().to_string();
        conf::parse(&path, text, &self.directives).map_err(|diagnostics| self.refuse(&diagnostics, text))
    }

    /// Where the pid goes.
    pub(crate) fn pid_file(&self, configuration: &Configuration) -> PathBuf {
        self.prefix.join(configuration.pid.as_deref().unwrap_or("changeoverd.pid"))
    }

    /// The same, as far as it can be told of a file that cannot be used otherwise.
    pub(crate) fn pid_file_in_spite(&self) -> Option<PathBuf> {
        let text = fs::read_to_string(&self.configuration).ok()?;
        let pid = conf::pid(&self.directives).or_else(|| conf::pid(&text))?;
        Some(self.prefix.join(pid))
    }

    /// Where log lines go, with absolute paths.
    pub(crate) fn error_logs(&self, configuration: &Configuration) -> Vec<ErrorLog> {
        let mut logs = configuration.error_logs.clone();
        if logs.is_empty() {
            let path = self.error_log.clone().unwrap_or_else(|| self.prefix.join("error.log"));
            logs.push(ErrorLog {
                destination: Destination::File(path.display().to_string()),
                level: conf::Level::Error,
            });
        }
        for log in &mut logs {
            if let Destination::File(path) = &mut log.destination {
                *path = self.prefix.join(&*path).display().to_string();
            }
        }
        logs
    }

    /// Every file that workers write logs to and may have to reopen.
    pub(crate) fn log_files(&self, configuration: &Configuration) -> Vec<PathBuf> {
        let errors = self.error_logs(configuration).into_iter().filter_map(|log| match log.destination {
            Destination::File(path) => Some(PathBuf::from(path)),
            Destination::Stderr => None,
        });
        errors.chain(access_log::paths(&self.prefix, configuration)).collect()
    }

    fn refuse(&self, diagnostics: &[Diagnostic], text: &str) -> ConfigurationError {
        let file = self.configuration.display().to_string();
        let source = |d: &Diagnostic| if d.file == file { text } else { &self.directives };
        let rendered: Vec<String> = diagnostics.iter().map(|d| d.render(source(d))).collect();
        let lines = diagnostics.iter().map(|d| d.one_line(source(d))).collect();
        ConfigurationError::Refused { rendered: rendered.join("\n"), lines }
    }
}

/// Without `.` in the middle, as a person would write it; symlinks stay.
fn tidy(path: PathBuf) -> PathBuf {
    path.components().collect()
}

/// nginx executes argv[0] as it came, so one started as bare `nginx` can never upgrade (`ngx_exec_new_binary`): we look it up.
fn find_program(first: Option<&OsString>) -> io::Result<PathBuf> {
    let Some(name) = first.map(Path::new) else { return env::current_exe() };
    if name.components().count() > 1 {
        return Ok(name.to_path_buf());
    }
    let found = env::var_os("PATH")
        .into_iter()
        .flat_map(|path| env::split_paths(&path).collect::<Vec<_>>())
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file());
    found.map_or_else(env::current_exe, Ok)
}
