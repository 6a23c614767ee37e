//! Bodies without keeping them: what one said, and the one that a back end sends and a client can foretell.

/// The bytes of a body so far (FNV-1a: one changed byte always changes it). However it was framed, equal bodies are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// How many.
    pub bytes: u64,
    hash: u64,
}

impl Content {
    /// No byte yet.
    pub const EMPTY: Content = Content { bytes: 0, hash: 0xcbf2_9ce4_8422_2325 };

    /// Takes the next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        self.hash = bytes.iter().fold(self.hash, mix);
    }

    /// The first `bytes` of the body that [`fill`] knows.
    pub fn foretold(bytes: u64) -> Content {
        let mut content = Content::EMPTY;
        let mut buffer = [0; 4096];
        while content.bytes < bytes {
            let count = (bytes - content.bytes).min(buffer.len() as u64) as usize;
            fill(content.bytes, &mut buffer[..count]);
            content.take(&buffer[..count]);
        }
        content
    }

    /// What an upload's receiver says of it: FNV-1a over all bytes, 64 bits.
    pub fn checksum(&self) -> u64 {
        self.hash
    }
}

/// The body without end that every stretch of bytes is cut from: byte `i` is `(i * 31 + i / 251) mod 256`, so that a
/// piece that is missing, doubled or moved shows.
pub fn fill(from: u64, into: &mut [u8]) {
    for (byte, position) in into.iter_mut().zip(from..) {
        *byte = (position.wrapping_mul(31).wrapping_add(position / 251)) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_fnv_1a() {
        // Values of the authors' own test vectors.
        let of = |text: &str| {
            let mut content = Content::EMPTY;
            content.take(text.as_bytes());
            content.checksum()
        };
        assert_eq!(of(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(of("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(of("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_stretch_is_the_same_wherever_it_is_cut() {
        let mut whole = [0; 1000];
        fill(0, &mut whole);
        assert_eq!(whole[..3], [0, 31, 62]);
        assert_eq!(whole[252], (252_u32 * 31 + 1) as u8);
        let mut piece = [0; 100];
        fill(700, &mut piece);
        assert_eq!(piece, whole[700..800]);
        let mut content = Content::EMPTY;
        content.take(&whole);
        assert_eq!(Content::foretold(1000), content);
        assert_ne!(Content::foretold(999), content);
    }
}
