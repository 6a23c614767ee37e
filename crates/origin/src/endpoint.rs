//! What a request asks for: its method and target, read once and purely.

use hyper::Method;

/// What is to be done for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Anything that is not listed below: a short answer.
    Plain,
    /// The short answer, later.
    Delay { ms: u64 },
    /// A body that can be foretold, at once or at so many bytes a second.
    Stream { bytes: u64, per_second: Option<u64>, framing: Framing },
    /// Reads an upload and says what came.
    Sink,
    /// Turns the connection into a websocket that echoes.
    Websocket,
    /// Server-sent events without end.
    Events { every_ms: u64 },
    /// The body back.
    Echo,
    /// The number of this request.
    Counter,
}

/// How a body says where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Chunked,
}

/// Why nothing can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// What the query must say.
    Query(&'static str),
    /// The methods that would do.
    Method(&'static str),
}

/// What `method target` asks for; `query` is what stands behind the `?`.
pub(crate) fn endpoint(method: &Method, path: &str, query: &str) -> Result<Endpoint, Refusal> {
    let number = |name| field(query, name).map(str::parse::<u64>).transpose().ok();
    let one_of = |methods: &[Method], allowed| {
        if methods.contains(method) { Ok(()) } else { Err(Refusal::Method(allowed)) }
    };
    match path {
        "/delay" => match number("ms") {
            Some(Some(ms)) => Ok(Endpoint::Delay { ms }),
            _ => Err(Refusal::Query("ms=N")),
        },
        "/stream" => match (number("bytes"), number("per_second"), field(query, "chunked")) {
            (Some(Some(bytes)), Some(per_second), chunked) if per_second != Some(0) => {
                let framing = if chunked == Some("1") { Framing::Chunked } else { Framing::Length };
                Ok(Endpoint::Stream { bytes, per_second, framing })
            }
            _ => Err(Refusal::Query("bytes=N, and if it is to be slow per_second=N (from 1)")),
        },
        "/events" => match number("every_ms") {
            Some(Some(every_ms)) if every_ms > 0 => Ok(Endpoint::Events { every_ms }),
            _ => Err(Refusal::Query("every_ms=N (from 1)")),
        },
        "/sink" => one_of(&[Method::POST, Method::PUT], "POST, PUT").map(|()| Endpoint::Sink),
        "/echo" => one_of(&[Method::POST], "POST").map(|()| Endpoint::Echo),
        "/websocket" => one_of(&[Method::GET], "GET").map(|()| Endpoint::Websocket),
        "/counter" => Ok(Endpoint::Counter),
        _ => Ok(Endpoint::Plain),
    }
}

fn field<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: &str, expected: Result<Endpoint, Refusal>) {
        let (method, target) = target.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        assert_eq!(endpoint(&method.parse().unwrap(), path, query), expected, "{target}");
    }

    #[test]
    fn every_target_is_read() {
        let stream = |bytes, per_second, framing| Ok(Endpoint::Stream { bytes, per_second, framing });
        check("GET /", Ok(Endpoint::Plain));
        check("POST /anything?ms=1", Ok(Endpoint::Plain));
        check("GET /delay?ms=20", Ok(Endpoint::Delay { ms: 20 }));
        check("GET /stream?bytes=9", stream(9, None, Framing::Length));
        check("GET /stream?per_second=5&bytes=9", stream(9, Some(5), Framing::Length));
        check("GET /stream?bytes=9&chunked=1", stream(9, None, Framing::Chunked));
        check("GET /events?every_ms=100", Ok(Endpoint::Events { every_ms: 100 }));
        check("PUT /sink", Ok(Endpoint::Sink));
        check("POST /echo", Ok(Endpoint::Echo));
        check("GET /websocket", Ok(Endpoint::Websocket));
        check("GET /counter", Ok(Endpoint::Counter));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        check("GET /delay", Err(Refusal::Query("ms=N")));
        check("GET /delay?ms=soon", Err(Refusal::Query("ms=N")));
        for query in ["", "?bytes=x", "?bytes=9&per_second=0", "?bytes=9&per_second=x"] {
            let target = format!("GET /stream{query}");
            check(&target, Err(Refusal::Query("bytes=N, and if it is to be slow per_second=N (from 1)")));
        }
        check("GET /events?every_ms=0", Err(Refusal::Query("every_ms=N (from 1)")));
        check("GET /sink", Err(Refusal::Method("POST, PUT")));
        check("GET /echo", Err(Refusal::Method("POST")));
        check("POST /websocket", Err(Refusal::Method("GET")));
    }
}
