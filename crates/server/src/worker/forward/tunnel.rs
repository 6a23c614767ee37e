//! A connection whose protocol was switched (`101`): bytes go both ways, and mean nothing here.

use std::{cell::Cell, io, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep_until},
};

use super::{super::connection::Connection, asking::Asking, link::Link};
use crate::worker::socket::Handle;

/// What a client's connection becomes once its peer has switched. Holds the peer as busy.
#[derive(Debug)]
pub(in crate::worker) struct Tunnel {
    link: Link,
    read_timeout: Duration,
    _asking: Asking,
}

impl Tunnel {
    pub(super) fn new(link: Link, read_timeout: Duration, asking: Asking) -> Self {
        Tunnel { link, read_timeout, _asking: asking }
    }

    /// Until one side closes (as in nginx, both ends then end), neither has said anything for `proxy_read_timeout`, or the
    /// worker's time is over. `ahead` is what the client sent before it knew of the switch.
    pub(in crate::worker) async fn run(mut self, connection: &Connection, ahead: Bytes) {
        let moved = Cell::new(Instant::now());
        let (client, peer) = (Handle(connection.socket.clone()), self.link.wire());
        let from_peer = self.link.ahead().await;
        let up = copy(client.clone(), peer.clone(), ahead, &moved);
        let down = copy(peer, client, from_peer, &moved);
        tokio::select! {
            _ = up => {}
            _ = down => {}
            () = silence(&moved, self.read_timeout) => {}
            () = connection.service.cut() => {}
        }
    }
}

async fn silence(moved: &Cell<Instant>, longest: Duration) {
    while moved.get() + longest > Instant::now() {
        sleep_until(moved.get() + longest).await;
    }
}

/// Passes on `ahead`, and then all that comes.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    ahead: Bytes,
    moved: &Cell<Instant>,
) -> io::Result<()> {
    to.write_all(&ahead).await?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..count]).await?;
        moved.set(Instant::now());
    }
}
