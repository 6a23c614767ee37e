//! What becomes of the connections that wait at one target, decided from successive looks at the kernel's list of
//! sockets. Pure: no clock, no socket, no process.

use std::collections::{BTreeMap, BTreeSet};

use facts::{
    Moment, Nanos,
    event::LEFT_AFTER,
    kernel::{Activity, Keeper},
};

/// Between two looks that are further apart than this anything may have happened.
pub(crate) const BLIND_AFTER: Nanos = 60_000_000;

/// A listening socket in one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listening {
    pub(crate) socket: u64,
    /// Connections nobody has accepted.
    pub(crate) waiting: u32,
    /// Who has a descriptor of it; `None` where we may not know.
    pub(crate) keepers: Option<Vec<Keeper>>,
}

/// All that was seen of a target at one time.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) at: Moment,
    pub(crate) listening: Vec<Listening>,
    /// Ports of clients nobody has accepted; empty where [`Queues::wants_clients`] did not ask.
    pub(crate) clients: BTreeSet<u16>,
}

/// Something a look brought to light. The words are those of [`facts::Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    Left {
        socket: u64,
        waiting: u32,
        keepers: Vec<Keeper>,
    },
    Taken {
        socket: u64,
    },
    Closed {
        socket: u64,
        waiting: u32,
        keepers: Option<Vec<Keeper>>,
    },
    Waiting {
        sockets: Vec<u64>,
        came: Vec<u16>,
        left: Vec<u16>,
    },
    NobodyListens {
        keepers: Option<Vec<Keeper>>,
    },
    SomebodyListens,
    /// The harness was kept from looking.
    NobodyLooked {
        for_ms: u64,
    },
}

#[derive(Debug)]
struct Known {
    now: Listening,
    /// Since when connections wait and nobody who keeps it accepts, as far as every look since then shows.
    alone_since: Option<Nanos>,
    /// Who kept it when that was told.
    told: Option<Vec<Keeper>>,
}

/// The queues of one target.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    known: BTreeMap<u64, Known>,
    last: Option<Moment>,
    /// Found waiting in the last look.
    seen: BTreeSet<u16>,
    /// Found waiting twice in a row, and not gone since.
    waiting: BTreeSet<u16>,
}

impl Queues {
    /// Whether it matters who waits: somebody was left alone, or is told to be waiting.
    pub(crate) fn wants_clients(&self) -> bool {
        !self.waiting.is_empty() || self.known.values().any(|known| known.alone_since.is_some())
    }

    /// Takes in a look; what it shows, each with when that happened.
    pub(crate) fn take(&mut self, look: Look) -> Vec<(Moment, Finding)> {
        let last = self.last.replace(look.at);
        let between = Moment { earliest: last.unwrap_or(look.at).earliest, latest: look.at.latest };
        let is_blind = last.is_none_or(|last| look.at.earliest.saturating_sub(last.latest) > BLIND_AFTER);
        if is_blind {
            self.known.values_mut().for_each(|known| known.alone_since = None);
            self.seen.clear();
        }
        let listened = !self.known.is_empty();
        let mut found = Vec::new();
        if let Some(last) = last.filter(|_| is_blind) {
            let for_ms = (look.at.earliest - last.latest) / 1_000_000;
            found.push((between, Finding::NobodyLooked { for_ms }));
        }
        let mut gone = self.drop_closed(&look, &mut found);
        for listening in look.listening {
            self.update(listening, look.at, &mut found);
        }
        match (listened, self.known.is_empty()) {
            (true, true) => {
                let keepers = gone.pop().and_then(|gone| gone.keepers);
                found.push((between, Finding::NobodyListens { keepers }));
            }
            (false, false) if last.is_some() => found.push((between, Finding::SomebodyListens)),
            _ => {}
        }
        found.extend(self.compare(look.clients).map(|finding| (between, finding)));
        let at = |(at, finding): (Moment, Finding)| match finding {
            Finding::Left { .. } => (at, finding),
            other => (between, other),
        };
        found.into_iter().map(at).collect()
    }

