//! Frames between a master and its workers, and between masters: one SEQPACKET message each, so a frame is whole
//! or absent, carrying at most [`FDS_PER_FRAME`] descriptors. The first byte is the version.

use std::{
    fmt,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
};

use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, setsockopt, socketpair, sockopt,
};
use protocol::{
    master::PeerMessage,
    worker::{Command, Report},
};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// Version of every frame. A peer that speaks another one is refused by name.
pub(crate) const VERSION: u8 = 1;

/// The kernel's `SCM_MAX_FD`.
pub(crate) const FDS_PER_FRAME: usize = 253;

/// Longest frame; words are cut off there.
const FRAME_BYTES: usize = 2048;

/// Room for some thousand frames.
const SEND_BUFFER_BYTES: usize = 4 << 20;

const COMMANDS: &[(u8, Command)] = &[
    (1, Command::Accept),
    (2, Command::StopAccepting),
    (3, Command::Drain),
    (4, Command::Terminate),
    (5, Command::Reopen),
];

const REPORTS: &[(u8, Report)] = &[
    (11, Report::Prepared),
    (12, Report::Accepting),
    (13, Report::Stopped),
    (14, Report::Drained),
    (15, Report::Draining),
];

const PEER_MESSAGES: &[(u8, PeerMessage)] = &[
    (21, PeerMessage::Ready),
    (22, PeerMessage::TakeOver),
    (23, PeerMessage::TookOver),
    (24, PeerMessage::Leaving),
    (25, PeerMessage::Stopping),
    (26, PeerMessage::Staying),
    (27, PeerMessage::Noted),
    (28, PeerMessage::Bonded),
];

const LISTENERS: u8 = 31;
const HELLO: u8 = 41;
const INTRODUCE: u8 = 42;
const HEIR: u8 = 43;
const FAREWELL: u8 = 44;
const WORDS: u8 = 51;

/// One frame.
#[derive(Debug)]
pub(crate) enum Frame {
    /// Master to worker.
    Command(Command),
    /// Worker to master.
    Report(Report),
    /// Master to master.
    Peer(PeerMessage),
    /// Master to worker: listening sockets, `more` if another such frame follows.
    Listeners { more: bool, sockets: Vec<OwnedFd> },
    /// Old master to new master, first of all.
    Hello(Hello),
    /// Master to master: pidfds of its workers.
    Introduce { pidfds: Vec<OwnedFd> },
    /// Master to its predecessor: which generation it is about to start, and a channel to that one.
    Heir { generation: u32, channel: OwnedFd },
    /// Master to master: it exits this moment, or, said after that, it has thought better of it.
    Farewell { exits: bool },
    /// New master to old master, worker to master: how far it is, or why it ends, for a person.
    Words(String),
}

/// What somebody that leaves a server says first to the master that comes after.
#[derive(Debug)]
pub(crate) struct Hello<Pidfd = OwnedFd> {
    /// Which generation the new master is to lead.
    pub(crate) generation: u32,
    /// The generation of whoever says it.
    pub(crate) from: u32,
    /// Its process.
    pub(crate) pid: u32,
    pub(crate) pidfd: Pidfd,
    /// What it knows of the peers of its upstreams: see `segment`. An older version closes them unread.
    pub(crate) zones: Vec<Pidfd>,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::Command(command) => write!(f, "the command to {command}"),
            Frame::Report(report) => write!(f, "a worker's \"{report}\""),
            Frame::Peer(message) => write!(f, "another master's \"{message}\""),
            Frame::Listeners { sockets, .. } => write!(f, "{} listening sockets", sockets.len()),
            Frame::Hello(Hello { from, .. }) => write!(f, "a hello from generation {from}"),
            Frame::Introduce { pidfds } => write!(f, "an introduction of {} workers", pidfds.len()),
            Frame::Heir { generation, .. } => write!(f, "a channel to generation {generation}"),
            Frame::Farewell { exits: true } => f.write_str("a farewell"),
            Frame::Farewell { exits: false } => f.write_str("a farewell taken back"),
            Frame::Words(words) => write!(f, "the words \"{words}\""),
        }
    }
}

/// What came instead of what was to come; nothing comes any more from a side that has ended.
pub(crate) fn unexpected(expected: &str, came: Option<Frame>) -> io::Error {
    let came = came.map_or("nothing: the other side has ended".into(), |frame| frame.to_string());
    io::Error::other(format!("expected {expected}, got {came}"))
}

