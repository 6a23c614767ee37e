//! `explain CODE`: what the code of a mistake means, with a text that is refused with it.

mod examples;

use diagnostic::Code;

use crate::{
    codes,
    exit::Exit,
    printed::{complain, print},
};

/// Prints the page of a code, or one line for each.
pub(crate) fn explain(code: Option<&str>) -> Exit {
    let Some(code) = code else {
        print(&rows().map(|row| format!("{}  {}\n", row.code, row.says)).collect::<String>());
        return Exit::Passed;
    };
    let whole = whole(code);
    match rows().find(|row| row.code.eq_ignore_ascii_case(&whole)) {
        Some(row) => {
            print(&page(row));
            Exit::Passed
        }
        None => {
            complain(&format!(
                "explain `{code}`: there is no such code; `changeover explain` lists them all"
            ));
            Exit::Usage
        }
    }
}

/// `co9` is `co0009`.
fn whole(code: &str) -> String {
    match code.split_at_checked(2) {
        Some((kind, number)) if number.chars().all(|c| c.is_ascii_digit()) => format!("{kind}{number:0>4}"),
        _ => code.to_owned(),
    }
}

/// Of scenarios, then of the server's configuration, then of what this program reads.
fn rows() -> impl Iterator<Item = &'static Code> {
    scenario::CODES.iter().chain(scenario::WARNINGS).chain(conf::CODES).chain(codes::CODES)
}

fn page(row: &Code) -> String {
    let mut text = format!("{}: {}\n\nThis is refused:\n\n{}", row.code, row.says, indented(row.example));
    let told = examples::told(row);
    if !told.is_empty() {
        text.push_str(&format!("\nIt is told like this:\n\n{}", indented(&told)));
    }
    text
}

fn indented(text: &str) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") };
    text.trim_end().lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{page, rows};

    #[test]
    fn every_code_is_there_once_with_a_sentence_and_an_example() {
        let mut codes = Vec::new();
        for row in rows() {
            assert!(row.says.ends_with('.'), "{}: {}", row.code, row.says);
            assert!(page(row).contains("\n    "), "{} has no example", row.code);
            codes.push(row.code);
        }
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }
}
