//! How large the head of a request may be: `client_header_buffer_size` and `large_client_header_buffers`, counted as nginx does
//! (`ngx_http_alloc_large_header_buffer`). A head is read into the first buffer; a line that does not fit moves to a large one.

use conf::HeaderBuffers;

/// What is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Oversize {
    /// The request line: 414.
    Line,
    /// A header, or all of them together: 400.
    Header,
}

/// What of a head, which may not be whole yet, fits into no buffer.
pub(super) fn oversize(head: &[u8], buffers: HeaderBuffers) -> Option<Oversize> {
    if head.len() <= buffers.first_bytes {
        return None;
    }
    let (mut room, mut larger) = (buffers.first_bytes, 0);
    for (index, line) in head.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if line.len() <= room {
            room -= line.len();
            continue;
        }
        larger += 1;
        if larger > buffers.large || line.len() > buffers.large_bytes {
            return Some(if index == 0 { Oversize::Line } else { Oversize::Header });
        }
        room = buffers.large_bytes - line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A first buffer of 10 bytes and two of 20.
    fn check(head: &str, expected: Option<Oversize>) {
        let buffers = HeaderBuffers { first_bytes: 10, large: 2, large_bytes: 20 };
        assert_eq!(oversize(head.as_bytes(), buffers), expected, "{head:?}");
    }

    #[test]
    fn a_line_fits_into_one_buffer_and_all_lines_into_all() {
        check("", None);
        check("123456789\n", None);
        check("1234567890123456789\n", None);
        check("12345678901234567890\n", Some(Oversize::Line));
        check("12345678901234567890x", Some(Oversize::Line));
        check("123456789\n1234567890123456789\n1234567890123456789\n", None);
        check("123456789\n1234567890123456789\n1234567890123456789\nx", Some(Oversize::Header));
        check("123456789\n12345678901234567890\n", Some(Oversize::Header));
        check("12345678901\n1234567\n1234567890123456789\n\n", Some(Oversize::Header));
    }
}
