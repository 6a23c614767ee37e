//! From a configuration file to a running master: listeners, daemon, channel to the predecessor.

use std::{
    collections::BTreeMap,
    env, io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    process,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use conf::{Configuration, WorkerProcesses};
use nix::sys::{
    epoll::{Epoll, EpollCreateFlags},
    signal::{SigSet, SigmaskHow, sigprocmask},
    signalfd::{SfdFlags, SignalFd},
};
use protocol::master::{Limits, Predecessor, State};

use super::{Master, Settings, Source, child::wait_readable, gather::SIGNALS, peer::Peer, record::Record};
use crate::{
    access_log::AccessLogs,
    daemon,
    home::Home,
    last_in_force,
    listeners::{self, Listening},
    log::Log,
    notify::Notifier,
    numbering::Numbering,
    orphan::{self, Estate},
    os, privileges,
    socket_path::SocketPath,
    start_right::StartRight,
    wire::{self, Frame, Hello},
    zone::{self, Occasion, Zones},
};

/// nginx's variable for inherited sockets: `6;7;`.
pub(super) const LISTENERS_VARIABLE: &str = "NGINX";

/// The descriptor of the channel to the master that started us.
pub(super) const PEER_VARIABLE: &str = "CHANGEOVER_PEER";

/// The descriptor of the channel to the master that started that one, if it lives.
pub(super) const ELDER_VARIABLE: &str = "CHANGEOVER_ELDER";

/// How long a new master waits for the hello, which its predecessor sent before it was forked.
const HELLO_DEADLINE: Duration = Duration::from_secs(5);

/// How long a busy address is given to turn out to be that of workers who do not know yet that their master died.
const ORPHANS_DEADLINE: Duration = Duration::from_millis(500);
const ORPHANS_PAUSE: Duration = Duration::from_millis(10);

/// What came with the process from the generation before.
pub(crate) struct Inherited {
    listeners: Vec<Listening>,
    peer: Option<OwnedFd>,
    elder: Option<OwnedFd>,
    /// Text to serve instead of the configuration file.
    configuration: Option<OwnedFd>,
}

impl Inherited {
    /// Takes the descriptors named in the environment. Must run once, before anything else is opened.
    pub(crate) fn take() -> Inherited {
        let named = env::var(LISTENERS_VARIABLE).unwrap_or_default();
        let sockets =
            named.split([';', ':']).filter_map(|word| word.trim().parse().ok()).filter_map(os::inherit);
        Inherited {
            listeners: listeners::adopt(sockets.collect()),
            peer: channel(PEER_VARIABLE),
            elder: channel(ELDER_VARIABLE),
            configuration: last_in_force::inherited(),
        }
    }

    /// The text that is to be served instead of the configuration file.
    pub(crate) fn configuration(&mut self) -> Option<OwnedFd> {
        self.configuration.take()
    }

    /// The channel to the master that started us, for whoever has to say why there will be no master here.
    pub(crate) fn mouth(&self) -> Option<OwnedFd> {
        self.peer.as_ref().and_then(|channel| channel.try_clone().ok())
    }

    /// Somebody gave us sockets, so we stay the process that we are: our pid is known to them.
    pub(crate) fn is_something(&self) -> bool {
        self.peer.is_some() || !self.listeners.is_empty()
    }
}

fn channel(variable: &str) -> Option<OwnedFd> {
    env::var(variable).ok()?.parse().ok().and_then(os::inherit)
}

/// Builds a master that is about to run. In the launching process of a daemon this never returns.
pub(crate) fn start(
    home: Home,
    inherited: Inherited,
    configuration: Configuration,
    text: &str,
) -> io::Result<Master> {
    let logs = home.error_logs(&configuration);
    let log = Log::open(&logs)?;
    AccessLogs::open(&home.prefix, &configuration)?;
    privileges::hand_over_logs(&configuration, &home.log_files(&configuration))?;
    let pid_file = home.pid_file(&configuration);
    let start_right = (!inherited.is_something()).then(|| StartRight::take(&pid_file)).transpose()?;
    let (listeners, mut estate) = open_listeners(&configuration, &inherited, &pid_file)?;
    let left_behind = [&inherited.listeners, &estate.listeners]
        .into_iter()
        .flat_map(|had| listeners::left_behind(had, &listeners))
        .collect();
    block_signals()?;
    let daemonise = configuration.daemon && !inherited.is_something();
    let launcher = if daemonise { Some(daemon::detach(&log, &logs)?) } else { None };
    if inherited.is_something() && configuration.daemon {
        daemon::leave_terminal(&log)?;
    }
    os::set_title("changeoverd: master process");
    let elder = greet(inherited.elder)?;
    let mut greeting = greet(inherited.peer)?;
    let generation = greeting.as_ref().map_or(1, |old| old.generation).max(estate.generation);
    let old = greeting.as_ref().map(|old| old.from);
    let mut state = State::new(generation, worker_count(&configuration), old, limits(&configuration));
    state.elder = elder.as_ref().map(|elder| Predecessor::elder(elder.from));
    let left = greeting.as_mut().map_or(&mut estate.zones, |old| &mut old.zones);
    let zones = go_on(&configuration, std::mem::take(left), &log)?;
    let old = (greeting.map(|old| old.peer), elder.map(|elder| elder.peer));
    state.orphans = !estate.workers.is_empty();
    let configuration = Arc::new(configuration);
    let settings = Settings { pid_file, configuration, text: text.into(), listeners, zones };
    let mut master = assemble(state, home, log, settings, old, launcher, left_behind)?;
    master.start_right = start_right;
    let greeted = master.greet_elder();
    master.log_unheard("greet as the oldest master", greeted);
    master.take_over_from(estate.workers);
    master.notify(vec![format!("STATUS=generation {generation} starts (master {})", process::id())]);
    Ok(master)
}

/// The sockets of the configuration. A server that lost its last master left its own with its workers; should the master
/// have died this very moment, they may not know yet.
fn open_listeners(
    configuration: &Configuration,
    inherited: &Inherited,
    pid_file: &Path,
) -> io::Result<(Vec<Listening>, Estate)> {
    let deadline = Instant::now() + ORPHANS_DEADLINE;
    loop {
        let estate = match inherited.is_something() {
            true => Estate::default(),
            false => orphan::find(&orphan::family(pid_file), &[], |user| {
                privileges::is_worker(configuration, user)
            }),
        };
        let have = [inherited.listeners.as_slice(), &estate.listeners].concat();
        match listeners::open(configuration, worker_count(configuration), &have) {
            Ok(listeners) => return Ok((listeners, estate)),
            Err(error) if inherited.is_something() || !error.is_in_use() || Instant::now() > deadline => {
                return Err(io::Error::other(error));
            }
            Err(_) => thread::sleep(ORPHANS_PAUSE),
        }
    }
}

fn assemble(
    state: State,
    home: Home,
    log: Log,
    settings: Settings,
    (predecessor, elder): (Option<Peer>, Option<Peer>),
    launcher: Option<OwnedFd>,
    left_behind: Vec<SocketPath>,
) -> io::Result<Master> {
    let mut mask = SigSet::empty();
    SIGNALS.iter().for_each(|(raised, _)| mask.add(*raised));
    let mut master = Master {
        numbering: Numbering::new(state.next_generation)?,
        state,
        home,
        log,
        epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
        signals: SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?,
        settings,
        candidate: None,
        workers: BTreeMap::new(),
        predecessor,
        successor: None,
        elder,
        heir: None,
        unreaped: None,
        orphans: Vec::new(),
        taken_over: Vec::new(),
        dead: Vec::new(),
        launcher,
        control: Default::default(),
        notifier: Notifier::from_environment()?,
        record: None,
        last_exit: None,
        last_words: None,
        obituary: None,
        failed_upgrade: None,
        start_right: None,
        left_well: false,
        progress: String::new(),
        said_farewell: false,
        left_behind,
    };
    master.record = Record::begin(&master.state)?;
    master.open_control();
    master.watch(&master.signals, Source::Signals);
    if let Some(peer) = &master.predecessor {
        master.watch_neighbour(peer, Source::PredecessorSaid, Source::PredecessorExit);
    }
    if let Some(peer) = &master.elder {
        master.watch(&peer.channel, Source::ElderSaid);
    }
    Ok(master)
}

/// Signals come by signalfd only; they stay blocked across the exec of the next generation, so that none sent to it while it
/// starts can kill it by default action.
fn block_signals() -> io::Result<()> {
    let mut mask = SigSet::empty();
    SIGNALS.iter().for_each(|(raised, _)| mask.add(*raised));
    Ok(sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), None)?)
}

