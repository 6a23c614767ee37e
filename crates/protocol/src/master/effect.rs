//! What a master does: each effect is one named act.

use core::fmt;

use super::{remark::Remark, state::WorkerId, wakeup::PeerMessage};
use crate::worker::Command;

/// One act. The instants before and after each are where a crash can fall, so none does two things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// Fork a worker for this configuration and hand it the listeners.
    SpawnWorker(WorkerId, u32),
    /// Send a worker a command.
    Tell(WorkerId, Command),
    /// SIGKILL a worker.
    KillWorker(WorkerId),
    /// Give every living peer a pidfd of this worker, so that they can tell it to leave if we die. Comes before `Accept`.
    Introduce(WorkerId),
    /// Read the configuration file and open the listeners it adds.
    LoadConfiguration,
    /// Forget the configuration read last, and the listeners only it has.
    DropConfiguration,
    /// The configuration read last is now the one in force; close listeners that only the old one had.
    CommitConfiguration,
    /// Fork, and execute the program file (possibly replaced) with the listeners. A predecessor that lives and the new master
    /// are made known to each other.
    SpawnSuccessor,
    /// SIGKILL the successor. Its workers that never accepted leave by themselves, the others are drained as orphans.
    KillSuccessor,
    /// Take the dead successor's exit status; not before the pid file is right again.
    ReapSuccessor,
    /// Send the predecessor a message.
    TellPredecessor(PeerMessage),
    /// Send the successor a message.
    TellSuccessor(PeerMessage),
    /// Send the predecessor's predecessor a message.
    TellElder(PeerMessage),
    /// Send the successor's successor a message.
    TellHeir(PeerMessage),
    /// From here on the predecessor's predecessor is our predecessor: the one between us is dead.
    PromoteElder,
    /// From here on the successor's successor is our successor.
    PromoteHeir,
    /// Look for workers without a master that nobody introduced, and count them among the orphans: only whoever serves by
    /// itself may take them for superfluous.
    FindOrphans,
    /// SIGQUIT the workers of generations whose death this one has noticed, and those it found.
    DrainOrphans,
    /// SIGTERM those of them that are still there.
    TerminateOrphans,
    /// Close our listening sockets, and remove the paths of those that have one: nobody will serve here again.
    CloseListeners,
    /// Write our pid to the pid file: temporary file, then rename.
    WritePidFile,
    /// Remove the pid file if it names us.
    RemovePidFile,
    /// Remove the pid file if it names us or a master that leaves with us, and the paths of our sockets: nobody is left.
    RemoveLastPidFile,
    /// Write our pid to the old master's pid file: temporary file, then rename.
    WriteOldBin,
    /// Write the predecessor's pid to the old master's pid file: temporary file, then rename. If it has just ended, as
    /// `RemoveOldBin`.
    NameOldBin,
    /// Remove the old master's pid file if it names us or a dead process.
    RemoveOldBin,
    /// Tell whoever started the server (the launching process) that it serves.
    AnnounceStart,
    /// Reopen the logs.
    ReopenLogs,
    /// Put it in the log.
    Say(Remark),
    /// Exit with this code.
    Exit(u8),
}

/// As it stands in a timeline, after the name of the master.
impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let act = match self {
            Effect::SpawnWorker(worker, revision) => {
                return write!(f, "starts worker {worker} of configuration {revision}");
            }
            Effect::Tell(worker, command) => return write!(f, "tells worker {worker} to {command}"),
            Effect::KillWorker(worker) => return write!(f, "kills worker {worker}"),
            Effect::Introduce(worker) => return write!(f, "introduces worker {worker} to the other masters"),
            Effect::TellPredecessor(message) => return write!(f, "tells the old master \"{message}\""),
            Effect::TellSuccessor(message) => return write!(f, "tells the new master \"{message}\""),
            Effect::TellElder(message) => return write!(f, "tells the oldest master \"{message}\""),
            Effect::TellHeir(message) => return write!(f, "tells the newest master \"{message}\""),
            Effect::Say(remark) => return write!(f, "says \"{remark}\""),
            Effect::Exit(code) => return write!(f, "exits with {code}"),
            Effect::LoadConfiguration => "reads the configuration",
            Effect::DropConfiguration => "drops the new configuration",
            Effect::CommitConfiguration => "puts the new configuration in force",
            Effect::SpawnSuccessor => "starts a new master",
            Effect::KillSuccessor => "kills the new master",
            Effect::ReapSuccessor => "reaps the new master",
            Effect::PromoteElder => "has the oldest master as its old one",
            Effect::PromoteHeir => "has the newest master as its new one",
            Effect::FindOrphans => "looks for workers without a master",
            Effect::DrainOrphans => "tells workers without a master to drain",
            Effect::TerminateOrphans => "terminates workers without a master",
            Effect::CloseListeners => "closes its listeners",
            Effect::WritePidFile => "writes the pid file",
            Effect::RemovePidFile => "removes the pid file if that names it",
            Effect::RemoveLastPidFile => "removes the pid file, as nobody is left",
            Effect::WriteOldBin => "writes the old master's pid file",
            Effect::NameOldBin => "names the old master in its pid file",
            Effect::RemoveOldBin => "removes the old master's pid file",
            Effect::AnnounceStart => "announces that it serves",
            Effect::ReopenLogs => "reopens its logs",
        };
        f.write_str(act)
    }
}
