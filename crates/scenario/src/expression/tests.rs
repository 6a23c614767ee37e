//! Expressions as input → what they were understood as.

use std::rc::Rc;

use facts::{
    Expression,
    expression::{Argument, Value},
    plan::Selector,
};

use super::*;
use crate::{
    mistake::{Mistakes, Source},
    scope::Id,
    spanned::Spanned,
};

fn text(expression: &str) -> Text {
    let source = Rc::new(Source::new("t.toml", format!("'{expression}'")));
    Text::new(&source, &Spanned::new(0..expression.len() + 2, expression.to_owned()))
}

fn scope() -> Scope {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Scope {
        targets: list(&["web"]),
        origins: list(&["a", "b"]),
        populations: list(&["users"]),
        kinds: vec![],
        phases: list(&["steady", "upgrade", "settled"]),
        ids: vec![Id { name: "shift".into(), first: 2, last: 4 }],
    }
}

/// With every parenthesis written out.
fn shown(expression: &Expression) -> String {
    match expression {
        Expression::Literal(Value::Duration(nanos)) => format!("{nanos}ns"),
        Expression::Literal(value) => value.to_string(),
        Expression::Not(inner) => format!("!{}", shown(inner)),
        Expression::Binary { operator, left, right } => {
            format!("({} {operator:?} {})", shown(left), shown(right))
        }
        Expression::Call { function, arguments } => {
            let arguments: Vec<String> = arguments.iter().map(argument).collect();
            format!("{function:?}[{}]", arguments.join(" "))
        }
    }
}

fn argument(argument: &Argument) -> String {
    match argument {
        Argument::Phases { first, last } => format!("{first}..{last}"),
        Argument::Population(index) => format!("population {index}"),
        Argument::Origin(index) => format!("origin {index}"),
        Argument::Target(index) => format!("target {index}"),
        Argument::Steps { first, last } => format!("steps {first}..{last}"),
        Argument::Processes(Selector { generation, members, .. }) => format!("{generation:?} {members:?}"),
    }
}

fn check(input: &str, expected: &str) {
    let parsed = parse(&text(input), &scope(), Asked::Finally);
    let shown = parsed.map(|expression| shown(&expression)).unwrap_or_else(|mistake| format!("{mistake:?}"));
    assert_eq!(shown, expected, "{input}");
}

/// `input` is refused; `at` is the stretch that the caret underlines.
fn refused(input: &str, at: &str, asked: Asked) {
    let text = text(input);
    let mut mistakes = Mistakes::default();
    assert!(mistakes.keep(parse(&text, &scope(), asked)).is_none(), "{input} was accepted");
    let span = mistakes.into_sorted("t.toml")[0].span.clone();
    assert_eq!(&format!("'{input}'")[span], at, "{input}");
}

#[test]
fn operators_bind_as_everywhere() {
    check("lost == 0", "(Lost[] Equal 0)");
    check(
        "lost == 0 && ok > 1 || ready(web)",
        "(((Lost[] Equal 0) And (Ok[] Greater 1)) Or Ready[Current All])",
    );
    check("lost + 2 * ok - 1 < 5", "(((Lost[] Add (2 Multiply Ok[])) Subtract 1) Less 5)");
    check("!ready(web.new) && (lost == 0)", "(!Ready[New All] And (Lost[] Equal 0))");
    check("p99 < 2 * p50", "(Percentile(990)[] Less (2 Multiply Percentile(500)[]))");
}

#[test]
fn numbers_carry_their_units() {
    check("max < 250ms", "(Max[] Less 250000000ns)");
    check("max < 1.5s", "(Max[] Less 1500000000ns)");
    check("max < 50us", "(Max[] Less 50000ns)");
    check("lost / count < 5%", "((Lost[] Divide Count[]) Less 0.05)");
}

#[test]
fn arguments_are_phases_populations_origins_and_processes() {
    check("lost(upgrade..settled) == 0", "(Lost[1..2] Equal 0)");
    check("lost(users) == lost(steady)", "(Lost[population 0] Equal Lost[0..0])");
    check("lost(users, upgrade) == 0", "(Lost[population 0 1..1] Equal 0)");
    check("share(b, steady) < 5%", "(Share[origin 1 0..0] Less 0.05)");
    check("p99.9(settled) < p999", "(Percentile(999)[2..2] Less Percentile(999)[])");
    check("timeout_first_byte() == 0", "(Class(TimeoutFirstByte)[] Equal 0)");
    check("workers(web) == workers(web.old)", "(Workers[Any All] Equal Workers[Old All])");
    check("alive(web.old.*) == 0", "(Alive[Old All] Equal 0)");
    check("pidfile(web) == pid(web.old.worker[1])", "(PidFile[target 0] Equal Pid[Old Worker(1)])");
    check("pid(web.master) != oldbin(web)", "(Pid[Current Master] NotEqual OldBin[target 0])");
    check("answers(web) == generation(web.new)", "(Answers[target 0] Equal Generation[New All])");
}

#[test]
fn a_step_and_a_stretch_of_time_can_be_asked_about() {
    check(
        "done(shift) && took(upgrade..settled) < 5s",
        "(Done[steps 2..4] And (Took[1..2] Less 5000000000ns))",
    );
    check(
        "accepting(web) > 0 && zombies(web) == 0",
        "((Accepting[target 0] Greater 0) And (Zombies[target 0] Equal 0))",
    );
    refused("done(shfit)", "shfit", Asked::Finally);
    refused("took(users) < 1s", "took(users)", Asked::Finally);
    refused("lost(steady) == 0", "lost(steady)", Asked::Measured);
    refused("done(shift)", "done", Asked::Measured);
}

