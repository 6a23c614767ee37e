//! What an `upstream` says of what is known of its peers: who shares it, how long it is kept, and what is counted.

use std::time::Duration;

use super::{argument_span, inside, upstream::whole_seconds};
use crate::codes;
use crate::http::{AtReload, Ejection, Zone};
use crate::lexer::Word;
use crate::problems::{Problems, Wrong};
use crate::tree::Directive;
use crate::value;

/// nginx's smallest zone: eight pages.
const SIZE_MIN: u64 = 8 * 4096;

/// More are not shared.
const PEERS_MAX: usize = 512;

pub(super) fn zone(block: &Directive, problems: &mut Problems) -> Option<Zone> {
    let named = |name: &str| inside(block).iter().find(|inner| inner.name.text == name);
    let at_reload = named("changeover_zone_reload").map(|directive| {
        let read = problems.note(&argument_span(directive, 0), at_reload(directive.argument(0)));
        (directive, read.unwrap_or(AtReload::Forgotten))
    });
    let Some(zone) = named("zone") else {
        if let Some((directive, _)) = at_reload {
            let message = "\"changeover_zone_reload\" without a zone".to_owned();
            let help = format!("write \"zone {} 64k;\" beside it", block.argument(0));
            problems.add(codes::MISSING, directive.span(), message, "nothing is shared here", Some(help));
        }
        return None;
    };
    if zone.arguments.len() > 1 {
        problems.note(&argument_span(zone, 1), size(zone.argument(0), zone.argument(1)));
    }
    let servers = inside(block).iter().filter(|inner| inner.name.text == "server").count();
    if servers > PEERS_MAX {
        let wrong = Wrong::value(
            format!("{servers} servers in an upstream with a zone"),
            format!("a zone has room for {PEERS_MAX}: make several upstreams of it, or leave the zone out"),
        );
        problems.note::<()>(&zone.span(), Err(wrong));
    }
    let at_reload = at_reload.map_or(AtReload::Forgotten, |(_, at_reload)| at_reload);
    Some(Zone { name: zone.argument(0).to_owned(), at_reload })
}

fn size(name: &str, text: &str) -> Result<(), Wrong> {
    match value::size(text)? {
        SIZE_MIN.. => Ok(()),
        _ => Err(Wrong::value(format!("zone \"{name}\" is too small"), "write at least 32k")),
    }
}

fn at_reload(text: &str) -> Result<AtReload, Wrong> {
    match text {
        "forget" => Ok(AtReload::Forgotten),
        "keep" => Ok(AtReload::Kept),
        _ => Err(Wrong::value(format!("invalid value \"{text}\""), "write forget or keep")),
    }
}

pub(super) fn ejection(block: &Directive, problems: &mut Problems) -> Option<Ejection> {
    let directive = inside(block).iter().find(|inner| inner.name.text == "changeover_eject")?;
    let percent = problems.note(&argument_span(directive, 0), percent(directive.argument(0)));
    let ten_seconds = Duration::from_secs(10);
    let mut ejection =
        Ejection { percent: percent.unwrap_or(100), answers: 20, within: ten_seconds, rest: ten_seconds };
    for word in directive.arguments.iter().skip(1) {
        problems.note(&word.span, parameter(&mut ejection, word));
    }
    Some(ejection)
}

fn percent(text: &str) -> Result<u32, Wrong> {
    let wrong = || Wrong::value(format!("invalid part \"{text}\""), "write a part from 1% to 100%");
    let number = text.strip_suffix('%').and_then(|digits| value::small_number(digits).ok());
    number.filter(|percent| (1..=100).contains(percent)).ok_or_else(wrong)
}

fn parameter(ejection: &mut Ejection, word: &Word) -> Result<(), Wrong> {
    match word.text.split_once('=') {
        Some(("of", text)) => ejection.answers = answers(text)?,
        Some(("within", text)) => ejection.within = whole_seconds(text)?,
        Some(("rest", text)) => ejection.rest = whole_seconds(text)?,
        _ => {
            let message = format!("invalid parameter \"{}\"", word.text);
            return Err(Wrong::value(message, "known: of=ANSWERS, within=TIME, rest=TIME"));
        }
    }
    Ok(())
}

fn answers(text: &str) -> Result<u32, Wrong> {
    match value::small_number(text)? {
        0 => Err(Wrong::value("invalid number \"0\"", "a rate is of one answer at least")),
        answers => Ok(answers),
    }
}
