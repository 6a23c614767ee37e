//! One diagnostic as one line of JSON, for editors and other programs.

use serde_json::json;

use crate::{Diagnostic, position};

impl Diagnostic {
    /// A JSON object without a line break. Keys are only ever added. Lines and columns count from 1, columns in
    /// characters; `rendered` is what a terminal shows, without colours.
    pub fn json(&self, source: &str) -> String {
        let (line, column) = position(source, self.span.start);
        let (end_line, end_column) = position(source, self.span.end.max(self.span.start));
        let object = json!({
            "code": self.code,
            "severity": self.severity().name(),
            "file": self.file,
            "line": line,
            "column": column,
            "end_line": end_line,
            "end_column": end_column,
            "message": self.message,
            "label": self.label,
            "help": self.help,
            "rendered": self.render(source),
        });
        object.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::tests::{SOURCE, sigg};

    #[test]
    fn a_machine_reads_what_a_person_reads() {
        let line = sigg().json(SOURCE);
        assert!(!line.contains('\n'), "{line}");
        let mut value: Value = serde_json::from_str(&line).expect("it is JSON");
        assert_eq!(value["rendered"], json!(sigg().render(SOURCE)));
        value["rendered"].take();
        let expected = json!({
            "code": "CO0004", "severity": "error", "file": "a.toml",
            "line": 3, "column": 1, "end_line": 3, "end_column": 5,
            "message": "unknown key `sigg`", "label": "not known here",
            "help": "did you mean `sig`?", "rendered": null,
        });
        assert_eq!(value, expected);
    }
}