    /// Those that are gone, as they were last seen.
    fn drop_closed(&mut self, look: &Look, found: &mut Vec<(Moment, Finding)>) -> Vec<Listening> {
        let is_gone = |socket: &u64| look.listening.iter().all(|listening| listening.socket != *socket);
        let gone: Vec<Listening> =
            self.known.extract_if(.., |socket, _| is_gone(socket)).map(|(_, known)| known.now).collect();
        for Listening { socket, waiting, keepers } in gone.iter().filter(|gone| gone.waiting > 0) {
            let (socket, waiting, keepers) = (*socket, *waiting, keepers.clone());
            found.push((look.at, Finding::Closed { socket, waiting, keepers }));
        }
        gone
    }

    fn update(&mut self, now: Listening, at: Moment, found: &mut Vec<(Moment, Finding)>) {
        let new = || Known { now: now.clone(), alone_since: None, told: None };
        let known = self.known.entry(now.socket).or_insert_with(new);
        known.now = now;
        let Listening { socket, waiting, keepers } = &known.now;
        let alone = keepers.as_ref().filter(|keepers| *waiting > 0 && nobody_accepts(keepers));
        let Some(keepers) = alone else {
            known.alone_since = None;
            found.extend(known.told.take().map(|_| (at, Finding::Taken { socket: *socket })));
            return;
        };
        let since = *known.alone_since.get_or_insert(at.earliest);
        if at.latest >= since + LEFT_AFTER && known.told.as_ref() != Some(keepers) {
            known.told = Some(keepers.clone());
            let finding = Finding::Left { socket: *socket, waiting: *waiting, keepers: keepers.clone() };
            found.push((Moment { earliest: since, latest: at.latest }, finding));
        }
    }

    /// One look may catch a connection on its way to somebody who accepts it; two in a row show that it waits. It
    /// waited when this look listed the sockets, too, so it is in the queue of one that had any then.
    fn compare(&mut self, clients: BTreeSet<u16>) -> Option<Finding> {
        let came: Vec<u16> =
            clients.intersection(&self.seen).filter(|port| !self.waiting.contains(port)).copied().collect();
        let left: Vec<u16> = self.waiting.difference(&clients).copied().collect();
        self.waiting.retain(|port| clients.contains(port));
        self.waiting.extend(&came);
        self.seen = clients;
        let queues = self.known.values().filter(|known| known.now.waiting > 0);
        let sockets = queues.map(|known| known.now.socket).collect();
        (!came.is_empty() || !left.is_empty()).then_some(Finding::Waiting { sockets, came, left })
    }
}

/// A socket that no process has is on its way to one.
fn nobody_accepts(keepers: &[Keeper]) -> bool {
    !keepers.is_empty() && keepers.iter().all(|keeper| keeper.activity != Activity::MayAccept)
}

#[cfg(test)]
mod tests {
    use facts::Role;

    use super::*;

    const MS: Nanos = 1_000_000;

    fn keeper(activity: Activity) -> Keeper {
        Keeper { pid: 10, generation: 1, role: Role::Master, activity }
    }

    /// Looks at these milliseconds at one socket, which has a queue this long, is kept so, and has these clients.
    fn looks(looks: &[(u64, u32, Activity, &[u16])]) -> Vec<(u64, Finding)> {
        let look = |(at, waiting, activity, clients): &(u64, u32, Activity, &[u16])| {
            let keepers = Some(vec![keeper(*activity)]);
            let listening = vec![Listening { socket: 7, waiting: *waiting, keepers }];
            Look { at: Moment::exact(at * MS), listening, clients: clients.iter().copied().collect() }
        };
        taken(looks.iter().map(look).collect())
    }

    fn taken(looks: Vec<Look>) -> Vec<(u64, Finding)> {
        let mut queues = Queues::default();
        let found = looks.into_iter().flat_map(|look| queues.take(look)).collect::<Vec<_>>();
        found.into_iter().map(|(at, finding)| (at.earliest / MS, finding)).collect()
    }

