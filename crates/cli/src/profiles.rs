//! `changeover.toml`: which cases a run means, and how strictly, by name.

use std::{collections::BTreeMap, fs, io, ops::Range, path::Path};

use diagnostic::Diagnostic;
use serde::Deserialize;
use toml::Spanned;

use crate::{arguments::Netns, codes, filter::Filter, mistakes::NotUnderstood};

/// The file, beside the folder of scenarios.
const FILE: &str = "changeover.toml";
/// What is meant when no profile is named.
pub(crate) const DEFAULT: &str = "default";

/// One profile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profile {
    /// Only these cases.
    pub(crate) filter: Option<Filter>,
    /// How often each case is run, where nobody says otherwise.
    pub(crate) repeat: Option<u32>,
    /// Whether a case that is not run is an error.
    pub(crate) skips: Skips,
    /// Whether runs get network namespaces of their own, where nobody says otherwise.
    pub(crate) netns: Option<Netns>,
}

/// What a skipped case counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Skips {
    /// Nothing; it is said.
    #[default]
    Allowed,
    /// A missing target: exit code 69.
    Denied,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    profile: BTreeMap<String, Table>,
}

// No `retries`: a case that passes only sometimes has failed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    filter: Option<Spanned<String>>,
    repeat: Option<Spanned<u32>>,
    #[serde(default)]
    deny_skips: bool,
    netns: Option<Netns>,
}

/// Why there is no profile.
#[derive(Debug)]
pub(crate) enum NoProfile {
    /// The file is wrong.
    Wrong(NotUnderstood),
    /// It has none of that name.
    Unknown(String),
}

impl Profile {
    /// The profile of a name, from the file beside the folder of scenarios. Nobody needs to have a `default`.
    pub(crate) fn named(name: &str, scenarios: &Path) -> Result<Profile, NoProfile> {
        let path = scenarios.parent().unwrap_or(Path::new("")).join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                return Err(NoProfile::Wrong(NotUnderstood::unreadable(&path, &error.to_string())));
            }
        };
        let text = NotUnderstood::text(&path, bytes).map_err(NoProfile::Wrong)?;
        find(name, &path.to_string_lossy(), &text)
    }
}

fn find(name: &str, file: &str, text: &str) -> Result<Profile, NoProfile> {
    let profiles = read(file, text).map_err(|mistakes| {
        let with_text = mistakes.into_iter().map(|mistake| (mistake, text.to_owned()));
        NoProfile::Wrong(NotUnderstood::Mistakes(with_text.collect()))
    })?;
    match profiles.get(name) {
        Some(profile) => Ok(profile.clone()),
        None if name == DEFAULT => Ok(Profile::default()),
        None => {
            let known: Vec<&str> = profiles.keys().map(String::as_str).collect();
            let help = match diagnostic::closest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "it has none".into(),
                None => format!("it has: {}", known.join(", ")),
            };
            let code = codes::UNKNOWN_PROFILE.code;
            Err(NoProfile::Unknown(format!("error[{code}]: no profile `{name}` in {file} ({help})")))
        }
    }
}

/// All profiles, or everything that is wrong with them.
fn read(file: &str, text: &str) -> Result<BTreeMap<String, Profile>, Vec<Diagnostic>> {
    let written: Written = toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let message = error.message().lines().next().unwrap_or_default();
        vec![bad(file, span, message.to_owned(), near(message))]
    })?;
    let mut wrong = Vec::new();
    let profiles = written.profile.into_iter();
    let profiles = profiles.map(|(name, table)| (name, profile(file, text, table, &mut wrong))).collect();
    wrong.sort_by_key(|mistake| mistake.span.start);
    if wrong.is_empty() { Ok(profiles) } else { Err(wrong) }
}

/// The known key that is nearest to the one that toml calls unknown.
fn near(message: &str) -> Option<String> {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (key, known) = quoted.split_first().filter(|_| message.starts_with("unknown field"))?;
    diagnostic::closest(key, known.iter().copied()).map(|near| format!("did you mean `{near}`?"))
}

