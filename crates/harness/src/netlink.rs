//! Questions to the kernel over a netlink socket (netlink(7)): one request, all its answers. Two kinds of message are
//! needed in this crate, both of a fixed layout, so they are written and read by hand.

use std::{io, os::fd::OwnedFd, time::Duration};

use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
    sockopt::{Timeout, set_socket_timeout},
};

/// The kernel answers at once; one that does not is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// The kernel fills its datagrams to at most this (`NLMSG_GOODSIZE` is less).
const DATAGRAM_BYTES: usize = 64 * 1024;
const HEADER_BYTES: usize = 16;

/// `NLM_F_REQUEST`
const REQUEST: u16 = 1;
/// `NLM_F_ACK`: answered by an error message, of number 0 when all is well.
pub(crate) const ACKNOWLEDGE: u16 = 4;
/// `NLM_F_DUMP`: answered by as many messages as there are things, and one that says so.
pub(crate) const DUMP: u16 = 0x300;
/// `NLM_F_DUMP_INTR`: things changed under the kernel's feet, and the answer is not the truth of any instant.
const INTERRUPTED: u16 = 0x10;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// A netlink socket in the network namespace of the thread that opened it.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: OwnedFd,
    buffer: Vec<u8>,
    sequence: u32,
}

/// One message of an answer.
struct Message<'b> {
    kind: u16,
    flags: u16,
    sequence: u32,
    body: &'b [u8],
}

impl Netlink {
    /// `None` is routes, links and addresses: `NETLINK_ROUTE` has the number 0.
    pub(crate) fn open(protocol: Option<Protocol>) -> io::Result<Netlink> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(Netlink { socket, buffer: vec![0; DATAGRAM_BYTES], sequence: 0 })
    }

    /// Asks, and hands each answer's body to `each`.
    ///
    /// # Errors
    /// What the kernel has against it, or an answer that is not the truth of any instant (`Interrupted`).
    pub(crate) fn ask(
        &mut self,
        kind: u16,
        flags: u16,
        body: &[u8],
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        self.sequence += 1;
        send(&self.socket, &request(kind, flags, self.sequence, body), SendFlags::empty())?;
        loop {
            let (length, _) = recv(&self.socket, self.buffer.as_mut_slice(), RecvFlags::empty())?;
            for message in Messages(&self.buffer[..length]) {
                // Left over from a question that was given up.
                if message.sequence != self.sequence {
                    continue;
                }
                if message.flags & INTERRUPTED != 0 {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                match message.kind {
                    NLMSG_ERROR => return refusal(message.body),
                    NLMSG_DONE => return Ok(()),
                    _ => each(message.body),
                }
            }
        }
    }
}

fn request(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = (HEADER_BYTES + body.len()) as u32;
    let mut bytes = Vec::with_capacity(length as usize);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((REQUEST | flags).to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    // Port 0: the kernel.
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(body);
    bytes
}

/// A negative errno, or 0.
fn refusal(body: &[u8]) -> io::Result<()> {
    match number(body, 0) as i32 {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(-errno)),
    }
}

/// The 32 bits at this place; 0 where the message is too short to have them.
pub(crate) fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

/// The messages of one datagram.
struct Messages<'b>(&'b [u8]);

impl<'b> Iterator for Messages<'b> {
    type Item = Message<'b>;

    fn next(&mut self) -> Option<Message<'b>> {
        let length = number(self.0, 0) as usize;
        if length < HEADER_BYTES || length > self.0.len() {
            return None;
        }
        let (message, rest) = (&self.0[..length], self.0.get(length.next_multiple_of(4)..));
        self.0 = rest.unwrap_or_default();
        let words = number(message, 4);
        let [a, b, c, d] = words.to_ne_bytes();
        Some(Message {
            kind: u16::from_ne_bytes([a, b]),
            flags: u16::from_ne_bytes([c, d]),
            sequence: number(message, 8),
            body: &message[HEADER_BYTES..],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{ACKNOWLEDGE, DUMP, Messages, Netlink, request};

    const RTM_GETLINK: u16 = 18;

    #[test]
    fn a_datagram_holds_several_messages_each_at_a_multiple_of_four() {
        let mut bytes = request(7, 0, 1, b"abcde");
        bytes.extend([0; 3]);
        bytes.extend(request(8, DUMP, 2, b""));
        let seen: Vec<_> = Messages(&bytes).map(|m| (m.kind, m.flags, m.sequence, m.body.to_vec())).collect();
        assert_eq!(seen, [(7, 1, 1, b"abcde".to_vec()), (8, 0x301, 2, vec![])]);
        assert_eq!(Messages(&bytes[..10]).count(), 0, "cut short");
    }

    #[test]
    fn the_kernel_tells_of_every_link_and_why_it_will_not() {
        let mut netlink = Netlink::open(None).expect("a socket");
        let mut links = 0;
        netlink.ask(RTM_GETLINK, DUMP, &[0; 16], |_| links += 1).expect("an answer");
        assert!(links >= 1, "there is always a loopback");
        let refused = netlink.ask(u16::MAX, ACKNOWLEDGE, &[0; 16], |_| {}).expect_err("no such request");
        assert_eq!(refused.raw_os_error(), Some(95), "EOPNOTSUPP");
    }
}
