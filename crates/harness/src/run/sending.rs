//! The load of a run: everything that goes by the time since it started begins with it.

use std::time::Duration;

use facts::{
    Event, Moment, Plan,
    plan::{Action, Fires, LoadChange, Pace},
};
use ledger::{HLOG_NAME, clock::now, read_ledgers, write_hlog};
use load::Load;

use super::{Beside, Run, TURN, actions};
use crate::{Error, self_check::SelfCheck};

pub(super) struct RunningLoad {
    pub(super) load: Load,
    self_check: SelfCheck,
}

impl Run<'_> {
    /// Begins to send, if the plan has clients, and everything that goes by the time since then.
    pub(super) fn start_load(&mut self) -> Result<(), Error> {
        self.loaded_at = now();
        if !self.plan.populations.is_empty() {
            self.load = Some(self.begin_to_send()?);
        }
        self.step_ended_at = self.loaded_at;
        for reacting in &mut self.reactions {
            reacting.start(self.loaded_at, &self.watcher.site);
        }
        self.watcher.take_news();
        self.beside = Beside::On;
        self.watch()
    }

    /// Tells the populations that wait for this phase to send.
    pub(super) fn fire_volleys(&self, phase: u8) -> Result<(), Error> {
        let Some(RunningLoad { load, .. }) = &self.load else { return Ok(()) };
        let fires = Pace::Volley { fires: Fires::Phase { phase } };
        for (index, _) in self.plan.populations.iter().enumerate().filter(|(_, p)| p.pace == fires) {
            load.change(index, LoadChange::Fire)?;
        }
        Ok(())
    }

    fn begin_to_send(&self) -> Result<RunningLoad, Error> {
        let self_check = SelfCheck::start(self.watcher.warden.pid(), self.watcher.log.clone())
            .map_err(Error::system("start the self check"))?;
        let addresses = self.targets.iter().zip(&self.proxies).map(|(target, proxy)| match proxy {
            Some(proxy) => proxy.address,
            None => target.address,
        });
        let load = load::start(load::Setup {
            populations: self.plan.populations.clone(),
            addresses: addresses.map(load::Address::from).collect(),
            origins: self.plan.origins.iter().map(|origin| origin.name.clone()).collect(),
            seed: self.plan.stream("load"),
            phase: self.phase.clone(),
            directory: self.directory.clone(),
            rates: rates(self.plan),
            longest: Duration::from_nanos(self.deadline.saturating_sub(self.loaded_at)),
            options: load::Options::default(),
        })?;
        self.watcher.log.write(Moment { earliest: self.loaded_at, latest: now() }, Event::LoadStarted)?;
        Ok(RunningLoad { load, self_check })
    }

    /// Lets what is in flight end, and goes on watching meanwhile.
    pub(super) fn stop_load(&mut self) -> Result<(), Error> {
        let Some(RunningLoad { load, self_check }) = self.load.take() else { return Ok(()) };
        let stopping = std::thread::spawn(move || load.stop());
        while !stopping.is_finished() {
            self.watcher.turn(TURN)?;
        }
        let totals = stopping.join().unwrap_or(Err(load::Error::Panicked))?;
        self.count()?;
        let load::Counts { planned, sent, unsent, .. } = totals.counts;
        self.watcher.write(Event::LoadStopped { planned, sent, unsent })?;
        for load::PhaseLag { phase, samples, p999_ns, max_ns, .. } in totals.lag.iter().copied() {
            self.watcher.write(Event::GeneratorLag { phase, samples, p999_ns, max_ns })?;
        }
        let scheduling = totals.scheduling;
        self.watcher.write(Event::GeneratorScheduled { scheduling })?;
        let (at, event) = self_check.finish();
        self.watcher.log.write(at, event)?;
        self.write_latencies()
    }

    /// For readers of HdrHistogram logs: the same latencies as in the ledger.
    fn write_latencies(&self) -> Result<(), Error> {
        let records = read_ledgers(&self.directory)?;
        let Plan { populations, phases, .. } = self.plan;
        Ok(write_hlog(&self.directory.join(HLOG_NAME), populations, phases, &records)?)
    }
}

/// The rates that populations are given in the course of the plan.
fn rates(plan: &Plan) -> Vec<(usize, f64)> {
    let rate = |action: &Action| match action {
        Action::Load { population, change: LoadChange::Rate { per_second } } => {
            Some((*population, *per_second))
        }
        _ => None,
    };
    actions(plan).filter_map(rate).collect()
}
