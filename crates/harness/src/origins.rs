//! The harness's own back ends behind a proxy target.

use std::{
    net::{SocketAddr, TcpStream},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use facts::{event::PidFile, plan::Origin};
use rustix::process::{Signal, pidfd_send_signal};

use crate::{
    Error, address,
    excerpt::tail,
    handles::{handle, has_ended},
    installed::environment,
    pid_file,
    warden::{Spawn, Warden},
};

/// An origin that does not listen by then never will.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// An origin that is still there by then ignores TERM.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// An origin that runs.
#[derive(Debug)]
pub(crate) struct RunningOrigin {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    process: OwnedFd,
}

impl RunningOrigin {
    /// Starts one and waits until it listens.
    pub(crate) fn start(
        origin: &Origin,
        program: &Path,
        directory: &Path,
        warden: &mut Warden,
    ) -> Result<RunningOrigin, Error> {
        let address = address::free()?;
        let file = |suffix: &str| directory.join(format!("origin-{}.{suffix}", origin.name));
        let (pid_file, output) = (file("pid"), file("out"));
        let journal = directory.join(ledger::journal_name(&origin.name));
        let log = directory.join(ledger::faults_name(&origin.name));
        let argv = command(origin, program, address, &journal, &pid_file, &log);
        let directory = directory.to_owned();
        let spawn = Spawn { argv, environment: environment(), directory, output: output.clone() };
        warden.spawn(spawn)?;
        let waiting = Waiting { origin, address, pid_file, output };
        let (pid, process) = waiting.until_it_listens()?;
        Ok(RunningOrigin { name: origin.name.clone(), address, pid, process })
    }

    /// Asks it to leave and waits for that; false when it had to be left to the sweep.
    pub(crate) fn stop(&self) -> bool {
        pidfd_send_signal(&self.process, Signal::TERM).ok();
        crate::warden::readable(&self.process, STOP_PATIENCE)
    }
}

fn command(
    origin: &Origin,
    program: &Path,
    address: SocketAddr,
    journal: &Path,
    pid_file: &Path,
    fault_log: &Path,
) -> Vec<String> {
    let text = |path: &Path| path.display().to_string();
    let address = address.to_string();
    let (program, journal, pid_file) = (text(program), text(journal), text(pid_file));
    let fault_log = text(fault_log);
    let argv = [&program, "--name", &origin.name, "--listen", &address, "--journal", &journal];
    let more = ["--pid-file", &pid_file, "--daemon"];
    let faults = origin.faults.iter().flat_map(|fault| ["--fault", fault]);
    let log = ["--fault-log", &fault_log].into_iter().filter(|_| !origin.faults.is_empty());
    argv.into_iter().chain(more).chain(faults).chain(log).map(str::to_owned).collect()
}

struct Waiting<'a> {
    origin: &'a Origin,
    address: SocketAddr,
    pid_file: PathBuf,
    output: PathBuf,
}

impl Waiting<'_> {
    fn until_it_listens(&self) -> Result<(u32, OwnedFd), Error> {
        let deadline = Instant::now() + START_PATIENCE;
        let mut seen = "it wrote no pid file".to_owned();
        while Instant::now() < deadline {
            if let PidFile::Names(pid) = pid_file::read(&self.pid_file) {
                seen = format!("its pid file names {pid}, which does not answer");
                let process = handle(pid).map_err(|_| self.failed(format!("it ended (pid {pid})")))?;
                if has_ended(&process) {
                    return Err(self.failed(format!("it ended (pid {pid})")));
                }
                if TcpStream::connect_timeout(&self.address, Duration::from_millis(100)).is_ok() {
                    return Ok((pid, process));
                }
            }
            // Neither a daemon's pid file nor its socket can be waited for by a descriptor before they exist.
            std::thread::sleep(Duration::from_millis(2));
        }
        Err(self.failed(format!("{seen} after {START_PATIENCE:?}")))
    }

    fn failed(&self, why: String) -> Error {
        let (origin, evidence) = (self.origin.name.clone(), tail(&self.output));
        Error::OriginNotReady { origin, address: self.address, why, evidence }
    }
}
