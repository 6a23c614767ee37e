//! What a timeline, a log and a status say in words.

use protocol::{
    master::{Remark, Stage as Whole},
    worker::{Command, Stage as Life},
};

use super::*;

fn told<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" | ")
}

#[test]
fn what_masters_and_workers_tell_each_other() {
    let commands =
        [Command::Accept, Command::StopAccepting, Command::Drain, Command::Terminate, Command::Reopen];
    assert_eq!(told(commands), "accept | stop accepting | drain | terminate | reopen its logs");
    let reports = [Report::Prepared, Report::Accepting, Report::Stopped, Report::Draining, Report::Drained];
    assert_eq!(told(reports), "prepared | accepting | stopped | draining | drained");
    use PeerMessage::*;
    assert_eq!(
        told([Ready, TakeOver, TookOver, Noted, Leaving, Bonded, Staying, Stopping]),
        "ready | take over | took over | noted | leaving | bonded | staying | stopping"
    );
}

#[test]
fn what_they_are_doing() {
    use Whole::*;
    let whole = [
        Starting,
        Announcing,
        Serving,
        Yielding { remaining_ms: 1 },
        Retired,
        Leaving,
        Stopping,
        Terminating { remaining_ms: 1, code: 0 },
        Gone,
    ];
    assert_eq!(
        told(whole),
        "starting | announcing itself | serving | waiting to be relieved | retired | leaving | stopping \
         | terminating | gone"
    );
    let lives =
        [Life::Preparing, Life::Prepared, Life::Accepting, Life::Stopped, Life::Draining, Life::Leaving];
    assert_eq!(told(lives), "preparing | prepared | accepting | stopped accepting | draining | leaving");
}

#[test]
fn which_signals_are_pending() {
    let pending = |raised: &[Signal]| signals(raised).signals.to_string();
    assert_eq!(pending(&[]), "");
    assert_eq!(pending(&[Signal::Usr2]), "USR2");
    assert_eq!(pending(&[Signal::Usr2, Signal::Quit, Signal::Hup]), "HUP and QUIT and USR2");
}

#[test]
fn what_a_master_does() {
    use Effect::*;
    let acts = [
        SpawnWorker(3, 2),
        Tell(3, Command::Accept),
        KillWorker(3),
        Introduce(3),
        TellPredecessor(PeerMessage::Ready),
        TellSuccessor(PeerMessage::Leaving),
        TellElder(PeerMessage::Stopping),
        TellHeir(PeerMessage::Bonded),
        Say(Remark::WorkerDied),
        Exit(1),
    ];
    assert_eq!(
        told(acts),
        "starts worker 3 of configuration 2 | tells worker 3 to accept | kills worker 3 \
         | introduces worker 3 to the other masters | tells the old master \"ready\" \
         | tells the new master \"leaving\" | tells the oldest master \"stopping\" \
         | tells the newest master \"bonded\" | says \"a worker died: replacing it\" | exits with 1"
    );
    let plain = [
        LoadConfiguration,
        DropConfiguration,
        CommitConfiguration,
        SpawnSuccessor,
        KillSuccessor,
        ReapSuccessor,
        PromoteElder,
        PromoteHeir,
        FindOrphans,
        DrainOrphans,
        TerminateOrphans,
        CloseListeners,
        WritePidFile,
        RemovePidFile,
        RemoveLastPidFile,
        WriteOldBin,
        NameOldBin,
        RemoveOldBin,
        AnnounceStart,
        ReopenLogs,
    ];
    let mut words: Vec<String> = plain.iter().map(ToString::to_string).collect();
    assert_eq!(words[0], "reads the configuration");
    words.sort();
    words.dedup();
    assert_eq!(words.len(), plain.len(), "two acts are told in the same words");
}
