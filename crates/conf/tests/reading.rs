//! What a right configuration says.

use std::net::SocketAddr;
use std::time::Duration;

use conf::{
    AtReload, Configuration, Ejection, Handler, Keepalive, Method, NextCondition, ProxyPass, ProxyTarget,
    ReturnContent, Share, Statuses, WorkerProcesses,
};

fn parse(text: &str) -> Configuration {
    conf::parse("a.conf", text, "").unwrap_or_else(|wrong| {
        panic!("{}", wrong.iter().map(|one| one.one_line(text)).collect::<Vec<_>>().join("\n"))
    })
}

fn parse_http(inside: &str) -> Configuration {
    parse(&format!("events {{ }} http {{ {inside} }}"))
}

fn address(text: &str) -> conf::Address {
    text.parse::<SocketAddr>().map(conf::Address::from).expect("an address")
}

const WHOLE: &str = r#"
    worker_processes 2;  # one per core
    pid run/server.pid;
    error_log logs/error.log notice;
    worker_shutdown_timeout 10s;
    events { worker_connections 1024; use epoll; multi_accept on; }
    http {
        access_log off;
        keepalive_timeout 65;
        client_body_temp_path tmp/body; proxy_temp_path tmp/proxy;
        upstream backend {
            server 127.0.0.1:8081 weight=1 fail_timeout=15 max_fails=3;
            server 127.0.0.1:8082 weight=2 down;
            server 127.0.0.1:8083 backup;
            keepalive 16;
        }
        server {
            listen 127.0.0.1:8080 backlog=64;
            add_header X-Changeover-Id $http_x_changeover_id always;
            add_header X-Changeover-Pid $pid always;
            location / { return 200 "ok $pid\n"; }
            location = /away { return 301 http://127.0.0.1/; }
            location /api/ { proxy_pass http://backend; keepalive_timeout 5s; add_header X-Here yes; }
            location /one { proxy_pass http://127.0.0.1:9000; }
        }
    }
"#;

#[test]
fn a_whole_configuration() {
    let configuration = parse(WHOLE);
    assert_eq!(configuration.worker_processes, WorkerProcesses::Count(2));
    assert_eq!(configuration.pid.as_deref(), Some("run/server.pid"));
    assert_eq!(configuration.worker_connections, 1024);
    assert_eq!(configuration.worker_shutdown_timeout, Some(Duration::from_secs(10)));
    assert_eq!(configuration.changeover_ready_timeout, Duration::from_secs(30));
    let http = &configuration.http;
    let upstreams: Vec<(&str, usize)> =
        http.upstreams.iter().map(|one| (one.name.as_str(), one.peers.len())).collect();
    assert_eq!(upstreams, [("backend", 3), ("127.0.0.1:9000", 1)]);
    let first = &http.upstreams[0].peers[0];
    assert_eq!((first.weight, first.max_fails, first.fail_timeout), (1, 3, Duration::from_secs(15)));
    assert!(http.upstreams[0].peers[1].down);
}

#[test]
fn connections_are_handed_over_unless_that_is_switched_off() {
    let handover = |text: &str| parse(text).changeover_handover;
    assert!(handover("events {}") && handover("changeover_handover on; events {}"));
    assert!(!handover("changeover_handover off; events {}"));
}

#[test]
fn a_journal_is_off_unless_it_is_asked_for() {
    let journal = |text: &str| parse(text).changeover_journal.map(|journal| (journal.path, journal.entries));
    assert_eq!(journal("events {}"), None);
    assert_eq!(journal("changeover_journal run/j; events {}"), Some(("run/j".into(), 262_144)));
    assert_eq!(journal("changeover_journal j 1000; events {}"), Some(("j".into(), 1000)));
}

#[test]
fn locations_are_chosen_as_in_nginx() {
    let configuration = parse(WHOLE);
    let server = configuration.http.server_for(&address("127.0.0.1:8080"), "any").expect("a server");
    let check = |path: &str, expected: &str| {
        let handler = server.location_for(path).map(|location| match &location.handler {
            Handler::Return(answer) => format!("{}", answer.status),
            Handler::Proxy(ProxyPass { target: ProxyTarget::Upstream { host, .. }, .. }) => host.clone(),
            Handler::Proxy(_) => "a name".to_owned(),
            Handler::Test(endpoint) => format!("{endpoint:?}"),
            Handler::Nothing => "nothing".to_owned(),
        });
        assert_eq!(handler.as_deref(), Some(expected), "{path}");
    };
    check("/", "200");
    check("/away", "301");
    check("/away/", "200");
    check("/api", "200");
    check("/api/x", "backend");
    check("/one/more", "127.0.0.1:9000");
}

#[test]
fn an_inner_level_replaces_added_headers_and_inherits_the_rest() {
    let configuration = parse(WHOLE);
    let server = &configuration.http.servers[0];
    let names = |path: &str| -> Vec<&str> {
        let settings = &server.location_for(path).expect("a location").settings;
        settings.added_headers.iter().map(|header| header.name.as_str()).collect()
    };
    assert_eq!(names("/"), ["X-Changeover-Id", "X-Changeover-Pid"]);
    assert_eq!(names("/api/"), ["X-Here"]);
    assert_eq!(server.settings.keepalive_timeout, Duration::from_secs(65));
    assert_eq!(
        server.location_for("/api/").map(|it| it.settings.keepalive_timeout),
        Some(Duration::from_secs(5))
    );
}

#[test]
fn added_headers_go_to_the_statuses_nginx_names() {
    let contained: Vec<u16> = (100..600).filter(|status| Statuses::Successful.contain(*status)).collect();
    assert_eq!(contained, [200, 201, 204, 206, 301, 302, 303, 304, 307, 308]);
    assert!(Statuses::All.contain(500));
}

#[test]
fn returns() {
    let check = |directive: &str, expected: (u16, &str)| {
        let configuration = parse_http(&format!("server {{ listen 1; {directive} }}"));
        let answer = configuration.http.servers[0].answer.clone().expect("an answer");
        let content = match answer.content {
            ReturnContent::Page => "page".to_owned(),
            ReturnContent::Text(text) => format!("text {}", text.fill(|_| "?".to_owned())),
            ReturnContent::Location(url) => format!("to {}", url.fill(|_| "?".to_owned())),
        };
        assert_eq!((answer.status, content.as_str()), expected, "{directive}");
    };
    check("return 204;", (204, "page"));
    check("return 200 hello;", (200, "text hello"));
    check("return 200 \"\";", (200, "text "));
    check("return http://a/$uri;", (302, "to http://a/?"));
    check("return 308 /b;", (308, "to /b"));
    check("return 404 gone;", (404, "text gone"));
    check("return 503; return 200;", (503, "page"));
}

#[test]
fn servers_are_chosen_by_address_and_name() {
    let configuration = parse_http(
        "server { listen 1; return 201; }
         server { listen 1 default_server; server_name a.b; return 202; }
         server { listen 1; server_name *.b x.*; return 203; }
         server { listen 127.0.0.9:1; return 204; }
         server { listen 127.0.0.1:2; return 205; }",
    );
    let check = |local: &str, host: &str, expected: Option<u16>| {
        let server = configuration.http.server_for(&address(local), host);
        assert_eq!(
            server.and_then(|server| server.answer.as_ref()).map(|it| it.status),
            expected,
            "{local} {host}"
        );
    };
    check("127.0.0.1:1", "nobody", Some(202));
    check("127.0.0.1:1", "a.b", Some(202));
    check("127.0.0.1:1", "c.b", Some(203));
    check("127.0.0.1:1", "x.y", Some(203));
    check("127.0.0.9:1", "a.b", Some(204));
    check("127.0.0.1:2", "", Some(205));
    check("127.0.0.1:3", "", None);
    let sockets: Vec<String> =
        configuration.http.listen_sockets().iter().map(|listen| listen.address.to_string()).collect();
    assert_eq!(sockets, ["0.0.0.0:1", "127.0.0.1:2"]);
}

#[test]
fn directives_of_the_command_line_count() {
    let configuration =
        conf::parse("a.conf", "events { }", "daemon off; worker_processes 3;").expect("right");
    assert!(!configuration.daemon);
    assert_eq!(configuration.worker_processes, WorkerProcesses::Count(3));
}

#[test]
fn methods_of_upstreams() {
    let check = |text: &str, expected: &str| {
        let configuration = parse_http(&format!("upstream a {{ {text}; server 127.0.0.1:1 max_conns=7; }}"));
        let upstream = &configuration.http.upstreams[0];
        let method = match &upstream.method {
            Method::Hash(_) => "Hash".to_owned(),
            Method::ConsistentHash(_) => "ConsistentHash".to_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!((method.as_str(), upstream.peers[0].max_conns), (expected, 7), "{text}");
    };
    check("keepalive 1", "RoundRobin");
    check("ip_hash", "IpHash");
    check("hash $remote_addr", "Hash");
    check("hash $http_x_key$uri consistent", "ConsistentHash");
    check("least_conn", "LeastConn");
    check("random", "Random");
    check("random two", "RandomTwo");
    check("random two least_conn", "RandomTwo");
}

#[test]
fn what_is_known_of_peers_is_shared_and_counted_where_it_is_said() {
    let read = |text: &str| {
        let configuration = parse_http(&format!("upstream a {{ server 127.0.0.1:1; {text} }}"));
        let upstream = configuration.http.upstreams[0].clone();
        (upstream.zone.map(|zone| (zone.name, zone.at_reload)), upstream.ejection)
    };
    assert_eq!(read(""), (None, None));
    assert_eq!(read("zone z 64k;").0, Some(("z".to_owned(), AtReload::Forgotten)));
    assert_eq!(read("zone z; changeover_zone_reload keep;").0, Some(("z".to_owned(), AtReload::Kept)));
    let ten = Duration::from_secs(10);
    let usual = Ejection { percent: 30, answers: 20, within: ten, rest: ten };
    assert_eq!(read("changeover_eject 30%;").1, Some(usual));
    let (within, rest) = (Duration::from_secs(5), Duration::from_secs(60));
    let other = Ejection { percent: 30, answers: 4, within, rest };
    assert_eq!(read("changeover_eject 30% of=4 within=5s rest=1m;").1, Some(other));
}

#[test]
fn connections_to_peers_are_kept_where_it_is_said() {
    let read = |text: &str| {
        let configuration = parse_http(&format!("upstream a {{ server 127.0.0.1:1; {text} }}"));
        configuration.http.upstreams[0].keepalive
    };
    assert_eq!(read(""), None);
    let hour = Duration::from_secs(3600);
    let kept = Keepalive { connections: 8, requests: 1000, timeout: Duration::from_secs(60), time: hour };
    assert_eq!(read("keepalive 8;"), Some(kept));
    let all = "keepalive_requests 9; keepalive_timeout 5s; keepalive 8; keepalive_time 1m;";
    let (timeout, time) = (Duration::from_secs(5), Duration::from_secs(60));
    assert_eq!(read(all), Some(Keepalive { requests: 9, timeout, time, ..kept }));
}

#[test]
fn parts_of_clients_are_a_variable() {
    let configuration = parse_http(
        "split_clients $remote_addr $variant { 10% new; 0.5% odd; .25% less; * \"\"; }
         split_clients $variant$uri $second { 100% x; }
         server { listen 1; location / { proxy_pass http://$variant; add_header X $second; } }",
    );
    let http = &configuration.http;
    let parts: Vec<(Share, &str)> =
        http.splits[0].parts.iter().map(|(share, value)| (*share, value.as_str())).collect();
    let hundredths = Share::Hundredths;
    assert_eq!(
        parts,
        [(hundredths(1000), "new"), (hundredths(50), "odd"), (hundredths(25), "less"), (Share::Rest, "")]
    );
    assert_eq!(http.splits.len(), 2);
    let handler = http.servers[0].location_for("/").map(|location| &location.handler);
    assert!(matches!(handler, Some(Handler::Proxy(ProxyPass { target: ProxyTarget::Named(_), .. }))));
}

#[test]
fn a_map_is_a_variable() {
    let configuration = parse_http(
        "map $http_upgrade $connection_upgrade { default upgrade; '' \"\"; }
         map $arg_k$connection_upgrade $other { One 1; \\default 2; two $pid; }
         server { listen 1; location / { return 200 $other; } }",
    );
    let maps = &configuration.http.maps;
    let said = |map: usize, text: &str| maps[map].value(text).fill(|variable| format!("<{variable:?}>"));
    assert_eq!((said(0, ""), said(0, "websocket")), (String::new(), "upgrade".into()));
    let others = ["one", "ONE", "default", "two", "three"].map(|text| said(1, text));
    assert_eq!(others, ["1", "1", "2", "<Pid>", ""]);
    assert_eq!(maps[1].source.fill(|variable| format!("<{variable:?}>")), "<Argument(\"k\")><Mapped(0)>");
}

#[test]
fn when_the_next_peer_is_asked_and_whose_word_is_taken() {
    let configuration = parse_http(
        "set_real_ip_from 10.0.0.0/8; set_real_ip_from ::1; real_ip_header X-Forwarded-For; real_ip_recursive on;
         proxy_next_upstream error http_502 non_idempotent; proxy_next_upstream_tries 2;
         server { listen 1; proxy_next_upstream error off; proxy_next_upstream_timeout 3s; }
         server { listen 2; set_real_ip_from 127.0.0.1; }",
    );
    let settings: Vec<_> = configuration.http.servers.iter().map(|server| &server.settings).collect();
    let next = &settings[0].next_upstream;
    assert_eq!((next.conditions.len(), next.tries, next.timeout), (0, 2, Duration::from_secs(3)));
    assert_eq!(
        settings[1].next_upstream.conditions,
        [NextCondition::Error, NextCondition::Status(502), NextCondition::NonIdempotent]
    );
    let trusts = |settings: &conf::Settings, text: &str| {
        settings.real_ip.from.iter().any(|network| network.contains(text.parse().expect("an address")))
    };
    let asked = ["10.1.2.3", "11.0.0.0", "::1", "::2", "127.0.0.1"];
    assert_eq!(asked.map(|text| trusts(settings[0], text)), [true, false, true, false, false]);
    assert_eq!(asked.map(|text| trusts(settings[1], text)), [false, false, false, false, true]);
    assert_eq!(
        (settings[1].real_ip.header.as_str(), settings[1].real_ip.recursive),
        ("x-forwarded-for", true)
    );
}

#[test]
fn a_shutdown_timeout_of_0_is_none() {
    let configuration = parse("worker_shutdown_timeout 0; events { } http { }");
    assert_eq!(configuration.worker_shutdown_timeout, None);
}

#[test]
fn a_proxy_pass_may_name_another_path() {
    let uri = |text: &str| {
        let text = format!("server {{ listen 1; location /a {{ proxy_pass http://{text}; }} }}");
        match &parse_http(&text).http.servers[0].locations[0].handler {
            Handler::Proxy(proxy) => format!("{:?}", proxy.uri),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(uri("127.0.0.1:1"), "Same");
    assert_eq!(uri("127.0.0.1:1/b/"), "Instead(\"/b/\", 2)");
    assert!(uri("$arg_b/t").starts_with("Named("));
    assert_eq!(uri("127.0.0.1:1$uri"), "Same", "what follows the port is known with the request");
}
