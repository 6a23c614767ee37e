//! One client's connection, from the moment it was accepted to the last byte.

use std::{
    cell::{Cell, RefCell},
    error::Error as _,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use conf::{Address, HeaderBuffers, Settings};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    answer,
    echo::Echo,
    forward::Tunnel,
    handover::{self, Luggage, Parcel, UNREAD_BYTES_MAX, Will},
    head_size::Oversize,
    journal::Execution,
    linger::linger,
    service::{Service, Stage, Ticket},
    socket::{Handle, Socket, Stream},
};

/// What a client gets that speaks HTTP/2: hyper refuses its preface and says nothing.
const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

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
    /// Whether another connection needs the place of this one.
    is_asked: Cell<bool>,
    /// Whoever serves it; told of that, and of a new stage of the worker.
    server: RefCell<Option<Waker>>,
    keepalive_timeout: Cell<Duration>,
    send_timeout: Cell<Duration>,
    header_timeout: Duration,
    /// What comes after the answer that is being written, if that is a switch of protocols.
    switched: RefCell<Option<Switched>>,
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

/// How long that may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A request being answered. Dropped with the last byte of its answer handed over.
#[derive(Debug)]
pub(super) struct Busy(Rc<Connection>);

impl Busy {
    /// hyper has all of the answer.
    pub(super) fn taken(&self, execution: Execution) {
        self.0.socket.unwritten.add(execution);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.socket.expect_flush();
        self.0.finished.set(self.0.finished.get() + 1);
        self.0.service.tell_of_room();
    }
}

/// Why a connection is over.
enum End {
    /// hyper says so: the client left, or an answer announced it.
    Http,
    /// hyper says so, and something was wrong.
    Error(hyper::Error),
    /// A deadline passed, or what came is too large.
    Late,
    /// The worker's time is over.
    Cut,
    /// Another connection needs the place, and nothing is unread.
    Leaves,
    /// Not at all: it goes on in another worker.
    Departs,
}

impl Connection {
    /// A connection that was just accepted.
    pub(super) fn new(service: &Rc<Service>, stream: Stream, client: Client, local: Address) -> Rc<Self> {
        let ticket = (client != Client::SelfTest).then(|| service.admit());
        let number = ticket.as_ref().map_or(0, |ticket| ticket.place);
        let fresh =
            Connection::fresh(service, |buffers| Socket::new(stream, buffers), (client, local), number);
        Connection { ticket, ..fresh }.register()
    }

