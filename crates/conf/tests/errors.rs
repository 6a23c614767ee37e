//! Every mistake: text in, one line per mistake out.

/// Parses `text` and compares what is wrong, one line each, without the file name.
fn check(text: &str, expected: &[&str]) {
    check_with_overrides(text, "", expected);
}

fn check_with_overrides(text: &str, overrides: &str, expected: &[&str]) {
    let wrong = conf::parse("a.conf", text, overrides).err().unwrap_or_default();
    let source = |file: &str| if file == conf::COMMAND_LINE { overrides } else { text };
    let lines: Vec<String> = wrong
        .iter()
        .map(|one| one.one_line(source(&one.file)).trim_start_matches("a.conf:").to_owned())
        .collect();
    assert_eq!(lines, expected, "{text}");
    wrong.iter().for_each(|one| assert!(!one.render(source(&one.file)).is_empty()));
}

/// A mistake inside `http`; columns are counted from its start.
fn check_http(inside: &str, expected: &[&str]) {
    check(&format!("events{{}}http{{\n{inside}\n}}"), expected);
}

/// A mistake inside `location /`.
fn check_location(inside: &str, expected: &[&str]) {
    check(&format!("events{{}}http{{server{{listen 1;location /{{\n{inside}\n}}}}}}"), expected);
}

fn check_upstream(inside: &str, expected: &[&str]) {
    check(&format!("events{{}}http{{upstream a{{\n{inside}\n}}}}"), expected);
}

fn check_main(inside: &str, expected: &[&str]) {
    check(&format!("{inside} events {{}}"), expected);
}

#[test]
fn a_missing_semicolon_takes_the_next_word() {
    check_main(
        "daemon on",
        &[
            "1:1: error[CD0001]: directive \"daemon\" is not terminated by \";\" (write: daemon on | off;)",
            "1:20: error[CD0006]: no \"events\" section in configuration (write: events { })",
        ],
    );
}

#[test]
fn shape_of_blocks() {
    check(
        "events {}\nhttp {\n",
        &["2:6: error[CD0001]: unexpected end of file, expecting \"}\" (close it with \"}\")"],
    );
    check(
        "events {}\n}\n",
        &[
            "2:1: error[CD0001]: unexpected \"}\" (no block is open here: remove it, or look for a block closed too early above)",
        ],
    );
    check(
        "events {} pid a",
        &["1:11: error[CD0001]: unexpected end of file: directive \"pid\" is not terminated by \";\""],
    );
    check(
        "events { worker_connections 9 }",
        &[
            "1:10: error[CD0001]: unexpected \"}\": directive \"worker_connections\" is not terminated by \";\"",
        ],
    );
    check(
        "events {};",
        &["1:10: error[CD0001]: unexpected \";\" (remove it, or write the directive before it)"],
    );
    check(
        "events {} { }",
        &["1:11: error[CD0001]: unexpected \"{\" (write the name of the block before it)"],
    );
    check("events;", &["1:1: error[CD0001]: directive \"events\" has no opening \"{\" (write: events { })"]);
    check(
        "events {} pid 'a",
        &[
            "1:11: error[CD0001]: unexpected end of file: directive \"pid\" is not terminated by \";\"",
            "1:15: error[CD0001]: unexpected end of file: no closing ' for this quote (close it with ')",
        ],
    );
}

#[test]
fn names() {
    check_main(
        "deamon on;",
        &["1:1: error[CD0002]: unknown directive \"deamon\" (did you mean \"daemon\"?)"],
    );
    check(
        "events { zzzzzzzz 1; }",
        &[
            "1:10: error[CD0002]: unknown directive \"zzzzzzzz\" (known in \"events\": worker_connections, multi_accept, use)",
        ],
    );
    check_main(
        "listen 80;",
        &["1:1: error[CD0003]: \"listen\" directive is not allowed here (it belongs in \"server\")"],
    );
    check_main("pid a; pid b;", &["1:8: error[CD0005]: \"pid\" directive is duplicate (keep one of them)"]);
    check_main(
        "pid;",
        &["1:1: error[CD0004]: invalid number of arguments in \"pid\" directive (write: pid PATH;)"],
    );
    check("", &["1:1: error[CD0006]: no \"events\" section in configuration (write: events { })"]);
}

