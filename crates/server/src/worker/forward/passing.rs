//! The body of a peer's answer, passed on as it comes.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::{
    super::{
        body::{Fault, Silence},
        connection::{Connection, LastWords},
        service::Stage,
    },
    asking::Asking,
    group::Group,
    keepalive,
    link::Link,
};

/// Holds the peer as busy and its connection as taken until it is dropped.
#[derive(Debug)]
pub(in crate::worker) struct Passing {
    incoming: Incoming,
    silence: Silence,
    /// Who waits for it. Without a client the answer is read to its end, whoever wants it.
    client: Option<Rc<Connection>>,
    connection: Rc<Connection>,
    group: Rc<Group>,
    link: Option<Link>,
    /// Of an event stream, the end of what was passed on.
    events: Option<Events>,
    /// Whether the end was seen; a body of known length also knows by itself.
    ended: bool,
    _asking: Asking,
}

impl Passing {
    pub(super) fn new(
        incoming: Incoming,
        (group, link): (Rc<Group>, Link),
        asking: Asking,
        connection: &Rc<Connection>,
        settings: &conf::Settings,
    ) -> Self {
        Passing {
            incoming,
            silence: Silence::new(settings.proxy_read_timeout),
            client: (!settings.proxy_ignore_client_abort).then(|| Rc::clone(connection)),
            connection: Rc::clone(connection),
            group,
            link: Some(link),
            events: None,
            ended: false,
            _asking: asking,
        }
    }

    /// It is an event stream: one that has no end of its own, and from which the client asks for what comes after its last
    /// event. When the worker's time is over it ends between two events, in order.
    pub(super) fn of_events(mut self) -> Self {
        self.events = Some(Events::default());
        self.connection.last_words.set(LastWords::Due);
        self
    }

    fn is_over(&self) -> bool {
        let is_between = self.events.as_ref().is_some_and(Events::is_between);
        is_between && self.connection.service.stage() == Stage::Cutting
    }

    fn poll_fault(&mut self, cx: &mut Context) -> Poll<Fault> {
        if self.client.as_ref().is_some_and(|client| client.poll_abandoned(cx).is_ready()) {
            return Poll::Ready(Fault::Abandoned);
        }
        self.silence.poll(cx).map(|()| Fault::TimedOut)
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            // The peer goes on; its connection cannot be used again.
            Poll::Pending if self.is_over() => Poll::Ready(None),
            Poll::Pending => self.poll_fault(cx).map(|fault| Some(Err(fault))),
            Poll::Ready(frame) => {
                self.silence.stop();
                let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
                if let (Some(events), Some(data)) = (&mut self.events, data) {
                    events.feed(data);
                }
                self.ended |= frame.is_none();
                Poll::Ready(frame.map(|frame| frame.map_err(|_| Fault::Broken)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// The newest bytes of an event stream.
#[derive(Debug, Default)]
struct Events(Vec<u8>);

impl Events {
    fn feed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&bytes[bytes.len().saturating_sub(4)..]);
        self.0.drain(..self.0.len().saturating_sub(4));
    }

    /// An empty line ends an event.
    fn is_between(&self) -> bool {
        self.0.is_empty() || [&b"\n\n"[..], b"\r\r", b"\r\n\r\n"].iter().any(|end| self.0.ends_with(end))
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.connection.last_words.set(LastWords::None);
        let Some(link) = self.link.take() else { return };
        match self.ended || self.incoming.is_end_stream() {
            // As nginx, which keeps no connection that has not had all of its request.
            _ if !self.connection.has_all_of_request() => link.cut(),
            true => keepalive::keep(&self.connection.service, &self.group, link),
            false => {}
        }
    }
}
