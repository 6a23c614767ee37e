//! Makes bodies piece by piece: a stretch of bytes at a pace, and server-sent events.

use std::{rc::Rc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    sync::mpsc::Sender,
    time::{Instant, sleep_until},
};

use crate::{
    end::End,
    fault::{Faults, Occasion},
};

/// A piece of a body that nothing holds back.
const LARGEST_PIECE: u64 = 64 * 1024;
/// Pieces of a body that is held back are this far apart, unless single bytes are.
const PIECES_A_SECOND: u64 = 100;

/// Puts `bytes` bytes of the body that can be foretold into `pieces`, `per_second` of them a second.
pub(crate) async fn stretch(bytes: u64, per_second: Option<u64>, pieces: Sender<Bytes>) {
    let began = Instant::now();
    let largest = per_second.map_or(LARGEST_PIECE, |rate| (rate / PIECES_A_SECOND).clamp(1, LARGEST_PIECE));
    let mut sent = 0;
    while sent < bytes {
        if let Some(rate) = per_second {
            // The begin of the next piece is due when those before it have taken their time.
            sleep_until(began + Duration::from_secs_f64(sent as f64 / rate as f64)).await;
        }
        let count = largest.min(bytes - sent);
        if pieces.send(piece(sent, count)).await.is_err() {
            // The client is gone.
            return;
        }
        sent += count;
    }
}

fn piece(from: u64, count: u64) -> Bytes {
    let mut piece = BytesMut::zeroed(count as usize);
    facts::content::fill(from, &mut piece);
    piece.freeze()
}

/// The events after number `last`, one at once and then one each `every`.
pub(crate) struct Events {
    pub(crate) last: u64,
    pub(crate) every: Duration,
    /// Who asked.
    pub(crate) id: u64,
    pub(crate) faults: Rc<Faults>,
}

/// Puts events into `pieces` until the client or this process leaves.
pub(crate) async fn events(events: Events, pieces: Sender<Bytes>, end: End) {
    let (Events { last, every, id, faults }, began) = (events, Instant::now());
    for number in last.saturating_add(1).. {
        match faults.strike(Occasion::Event, id) {
            Some(struck) => struck.happens(),
            None if pieces.send(event(number)).await.is_err() => return,
            None => {}
        }
        let due = began + every * u32::try_from(number - last).unwrap_or(u32::MAX);
        tokio::select! {
            () = sleep_until(due) => {}
            () = pieces.closed() => return,
            () = end.came() => return,
        }
    }
}

fn event(number: u64) -> Bytes {
    format!("id: {number}\ndata: {number}\n\n").into()
}