/// A connected pair of channels, both close-on-exec and non-blocking.
pub(crate) fn channel() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
    // Hundreds of workers are introduced before anybody reads; without privilege the kernel's usual limit has to do.
    for end in [&ours, &theirs] {
        let _ = setsockopt(end, sockopt::SndBufForce, &SEND_BUFFER_BYTES);
    }
    Ok((ours, theirs))
}

/// Sends a command to a worker.
pub(crate) fn send_command(channel: BorrowedFd, command: Command) -> io::Result<()> {
    send(channel, &[VERSION, code(COMMANDS, command)], &[])
}

/// Sends a report to the master.
pub(crate) fn send_to_master(channel: BorrowedFd, report: &Report) -> io::Result<()> {
    send(channel, &[VERSION, code(REPORTS, *report)], &[])
}

/// Sends a message to another master.
pub(crate) fn send_peer(channel: BorrowedFd, message: PeerMessage) -> io::Result<()> {
    send(channel, &[VERSION, code(PEER_MESSAGES, message)], &[])
}

/// Sends listening sockets to a worker, in as many frames as it takes (at least one).
pub(crate) fn send_listeners(channel: BorrowedFd, sockets: &[BorrowedFd]) -> io::Result<()> {
    let mut chunks = sockets.chunks(FDS_PER_FRAME).peekable();
    if chunks.peek().is_none() {
        return send(channel, &[VERSION, LISTENERS, 0], &[]);
    }
    while let Some(chunk) = chunks.next() {
        send(channel, &[VERSION, LISTENERS, u8::from(chunks.peek().is_some())], chunk)?;
    }
    Ok(())
}

/// Tells a new master who it is, and who we are.
pub(crate) fn send_hello(channel: BorrowedFd, hello: &Hello<BorrowedFd>) -> io::Result<()> {
    let mut bytes = vec![VERSION, HELLO];
    // The generation of whoever says it came last: an older version does not read so far.
    for number in [hello.generation, hello.pid, hello.from] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(u32::try_from(hello.zones.len()).unwrap_or(u32::MAX).to_le_bytes());
    let mut fds = vec![hello.pidfd];
    if hello.zones.len() < FDS_PER_FRAME {
        fds.extend(&hello.zones);
        return send(channel, &bytes, &fds);
    }
    // An older version takes only what it can use, and the bag for memory of a kind that it does not know.
    let (here, rest) = hello.zones.split_at(FDS_PER_FRAME - 2);
    let bag = bag_of(rest)?;
    fds.extend(here);
    fds.push(bag.as_fd());
    send(channel, &bytes, &fds)
}

/// A channel in which descriptors wait for whoever gets it.
fn bag_of(fds: &[BorrowedFd]) -> io::Result<OwnedFd> {
    let (ours, bag) = channel()?;
    fds.chunks(FDS_PER_FRAME).try_for_each(|chunk| send(ours.as_fd(), &[VERSION], chunk))?;
    Ok(bag)
}

/// The zones of a hello that names so many; those that did not fit into its frame are in a bag behind the others. An older
/// version does not say how many.
fn unpack(mut zones: Vec<OwnedFd>, named: Option<u32>) -> io::Result<Vec<OwnedFd>> {
    let Some(named) = named else { return Ok(zones) };
    let named = named as usize;
    if named >= FDS_PER_FRAME {
        let bag = zones.pop().ok_or_else(|| incomplete(0, named))?;
        let mut bytes = [0; FRAME_BYTES];
        while zones.len() < named {
            match receive_bytes(bag.as_fd(), &mut bytes)? {
                (0, _) => break,
                (_, fds) => zones.extend(fds),
            }
        }
    }
    if zones.len() == named { Ok(zones) } else { Err(incomplete(zones.len(), named)) }
}

/// The kernel drops what a process has no room for, and tells nobody.
fn incomplete(got: usize, named: usize) -> io::Error {
    io::Error::other(format!(
        "only {got} of {named} pieces of the memory of zones came: there is no room for so many open files; raise the limit (ulimit -n)"
    ))
}

/// Gives another master pidfds of workers, as many in a frame as fit: nobody may be reading yet.
pub(crate) fn send_introductions(channel: BorrowedFd, pidfds: &[BorrowedFd]) -> io::Result<()> {
    pidfds.chunks(FDS_PER_FRAME).try_for_each(|chunk| send(channel, &[VERSION, INTRODUCE], chunk))
}

