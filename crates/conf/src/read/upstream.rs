//! `upstream` and the peers in it.

use std::time::Duration;

use super::{argument_span, inside, set, zone};
use crate::codes;
use crate::http::{Keepalive, Method, Peer, PeerRole, Upstream};
use crate::lexer::Word;
use crate::problems::{Problems, Wrong};
use crate::rules::SERVER_PARAMETERS;
use crate::tree::Directive;
use crate::value;

pub(super) fn upstream(block: &Directive, upstreams: &mut Vec<Upstream>, problems: &mut Problems) {
    let name = block.argument(0).to_owned();
    if upstreams.iter().any(|known| known.name == name) {
        let message = format!("duplicate upstream \"{name}\"");
        problems.add(
            codes::DUPLICATE,
            block.span(),
            message,
            "written before",
            Some("give it another name".to_owned()),
        );
        return;
    }
    // Kept even if a server in it is wrong, so that a `proxy_pass` to it is not reported too.
    let peers = peers(block, problems);
    let method = method(block, problems);
    no_backups(block, &method, problems);
    let keepalive = keepalive(block, problems);
    let (ejection, zone) = (zone::ejection(block, problems), zone::zone(block, problems));
    upstreams.push(Upstream { name, peers, method, keepalive, zone, ejection });
}

/// The method that is written; a second one is a mistake that nginx only warns of.
fn method(block: &Directive, problems: &mut Problems) -> Method {
    let methods = ["ip_hash", "hash", "least_conn", "random"];
    let mut written = inside(block).iter().filter(|inner| methods.contains(&inner.name.text.as_str()));
    let Some(first) = written.next() else { return Method::RoundRobin };
    for second in written {
        let message = "load balancing method redefined".to_owned();
        let help = "keep one of them".to_owned();
        problems.add(codes::DUPLICATE, second.span(), message, "another is written before", Some(help));
    }
    match first.name.text.as_str() {
        "ip_hash" => Method::IpHash,
        "least_conn" => Method::LeastConn,
        "random" => problems.note(&first.span(), random(first)).unwrap_or(Method::Random),
        _ => hash(first, problems),
    }
}

fn random(directive: &Directive) -> Result<Method, Wrong> {
    let strange = |text: &str| {
        Wrong::value(
            format!("invalid parameter \"{text}\""),
            "write: random; random two; or random two least_conn;",
        )
    };
    match (directive.argument(0), directive.argument(1)) {
        ("", _) => Ok(Method::Random),
        ("two", "" | "least_conn") => Ok(Method::RandomTwo),
        ("two", other) | (other, _) => Err(strange(other)),
    }
}

fn hash(directive: &Directive, problems: &mut Problems) -> Method {
    let key = problems.template(&argument_span(directive, 0), directive.argument(0)).unwrap_or_default();
    match directive.argument(1) {
        "" => Method::Hash(key),
        "consistent" => Method::ConsistentHash(key),
        other => {
            let wrong =
                Wrong::value(format!("invalid parameter \"{other}\""), "the only one here is \"consistent\"");
            problems.note::<()>(&argument_span(directive, 1), Err(wrong));
            Method::Hash(key)
        }
    }
}

/// nginx refuses them too, unless they are written before the method.
fn no_backups(block: &Directive, method: &Method, problems: &mut Problems) {
    if matches!(method, Method::RoundRobin | Method::LeastConn) {
        return;
    }
    let servers = inside(block).iter().filter(|inner| inner.name.text == "server");
    for word in servers.flat_map(|server| &server.arguments).filter(|word| word.text == "backup") {
        let wrong = Wrong::value(
            "balancing method does not support parameter \"backup\"",
            "remove it, or balance by weight or by least_conn",
        );
        problems.note::<()>(&word.span, Err(wrong));
    }
}

fn peers(block: &Directive, problems: &mut Problems) -> Vec<Peer> {
    let servers: Vec<&Directive> = inside(block).iter().filter(|inner| inner.name.text == "server").collect();
    let peers: Vec<Peer> = servers.iter().filter_map(|server| peer(server, problems)).collect();
    let all_read = peers.len() == servers.len();
    if all_read && peers.iter().all(|peer| peer.role == PeerRole::Backup) {
        let message = format!("no servers are inside upstream \"{}\"", block.argument(0));
        let help = "write at least one that is no backup: server 127.0.0.1:8080;".to_owned();
        problems.add(codes::MISSING, block.span(), message, "in this upstream", Some(help));
    }
    peers
}

