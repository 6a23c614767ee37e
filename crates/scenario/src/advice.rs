//! What a scenario is told that may be meant so, and mostly is not: weight changes that move more clients than they need
//! to. Methods that hash divide by the total weight of all members, those that are down included: whoever changes that
//! total deals the clients anew.

use std::collections::BTreeSet;

use diagnostic::{Code, Diagnostic};
use facts::{
    Plan,
    plan::{Action, Member, Step, Target, Upstream},
};

const TOTAL_CHANGES: Code = Code {
    code: "CW0001",
    says: "The total weight changes, and a method that hashes deals its clients anew by it.",
    example: include_str!("../tests/mistakes/CW0001.toml"),
};
const DELETED: Code = Code {
    code: "CW0002",
    says: "A member is deleted, which moves clients of members that stay; one that is `down` keeps its place.",
    example: include_str!("../tests/mistakes/CW0002.toml"),
};

/// Codes of warnings, in order.
pub const WARNINGS: &[Code] = &[TOTAL_CHANGES, DELETED];

/// Warnings about the plans of one file, whose text this is; each once for the whole matrix.
pub fn advise(plans: &[Plan], file: &str, text: &str) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    let hashing = |target: &Target| matches!(method(target).split(' ').next(), Some("ip_hash" | "hash"));
    for plan in plans {
        let directors = plan.targets.iter().enumerate().filter(|(_, target)| hashing(target));
        for warning in directors.flat_map(|(number, target)| of_director(plan, number, target, file, text)) {
            if !found.contains(&warning) {
                found.push(warning);
            }
        }
    }
    found
}

/// With its options filled in.
fn method(target: &Target) -> String {
    let fill = |method: String, (option, value): (&String, &String)| {
        method.replace(&format!("${{{option}}}"), value)
    };
    target.options.iter().fold(target.method.clone(), fill)
}

fn of_director(plan: &Plan, number: usize, target: &Target, file: &str, text: &str) -> Vec<Diagnostic> {
    let origins: BTreeSet<&str> = plan.origins.iter().map(|origin| origin.name.as_str()).collect();
    let mut upstream = Upstream::new(&target.weights);
    let mut found = Vec::new();
    for step in plan.steps.iter().filter(|step| step.place.file == file) {
        let before = total(&upstream, &origins);
        match &step.action {
            Action::Weight { target: of, weights } if *of == number => {
                upstream.weigh(weights);
                let after = total(&upstream, &origins);
                if after != before {
                    found.push(total_changes(step, text, (before, after), &method(target)));
                }
            }
            Action::Delete { target: of, member } if *of == number => {
                upstream.delete(member);
                found.push(deleted(step, text, member));
            }
            _ => {}
        }
    }
    found
}

fn total(upstream: &Upstream, origins: &BTreeSet<&str>) -> u64 {
    let weight = |origin: &&str| match upstream.member(origin) {
        Member::Up { weight } | Member::Down { weight } => u64::from(weight),
        Member::Deleted => 0,
    };
    origins.iter().map(weight).sum()
}

fn total_changes(step: &Step, text: &str, (before, after): (u64, u64), method: &str) -> Diagnostic {
    let message =
        format!("the total weight was {before} and is {after}: `{method}` moves clients that could stay");
    warning(
        TOTAL_CHANGES,
        step,
        text,
        message,
        "let the weights have the same sum, and use `down` for a weight of 0",
    )
}

fn deleted(step: &Step, text: &str, member: &str) -> Diagnostic {
    let message = format!("without `{member}` the clients of the others are dealt anew, too");
    warning(DELETED, step, text, message, "`down` keeps its place, and moves its own clients only")
}

/// About the first line of a step.
fn warning(code: Code, step: &Step, text: &str, message: String, help: &str) -> Diagnostic {
    let line = text.split_inclusive('\n').take(step.place.line as usize - 1).map(str::len).sum::<usize>();
    let in_line =
        text[line..].chars().take(step.place.column as usize - 1).map(char::len_utf8).sum::<usize>();
    let start = line + in_line;
    let length = text[start..].find('\n').unwrap_or(text.len() - start);
    let (file, help) = (step.place.file.clone(), Some(help.to_owned()));
    Diagnostic { code: code.code, file, span: start..start + length, message, label: String::new(), help }
}
