//! A connection whose protocol was switched (`101`): bytes go both ways, and mean nothing here but for where the frames of a
//! websocket end.

use std::{
    cell::{Cell, RefCell},
    io,
    pin::pin,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    super::connection::Connection,
    asking::Asking,
    frames::{Frames, GOING_AWAY, GOING_AWAY_MASKED},
    link::Link,
};
use crate::worker::socket::Handle;

/// How long a frame that has begun to go to the client may take to its end, once the worker's time is over.
const LAST_FRAME: Duration = Duration::from_secs(1);

/// What a connection becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Websocket,
    Unknown,
}

/// What a client's connection becomes once its peer has switched. Holds the peer as busy.
#[derive(Debug)]
pub(in crate::worker) struct Tunnel {
    link: Link,
    protocol: Protocol,
    read_timeout: Duration,
    _asking: Asking,
}

impl Tunnel {
    pub(super) fn new(link: Link, protocol: Protocol, read_timeout: Duration, asking: Asking) -> Self {
        Tunnel { link, protocol, read_timeout, _asking: asking }
    }

    /// Until one side closes (as in nginx, both ends then end), neither has said anything for `proxy_read_timeout`, or the
    /// worker's time is over: then a websocket is told so, in a frame of its own. `ahead` is what the client sent before it
    /// knew of the switch.
    pub(in crate::worker) async fn run(mut self, connection: &Connection, ahead: Bytes) {
        let moved = Cell::new(Instant::now());
        let (client, peer) = (Handle(connection.socket.clone()), self.link.wire());
        let from_peer = self.link.ahead().await;
        let (to_peer, to_client) = (Way::new(self.protocol, &moved), Way::new(self.protocol, &moved));
        let mut up = pin!(to_peer.copy(client.clone(), peer.clone(), ahead));
        let mut down = pin!(to_client.copy(peer.clone(), client, from_peer));
        tokio::select! {
            _ = &mut up => return,
            _ = &mut down => return,
            () = silence(&moved, self.read_timeout) => return,
            () = connection.service.cut() => {}
        }
        to_client.is_last.set(true);
        if !to_client.frames.borrow().is_between() {
            tokio::select! {
                _ = &mut down => {}
                () = sleep(LAST_FRAME) => {}
            }
        }
        if self.protocol == Protocol::Websocket {
            say_goodbye(connection, peer, (&to_client, &to_peer)).await;
        }
    }
}

/// Tells both sides, as far as they can hear it between two frames.
async fn say_goodbye(
    connection: &Connection,
    mut peer: impl AsyncWrite + Unpin,
    (to_client, to_peer): (&Way<'_>, &Way<'_>),
) {
    if to_client.frames.borrow().is_open() {
        connection.socket.write_last(GOING_AWAY);
    }
    if to_peer.frames.borrow().is_open() {
        let _ = timeout(LAST_FRAME, peer.write_all(GOING_AWAY_MASKED)).await;
    }
}

async fn silence(moved: &Cell<Instant>, longest: Duration) {
    while moved.get() + longest > Instant::now() {
        sleep_until(moved.get() + longest).await;
    }
}

/// What goes one way.
struct Way<'a> {
    protocol: Protocol,
    moved: &'a Cell<Instant>,
    frames: RefCell<Frames>,
    /// Whether the frame that is under way is the last.
    is_last: Cell<bool>,
}

impl<'a> Way<'a> {
    fn new(protocol: Protocol, moved: &'a Cell<Instant>) -> Self {
        Way { protocol, moved, frames: RefCell::default(), is_last: Cell::new(false) }
    }

    /// Passes on `ahead`, and then all that comes.
    async fn copy(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        ahead: Bytes,
    ) -> io::Result<()> {
        self.pass_on(&mut to, &ahead).await?;
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = from.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            self.pass_on(&mut to, &buffer[..count]).await?;
            self.moved.set(Instant::now());
            if self.is_last.get() && self.frames.borrow().is_between() {
                return Ok(());
            }
        }
    }

    async fn pass_on(&self, to: &mut (impl AsyncWrite + Unpin), mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = to.write(bytes).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            if self.protocol == Protocol::Websocket {
                self.frames.borrow_mut().feed(&bytes[..count]);
            }
            bytes = &bytes[count..];
        }
        Ok(())
    }
}
