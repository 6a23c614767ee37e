//! The scenario files that `scenario new` writes: texts with three gaps.

use std::path::Path;

use clap::ValueEnum;

/// What is done to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A new binary takes over
    Upgrade,
    /// A new configuration takes over
    Reload,
    /// A new binary takes over, and the old one is brought back
    Rollback,
    /// A worker is killed
    Crash,
}

impl Kind {
    pub(super) const ALL: [Kind; 4] = [Kind::Upgrade, Kind::Reload, Kind::Rollback, Kind::Crash];

    /// As it is written on the command line.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Upgrade => "upgrade",
            Kind::Reload => "reload",
            Kind::Rollback => "rollback",
            Kind::Crash => "crash",
        }
    }

    /// A sentence for one that was not given any.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Kind::Upgrade => "a new binary takes over and nobody notices",
            Kind::Reload => "a new configuration takes over and nobody notices",
            Kind::Rollback => "a new binary takes over, is sent back, and nobody notices",
            Kind::Crash => "a worker is killed, and only what it had in its hands is lost",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Kind::Upgrade => include_str!("skeleton/upgrade.toml"),
            Kind::Reload => include_str!("skeleton/reload.toml"),
            Kind::Rollback => include_str!("skeleton/rollback.toml"),
            Kind::Crash => include_str!("skeleton/crash.toml"),
        }
    }
}

/// The text of a new scenario, to stand in `out`.
pub(super) fn filled(kind: Kind, name: &str, targets: &[String], out: &Path, folder: &Path) -> String {
    let targets: Vec<String> = targets.iter().map(|target| quoted(target)).collect();
    let text = kind
        .text()
        .replace("\"@name@\"", &quoted(name))
        .replace("\"@targets@\"", &targets.join(", "))
        .replace("@file@", &out.display().to_string());
    format!("{}{text}", schema_line(out, folder))
}

/// What editors look for, where the file is in the folder of scenarios.
fn schema_line(out: &Path, folder: &Path) -> String {
    match out.strip_prefix(folder).map(|below| below.components().count()) {
        Ok(depth @ 1..) => format!("#:schema {}schema.json\n", "../".repeat(depth - 1)),
        _ => String::new(),
    }
}

fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{Kind, filled};

    const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");

    #[test]
    fn whatever_is_written_passes_check() {
        let folder = Path::new("scenarios");
        let loader =
            |path: &str| fs::read_to_string(Path::new(SCENARIOS).join(path)).map_err(|e| e.to_string());
        for kind in Kind::ALL {
            for name in [kind.sentence(), "a \"quoted\" \\ name\n\u{7f} and é"] {
                let targets = ["reference".to_owned(), "nginx".to_owned()];
                let text = filled(kind, name, &targets, Path::new("scenarios/mine/new.toml"), folder);
                let plans = scenario::load("scenarios/mine/new.toml", &text, &loader);
                let plans = plans.unwrap_or_else(|wrong| panic!("{kind:?}: {wrong:?}\n{text}"));
                assert_eq!(plans.len(), 2);
                assert_eq!(plans[0].case.title, name);
                // HAProxy's folder says 1, unicorn's 4: only what counts them says how many.
                assert_eq!(text.contains("\nworkers = "), kind == Kind::Crash, "{text}");
                assert!(text.starts_with("#:schema ../schema.json\n"), "{text}");
            }
        }
    }
}
