//! The life of a worker: gathers what happened, asks the protocol what to do, does it.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixDatagram as StdChannel,
    },
    rc::Rc,
};

use conf::Level;
use protocol::{
    signals::{Signal, Signals},
    worker::{self, Command, Effect, Wakeup, Worker},
};
use tokio::{
    io::Interest,
    net::UnixDatagram,
    sync::mpsc::UnboundedReceiver,
    task::{JoinHandle, spawn_local},
    time::sleep,
};

use super::{
    Listener,
    handover::{self, Arrivals},
    listen,
    orphan::Legacy,
    self_test,
    service::{Service, Stage},
};
use crate::{
    instant::{self, Side},
    orphan::Lineage,
    wire,
};

/// Exit code of a worker that cannot work (nginx's "fatal").
const FATAL: i32 = 2;

/// A worker and what it holds.
pub(super) struct Life {
    worker: Worker,
    service: Rc<Service>,
    listeners: Vec<Listener>,
    accepting: Option<listen::Accepting>,
    /// A SEQPACKET socket. What tokio knows of a datagram socket, its readiness, is the same for both.
    channel: UnixDatagram,
    master: Master,
    signals: UnboundedReceiver<Signal>,
    lineage: Lineage,
    handover: Option<String>,
    /// Takes connections while we accept.
    arrivals: Option<Arrivals>,
    /// Waits for a new master.
    legacy: Option<JoinHandle<()>>,
}

/// Whether the channel still leads anywhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Master {
    There,
    Gone,
}

/// What the wait for something to do ended with.
enum News {
    Commands(Vec<Command>),
    /// Or what it says cannot be understood, which is no better.
    MasterGone(io::Result<()>),
    Signal(Signal),
    ConnectionClosed,
}

impl Life {
    pub(super) fn new(
        service: Rc<Service>,
        listeners: Vec<Listener>,
        channel: OwnedFd,
        signals: UnboundedReceiver<Signal>,
        (lineage, handover): (Lineage, Option<String>),
    ) -> io::Result<Self> {
        let channel = StdChannel::from(channel);
        channel.set_nonblocking(true)?;
        let channel = UnixDatagram::from_std(channel)?;
        let (worker, master) = (Worker::default(), Master::There);
        Ok(Life {
            worker,
            service,
            listeners,
            accepting: None,
            channel,
            master,
            signals,
            lineage,
            handover,
            arrivals: None,
            legacy: None,
        })
    }

    /// Lives until there is a reason to exit; with which code.
    pub(super) async fn live(mut self) -> i32 {
        if let Err(error) = self_test::run(&self.service, &self.listeners).await {
            self.service.log.emerg(&format!("worker cannot serve: {error}"));
            return FATAL;
        }
        let mut wakeup = Wakeup { prepared: true, ..Wakeup::default() };
        loop {
            wakeup.idle = self.service.open() == 0;
            if let Some(code) = self.turn(&wakeup) {
                return code;
            }
            wakeup = self.wait().await;
        }
    }

    fn turn(&mut self, wakeup: &Wakeup) -> Option<i32> {
        let (worker, effects) = worker::step(&self.worker, wakeup);
        self.worker = worker;
        let generation = self.service.generation;
        effects.into_iter().find_map(|effect| {
            instant::of_worker(generation, Side::Before, &effect);
            let exit = self.perform(effect);
            instant::of_worker(generation, Side::After, &effect);
            exit
        })
    }

    /// The next thing that happens.
    async fn wait(&mut self) -> Wakeup {
        let service = Rc::clone(&self.service);
        let news = tokio::select! {
            biased;
            news = commands(&self.channel), if self.master == Master::There => news,
            Some(signal) = self.signals.recv() => News::Signal(signal),
            () = service.freed.notified() => News::ConnectionClosed,
        };
        match news {
            News::Commands(commands) => Wakeup { commands, ..Wakeup::default() },
            News::Signal(signal) => Wakeup { signals: Signals::from_iter([signal]), ..Wakeup::default() },
            News::ConnectionClosed => Wakeup::default(),
            News::MasterGone(result) => {
                if let Err(error) = result {
                    self.service.log.alert(&format!("failed to hear the master: {error}"));
                }
                self.master = Master::Gone;
                Wakeup { master_gone: true, ..Wakeup::default() }
            }
        }
    }

