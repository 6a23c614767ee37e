//! One client's connection, from the moment it was accepted to the last byte: who it is, and what it is told from outside.
//! `serve` leads it from one thing to the next, `turn` knows whose turn it is, `rest` reads what follows an early answer, and
//! `departure` is how it comes from another worker and goes to one.

mod departure;
mod rest;
mod serve;
mod turn;

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use conf::{Address, Settings};
use tokio::time::Instant;

use self::rest::Rest;
pub(super) use self::serve::serve;
use super::{
    access_log::Entry,
    body::RequestBody,
    echo::Echo,
    forward::Tunnel,
    framing::Reading,
    handover::Will,
    head_size::Servers,
    journal::Execution,
    service::{Service, Ticket},
    socket::Socket,
    stream::Stream,
};

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    /// A client, from this address.
    Remote(SocketAddr),
    /// A client on the same machine, through a unix domain socket.
    Local,
    /// This worker itself, to see whether it can serve.
    SelfTest,
}

impl Client {
    /// Where it connected from, if that has an address.
    pub(super) fn address(self) -> Option<SocketAddr> {
        match self {
            Client::Remote(address) => Some(address),
            Client::Local | Client::SelfTest => None,
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) service: Rc<Service>,
    pub(super) socket: Rc<Socket>,
    pub(super) client: Client,
    /// The address the client connected to.
    pub(super) local: Address,
    /// `$connection`; 0 for the self-test.
    pub(super) number: u64,
    pub(super) accepted: Instant,
    started: Cell<u64>,
    finished: Cell<u64>,
    rest: Rest,
    /// Whether another connection needs the place of this one.
    is_asked: Cell<bool>,
    /// Whoever serves it; told of that, and of a new stage of the worker.
    server: RefCell<Option<Waker>>,
    keepalive_timeout: Cell<Duration>,
    send_timeout: Cell<Duration>,
    header_timeout: Duration,
    /// What comes after the answer that is being written, if that is a switch of protocols.
    switched: RefCell<Option<Switched>>,
    /// Of a request after which nothing here is HTTP any more. Holds the connection, to its end.
    last_entry: RefCell<Option<Box<Entry>>>,
    will: Cell<Will>,
    /// Whether the answer being written has something to say at the end of the worker's time.
    pub(super) last_words: Cell<LastWords>,
    /// Counted as open for as long as the connection exists.
    ticket: Option<Ticket>,
}

/// What a connection becomes that is no HTTP any more.
#[derive(Debug)]
pub(super) enum Switched {
    /// As a peer wants it.
    Tunnel(Box<Tunnel>),
    /// `changeover_websocket`.
    Echo(Echo),
}

/// What an answer does at the end of the worker's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastWords {
    /// Nothing: it is cut off, so that nobody takes it for whole.
    None,
    /// It ends in order, soon.
    Due,
}

/// A request being answered. Dropped with the last byte of its answer handed over.
#[derive(Debug)]
pub(super) struct Busy(Rc<Connection>);

impl Busy {
    /// hyper has all of the answer.
    pub(super) fn taken(&self, execution: Execution) {
        self.0.socket.unwritten.add(execution);
    }

    /// It will get no more of it.
    pub(super) fn over(&self, entry: Box<Entry>, body_bytes: u64) {
        self.0.socket.unlogged.add(entry, body_bytes);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.socket.expect_flush();
        self.0.finished.set(self.0.finished.get() + 1);
        self.0.service.tell_of_room();
    }
}

impl Connection {
    /// A connection that was just accepted.
    pub(super) fn new(service: &Rc<Service>, stream: Stream, client: Client, local: Address) -> Rc<Self> {
        let ticket = (client != Client::SelfTest).then(|| service.admit());
        let number = ticket.as_ref().map_or(0, |ticket| ticket.place);
        let fresh =
            Connection::fresh(service, |reading| Socket::new(stream, reading), (client, local), number);
        Connection { ticket, ..fresh }.register()
    }