/// Which generation we lead, and who says so.
struct Greeting {
    generation: u32,
    from: u32,
    peer: Peer,
    /// What it knows of the peers of its upstreams.
    zones: Vec<OwnedFd>,
}

/// The zones of the configuration, with what others left of them.
fn go_on(configuration: &Configuration, left: Vec<OwnedFd>, log: &Log) -> io::Result<Zones> {
    let (segments, refused) = zone::adopt(left);
    refused.iter().for_each(|why| log.warn(&why.to_string()));
    zone::open((configuration, worker_count(configuration)), &segments, Occasion::Start)
}

fn greet(channel: Option<OwnedFd>) -> io::Result<Option<Greeting>> {
    let Some(channel) = channel else { return Ok(None) };
    wait_readable(&channel, HELLO_DEADLINE)?;
    match wire::receive(channel.as_fd())? {
        // Should it have died since, its pidfd says so in the first turn.
        Some(Frame::Hello(Hello { generation, from, pid, pidfd, zones })) => {
            let peer = Peer::new(pid, channel, Some(pidfd));
            Ok(Some(Greeting { generation, from, peer, zones }))
        }
        other => Err(wire::unexpected("a hello from the old master", other)),
    }
}

fn limits(configuration: &Configuration) -> Limits {
    let ready_ms = u32::try_from(configuration.changeover_ready_timeout.as_millis()).unwrap_or(u32::MAX);
    Limits { ready_ms, ..Limits::default() }
}

/// Workers a configuration wants.
pub(super) fn worker_count(configuration: &Configuration) -> u32 {
    match configuration.worker_processes {
        WorkerProcesses::Count(count) => count,
        WorkerProcesses::Auto => {
            std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1))
        }
    }
}
