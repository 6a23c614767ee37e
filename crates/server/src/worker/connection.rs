//! One client's connection, from the moment it was accepted to the last byte.

use std::{
    cell::{Cell, RefCell},
    error::Error as _,
    net::SocketAddr,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use conf::{Address, Settings};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    sync::Notify,
    time::{Instant, Sleep, sleep_until},
};

use super::{
    answer,
    forward::Tunnel,
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
    quiet_since: Cell<Instant>,
    /// Told when another connection needs the place of this one.
    pub(super) asked_to_leave: Notify,
    is_asked: Cell<bool>,
    keepalive_timeout: Cell<Duration>,
    send_timeout: Cell<Duration>,
    header_timeout: Duration,
    /// What comes after the answer that is being written, if that is a switch of protocols.
    tunnel: RefCell<Option<Tunnel>>,
    /// Counted as open for as long as the connection exists.
    _ticket: Option<Ticket>,
}

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
        self.0.finished.set(self.0.finished.get() + 1);
        self.0.quiet_since.set(Instant::now());
        self.0.service.tell_of_room();
    }
}

/// Why a connection is over.
enum End {
    /// hyper says so: the client left, or an answer announced it.
    Http,
    /// hyper says so, and something was wrong.
    Error(hyper::Error),
    /// A deadline passed.
    Late,
    /// The worker shuts down, or another connection needs the place.
    Cut,
}

impl Connection {
    pub(super) fn new(service: &Rc<Service>, stream: Stream, client: Client, local: Address) -> Rc<Self> {
        let now = Instant::now();
        let ticket = (client != Client::SelfTest).then(|| service.admit());
        let settings = service.configuration.http.server_for(&local, "").map(|server| &server.settings);
        let minute = Duration::from_secs(60);
        let connection = Rc::new(Connection {
            service: Rc::clone(service),
            socket: Rc::new(Socket::new(stream)),
            client,
            local,
            number: ticket.as_ref().map_or(0, |ticket| ticket.number),
            accepted: now,
            started: Cell::new(0),
            finished: Cell::new(0),
            quiet_since: Cell::new(now),
            asked_to_leave: Notify::new(),
            is_asked: Cell::new(false),
            keepalive_timeout: Cell::new(minute),
            send_timeout: Cell::new(minute),
            tunnel: RefCell::default(),
            header_timeout: settings.map_or(minute, |settings| settings.client_header_timeout),
            _ticket: ticket,
        });
        if client != Client::SelfTest {
            service.connections.borrow_mut().insert(connection.number, Rc::downgrade(&connection));
        }
        connection
    }

    /// After the answer that is about to be written nothing here is HTTP any more.
    pub(super) fn becomes(&self, tunnel: Tunnel) {
        self.tunnel.replace(Some(tunnel));
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
        self.socket.requests_begun().is_some_and(|begun| begun > self.started.get())
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
        let started = self.started.get();
        if started > self.finished.get() {
            return None;
        }
        if self.socket.requests_begun().is_some_and(|begun| begun > started) {
            return Some(self.socket.head_since() + self.header_timeout);
        }
        if started == 0 {
            return Some(self.accepted + self.header_timeout);
        }
        Some(self.quiet_since.get().max(self.socket.written()) + self.keepalive_timeout.get())
    }

    /// Since when every request that came is answered and nothing else is begun. `None` for a connection that has not
    /// sent its first request (somebody just opened it to do so), and for one that was asked to make room.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let started = self.started.get();
        let begun = self.socket.requests_begun();
        let is_idle = started > 0 && started == self.finished.get() && begun == Some(started);
        let is_staying = self.socket.blocked_since().is_none() && !self.is_asked.get();
        (is_idle && is_staying).then(|| self.quiet_since.get().max(self.socket.written()))
    }

    /// Asks an idle connection to end, for another one.
    pub(super) fn make_room(&self) {
        self.is_asked.set(true);
        self.asked_to_leave.notify_one();
    }

    /// A request that came between the question and now is answered: then the worker has one connection too many.
    fn leaves(&self) -> bool {
        self.is_asked.set(false);
        self.socket.look();
        self.idle_since().is_some()
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
    let tunnel = connection.tunnel.take();
    if let (End::Http, Some(tunnel)) = (&end, tunnel) {
        // Counts as a request being answered: the connection is not idle.
        let _busy = connection.begin();
        tunnel.run(&connection, ahead).await;
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
    // A client that takes nothing of its answer would not notice our patience.
    if !matches!(end, End::Cut) && connection.socket.blocked_since().is_none() {
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
    let mut cut = pin!(connection.service.cut());
    let mut asked = pin!(connection.asked_to_leave.notified());
    let mut alarm = pin!(sleep_until(connection.accepted + connection.header_timeout));
    let end = std::future::poll_fn(|cx| {
        loop {
            if let Poll::Ready(result) = Pin::new(&mut http).poll(cx) {
                return Poll::Ready(result.map_or_else(End::Error, |()| End::Http));
            }
            if cut.as_mut().poll(cx).is_ready() {
                return Poll::Ready(End::Cut);
            }
            if asked.as_mut().poll(cx).is_ready() {
                if connection.leaves() {
                    return Poll::Ready(End::Cut);
                }
                asked.set(connection.asked_to_leave.notified());
                continue;
            }
            set(alarm.as_mut(), connection.deadline());
            if alarm.as_mut().poll(cx).is_pending() || connection.deadline().is_none() {
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

impl Service {
    /// Whether an answer to this connection has to announce its end.
    pub(super) fn ends(&self, connection: &Connection) -> bool {
        self.stage() != Stage::Serving && !connection.has_next_request()
    }
}
