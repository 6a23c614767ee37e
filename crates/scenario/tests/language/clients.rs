//! Kinds of clients, and what each of them may say.

use super::*;

#[test]
fn every_kind_of_client_has_keys_of_its_own() {
    use facts::plan::{AtDrain, Behaviour, Fires, Framing, Method, Pace, Population};
    let web = "target.web = { kind = 'nginx', config = 'streams', weights = { a = 1 } }\norigin.a = {}\n";
    let of = |keys: &str| -> Population {
        plan(&format!("{web}{STEADY}load.users = {{ to = 'web', {keys} }}\n")).populations.remove(0)
    };
    let upload = of("kind = 'upload', rate = 5, lasts = '2s', framing = 'expect', body = 9");
    assert_eq!(upload.behaviour, Behaviour::Upload { over_ms: 2000, framing: Framing::Expect });
    let told = (upload.method, upload.body_bytes, upload.path.as_str(), upload.at_drain);
    assert_eq!(told, (Method::Post, 9, "/sink", AtDrain::MustFinish));
    let download = of("kind = 'download', rate = 5, bytes = 77");
    assert_eq!(download.path, "/stream?bytes=77");
    let batches = of("kind = 'pipelined', think = '1s', depth = 3, clients = 40");
    assert_eq!((batches.behaviour, batches.sources), (Behaviour::Pipelined { depth: 3 }, 40));
    let events = of("kind = 'events', every = '20ms'");
    assert_eq!(events.pace, Pace::Think { nanos: 20_000_000 });
    assert_eq!((events.path.as_str(), events.at_drain), ("/events?every_ms=20", AtDrain::MayReconnect));
    let fires = |keys| of(keys).pace;
    let volley = |fires| Pace::Volley { fires };
    assert_eq!(fires("kind = 'sniper', fires = 'first close'"), volley(Fires::FirstClose));
    assert_eq!(fires("kind = 'storm', fires = 'phase steady'"), volley(Fires::Phase { phase: 0 }));
    assert_eq!(fires("kind = 'storm', fires = 'every 2s'"), volley(Fires::Every { nanos: 2_000_000_000 }));
    assert_eq!(of("kind = 'websocket', rate = 5, at_drain = 'must_finish'").at_drain, AtDrain::MustFinish);
    let ordinary = of("kind = 'reqwest', rate = 5");
    assert_eq!((ordinary.behaviour, ordinary.connections), (Behaviour::Reqwest, 256));
    assert_eq!(ordinary.at_drain, AtDrain::MayCloseAtBoundary);
}

#[test]
fn keys_that_mean_nothing_to_a_kind_are_refused() {
    let told = |keys: &str| refused(&format!("{WEB}{STEADY}load.users = {{ to = 'web', {keys} }}\n"));
    let check = |keys: &str, part: &str| assert!(told(keys).contains(part), "{keys}: {}", told(keys));
    check("kind = 'short', rate = 5, depth = 3", "`depth` has no effect on `short` (it is for `pipelined`)");
    check("kind = 'websocket', rate = 5, method = 'POST'", "`method` has no effect on `websocket`");
    check("kind = 'pipelined', rate = 5", "clients of kind `pipelined` have no rate");
    check("kind = 'pipelined'", "`think` is missing");
    check("kind = 'sniper'", "`fires` is missing");
    check("kind = 'storm', fires = 'first close'", "a storm keeps no connections that could be closed");
    check("kind = 'storm', fires = 'soon'", "`soon` fires nothing");
    check("kind = 'storm', fires = 'phase stedy'", "unknown phase `stedy`");
    check("kind = 'silent', rate = 5, wait = '9s'", "`wait` is not shorter than `timeout`");
    check("kind = 'events', think = '1s'", "a client that follows events does not think; say `every`");
    check("kind = 'reqwest', think = '1s'", "clients of `reqwest` share their connections and do not think");
    check("kind = 'reqwest', rate = 501", "501 is more than `reqwest` keeps up with");
    check("kind = 'reqwest', rate = 5, clients = 9", "`clients` has no effect on `reqwest`");
    check("kind = 'reqwest', rate = 5, looks = true", "only a client that reuses a connection can look");
    check("kind = 'reqwest', rate = 5, method = 'POST', body = 16385", "16385 is out of range");
    check("kind = 'upload', rate = 5, framing = 'chunky'", "`chunky` is not known here");
}

#[test]
fn ordinary_clients_are_not_asked_for_more_than_they_keep_up_with() {
    let two = "load.a = { to = 'web', kind = 'reqwest', rate = 300 }\n\
               load.b = { to = 'web', kind = 'reqwest', rate = 201 }\n";
    let told = refused(&format!("{WEB}{STEADY}{two}"));
    assert!(
        told.contains("501 is more than `reqwest` keeps up with, all its populations together"),
        "{told}"
    );
    let faster = "step = [{ load = { name = 'a', rate = 600 } }, { sleep = '1s' }]\n\
                  load.a = { to = 'web', kind = 'reqwest', rate = 300 }\n";
    let told = refused(&format!("{WEB}{faster}"));
    assert!(told.contains("600 is more than `reqwest` keeps up with"), "{told}");
}

#[test]
fn a_server_that_lacks_a_kind_of_client_is_skipped() {
    let websocket = "load.users = { to = 'web', kind = 'websocket', rate = 5 }\n";
    let short = "load.users = { to = 'web', kind = 'short', rate = 5 }\n";
    let lame = "target.web = { kind = 'lame' }\n";
    let skip = |load: &str| plan(&format!("{lame}step = [{{ sleep = '1s' }}]\n{load}")).skip;
    assert_eq!(skip(websocket).as_deref(), Some("lame cannot serve `websocket`: it is lame"));
    assert_eq!(skip(short), None);
}