    /// Does one thing; some exit code if it is the last.
    fn perform(&mut self, effect: Effect) -> Option<i32> {
        let log = &self.service.log;
        match effect {
            Effect::StartAccepting => match listen::start(&self.service, &self.listeners) {
                Ok(accepting) => {
                    self.accepting = Some(accepting);
                    self.take_connections();
                }
                Err(error) => {
                    log.emerg(&format!("worker cannot register its listeners: {error}"));
                    return Some(FATAL);
                }
            },
            Effect::StopAccepting => {
                self.accepting = None;
                self.arrivals = None;
            }
            Effect::AnnounceClose => self.announce_close(),
            Effect::Report(report) => {
                match wire::send_to_master(self.channel.as_fd(), &report) {
                    // A master that is gone is noticed where it is listened to.
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                        log.line(
                            Level::Warn,
                            &format!("failed to report \"{report}\" to the master: {error}"),
                        );
                    }
                    _ => {}
                }
            }
            Effect::Reopen => self.reopen_logs(),
            Effect::Ignore(signal) => {
                log.notice(&format!("signal {} ignored by a worker: send it to the master", signal.name()));
            }
            Effect::SayOrphaned => {
                log.warn("the master is gone: serving on until another master says to leave");
                self.wait_to_be_taken_over();
            }
            Effect::Exit(code) => {
                match self.service.departures.given() {
                    0 => log.notice("exit"),
                    given => log.notice(&format!("exit, {given} connections handed over")),
                }
                return Some(code);
            }
        }
        None
    }

    fn wait_to_be_taken_over(&mut self) {
        let Service { generation, log, .. } = &*self.service;
        match Legacy::new(*generation, &self.lineage, &self.listeners, log) {
            Ok(legacy) => self.legacy = Some(spawn_local(legacy.give(self.lineage.family.clone()))),
            Err(error) => log.alert(&format!("nobody can take over from this worker: {error}")),
        }
    }

    fn take_connections(&mut self) {
        let Some(family) = &self.handover else { return };
        match handover::take(&self.service, family) {
            Ok(arrivals) => self.arrivals = Some(arrivals),
            // They end where they are, then.
            Err(error) => {
                self.service.log.error(&format!("no connections can be taken from others: {error}"));
            }
        }
    }

    /// The master of a daemon has led standard error to the log; there it stays, whatever the file is called now.
    fn reopen_logs(&self) {
        let Service { log, configuration, .. } = &*self.service;
        log.notice("reopening logs");
        log.reopen();
        self.service.access_logs.reopen(log);
        // A test's own standard error is none of our business.
        if configuration.daemon
            && !cfg!(test)
            && let Err(error) = log.take_stderr()
        {
            log.alert(&format!("failed to reopen standard error: {error}"));
        }
    }

    fn announce_close(&mut self) {
        // Nothing will be accepted here any more. A listener left open would keep its queue alive with nobody to serve it,
        // once the last master has closed its own.
        self.listeners.clear();
        if let Some(legacy) = self.legacy.take() {
            legacy.abort();
        }
        let service = Rc::clone(&self.service);
        service.log.notice(&format!("gracefully shutting down, {} connections open", service.open()));
        // A test's own title is none of our business.
        if !cfg!(test) {
            crate::os::set_title("changeoverd: worker process is shutting down");
        }
        let family = self.handover.clone().filter(|family| handover::is_anybody_there(family));
        match family {
            None => service.enter(Stage::Draining),
            Some(family) => {
                service.enter(Stage::Seeking);
                spawn_local(handover::give(Rc::clone(&service), family));
            }
        }
        if let Some(longest) = service.configuration.worker_shutdown_timeout {
            spawn_local(async move {
                sleep(longest).await;
                let open = service.open();
                service.log.notice(&format!("worker_shutdown_timeout is over: closing {open} connections"));
                service.enter(Stage::Cutting);
            });
        }
    }
}

/// All commands that have come, in order; waits for the first.
async fn commands(channel: &UnixDatagram) -> News {
    let mut commands = Vec::new();
    loop {
        match channel.try_io(Interest::READABLE, || wire::receive_from_master(channel.as_fd())) {
            Ok(Some(command)) => commands.push(command),
            // What was said before the end is obeyed first; the end is still there at the next look.
            _ if !commands.is_empty() => return News::Commands(commands),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if let Err(error) = channel.readable().await {
                    return News::MasterGone(Err(error));
                }
            }
            Ok(None) => return News::MasterGone(Ok(())),
            Err(error) => return News::MasterGone(Err(error)),
        }
    }
}
