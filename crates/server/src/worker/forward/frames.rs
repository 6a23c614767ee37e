//! Where the frames of a websocket begin and end (RFC 6455, section 5.2), so that it can be ended between two of them.

/// The server goes away (1001).
pub(super) const GOING_AWAY: &[u8] = b"\x88\x02\x03\xe9";
/// The same from a client, whose frames are masked, be it with nothing.
pub(super) const GOING_AWAY_MASKED: &[u8] = b"\x88\x82\0\0\0\0\x03\xe9";

const OPCODE: u8 = 0x0f;
const CLOSE: u8 = 0x08;
const MASKED: u8 = 0x80;

/// Follows the frames that go one way.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// An unfinished header.
    header: Vec<u8>,
    /// Of the payload.
    left: u64,
    last: Last,
}

/// What the newest frame was.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Last {
    #[default]
    Another,
    Close,
}

impl Frames {
    /// Takes the next bytes, as they went.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                self.left -= here as u64;
                bytes = &bytes[here..];
                continue;
            }
            self.header.push(*first);
            bytes = rest;
            if let Some(length) = payload_length(&self.header) {
                self.left = length;
                self.last = if self.header[0] & OPCODE == CLOSE { Last::Close } else { Last::Another };
                self.header.clear();
            }
        }
    }

    /// Whether nothing of a frame is missing.
    pub(super) fn is_between(&self) -> bool {
        self.header.is_empty() && self.left == 0
    }

    /// Whether a frame can follow: after a close none does.
    pub(super) fn is_open(&self) -> bool {
        self.is_between() && self.last != Last::Close
    }
}

/// `None` while the header is not whole.
fn payload_length(header: &[u8]) -> Option<u64> {
    let second = *header.get(1)?;
    let mask_bytes = if second & MASKED == 0 { 0 } else { 4 };
    let (short, length_bytes) = match second & !MASKED {
        126 => (0, 2),
        127 => (0, 8),
        short => (u64::from(short), 0),
    };
    let long = header.get(2..2 + length_bytes)?;
    let whole = header.len() >= 2 + length_bytes + mask_bytes;
    whole.then(|| long.iter().fold(short, |length, byte| length << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where in `bytes` a frame ends, however they are cut.
    fn check(bytes: &[u8], ends: &[usize]) {
        let mut frames = Frames::default();
        let found: Vec<usize> = (1..=bytes.len())
            .filter(|end| {
                frames.feed(&bytes[end - 1..*end]);
                frames.is_between()
            })
            .collect();
        assert_eq!(found, ends);
        let mut whole = Frames::default();
        whole.feed(bytes);
        assert_eq!(whole.is_between(), ends.last() == Some(&bytes.len()));
    }

    #[test]
    fn frames_of_every_length_end_where_they_say() {
        check(b"\x81\x02hi\x89\x00", &[4, 6]);
        check(b"\x81\x82mask..\x8a\x80mask", &[8, 14]);
        check(&[b"\x82\x7e\x01\x00".as_slice(), &[0; 256]].concat(), &[260]);
        check(&[b"\x82\x7f\0\0\0\0\0\0\x00\x05".as_slice(), &[0; 5]].concat(), &[15]);
        check(b"\x82\x7f\0\0\0\0\0\0\x01", &[]);
    }

    #[test]
    fn nothing_follows_a_close() {
        let mut frames = Frames::default();
        assert!(frames.is_open());
        frames.feed(b"\x81\x01h");
        assert!(frames.is_open());
        frames.feed(GOING_AWAY);
        assert!(frames.is_between() && !frames.is_open());
        let mut masked = Frames::default();
        masked.feed(GOING_AWAY_MASKED);
        assert!(masked.is_between() && !masked.is_open());
    }
}
