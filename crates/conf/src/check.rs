//! Holds a tree of directives against the rules: known, allowed here, well-formed, not written twice.
//! What passes is returned; values are read later.

use crate::codes;
use crate::problems::Problems;
use crate::rules::{self, Context, Form, Repeat, Rule};
use crate::tree::Directive;

/// The directives of a block that follow the rules. Every other one is reported.
pub(crate) fn block(context: Context, directives: Vec<Directive>, problems: &mut Problems) -> Vec<Directive> {
    let mut kept: Vec<Directive> = Vec::new();
    for directive in directives {
        let Some(rule) = rules::find(&directive.name.text, context) else {
            stranger(context, &directive, problems);
            continue;
        };
        if repeated(rule, &directive, &kept, problems) {
            continue;
        }
        kept.extend(one(rule, directive, problems));
    }
    kept
}

fn one(rule: &Rule, mut directive: Directive, problems: &mut Problems) -> Option<Directive> {
    let formed = form(rule, &directive, problems) && arguments(rule, &directive, problems);
    // The inside of a block is looked at even if its head is wrong.
    if let (Form::Block(inside), Some(inner)) = (rule.form, directive.block.take()) {
        directive.block = Some(match inside {
            Context::SplitClients => pairs(inner, ("a part is a size and one value", "10% VALUE;"), problems),
            Context::Map => {
                pairs(inner, ("a map has pairs of a text and its value", "TEXT VALUE;"), problems)
            }
            _ => block(inside, inner, problems),
        });
    }
    formed.then_some(directive)
}

/// The inside of `split_clients` or `map`: pairs, as often as one likes.
fn pairs(directives: Vec<Directive>, (what, usage): (&str, &str), problems: &mut Problems) -> Vec<Directive> {
    let is_pair = |pair: &Directive| pair.block.is_none() && pair.arguments.len() == 1;
    let (pairs, others): (Vec<_>, Vec<_>) = directives.into_iter().partition(is_pair);
    for other in others {
        problems.add(
            codes::ARGUMENTS,
            other.span(),
            what.to_owned(),
            "here",
            Some(format!("write: {usage}")),
        );
    }
    pairs
}

fn form(rule: &Rule, directive: &Directive, problems: &mut Problems) -> bool {
    let name = &directive.name.text;
    let message = match (rule.form, &directive.block) {
        (Form::Simple, Some(_)) => format!("directive \"{name}\" is not terminated by \";\""),
        (Form::Block(_), None) => format!("directive \"{name}\" has no opening \"{{\""),
        _ => return true,
    };
    problems.add(codes::SYNTAX, directive.span(), message, "here", Some(format!("write: {}", rule.usage)));
    false
}

fn arguments(rule: &Rule, directive: &Directive, problems: &mut Problems) -> bool {
    if rule.arguments.contains(&directive.arguments.len()) {
        return true;
    }
    let message = format!("invalid number of arguments in \"{}\" directive", rule.name);
    let help = format!("write: {}", rule.usage);
    problems.add(codes::ARGUMENTS, directive.span(), message, &arity(rule, directive), Some(help));
    false
}

fn arity(rule: &Rule, directive: &Directive) -> String {
    let (least, most) = (*rule.arguments.start(), *rule.arguments.end());
    let wanted = match (least, most) {
        _ if least == most => format!("{least}"),
        (_, usize::MAX) => format!("at least {least}"),
        _ => format!("{least} to {most}"),
    };
    format!("takes {wanted}, has {}", directive.arguments.len())
}

fn repeated(rule: &Rule, directive: &Directive, kept: &[Directive], problems: &mut Problems) -> bool {
    let name = &directive.name.text;
    let before = kept.iter().any(|earlier| earlier.name.text == *name);
    if rule.repeat == Repeat::Many || !before {
        return false;
    }
    let message = format!("\"{name}\" directive is duplicate");
    let help = "keep one of them".to_owned();
    problems.add(codes::DUPLICATE, directive.span(), message, "written before", Some(help));
    true
}

fn stranger(context: Context, directive: &Directive, problems: &mut Problems) {
    let name = directive.name.text.as_str();
    let elsewhere = rules::contexts_of(name);
    let (code, message) = if elsewhere.is_empty() {
        (codes::UNKNOWN_DIRECTIVE, format!("unknown directive \"{name}\""))
    } else {
        (codes::NOT_ALLOWED_HERE, format!("\"{name}\" directive is not allowed here"))
    };
    let label = format!("not known in {}", context.name());
    problems.add(
        code,
        directive.name.span.clone(),
        message,
        &label,
        Some(advice(context, directive, &elsewhere)),
    );
}

fn advice(context: Context, directive: &Directive, elsewhere: &[Context]) -> String {
    let name = directive.name.text.as_str();
    if context == Context::Upstream && rules::SERVER_PARAMETERS.contains(&name) {
        let value = directive.arguments.first().map_or(String::new(), |word| format!("={}", word.text));
        return format!("it is a parameter of \"server\": write server ADDRESS {name}{value};");
    }
    if !elsewhere.is_empty() {
        let names: Vec<&str> = elsewhere.iter().map(|context| context.name()).collect();
        return format!("it belongs in {}", names.join(", "));
    }
    let known: Vec<&str> = rules::known(context).collect();
    match diagnostic::closest(name, known.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("known in {}: {}", context.name(), known.join(", ")),
    }
}
