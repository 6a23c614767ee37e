//! What is done to the bytes of one answer on their way to the kernel. Purely: bytes in, bytes out, and what then.

use facts::fault::Fault;

/// How a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// In order: the other side sees the end of the stream.
    Close,
    /// With a reset.
    Reset,
}

/// What follows the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    GoOn,
    /// The connection ends; the answer was whole or was not.
    End {
        cut: Cut,
        whole: bool,
    },
    /// Each byte for itself.
    Drip,
    /// Only when the next answer has left.
    Wait,
}

/// What becomes of the bytes of an answer that `fault` strikes; `None` for a fault that is not done to bytes, or not to
/// these: a body cannot be cut in a piece that has none.
pub(crate) fn damage(fault: Fault, bytes: &[u8]) -> Option<(Vec<u8>, Then)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |end| end + 4);
    let until = |end: usize, cut| Some((bytes[..end].to_vec(), Then::End { cut, whole: end == bytes.len() }));
    let body = bytes.len() - head;
    match fault {
        Fault::CutHead => until(head / 2, Cut::Close),
        Fault::ResetHead => until(head / 2, Cut::Reset),
        Fault::CutBody if body > 0 => until(head + body / 2, Cut::Close),
        Fault::ResetBody if body > 0 => until(head + body / 2, Cut::Reset),
        Fault::CloseIdle => until(bytes.len(), Cut::Close),
        Fault::ResetTail => until(bytes.len(), Cut::Reset),
        Fault::WrongBody if body > 0 => {
            let mut wrong = bytes.to_vec();
            // The last byte, so that only who reads to the end sees it.
            wrong.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1);
            Some((wrong, Then::GoOn))
        }
        Fault::WrongStatus => {
            let rest = bytes.strip_prefix(b"HTTP/1.1 200 OK")?;
            Some(([b"HTTP/1.1 404 No", rest].concat(), Then::GoOn))
        }
        Fault::NotHttp if head > 0 => {
            Some((b"this is not HTTP\r\n\r\n".to_vec(), Then::End { cut: Cut::Close, whole: false }))
        }
        Fault::Surplus => Some(([bytes, b"surplus"].concat(), Then::GoOn)),
        Fault::Drip => Some((bytes.to_vec(), Then::Drip)),
        Fault::SwapAnswers => Some((bytes.to_vec(), Then::Wait)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fault: Fault, expected: &str, then: Then) {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
        let (out, after) = damage(fault, bytes).unwrap();
        assert_eq!(
            (String::from_utf8(out).unwrap().replace("\r\n", "|"), after),
            (expected.to_owned(), then)
        );
    }

    #[test]
    fn every_damage_is_where_its_name_says() {
        let end = |cut, whole| Then::End { cut, whole };
        let whole = "HTTP/1.1 200 OK|Content-Length: 4||body";
        check(Fault::CutHead, "HTTP/1.1 200 OK|Co", end(Cut::Close, false));
        check(Fault::ResetHead, "HTTP/1.1 200 OK|Co", end(Cut::Reset, false));
        check(Fault::CutBody, "HTTP/1.1 200 OK|Content-Length: 4||bo", end(Cut::Close, false));
        check(Fault::ResetBody, "HTTP/1.1 200 OK|Content-Length: 4||bo", end(Cut::Reset, false));
        check(Fault::CloseIdle, whole, end(Cut::Close, true));
        check(Fault::ResetTail, whole, end(Cut::Reset, true));
        check(Fault::WrongBody, "HTTP/1.1 200 OK|Content-Length: 4||bodx", Then::GoOn);
        check(Fault::Surplus, "HTTP/1.1 200 OK|Content-Length: 4||bodysurplus", Then::GoOn);
        check(Fault::Drip, whole, Then::Drip);
        check(Fault::SwapAnswers, whole, Then::Wait);
    }

    #[test]
    fn a_body_is_cut_where_it_is() {
        assert_eq!(damage(Fault::CutBody, b"HTTP/1.1 200 OK\r\n\r\n"), None);
        assert_eq!(
            damage(Fault::CutBody, b"more"),
            Some((b"mo".to_vec(), Then::End { cut: Cut::Close, whole: false }))
        );
        assert_eq!(damage(Fault::Unavailable, b"HTTP/1.1 503 No\r\n\r\n"), None);
    }
}
