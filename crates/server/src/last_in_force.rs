//! The text of the configuration in force, outside of the masters: the supervisor keeps it, so that a master which it starts has
//! something to serve even if the file has become wrong meanwhile.

use std::{
    env,
    fs::File,
    io::{self, Seek, Write},
    os::fd::OwnedFd,
};

use rustix::fs::{MemfdFlags, memfd_create};

use crate::os;

/// In the environment of a master: the descriptor of the text that it is to serve instead of the file. Empty, mostly.
pub(crate) const VARIABLE: &str = "CHANGEOVER_CONFIGURATION";

/// What a master says when it gives the text to its supervisor.
pub(crate) const LINE: &str = "X_CHANGEOVER_CONFIGURATION=1";

/// A file without a name that holds this text.
pub(crate) fn file(text: &str) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("configuration", MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    Ok(file.into())
}

/// What a file holds, from its beginning, wherever somebody else has read to.
pub(crate) fn text(file: OwnedFd) -> io::Result<String> {
    let mut file = File::from(file);
    file.rewind()?;
    io::read_to_string(file)
}

/// The text that the environment names. Must be asked once, before anything else is opened.
pub(crate) fn inherited() -> Option<OwnedFd> {
    env::var(VARIABLE).ok()?.parse().ok().and_then(os::inherit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_again_and_again() {
        let kept = file("events {}").expect("a file");
        for _ in 0..2 {
            let given = kept.try_clone().expect("a descriptor");
            assert_eq!(text(given).expect("reads"), "events {}");
        }
    }
}
