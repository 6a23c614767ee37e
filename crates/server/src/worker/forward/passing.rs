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
        connection::Connection,
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
            ended: false,
            _asking: asking,
        }
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
            Poll::Pending => self.poll_fault(cx).map(|fault| Some(Err(fault))),
            Poll::Ready(frame) => {
                self.silence.stop();
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

impl Drop for Passing {
    fn drop(&mut self) {
        if let Some(link) = self.link.take()
            && (self.ended || self.incoming.is_end_stream())
        {
            keepalive::keep(&self.connection.service, &self.group, link);
        }
    }
}
