//! The path of a request as locations see it: decoded, with `//`, `/./` and `/../` resolved
//! (`ngx_http_parse_complex_uri`).

/// The normal form of a path. `None` if it is broken: a bad escape, a zero byte, or a way out above the root.
pub(super) fn normalize(path: &str) -> Option<String> {
    if is_normal(path) {
        return Some(path.to_owned());
    }
    let decoded = decode(path)?;
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/').skip(1) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()?),
            _ => segments.push(segment),
        }
    }
    let is_directory = matches!(decoded.rsplit('/').next(), Some("" | "." | ".."));
    let tail = if is_directory && !segments.is_empty() { "/" } else { "" };
    Some(format!("/{}{tail}", segments.join("/")))
}

/// Nearly every path is: nothing to decode, and nothing after a `/` that leads elsewhere.
fn is_normal(path: &str) -> bool {
    let leads_on = |pair: &[u8]| pair[0] != b'/' || !matches!(pair[1], b'/' | b'.');
    path.starts_with('/') && !path.contains('%') && path.as_bytes().windows(2).all(leads_on)
}

/// Makes a decoded path fit for a request line (`ngx_escape_uri`).
pub(super) fn escape(path: &str) -> String {
    path.bytes().fold(String::new(), |mut escaped, byte| {
        match byte {
            b' ' | b'#' | b'%' | b'?' | 0..0x20 | 0x7f.. => escaped.push_str(&format!("%{byte:02X}")),
            _ => escaped.push(char::from(byte)),
        }
        escaped
    })
}

fn decode(path: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? * 16 + hex(bytes.next()?)?,
            other => other,
        });
    }
    if decoded.contains(&0) {
        return None;
    }
    Some(String::from_utf8_lossy(&decoded).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let check =
            |path: &str, expected: Option<&str>| assert_eq!(normalize(path).as_deref(), expected, "{path}");
        check("/", Some("/"));
        check("/a/b", Some("/a/b"));
        check("/a//b/", Some("/a/b/"));
        check("/a/./b/../c", Some("/a/c"));
        check("/a/..", Some("/"));
        check("/a/b/.", Some("/a/b/"));
        check("/a%20b%2Fc", Some("/a b/c"));
        check("/..", None);
        check("/a%0", None);
        check("/a%zz", None);
        check("/a%00", None);
        check("*", Some("/"));
    }

    #[test]
    fn a_decoded_path_is_escaped_again() {
        assert_eq!(escape("/a b%?#é/"), "/a%20b%25%3F%23%C3%A9/");
    }
}
