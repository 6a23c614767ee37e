//! The names of the effects. A new one does not compile before it has a name, and what has a name is listed.

use clap::ValueEnum;
use protocol::{
    master::{self, PeerMessage},
    worker::{self, Command, Report},
};

use super::{Side, arming::Role};

/// What a master does.
#[derive(Clone, Copy, ValueEnum)]
enum OfMaster {
    SpawnWorker,
    Tell,
    KillWorker,
    Introduce,
    LoadConfiguration,
    DropConfiguration,
    CommitConfiguration,
    SpawnSuccessor,
    KillSuccessor,
    ReapSuccessor,
    TellPredecessor,
    TellSuccessor,
    TellElder,
    TellHeir,
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
    Say,
    Exit,
}

/// What a worker does.
#[derive(Clone, Copy, ValueEnum)]
enum OfWorker {
    StartAccepting,
    StopAccepting,
    AnnounceClose,
    Report,
    Reopen,
    Ignore,
    SayOrphaned,
    Exit,
}

/// What a worker can be told.
#[derive(Clone, Copy, ValueEnum)]
enum Told {
    Accept,
    StopAccepting,
    Drain,
    Terminate,
    Reopen,
}

/// What a worker can say.
#[derive(Clone, Copy, ValueEnum)]
enum Said {
    Prepared,
    Accepting,
    Stopped,
    Draining,
    Drained,
}

/// What masters can tell each other.
#[derive(Clone, Copy, ValueEnum)]
enum Message {
    Ready,
    TakeOver,
    TookOver,
    Leaving,
    Staying,
    Stopping,
    Noted,
    Bonded,
}

/// Every instant: `master.tell-drain.before`.
pub(crate) fn names() -> Vec<String> {
    let masters = OfMaster::value_variants().iter().flat_map(|act| details_of_master(*act));
    let workers = OfWorker::value_variants().iter().flat_map(|act| details_of_worker(*act));
    let points = masters.map(|point| (Role::Master, point)).chain(workers.map(|point| (Role::Worker, point)));
    points
        .flat_map(|(role, point)| Side::ALL.map(|side| format!("{}.{point}.{}", role.name(), side.name())))
        .collect()
}

/// An effect's name: `tell-drain`.
pub(super) fn of_master(effect: &master::Effect) -> String {
    use master::Effect;
    let act = match effect {
        Effect::Tell(_, command) => return detailed(OfMaster::Tell, told(*command)),
        Effect::TellPredecessor(message) => return detailed(OfMaster::TellPredecessor, sent(*message)),
        Effect::TellSuccessor(message) => return detailed(OfMaster::TellSuccessor, sent(*message)),
        Effect::TellElder(message) => return detailed(OfMaster::TellElder, sent(*message)),
        Effect::TellHeir(message) => return detailed(OfMaster::TellHeir, sent(*message)),
        Effect::PromoteElder => OfMaster::PromoteElder,
        Effect::PromoteHeir => OfMaster::PromoteHeir,
        Effect::SpawnWorker(..) => OfMaster::SpawnWorker,
        Effect::KillWorker(_) => OfMaster::KillWorker,
        Effect::Introduce(_) => OfMaster::Introduce,
        Effect::LoadConfiguration => OfMaster::LoadConfiguration,
        Effect::DropConfiguration => OfMaster::DropConfiguration,
        Effect::CommitConfiguration => OfMaster::CommitConfiguration,
        Effect::SpawnSuccessor => OfMaster::SpawnSuccessor,
        Effect::KillSuccessor => OfMaster::KillSuccessor,
        Effect::ReapSuccessor => OfMaster::ReapSuccessor,
        Effect::FindOrphans => OfMaster::FindOrphans,
        Effect::DrainOrphans => OfMaster::DrainOrphans,
        Effect::TerminateOrphans => OfMaster::TerminateOrphans,
        Effect::CloseListeners => OfMaster::CloseListeners,
        Effect::WritePidFile => OfMaster::WritePidFile,
        Effect::RemovePidFile => OfMaster::RemovePidFile,
        Effect::RemoveLastPidFile => OfMaster::RemoveLastPidFile,
        Effect::WriteOldBin => OfMaster::WriteOldBin,
        Effect::NameOldBin => OfMaster::NameOldBin,
        Effect::RemoveOldBin => OfMaster::RemoveOldBin,
        Effect::AnnounceStart => OfMaster::AnnounceStart,
        Effect::ReopenLogs => OfMaster::ReopenLogs,
        Effect::Say(_) => OfMaster::Say,
        Effect::Exit(_) => OfMaster::Exit,
    };
    name(act)
}

/// An effect's name: `report-prepared`.
pub(super) fn of_worker(effect: &worker::Effect) -> String {
    use worker::Effect;
    let act = match effect {
        Effect::Report(report) => return detailed(OfWorker::Report, said(*report)),
        Effect::StartAccepting => OfWorker::StartAccepting,
        Effect::StopAccepting => OfWorker::StopAccepting,
        Effect::AnnounceClose => OfWorker::AnnounceClose,
        Effect::Reopen => OfWorker::Reopen,
        Effect::Ignore(_) => OfWorker::Ignore,
        Effect::SayOrphaned => OfWorker::SayOrphaned,
        Effect::Exit(_) => OfWorker::Exit,
    };
    name(act)
}

fn details_of_master(act: OfMaster) -> Vec<String> {
    match act {
        OfMaster::Tell => all_details::<Told>(act),
        OfMaster::TellPredecessor | OfMaster::TellSuccessor | OfMaster::TellElder | OfMaster::TellHeir => {
            all_details::<Message>(act)
        }
        _ => vec![name(act)],
    }
}

fn details_of_worker(act: OfWorker) -> Vec<String> {
    match act {
        OfWorker::Report => all_details::<Said>(act),
        _ => vec![name(act)],
    }
}

fn told(command: Command) -> Told {
    match command {
        Command::Accept => Told::Accept,
        Command::StopAccepting => Told::StopAccepting,
        Command::Drain => Told::Drain,
        Command::Terminate => Told::Terminate,
        Command::Reopen => Told::Reopen,
    }
}

fn said(report: Report) -> Said {
    match report {
        Report::Prepared => Said::Prepared,
        Report::Accepting => Said::Accepting,
        Report::Stopped => Said::Stopped,
        Report::Draining => Said::Draining,
        Report::Drained => Said::Drained,
    }
}

fn sent(message: PeerMessage) -> Message {
    match message {
        PeerMessage::Ready => Message::Ready,
        PeerMessage::TakeOver => Message::TakeOver,
        PeerMessage::TookOver => Message::TookOver,
        PeerMessage::Leaving => Message::Leaving,
        PeerMessage::Staying => Message::Staying,
        PeerMessage::Stopping => Message::Stopping,
        PeerMessage::Noted => Message::Noted,
        PeerMessage::Bonded => Message::Bonded,
    }
}

fn all_details<T: ValueEnum>(act: impl ValueEnum) -> Vec<String> {
    T::value_variants().iter().map(|detail| detailed(act.clone(), detail.clone())).collect()
}

fn detailed(act: impl ValueEnum, detail: impl ValueEnum) -> String {
    format!("{}-{}", name(act), name(detail))
}

fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