#[test]
fn clients_and_journals_can_be_asked_about() {
    check("moved(steady, settled) == 0", "(Moved[0..0 2..2] Equal 0)");
    check(
        "moved_minimum(steady, upgrade..settled, users) < 5%",
        "(MovedMinimum[0..0 1..2 population 0] Less 0.05)",
    );
    check("left(b, steady, settled, users) == 0", "(Left[origin 1 0..0 2..2 population 0] Equal 0)");
    refused("left(steady, settled) == 0", "steady", Asked::Finally);
    refused("left(b, settled) == 0", "left(b, settled)", Asked::Finally);
    refused("left(b, steady, settled) > 1", "left(b, steady, settled) > 1", Asked::Finally);
    check("flaps(upgrade, users) == 0", "(Flaps[1..1 population 0] Equal 0)");
    check("last_end(b, upgrade..settled) < 1s", "(LastEnd[origin 1 1..2] Less 1000000000ns)");
    check("exposed(b) <= 6", "(Exposed[origin 1] LessOrEqual 6)");
    refused("moved(steady) == 0", "moved(steady)", Asked::Finally);
    refused("moved(settled, steady) == 0", "moved(settled, steady)", Asked::Finally);
    refused("moved(steady..settled, upgrade) == 0", "moved(steady..settled, upgrade)", Asked::Finally);
    refused("moved(steady, users) == 0", "moved(steady, users)", Asked::Finally);
    refused("moved(steady, settled) > 1", "moved(steady, settled) > 1", Asked::Finally);
    refused("started(b, users) == 0", "started(b, users)", Asked::Finally);
    refused("started == 0", "started", Asked::Finally);
    refused("exposed(b) == 0", "exposed", Asked::Measured);
    refused("flaps == 0", "flaps", Asked::Measured);
}

#[test]
fn always_may_say_within() {
    let within = |input: &str| {
        let (expression, span, nanos) = bounded(&text(input), &scope()).expect(input);
        (shown(&expression), input[span].to_owned(), nanos)
    };
    let accepting = "(Accepting[target 0] Greater 0)".to_owned();
    let written = "accepting(web) > 0".to_owned();
    assert_eq!(within("accepting(web) > 0 within 500ms"), (accepting.clone(), written.clone(), 5e8));
    assert_eq!(within("accepting(web) > 0"), (accepting, written, 0.0));
    for bad in ["accepting(web) > 0 within 5", "accepting(web) > 0 within", "lost == 0 within 1s"] {
        assert!(bounded(&text(bad), &scope()).is_err(), "{bad}");
    }
}

#[test]
fn the_caret_is_under_the_word() {
    refused("lsot == 0", "lsot", Asked::Finally);
    refused("lost(stedy) == 0", "stedy", Asked::Finally);
    refused("lost(settled..upgrade) == 0", "settled..upgrade", Asked::Finally);
    refused("ready(wbe.new)", "wbe", Asked::Finally);
    refused("pid(web.old.wrkers) == pidfile(web)", "wrkers", Asked::Finally);
    refused("pid(web.any.master) == pidfile(web)", "web.any.master", Asked::Finally);
    refused("ready(web) && p99(steady) < 2s sec", "sec", Asked::Finally);
    refused("max < 5sec", "sec", Asked::Finally);
    refused("1 < lost < 2", "<", Asked::Finally);
    refused("ready(web) == ready(web.new)", "ready(web) == ready(web.new)", Asked::Finally);
    refused("lost(steady", "", Asked::Finally);
    refused("", "", Asked::Finally);
    refused("workers(web) == 2 && lost == 0", "lost", Asked::Live);
}

#[test]
fn what_may_be_so_or_not_is_accepted() {
    for input in [
        "lost == 0",
        "lost <= 0 && retriable == 0",
        "lost < 1000000",
        "accepting(web) >= 1",
        "share(b, steady) == 100%",
        "pid(web.master) == pid(web.master)",
        "oldbin(web) != oldbin(web)",
        "lost == lost(steady)",
        "p99 < 2 * p50",
        "lost / count < 5%",
        "ok - count >= 0",
        "lost == 0 || lost > 5",
        "done(shift) || !ready(web)",
        "took < 1.5s",
    ] {
        assert!(parse(&text(input), &scope(), Asked::Finally).is_ok(), "{input}");
    }
}

#[test]
fn a_line_has_so_many_operators_and_no_more() {
    let line = |terms: usize| vec!["lost == 0"; terms].join(" && ");
    assert!(parse(&text(&line(200)), &scope(), Asked::Finally).is_ok());
    for terms in [202, 10_000] {
        assert!(parse(&text(&line(terms)), &scope(), Asked::Finally).is_err(), "{terms}");
    }
    let nested = format!("{}lost{} == 50", "(".repeat(40), " + 1)".repeat(40));
    assert!(parse(&text(&nested), &scope(), Asked::Finally).is_ok());
}

#[test]
fn nothing_nests_without_end() {
    let deep = format!("{}lost{} == 0", "(".repeat(100_000), ")".repeat(100_000));
    assert!(parse(&text(&deep), &scope(), Asked::Finally).is_err());
    let negated = format!("{}ready(web)", "!".repeat(100_000));
    assert!(parse(&text(&negated), &scope(), Asked::Finally).is_err());
}
