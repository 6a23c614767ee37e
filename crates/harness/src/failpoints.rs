//! The failpoints of one target: the file that arms one, and the socket at which a process says that it reached it. The server
//! finds both by the variable in its environment; what stands in them it documents itself (`changeoverd-failpoints`).

use std::{
    fs, io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixDatagram,
    },
    path::{Path, PathBuf},
};

use facts::{
    Generation, Role,
    plan::{Born, Failpoint, FailpointAct, Members},
};

use crate::Error;

/// Names of the two in the run directory begin so.
pub(crate) const PREFIX: &str = "failpoint-";
const VARIABLE: &str = "CHANGEOVER_FAILPOINTS";
const ACTS: [FailpointAct; 4] =
    [FailpointAct::Kill, FailpointAct::Stop, FailpointAct::Exit, FailpointAct::Note];
/// Longer than any line of a server.
const LONGEST: usize = 512;

/// What arms the failpoints of a target, and hears of them.
pub(crate) struct Failpoints {
    prefix: PathBuf,
    socket: UnixDatagram,
    armings: u64,
}

/// What a process said before it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) act: FailpointAct,
    pub(crate) role: Role,
    pub(crate) generation: Generation,
    pub(crate) pid: u32,
    pub(crate) point: String,
}

impl Failpoints {
    /// Listens, before the target is started.
    pub(crate) fn open(directory: &Path, target: &str) -> Result<Failpoints, Error> {
        let prefix = directory.join(format!("{PREFIX}{target}"));
        let path = prefix.with_added_extension("sock");
        let socket = UnixDatagram::bind(&path).map_err(Error::file("listen at", &path))?;
        socket.set_nonblocking(true).map_err(Error::file("listen at", &path))?;
        // Its workers may be another user's.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        fs::set_permissions(&path, open).map_err(Error::file("open to everybody", &path))?;
        Ok(Failpoints { prefix, socket, armings: 0 })
    }

    /// What its processes must have in their environment.
    pub(crate) fn environment(&self) -> (String, String) {
        (VARIABLE.to_owned(), self.prefix.display().to_string())
    }

    /// Arms one, in one rename, in the place of any that is armed. `generation`: of one only.
    pub(crate) fn arm(&mut self, failpoint: &Failpoint, generation: Option<Generation>) -> io::Result<()> {
        self.armings += 1;
        let line = spelled(self.armings, failpoint, generation);
        let draft = self.prefix.with_added_extension("draft");
        fs::write(&draft, line)?;
        fs::rename(&draft, self.armed())
    }

    /// From here on nobody fails.
    pub(crate) fn disarm(&self) -> io::Result<()> {
        match fs::remove_file(self.armed()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// What was said since the last call.
    pub(crate) fn reached(&self) -> Vec<Reached> {
        let mut bytes = [0; LONGEST];
        let mut all = Vec::new();
        while let Ok(length) = self.socket.recv(&mut bytes) {
            all.extend(parse(&String::from_utf8_lossy(&bytes[..length])));
        }
        all
    }

    fn armed(&self) -> PathBuf {
        self.prefix.with_added_extension("armed")
    }
}

impl AsFd for Failpoints {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn spelled(serial: u64, failpoint: &Failpoint, generation: Option<Generation>) -> String {
    let Failpoint { to, point, act, nth, born } = failpoint;
    let role = match to.members {
        Members::Master => "master",
        Members::All => "*",
        Members::Workers | Members::Worker(_) | Members::AnyWorker => "worker",
    };
    let generation = generation.map_or("*".to_owned(), |generation| generation.to_string());
    let born = match born {
        None => "*",
        Some(Born::Before) => "before",
        Some(Born::After) => "after",
    };
    format!("{serial} {} {role} {generation} {born} {point} {nth}\n", act.name())
}

fn parse(line: &str) -> Option<Reached> {
    let mut words = line.split_whitespace();
    let act = words.next()?;
    let act = ACTS.into_iter().find(|known| known.name() == act)?;
    let role = match words.next()? {
        "master" => Role::Master,
        "worker" => Role::Worker,
        _ => return None,
    };
    let (generation, pid) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Reached { act, role, generation, pid, point: words.next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use facts::plan::{Selector, Which};

    use super::*;

    fn failpoint(members: Members, born: Option<Born>) -> Failpoint {
        let to = Selector { target: 0, generation: Which::New, members };
        Failpoint { to, point: "tell-drain.after".into(), act: FailpointAct::Stop, nth: 2, born }
    }

    #[test]
    fn an_arming_is_one_line_and_what_it_leaves_open_is_a_star() {
        let line = spelled(3, &failpoint(Members::Master, None), Some(2));
        assert_eq!(line, "3 stop master 2 * tell-drain.after 2\n");
        let line = spelled(4, &failpoint(Members::All, Some(Born::After)), None);
        assert_eq!(line, "4 stop * * after tell-drain.after 2\n");
    }

    #[test]
    fn what_a_process_says_is_understood_or_nothing_is() {
        let said = parse("kill worker 2 77 report-prepared.before").expect("a line of a server");
        assert_eq!(
            (said.act, said.role, said.generation, said.pid),
            (FailpointAct::Kill, Role::Worker, 2, 77)
        );
        assert_eq!(said.point, "report-prepared.before");
        for nonsense in ["", "kill", "kil worker 2 77 x.before", "kill origin 2 77 x", "kill worker x 77 x"] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn the_newest_arming_is_the_one_that_holds_until_it_is_disarmed() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut failpoints = Failpoints::open(directory.path(), "web").expect("listens");
        let armed = directory.path().join("failpoint-web.armed");
        failpoints.arm(&failpoint(Members::Master, None), Some(1)).expect("arms");
        failpoints.arm(&failpoint(Members::Workers, None), Some(1)).expect("arms");
        assert_eq!(fs::read_to_string(&armed).expect("armed"), "2 stop worker 1 * tell-drain.after 2\n");
        failpoints.disarm().expect("disarms");
        failpoints.disarm().expect("nothing is armed");
        assert!(!armed.exists());
        let prefix = failpoints.environment().1;
        let from = UnixDatagram::unbound().expect("a socket");
        from.send_to(b"note master 1 7 say.before", format!("{prefix}.sock")).expect("sends");
        assert_eq!(failpoints.reached().len(), 1);
        assert!(failpoints.reached().is_empty());
    }
}