fn profile(file: &str, text: &str, table: Table, wrong: &mut Vec<Diagnostic>) -> Profile {
    if let Some(repeat) = table.repeat.as_ref().filter(|repeat| *repeat.get_ref() == 0) {
        let help = Some("write a number from 1".to_owned());
        wrong.push(bad(file, repeat.span(), "a case that is run 0 times shows nothing".into(), help));
    }
    let filter = table.filter.as_ref().and_then(|written| match Filter::parse(written.get_ref()) {
        Ok(filter) => Some(filter),
        Err(mistake) => {
            wrong.push(mistake.within(file, text, written));
            None
        }
    });
    let skips = if table.deny_skips { Skips::Denied } else { Skips::Allowed };
    Profile { filter, repeat: table.repeat.map(Spanned::into_inner), skips, netns: table.netns }
}

fn bad(file: &str, span: Range<usize>, message: String, help: Option<String>) -> Diagnostic {
    let (code, file) = (codes::BAD_PROFILES.code, file.to_owned());
    Diagnostic { code, file, span, message, label: String::new(), help }
}

#[cfg(test)]
mod tests {
    use facts::Plan;

    use super::{Netns, NoProfile, NotUnderstood, Profile, Skips, find};

    const TEXT: &str = "[profile.default]\nfilter = 'tag(quick)'\n[profile.nightly]\nrepeat = 3\ndeny_skips = true\nnetns = 'off'\n";

    fn named(name: &str) -> Result<Profile, NoProfile> {
        find(name, "changeover.toml", TEXT)
    }

    /// The lines that tell what is wrong with a text.
    fn wrong(text: &str) -> Vec<String> {
        match find("default", "changeover.toml", text) {
            Err(NoProfile::Wrong(NotUnderstood::Mistakes(mistakes))) => {
                mistakes.iter().map(|(mistake, text)| mistake.one_line(text)).collect()
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_profile_says_what_it_means_and_nothing_else() {
        let default = named("default").expect("it is there");
        assert!(default.filter.is_some_and(|filter| !filter.holds(&Plan::default())));
        assert_eq!((default.repeat, default.skips), (None, Skips::Allowed));
        let nightly = named("nightly").expect("it is there");
        assert_eq!((nightly.repeat, nightly.skips), (Some(3), Skips::Denied));
        assert_eq!((default.netns, nightly.netns), (None, Some(Netns::Off)));
        assert!(find("default", "changeover.toml", "").is_ok(), "nobody needs a file");
    }

    #[test]
    fn a_name_that_is_not_there_finds_the_nearest() {
        let Err(NoProfile::Unknown(why)) = named("nigthly") else { panic!("there is no such profile") };
        assert_eq!(why, "error[CF0003]: no profile `nigthly` in changeover.toml (did you mean `nightly`?)");
        assert!(matches!(find("ci", "changeover.toml", ""), Err(NoProfile::Unknown(_))));
    }

    #[test]
    fn a_mistake_is_shown_where_it_stands() {
        assert_eq!(
            wrong("[profile.ci]\nretries = 2\n"),
            [
                "changeover.toml:2:1: error[CF0002]: unknown field `retries`, expected one of `filter`, `repeat`, `deny_skips`, `netns`"
            ]
        );
        assert!(wrong("[profile.ci]\nfitler = 'all()'\n")[0].ends_with("(did you mean `filter`?)"));
        assert_eq!(
            wrong("[profile.ci]\nfilter = 'tag(a) & targt(b)'\nrepeat = 0\n"),
            [
                "changeover.toml:2:20: error[CF0001]: unknown condition `targt` (did you mean `target`?)",
                "changeover.toml:3:10: error[CF0002]: a case that is run 0 times shows nothing (write a number from 1)"
            ]
        );
    }
}
