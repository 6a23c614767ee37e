//! Whose turn it is: one sequence of orders at a time, or the signals of two become a sequence that nobody ordered (QUIT to both
//! generations stops the server). Whoever gives orders listens at an abstract name of the server for as long as it does; the
//! kernel takes the name back when it ends, however it does.

use std::{
    cell::RefCell,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{getsockopt, sockopt::PeerCredentials},
};

use super::say;
use crate::{
    control::{self, ControlError, Master},
    names::{self, Claim},
};

/// How long somebody else may take to step aside.
const STEP_ASIDE: Duration = Duration::from_secs(10);

/// Between two looks at a name that is given back this moment.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// The right to give orders; held until it is dropped.
pub(super) struct Turn {
    /// What nobody else can have. `None` if a stranger has it: he is to keep nobody from anything.
    right: Option<OwnedFd>,
    /// Where somebody knocks who wants it.
    door: Option<OwnedFd>,
    /// Who waits for us to end.
    waiting: RefCell<Vec<OwnedFd>>,
}

/// Somebody else has it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Taken {
    #[error(
        "process {0} is at an upgrade or a rollback already: wait for it, or end it by: changeoverd -s rollback"
    )]
    By(u32),
    #[error("process {0} was asked to step aside, and did not in time")]
    Stays(u32),
    #[error("failed to find out whether another upgrade is going on: {0}")]
    Unknown(#[from] Errno),
}

/// The names of both.
const RIGHT: &str = "sequence";
const DOOR: &str = "sequence-door";

impl Turn {
    /// Takes it, if nobody has it.
    pub(super) fn take(pid_file: &Path) -> Result<Turn, Taken> {
        match names::claim(&names::family(RIGHT, pid_file))? {
            Claim::Ours(right) => Ok(Turn::with(Some(right), pid_file)),
            Claim::Theirs(pid, _) => Err(Taken::By(pid)),
            Claim::Strangers => Ok(Turn::with(None, pid_file)),
        }
    }

    fn with(right: Option<OwnedFd>, pid_file: &Path) -> Turn {
        // Without a door nobody can ask us to step aside; that is all.
        let door = control::open(&names::family(DOOR, pid_file)).ok();
        Turn { right, door, waiting: RefCell::default() }
    }

    /// Takes it from whoever has it, after the step that he is at.
    pub(super) fn take_over(pid_file: &Path) -> Result<Turn, Taken> {
        let deadline = Instant::now() + STEP_ASIDE;
        loop {
            let pid = match Turn::take(pid_file) {
                Err(Taken::By(pid)) => pid,
                taken => return taken,
            };
            if Instant::now() > deadline {
                return Err(Taken::Stays(pid));
            }
            if let Ok(Claim::Theirs(_, knocked)) = names::call(&names::family(DOOR, pid_file)) {
                say(&format!("process {pid} is at an upgrade or a rollback: it is to step aside"));
                let left = deadline.saturating_duration_since(Instant::now());
                let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
                // He says nothing: it is his end that is waited for.
                poll(&mut [PollFd::new(knocked.as_fd(), PollFlags::POLLIN)], timeout)?;
            }
            thread::sleep(LOOK_PAUSE);
        }
    }

    /// Waits for a master to say something. An error if somebody wants the turn before.
    pub(super) fn wait(&self, master: &Master, deadline: Instant) -> Result<(), ControlError> {
        let Some(door) = &self.door else { return Ok(()) };
        if master.wait_beside(door.as_fd(), deadline)? { self.check() } else { Ok(()) }
    }

    /// An error if somebody wants the turn.
    pub(super) fn check(&self) -> Result<(), ControlError> {
        // Who only looked whether somebody has it.
        while self.right.as_ref().and_then(control::admit).is_some() {}
        let Some(caller) = self.door.as_ref().and_then(control::admit) else { return Ok(()) };
        let by = getsockopt(&caller, PeerCredentials).map_or(0, |who| who.pid().unsigned_abs());
        self.waiting.borrow_mut().push(caller);
        Err(ControlError::Superseded { by })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_the_turn_and_another_gets_it_when_the_first_has_heard_that_it_is_wanted() {
        let pid_file = Path::new("/run/of/no/server.pid");
        let turn = Turn::take(pid_file).expect("nobody has it");
        turn.check().expect("nobody wants it");
        assert!(matches!(Turn::take(pid_file), Err(Taken::By(pid)) if pid == std::process::id()));
        turn.check().expect("who only looks does not want it");
        let other = thread::spawn(|| Turn::take_over(pid_file).map(drop));
        let begun = Instant::now();
        while turn.check().is_ok() {
            assert!(begun.elapsed() < STEP_ASIDE, "nobody knocks");
            thread::yield_now();
        }
        drop(turn);
        other.join().expect("no panic").expect("it has the turn");
    }
}
