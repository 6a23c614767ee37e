//! Answers whoever calls the control socket: what this master is, now and after each turn that changed it.

use std::{collections::VecDeque, os::fd::OwnedFd, sync::Arc};

use balance::Health;
use conf::Upstream;
use protocol::master::{self as protocol_master, Duty, Predecessor, Successor, SuccessorStage};

use super::{
    Master, Source,
    peer::{Peer, is_readable},
};
use crate::{
    control::{self, Rebuff},
    shift::{self, Beside, Reply, Request},
    status::{Answer, Cluster, Member, MemberState, Neighbour, NeighbourStage, Stage, Status, Worker},
    zone::{self, Zone},
};

/// Answers that are kept for whoever asks later.
const ANSWERS_KEPT: usize = 64;

/// Callers at a time; more are told so.
const CALLERS_MAX: usize = 256;

/// The control socket of this master and who listens to it.
#[derive(Default)]
pub(super) struct Control {
    /// `None` if it could not be opened: then nobody can ask, and the log has said so.
    listener: Option<OwnedFd>,
    callers: Vec<OwnedFd>,
    /// What the callers were told last.
    told: String,
    answered: u64,
    answers: VecDeque<Answer>,
}

impl Master {
    pub(super) fn open_control(&mut self) {
        match control::open(&control::name(std::process::id())) {
            Ok(listener) => {
                self.watch(&listener, Source::Caller);
                self.control.listener = Some(listener);
            }
            Err(errno) => self
                .log
                .alert(&format!("failed to open the control socket: {errno}; -s status will not work")),
        }
    }

    /// Keeps what was said for `-s status`.
    pub(super) fn remember(&mut self, says: String) {
        let at = jiff::Zoned::now().strftime("%H:%M:%S%.3f").to_string();
        let control = &mut self.control;
        control.answers.push_back(Answer { at, says });
        control.answered += 1;
        if control.answers.len() > ANSWERS_KEPT {
            control.answers.pop_front();
        }
    }

    /// New callers are told at once. One that can be read from asks for something, or has hung up.
    pub(super) fn hear_callers(&mut self) {
        let callers = std::mem::take(&mut self.control.callers);
        let stays = |caller: &OwnedFd| {
            !is_readable(caller) || control::hear(caller).is_some_and(|asked| self.obey(caller, &asked))
        };
        let callers = callers.into_iter().filter(stays).collect();
        self.control.callers = callers;
        let Some(listener) = &self.control.listener else { return };
        let status = self.spelled_status();
        while let Some(caller) = control::admit(listener) {
            if self.control.callers.len() == CALLERS_MAX {
                let why = format!("{CALLERS_MAX} others listen to it");
                control::rebuff(&caller, &Rebuff::Busy(why));
            } else if control::tell(&caller, &status) {
                self.watch(&caller, Source::Caller);
                self.control.callers.push(caller);
            }
        }
        self.control.told = status;
    }

    /// Does what a caller asks for; false if nobody is there any more to hear of it.
    fn obey(&mut self, caller: &OwnedFd, asked: &[u8]) -> bool {
        let reply = match serde_json::from_slice::<Request>(asked) {
            Ok(request) => self.shift(&request),
            Err(error) => Reply::Refused(format!("the request is not understood: {error}")),
        };
        serde_json::to_string(&reply).is_ok_and(|reply| control::tell(caller, &reply))
    }

    fn shift(&mut self, request: &Request) -> Reply {
        let beside = match self.predecessor.is_none() && self.orphans.is_empty() {
            true => Beside::Nobody,
            false => Beside::OthersServe,
        };
        match shift::order(&self.settings.configuration, &self.settings.zones, request, beside) {
            Ok(done) => {
                self.log.notice(&done);
                self.remember(done.clone());
                Reply::Done(done)
            }
            Err(refusal) => Reply::Refused(refusal.to_string()),
        }
    }

    /// Tells every caller what has changed. One that does not read is hung up on: a master waits for nobody.
    pub(super) fn tell_callers(&mut self) {
        if self.control.callers.is_empty() {
            return;
        }
        let status = self.spelled_status();
        if status != self.control.told {
            self.control.callers.retain(|caller| control::tell(caller, &status));
            self.control.told = status;
        }
    }

    fn spelled_status(&self) -> String {
        serde_json::to_string(&self.status()).unwrap_or_default()
    }

    /// Where it listens; an address with several sockets once.
    fn addresses(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.settings.listeners.iter().map(|one| one.address.to_string()).collect();
        all.dedup();
        all
    }

