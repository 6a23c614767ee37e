//! Frames of RFC 6455, as far as a client needs them: it masks what it writes, and puts messages together.

use crate::answer::NotHttp;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// A longer frame is not an echo of anything that was sent.
const LONGEST_FRAME_BYTES: u64 = 1 << 20;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A whole message.
    Message(Vec<u8>),
    /// To be answered with the same.
    Ping(Vec<u8>),
    /// The other side takes its leave; with a status code, if it gave one.
    Close(Option<u16>),
}

/// Writes a text message.
pub(crate) fn push_text(out: &mut Vec<u8>, payload: &[u8]) {
    push_frame(out, TEXT, payload);
}

/// Writes the answer to a ping.
pub(crate) fn push_pong(out: &mut Vec<u8>, payload: &[u8]) {
    push_frame(out, PONG, payload);
}

/// Takes leave, with the code that was given.
pub(crate) fn push_close(out: &mut Vec<u8>, code: Option<u16>) {
    push_frame(
        out,
        CLOSE,
        &code.map(u16::to_be_bytes).unwrap_or_default()[..if code.is_some() { 2 } else { 0 }],
    );
}

/// Payloads are short: at most 125 bytes of a control frame, an id and a number in a message.
fn push_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    // A mask keeps proxies from reading the payload as something else; this one needs no secrecy.
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    debug_assert!(payload.len() <= 125, "a short frame");
    out.extend_from_slice(&[0x80 | opcode, 0x80 | payload.len() as u8]);
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// Whether a server that says this leaves as it should: it goes away or starts again (1001, 1012), or has nothing more
/// to do (1000, or no code).
pub(crate) fn is_proper(code: Option<u16>) -> bool {
    matches!(code, None | Some(1000 | 1001 | 1012))
}

/// Whether it says that it goes away itself, or starts again.
pub(crate) fn goes_away(code: Option<u16>) -> bool {
    matches!(code, Some(1001 | 1012))
}

/// Reads frames, however they are cut into pieces.
#[derive(Default)]
pub(crate) struct Decoder {
    unread: Vec<u8>,
    message: Vec<u8>,
}

impl Decoder {
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The next thing that was said, if it is whole.
    pub(crate) fn next(&mut self) -> Result<Option<Said>, NotHttp> {
        while let Some((opcode, is_last, payload)) = self.next_frame()? {
            match opcode {
                PING => return Ok(Some(Said::Ping(payload))),
                PONG => {}
                CLOSE => {
                    let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    return Ok(Some(Said::Close(code)));
                }
                CONTINUATION | TEXT | BINARY => {
                    self.message.extend_from_slice(&payload);
                    if is_last {
                        return Ok(Some(Said::Message(std::mem::take(&mut self.message))));
                    }
                }
                _ => return Err(NotHttp),
            }
        }
        Ok(None)
    }

    fn next_frame(&mut self) -> Result<Option<(u8, bool, Vec<u8>)>, NotHttp> {
        let [first, second, ..] = self.unread[..] else { return Ok(None) };
        // Extensions were not asked for, and a server does not mask.
        if first & 0x70 != 0 || second & 0x80 != 0 {
            return Err(NotHttp);
        }
        let rest = &self.unread[2..];
        let (length, head) = match second {
            126 => match rest.first_chunk::<2>() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
                None => return Ok(None),
            },
            127 => match rest.first_chunk::<8>() {
                Some(length) => (u64::from_be_bytes(*length), 10),
                None => return Ok(None),
            },
            short => (u64::from(short), 2),
        };
        if length > LONGEST_FRAME_BYTES {
            return Err(NotHttp);
        }
        let end = head + length as usize;
        if self.unread.len() < end {
            return Ok(None);
        }
        let payload = self.unread[head..end].to_vec();
        self.unread.drain(..end);
        Ok(Some((first & 15, first & 0x80 != 0, payload)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server said, fed in pieces of every length.
    fn heard(bytes: &[u8]) -> Result<Vec<Said>, NotHttp> {
        let in_pieces = |size| {
            let mut decoder = Decoder::default();
            let mut all = Vec::new();
            for piece in bytes.chunks(size) {
                decoder.take(piece);
                while let Some(said) = decoder.next()? {
                    all.push(said);
                }
            }
            Ok(all)
        };
        let whole = in_pieces(bytes.len().max(1));
        assert!((1..bytes.len()).all(|size| in_pieces(size) == whole), "pieces matter");
        whole
    }

    #[test]
    fn messages_are_put_together() {
        assert_eq!(heard(b"\x81\x02hi\x82\x01x"), Ok(vec![message(b"hi"), message(b"x")]));
        let cut = b"\x01\x01a\x89\x01?\x80\x01b";
        assert_eq!(heard(cut), Ok(vec![Said::Ping(b"?".to_vec()), message(b"ab")]));
        assert_eq!(heard(b"\x81\x05hell"), Ok(vec![]));
        let long = [b"\x81\x7e\x01\x00".to_vec(), vec![b'x'; 256]].concat();
        assert_eq!(heard(&long), Ok(vec![message(&[b'x'; 256])]));
    }

    fn message(bytes: &[u8]) -> Said {
        Said::Message(bytes.to_vec())
    }

    #[test]
    fn a_leave_carries_its_code() {
        assert_eq!(heard(b"\x88\x02\x03\xe9"), Ok(vec![Said::Close(Some(1001))]));
        assert_eq!(heard(b"\x88\x00"), Ok(vec![Said::Close(None)]));
        assert!(is_proper(Some(1001)) && is_proper(None) && !is_proper(Some(1011)));
    }

    #[test]
    fn what_is_no_frame_of_a_server_is_refused() {
        for wrong in [&b"\x81\x80\0\0\0\0"[..], b"\xc1\x00", b"\x83\x00", b"HTTP/1.1"] {
            assert_eq!(heard(wrong), Err(NotHttp), "{wrong:?}");
        }
    }

    #[test]
    fn what_a_client_writes_is_masked() {
        let mut out = Vec::new();
        push_text(&mut out, b"Hello");
        // RFC 6455 §5.7.
        assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        out.clear();
        push_close(&mut out, Some(1001));
        assert_eq!(out.len(), 8);
    }
}
