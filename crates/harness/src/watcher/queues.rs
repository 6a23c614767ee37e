//! Looks at the sockets that targets listen on, and at who keeps them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
};

use facts::{
    Event, Moment, Nanos, Role,
    kernel::{Activity, Keeper},
};
use ledger::clock::now;

use super::Watcher;
use crate::{
    Error, procfs,
    queue::{BLIND_AFTER, Finding, Listening, Look, Queues},
    sockets::{Socket, Sockets},
};

/// From one look to the next. Listing the sockets that listen costs some ten microseconds.
const GAP: Nanos = 10_000_000;
/// Who keeps a socket at which somebody waits is asked this often.
const KEEPERS_GAP: Nanos = 30_000_000;
/// Who keeps the others: a socket that is gone cannot be asked any more.
const IDLE_KEEPERS_GAP: Nanos = 500_000_000;
/// What takes long (thousands of descriptors or connections) is done so much less often: 5 % of a core…
const REST: Nanos = 20;
/// …but not less often than this, where it matters: who looks too rarely knows nothing.
const LONGEST_GAP: Nanos = 40_000_000;

/// The queues of all targets.
#[derive(Debug)]
pub(crate) struct AllQueues {
    sockets: Sockets,
    targets: Vec<Target>,
    next_look: Nanos,
}

#[derive(Debug)]
struct Target {
    /// `None`: its clients connect to something else, and what waits here is not they.
    address: Option<SocketAddr>,
    queues: Queues,
    asked: Asked,
    /// Why it is not known who keeps its sockets, when that was told.
    blind: Option<String>,
}

/// The last answer to who keeps the sockets of a target.
#[derive(Debug)]
struct Asked {
    at: Nanos,
    took: Nanos,
    /// Processes by the socket that they have a descriptor of.
    keepers: Result<BTreeMap<u64, Vec<Keeper>>, String>,
}

impl Target {
    /// Why it is not known who keeps its sockets, the first time.
    fn goes_blind(&mut self) -> Option<String> {
        let why = self.asked.keepers.as_ref().err()?;
        let is_new = self.blind.is_none();
        is_new.then(|| self.blind.insert(format!("who keeps its sockets: {why}")).clone())
    }
}

impl Asked {
    /// Who keeps a socket. While somebody waits there only an answer of just now counts: a process may begin to accept.
    fn keepers(&self, socket: &Socket, at: Nanos) -> Option<Vec<Keeper>> {
        let is_old = socket.waiting > 0 && at > self.at + BLIND_AFTER;
        let keepers = self.keepers.as_ref().ok().filter(|_| !is_old)?;
        Some(keepers.get(&socket.inode).cloned().unwrap_or_default())
    }
}

impl AllQueues {
    /// `None` where the kernel does not tell: then the cause of a loss stays unknown.
    pub(crate) fn open(addresses: Vec<Option<SocketAddr>>) -> Option<AllQueues> {
        let target = |address| Target {
            address,
            queues: Queues::default(),
            asked: Asked { at: 0, took: 0, keepers: Ok(BTreeMap::new()) },
            blind: None,
        };
        let targets = addresses.into_iter().map(target).collect();
        Some(AllQueues { sockets: Sockets::open().ok()?, targets, next_look: 0 })
    }
}

impl Watcher {
    /// A look at all queues, if one is due.
    pub(super) fn look_at_queues(&mut self) -> Result<(), Error> {
        let Some(mut all) = self.queues.take_if(|all| now() >= all.next_look) else { return Ok(()) };
        let began = now();
        let found = self.find(&mut all);
        all.next_look = now().max(began + GAP.max((REST * (now() - began)).min(LONGEST_GAP)));
        self.queues = Some(all);
        // A list that is not the truth of any instant is worth nothing; the next look is soon.
        let Ok(found) = found else { return Ok(()) };
        found.into_iter().try_for_each(|(at, event)| Ok(self.log.write(at, event)?))
    }

    /// Says whose queues are looked at from here on.
    pub(crate) fn begin_with_queues(&self) -> Result<(), Error> {
        for index in 0..self.site.names.len() {
            let target = self.name(index);
            let watched = self.queues.as_ref().map(|all| all.targets[index].address.is_some());
            let why = match watched {
                Some(true) => {
                    self.write(Event::QueuesWatched { target })?;
                    continue;
                }
                Some(false) => "its clients connect to a proxy of ours",
                None => "this kernel does not list its sockets (sock_diag)",
            };
            self.write(Event::QueuesUnwatched { target, why: why.into() })?;
        }
        Ok(())
    }

