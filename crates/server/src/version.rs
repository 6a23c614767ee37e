//! What `-v` and `-V` say: who this is, and, in the words of nginx's `configure`, what it has of nginx. Tests written for
//! nginx read there which of them mean something here.

use std::process::ExitCode;

/// The nginx whose behaviour is followed where it is harmless.
const FOLLOWED: &str = "1.22.1";

/// What nginx builds unless told otherwise, and is not here.
const WITHOUT: &[&str] = &[
    "http_charset_module",
    "http_gzip_module",
    "http_ssi_module",
    "http_userid_module",
    "http_access_module",
    "http_auth_basic_module",
    "http_mirror_module",
    "http_autoindex_module",
    "http_geo_module",
    "http_map_module",
    "http_referer_module",
    "http_fastcgi_module",
    "http_uwsgi_module",
    "http_scgi_module",
    "http_grpc_module",
    "http_memcached_module",
    "http_limit_conn_module",
    "http_limit_req_module",
    "http_empty_gif_module",
    "http_browser_module",
    "http_upstream_least_time_module",
    "http_upstream_sticky_module",
    "http_tunnel_module",
    "http-cache",
    "pcre",
];

pub(crate) fn show(and_build: bool) -> ExitCode {
    eprintln!("changeoverd version: changeoverd/{}", env!("CARGO_PKG_VERSION"));
    if and_build {
        eprintln!("follows a subset of nginx version: nginx/{FOLLOWED}");
        let without: Vec<String> = WITHOUT.iter().map(|module| format!("--without-{module}")).collect();
        eprintln!("configure arguments: --with-http_realip_module {}", without.join(" "));
    }
    ExitCode::SUCCESS
}
