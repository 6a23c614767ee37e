//! What all clients of an engine share.

use crate::{standard::Standard, sys::Epoll};

/// Most bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// What all clients of an engine share.
pub(crate) struct Wire {
    pub(crate) epoll: Epoll,
    pub(crate) origins: Vec<String>,
    /// Where reads land; what matters of them is kept by the answer.
    pub(crate) buffer: Vec<u8>,
    /// What answers are measured by, by population.
    pub(crate) standards: Vec<Standard>,
    /// Connections opened so far.
    pub(crate) connections: u32,
}

impl Wire {
    pub(crate) fn new(epoll: Epoll, origins: Vec<String>, populations: usize) -> Wire {
        let standards = vec![Standard::new(origins.len()); populations];
        Wire { epoll, origins, buffer: vec![0; READ_BYTES], standards, connections: 0 }
    }
}
