//! A websocket that echoes (RFC 6455), answers pings, and says goodbye.

use std::rc::Rc;

use futures_util::{SinkExt, StreamExt};
use hyper::{
    HeaderMap, Request, StatusCode,
    body::Incoming,
    header::{
        CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

use crate::{
    end::End,
    fault::{Faults, Occasion},
};

/// The version of RFC 6455.
const VERSION: &str = "13";

/// Answers a handshake: the status, and the headers that belong to it.
pub(crate) fn shake(request: &HeaderMap) -> (StatusCode, HeaderMap) {
    let says = |name, word: &str| {
        let values = request.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    let mut headers = HeaderMap::new();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    let key = request.get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let accept = key.and_then(|key| HeaderValue::try_from(key).ok());
    match accept {
        Some(accept)
            if says(UPGRADE, "websocket")
                && says(CONNECTION, "upgrade")
                && says(SEC_WEBSOCKET_VERSION, VERSION) =>
        {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
            (StatusCode::SWITCHING_PROTOCOLS, headers)
        }
        _ => {
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
            (StatusCode::UPGRADE_REQUIRED, headers)
        }
    }
}

/// The life of the connection that request `id` upgraded.
pub(crate) async fn live(request: Request<Incoming>, id: u64, faults: Rc<Faults>, end: End) {
    // A client that leaves during the handshake has no websocket.
    let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    if let Some(struck) = faults.strike(Occasion::Message, id) {
                        return struck.happens();
                    }
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
                // Pings and a close are answered by the library as it reads on.
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
            () = end.came() => return say_goodbye(socket).await,
        }
    }
}

/// Says that it is going away, and waits for the same from the other side.
async fn say_goodbye(mut socket: WebSocketStream<TokioIo<Upgraded>>) {
    let frame = CloseFrame { code: CloseCode::Away, reason: "this origin ends".into() };
    if socket.close(Some(frame)).await.is_ok() {
        while let Some(Ok(_)) = socket.next().await {}
    }
}
