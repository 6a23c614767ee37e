//! What the kernel knew of a connection when an attempt on it failed: evidence beside a record that has no room for it.

use serde::{Deserialize, Serialize};

/// One failed attempt's connection (`TCP_INFO`, taken before it was closed).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketState {
    /// Id of the attempt.
    pub id: u64,
    /// State of the connection, as the kernel numbers them: 1 is established, 7 closed (by a reset), 8 close-wait (by an
    /// end of stream).
    pub state: u8,
    /// Timeouts in a row without an acknowledgement.
    pub retransmits: u8,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Segments sent again in the life of the connection.
    pub total_retransmits: u32,
    /// Bytes written and not sent.
    pub notsent_bytes: u32,
    /// Round-trip time in microseconds, as the kernel reckons it.
    pub rtt_us: u32,
}

impl SocketState {
    /// The kernel's name of the state (`include/net/tcp_states.h`).
    pub fn state_name(&self) -> &'static str {
        const NAMES: [&str; 12] = [
            "?",
            "ESTABLISHED",
            "SYN_SENT",
            "SYN_RECV",
            "FIN_WAIT1",
            "FIN_WAIT2",
            "TIME_WAIT",
            "CLOSE",
            "CLOSE_WAIT",
            "LAST_ACK",
            "LISTEN",
            "CLOSING",
        ];
        NAMES.get(usize::from(self.state)).copied().unwrap_or("?")
    }
}

impl std::fmt::Display for SocketState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {} segments unacknowledged", self.state_name(), self.unacked)?;
        write!(f, ", {} B not sent, {} sent again", self.notsent_bytes, self.total_retransmits)?;
        write!(f, ", rtt {} us", self.rtt_us)
    }
}
