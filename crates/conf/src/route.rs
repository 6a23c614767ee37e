//! Finds the server and the location for a request, as nginx does.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::http::{Http, Listen, Location, Matching, Server, ServerName};

impl Http {
    /// Every socket to listen on. An address that a wildcard of the same port covers needs none of its own.
    pub fn listen_sockets(&self) -> Vec<Listen> {
        let mut sockets: BTreeMap<&Address, Listen> = BTreeMap::new();
        for listen in self.servers.iter().flat_map(|server| &server.listens) {
            let socket = sockets.entry(&listen.address).or_insert_with(|| listen.clone());
            socket.backlog = socket.backlog.or(listen.backlog);
            socket.queues = socket.queues.max(listen.queues);
        }
        let covered = |address: &Address| address.wildcard().is_some_and(|all| sockets.contains_key(&all));
        sockets.values().filter(|listen| !covered(&listen.address)).cloned().collect()
    }

    /// The server for a connection that came in at `local` and a request that names `host` (lower case, no port).
    /// None only if nothing listens there.
    pub fn server_for(&self, local: &Address, host: &str) -> Option<&Server> {
        self.server_at(local, host).or_else(|| self.server_at(&local.wildcard()?, host))
    }

    /// Called for each request, so it collects nothing.
    fn server_at(&self, address: &Address, host: &str) -> Option<&Server> {
        let here = || {
            let listens = self
                .servers
                .iter()
                .flat_map(|server| server.listens.iter().map(move |listen| (server, listen)));
            listens.filter(|(_, listen)| listen.address == *address)
        };
        let rank = |server: &Server| server.names.iter().filter_map(|name| name.rank(host)).max();
        let named = here()
            .filter_map(|(server, _)| Some((rank(server)?, server)))
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        let default = || here().find(|(_, listen)| listen.default_server).or_else(|| here().next());
        named.map(|(_, server)| server).or_else(|| default().map(|(server, _)| server))
    }
}

impl ServerName {
    /// How well this name fits a host: exact before `*.name` before `name.*`, and the longest of a kind first.
    fn rank(&self, host: &str) -> Option<(u8, usize)> {
        match self {
            ServerName::Exact(name) => (name == host).then_some((3, name.len())),
            ServerName::LeadingWildcard(tail) => host.ends_with(tail.as_str()).then_some((2, tail.len())),
            ServerName::TrailingWildcard(head) => host.starts_with(head.as_str()).then_some((1, head.len())),
        }
    }
}

impl Server {
    /// The location for a decoded path: an exact one, else the longest prefix.
    pub fn location_for(&self, path: &str) -> Option<&Location> {
        let rank = |location: &Location| match &location.matching {
            Matching::Exact(exact) => (exact == path).then_some(usize::MAX),
            Matching::Prefix(prefix) => path.starts_with(prefix.as_str()).then_some(prefix.len()),
        };
        let fitting = self.locations.iter().filter_map(|location| Some((rank(location)?, location)));
        fitting.max_by_key(|(rank, _)| *rank).map(|(_, location)| location)
    }
}