#[test]
fn values_at_the_main_level() {
    check_main(
        "worker_processes 0;",
        &["1:18: error[CD0007]: invalid number \"0\" (write \"auto\" or a number from 1 to 1024)"],
    );
    check_main("daemon yes;", &["1:8: error[CD0007]: invalid value \"yes\" (it must be \"on\" or \"off\")"]);
    check_main(
        "master_process off;",
        &[
            "1:16: error[CD0007]: \"master_process off\" is not supported here (without a master there is nobody \
         to upgrade: remove it; to stay in the foreground write: daemon off;)",
        ],
    );
    check_main(
        "error_log a loud;",
        &[
            "1:13: error[CD0007]: invalid log level \"loud\" (known: emerg, alert, crit, error, warn, notice, info, debug)",
        ],
    );
    check_main(
        "worker_shutdown_timeout 5x;",
        &["1:25: error[CD0007]: invalid time \"5x\" (write a number and a unit: 500ms, 10s, 2m, 1h30m)"],
    );
    check(
        "events { use kqueue; worker_connections 0; }",
        &[
            "1:14: error[CD0007]: invalid event type \"kqueue\" (the only one here is \"epoll\")",
            "1:41: error[CD0007]: invalid number \"0\" (a worker needs at least 1 connection)",
        ],
    );
}

#[test]
fn upstreams() {
    check_upstream(
        "server 127.0.0.1:1 weight=0;",
        &[
            "2:20: error[CD0007]: invalid weight \"0\" (to send a server nothing, write \"down\" instead of weight=0)",
        ],
    );
    check_upstream(
        "server 127.0.0.1:1 fail_timeout=15 max_fails 3;",
        &[
            "2:36: error[CD0007]: invalid parameter \"max_fails\" (write it with an equals sign: max_fails=3)",
            "2:46: error[CD0007]: invalid parameter \"3\" (known: weight, max_conns, max_fails, fail_timeout, backup, down)",
        ],
    );
    check_upstream(
        "server 127.0.0.1:1; max_fails 3;",
        &["2:21: error[CD0002]: unknown directive \"max_fails\" (it is a parameter of \"server\": write \
         server ADDRESS max_fails=3;)"],
    );
    check_upstream(
        "server localhost:8080;",
        &[
            "2:8: error[CD0008]: host not found in upstream \"localhost:8080\" (names are not resolved here: write 127.0.0.1)",
        ],
    );
    check_upstream(
        "server 127.0.0.1:99999;",
        &["2:8: error[CD0007]: invalid port \"99999\" (write a port from 1 to 65535)"],
    );
    check_upstream(
        "",
        &[
            "1:14: error[CD0006]: no servers are inside upstream \"a\" (write at least one that is no backup: server 127.0.0.1:8080;)",
        ],
    );
    check_http(
        "upstream a { server 127.0.0.1; } upstream a { server 127.0.0.1; }",
        &["2:34: error[CD0005]: duplicate upstream \"a\" (give it another name)"],
    );
}

#[test]
fn methods() {
    check_upstream(
        "ip_hash; least_conn; server 127.0.0.1:1;",
        &["2:10: error[CD0005]: load balancing method redefined (keep one of them)"],
    );
    check_upstream(
        "hash $uri; server 127.0.0.1:1; server 127.0.0.1:2 backup;",
        &[
            "2:51: error[CD0007]: balancing method does not support parameter \"backup\" (remove it, or balance by \
         weight or by least_conn)",
        ],
    );
    check_upstream(
        "hash $uri ketama; server 127.0.0.1:1;",
        &["2:11: error[CD0007]: invalid parameter \"ketama\" (the only one here is \"consistent\")"],
    );
    check_upstream(
        "random two least_time; server 127.0.0.1:1;",
        &["2:1: error[CD0007]: invalid parameter \"least_time\" (write: random; random two; or random two \
         least_conn;)"],
    );
    check_upstream(
        "keepalive 0; server 127.0.0.1:1;",
        &["2:11: error[CD0007]: invalid value \"0\" (write a number from 1, or leave \"keepalive\" out)"],
    );
}

