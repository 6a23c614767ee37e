//! Leads a connection from hyper to whatever comes after it, and to its end.

use std::{
    error::Error,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{HttpService, service_fn},
};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    super::{
        answer,
        body::AnswerBody,
        handover::Will,
        linger::linger,
        socket::{Handle, Socket},
    },
    Connection, Switched, departure,
};

/// What a client gets that speaks HTTP/2: hyper refuses its preface and says nothing.
const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// How long the last words of an answer may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

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

/// What there is to do while hyper waits.
enum Step {
    Ends(End),
    /// To take the connection from hyper, which has understood requests on it.
    Departs,
    /// To see what came of a look into the socket.
    Looks,
    /// To wait, too.
    Waits {
        deadline: Option<Instant>,
    },
}

/// Serves a connection to its end.
pub(in crate::worker) async fn serve(connection: Rc<Connection>) {
    let (end, ahead) = serve_http(&connection).await;
    connection.rest.forget();
    connection.socket.unlogged.written();
    let (switched, entry) = (connection.switched.take(), connection.last_entry.take());
    let sent = connection.socket.sent();
    match &end {
        End::Departs => return departure::depart(connection, &ahead),
        End::Http => go_on(&connection, switched, ahead).await,
        End::Error(error) => tell(&connection, error),
        End::Late | End::Cut | End::Leaves => {}
    }
    if let Some(entry) = entry {
        entry.write(connection.socket.sent() - sent);
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

/// What comes after HTTP, if anything does.
async fn go_on(connection: &Rc<Connection>, switched: Option<Switched>, ahead: Bytes) {
    let Some(switched) = switched else { return };
    // Counts as a request being answered: the connection is not idle.
    let _busy = connection.begin();
    match switched {
        Switched::Tunnel(tunnel) => Box::pin(tunnel.run(connection, ahead)).await,
        Switched::Echo(echo) => Box::pin(echo.run(connection, ahead)).await,
    }
}

/// Of an end that was no order of the client's.
fn tell(connection: &Connection, error: &hyper::Error) {
    if error.is_incomplete_message() {
        return;
    }
    // What hyper was told by us says more than that it was told.
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    connection.service.log.info(&format!("*{} client connection: {why}", connection.number));
    if error.is_parse_version_h2() {
        connection.socket.write_last(BAD_REQUEST);
    }
}

/// How HTTP ended, and what hyper had read beyond it.
async fn serve_http(connection: &Rc<Connection>) -> (End, Bytes) {
    let answering = Rc::clone(connection);
    // Not `pipeline_flush`: with it hyper 1.12 shuts down without writing an answer that says `Connection: close`
    // while a further request is in its buffer. Not `header_read_timeout`: it counts idle time too, so an idle
    // connection would end at client_header_timeout instead of keepalive_timeout.
    let mut http =
        http1::Builder::new().half_close(true).keep_alive(true).title_case_headers(true).serve_connection(
            TokioIo::new(Handle(Rc::clone(&connection.socket))),
            service_fn(move |request| answer::answer(Rc::clone(&answering), request)),
        );
    let mut alarm = Alarm::new(connection.accepted + connection.header_timeout);
    let end = poll_fn(|cx| {
        connection.hear(cx);
        loop {
            if let Poll::Ready(result) = Pin::new(&mut http).poll(cx) {
                return Poll::Ready(result.map_or_else(End::Error, |()| End::Http));
            }
            connection.rest.poll(cx);
            match connection.step() {
                Step::Ends(end) => return Poll::Ready(end),
                Step::Departs => {
                    if let Some(end) = let_go(&connection.socket, &mut http, cx) {
                        return Poll::Ready(end);
                    }
                    connection.will.set(Will::Stays);
                }
                Step::Looks => {}
                Step::Waits { deadline } => {
                    if alarm.is_silent(deadline, cx) {
                        return Poll::Pending;
                    }
                    if connection.is_late() {
                        return Poll::Ready(End::Late);
                    }
                }
            }
        }
    })
    .await;
    (end, http.into_parts().read_buf)
}

impl Connection {
    fn step(self: &Rc<Self>) -> Step {
        let cut = self.service.cut_at().map(|since| since + LAST_WORDS);
        if cut.is_some_and(|cut| !self.has_last_words() || cut <= Instant::now()) {
            return Step::Ends(End::Cut);
        }
        if let Some(oversize) = self.refuses() {
            self.socket.write_last(answer::refusal(self, oversize).as_bytes());
            return Step::Ends(End::Late);
        }
        if self.departs() {
            // Before the first request all that hyper has is what it read.
            return if self.requests() == 0 { Step::Ends(End::Departs) } else { Step::Departs };
        }
        if self.is_asked.get() {
            return if self.leaves() { Step::Ends(End::Leaves) } else { Step::Looks };
        }
        Step::Waits { deadline: self.deadline().into_iter().chain(cut).min() }
    }
}

/// Told to shut down, hyper ends a connection on which it is idle itself, and no other.
fn let_go<S>(
    socket: &Socket,
    http: &mut http1::Connection<TokioIo<Handle>, S>,
    cx: &mut Context,
) -> Option<End>
where
    S: HttpService<Incoming, ResBody = AnswerBody> + Unpin,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    socket.outlives_hyper();
    Pin::new(&mut *http).graceful_shutdown();
    match Pin::new(http).poll(cx) {
        Poll::Ready(Ok(())) => Some(End::Departs),
        Poll::Ready(Err(error)) => Some(End::Error(error)),
        Poll::Pending => {
            socket.ends_with_hyper();
            None
        }
    }
}

/// Rings at a deadline that moves with every request.
struct Alarm {
    sleep: Pin<Box<Sleep>>,
    set: Set,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    NotYet,
    /// The task of the connection, which stays the same, will be woken.
    Yes,
}

impl Alarm {
    fn new(deadline: Instant) -> Self {
        Alarm { sleep: Box::pin(sleep_until(deadline)), set: Set::NotYet }
    }

    /// Whether there is nothing to do before the deadline. One that rings too early is cheap, so it is only ever moved when it
    /// must: when it has rung, or is too late.
    fn is_silent(&mut self, deadline: Option<Instant>, cx: &mut Context) -> bool {
        let has_rung = self.sleep.is_elapsed();
        if let Some(deadline) = deadline
            && (has_rung || deadline < self.sleep.deadline())
        {
            self.sleep.as_mut().reset(deadline);
            self.set = Set::NotYet;
        }
        if self.set == Set::Yes {
            return deadline.is_none() || !has_rung;
        }
        self.set = Set::Yes;
        self.sleep.as_mut().poll(cx).is_pending() || deadline.is_none()
    }
}
