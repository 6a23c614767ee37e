//! `simulate`: explores the upgrade protocol, or nginx's, and tells what is found.

mod found;

use std::{fs, io, path::Path, time::Instant};

use simulator::{
    ENOUGH, Exploration, Model, NGINX, Outage, PORTFOLIO, PROPERTIES, Property, Reference, WHOLE, When,
    explore,
    nginx::{Nginx, Quirks, written},
    outages, reference,
};

use self::found::{counts, pace, timeline};
use crate::{
    arguments::{self, Profile},
    exit::Exit,
    printed::{complain, print},
};

/// States after which an exploration is given up as not exhausted.
const MOST: usize = 30_000_000;

/// Explores what was asked for.
pub(crate) fn simulate(asked: &arguments::Simulate) -> Exit {
    match asked.profile {
        Profile::Reference => reference(),
        Profile::Nginx => nginx(asked.write.as_deref()),
    }
}

fn reference() -> Exit {
    let asked: Vec<&Property> = PROPERTIES.iter().chain(reference::SOMETIMES).collect();
    let mut happened = vec![0; asked.len()];
    let (mut exit, mut states, begun) = (Exit::Passed, 0, Instant::now());
    for case in PORTFOLIO {
        let model = Reference { bounds: case.bounds };
        let case_begun = Instant::now();
        let found = explore(&model, &asked, MOST);
        print(&format!(
            "{} ({})\n  {}, {}",
            case.name,
            case.bounds,
            counts(&found),
            pace(found.states, case_begun.elapsed())
        ));
        states += if found.exhausted { found.states } else { 0 };
        happened.iter_mut().zip(&found.happened).for_each(|(sum, more)| *sum += more);
        exit = exit.worse(judge(&model, &asked, &found));
    }
    let took = begun.elapsed();
    // Before anything is said to hold.
    let (worst, left_open) = whole(&asked);
    exit = exit.worse(worst);
    exit = exit.worse(tell_properties(&asked, &happened, exit));
    print(&format!("{states} states of parts that are exhausted in {:.1} s{left_open}", took.as_secs_f64()));
    exit
}

/// As far into the default bounds as there is room for: a counterexample is one, but that there is none says nothing about what
/// comes later. What is left open is to be said last.
fn whole(asked: &[&Property]) -> (Exit, String) {
    let model = Reference { bounds: WHOLE.bounds };
    let begun = Instant::now();
    let found = explore(&model, asked, ENOUGH);
    print(&format!(
        "{} ({})\n  {}, {}",
        WHOLE.name,
        WHOLE.bounds,
        counts(&found),
        pace(found.states, begun.elapsed())
    ));
    // States of the last step were found, and not looked at.
    let within = found.depth.saturating_sub(1);
    let left_open = match found.exhausted {
        true => String::new(),
        false => format!("; {}: every schedule of up to {within} steps, and none beyond", WHOLE.name),
    };
    (tell_broken(&model, asked, &found), left_open)
}

/// Tells every counterexample. What was not exhausted proves nothing.
fn judge<M: Model>(model: &M, asked: &[&Property], found: &Exploration<M::Action>) -> Exit {
    let broken = tell_broken(model, asked, found);
    if found.exhausted {
        return broken;
    }
    complain(&format!("not exhausted: more than {MOST} states"));
    broken.worse(Exit::Unknown)
}

fn tell_broken<M: Model>(model: &M, asked: &[&Property], found: &Exploration<M::Action>) -> Exit {
    for violation in &found.violations {
        let property = asked[violation.property];
        print(&format!(
            "  BROKEN {}: {}\n{}",
            property.promise,
            property.name,
            timeline(model, &violation.trace)
        ));
    }
    if let Some(trace) = &found.restless {
        print(&format!("  BROKEN: never comes to rest\n{}", timeline(model, trace)));
    }
    match found.violations.is_empty() && found.restless.is_none() {
        true => Exit::Passed,
        false => Exit::Failed,
    }
}

fn tell_properties(asked: &[&Property], happened: &[usize], so_far: Exit) -> Exit {
    let mut exit = Exit::Passed;
    for (property, times) in asked.iter().zip(happened) {
        match property.when {
            When::Sometimes if *times == 0 => {
                print(&format!("NEVER HAPPENED: {}", property.name));
                exit = Exit::Unknown;
            }
            When::Sometimes => print(&format!("happens: {} ({times} states)", property.name)),
            _ if so_far != Exit::Passed => {}
            When::Always | When::AtRest => print(&held(property)),
        }
    }
    exit
}

/// Of one that is asked only when nothing more happens, the rest may well be otherwise: it says so.
fn held(property: &Property) -> String {
    let when = if property.when == When::AtRest { " at rest" } else { "" };
    format!("holds{when}: {} {}", property.promise, property.name)
}

fn nginx(write: Option<&Path>) -> Exit {
    let begun = Instant::now();
    let (outages, [as_ever, fewer]) = outages(NGINX, Quirks::ALL);
    let model = Nginx { bounds: NGINX, quirks: Quirks::ALL, fewer: 1 };
    print(&format!(
        "nginx ({NGINX})\n  {}\nnginx, and a configuration of fewer workers in place of a fault\n  {}\n{}",
        counts(&as_ever),
        counts(&fewer),
        pace(as_ever.states + fewer.states, begun.elapsed())
    ));
    for outage in &outages {
        let quirks: Vec<String> = outage.quirks.iter().map(|quirk| quirk.to_string()).collect();
        let property = outage.property;
        let story = timeline(&model, &outage.trace);
        print(&format!(
            "BROKEN {}: {}\n  because {}\n{story}",
            property.promise,
            property.name,
            quirks.join(" and ")
        ));
    }
    if let Some(folder) = write
        && let Err(error) = store(folder, &outages)
    {
        complain(&format!("write scenarios to {}: {error}", folder.display()));
        return Exit::Usage;
    }
    match (outages.is_empty(), as_ever.exhausted && fewer.exhausted) {
        (false, _) => Exit::Failed,
        (true, true) => Exit::Passed,
        (true, false) => Exit::Unknown,
    }
}

/// One scenario for each set of quirks, of a shortest way there.
fn store(folder: &Path, outages: &[Outage]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut names: Vec<String> = Vec::new();
    for (name, text) in outages.iter().filter_map(written) {
        if names.contains(&name) {
            continue;
        }
        fs::write(folder.join(&name), text)?;
        print(&format!("wrote {}", folder.join(&name).display()));
        names.push(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PROPERTIES, held};

    #[test]
    fn what_is_asked_only_at_rest_says_so() {
        let lines: Vec<String> = PROPERTIES.iter().map(held).collect();
        for line in ["holds at rest: G1 somebody accepts", "holds: G1 the listening sockets stay open"] {
            assert!(lines.iter().any(|held| held == line), "{line} in {lines:?}");
        }
    }
}
