//! How large the head of a request may be: `client_header_buffer_size` and `large_client_header_buffers`, counted as nginx does
//! (`ngx_http_alloc_large_header_buffer`). A head is read into the first buffer; a line that does not fit moves to a large one.
//! The first is the default server's; the large ones are, too, until it is known which server is asked.

use std::sync::Arc;

use conf::{Address, Configuration, HeaderBuffers};

use super::exchange;

/// What is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Oversize {
    /// The request line: 414.
    Line,
    /// A header, or all of them together: 400.
    Header,
}

/// The servers of one address.
#[derive(Debug, Clone, Default)]
pub(super) struct Servers {
    /// The default server's.
    buffers: HeaderBuffers,
    /// Where others have others.
    others: Option<(Arc<Configuration>, Address)>,
}

impl Servers {
    pub(super) fn new(configuration: &Arc<Configuration>, address: &Address) -> Servers {
        let http = &configuration.http;
        let buffers = http
            .server_for(address, "")
            .map_or_else(HeaderBuffers::default, |one| one.settings.header_buffers);
        let differ = http.servers.iter().any(|server| server.settings.header_buffers != buffers);
        Servers { buffers, others: differ.then(|| (Arc::clone(configuration), address.clone())) }
    }

    /// Those that hold after this line of a head, if it names a host.
    fn after(&self, index: usize, line: &[u8]) -> Option<HeaderBuffers> {
        let (configuration, address) = self.others.as_ref()?;
        let line = std::str::from_utf8(line).ok()?.trim_end();
        let host = match index {
            0 => line.split(' ').nth(1)?.split_once("://")?.1.split(['/', '?']).next()?,
            _ => line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("host"))?.1.trim(),
        };
        let server = configuration.http.server_for(address, &exchange::host_of(host))?;
        Some(server.settings.header_buffers)
    }
}

/// What of a head, which may not be whole yet, fits into no buffer.
pub(super) fn oversize(head: &[u8], servers: &Servers) -> Option<Oversize> {
    let mut buffers = servers.buffers;
    if head.len() <= buffers.first_bytes {
        return None;
    }
    let (mut room, mut larger) = (buffers.first_bytes, 0);
    for (index, line) in head.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if line.len() <= room {
            room -= line.len();
        } else {
            larger += 1;
            if larger > buffers.large || line.len() > buffers.large_bytes {
                return Some(if index == 0 { Oversize::Line } else { Oversize::Header });
            }
            room = buffers.large_bytes - line.len();
        }
        buffers = servers.after(index, line).unwrap_or(buffers);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A first buffer of 10 bytes and two of 20.
    fn check(head: &str, expected: Option<Oversize>) {
        let buffers = HeaderBuffers { first_bytes: 10, large: 2, large_bytes: 20 };
        let servers = Servers { buffers, others: None };
        assert_eq!(oversize(head.as_bytes(), &servers), expected, "{head:?}");
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