    #[test]
    fn a_queue_that_nobody_accepts_from_is_told_once_until_somebody_does() {
        use Activity::{MayAccept, ServesNothing, Stopped};
        let waits = |at, activity| (at, 3, activity, &[][..]);
        let told = looks(&[
            waits(0, MayAccept),
            waits(20, Stopped),
            waits(60, Stopped),
            waits(110, Stopped),
            waits(121, Stopped),
            waits(150, Stopped),
            waits(170, ServesNothing),
            waits(190, MayAccept),
            waits(210, Stopped),
        ]);
        let left = |activity| Finding::Left { socket: 7, waiting: 3, keepers: vec![keeper(activity)] };
        let expected = [(20, left(Stopped)), (20, left(ServesNothing)), (170, Finding::Taken { socket: 7 })];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_nobody_looked_at_may_have_been_accepted_from() {
        let waits = |at| (at, 3, Activity::Stopped, &[][..]);
        let blind = (50, Finding::NobodyLooked { for_ms: 70 });
        assert_eq!(looks(&[waits(0), waits(50), waits(120), waits(170)]), [blind]);
        assert_eq!(looks(&[waits(0), waits(50), waits(100)]).len(), 1);
    }

    #[test]
    fn nobody_is_named_where_nobody_may_be_known_or_the_socket_is_on_its_way() {
        for keepers in [None, Some(vec![])] {
            let listening = || vec![Listening { socket: 7, waiting: 3, keepers: keepers.clone() }];
            let look = |at: u64| Look {
                at: Moment::exact(at * 50 * MS),
                listening: listening(),
                clients: BTreeSet::new(),
            };
            assert_eq!(taken((0..9).map(look).collect()), []);
        }
    }

    #[test]
    fn a_connection_is_told_when_it_was_seen_twice_and_when_it_is_gone() {
        let look = |at, clients: &'static [u16]| (at, 1, Activity::Stopped, clients);
        let told = looks(&[look(0, &[5]), look(10, &[5, 6]), look(20, &[5, 7]), look(30, &[7])]);
        let waiting = |came: &[u16], left: &[u16]| Finding::Waiting {
            sockets: vec![7],
            came: came.to_vec(),
            left: left.to_vec(),
        };
        assert_eq!(told, [(0, waiting(&[5], &[])), (20, waiting(&[7], &[5]))]);
    }

    #[test]
    fn where_two_sockets_have_queues_it_may_be_either() {
        let two = |at| {
            let keepers = Some(vec![keeper(Activity::Stopped)]);
            let listening =
                [7, 8].map(|socket| Listening { socket, waiting: 1, keepers: keepers.clone() }).to_vec();
            Look { at: Moment::exact(at), listening, clients: BTreeSet::from([5]) }
        };
        let expected = Finding::Waiting { sockets: vec![7, 8], came: vec![5], left: vec![] };
        assert_eq!(taken(vec![two(0), two(MS)]), [(0, expected)]);
    }

    #[test]
    fn a_socket_that_goes_with_connections_is_told_with_who_kept_it() {
        let look = |at: u64, listening: &[(u64, u32)]| {
            let keepers = Some(vec![keeper(Activity::MayAccept)]);
            let socket = |(socket, waiting): &(u64, u32)| Listening {
                socket: *socket,
                waiting: *waiting,
                keepers: keepers.clone(),
            };
            let listening = listening.iter().map(socket).collect();
            Look { at: Moment::exact(at * MS), listening, clients: BTreeSet::new() }
        };
        let told =
            taken(vec![look(0, &[(7, 4), (8, 0)]), look(10, &[(8, 0)]), look(20, &[]), look(30, &[(9, 0)])]);
        let keepers = Some(vec![keeper(Activity::MayAccept)]);
        let expected = [
            (0, Finding::Closed { socket: 7, waiting: 4, keepers: keepers.clone() }),
            (10, Finding::NobodyListens { keepers }),
            (20, Finding::SomebodyListens),
        ];
        assert_eq!(told, expected);
    }
}