/// Tells the predecessor which generation is about to be started, and gives it a channel to that one.
pub(crate) fn send_heir(channel: BorrowedFd, generation: u32, to_heir: BorrowedFd) -> io::Result<()> {
    let mut bytes = vec![VERSION, HEIR];
    bytes.extend(generation.to_le_bytes());
    send(channel, &bytes, &[to_heir])
}

/// Tells another master that we exit this moment, or do not after all.
pub(crate) fn send_farewell(channel: BorrowedFd, exits: bool) -> io::Result<()> {
    send(channel, &[VERSION, FAREWELL, u8::from(exits)], &[])
}

/// Says something to whoever waits for us to come up.
pub(crate) fn send_words(channel: BorrowedFd, words: &str) -> io::Result<()> {
    let room = words.floor_char_boundary(FRAME_BYTES - 2);
    send(channel, &[&[VERSION, WORDS], &words.as_bytes()[..room]].concat(), &[])
}

/// The next command from the master; `None` when the master is gone, `WouldBlock` when there is nothing.
pub(crate) fn receive_from_master(channel: BorrowedFd) -> io::Result<Option<Command>> {
    match receive(channel)? {
        None => Ok(None),
        Some(Frame::Command(command)) => Ok(Some(command)),
        other => Err(unexpected("a command from the master", other)),
    }
}

/// The next frame; `None` when the other side is gone, `WouldBlock` when there is nothing.
pub(crate) fn receive(channel: BorrowedFd) -> io::Result<Option<Frame>> {
    let mut bytes = [0; FRAME_BYTES];
    match receive_bytes(channel, &mut bytes) {
        Ok((0, _)) => Ok(None),
        Ok((length, fds)) => parse(&bytes[..length], fds).map(Some),
        // The other end died with our frames unread.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
        Err(error) => Err(error),
    }
}

/// One message of a channel: its length, 0 at the end, and the descriptors that came with it. `ConnectionReset` says once that
/// the other end closed with something of ours unread; what it had sent before can still be received after that.
pub(crate) fn receive_bytes(channel: BorrowedFd, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    // Descriptors that nobody takes out of it are closed with it, also those of a message for which there was no room.
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_PER_FRAME))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let message = recvmsg(channel, &mut [IoSliceMut::new(bytes)], &mut control, flags)?;
    let rights = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    Ok((message.bytes, rights.flatten().collect()))
}

fn parse(bytes: &[u8], fds: Vec<OwnedFd>) -> io::Result<Frame> {
    let malformed = || io::Error::other(format!("malformed frame {bytes:?}"));
    let (version, kind) = (*bytes.first().ok_or_else(malformed)?, *bytes.get(1).ok_or_else(malformed)?);
    if version != VERSION {
        return Err(io::Error::other(format!(
            "the other side speaks version {version} of the protocol, we {VERSION}"
        )));
    }
    if let Some(command) = decode(COMMANDS, kind) {
        return Ok(Frame::Command(command));
    }
    if let Some(report) = decode(REPORTS, kind) {
        return Ok(Frame::Report(report));
    }
    if let Some(message) = decode(PEER_MESSAGES, kind) {
        return Ok(Frame::Peer(message));
    }
    let number = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    match kind {
        LISTENERS => Ok(Frame::Listeners { more: bytes.get(2) == Some(&1), sockets: fds }),
        HELLO => {
            let (generation, pid) = number(2).zip(number(6)).ok_or_else(malformed)?;
            let mut fds = fds.into_iter();
            let pidfd = fds.next().ok_or_else(malformed)?;
            // An older version does not say it; no upgrade has failed, most likely.
            let from = number(10).unwrap_or(generation.saturating_sub(1));
            let zones = unpack(fds.collect(), number(14))?;
            Ok(Frame::Hello(Hello { generation, from, pid, pidfd, zones }))
        }
        INTRODUCE => Ok(Frame::Introduce { pidfds: fds }),
        HEIR => {
            let generation = number(2).ok_or_else(malformed)?;
            let channel = fds.into_iter().next().ok_or_else(malformed)?;
            Ok(Frame::Heir { generation, channel })
        }
        FAREWELL => Ok(Frame::Farewell { exits: bytes.get(2) == Some(&1) }),
        WORDS => Ok(Frame::Words(String::from_utf8_lossy(&bytes[2..]).into_owned())),
        _ => Err(malformed()),
    }
}

fn code<T: Copy + PartialEq>(table: &[(u8, T)], value: T) -> u8 {
    table.iter().find(|(_, listed)| *listed == value).map_or(0, |(code, _)| *code)
}

