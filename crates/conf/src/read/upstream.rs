//! `upstream` and the peers in it.

use std::time::Duration;

use super::{argument_span, inside};
use crate::codes;
use crate::http::{Peer, PeerRole, Upstream};
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
    upstreams.push(Upstream { name, peers: peers(block, problems), keepalive: keepalive(block, problems) });
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

fn keepalive(block: &Directive, problems: &mut Problems) -> Option<u32> {
    let directive = inside(block).iter().find(|inner| inner.name.text == "keepalive")?;
    problems.note(&argument_span(directive, 0), value::small_number(directive.argument(0)))
}

fn peer(directive: &Directive, problems: &mut Problems) -> Option<Peer> {
    let name = directive.argument(0).to_owned();
    let read = value::peer_address(&name, 80).map_err(|wrong| in_upstream(wrong, &name));
    let address = problems.note(&argument_span(directive, 0), read);
    let mut peer = Peer {
        address: address.unwrap_or_else(|| std::net::SocketAddr::from(([0, 0, 0, 0], 0))),
        name,
        weight: 1,
        max_fails: 1,
        fail_timeout: Duration::from_secs(10),
        role: PeerRole::Primary,
        down: false,
    };
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

fn whole_seconds(text: &str) -> Result<Duration, Wrong> {
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