#[test]
fn answers_are_never_buffered() {
    check_location("proxy_buffering off;", &[]);
    check_location(
        "proxy_buffering on;",
        &["2:17: error[CD0007]: answers of peers are not buffered here (write: proxy_buffering off;)"],
    );
    check_location(
        "proxy_request_buffering on;",
        &[
            "2:25: error[CD0007]: bodies of requests are not buffered here (write: proxy_request_buffering off;)",
        ],
    );
}

#[test]
fn zones_and_what_is_kept_in_them() {
    check_upstream(
        "zone a 8k; server 127.0.0.1:1;",
        &["2:8: error[CD0007]: zone \"a\" is too small (write at least 32k)"],
    );
    check_upstream(
        "zone a 64; changeover_zone_reload on; server 127.0.0.1:1;",
        &[
            "2:8: error[CD0007]: zone \"a\" is too small (write at least 32k)",
            "2:35: error[CD0007]: invalid value \"on\" (write forget or keep)",
        ],
    );
    check_upstream(
        "changeover_zone_reload keep; server 127.0.0.1:1;",
        &["2:1: error[CD0006]: \"changeover_zone_reload\" without a zone (write \"zone a 64k;\" beside it)"],
    );
    check_upstream(
        "changeover_eject 0% of=0 rest=1500ms for=3; server 127.0.0.1:1;",
        &[
            "2:18: error[CD0007]: invalid part \"0%\" (write a part from 1% to 100%)",
            "2:21: error[CD0007]: invalid number \"0\" (a rate is of one answer at least)",
            "2:26: error[CD0007]: invalid time \"1500ms\" (failures are timed in whole seconds: 10s)",
            "2:38: error[CD0007]: invalid parameter \"for=3\" (known: of=ANSWERS, within=TIME, rest=TIME)",
        ],
    );
    let servers: String = (1..=513).map(|port| format!("server 127.0.0.1:{port};")).collect();
    check_upstream(
        &format!("zone a; {servers}"),
        &[
            "2:1: error[CD0007]: 513 servers in an upstream with a zone (a zone has room for 512: make several upstreams of it, \
         or leave the zone out)",
        ],
    );
}

#[test]
fn parts_of_clients() {
    check_http(
        "split_clients $uri variant { 10% a; }",
        &[
            "2:20: error[CD0007]: invalid variable name \"variant\" (write a name of your own after the key: $variant)",
        ],
    );
    check_http(
        "split_clients $variant $pid { 10% a; }",
        &[
            "2:15: error[CD0009]: unknown \"variant\" variable (known: $args, $query_string, $is_args, $connection, \
             $connection_requests, $host, $hostname, $nginx_version, $pid, $proxy_add_x_forwarded_for, $proxy_host, \
             $realip_remote_addr, $realip_remote_port, $remote_addr, $remote_port, $request_method, $request_uri, \
             $scheme, $server_addr, $server_name, $server_port, $server_protocol, $status, $upstream_addr, $upstream_status, $uri, \
             $document_uri, $request, $remote_user, $time_local, $time_iso8601, $msec, $request_time, $connection_time, \
             $body_bytes_sent, $bytes_sent, $http_NAME, $arg_NAME, $sent_http_NAME)",
            "2:24: error[CD0005]: the duplicate \"pid\" variable (write a name of your own after the key: $variant)",
        ],
    );
    check_http(
        "split_clients $uri $v { 0% a; 0.001% b; ten c; 50% d e; }",
        &[
            "2:25: error[CD0007]: invalid percent value \"0%\" (write a percentage with at most two decimals, or *: 0.5%)",
            "2:31: error[CD0007]: invalid percent value \"0.001%\" (write a percentage with at most two decimals, or \
             *: 0.5%)",
            "2:41: error[CD0007]: invalid percent value \"ten\" (write a percentage with at most two decimals, or *: 0.5%)",
            "2:48: error[CD0004]: a part is a size and one value (write: 10% VALUE;)",
        ],
    );
    check_http(
        "split_clients $uri $v { 60% a; 50% b; }",
        &[
            "2:1: error[CD0007]: percent total is greater than 100% (make some part smaller; nothing may follow *)",
        ],
    );
}

