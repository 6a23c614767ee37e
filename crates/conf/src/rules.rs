//! The directives we know: one row each. What is not here is refused, never ignored.

use std::ops::RangeInclusive;

/// Where a directive stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    Main,
    Events,
    Http,
    Upstream,
    /// Sizes stand where other blocks have names of directives.
    SplitClients,
    /// Texts stand there.
    Map,
    Server,
    Location,
}

impl Context {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Context::Main => "the main context",
            Context::Events => "\"events\"",
            Context::Http => "\"http\"",
            Context::Upstream => "\"upstream\"",
            Context::SplitClients => "\"split_clients\"",
            Context::Map => "\"map\"",
            Context::Server => "\"server\"",
            Context::Location => "\"location\"",
        }
    }
}

/// How a directive ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// With a semicolon.
    Simple,
    /// With a block, whose inside is this context.
    Block(Context),
}

/// How often a directive may stand in one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    Once,
    Many,
}

/// One directive.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) contexts: &'static [Context],
    pub(crate) arguments: RangeInclusive<usize>,
    pub(crate) form: Form,
    pub(crate) repeat: Repeat,
    /// How it is written, for help texts.
    pub(crate) usage: &'static str,
}

const MANY: usize = usize::MAX;
const MAIN: &[Context] = &[Context::Main];
const EVENTS: &[Context] = &[Context::Events];
const HTTP: &[Context] = &[Context::Http];
const HTTP_SERVER: &[Context] = &[Context::Http, Context::Server];
const HTTP_SERVER_LOCATION: &[Context] = &[Context::Http, Context::Server, Context::Location];
const UPSTREAM: &[Context] = &[Context::Upstream];
const SERVER: &[Context] = &[Context::Server];
const SERVER_LOCATION: &[Context] = &[Context::Server, Context::Location];
const LOCATION: &[Context] = &[Context::Location];

const fn once(
    name: &'static str,
    contexts: &'static [Context],
    arguments: RangeInclusive<usize>,
    usage: &'static str,
) -> Rule {
    Rule { name, contexts, arguments, form: Form::Simple, repeat: Repeat::Once, usage }
}

const fn many(
    name: &'static str,
    contexts: &'static [Context],
    arguments: RangeInclusive<usize>,
    usage: &'static str,
) -> Rule {
    Rule { name, contexts, arguments, form: Form::Simple, repeat: Repeat::Many, usage }
}

