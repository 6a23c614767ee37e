//! How a connection leaves for another worker, and how one comes from there.

use std::{cell::Cell, io, rc::Rc};

use super::{
    super::{
        handover::{self, Luggage, Parcel, UNREAD_BYTES_MAX, Will},
        service::{Service, Stage},
        socket::Socket,
        stream::Stream,
    },
    Connection,
};

impl Connection {
    /// One that another worker has served so far, or this one.
    ///
    /// # Errors
    /// The socket cannot be registered.
    pub(in crate::worker) fn resume(service: &Rc<Service>, parcel: Parcel) -> io::Result<Rc<Self>> {
        let Parcel { socket, luggage, unread, ticket, will } = parcel;
        let (ends, since) = ((luggage.client(), luggage.local()), luggage.waiting_since());
        let stream = Stream::from_socket(socket, &ends.1)?;
        let socket = |reading| Socket::resumed(stream, reading, luggage.requests, &unread, since);
        let resumed = Connection {
            accepted: luggage.opened(),
            started: Cell::new(luggage.requests),
            finished: Cell::new(luggage.requests),
            keepalive_timeout: Cell::new(luggage.keepalive_timeout()),
            send_timeout: Cell::new(luggage.send_timeout()),
            will: Cell::new(will),
            ticket: Some(ticket),
            ..Connection::fresh(service, socket, ends, luggage.number)
        };
        Ok(resumed.register())
    }

    /// Whether it goes on in another worker now.
    pub(super) fn departs(self: &Rc<Self>) -> bool {
        let is_wanted = self.service.stage() == Stage::HandingOver && self.will.get() == Will::Goes;
        is_wanted && self.ticket.is_some() && !self.is_asked.get() && self.is_at_rest()
    }

    /// Nothing of a request that is being answered, and nothing of an answer, is anywhere in this process. What has come of
    /// another request, hyper has not understood yet.
    fn is_at_rest(self: &Rc<Self>) -> bool {
        let is_done = self.is_done() && self.socket.is_flushed();
        let is_http = self.switched.borrow().is_none() && self.socket.requests_begun().is_some();
        // Our own and hyper's: whoever else has one is not done with it.
        let is_alone = Rc::strong_count(self) == 2 && Rc::strong_count(&self.socket) == 2;
        is_done && is_http && is_alone && !self.socket.has_ended()
    }

    /// What another worker needs to go on with it; `None` for the self-test's.
    fn pack(self: Rc<Self>, read: &[u8]) -> io::Result<Option<Parcel>> {
        let counts = (self.number, self.started.get());
        let timeouts = (self.keepalive_timeout.get(), self.send_timeout.get());
        let since = (self.accepted, self.waiting_since());
        let luggage = Luggage::new((self.client, &self.local), counts, since, timeouts);
        let own =
            Rc::into_inner(self).and_then(|own| Some((luggage?, own.ticket?, Rc::into_inner(own.socket)?)));
        let Some((luggage, ticket, socket)) = own else { return Ok(None) };
        let (socket, ahead) = socket.into_parts()?;
        let unread = [read, &ahead].concat().into();
        Ok(Some(Parcel { socket, luggage, unread, ticket, will: Will::Goes }))
    }
}

/// Nobody serves it from here on, until another worker does.
pub(super) fn depart(connection: Rc<Connection>, read: &[u8]) {
    let service = Rc::clone(&connection.service);
    match connection.pack(read) {
        Ok(Some(parcel)) if parcel.unread.len() > UNREAD_BYTES_MAX => handover::stay(&service, parcel),
        Ok(Some(parcel)) => service.departures.add(parcel),
        Ok(None) => {}
        Err(error) => service.log.alert(&format!("failed to take a connection from the reactor: {error}")),
    }
}

impl Service {
    /// Whether an answer to this connection has to announce its end.
    pub(in crate::worker) fn ends(&self, connection: &Connection) -> bool {
        let ends = match self.stage() {
            Stage::Serving => false,
            Stage::Seeking | Stage::HandingOver => connection.will.get() == Will::Stays,
            Stage::Draining | Stage::Cutting => true,
        };
        ends && !connection.has_next_request()
    }
}