#[test]
fn maps() {
    check_http(
        "map $uri v { a b; }",
        &[
            "2:10: error[CD0007]: invalid variable name \"v\" (write a name of your own after the key: $variant)",
        ],
    );
    check_http(
        "map $uri $v { a 1; A 2; ~^b 3; include other.conf; hostnames; }",
        &[
            "2:20: error[CD0005]: conflicting parameter \"A\" (remove one of the two; upper and lower case are the same here)",
            "2:25: error[CD0007]: \"~^b\" would be a regular expression (write a pair for each text; regular expressions \
             are not known here)",
            "2:32: error[CD0007]: \"include\" is not known in \"map\" (write the pairs here; the text of this name is \"\\include\")",
            "2:52: error[CD0004]: a map has pairs of a text and its value (write: TEXT VALUE;)",
        ],
    );
}

#[test]
fn next_peers_and_trusted_proxies() {
    check_location(
        "proxy_next_upstream http_501;",
        &[
            "2:21: error[CD0007]: invalid value \"http_501\" (known: error, timeout, invalid_header, non_idempotent, \
         http_500, http_502, http_503, http_504, http_403, http_404, http_429, off)",
        ],
    );
    check_location(
        "set_real_ip_from 10.0.0.0/33;",
        &["2:18: error[CD0007]: invalid network \"10.0.0.0/33\" (write from 0 to 32 bits)"],
    );
    check_location(
        "real_ip_header proxy_protocol;",
        &["2:16: error[CD0007]: the PROXY protocol is not supported here (write the name of a header: \
         real_ip_header X-Forwarded-For;)"],
    );
}

#[test]
fn servers() {
    check_http(
        "server { }",
        &["2:1: error[CD0006]: no \"listen\" directive in server (write the port: listen 8080;)"],
    );
    check_http(
        "server { listen unix:a; }",
        &["2:17: error[CD0007]: invalid socket path \"a\" (write an absolute path: unix:/run/server.sock)"],
    );
    check_http(
        "server { listen unix:/a reuseport; }",
        &[
            "2:25: error[CD0007]: \"reuseport\" of a unix domain socket (a path leads to one socket: remove it)",
        ],
    );
    check_http(
        "server { listen 1; listen *:1; }",
        &["2:20: error[CD0005]: a duplicate listen 0.0.0.0:1 (keep one of them)"],
    );
    check_http(
        "server { listen 1 default_server; } server { listen 1 default_server; }",
        &[
            "2:37: error[CD0005]: a duplicate default server for 0.0.0.0:1 (keep \"default_server\" in one of the \
         servers that listen there)",
        ],
    );
    check_http(
        "server { listen 1; location / { } location / { } }",
        &["2:35: error[CD0005]: duplicate location \"/\" (keep one of them)"],
    );
    check_http(
        "server { listen 1; location ~ x { } }",
        &["2:20: error[CD0007]: regular expressions are not supported in locations here (write: location \
         /prefix { } or location = /exact { })"],
    );
    check_http(
        "access_log syslog:server=a;",
        &["2:12: error[CD0007]: syslog is not supported here (write the path of a file)"],
    );
}

