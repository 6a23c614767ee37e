//! The page that belongs to a status, in the shape of nginx's (`ngx_http_error_full_tail`).

use hyper::StatusCode;

/// What the server calls itself.
pub(super) fn server_name(with_version: bool) -> &'static str {
    if with_version { concat!("changeoverd/", env!("CARGO_PKG_VERSION")) } else { "changeoverd" }
}

/// An HTML page that names the status.
pub(super) fn page(status: StatusCode, with_version: bool) -> String {
    let title = format!("{} {}", status.as_u16(), reason(status));
    of(title.trim_end(), with_version)
}

/// The same with a title of its own.
pub(super) fn of(title: &str, with_version: bool) -> String {
    let name = server_name(with_version);
    format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>{name}</center>\r\n</body>\r\n</html>\r\n"
    )
}

/// nginx's words where they differ from those of the registry.
fn reason(status: StatusCode) -> &'static str {
    match status.as_u16() {
        302 => "Found",
        405 => "Not Allowed",
        408 => "Request Time-out",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        416 => "Requested Range Not Satisfiable",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        _ => status.canonical_reason().unwrap_or(""),
    }
}