/// Every directive of the subset.
pub(crate) const RULES: &[Rule] = &[
    once("worker_processes", MAIN, 1..=1, "worker_processes NUMBER | auto;"),
    once("pid", MAIN, 1..=1, "pid PATH;"),
    once("daemon", MAIN, 1..=1, "daemon on | off;"),
    once("master_process", MAIN, 1..=1, "master_process on;"),
    many("error_log", MAIN, 1..=2, "error_log PATH | stderr [LEVEL];"),
    once("user", MAIN, 1..=2, "user NAME [GROUP];"),
    once("worker_shutdown_timeout", MAIN, 1..=1, "worker_shutdown_timeout TIME;"),
    once("worker_rlimit_nofile", MAIN, 1..=1, "worker_rlimit_nofile NUMBER;"),
    once("changeover_ready_timeout", MAIN, 1..=1, "changeover_ready_timeout TIME;"),
    once("changeover_handover", MAIN, 1..=1, "changeover_handover on | off;"),
    once("changeover_journal", MAIN, 1..=2, "changeover_journal PATH [ENTRIES];"),
    block("events", MAIN, 0..=0, Context::Events, Repeat::Once, "events { }"),
    once("worker_connections", EVENTS, 1..=1, "worker_connections NUMBER;"),
    once("multi_accept", EVENTS, 1..=1, "multi_accept on | off;"),
    once("use", EVENTS, 1..=1, "use epoll;"),
    block("http", MAIN, 0..=0, Context::Http, Repeat::Once, "http { }"),
    block("upstream", HTTP, 1..=1, Context::Upstream, Repeat::Many, "upstream NAME { server ADDRESS; }"),
    block("server", HTTP, 0..=0, Context::Server, Repeat::Many, "server { }"),
    many("server", UPSTREAM, 1..=MANY, SERVER_USAGE),
    once("ip_hash", UPSTREAM, 0..=0, "ip_hash;"),
    once("hash", UPSTREAM, 1..=2, "hash KEY [consistent];"),
    once("least_conn", UPSTREAM, 0..=0, "least_conn;"),
    once("random", UPSTREAM, 0..=2, "random [two [least_conn]];"),
    once("keepalive", UPSTREAM, 1..=1, "keepalive CONNECTIONS;"),
    once("keepalive_requests", UPSTREAM, 1..=1, "keepalive_requests NUMBER;"),
    once("keepalive_timeout", UPSTREAM, 1..=1, "keepalive_timeout TIME;"),
    once("keepalive_time", UPSTREAM, 1..=1, "keepalive_time TIME;"),
    once("zone", UPSTREAM, 1..=2, "zone NAME [SIZE];"),
    once("changeover_zone_reload", UPSTREAM, 1..=1, "changeover_zone_reload forget | keep;"),
    once("changeover_eject", UPSTREAM, 1..=4, EJECT_USAGE),
    block(
        "split_clients",
        HTTP,
        2..=2,
        Context::SplitClients,
        Repeat::Many,
        "split_clients KEY $VARIABLE { 10% VALUE; * VALUE; }",
    ),
    block(
        "map",
        HTTP,
        2..=2,
        Context::Map,
        Repeat::Many,
        "map TEXT $VARIABLE { default VALUE; TEXT VALUE; }",
    ),
    many(
        "listen",
        SERVER,
        1..=MANY,
        "listen ADDRESS[:PORT] | PORT [backlog=NUMBER] [reuseport] [default_server];",
    ),
    many("server_name", SERVER, 1..=MANY, "server_name NAME ...;"),
    block("location", SERVER, 1..=2, Context::Location, Repeat::Many, "location [=] URI { }"),
    many("return", SERVER_LOCATION, 1..=2, "return CODE [TEXT | URL];"),
    once(
        "proxy_pass",
        LOCATION,
        1..=1,
        "proxy_pass http://UPSTREAM | http://ADDRESS:PORT | http://$VARIABLE [/PATH];",
    ),
    once("changeover_echo", LOCATION, 0..=0, "changeover_echo;"),
    once("changeover_delay", LOCATION, 0..=0, "changeover_delay;"),
    once("changeover_stream", LOCATION, 0..=0, "changeover_stream;"),
    once("changeover_sink", LOCATION, 0..=0, "changeover_sink;"),
    once("changeover_websocket", LOCATION, 0..=0, "changeover_websocket;"),
    once("changeover_events", LOCATION, 0..=0, "changeover_events;"),
    once("changeover_counter", LOCATION, 0..=0, "changeover_counter;"),
    many("add_header", HTTP_SERVER_LOCATION, 2..=3, "add_header NAME VALUE [always];"),
    many("log_format", HTTP, 2..=MANY, "log_format NAME [escape=default | json | none] TEXT ...;"),
    many("access_log", HTTP_SERVER_LOCATION, 1..=3, "access_log off | PATH [FORMAT] [if=CONDITION];"),
    once("root", HTTP_SERVER_LOCATION, 1..=1, "root PATH;"),
    once("index", HTTP_SERVER_LOCATION, 1..=MANY, "index FILE ...;"),
    once("keepalive_timeout", HTTP_SERVER_LOCATION, 1..=2, "keepalive_timeout TIME [ANNOUNCED];"),
    once("keepalive_time", HTTP_SERVER_LOCATION, 1..=1, "keepalive_time TIME;"),
    once("keepalive_disable", HTTP_SERVER_LOCATION, 1..=MANY, "keepalive_disable none | msie6 | safari ...;"),
    once("keepalive_requests", HTTP_SERVER_LOCATION, 1..=1, "keepalive_requests NUMBER;"),
    once("client_header_timeout", HTTP_SERVER, 1..=1, "client_header_timeout TIME;"),
    once("client_header_buffer_size", HTTP_SERVER, 1..=1, "client_header_buffer_size SIZE;"),
    once("large_client_header_buffers", HTTP_SERVER, 2..=2, "large_client_header_buffers NUMBER SIZE;"),
    once("client_body_timeout", HTTP_SERVER_LOCATION, 1..=1, "client_body_timeout TIME;"),
    once("send_timeout", HTTP_SERVER_LOCATION, 1..=1, "send_timeout TIME;"),
    once("client_max_body_size", HTTP_SERVER_LOCATION, 1..=1, "client_max_body_size SIZE;"),
    once("default_type", HTTP_SERVER_LOCATION, 1..=1, "default_type MIME-TYPE;"),
    once("server_tokens", HTTP_SERVER_LOCATION, 1..=1, "server_tokens on | off;"),
    once("sendfile", HTTP_SERVER_LOCATION, 1..=1, "sendfile on | off;"),
    once("tcp_nopush", HTTP_SERVER_LOCATION, 1..=1, "tcp_nopush on | off;"),
    once("tcp_nodelay", HTTP_SERVER_LOCATION, 1..=1, "tcp_nodelay on | off;"),
    once("client_body_temp_path", HTTP_SERVER_LOCATION, 1..=4, "client_body_temp_path PATH;"),
    once("proxy_temp_path", HTTP_SERVER_LOCATION, 1..=4, "proxy_temp_path PATH;"),
    once("fastcgi_temp_path", HTTP_SERVER_LOCATION, 1..=4, "fastcgi_temp_path PATH;"),
    once("uwsgi_temp_path", HTTP_SERVER_LOCATION, 1..=4, "uwsgi_temp_path PATH;"),
    once("scgi_temp_path", HTTP_SERVER_LOCATION, 1..=4, "scgi_temp_path PATH;"),
    once("proxy_buffering", HTTP_SERVER_LOCATION, 1..=1, "proxy_buffering off;"),
    once("proxy_request_buffering", HTTP_SERVER_LOCATION, 1..=1, "proxy_request_buffering off;"),
    once("proxy_connect_timeout", HTTP_SERVER_LOCATION, 1..=1, "proxy_connect_timeout TIME;"),
    once("proxy_read_timeout", HTTP_SERVER_LOCATION, 1..=1, "proxy_read_timeout TIME;"),
    once("proxy_send_timeout", HTTP_SERVER_LOCATION, 1..=1, "proxy_send_timeout TIME;"),
    once("proxy_ignore_client_abort", HTTP_SERVER_LOCATION, 1..=1, "proxy_ignore_client_abort on | off;"),
    once("proxy_http_version", HTTP_SERVER_LOCATION, 1..=1, "proxy_http_version 1.0 | 1.1;"),
    once("proxy_next_upstream", HTTP_SERVER_LOCATION, 1..=MANY, NEXT_UPSTREAM_USAGE),
    once("proxy_next_upstream_tries", HTTP_SERVER_LOCATION, 1..=1, "proxy_next_upstream_tries NUMBER;"),
    once("proxy_next_upstream_timeout", HTTP_SERVER_LOCATION, 1..=1, "proxy_next_upstream_timeout TIME;"),
    many("set_real_ip_from", HTTP_SERVER_LOCATION, 1..=1, "set_real_ip_from ADDRESS | NETWORK/BITS;"),
    once("real_ip_header", HTTP_SERVER_LOCATION, 1..=1, "real_ip_header X-Real-IP | X-Forwarded-For | NAME;"),
    once("real_ip_recursive", HTTP_SERVER_LOCATION, 1..=1, "real_ip_recursive on | off;"),
    many("proxy_set_header", HTTP_SERVER_LOCATION, 2..=2, "proxy_set_header NAME VALUE;"),
];

