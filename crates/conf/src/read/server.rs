//! `server` inside `http`: where it listens, its names, its locations.

use super::{argument_span, location, settings};
use crate::codes;
use crate::http::{Listen, Location, Server, ServerName, Settings, Upstream};
use crate::lexer::Word;
use crate::problems::{Problems, Wrong};
use crate::tree::Directive;
use crate::value;

pub(super) fn server(
    directives: &[Directive],
    outer: &Settings,
    upstreams: &mut Vec<Upstream>,
    problems: &mut Problems,
) -> Server {
    let settings = settings::settings(directives, outer, problems);
    Server {
        listens: listens(directives, problems),
        names: names(directives, problems),
        answer: location::first_return(directives, problems),
        locations: locations(directives, &settings, upstreams, problems),
        settings,
    }
}

fn listens(directives: &[Directive], problems: &mut Problems) -> Vec<Listen> {
    let mut listens: Vec<Listen> = Vec::new();
    for directive in directives.iter().filter(|directive| directive.name.text == "listen") {
        let Some(listen) = listen(directive, problems) else { continue };
        if listens.iter().any(|earlier| earlier.address == listen.address) {
            let message = format!("a duplicate listen {}", listen.address);
            let help = "keep one of them".to_owned();
            problems.add(
                codes::DUPLICATE,
                directive.span(),
                message,
                "written before in this server",
                Some(help),
            );
        } else {
            listens.push(listen);
        }
    }
    listens
}

fn listen(directive: &Directive, problems: &mut Problems) -> Option<Listen> {
    let address = problems.note(&argument_span(directive, 0), value::listen_address(directive.argument(0)));
    let mut listen = Listen { address: address?, backlog: None, default_server: false };
    for word in directive.arguments.iter().skip(1) {
        problems.note(&word.span, parameter(&mut listen, word));
    }
    Some(listen)
}

fn parameter(listen: &mut Listen, word: &Word) -> Result<(), Wrong> {
    match (word.text.as_str(), word.text.split_once('=')) {
        ("default_server" | "default", _) => listen.default_server = true,
        (_, Some(("backlog", text))) => match value::small_number(text)? {
            backlog @ 1..=0x7fff_ffff => listen.backlog = Some(backlog),
            _ => return Err(Wrong::value(format!("invalid backlog \"{text}\""), "write a number from 1")),
        },
        ("reuseport", _) => {
            return Err(Wrong::value(
                "\"reuseport\" is not supported here",
                "connections queued on a worker's own socket are reset when that worker leaves: remove it",
            ));
        }
        (text, _) => {
            return Err(Wrong::value(
                format!("invalid parameter \"{text}\""),
                "known: backlog=NUMBER, default_server",
            ));
        }
    }
    Ok(())
}

fn names(directives: &[Directive], problems: &mut Problems) -> Vec<ServerName> {
    let written = directives.iter().filter(|directive| directive.name.text == "server_name");
    let words = written.flat_map(|directive| &directive.arguments);
    words.filter_map(|word| problems.note(&word.span, name(&word.text.to_lowercase()))).collect()
}

fn name(text: &str) -> Result<ServerName, Wrong> {
    if text.starts_with('~') {
        return Err(Wrong::value(
            "regular expressions are not supported in server names here",
            "write the names out, or as *.name or name.*",
        ));
    }
    let name = match (text.strip_prefix('*'), text.strip_suffix('*')) {
        (Some(tail), _) if tail.len() > 1 && tail.starts_with('.') => {
            ServerName::LeadingWildcard(tail.to_owned())
        }
        (_, Some(head)) if head.len() > 1 && head.ends_with('.') => {
            ServerName::TrailingWildcard(head.to_owned())
        }
        _ => ServerName::Exact(text.to_owned()),
    };
    let stars = |rest: &str| rest.contains('*');
    match &name {
        ServerName::Exact(rest) | ServerName::LeadingWildcard(rest) | ServerName::TrailingWildcard(rest)
            if stars(rest) =>
        {
            Err(Wrong::value(
                format!("invalid server name or wildcard \"{text}\""),
                "a star stands for whole parts, at the start or at the end: *.name, name.*",
            ))
        }
        _ => Ok(name),
    }
}

fn locations(
    directives: &[Directive],
    settings: &Settings,
    upstreams: &mut Vec<Upstream>,
    problems: &mut Problems,
) -> Vec<Location> {
    let mut locations: Vec<Location> = Vec::new();
    for block in directives.iter().filter(|directive| directive.name.text == "location") {
        let Some(location) = location::location(block, settings, upstreams, problems) else { continue };
        if locations.iter().any(|earlier| earlier.matching == location.matching) {
            let words: Vec<&str> = block.arguments.iter().map(|word| word.text.as_str()).collect();
            let message = format!("duplicate location \"{}\"", words.join(" "));
            let help = "keep one of them".to_owned();
            problems.add(
                codes::DUPLICATE,
                block.span(),
                message,
                "written before in this server",
                Some(help),
            );
        } else {
            locations.push(location);
        }
    }
    locations
}
