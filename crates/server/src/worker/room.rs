//! Room for one more connection: at `worker_connections` the one that is idle for longest makes place
//! (`ngx_drain_connections`), so that clients that only keep connections open cannot shut others out.

use std::rc::{Rc, Weak};

use tokio::time::Instant;

use super::{connection::Connection, service::Service};

/// Where the next connection goes.
#[derive(Debug)]
pub(super) enum Room {
    /// There is a place.
    Free,
    /// This connection is idle and ends when another is accepted.
    After(Rc<Connection>),
}

impl Service {
    /// `None` if every place is taken by a connection that has something to do.
    pub(super) fn room(&self) -> Option<Room> {
        if self.has_place() { Some(Room::Free) } else { self.longest_idle().map(Room::After) }
    }

    /// A connection just became idle: somebody may wait for that.
    pub(super) fn tell_of_room(&self) {
        if !self.has_place() {
            self.freed.notify_waiters();
        }
    }

    /// Whether one more connection can be had without the end of another.
    pub(super) fn has_place(&self) -> bool {
        usize::try_from(self.configuration.worker_connections).is_ok_and(|most| self.open() < most)
    }

    /// Looks into the sockets: a request that has come makes a connection busy, whether anybody has read it or not.
    fn longest_idle(&self) -> Option<Rc<Connection>> {
        loop {
            let connections = self.connections.borrow();
            let idle = connections.values().filter_map(Weak::upgrade).filter_map(with_idle_since);
            let (_, longest) = idle.min_by_key(|(since, _)| *since)?;
            longest.socket.look();
            if longest.idle_since().is_some() {
                return Some(longest);
            }
        }
    }
}

fn with_idle_since(connection: Rc<Connection>) -> Option<(Instant, Rc<Connection>)> {
    connection.idle_since().map(|since| (since, connection))
}
