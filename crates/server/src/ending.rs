//! How a process ended, in words.

use nix::sys::wait::WaitStatus;

/// What became of a process that has ended, as the end of a sentence about it.
pub(crate) fn told(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(_, code) => format!("exited with code {code}"),
        WaitStatus::Signaled(_, signal, _) => format!("was killed by {signal}"),
        _ => "ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use nix::{sys::signal::Signal, unistd::Pid};

    use super::*;

    #[test]
    fn an_end_is_told_without_the_words_of_a_programmer() {
        let pid = Pid::from_raw(7);
        assert_eq!(told(WaitStatus::Exited(pid, 2)), "exited with code 2");
        assert_eq!(told(WaitStatus::Signaled(pid, Signal::SIGKILL, false)), "was killed by SIGKILL");
        assert_eq!(told(WaitStatus::StillAlive), "ended");
    }
}
