//! A target's folder of text turned into files, a program and a command in the run directory.

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use facts::plan::{Line, Member, Replacement, Target, Upstream};

use crate::{
    Error,
    template::{Values, render},
    warden::{Spawn, Warden},
};

/// A target that can be started.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    pub(crate) target: Target,
    pub(crate) address: SocketAddr,
    /// The run's own copy of the program, under the target's name.
    pub(crate) program: PathBuf,
    /// The same file by a second name, for `swap_binary` back.
    original: PathBuf,
    /// As seen from here: the target's own path leads elsewhere when its pid directory is a file system of its own.
    pub(crate) pid_file: PathBuf,
    /// As `pid_file`.
    pub(crate) oldbin: PathBuf,
    /// Where the target has its pid files, by its own path.
    pub(crate) pid_directory: PathBuf,
    pub(crate) log: PathBuf,
    /// Its standard output and standard error.
    pub(crate) output: PathBuf,
    /// Its own: the run directory, or one below.
    pub(crate) directory: PathBuf,
    values: Values,
    /// Origins by name.
    origins: Vec<(String, SocketAddr)>,
    upstream: Upstream,
}

impl Installed {
    /// Copies the program and renders the files. `directory` is absolute and the target's own; `pid_directory` is the
    /// same, or one inside it that only the warden and what it starts can see.
    pub(crate) fn install(
        target: &Target,
        program: &Path,
        directory: &Path,
        pid_directory: &Path,
        address: SocketAddr,
        origins: &[(String, SocketAddr)],
        warden: &mut Warden,
    ) -> Result<Installed, Error> {
        let bin = directory.join("bin");
        fs::create_dir_all(&bin).map_err(Error::file("create", &bin))?;
        let copy = bin.join(&target.name);
        // A copy, not a link: the path must be the run's own for `swap_binary`, and replacing it must not touch
        // what is installed.
        warden.copy(program, &copy)?;
        let original = bin.join(format!("{}.original", target.name));
        fs::hard_link(&copy, &original).map_err(Error::file("keep the program as", &original))?;
        let mut values = values(target, &copy, directory, address);
        values.insert("pid_directory".into(), pid_directory.display().to_string());
        let path =
            |what: &str, template: &str| render(what, template, &values).map(|path| directory.join(path));
        let seen = |path: PathBuf| match path.starts_with(pid_directory) && pid_directory != directory {
            true => warden.outside(&path),
            false => path,
        };
        let installed = Installed {
            address,
            pid_file: seen(path("pid_file", &target.pid_file)?),
            oldbin: seen(path("oldbin", &target.oldbin)?),
            pid_directory: pid_directory.to_owned(),
            log: path("log", &target.log)?,
            output: directory.join(format!("{}.out", target.name)),
            target: target.clone(),
            program: copy,
            original,
            directory: directory.to_owned(),
            upstream: Upstream::new(&target.weights),
            origins: origins.to_vec(),
            values,
        };
        installed.render_files()?;
        Ok(installed)
    }

    /// The rendered command line.
    pub(crate) fn argv(&self) -> Result<Vec<String>, Error> {
        self.target.start.iter().map(|argument| render("start", argument, &self.values)).collect()
    }

    /// A text of the plan with this target's facts and options. `what` is for the message when one is not known.
    pub(crate) fn render(&self, what: &str, template: &str) -> Result<String, Error> {
        render(what, template, &self.values)
    }

    /// Environment variables of the plan.
    pub(crate) fn rendered(
        &self,
        environment: &BTreeMap<String, String>,
    ) -> Result<Vec<(String, String)>, Error> {
        let pair =
            |(name, template): (&String, &String)| Ok((name.clone(), self.render("environment", template)?));
        environment.iter().map(pair).collect()
    }

    /// What the warden is asked to start.
    pub(crate) fn spawn(&self, argv: Vec<String>, output: PathBuf) -> Spawn {
        Spawn { argv, environment: environment(), directory: self.directory.clone(), output }
    }

    /// Renders the files with other weights.
    pub(crate) fn weigh(&mut self, weights: &BTreeMap<String, u32>) -> Result<(), Error> {
        self.upstream.weigh(weights);
        self.render_files()
    }

    /// Renders the files without a member.
    pub(crate) fn delete(&mut self, member: &str) -> Result<(), Error> {
        self.upstream.delete(member);
        self.render_files()
    }

