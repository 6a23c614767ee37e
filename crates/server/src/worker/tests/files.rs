//! Files under `root`, and what the access log tells of them.

use super::*;

/// A worker whose `root` is a directory with these files.
fn rig(settings: &str, files: &[(&str, &str)]) -> (Rig, tempfile::TempDir) {
    let root = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().expect("has one")).expect("makes");
        fs::write(path, text).expect("writes");
    }
    let place = root.path().display();
    let rig =
        Rig::accepting(&format!("root {place}; {settings} server {{ listen LISTEN; location / {{ }} }}"));
    (rig, root)
}

#[test]
fn a_file_is_sent_whole() {
    let long = "x".repeat(1 << 20);
    let (rig, _root) = rig("", &[("a.html", "hello"), ("b", &long)]);
    let mut client = rig.connect();
    let answer = client.request("GET /a.html", "");
    assert_eq!((answer.status(), answer.body.as_str()), (200, "hello"));
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(client.request("GET /b", "").body, long);
    let head = client.request("HEAD /a.html", "");
    assert_eq!((head.status(), head.header("content-length")), (200, Some("5")));
    assert_eq!(client.request("POST /a.html", "Content-Length: 0\r\n").status(), 405);
    assert_eq!(client.request("GET /none", "").status(), 404);
    assert_eq!(client.request("GET /../a.html", "").status(), 400);
}

#[test]
fn a_file_that_is_known_is_not_sent_again() {
    let (rig, _root) = rig("", &[("a", "hello")]);
    let mut client = rig.connect();
    let first = client.request("GET /a", "");
    let (tag, date) = (first.header("etag").expect("a tag"), first.header("last-modified").expect("a date"));
    let status = |client: &mut Client, headers: &str| client.request("GET /a", headers).status();
    assert_eq!(status(&mut client, &format!("If-None-Match: {tag}\r\n")), 304);
    assert_eq!(status(&mut client, &format!("If-Modified-Since: {date}\r\n")), 304);
    assert_eq!(status(&mut client, &format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {date}\r\n")), 200);
}

#[test]
fn a_directory_leads_to_its_index_and_is_not_listed() {
    let (rig, _root) = rig("index first.html index.html;", &[("index.html", "start"), ("d/e", "")]);
    let mut client = rig.connect();
    assert_eq!(client.get().body, "start");
    assert_eq!(client.request("GET /d/", "").status(), 403);
    let moved = client.request("GET /d?q=1", "");
    let expected = format!("http://a:{}/d/?q=1", rig.address().port());
    assert_eq!((moved.status(), moved.header("location")), (301, Some(expected.as_str())));
}

#[test]
fn an_index_file_is_answered_by_its_own_location() {
    let root = tempfile::tempdir().expect("a directory");
    fs::write(root.path().join("index.html"), "start").expect("writes");
    let rig = Rig::accepting(&format!(
        "root {}; server {{ listen LISTEN; location / {{ }} location = /index.html {{ return 200 $uri; }} }}",
        root.path().display()
    ));
    assert_eq!(rig.connect().get().body, "/index.html");
}

#[test]
fn each_answer_is_one_line_of_the_access_log() {
    let formats =
        "log_format own '$request|$status|$body_bytes_sent|$sent_http_connection|$arg_n|$bytes_sent';";
    let logs = "access_log own.log own; access_log all.log; access_log few.log own if=$arg_n;";
    let (rig, _root) = rig(&format!("{formats} {logs}"), &[("a", "hello")]);
    let read = |name: &str| fs::read_to_string(rig.directory.path().join(name)).unwrap_or_default();
    let mut client = rig.connect();
    let answer = client.request("GET /a?n=%22", "Referer: x\"y\r\n");
    client.request("GET /none?n=0", "Connection: close\r\n");
    rig.wait_for("two lines", || read("own.log").lines().count() == 2);
    let lines = read("own.log");
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[0], format!("GET /a?n=%22 HTTP/1.1|200|5|keep-alive|%22|{}", answer.head.len() + 5));
    assert!(lines[1].starts_with("GET /none?n=0 HTTP/1.1|404|"), "{lines:?}");
    assert_eq!(read("few.log").lines().count(), 1);
    let combined = read("all.log");
    assert!(combined.starts_with("127.0.0.1 - - ["), "{combined}");
    assert!(combined.contains("] \"GET /a?n=%22 HTTP/1.1\" 200 5 \"x\\x22y\" \"-\"\n"), "{combined}");
}

#[test]
fn a_moved_access_log_is_left_behind_on_reopen() {
    let (rig, _root) = rig("access_log a.log;", &[("a", "")]);
    let path = |name: &str| rig.directory.path().join(name);
    let count = |name: &str| fs::read_to_string(path(name)).unwrap_or_default().lines().count();
    let mut client = rig.connect();
    client.request("GET /a", "");
    rig.wait_for("a line", || count("a.log") == 1);
    fs::rename(path("a.log"), path("moved.log")).expect("moves");
    rig.tell(Command::Reopen);
    rig.wait_for_log("reopening logs");
    rig.wait_for("a new file", || path("a.log").exists());
    client.request("GET /a", "");
    rig.wait_for("a line in the new file", || count("a.log") == 1);
    assert_eq!(count("moved.log"), 1);
}
