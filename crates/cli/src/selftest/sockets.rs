//! Listening sockets that are in trouble, without a server behind them.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::UnixDatagram,
    },
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, getsockname, listen, socket,
};

use super::{
    cells::{PATIENT, Trouble},
    judge::Truth,
};

/// A queue that is to be thrown away must hold somebody by then.
const QUEUE_PATIENCE: Duration = Duration::from_secs(5);

/// A socket in trouble.
pub(crate) struct Troubled {
    address: SocketAddr,
    /// Of a socket in the file system.
    path: Option<PathBuf>,
    trouble: Trouble,
    socket: Option<OwnedFd>,
    /// Fills the queue.
    _filler: Option<TcpStream>,
    /// Takes datagrams.
    _foreign: Option<UnixDatagram>,
    dropped: u64,
}

impl Troubled {
    pub(crate) fn start(trouble: Trouble, directory: &Path) -> io::Result<Troubled> {
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        bind(socket.as_raw_fd(), &SockaddrIn::from(std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)))?;
        let port = getsockname::<SockaddrIn>(socket.as_raw_fd())?.port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let backlog = match trouble {
            // Bound and not listening: nobody else can listen there either.
            Trouble::Nobody | Trouble::Foreign => None,
            Trouble::Full => Some(0),
            Trouble::Dropped | Trouble::Deaf | Trouble::Mute => Some(128),
        };
        if let Some(backlog) = backlog {
            listen(&socket, Backlog::new(backlog)?)?;
        }
        let filler = (trouble == Trouble::Full).then(|| TcpStream::connect(address)).transpose()?;
        let path = directory.join("foreign.sock");
        let foreign = (trouble == Trouble::Foreign).then(|| UnixDatagram::bind(&path)).transpose()?;
        let path = foreign.is_some().then_some(path);
        let socket = Some(socket);
        Ok(Troubled { address, path, trouble, socket, _filler: filler, _foreign: foreign, dropped: 0 })
    }

    /// Where clients find it.
    pub(crate) fn address(&self) -> load::Address {
        self.path.clone().map_or_else(|| self.address.into(), load::Address::Unix)
    }

    /// In the middle of the run: closes the socket with everybody who waits in its queue.
    pub(crate) fn go_wrong(&mut self) -> io::Result<()> {
        if self.trouble != Trouble::Dropped {
            return Ok(());
        }
        let begun = Instant::now();
        self.dropped = loop {
            match queued(self.address.port())? {
                count if count == u64::from(PATIENT) => break count,
                count if begun.elapsed() > QUEUE_PATIENCE => {
                    let why = format!("{count} of {PATIENT} came into the queue that was to be thrown away");
                    return Err(io::Error::other(why));
                }
                _ => sleep(Duration::from_millis(1)),
            }
        };
        self.socket = None;
        Ok(())
    }

    pub(crate) fn truth(&self) -> io::Result<Truth> {
        Ok(match self.trouble {
            Trouble::Dropped => Truth::Dropped(self.dropped),
            Trouble::Mute => Truth::Reached(queued(self.address.port())?),
            _ => Truth::All,
        })
    }
}

/// Connections in the accept queue of the listener on a port (proc(5), `/proc/net/tcp`: `tx_queue:rx_queue`).
fn queued(port: u16) -> io::Result<u64> {
    const LISTEN: &str = "0A";
    let local = format!("0100007F:{port:04X}");
    let table = fs::read_to_string("/proc/net/tcp")?;
    let ours = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = ours.filter(|fields| fields.get(1) == Some(&local.as_str()) && fields.get(3) == Some(&LISTEN));
    let queues = ours.filter_map(|fields| u64::from_str_radix(fields.get(4)?.split_once(':')?.1, 16).ok());
    Ok(queues.sum())
}
