//! `listen` inside `server`: one socket, or one for each port of a range.

use super::argument_span;
use crate::address::Address;
use crate::codes;
use crate::http::{Listen, Queues};
use crate::lexer::Word;
use crate::problems::{Problems, Wrong};
use crate::tree::Directive;
use crate::value;

pub(super) fn listens(directives: &[Directive], problems: &mut Problems) -> Vec<Listen> {
    let mut listens: Vec<Listen> = Vec::new();
    for directive in directives.iter().filter(|directive| directive.name.text == "listen") {
        for listen in listen(directive, problems) {
            if listens.iter().any(|earlier| earlier.address == listen.address) {
                duplicate(directive, &listen, problems);
            } else {
                listens.push(listen);
            }
        }
    }
    listens
}

fn duplicate(directive: &Directive, listen: &Listen, problems: &mut Problems) {
    let message = format!("a duplicate listen {}", listen.address);
    let help = "keep one of them".to_owned();
    problems.add(codes::DUPLICATE, directive.span(), message, "written before in this server", Some(help));
}

fn listen(directive: &Directive, problems: &mut Problems) -> Vec<Listen> {
    let read = value::listen_addresses(directive.argument(0));
    let addresses = problems.note(&argument_span(directive, 0), read).unwrap_or_default();
    let mut listens: Vec<Listen> = addresses
        .into_iter()
        .map(|address| Listen { address, backlog: None, queues: Queues::One, default_server: false })
        .collect();
    for word in directive.arguments.iter().skip(1) {
        let all = listens.iter_mut().try_for_each(|listen| parameter(listen, word));
        problems.note(&word.span, all);
    }
    listens
}

fn parameter(listen: &mut Listen, word: &Word) -> Result<(), Wrong> {
    match (word.text.as_str(), word.text.split_once('=')) {
        ("default_server" | "default", _) => listen.default_server = true,
        (_, Some(("backlog", text))) => match value::small_number(text)? {
            backlog @ 1..=0x7fff_ffff => listen.backlog = Some(backlog),
            _ => return Err(Wrong::value(format!("invalid backlog \"{text}\""), "write a number from 1")),
        },
        ("reuseport", _) if matches!(listen.address, Address::Unix(_)) => {
            return Err(Wrong::value(
                "\"reuseport\" of a unix domain socket",
                "a path leads to one socket: remove it",
            ));
        }
        ("reuseport", _) => listen.queues = Queues::OnePerWorker,
        (text, _) => {
            return Err(Wrong::value(
                format!("invalid parameter \"{text}\""),
                "known: backlog=NUMBER, default_server, reuseport",
            ));
        }
    }
    Ok(())
}
