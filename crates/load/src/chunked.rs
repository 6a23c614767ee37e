//! Finds the end of a chunked body (RFC 9112 §7.1) without keeping it.

use crate::answer::NotHttp;

/// Where in the coding we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunked {
    /// In the digits of a size; how many there were.
    Size { digits: u8, size: u64 },
    /// Behind the size, before its line feed.
    Extension { size: u64 },
    /// In the data of a chunk.
    Data { left: u64 },
    /// At the line end behind the data.
    DataEnd,
    /// At the start of a trailer line; an empty one is the end.
    TrailerStart,
    /// Inside a trailer line.
    Trailer,
}

impl Default for Chunked {
    fn default() -> Chunked {
        Chunked::Size { digits: 0, size: 0 }
    }
}

impl Chunked {
    /// Takes the next bytes, and gives their data to `content`. `Some(n)`: the body ended after `n` of them.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        content: &mut impl FnMut(&[u8]),
    ) -> Result<Option<usize>, NotHttp> {
        let mut at = 0;
        while at < bytes.len() {
            if let Chunked::Data { left } = self {
                let taken = (*left).min((bytes.len() - at) as u64);
                content(&bytes[at..][..taken as usize]);
                at += taken as usize;
                *self = if taken == *left { Chunked::DataEnd } else { Chunked::Data { left: *left - taken } };
                continue;
            }
            let end = *self == Chunked::TrailerStart && bytes[at] == b'\n';
            *self = self.after(bytes[at])?;
            at += 1;
            if end {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn after(self, byte: u8) -> Result<Chunked, NotHttp> {
        Ok(match (self, byte) {
            (Chunked::Size { digits, size }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if digits < 15 => {
                let digit = (byte as char).to_digit(16).map_or(0, u64::from);
                Chunked::Size { digits: digits + 1, size: size << 4 | digit }
            }
            (Chunked::Size { digits: 1.., size }, b'\r' | b';' | b' ' | b'\t') => Chunked::Extension { size },
            (Chunked::Extension { size: 0 }, b'\n') => Chunked::TrailerStart,
            (Chunked::Extension { size }, b'\n') => Chunked::Data { left: size },
            (Chunked::Extension { size }, _) => Chunked::Extension { size },
            (Chunked::DataEnd, b'\r') => Chunked::DataEnd,
            (Chunked::DataEnd, b'\n') => Chunked::default(),
            (Chunked::TrailerStart, b'\r') => Chunked::TrailerStart,
            (Chunked::Trailer, b'\n') => Chunked::TrailerStart,
            (Chunked::TrailerStart | Chunked::Trailer, _) => Chunked::Trailer,
            _ => return Err(NotHttp),
        })
    }
}
