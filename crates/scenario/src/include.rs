//! `include`: tables of other files below one's own. What the including file says wins; lists in `expect` are joined.

use std::rc::Rc;

use serde::Deserialize;
use toml::{
    Deserializer,
    de::{DeTable, DeValue},
};

use crate::{
    codes,
    mistake::{At, Mistake, Mistakes, Source},
    reading,
    shape::File,
};

/// How deep files may include each other.
const DEEPEST: usize = 4;

type Table<'t> = toml::Spanned<DeTable<'t>>;

/// Reads `source` with everything it includes. The source that comes back knows which file a span stands in.
pub(crate) fn read(
    source: &Rc<Source>,
    loader: &impl Fn(&str) -> Result<String, String>,
    mistakes: &mut Mistakes,
) -> Option<(File, Rc<Source>)> {
    let mut opened = Opened { loader, files: Vec::new(), above: vec![source.name.clone()] };
    let root = mistakes.keep(opened.open(Rc::clone(source)))?;
    let whole = opened.whole(source);
    let file = mistakes.keep(table(&opened.files, root, &whole).and_then(|table| {
        File::deserialize(Deserializer::from(table)).map_err(|error| reading::refused(&whole, &error))
    }))?;
    Some((file, whole))
}

/// One file, and which others lie below it.
struct Part {
    source: Rc<Source>,
    base: usize,
    /// Spans count from the start of a text: newlines before it give every file numbers of its own.
    padded: String,
    below: Vec<usize>,
}

struct Opened<'a, L> {
    loader: &'a L,
    files: Vec<Part>,
    /// The files that include the one at hand, outermost first.
    above: Vec<String>,
}

impl<L: Fn(&str) -> Result<String, String>> Opened<'_, L> {
    /// Reads a file and those below it; the number of its part.
    fn open(&mut self, source: Rc<Source>) -> Result<usize, Mistake> {
        let base = self.files.last().map_or(0, |last| last.padded.len() + 1);
        let number = self.files.len();
        // A mark of the byte order is allowed at the start of a text only, which this is not any more.
        let text = source.text.replacen('\u{feff}', "   ", usize::from(source.text.starts_with('\u{feff}')));
        let padded = "\n".repeat(base) + &text;
        self.files.push(Part { source: Rc::clone(&source), base, padded, below: Vec::new() });
        let includes = includes(&source)?;
        for (path, at) in includes {
            let below = self.included(&path, &at)?;
            self.files[number].below.extend(below);
        }
        Ok(number)
    }

    /// The number of the part that a path names; none when another file brought it already: it counts once.
    fn included(&mut self, path: &str, at: &At) -> Result<Option<usize>, Mistake> {
        let refused = |message: String| Mistake::new(codes::BAD_INCLUDE, at, message);
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(refused(format!("`{path}` is not a path below the scenario folder"))
                .help("a path counts from the scenario folder: `parts/users.toml`"));
        }
        let is_above = |above: &String| above == path || above.ends_with(&format!("scenarios/{path}"));
        if self.above.iter().any(is_above) {
            return Err(refused(format!("`{path}` includes itself: {} > {path}", self.above.join(" > "))));
        }
        if self.above.len() > DEEPEST {
            return Err(refused(format!("files include each other more than {DEEPEST} deep")));
        }
        if self.files.iter().any(|part| part.source.name == path) {
            return Ok(None);
        }
        let text = (self.loader)(path).map_err(|why| {
            refused(format!("cannot read `{path}`: {why}"))
                .help("a path counts from the scenario folder: `parts/users.toml`")
        })?;
        self.above.push(path.to_owned());
        let number = self.open(Rc::new(Source::new(path, text)));
        self.above.pop();
        number.map(Some)
    }

    /// The source behind the spans of all parts.
    fn whole(&self, root: &Source) -> Rc<Source> {
        let included = self.files.iter().map(|part| (part.base, Rc::clone(&part.source))).collect();
        Rc::new(Source { included, ..Source::new(&root.name, &root.text) })
    }
}

/// What a file includes, each with its place.
fn includes(source: &Rc<Source>) -> Result<Vec<(String, At)>, Mistake> {
    let table = DeTable::parse(&source.text).map_err(|error| reading::refused(source, &error))?;
    let Some(list) = table.get_ref().get("include").and_then(|list| list.get_ref().as_array()) else {
        return Ok(Vec::new());
    };
    let path = |item: &toml::Spanned<DeValue>| {
        Some((item.get_ref().as_str()?.to_owned(), At::new(source, item.span())))
    };
    Ok(list.iter().filter_map(path).collect())
}

