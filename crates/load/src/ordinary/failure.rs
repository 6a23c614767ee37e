//! What an error of reqwest says: how it ended, and on which connection. Its words are a chain of errors, from its own
//! down to the kernel's.

use std::{error::Error as StdError, io, iter::successors};

use hyper_util::client::legacy;
use rustix::io::Errno;

use super::connections::port;
use crate::fault::End;

/// How an attempt ended that got no complete answer; `None`: the library does not say, or it is its own doing.
pub(super) fn end(error: &reqwest::Error) -> Option<End> {
    let io = find::<io::Error>(error);
    let hyper = find::<hyper::Error>(error);
    match (io, hyper) {
        (Some(io), _) if io.raw_os_error().is_some() => {
            io.raw_os_error().map(Errno::from_raw_os_error).map(End::Failed)
        }
        _ if error.is_timeout() => Some(End::Deadline),
        (_, Some(hyper)) if hyper.is_parse() => Some(End::NotHttp),
        // The end of a body in chunks that was not there; chunks that are none.
        (Some(io), _) if io.kind() == io::ErrorKind::UnexpectedEof => Some(End::Closed),
        (Some(io), _) if matches!(io.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            Some(End::NotHttp)
        }
        (_, Some(hyper)) if hyper.is_incomplete_message() || hyper.is_closed() || hyper.is_canceled() => {
            Some(End::Closed)
        }
        _ => None,
    }
}

/// The client's port of the connection on which it happened, if the error names one.
pub(super) fn port_of(error: &reqwest::Error) -> Option<u16> {
    find::<legacy::Error>(error)?.connect_info().and_then(port)
}

fn find<T: StdError + 'static>(error: &reqwest::Error) -> Option<&T> {
    let top: &(dyn StdError + 'static) = error;
    successors(Some(top), |error| (*error).source()).find_map(|error| error.downcast_ref())
}
