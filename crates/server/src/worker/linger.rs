//! The end of a connection that we end.

use std::{future::poll_fn, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};

use super::connection::Connection;

/// nginx's `lingering_timeout` and `lingering_time`: how long a client may be silent, and how long it may talk,
/// after we have closed our side.
const LINGER_SILENT: Duration = Duration::from_secs(5);
const LINGER_LONGEST: Duration = Duration::from_secs(30);

/// The same once `worker_shutdown_timeout` is over.
const LINGER_CUT: Duration = Duration::from_secs(1);

/// Closes our side and waits for the client to close its own. Closing both with bytes unread would make the kernel
/// reset the connection, and the reset can overtake an answer that is still on its way (`ngx_http_set_lingering_close`).
pub(super) async fn linger(connection: &Connection) {
    if connection.socket.has_ended() || connection.socket.close_write().is_err() {
        return;
    }
    let last = sleep_until(Instant::now() + LINGER_LONGEST);
    let discard = async {
        while !connection.socket.has_ended() {
            connection.socket.discard(LINGER_SILENT).await;
        }
    };
    tokio::select! {
        () = discard => {}
        () = last => {}
        () = poll_fn(|cx| connection.poll_asked_to_leave(cx)) => {}
        () = cut(connection) => {}
    }
}

async fn cut(connection: &Connection) {
    connection.service.cut().await;
    sleep(LINGER_CUT).await;
}
