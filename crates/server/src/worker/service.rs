//! What all connections of a worker share.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    rc::{Rc, Weak},
    sync::Arc,
    time::SystemTime,
};

use balance::{Part, Split};
use conf::{Configuration, Handler, Http, Share, SplitClients, Upstream};
use hyper::header::HeaderValue;
use ledger::Journal;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::{
    connection::Connection, forward::Group, framing::Spelling, handover::Departures, spelling::Spellings,
};
use crate::{
    access_log::AccessLogs,
    log::Log,
    zone::{Zone, Zones},
};

/// The services of a worker, and the count of its connections.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) configuration: Arc<Configuration>,
    pub(super) generation: u32,
    pub(super) journal: Option<Journal>,
    pub(super) access_logs: AccessLogs,
    /// Relative paths of files start here.
    pub(super) prefix: PathBuf,
    pub(super) log: Log,
    pub(super) hostname: String,
    /// One for each upstream, in the order of the configuration.
    pub(super) groups: Vec<Rc<Group>>,
    /// One for each `split_clients`, in the order of the configuration.
    pub(super) splits: Vec<Split>,
    /// `generation` and the process, as headers say them.
    pub(super) generation_said: HeaderValue,
    pub(super) pid_said: HeaderValue,
    stage: Cell<Stage>,
    /// Told of every new stage, for those that wait for one.
    staged: watch::Sender<Stage>,
    /// When the last stage began.
    cut_at: Cell<Option<Instant>>,
    open: Cell<usize>,
    admitted: Cell<u64>,
    /// What `changeover_counter` counts.
    counted: Cell<u64>,
    /// Of headers' names.
    pub(super) spellings: Spellings,
    /// Whether those of clients matter: only peers see them.
    pub(super) spelling: Spelling,
    /// Connections on their way to another worker.
    pub(super) departures: Departures,
    /// Every open connection by its place, those of the self-test not counted.
    pub(super) connections: RefCell<BTreeMap<u64, Weak<Connection>>>,
    /// Told whenever a connection has closed, and when one becomes idle while no other has room.
    pub(super) freed: Notify,
}

/// What connections need to know of the worker's stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Connections may stay.
    Serving,
    /// The worker drains and looks for others that go on with its connections.
    Seeking,
    /// Connections go on elsewhere as soon as they are at rest.
    HandingOver,
    /// Nobody takes them. Every answer announces the end of its connection.
    Draining,
    /// `worker_shutdown_timeout` is over: connections end now.
    Cutting,
}

impl Service {
    pub(super) fn new(
        (configuration, zones): (Arc<Configuration>, Zones),
        generation: u32,
        journal: Option<Journal>,
        access_logs: AccessLogs,
        prefix: PathBuf,
        log: Log,
    ) -> io::Result<Rc<Self>> {
        let http = &configuration.http;
        let group = |(upstream, zone): (&Upstream, Option<Arc<Zone>>)| match zone {
            Some(zone) => Group::shared(upstream.clone(), &zone, &log),
            None => Ok(Group::new(upstream.clone(), &log)),
        };
        let zones = zones.into_iter().chain(std::iter::repeat(None));
        let groups = http.upstreams.iter().zip(zones).map(group).collect::<io::Result<_>>()?;
        let splits = http.splits.iter().map(split).collect();
        let spelling = if is_proxy(http) { Spelling::Kept } else { Spelling::Forgotten };
        Ok(Rc::new(Service {
            configuration,
            generation,
            journal,
            access_logs,
            prefix,
            log,
            hostname: hostname(),
            groups,
            splits,
            generation_said: generation.into(),
            pid_said: std::process::id().into(),
            stage: Cell::new(Stage::Serving),
            staged: watch::Sender::new(Stage::Serving),
            cut_at: Cell::default(),
            open: Cell::new(0),
            admitted: Cell::new(0),
            counted: Cell::new(0),
            spellings: Spellings::default(),
            spelling,
            departures: Departures::default(),
            connections: RefCell::default(),
            freed: Notify::new(),
        }))
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage.get()
    }

    pub(super) fn enter(&self, stage: Stage) {
        // As in nginx: whoever leaves waits for no further request, and keeps no connection for one.
        self.groups.iter().for_each(|group| group.idle.clear());
        // Nothing comes after the end.
        if self.stage.get() == stage || self.stage.get() == Stage::Cutting {
            return;
        }
        self.stage.set(stage);
        if stage == Stage::Cutting {
            self.cut_at.set(Some(Instant::now()));
        }
        self.staged.send_replace(stage);
        self.connections.borrow().values().filter_map(Weak::upgrade).for_each(|one| one.wake());
    }

    /// When connections were told to end; `None` as long as they were not.
    pub(super) fn cut_at(&self) -> Option<Instant> {
        self.cut_at.get()
    }

    /// Returns once the worker drains.
    pub(super) async fn leaves(&self) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.staged.subscribe().wait_for(|stage| *stage != Stage::Serving).await;
    }

    /// Returns once connections are to end.
    pub(super) async fn cut(&self) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.staged.subscribe().wait_for(|stage| *stage == Stage::Cutting).await;
    }

    /// One more.
    pub(super) fn count(&self) -> u64 {
        self.counted.set(self.counted.get() + 1);
        self.counted.get()
    }

    /// Open connections, those of the self-test not counted.
    pub(super) fn open(&self) -> usize {
        self.open.get()
    }

    /// Counts a connection in, until the ticket is dropped.
    pub(super) fn admit(self: &Rc<Self>) -> Ticket {
        self.open.set(self.open.get() + 1);
        self.admitted.set(self.admitted.get() + 1);
        Ticket { service: Rc::clone(self), place: self.admitted.get() }
    }
}

/// A connection that counts as open.
#[derive(Debug)]
pub(super) struct Ticket {
    service: Rc<Service>,
    /// Among all that this worker has had, from 1.
    pub(super) place: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.service.open.set(self.service.open.get() - 1);
        self.service.connections.borrow_mut().remove(&self.place);
        self.service.freed.notify_waiters();
    }
}

fn split(split: &SplitClients) -> Split {
    let part = |(share, _): &(Share, String)| match share {
        Share::Hundredths(hundredths) => Part::Hundredths(*hundredths),
        Share::Rest => Part::Rest,
    };
    Split::new(&split.parts.iter().map(part).collect::<Vec<_>>())
}

fn is_proxy(http: &Http) -> bool {
    let mut locations = http.servers.iter().flat_map(|server| &server.locations);
    locations.any(|location| matches!(location.handler, Handler::Proxy(_)))
}

/// Whole seconds, as the balancer of nginx counts them.
pub(super) fn now_seconds() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn hostname() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()).unwrap_or_default()
}