fn keepalive(block: &Directive, problems: &mut Problems) -> Option<Keepalive> {
    let hour = Duration::from_secs(3600);
    let mut keepalive =
        Keepalive { connections: 0, requests: 1000, timeout: Duration::from_secs(60), time: hour };
    for directive in inside(block) {
        match directive.name.text.as_str() {
            "keepalive" => set(&mut keepalive.connections, directive, problems, connections),
            "keepalive_requests" => set(&mut keepalive.requests, directive, problems, value::number),
            "keepalive_timeout" => set(&mut keepalive.timeout, directive, problems, value::time),
            "keepalive_time" => set(&mut keepalive.time, directive, problems, value::time),
            _ => {}
        }
    }
    (keepalive.connections > 0).then_some(keepalive)
}

fn connections(text: &str) -> Result<u32, Wrong> {
    match value::small_number(text)? {
        0 => Err(Wrong::value("invalid value \"0\"", "write a number from 1, or leave \"keepalive\" out")),
        connections => Ok(connections),
    }
}

fn peer(directive: &Directive, problems: &mut Problems) -> Option<Peer> {
    let name = directive.argument(0).to_owned();
    let read = value::peer_address(&name, 80).map_err(|wrong| in_upstream(wrong, &name));
    let address = problems.note(&argument_span(directive, 0), read);
    let unread = || std::net::SocketAddr::from(([0, 0, 0, 0], 0));
    let mut peer = Peer::new(name, address.unwrap_or_else(unread));
    let mut words = directive.arguments.iter().skip(1).peekable();
    while let Some(word) = words.next() {
        let next = words.peek().map(|next| next.text.as_str());
        problems.note(&word.span, parameter(&mut peer, word, next));
    }
    address.map(|_| peer)
}

fn in_upstream(wrong: Wrong, name: &str) -> Wrong {
    match wrong.code {
        codes::UNRESOLVED_HOST => {
            let help = match name.split(':').next() {
                Some("localhost") => "names are not resolved here: write 127.0.0.1",
                _ => "names are not resolved here: write an IP address",
            };
            Wrong {
                message: format!("host not found in upstream \"{name}\""),
                help: help.to_owned(),
                ..wrong
            }
        }
        _ => wrong,
    }
}

/// One parameter; `next` is the word after it, for people who wrote a space where `=` belongs.
fn parameter(peer: &mut Peer, word: &Word, next: Option<&str>) -> Result<(), Wrong> {
    match word.text.split_once('=') {
        Some(("weight", text)) => peer.weight = weight(text)?,
        Some(("max_conns", text)) => peer.max_conns = value::small_number(text)?,
        Some(("max_fails", text)) => peer.max_fails = value::small_number(text)?,
        Some(("fail_timeout", text)) => peer.fail_timeout = whole_seconds(text)?,
        None if word.text == "down" => peer.down = true,
        None if word.text == "backup" => peer.role = PeerRole::Backup,
        _ => return Err(strange_parameter(&word.text, next)),
    }
    Ok(())
}

fn weight(text: &str) -> Result<u32, Wrong> {
    match value::small_number(text)? {
        // More would overflow the sums of the balancer, as it would those of nginx.
        weight @ 1..=1_000_000 => Ok(weight),
        0 => Err(Wrong::value(
            "invalid weight \"0\"",
            "to send a server nothing, write \"down\" instead of weight=0",
        )),
        _ => Err(Wrong::value(format!("invalid weight \"{text}\""), "write a number from 1 to 1000000")),
    }
}

pub(super) fn whole_seconds(text: &str) -> Result<Duration, Wrong> {
    let time = value::time(text)?;
    if time.subsec_millis() > 0 {
        return Err(Wrong::value(
            format!("invalid time \"{text}\""),
            "failures are timed in whole seconds: 10s",
        ));
    }
    Ok(time)
}

fn strange_parameter(text: &str, next: Option<&str>) -> Wrong {
    let name = text.split('=').next().unwrap_or(text);
    let help = match (SERVER_PARAMETERS.contains(&name), next) {
        (true, _) if matches!(name, "down" | "backup") => format!("it takes no value: write {name}"),
        (true, Some(value)) => format!("write it with an equals sign: {name}={value}"),
        (true, None) => format!("write it with an equals sign: {name}=1"),
        (false, _) => match diagnostic::closest(name, SERVER_PARAMETERS.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known: {}", SERVER_PARAMETERS.join(", ")),
        },
    };
    Wrong::value(format!("invalid parameter \"{text}\""), help)
}
