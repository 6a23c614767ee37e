//! How the example of a code is told: it is refused just now, so that the page cannot be out of date.

use diagnostic::{Code, Diagnostic};

use crate::{catalogue::Catalogue, codes, filter::Filter, mistakes::NotUnderstood};

/// The mistakes of this code in its own example; nothing where the text alone has to say it.
pub(super) fn told(row: &Code) -> String {
    let text = row.example;
    let found = match row.code {
        code if code == codes::BAD_FILTER.code => {
            Filter::parse(text).err().map(|wrong| wrong.diagnostic("-E", 0)).into_iter().collect()
        }
        code if code.starts_with("CD") => conf::parse("nginx.conf", text, "").err().unwrap_or_default(),
        code if code.starts_with("CO") => scenario_mistakes(text),
        _ => Vec::new(),
    };
    // What stands in another file is told with that file's text, which is not shown here.
    let about = |mistake: &&Diagnostic| mistake.code == row.code && mistake.span.end <= text.len();
    let blocks: Vec<String> = found.iter().filter(about).map(|mistake| mistake.render(text)).collect();
    blocks.join("\n\n")
}

/// With the targets of the scenarios here, if there are any: some examples are about a server.
fn scenario_mistakes(text: &str) -> Vec<Diagnostic> {
    const NAME: &str = "example.toml";
    let found = match Catalogue::open(None) {
        Ok(catalogue) => match catalogue.load_text(NAME, text) {
            Err(NotUnderstood::Mistakes(mistakes)) => mistakes.into_iter().map(|(one, _)| one).collect(),
            _ => Vec::new(),
        },
        Err(_) => {
            let nowhere = |path: &str| Err(format!("no file `{path}`"));
            scenario::load(NAME, text, &nowhere).err().unwrap_or_default()
        }
    };
    found.into_iter().filter(|mistake: &Diagnostic| mistake.file == NAME).collect()
}