fn decode<T: Copy>(table: &[(u8, T)], code: u8) -> Option<T> {
    table.iter().find(|(listed, _)| *listed == code).map(|(_, value)| *value)
}

/// Sends one message, with descriptors.
pub(crate) fn send(channel: BorrowedFd, bytes: &[u8], fds: &[BorrowedFd]) -> io::Result<()> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage] = if raw.is_empty() { &[] } else { &rights };
    sendmsg::<()>(channel.as_raw_fd(), &[IoSlice::new(bytes)], control, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn every_small_frame_arrives_as_it_was_sent() {
        let (a, b) = channel().expect("socketpair");
        for (_, command) in COMMANDS {
            send_command(a.as_fd(), *command).expect("send");
            assert_eq!(receive_from_master(b.as_fd()).expect("receive"), Some(*command));
        }
        for (_, report) in REPORTS {
            send_to_master(a.as_fd(), report).expect("send");
            assert!(
                matches!(receive(b.as_fd()).expect("receive"), Some(Frame::Report(got)) if got == *report)
            );
        }
    }

    #[test]
    fn more_sockets_than_a_message_holds_arrive_in_order() {
        let (a, b) = channel().expect("socketpair");
        let spare = channel().expect("socketpair").0;
        let sockets = vec![spare.as_fd(); FDS_PER_FRAME + 1];
        send_listeners(a.as_fd(), &sockets).expect("send");
        let mut counts = Vec::new();
        while let Ok(Some(Frame::Listeners { more, sockets })) = receive(b.as_fd()) {
            counts.push((more, sockets.len()));
        }
        assert_eq!(counts, [(true, FDS_PER_FRAME), (false, 1)]);
    }

    #[test]
    fn a_hello_carries_any_number_of_zones_in_order_and_one_that_lost_some_is_refused() {
        let (a, b) = channel().expect("socketpair");
        let file = tempfile::tempdir().expect("a directory");
        let zones: Vec<File> = (0..600)
            .map(|number| {
                let path = file.path().join(number.to_string());
                std::fs::write(&path, number.to_string()).expect("writes");
                File::open(path).expect("opens")
            })
            .collect();
        let own = channel().expect("socketpair").0;
        for count in [0, 1, FDS_PER_FRAME - 1, FDS_PER_FRAME, FDS_PER_FRAME + 1, 600] {
            let named = zones[..count].iter().map(AsFd::as_fd).collect();
            let hello = Hello { generation: 2, from: 1, pid: 7, pidfd: own.as_fd(), zones: named };
            send_hello(a.as_fd(), &hello).expect("send");
            let Some(Frame::Hello(hello)) = receive(b.as_fd()).expect("receive") else { panic!("no hello") };
            let read = |zone: OwnedFd| io::read_to_string(File::from(zone)).expect("reads");
            let said: Vec<String> = hello.zones.into_iter().map(read).collect();
            assert_eq!(said, (0..count).map(|number| number.to_string()).collect::<Vec<_>>());
            // Files are read from where they were left.
            zones.iter().for_each(|mut zone| std::io::Seek::rewind(&mut zone).expect("rewinds"));
        }
        let lost = unpack(Vec::new(), Some(2)).expect_err("lost").to_string();
        assert!(lost.contains("only 0 of 2") && lost.contains("ulimit -n"), "{lost}");
        let bag = bag_of(&[own.as_fd()]).expect("a bag");
        let lost = unpack(vec![bag], Some(300)).expect_err("lost").to_string();
        assert!(lost.contains("only 1 of 300"), "{lost}");
    }

    #[test]
    fn what_was_not_expected_is_told_in_words() {
        let check = |came, expected: &str| {
            assert_eq!(unexpected("a command from the master", came).to_string(), expected);
        };
        check(None, "expected a command from the master, got nothing: the other side has ended");
        let report = Some(Frame::Report(Report::Prepared));
        check(report, "expected a command from the master, got a worker's \"prepared\"");
        let farewell = Some(Frame::Farewell { exits: false });
        check(farewell, "expected a command from the master, got a farewell taken back");
    }

    #[test]
    fn the_end_of_the_other_side_is_not_a_frame_and_another_version_is_refused_by_name() {
        let (a, b) = channel().expect("socketpair");
        send(a.as_fd(), &[VERSION + 1, HELLO], &[]).expect("send");
        let error = receive(b.as_fd()).expect_err("another version");
        assert!(error.to_string().contains("speaks version 2"), "{error}");
        drop(a);
        assert!(receive(b.as_fd()).expect("end").is_none());
    }
}
