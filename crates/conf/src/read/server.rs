//! `server` inside `http`: where it listens, its names, its locations.

use super::{listen, location, settings};
use crate::codes;
use crate::http::{Location, Server, ServerName, Settings, Upstream};
use crate::problems::{Problems, Wrong};
use crate::tree::Directive;

pub(super) fn server(
    directives: &[Directive],
    outer: &Settings,
    upstreams: &mut Vec<Upstream>,
    problems: &mut Problems,
) -> Server {
    let settings = settings::settings(directives, outer, problems);
    Server {
        listens: listen::listens(directives, problems),
        names: names(directives, problems),
        answer: location::first_return(directives, problems),
        locations: locations(directives, &settings, upstreams, problems),
        settings,
    }
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
