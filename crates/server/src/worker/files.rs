//! Files under `root` (`ngx_http_static_module`, `ngx_http_index_module`): as they are, whole, and only to be read.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use bytes::{Bytes, BytesMut};
use conf::Settings;
use hyper::{
    Method, StatusCode,
    header::{CONTENT_LENGTH, ETAG, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION},
};
use jiff::{Timestamp, tz::TimeZone};

use super::{answer::Draft, body::Content, exchange::Exchange, headers};

/// Read and given to a connection at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// nginx's own types; a file that is called otherwise gets `default_type`.
const TYPES: &[(&str, &str)] = &[("html", "text/html"), ("gif", "image/gif"), ("jpg", "image/jpeg")];

/// The rest of a file.
#[derive(Debug)]
pub(super) struct Rest {
    file: File,
    left: u64,
}

impl Rest {
    /// Bytes that are still to come.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The next of them; `None` at the end.
    ///
    /// # Errors
    /// It cannot be read, or has become shorter than it was.
    pub(super) fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.left == 0 {
            return None;
        }
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let mut piece = BytesMut::zeroed(wanted);
        Some(match self.file.read(&mut piece) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.left -= count as u64;
                piece.truncate(count);
                Ok(piece.freeze())
            }
            Err(error) => Err(error),
        })
    }
}

/// The file that a path names; `None` where there are no files.
fn below(settings: &Settings, prefix: &Path, path: &str) -> Option<PathBuf> {
    let root = prefix.join(settings.root.as_ref()?);
    Some(PathBuf::from(format!("{}{path}", root.display())))
}

/// The index file of the directory that a path names, if there are files here and it has one (`ngx_http_index_handler`).
pub(super) fn index(settings: &Settings, prefix: &Path, path: &str) -> Option<String> {
    if !path.ends_with('/') || settings.root.is_none() {
        return None;
    }
    let named = settings.index.iter().map(|name| format!("{path}{name}"));
    named.into_iter().find(|path| below(settings, prefix, path).is_some_and(|file| file.is_file()))
}

/// The file that a path names.
pub(super) fn file(exchange: &Exchange, prefix: &Path) -> Draft {
    let settings = exchange.settings;
    let Some(path) = below(settings, prefix, &exchange.path) else {
        return Draft::page(StatusCode::NOT_FOUND, settings);
    };
    if !matches!(exchange.request.method, Method::GET | Method::HEAD) {
        return Draft::page(StatusCode::METHOD_NOT_ALLOWED, settings);
    }
    match File::open(&path).and_then(|file| Ok((file.metadata()?, file))) {
        Ok((found, _)) if found.is_dir() => directory(exchange),
        Ok((found, file)) if found.is_file() => regular(exchange, &path, &found, file),
        Ok(_) => Draft::page(StatusCode::NOT_FOUND, settings),
        Err(error) => missing(exchange, &path, &error),
    }
}

/// There is no list of what is in it.
fn directory(exchange: &Exchange) -> Draft {
    if exchange.path.ends_with('/') {
        return Draft::page(StatusCode::FORBIDDEN, exchange.settings);
    }
    let mut draft = Draft::page(StatusCode::MOVED_PERMANENTLY, exchange.settings);
    let query = exchange.request.uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let path = exchange.request.uri.path();
    if let Ok(value) = HeaderValue::try_from(headers::absolute(exchange, &format!("{path}/{query}"))) {
        draft.response.headers_mut().insert(LOCATION, value);
    }
    draft
}

fn missing(exchange: &Exchange, path: &Path, error: &io::Error) -> Draft {
    let status = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
            StatusCode::NOT_FOUND
        }
        io::ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    exchange.connection.service.log.error(&format!(
        "*{} open() \"{}\" failed ({error}), {}",
        exchange.connection.number,
        path.display(),
        exchange.context()
    ));
    Draft::page(status, exchange.settings)
}

fn regular(exchange: &Exchange, path: &Path, found: &Metadata, file: File) -> Draft {
    let (modified, tag) = (last_modified(found), entity_tag(found));
    let is_known = |name, value: &str| {
        exchange.request.headers.get(name).is_some_and(|known| known.as_bytes() == value.as_bytes())
    };
    // A tag says more than a date (RFC 9110, section 13.2.2).
    let has_tag = exchange.request.headers.contains_key(IF_NONE_MATCH);
    let is_same = is_known(IF_NONE_MATCH, &tag) || (!has_tag && is_known(IF_MODIFIED_SINCE, &modified));
    let (status, content) = match &exchange.request.method {
        _ if is_same => (StatusCode::NOT_MODIFIED, Content::text("")),
        &Method::HEAD => (StatusCode::OK, Content::text("")),
        _ => (StatusCode::OK, Content::File(Box::new(Rest { file, left: found.len() }))),
    };
    let mut draft = Draft::new(status, content_type(exchange.settings, path), content);
    let sent = draft.response.headers_mut();
    if exchange.request.method == Method::HEAD && !is_same {
        sent.insert(CONTENT_LENGTH, found.len().into());
    }
    for (name, value) in [(LAST_MODIFIED, modified), (ETAG, tag)] {
        sent.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
    }
    draft
}

fn content_type<'a>(settings: &'a Settings, path: &Path) -> &'a str {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let known = TYPES.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known));
    known.map_or(settings.default_type.as_str(), |(_, name)| name)
}

fn seconds(found: &Metadata) -> i64 {
    let modified = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    modified.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn last_modified(found: &Metadata) -> String {
    let time = Timestamp::from_second(seconds(found)).unwrap_or_default().to_zoned(TimeZone::UTC);
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// `ngx_http_set_etag`.
fn entity_tag(found: &Metadata) -> String {
    format!("\"{:x}-{:x}\"", seconds(found), found.len())
}
