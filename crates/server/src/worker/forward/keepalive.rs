//! `keepalive`: connections to peers that wait for a next request (`ngx_http_upstream_keepalive_module`).

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    net::SocketAddr,
    rc::Rc,
};

use conf::Keepalive;
use tokio::{
    task::spawn_local,
    time::{Instant, sleep_until},
};

use super::{
    super::service::{Service, Stage},
    group::Group,
    link::{Link, Purpose},
};

/// The idle connections of one upstream, the one used last at the front.
#[derive(Debug, Default)]
pub(in crate::worker) struct Idle {
    links: RefCell<VecDeque<(Link, Instant)>>,
    watch: Cell<Watch>,
}

/// Whether somebody looks after connections that are idle for too long.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Watch {
    #[default]
    Nobody,
    Somebody,
}

impl Idle {
    /// A connection to this peer that can be used now.
    pub(super) fn take(&self, peer: SocketAddr) -> Option<Link> {
        let mut links = self.links.borrow_mut();
        loop {
            let place = links.iter().position(|(link, _)| link.peer == peer)?;
            let (link, _) = links.remove(place)?;
            if link.is_fresh() {
                return Some(link);
            }
        }
    }

    /// Closes all of them.
    pub(in crate::worker) fn clear(&self) {
        self.links.borrow_mut().clear();
    }

    /// The one that waited for longest makes place.
    fn put(&self, link: Link, keepalive: &Keepalive) {
        let mut links = self.links.borrow_mut();
        links.retain(|(link, _)| !link.sender.is_closed());
        links.truncate((keepalive.connections as usize).saturating_sub(1));
        links.push_front((link, Instant::now() + keepalive.timeout));
    }

    /// Closes those that are idle for too long, until none is left.
    async fn expire(&self) {
        loop {
            let Some(deadline) = self.links.borrow().back().map(|(_, deadline)| *deadline) else {
                self.watch.set(Watch::Nobody);
                return;
            };
            sleep_until(deadline).await;
            self.links.borrow_mut().retain(|(_, deadline)| *deadline > Instant::now());
        }
    }
}

/// Keeps a connection whose answer has been read to its end. Does nothing with one that the peer closes, that is used up, or
/// that nobody may keep any more.
pub(super) fn keep(service: &Rc<Service>, group: &Rc<Group>, mut link: Link) {
    let (service, group) = (Rc::clone(service), Rc::clone(group));
    let Some(keepalive) = group.upstream.keepalive else { return };
    if link.purpose == Purpose::Switch
        || link.requests >= keepalive.requests
        || link.opened.elapsed() > keepalive.time
    {
        return;
    }
    // At once where that can be, so that the next request finds it. hyper may have to see the end first.
    if link.sender.is_ready() {
        return put(&service, &group, link, keepalive);
    }
    spawn_local(async move {
        if link.sender.ready().await.is_ok() {
            put(&service, &group, link, keepalive);
        }
    });
}

fn put(service: &Service, group: &Rc<Group>, link: Link, keepalive: Keepalive) {
    if service.stage() != Stage::Serving {
        return;
    }
    group.idle.put(link, &keepalive);
    if group.idle.watch.replace(Watch::Somebody) == Watch::Nobody {
        let group = Rc::clone(group);
        spawn_local(async move { group.idle.expire().await });
    }
}
