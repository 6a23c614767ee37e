//! What a body said, without keeping it: its length and a hash. However it was framed, equal bodies are equal.

/// The bytes of a body so far (FNV-1a: one changed byte always changes it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) bytes: u64,
    hash: u64,
}

impl Content {
    pub(crate) const EMPTY: Content = Content { bytes: 0, hash: 0xcbf2_9ce4_8422_2325 };

    /// Takes the next bytes.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        self.hash = bytes.iter().fold(self.hash, mix);
    }
}