    /// One that another worker has served so far, or this one.
    ///
    /// # Errors
    /// The socket cannot be registered.
    pub(super) fn resume(service: &Rc<Service>, parcel: Parcel) -> io::Result<Rc<Self>> {
        let Parcel { socket, luggage, unread, ticket, will } = parcel;
        let (ends, since) = ((luggage.client(), luggage.local()), luggage.waiting_since());
        let stream = Stream::from_socket(socket, &ends.1)?;
        let socket = |buffers| Socket::resumed(stream, buffers, luggage.requests, &unread, since);
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

    fn fresh(
        service: &Rc<Service>,
        socket: impl FnOnce(HeaderBuffers) -> Socket,
        ends: (Client, Address),
        number: u64,
    ) -> Self {
        let (now, (client, local)) = (Instant::now(), ends);
        let settings = service.configuration.http.server_for(&local, "").map(|server| &server.settings);
        let minute = Duration::from_secs(60);
        Connection {
            service: Rc::clone(service),
            socket: Rc::new(socket(settings.map_or_else(HeaderBuffers::default, |all| all.header_buffers))),
            client,
            number,
            accepted: now,
            started: Cell::new(0),
            finished: Cell::new(0),
            is_asked: Cell::new(false),
            server: RefCell::default(),
            keepalive_timeout: Cell::new(minute),
            send_timeout: Cell::new(minute),
            switched: RefCell::default(),
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

    /// When the request that was begun last began to arrive.
    pub(super) fn begun_at(&self) -> Instant {
        // With another one behind it the socket knows only of that.
        if self.is_newest() { self.socket.head_since() } else { Instant::now() }
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

    /// `$connection_requests`.
    pub(super) fn requests(&self) -> u64 {
        self.started.get()
    }

    /// Whether a request after the one being answered is already on its way to us. It must be answered too, so this
    /// answer must not announce the end. Looks into the socket.
    pub(super) fn has_next_request(&self) -> bool {
        self.socket.look();
        self.has_begun_another()
    }

    /// Ready once the client has left with its newest request unanswered. One that only closed its half cannot be told
    /// from it (nginx's `ngx_http_upstream_check_broken_connection` makes no difference either); one that sent another
    /// request before it stopped sending waits for both answers.
    pub(super) fn poll_abandoned(&self, cx: &mut Context) -> Poll<()> {
        // A body that is still coming is hyper's to read, and its end too.
        let is_whole = self.socket.is_between_requests() && self.is_newest();
        if is_whole && self.socket.poll_end(cx).is_ready() && self.is_newest() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// What of the request that was begun last is too large to be answered.
    pub(super) fn oversize(&self) -> Option<Oversize> {
        let of_newest = |(request, _): &(u64, Oversize)| *request == self.started.get();
        self.socket.refusal().filter(of_newest).map(|(_, oversize)| oversize)
    }

    /// The same of one whose head hyper still waits for, when everything before it is answered.
    fn refuses(&self) -> Option<Oversize> {
        let (started, is_answered) = (self.started.get(), self.started.get() == self.finished.get());
        let refusal = self.socket.refusal().filter(|(request, _)| *request == started + 1);
        refusal.filter(|_| is_answered && self.socket.is_flushed()).map(|(_, oversize)| oversize)
    }

    /// Whether nothing came after the request being answered.
    fn is_newest(&self) -> bool {
        self.socket.requests_begun() == Some(self.started.get())
    }

    /// When the client has waited too long with what it is to do next. `None` while it is our turn.
    fn deadline(&self) -> Option<Instant> {
        // Also after the answer is complete: hyper may still hold the end of it.
        if let Some(since) = self.socket.blocked_since() {
            return Some(since + self.send_timeout.get());
        }
        if self.started.get() > self.finished.get() {
            return None;
        }
        let is_in_head = self.started.get() == 0 || self.has_begun_another();
        let patience = if is_in_head { self.header_timeout } else { self.keepalive_timeout.get() };
        Some(self.waiting_since() + patience)
    }

    /// Since when it has been the client's turn.
    pub(super) fn waiting_since(&self) -> Instant {
        match self.started.get() {
            _ if self.has_begun_another() => self.socket.head_since(),
            0 => self.accepted,
            // An answer is over with the last that is written of it.
            _ => self.socket.written(),
        }
    }

    fn has_begun_another(&self) -> bool {
        self.socket.requests_begun().is_some_and(|begun| begun > self.started.get())
    }

    /// Since when every request that came is answered and nothing else is begun. `None` for a connection that has not
    /// sent its first request (somebody just opened it to do so), and for one that was asked to make room.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let started = self.started.get();
        let begun = self.socket.requests_begun();
        let is_idle = started > 0 && started == self.finished.get() && begun == Some(started);
        let is_staying = self.socket.blocked_since().is_none() && !self.is_asked.get();
        (is_idle && is_staying).then(|| self.socket.written())
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

    /// Whether more of an answer is to be written after the end of the worker's time.
    fn has_last_words(&self) -> bool {
        let is_whole = self.started.get() == self.finished.get();
        self.last_words.get() == LastWords::Due || is_whole && !self.socket.is_flushed()
    }

    /// Whether it goes on in another worker now.
    fn departs(self: &Rc<Self>) -> bool {
        let is_wanted = self.service.stage() == Stage::HandingOver && self.will.get() == Will::Goes;
        is_wanted && self.ticket.is_some() && !self.is_asked.get() && self.is_at_rest()
    }

    /// Nothing of a request that is being answered, and nothing of an answer, is anywhere in this process. What has come of
    /// another request, hyper has not understood yet.
    fn is_at_rest(self: &Rc<Self>) -> bool {
        let is_answered = self.started.get() == self.finished.get() && self.socket.is_flushed();
        let is_http = self.switched.borrow().is_none() && self.socket.requests_begun().is_some();
        // Our own and hyper's: whoever else has one is not done with it.
        let is_alone = Rc::strong_count(self) == 2 && Rc::strong_count(&self.socket) == 2;
        is_answered && is_http && is_alone && !self.socket.has_ended()
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

    fn is_late(&self) -> bool {
        // A request that came at the last moment is in time.
        self.socket.look();
        self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(connection: Rc<Connection>) {
    let (end, ahead) = serve_http(&connection).await;
    if matches!(end, End::Departs) {
        return depart(connection, &ahead);
    }
    let switched = connection.switched.take();
    if let (End::Http, Some(switched)) = (&end, switched) {
        // Counts as a request being answered: the connection is not idle.
        let _busy = connection.begin();
        match switched {
            Switched::Tunnel(tunnel) => Box::pin(tunnel.run(&connection, ahead)).await,
            Switched::Echo(echo) => Box::pin(echo.run(&connection, ahead)).await,
        }
    }
    if let End::Error(error) = &end
        && !error.is_incomplete_message()
    {
        // What hyper was told by us says more than that it was told.
        let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        connection.service.log.info(&format!("*{} client connection: {why}", connection.number));
        if error.is_parse_version_h2() {
            connection.socket.write_last(BAD_REQUEST);
        }
    }
    let lingers = match end {
        End::Leaves => false,
        End::Cut => true,
        // A client that takes nothing of its answer would not notice our patience.
        _ => connection.socket.blocked_since().is_none(),
    };
    if lingers {
        linger(&connection).await;
    }
}

/// How HTTP ended, and what hyper had read beyond it.
async fn serve_http(connection: &Rc<Connection>) -> (End, Bytes) {
    let answering = Rc::clone(connection);
    // Not `pipeline_flush`: with it hyper 1.12 shuts down without writing an answer that says `Connection: close`
    // while a further request is in its buffer. Not `header_read_timeout`: it counts idle time too, so an idle
    // connection would end at client_header_timeout instead of keepalive_timeout.
    let http =
        http1::Builder::new().half_close(true).keep_alive(true).title_case_headers(true).serve_connection(
            TokioIo::new(Handle(Rc::clone(&connection.socket))),
            service_fn(move |request| answer::answer(Rc::clone(&answering), request)),
        );
    let mut http = http;
    let mut alarm = pin!(sleep_until(connection.accepted + connection.header_timeout));
    let end = std::future::poll_fn(|cx| {
        connection.hear(cx);
        loop {
            if let Poll::Ready(result) = Pin::new(&mut http).poll(cx) {
                return Poll::Ready(result.map_or_else(End::Error, |()| End::Http));
            }
            let cut = connection.service.cut_at().map(|since| since + LAST_WORDS);
            if cut.is_some_and(|cut| !connection.has_last_words() || cut <= Instant::now()) {
                return Poll::Ready(End::Cut);
            }
            if let Some(oversize) = connection.refuses() {
                connection.socket.write_last(answer::refusal(connection, oversize).as_bytes());
                return Poll::Ready(End::Late);
            }
            if connection.departs() {
                if connection.requests() == 0 {
                    // All that hyper has is what it read.
                    return Poll::Ready(End::Departs);
                }
                // Told to shut down, hyper ends a connection on which it is idle itself, and no other.
                connection.socket.outlives_hyper();
                Pin::new(&mut http).graceful_shutdown();
                match Pin::new(&mut http).poll(cx) {
                    Poll::Ready(Ok(())) => return Poll::Ready(End::Departs),
                    Poll::Ready(Err(error)) => return Poll::Ready(End::Error(error)),
                    Poll::Pending => {}
                }
                connection.socket.ends_with_hyper();
                connection.will.set(Will::Stays);
                continue;
            }
            if connection.is_asked.get() {
                if connection.leaves() {
                    return Poll::Ready(End::Leaves);
                }
                continue;
            }
            let deadline = connection.deadline().into_iter().chain(cut).min();
            set(alarm.as_mut(), deadline);
            if alarm.as_mut().poll(cx).is_pending() || deadline.is_none() {
                return Poll::Pending;
            }
            if connection.is_late() {
                return Poll::Ready(End::Late);
            }
        }
    })
    .await;
    (end, http.into_parts().read_buf)
}

/// An alarm that rings too early is cheap, so it is only ever moved when it must: when it has rung, or is too late.
fn set(alarm: Pin<&mut Sleep>, deadline: Option<Instant>) {
    if let Some(deadline) = deadline
        && (alarm.is_elapsed() || deadline < alarm.deadline())
    {
        alarm.reset(deadline);
    }
}

/// Nobody serves it from here on, until another worker does.
fn depart(connection: Rc<Connection>, read: &[u8]) {
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
    pub(super) fn ends(&self, connection: &Connection) -> bool {
        let ends = match self.stage() {
            Stage::Serving => false,
            Stage::Seeking | Stage::HandingOver => connection.will.get() == Will::Stays,
            Stage::Draining | Stage::Cutting => true,
        };
        ends && !connection.has_next_request()
    }
}