/// The table of a part with those below it merged in.
fn table<'t>(files: &'t [Part], number: usize, whole: &Rc<Source>) -> Result<Table<'t>, Mistake> {
    let parsed = DeTable::parse(&files[number].padded);
    let mut own = parsed.map_err(|error| reading::refused(whole, &error))?;
    for below in &files[number].below {
        let below = table(files, *below, whole)?;
        merge(own.get_mut(), below.into_inner(), false);
    }
    Ok(own)
}

/// Adds what `below` has and `own` has not. In `expect` the lines of both count, those of `below` first.
fn merge<'t>(own: &mut DeTable<'t>, below: DeTable<'t>, in_expect: bool) {
    for (key, value) in below {
        let in_expect = in_expect || key.get_ref() == "expect";
        let Some(there) = own.get_mut(&key) else {
            own.insert(key, value);
            continue;
        };
        match (there.get_mut(), value.into_inner()) {
            (DeValue::Table(own), DeValue::Table(below)) => merge(own, below, in_expect),
            (DeValue::Array(own), DeValue::Array(mut below)) if in_expect => {
                own.iter().for_each(|line| below.push(line.clone()));
                *own = below;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "schema = 1\nname = 'own'\ninclude = ['below.toml']\nstep = []\n\
        [target.web]\nkind = 'nginx'\n[expect]\nfinally = ['own']\n";

    fn loader(path: &str) -> Result<String, String> {
        match path {
            "below.toml" => {
                Ok("seed = 7\nname = 'below'\ninclude = ['deeper.toml']\ntarget.web.workers = 3\n\
                expect.finally = ['below']\nexpect.always = ['ever']\n"
                    .into())
            }
            "marked.toml" => Ok("\u{feff}seed = 7\nrepeat = 2\n".into()),
            "deeper.toml" => Ok("repeat = 2\nseed = 8\n".into()),
            "round.toml" => Ok("include = ['round.toml']".into()),
            _ => Err("not there".into()),
        }
    }

    fn opened(text: &str) -> (Option<(File, Rc<Source>)>, Vec<diagnostic::Diagnostic>) {
        let mut mistakes = Mistakes::default();
        let read = read(&Rc::new(Source::new("own.toml", text)), &loader, &mut mistakes);
        (read, mistakes.into_sorted("own.toml"))
    }

    #[test]
    fn tables_merge_below_scalars_win_and_expectations_join() {
        let (read, _) = opened(OWN);
        let (file, whole) = read.expect("a whole file");
        assert_eq!(file.name.get_ref(), "own");
        assert_eq!((file.seed, file.repeat.as_ref().map(|repeat| *repeat.get_ref())), (Some(7), Some(2)));
        let lines = |lines: &[crate::shape::Word]| {
            lines.iter().map(|line| line.get_ref().clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(lines(&file.expect.finally), "below own");
        assert_eq!(lines(&file.expect.always), "ever");
        let workers = file.target.values().next().and_then(|web| web.get_ref().workers.as_ref());
        let place = At::new(&whole, workers.expect("from below").span()).place();
        assert_eq!((place.file.as_str(), place.line, place.column), ("below.toml", 4, 22));
    }

    #[test]
    fn a_file_counts_once_however_often_it_is_named() {
        let (read, found) =
            opened("schema = 1\nname = 'x'\ninclude = ['below.toml', 'deeper.toml', 'below.toml']");
        let (file, _) = read.unwrap_or_else(|| panic!("{found:?}"));
        assert_eq!(file.expect.finally.len(), 1);
    }

    #[test]
    fn a_mark_of_the_byte_order_is_no_mistake_and_moves_nothing() {
        let (read, found) = opened("\u{feff}schema = 1\nname = 'x'\ninclude = ['marked.toml']");
        let (file, whole) = read.unwrap_or_else(|| panic!("{found:?}"));
        let place = At::new(&whole, file.repeat.expect("from the marked file").span()).place();
        assert_eq!((place.line, place.column), (2, 10));
    }

    #[test]
    fn what_lies_outside_is_not_included() {
        for path in ["/etc/passwd", "../below.toml", "parts/../../x.toml", "./below.toml"] {
            let (read, found) = opened(&format!("include = ['{path}']"));
            assert!(read.is_none());
            assert!(found[0].message.contains("is not a path below"), "{path}: {}", found[0].message);
        }
    }

    #[test]
    fn a_circle_and_a_missing_file_are_mistakes() {
        for (path, line) in [("round.toml", "round.toml"), ("gone.toml", "own.toml")] {
            let (read, found) = opened(&format!("include = ['{path}']"));
            assert!(read.is_none());
            assert_eq!((found[0].code, found[0].file.as_str()), ("CO0028", line));
        }
    }
}