    fn status(&self) -> Status {
        let state = &self.state;
        Status {
            generation: state.generation,
            pid: std::process::id(),
            stage: stage(state.stage),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            program: self.home.program.display().to_string(),
            pid_file: self.settings.pid_file.display().to_string(),
            listeners: self.addresses(),
            configuration: state.configuration.revision,
            wanted: state.configuration.workers,
            workers: self.told_workers(),
            oldest: older(state.elder, self.elder.as_ref()),
            old: older(state.predecessor, self.predecessor.as_ref()),
            new: newer(state.successor, self.successor.as_ref()),
            newest: newer(state.heir, self.heir.as_ref()),
            orphans: self.orphans.len(),
            deferred: state.deferred.iter().map(|signal| signal.name().to_owned()).collect(),
            failed_upgrade: self.failed_upgrade.clone(),
            clusters: self.clusters(),
            answered: self.control.answered,
            answers: self.control.answers.iter().cloned().collect(),
        }
    }

    /// Those with a zone: of others every worker knows something else.
    fn clusters(&self) -> Vec<Cluster> {
        let upstreams = self.settings.configuration.http.upstreams.iter().zip(&self.settings.zones);
        let cluster = |(upstream, zone): (&Upstream, &Option<Arc<Zone>>)| {
            let members = zone.as_ref()?.members().into_iter().zip(&upstream.peers);
            let members = members.map(|(known, peer)| member(&known, peer));
            Some(Cluster { name: upstream.name.clone(), members: members.collect() })
        };
        upstreams.filter_map(cluster).collect()
    }

    fn told_workers(&self) -> Vec<Worker> {
        let known =
            self.state.workers.iter().filter_map(|(id, worker)| Some((self.workers.get(id)?, worker)));
        known
            .map(|(child, worker)| Worker {
                pid: child.pid.as_raw().unsigned_abs(),
                duty: duty(worker.duty).to_owned(),
            })
            .collect()
    }
}

fn member(known: &zone::Member, peer: &conf::Peer) -> Member {
    let (state, until_seconds) = match known.health {
        _ if (known.order.down || known.order.weight == 0) && known.conns > 0 => {
            (MemberState::Draining, None)
        }
        _ if known.order.down || known.order.weight == 0 => (MemberState::Down, None),
        Health::Good => (MemberState::Up, None),
        Health::Resting { until_seconds } => (MemberState::Failed, Some(until_seconds)),
        Health::Ejected { until_seconds } => (MemberState::Ejected, Some(until_seconds)),
        Health::OnTrial => (MemberState::OnTrial, None),
    };
    Member {
        name: peer.name.clone(),
        weight: known.order.weight,
        configured: known.configured.weight,
        down: known.order.down,
        fails: known.fails,
        ejected: matches!(known.health, Health::Ejected { .. } | Health::OnTrial),
        conns: known.conns,
        state,
        until_seconds,
    }
}

fn older(old: Option<Predecessor>, peer: Option<&Peer>) -> Option<Neighbour> {
    old.zip(peer).map(|(old, peer)| Neighbour {
        generation: old.generation,
        pid: peer.pid,
        stage: if old.leaving { NeighbourStage::Leaving } else { NeighbourStage::Ready },
    })
}

fn newer(new: Option<Successor>, peer: Option<&Peer>) -> Option<Neighbour> {
    new.map(|new| Neighbour {
        generation: new.generation,
        pid: peer.map_or(0, |peer| peer.pid),
        stage: neighbour_stage(new.stage),
    })
}

fn stage(stage: protocol_master::Stage) -> Stage {
    match stage {
        protocol_master::Stage::Starting | protocol_master::Stage::Announcing => Stage::Starting,
        protocol_master::Stage::Serving => Stage::Serving,
        protocol_master::Stage::Yielding { .. } => Stage::Yielding,
        protocol_master::Stage::Retired => Stage::Retired,
        protocol_master::Stage::Leaving => Stage::Leaving,
        protocol_master::Stage::Stopping => Stage::Stopping,
        protocol_master::Stage::Terminating { .. } | protocol_master::Stage::Gone => Stage::Terminating,
    }
}

fn neighbour_stage(stage: SuccessorStage) -> NeighbourStage {
    match stage {
        SuccessorStage::Spawning | SuccessorStage::Starting { .. } | SuccessorStage::Returning => {
            NeighbourStage::Starting
        }
        SuccessorStage::Ready => NeighbourStage::Ready,
        SuccessorStage::Yielding
        | SuccessorStage::Relieved
        | SuccessorStage::Stopping
        | SuccessorStage::Condemned => NeighbourStage::Leaving,
    }
}

fn duty(duty: Duty) -> &'static str {
    match duty {
        Duty::Preparing | Duty::Prepared | Duty::Admitted => "starting",
        Duty::Accepting => "accepting",
        Duty::Halting | Duty::Halted => "stopped accepting",
        Duty::Draining => "draining",
        Duty::Terminated => "stopping",
    }
}