    fn fresh(
        service: &Rc<Service>,
        socket: impl FnOnce(Reading) -> Socket,
        ends: (Client, Address),
        number: u64,
    ) -> Self {
        let (now, (client, local)) = (Instant::now(), ends);
        let settings = service.configuration.http.server_for(&local, "").map(|server| &server.settings);
        let servers = Servers::new(&service.configuration, &local);
        let minute = Duration::from_secs(60);
        Connection {
            service: Rc::clone(service),
            socket: Rc::new(socket(Reading { servers, spelling: service.spelling })),
            client,
            number,
            accepted: now,
            started: Cell::new(0),
            finished: Cell::new(0),
            rest: Rest::default(),
            is_asked: Cell::new(false),
            server: RefCell::default(),
            keepalive_timeout: Cell::new(minute),
            send_timeout: Cell::new(minute),
            switched: RefCell::default(),
            last_entry: RefCell::default(),
            header_timeout: settings.map_or(minute, |settings| settings.client_header_timeout),
            will: Cell::new(Will::Goes),
            last_words: Cell::new(LastWords::None),
            ticket: None,
            local,
        }
    }

    fn register(self) -> Rc<Self> {
        let connection = Rc::new(self);
        if let Some(ticket) = &connection.ticket {
            let mut connections = connection.service.connections.borrow_mut();
            connections.insert(ticket.place, Rc::downgrade(&connection));
        }
        connection
    }

    /// After the answer that is about to be written nothing here is HTTP any more.
    pub(super) fn becomes(&self, switched: Switched) {
        self.switched.replace(Some(switched));
    }

    /// What the access log tells of the newest request, for whoever knows when its answer is over: that of a switch is with what
    /// follows it.
    pub(super) fn unless_switched(&self, entry: Option<Box<Entry>>) -> Option<Box<Entry>> {
        match *self.switched.borrow() {
            Some(_) => {
                self.last_entry.replace(entry);
                None
            }
            None => entry,
        }
    }

    /// Begins a request.
    pub(super) fn begin(self: &Rc<Self>) -> Busy {
        self.started.set(self.started.get() + 1);
        Busy(Rc::clone(self))
    }

    /// The settings of the newest request say how long its answer may wait for the client, and how long the connection
    /// may be idle after it.
    pub(super) fn adopt(&self, settings: &Settings) {
        self.send_timeout.set(settings.send_timeout);
        self.keepalive_timeout.set(settings.keepalive_timeout);
    }

    /// The answer to the newest request comes before all of this, and says that the connection stays. So it is read to its
    /// end, by us if nobody else does.
    pub(super) fn expect_rest(&self, body: RequestBody) {
        self.rest.expect(body);
    }

    /// Whether the client has sent all of the request that was answered last.
    pub(super) fn has_all_of_request(&self) -> bool {
        self.rest.is_over()
    }

    /// `$connection_requests`.
    pub(super) fn requests(&self) -> u64 {
        self.started.get()
    }

    /// Asks an idle connection to end, for another one.
    pub(super) fn make_room(&self) {
        self.is_asked.set(true);
        self.wake();
    }

    /// Ready once it was asked to make room.
    pub(super) fn poll_asked_to_leave(&self, cx: &mut Context) -> Poll<()> {
        self.hear(cx);
        if self.is_asked.get() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Something outside of it has changed.
    pub(super) fn wake(&self) {
        self.server.borrow().iter().for_each(Waker::wake_by_ref);
    }

    /// From here on `wake` wakes this task.
    fn hear(&self, cx: &Context) {
        let mut server = self.server.borrow_mut();
        if !server.as_ref().is_some_and(|server| server.will_wake(cx.waker())) {
            *server = Some(cx.waker().clone());
        }
    }

    /// A request that came between the question and now is answered: then the worker has one connection too many.
    fn leaves(&self) -> bool {
        self.is_asked.set(false);
        self.socket.look();
        self.idle_since().is_some()
    }
}