const SERVER_USAGE: &str = "server ADDRESS:PORT [weight=NUMBER] [max_conns=NUMBER] [max_fails=NUMBER] [fail_timeout=TIME] [backup] [down];";

const EJECT_USAGE: &str = "changeover_eject PERCENT% [of=ANSWERS] [within=TIME] [rest=TIME];";

const NEXT_UPSTREAM_USAGE: &str = "proxy_next_upstream error | timeout | invalid_header | http_500 | http_502 | http_503 | http_504 | \
     http_403 | http_404 | http_429 | non_idempotent | off ...;";

/// Parameters of `server` inside `upstream`, which people also write as directives of their own.
pub(crate) const SERVER_PARAMETERS: &[&str] =
    &["weight", "max_conns", "max_fails", "fail_timeout", "backup", "down"];

const fn block(
    name: &'static str,
    contexts: &'static [Context],
    arguments: RangeInclusive<usize>,
    inside: Context,
    repeat: Repeat,
    usage: &'static str,
) -> Rule {
    Rule { name, contexts, arguments, form: Form::Block(inside), repeat, usage }
}

/// The rule for a name in a context.
pub(crate) fn find(name: &str, context: Context) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name && rule.contexts.contains(&context))
}

/// The names known in a context, in the order of the table.
pub(crate) fn known(context: Context) -> impl Iterator<Item = &'static str> {
    RULES.iter().filter(move |rule| rule.contexts.contains(&context)).map(|rule| rule.name)
}

/// The contexts in which a name is known.
pub(crate) fn contexts_of(name: &str) -> Vec<Context> {
    RULES.iter().filter(|rule| rule.name == name).flat_map(|rule| rule.contexts.iter().copied()).collect()
}
