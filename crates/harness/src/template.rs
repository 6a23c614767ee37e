//! `${name}` in a target's texts. `$${` is a literal `${`; a lone `$` (an nginx variable) means itself.

use std::collections::BTreeMap;

use crate::Error;

/// What may be filled in.
pub(crate) type Values = BTreeMap<String, String>;

/// Fills in every placeholder. `file` is for the message when one has no value.
pub(crate) fn render(file: &str, template: &str, values: &Values) -> Result<String, Error> {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find("${") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        if let Some(escaped) = before.strip_suffix('$') {
            text.push_str(escaped);
            text.push_str("${");
            rest = after;
            continue;
        }
        let near = || after.chars().take(20).collect();
        let end = after.find('}').ok_or_else(|| Error::Unclosed { file: file.to_owned(), near: near() })?;
        text.push_str(before);
        text.push_str(value(file, &after[..end], values)?);
        rest = &after[end + 1..];
    }
    text.push_str(rest);
    Ok(text)
}

fn value<'v>(file: &str, placeholder: &str, values: &'v Values) -> Result<&'v str, Error> {
    values.get(placeholder).map(String::as_str).ok_or_else(|| Error::Placeholder {
        file: file.to_owned(),
        placeholder: placeholder.to_owned(),
        known: values.keys().cloned().collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, expected: Result<&str, &str>) {
        let values = Values::from([("run".into(), "/r".into()), ("port".into(), "80".into())]);
        let rendered = render("nginx.conf", template, &values).map_err(|error| error.to_string());
        assert_eq!(rendered.as_deref().map_err(String::as_str), expected, "{template}");
    }

    #[test]
    fn placeholders_are_filled_in_and_variables_are_left_alone() {
        check("pid ${run}/web.pid; listen ${port};", Ok("pid /r/web.pid; listen 80;"));
        check("return 200 $pid;", Ok("return 200 $pid;"));
        check("log $${status} ${port}", Ok("log ${status} 80"));
        check("", Ok(""));
    }

    #[test]
    fn an_unknown_placeholder_names_file_and_placeholder() {
        check("${prot}", Err("render nginx.conf: no value for `${prot}`; known are port, run"));
        check("a ${run", Err("render nginx.conf: `${` is not closed near `run`"));
    }
}
