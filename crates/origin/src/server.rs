//! Listens, accepts, and ends when it is told to.

use std::{
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use ledger::Journal;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    task::LocalSet,
    time::{Instant, sleep},
};

use crate::{
    arguments::Arguments,
    daemon,
    end::Ending,
    error::Error,
    fault::{Asked, Faults},
    pid_file::PidFile,
    queue,
    service::Service,
    stream::Stream,
};

const BACKLOG: u32 = 1024;
/// More than a probe or two: some of those dropped are then the load's…
const QUEUE_WANTED: u64 = 8;
/// …unless so few send that waiting longer makes no sense.
const QUEUE_ENOUGH_AFTER: Duration = Duration::from_millis(300);
/// A queue that stays empty this long will not fill: nobody sends.
const QUEUE_FILLS_WITHIN: Duration = Duration::from_secs(10);

/// Serves until SIGTERM, SIGINT or SIGQUIT.
pub(crate) async fn serve(arguments: &Arguments) -> Result<(), Error> {
    let mut ends = Ends::new()?;
    let mut usr2 = watch(SignalKind::user_defined2())?;
    let drops_queue = arguments.faults.contains(&Asked::DropQueueOnUsr2);
    let mut listener = listen(arguments.listen, drops_queue)?;
    let journal = arguments.journal.as_deref().map(|path| Journal::create(path, arguments.journal_capacity));
    let journal = journal.transpose()?;
    let pid_file = arguments.pid_file.as_deref().map(PidFile::write).transpose()?;
    if arguments.attended {
        say_where(&listener).map_err(|source| Error::Os { doing: "say where it listens", source })?;
    }
    if arguments.detached {
        daemon::report_ready().map_err(|source| Error::Os { doing: "say that it listens", source })?;
    }
    let faults = Faults::new(&arguments.faults, arguments.fault_log.as_deref())?;
    let ending = Ending::new();
    let service = Service::new(arguments, journal, faults, ending.clone());
    let accepting = async {
        loop {
            tokio::select! {
                biased;
                _ = usr2.recv(), if drops_queue => drop_queue(&mut listener).await?,
                accepted = listener.accept() => match accepted {
                    Ok((socket, _)) => spawn(socket, &service),
                    // The client left before it was accepted, or descriptors ran out: the next one may work.
                    Err(_) => tokio::task::yield_now().await,
                },
            }
        }
    };
    let serving = async {
        tokio::select! {
            () = ends.recv() => Ok(()),
            () = unattended(), if arguments.attended => Ok(()),
            result = accepting => result,
        }
    };
    let local = LocalSet::new();
    let result = local.run_until(serving).await;
    drop(listener);
    local.run_until(ending.tell()).await;
    drop(pid_file);
    result
}

fn say_where(listener: &TcpListener) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()
}

/// Returns when nobody holds the other end of standard input any more.
async fn unattended() {
    let (sender, ended) = oneshot::channel();
    // A thread, because a read of a terminal or a pipe cannot be polled; it ends with the process.
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        sender.send(())
    });
    let _ = ended.await;
}

fn spawn(socket: TcpStream, service: &Service) {
    let stream = Stream::new(socket);
    let (service, answering) = (service.clone(), stream.clone());
    let respond = service_fn(move |request| service.clone().call(request, answering.clone()));
    let mut http = http1::Builder::new();
    // A client that has sent its request and says so is still answered.
    http.timer(TokioTimer::new()).half_close(true);
    let connection = http.serve_connection(TokioIo::new(stream), respond);
    tokio::task::spawn_local(async move {
        // A connection that broke is the client's story; the journal has ours.
        let _ = connection.with_upgrades().await;
    });
}

/// Plants a loss: lets connections queue up, opens a second listener beside the first, and closes the first with
/// its queue, which the kernel then resets.
async fn drop_queue(listener: &mut TcpListener) -> Result<(), Error> {
    let os = |source| Error::Os { doing: "let connections queue up", source };
    let address = listener.local_addr().map_err(os)?;
    let began = Instant::now();
    loop {
        match (queue::length(address).map_err(os)?.unwrap_or(0), began.elapsed()) {
            (QUEUE_WANTED.., _) => break,
            (1.., waited) if waited > QUEUE_ENOUGH_AFTER => break,
            (0, waited) if waited > QUEUE_FILLS_WITHIN => {
                eprintln!("origin: nothing queued on {address} within {waited:?}; nothing was dropped");
                return Ok(());
            }
            _ => sleep(Duration::from_millis(1)).await,
        }
    }
    *listener = listen(address, true)?;
    Ok(())
}

fn listen(address: SocketAddr, shared: bool) -> Result<TcpListener, Error> {
    let open = || -> io::Result<TcpListener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(shared)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|source| Error::Listen { address, source })
}

/// The signals that end it.
struct Ends {
    term: Signal,
    int: Signal,
    quit: Signal,
}

impl Ends {
    fn new() -> Result<Ends, Error> {
        Ok(Ends {
            term: watch(SignalKind::terminate())?,
            int: watch(SignalKind::interrupt())?,
            quit: watch(SignalKind::quit())?,
        })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
            _ = self.quit.recv() => {}
        }
    }
}

fn watch(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(|source| Error::Os { doing: "watch for signals", source })
}
