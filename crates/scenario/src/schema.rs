//! The language as JSON Schema, for editors: `#:schema ../schema.json` in the first line of a file.

use schemars::generate::SchemaSettings;

use crate::shape::File;

/// The JSON Schema (draft-07, which editors of TOML know best) of a scenario file, as text.
pub fn schema() -> String {
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<File>();
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}