    /// Renders the files with other options.
    pub(crate) fn configure(&mut self, options: &BTreeMap<String, String>) -> Result<(), Error> {
        self.values.extend(options.clone());
        self.render_files()
    }

    /// Replaces the program by a rename, as a package manager does: a running program cannot be written to, and a
    /// process that runs it keeps its image.
    pub(crate) fn swap(&self, replacement: Replacement, warden: &mut Warden) -> Result<(), Error> {
        let new = self.program.with_extension("new");
        let failed = || Error::file("replace the program by", &new);
        match self.script(replacement).map_err(failed())? {
            None => fs::hard_link(&self.original, &new).map_err(failed())?,
            Some(text) => {
                let draft = self.program.with_extension("draft");
                write_program(&draft, &text).map_err(failed())?;
                warden.copy(&draft, &new)?;
            }
        }
        fs::rename(&new, &self.program).map_err(failed())?;
        // Two names of one file: rename(2) then does nothing and leaves both.
        fs::remove_file(&new).or_else(absent_is_fine).map_err(failed())
    }

    /// The text that stands in for the program; `None` for the program itself.
    fn script(&self, replacement: Replacement) -> io::Result<Option<String>> {
        Ok(match replacement {
            Replacement::Original => None,
            Replacement::ExitsAtOnce => Some("#!/bin/sh\nexit 1\n".into()),
            Replacement::TextFile => Some("this is not a program\n".into()),
            // Opening a fifo nobody writes to blocks the shell itself: no child that could outlive it.
            Replacement::Hangs => Some(format!("#!/bin/sh\n: < '{}'\n", self.never()?.display())),
        })
    }

    /// A fifo that nobody ever opens for writing.
    fn never(&self) -> io::Result<PathBuf> {
        let fifo = self.directory.join("never.fifo");
        match nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU) {
            Ok(()) | Err(nix::errno::Errno::EEXIST) => Ok(fifo),
            Err(error) => Err(error.into()),
        }
    }

    fn render_files(&self) -> Result<(), Error> {
        let mut values = self.values.clone();
        values.insert("members".into(), self.listed(&self.target.member, &self.target.member_down)?);
        for (name, Line { up, down }) in &self.target.lists {
            values.insert(name.clone(), self.listed(up, down)?);
        }
        for (name, template) in &self.target.files {
            let text = render(name, template, &values)?;
            replace(&self.directory.join(name), &text)?;
        }
        Ok(())
    }

    /// One line per origin that is a member.
    fn listed(&self, up: &str, down: &str) -> Result<String, Error> {
        let member = |(name, address): &(String, SocketAddr)| {
            let (what, template, weight) = match self.upstream.member(name) {
                Member::Up { weight } => ("member", up, weight),
                Member::Down { weight } => ("member_down", down, weight),
                Member::Deleted => return None,
            };
            let mut values = self.values.clone();
            values.insert("member".into(), name.clone());
            values.insert("address".into(), address.to_string());
            values.insert("weight".into(), weight.to_string());
            Some(render(what, template, &values))
        };
        let members: Result<Vec<String>, Error> = self.origins.iter().filter_map(member).collect();
        Ok(members?.join("\n        "))
    }
}

fn values(target: &Target, program: &Path, directory: &Path, address: SocketAddr) -> Values {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten();
    let mut values: Values = target.options.clone();
    values.extend([
        ("name".into(), target.name.clone()),
        ("program".into(), program.display().to_string()),
        ("run".into(), directory.display().to_string()),
        ("address".into(), address.to_string()),
        ("ip".into(), address.ip().to_string()),
        ("port".into(), address.port().to_string()),
        ("workers".into(), target.workers.to_string()),
        ("user".into(), user.map_or_else(|| "nobody".into(), |user| user.name)),
    ]);
    values
}

/// A server's environment is the same on every machine and in every shell.
pub(crate) fn environment() -> Vec<(String, String)> {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    [("PATH", path), ("LC_ALL", "C")].map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// A server that reloads meanwhile reads the old text or the new one.
fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let new = path.with_added_extension("new");
    fs::write(&new, text).map_err(Error::file("write", &new))?;
    fs::rename(&new, path).map_err(Error::file("replace", path))
}

fn write_program(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn absent_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
