//! What clients see.

use super::*;

const SITE: &str = r#"
    client_max_body_size 1m;
    server {
        listen LISTEN;
        add_header X-Level server;
        location / { return 200 "ok $request_method $uri $args\n"; }
        location = /empty { return 204; }
        location /moved { return 301 /new$uri; }
        location /gone { return 410; }
        location /hangup { return 444; }
        location /files { }
        location /own {
            default_type application/json;
            add_header X-Level location always;
            add_header X-Changeover-Pid $pid-own always;
            return 500 "{}";
        }
        location /short { keepalive_requests 2; return 200 "$connection_requests"; }
        location /once { keepalive_timeout 0; return 200 "$host $server_port $scheme"; }
    }
"#;

#[test]
fn returns() {
    let rig = Rig::accepting(SITE);
    let mut client = rig.connect();
    let answer = client.request("GET /a%20b?x=1", "");
    assert_eq!(answer.body, "ok GET /a b x=1\n");
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.headers("x-level"), ["server"]);
    assert_eq!(answer.header("server"), Some(concat!("changeoverd/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(answer.headers("date").len(), 1);
    let empty = client.request("GET /empty", "");
    assert_eq!((empty.status(), empty.header("content-length"), empty.body.as_str()), (204, None, ""));
    let moved = client.request("GET /moved", "");
    let location = format!("http://a:{}/new/moved", rig.address().port());
    assert_eq!((moved.status(), moved.header("location")), (301, Some(location.as_str())));
    let gone = client.request("GET /gone", "");
    assert_eq!((gone.status(), gone.header("x-level")), (410, None));
    assert!(gone.body.contains("<h1>410 Gone</h1>"), "{}", gone.body);
    assert_eq!(client.request("GET /files/x", "").status(), 404);
    client.send("GET /hangup HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.rest(), "");
}

#[test]
fn a_request_with_an_id_is_answered_with_it() {
    let rig = Rig::accepting(SITE);
    let mut client = rig.connect();
    let plain = client.get();
    assert_eq!(plain.headers("x-changeover-generation"), ["7"]);
    assert_eq!((plain.header("x-changeover-id"), plain.header("x-changeover-pid")), (None, None));
    let marked = client.request("GET /", "X-Changeover-Id: 00000000000000ff\r\n");
    assert_eq!(marked.headers("x-changeover-id"), ["00000000000000ff"]);
    assert_eq!(marked.headers("x-changeover-pid"), [std::process::id().to_string()]);
    let own = client.request("GET /own", "X-Changeover-Id: 00000000000000ff\r\n");
    assert_eq!((own.status(), own.header("content-type")), (500, Some("application/json")));
    assert_eq!(own.headers("x-level"), ["location"]);
    assert_eq!(own.headers("x-changeover-pid"), [format!("{}-own", std::process::id())]);
}

#[test]
fn bodies_are_read_and_the_connection_goes_on() {
    let rig = Rig::accepting(SITE);
    let mut client = rig.connect();
    for _ in 0..3 {
        let answer =
            client.request("POST /", &format!("Content-Length: 100000\r\n\r\n{}", "x".repeat(99_998)));
        assert_eq!((answer.status(), answer.closes()), (200, false));
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        assert_eq!(client.answer().body, "ok POST / \n");
    }
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ab");
    assert_eq!(client.answer().status(), 200);
}

#[test]
fn a_body_that_is_too_large_is_refused_without_a_reset() {
    let rig = Rig::accepting(SITE);
    let mut announced = rig.connect();
    announced.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
    announced.send(&"x".repeat(2_000_000));
    let answer = announced.answer();
    assert_eq!((answer.status(), answer.closes()), (413, true));
    assert_eq!(announced.rest(), "");
    let mut chunked = rig.connect();
    chunked.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1e8480\r\n");
    chunked.send(&"x".repeat(2_000_000));
    assert_eq!(chunked.answer().status(), 413);
}

#[test]
fn a_head_request_gets_no_body() {
    let rig = Rig::accepting(SITE);
    let mut client = rig.connect();
    let answer = client.request("HEAD /", "");
    assert_eq!((answer.status(), answer.header("content-length")), (200, Some("11")));
    assert_eq!(client.request("HEAD /gone", "").status(), 410);
    assert_eq!(client.get().body, "ok GET / \n");
}

#[test]
fn connections_end_when_they_are_said_to() {
    let rig = Rig::accepting(SITE);
    let mut client = rig.connect();
    let first = client.request("GET /short", "");
    let second = client.request("GET /short", "");
    assert_eq!((first.body.as_str(), first.closes()), ("1", false));
    assert_eq!((second.body.as_str(), second.closes()), ("2", true));
    assert_eq!(client.rest(), "");
    let mut client = rig.connect();
    let answer = client.request("GET /once", "");
    assert_eq!(
        (answer.body, answer.head.contains("close")),
        (format!("a {} http", rig.address().port()), true)
    );
    let mut client = rig.connect();
    assert!(client.request("GET /", "Connection: close\r\n").closes());
    assert_eq!(client.rest(), "");
}

#[test]
fn a_long_answer_is_not_cut_because_its_client_is_slow() {
    let length = 16_000_000;
    let text = "x".repeat(length);
    let rig = Rig::accepting(&format!(
        "keepalive_timeout 0; server {{ listen LISTEN; location /long {{ return 200 {text}; }} location / {{ return 204; }} }}"
    ));
    let mut slow = rig.connect();
    slow.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
    // All of the answer is in the hands of the worker, and no more of it fits into the socket.
    for _ in 0..50 {
        rig.connect().get();
    }
    assert_eq!(slow.answer().body.len(), length);
}

#[test]
fn http_1_0_ends_unless_it_asks_to_stay() {
    let rig = Rig::accepting(SITE);
    let mut client = rig.connect();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(client.answer().header("connection"), Some("keep-alive"));
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert!(client.rest().ends_with("ok GET / \n"));
}

#[test]
fn the_last_answer_is_whole_although_more_requests_follow() {
    let rig = Rig::accepting(SITE);
    for _ in 0..20 {
        let mut client = rig.connect();
        let get = "GET /once HTTP/1.1\r\nHost: a\r\n\r\n";
        client.send(&get.repeat(50));
        let answer = client.answer();
        assert_eq!((answer.status(), answer.closes()), (200, true));
        assert_eq!(client.rest(), "", "and then an orderly end");
    }
}

#[test]
fn a_client_that_is_done_sending_still_gets_its_answer() {
    let rig = Rig::accepting(SITE);
    let mut client = rig.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.stream.shutdown(std::net::Shutdown::Write).expect("shuts down");
    assert!(client.rest().ends_with("ok GET / \n"));
}

#[test]
fn broken_requests_are_refused() {
    let rig = Rig::accepting(SITE);
    let check = |request: &str| {
        let mut client = rig.connect();
        client.send(request);
        assert_eq!(client.answer().status(), 400, "{request:?}");
    };
    check("GET / HTTP/1.1\r\n\r\n");
    check("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    check("GET /.. HTTP/1.1\r\nHost: a\r\n\r\n");
    check("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n");
    check("what is this\r\n\r\n");
    check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    check("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
}

#[test]
fn a_tunnel_is_refused_and_what_follows_is_not_taken_for_a_request() {
    let rig = Rig::accepting(SITE);
    let mut client = rig.connect();
    client.send("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status(), answer.closes()), (405, true));
    assert_eq!(client.rest(), "");
    for line in ["CONNECT /path", "TRACE /"] {
        assert_eq!(rig.connect().request(line, "").status(), 405, "{line}");
    }
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for_for_ever() {
    let rig = Rig::accepting(&format!("client_header_timeout 100ms; client_body_timeout 100ms; {SITE}"));
    let mut silent = rig.connect();
    assert_eq!(silent.rest(), "");
    let mut half = rig.connect();
    half.send("GET / HT");
    assert_eq!(half.rest(), "");
    let mut body = rig.connect();
    body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n123");
    assert_eq!(body.answer().status(), 408);
}

#[test]
fn an_idle_connection_outlives_client_header_timeout() {
    let rig = Rig::accepting(&format!("client_header_timeout 100ms; {SITE}"));
    let mut idle = rig.connect();
    idle.get();
    // This one came later, so when its time is over, that of the other would be too.
    assert_eq!(rig.connect().rest(), "");
    assert_eq!(idle.get().status(), 200);
}

#[test]
fn an_ordinary_client_library_is_content() {
    let rig = Rig::accepting(SITE);
    let client = reqwest::blocking::Client::builder().no_proxy().timeout(DEADLINE).build().expect("a client");
    let url = |path: &str| format!("http://{}{path}", rig.address());
    for _ in 0..5 {
        assert_eq!(
            client.get(url("/?a")).send().and_then(|answer| answer.text()).expect("text"),
            "ok GET / a\n"
        );
        let posted = client.post(url("/up")).body(vec![b'x'; 200_000]).send().expect("an answer");
        assert_eq!(posted.text().expect("text"), "ok POST /up \n");
    }
    assert_eq!(client.head(url("/")).send().expect("an answer").status(), 200);
    rig.drain();
    let last = client.get(url("/")).send().expect("an idle connection gets its answer");
    assert_eq!(last.headers()["connection"], "close");
}

#[test]
fn every_answer_says_whether_the_connection_stays() {
    let settings = "keepalive_timeout 9s 8s; keepalive_time 50ms;";
    let rig =
        Rig::accepting(&format!("{settings} server {{ listen LISTEN; location / {{ return 200 ok; }} }}"));
    let mut client = rig.connect();
    let answer = client.get();
    assert_eq!(
        (answer.header("connection"), answer.header("keep-alive")),
        (Some("keep-alive"), Some("timeout=8"))
    );
    let browser = |line: &str, agent: &str| {
        let answer = rig.connect().request(line, &format!("User-Agent: {agent}\r\nContent-Length: 0\r\n"));
        answer.header("connection").map(str::to_owned)
    };
    assert_eq!(browser("POST /", "Mozilla/4.0 (MSIE 6.0)").as_deref(), Some("close"));
    assert_eq!(browser("POST /", "Mozilla/4.0 (MSIE 7.0)").as_deref(), Some("keep-alive"));
    assert_eq!(browser("GET /", "Mozilla/4.0 (MSIE 6.0)").as_deref(), Some("keep-alive"));
    // Here time itself is the fact: the connection has to grow older than it may.
    thread::sleep(Duration::from_millis(60));
    assert!(client.get().closes(), "it is older than keepalive_time");
}

#[test]
fn heads_that_are_too_large_are_refused_in_nginxs_words() {
    let rig = Rig::accepting(
        "client_header_buffer_size 100; large_client_header_buffers 2 200;
         server { listen LISTEN; return 200 hello; }",
    );
    let long = "a".repeat(201);
    let check = |request: &str, status: u16, title: &str| {
        let mut client = rig.connect();
        assert_eq!(client.get().status(), 200);
        client.send(request);
        let answer = client.answer();
        assert_eq!((answer.status(), answer.closes()), (status, true), "{request}");
        assert!(answer.body.contains(title), "{}", answer.body);
        assert_eq!(client.rest(), "");
    };
    let (line, header) = ("414 Request-URI Too Large", "400 Request Header Or Cookie Too Large");
    check(&format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414, line);
    check(&format!("GET /{long}"), 414, line);
    check(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"), 400, header);
    check(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}"), 400, header);
    let short = format!("X: {}\r\n", "a".repeat(150));
    check(&format!("GET / HTTP/1.1\r\nHost: a\r\n{}", short.repeat(3)), 400, header);
    let mut client = rig.connect();
    assert_eq!(client.request("GET /", &short.repeat(2)).status(), 200, "each in a buffer of its own");
    client.send(&format!("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /{long}"));
    assert_eq!(client.answer().status(), 200, "what came before is answered");
    assert_eq!(client.answer().status(), 414);
}

/// As in nginx the room is that of the default server until the host is known.
#[test]
fn each_server_says_how_large_a_head_may_be() {
    let rig = Rig::accepting(
        "client_header_buffer_size 100; large_client_header_buffers 2 200;
         server { listen LISTEN; return 200 small; }
         server { listen LISTEN; server_name large; large_client_header_buffers 2 2000; return 200 large; }",
    );
    let cookie = format!("Cookie: {}\r\n", "x".repeat(1000));
    let status = |head: &str| {
        let mut client = rig.connect();
        client.send(&format!("{head}\r\n"));
        client.answer().status()
    };
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: small\r\n{cookie}")), 400);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: Large:80\r\n{cookie}")), 200);
    assert_eq!(status(&format!("GET http://large/ HTTP/1.1\r\nHost: large\r\n{cookie}")), 200);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\n{cookie}Host: large\r\n")), 400);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: large\r\n{cookie}{cookie}{cookie}{cookie}")), 400);
}