    fn find(&self, all: &mut AllQueues) -> io::Result<Vec<(Moment, Event)>> {
        let earliest = now();
        let listening = all.sockets.listening()?;
        let wanted = all.targets.iter().any(|target| target.queues.wants_clients());
        let unaccepted = if wanted { all.sockets.unaccepted()? } else { Vec::new() };
        let at = Moment { earliest, latest: now() };
        let mut found = Vec::new();
        for (index, target) in all.targets.iter_mut().enumerate() {
            let Some(address) = target.address else { continue };
            let sockets: Vec<Socket> = listening.iter().filter(|s| serves(s, address)).copied().collect();
            self.ask_keepers(index, target, &sockets);
            found.extend(
                target.goes_blind().map(|why| (at, Event::QueuesUnwatched { target: self.name(index), why })),
            );
            let asked = &target.asked;
            let listening = |socket: &Socket| Listening {
                socket: socket.inode,
                waiting: socket.waiting,
                keepers: asked.keepers(socket, at.latest),
            };
            let listening = sockets.iter().map(listening).collect();
            let look = Look { at, listening, clients: clients(&unaccepted, address) };
            let findings = target.queues.take(look).into_iter();
            found.extend(findings.map(|(at, finding)| (at, event(self.name(index), finding))));
        }
        Ok(found)
    }

    fn ask_keepers(&self, index: usize, target: &mut Target, sockets: &[Socket]) {
        let Asked { at, took, keepers } = &target.asked;
        let is_known = |socket: &Socket| keepers.as_ref().is_ok_and(|k| k.contains_key(&socket.inode));
        let matters = sockets.iter().any(|socket| socket.waiting > 0 || !is_known(socket));
        let gap = match matters {
            true => KEEPERS_GAP.max((REST * took).min(LONGEST_GAP)),
            false => IDLE_KEEPERS_GAP.max(REST * took),
        };
        let began = now();
        if began < at + gap {
            return;
        }
        let keepers = self.keepers(index, sockets).map_err(|error| error.to_string());
        target.asked = Asked { at: began, took: now() - began, keepers };
    }

    /// Every process under the warden, of the target or not: who keeps these sockets.
    fn keepers(&self, target: usize, sockets: &[Socket]) -> io::Result<BTreeMap<u64, Vec<Keeper>>> {
        let mut keepers: BTreeMap<u64, Vec<Keeper>> = BTreeMap::new();
        for pid in procfs::descendants(self.warden.pid()) {
            let own = procfs::sockets(pid)?;
            for socket in sockets.iter().filter(|socket| own.contains(&socket.inode)) {
                keepers.entry(socket.inode).or_default().push(self.keeper(target, pid));
            }
        }
        Ok(keepers)
    }

    fn keeper(&self, target: usize, pid: u32) -> Keeper {
        let person = self.census.get(pid).filter(|person| person.is_known);
        let (generation, role) = person.map_or((0, Role::Other), |person| (person.generation, person.role));
        let is_stopped = procfs::stat(pid).is_some_and(|stat| matches!(stat.state, 'T' | 't'));
        let has_workers = self.census.breed(target).workers > 0;
        let activity = match role {
            _ if is_stopped => Activity::Stopped,
            Role::Master if has_workers => Activity::ServesNothing,
            _ => Activity::MayAccept,
        };
        Keeper { pid, generation, role, activity }
    }
}

/// A socket of every address is also one of this.
fn serves(socket: &Socket, address: SocketAddr) -> bool {
    let local = socket.local;
    local.port() == address.port() && (local.ip() == address.ip() || local.ip().is_unspecified())
}

/// The ports of who waits there; without those that two clients have, at addresses of their own.
fn clients(unaccepted: &[Socket], address: SocketAddr) -> BTreeSet<u16> {
    let mut ports: BTreeMap<u16, u32> = BTreeMap::new();
    for socket in unaccepted.iter().filter(|socket| socket.local == address) {
        *ports.entry(socket.remote.port()).or_default() += 1;
    }
    ports.into_iter().filter(|(_, times)| *times == 1).map(|(port, _)| port).collect()
}

fn event(target: String, finding: Finding) -> Event {
    match finding {
        Finding::Left { socket, waiting, keepers } => Event::QueueLeft { target, socket, waiting, keepers },
        Finding::Taken { socket } => Event::QueueTaken { target, socket },
        Finding::Closed { socket, waiting, keepers } => {
            Event::QueueClosed { target, socket, waiting, keepers }
        }
        Finding::Waiting { sockets, came, left } => Event::Waiting { target, sockets, came, left },
        Finding::NobodyListens { keepers } => Event::NobodyListens { target, keepers },
        Finding::SomebodyListens => Event::SomebodyListens { target },
        Finding::NobodyLooked { for_ms } => {
            Event::QueuesUnwatched { target, why: format!("nobody looked for {for_ms} ms") }
        }
    }
}
