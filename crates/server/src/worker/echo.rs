//! `changeover_websocket`: a websocket that echoes (RFC 6455), answers pings, and says goodbye when the worker's time is over.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::{
    HeaderMap, StatusCode,
    header::{
        CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

use super::{connection::Connection, socket::Handle};

/// The version of RFC 6455.
const VERSION: &str = "13";

/// How long the client may take to say goodbye, too.
const GOODBYE: Duration = Duration::from_secs(1);

/// Answers a handshake: the status, and the headers that belong to it.
pub(super) fn shake(request: &HeaderMap) -> (StatusCode, HeaderMap) {
    let says = |name, word: &str| {
        let values = request.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    let is_wanted =
        says(UPGRADE, "websocket") && says(CONNECTION, "upgrade") && says(SEC_WEBSOCKET_VERSION, VERSION);
    let key = request.get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let mut headers = HeaderMap::new();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    match key.and_then(|key| HeaderValue::try_from(key).ok()).filter(|_| is_wanted) {
        Some(accept) => {
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
            (StatusCode::SWITCHING_PROTOCOLS, headers)
        }
        None => {
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
            (StatusCode::UPGRADE_REQUIRED, headers)
        }
    }
}

/// What a connection becomes after such a handshake.
#[derive(Debug)]
pub(super) struct Echo;

impl Echo {
    /// Until the client ends it or the worker's time is over. `ahead` is what the client sent before it knew of the switch.
    pub(super) async fn run(self, connection: &Connection, ahead: Bytes) {
        let handle = Handle(connection.socket.clone());
        let mut socket = WebSocketStream::from_partially_read(handle, ahead.into(), Role::Server, None).await;
        loop {
            tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                        if socket.send(message).await.is_err() {
                            return;
                        }
                    }
                    // Pings and a close are answered by the library as it reads on.
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
                () = connection.service.cut() => break,
            }
        }
        let frame = CloseFrame { code: CloseCode::Away, reason: "this worker ends".into() };
        let goodbye = async {
            if socket.close(Some(frame)).await.is_ok() {
                while let Some(Ok(_)) = socket.next().await {}
            }
        };
        // Whoever does not answer is closed all the same.
        let _ = timeout(GOODBYE, goodbye).await;
    }
}
