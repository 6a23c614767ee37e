//! `split_clients`: a variable and its values.

use super::{argument_span, inside};
use crate::codes;
use crate::http::{Share, SplitClients};
use crate::problems::{Problems, Wrong};
use crate::template::{self, Variable};
use crate::tree::Directive;

pub(super) fn split_clients(block: &Directive, splits: &mut Vec<SplitClients>, problems: &mut Problems) {
    // Before its own name is known: a variable cannot depend on itself.
    let key = problems.template(&argument_span(block, 0), block.argument(0));
    let name = problems.note(&argument_span(block, 1), name(block.argument(1)));
    let mut parts = Vec::new();
    for part in inside(block) {
        if let Some(share) = problems.note(&part.name.span, share(&part.name.text)) {
            parts.push((share, part.argument(0).to_owned()));
        }
    }
    not_more_than_all(block, &parts, problems);
    // Known even if the rest is wrong, so that its uses are not reported too.
    let Some(name) = name else { return };
    problems.define(name, Variable::Split(splits.len()));
    splits.push(SplitClients { key: key.unwrap_or_default(), parts });
}

/// The name of a variable of one's own.
pub(super) fn name(text: &str) -> Result<String, Wrong> {
    let help = "write a name of your own after the key: $variant";
    let Some(name) = text.strip_prefix('$').filter(|name| !name.is_empty()) else {
        return Err(Wrong::value(format!("invalid variable name \"{text}\""), help));
    };
    if template::is_built_in(name) {
        let message = format!("the duplicate \"{name}\" variable");
        return Err(Wrong { code: codes::DUPLICATE, ..Wrong::value(message, help) });
    }
    Ok(name.to_owned())
}

/// A percentage with at most two decimals (`ngx_atofp`).
fn share(text: &str) -> Result<Share, Wrong> {
    if text == "*" {
        return Ok(Share::Rest);
    }
    let wrong = || {
        Wrong::value(
            format!("invalid percent value \"{text}\""),
            "write a percentage with at most two decimals, or *: 0.5%",
        )
    };
    let number = text.strip_suffix('%').ok_or_else(wrong)?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{decimals:0<2}");
    if decimals.len() > 2 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    match digits.parse() {
        Ok(0) | Err(_) => Err(wrong()),
        Ok(hundredths) => Ok(Share::Hundredths(hundredths)),
    }
}

fn not_more_than_all(block: &Directive, parts: &[(Share, String)], problems: &mut Problems) {
    let mut sum: u64 = 0;
    for (share, _) in parts {
        sum = match share {
            Share::Hundredths(hundredths) => sum + u64::from(*hundredths),
            Share::Rest => sum.max(10_000),
        };
    }
    if sum > 10_000 {
        let message = "percent total is greater than 100%".to_owned();
        let help = "make some part smaller; nothing may follow *".to_owned();
        problems.add(codes::INVALID_VALUE, block.span(), message, "in this block", Some(help));
    }
}