#[test]
fn locations() {
    check_location(
        "return 200 \"$pidd\";",
        &["2:12: error[CD0009]: unknown \"pidd\" variable (did you mean \"$pid\"?)"],
    );
    check_location(
        "return ok;",
        &["2:8: error[CD0007]: invalid return code \"ok\" (write a status from 200 to 599, or 444)"],
    );
    check_location(
        "proxy_pass http://backend;",
        &["2:12: error[CD0008]: host not found in upstream \"backend\" (names are not resolved here: write \
         an IP address, or the name of an \"upstream\")"],
    );
    check_location(
        "proxy_pass 127.0.0.1:1;",
        &[
            "2:12: error[CD0007]: invalid URL prefix (write: proxy_pass http://NAME; or proxy_pass http://127.0.0.1:8080;)",
        ],
    );
    check_location(
        "add_header X y sometimes;",
        &["2:16: error[CD0007]: invalid parameter \"sometimes\" (the only one here is \"always\")"],
    );
    check_location(
        "add_header X 'a\\r\\nb';",
        &["2:14: error[CD0007]: control characters in a header value (write it on one line)"],
    );
    check_location(
        "expires max;",
        &[
            "2:1: error[CD0002]: unknown directive \"expires\" (known in \"location\": return, proxy_pass, changeover_echo, changeover_delay, \
         changeover_stream, changeover_sink, changeover_websocket, changeover_events, changeover_counter, \
         add_header, access_log, root, index, keepalive_timeout, keepalive_time, keepalive_disable, keepalive_requests, client_body_timeout, \
         send_timeout, client_max_body_size, default_type, server_tokens, sendfile, tcp_nopush, tcp_nodelay, \
         client_body_temp_path, proxy_temp_path, fastcgi_temp_path, uwsgi_temp_path, scgi_temp_path, proxy_buffering, \
         proxy_request_buffering, proxy_connect_timeout, proxy_read_timeout, proxy_send_timeout, proxy_ignore_client_abort, proxy_http_version, \
         proxy_next_upstream, proxy_next_upstream_tries, proxy_next_upstream_timeout, set_real_ip_from, real_ip_header, \
         real_ip_recursive, proxy_set_header)",
        ],
    );
}

#[test]
fn a_journal_without_room_is_refused() {
    check(
        "changeover_journal j 0;\nevents { }",
        &["1:22: error[CD0007]: invalid number \"0\" (write a number from 1 to 1073741824)"],
    );
}

#[test]
fn command_line() {
    let text = "daemon on; events { }";
    check_with_overrides(
        text,
        "daemon off;",
        &[
            "1:1: error[CD0005]: \"daemon\" directive is duplicate (it is given with -g too: keep one of them)",
        ],
    );
    check_with_overrides(
        "events {}",
        "deamon off;",
        &["command line:1:1: error[CD0002]: unknown directive \"deamon\" (did you mean \"daemon\"?)"],
    );
    check_with_overrides(
        "events {}",
        "daemon off",
        &[
            "command line:1:1: error[CD0001]: unexpected end of file: directive \"daemon\" is not terminated by \";\"",
        ],
    );
    check_with_overrides(
        "events {}",
        "http { }",
        &[
            "command line:1:1: error[CD0003]: block directives are not supported in -g option (write it in the file)",
        ],
    );
}

#[test]
fn files() {
    check_location(
        "index a$uri;",
        &["2:7: error[CD0007]: variables are not supported in \"index\" here (write the names of files)"],
    );
    check_location(
        "root $uri;",
        &["2:6: error[CD0007]: variables are not supported in \"root\" here (write the path of a directory)"],
    );
    check_location(
        "index /a;",
        &[
            "2:7: error[CD0007]: invalid index file \"/a\" (write a name that is looked for in each directory: index.html)",
        ],
    );
}

#[test]
fn access_logs() {
    check_http("access_log a b;", &["2:14: error[CD0007]: unknown log format \"b\" (known: combined)"]);
    check_http(
        "log_format main $status; access_log a mian;",
        &["2:39: error[CD0007]: unknown log format \"mian\" (did you mean \"main\"?)"],
    );
    check_http(
        "log_format combined $status;",
        &["2:12: error[CD0005]: duplicate \"log_format\" name \"combined\" (give it another name)"],
    );
    check_http(
        "access_log a combined buffer=1k;",
        &[
            "2:23: error[CD0007]: parameter \"buffer=1k\" is not supported here (every line is written at once, as it is; \
             write: access_log PATH [FORMAT] [if=CONDITION];)",
        ],
    );
}
