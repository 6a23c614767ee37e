//! The engine and an ordinary client library must agree on what a complete answer is.

use std::time::Duration;

use crate::{outcomes, population, run, server::Server};

/// Whether reqwest gets a complete, successful answer.
fn reqwest_is_content(url: &str) -> bool {
    let client = reqwest::blocking::Client::builder()
        .no_proxy()
        .retry(reqwest::retry::never())
        .timeout(Duration::from_millis(500))
        .build()
        .unwrap();
    let answer = client.get(url).send().and_then(reqwest::blocking::Response::error_for_status);
    answer.and_then(reqwest::blocking::Response::bytes).is_ok()
}

#[test]
fn both_are_content_with_the_same_answers() {
    let answers = [
        "HTTP/1.1 200 OK|Content-Length: 2||ok",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|0||",
        "HTTP/1.1 200 OK||until the end",
        "HTTP/1.1 204 No Content||",
        "HTTP/1.1 503 No|Content-Length: 2||no",
        "HTTP/1.1 404 No|Content-Length: 2||no",
        "HTTP/1.1 200 OK|Content-Length: 9||ok",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|",
        "HTTP/1.1 200 OK|Content-Le",
        "not http at all||",
        "",
    ];
    for answer in answers {
        let server = Server::start(move |mut peer, _| {
            if peer.request().is_some() {
                peer.say(answer);
            }
        });
        let records = run(population(), server.address, 5);
        let content = outcomes(&records).get("ok") == Some(&records.len());
        let url = format!("http://{}/", server.address);
        assert_eq!(content, reqwest_is_content(&url), "{answer:?}: {:?}", outcomes(&records));
    }
}
