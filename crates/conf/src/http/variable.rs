//! Variables that the configuration defines.

use std::collections::BTreeMap;

use crate::template::Template;

/// A `map`: a variable whose value depends on another one (`ngx_http_map_module`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Map {
    /// What is looked up.
    pub source: Template,
    /// By what is looked up, in lower case.
    pub values: BTreeMap<String, Template>,
    /// The value of everything else; empty if nothing is said.
    pub default: Template,
}

impl Map {
    /// What stands for a text, whose case does not matter.
    pub fn value(&self, text: &str) -> &Template {
        self.values.get(&text.to_lowercase()).unwrap_or(&self.default)
    }
}

/// A `split_clients`: a variable whose value depends on which part of all keys a key falls into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitClients {
    /// What is hashed.
    pub key: Template,
    /// Sizes and values, in order.
    pub parts: Vec<(Share, String)>,
}

/// The size of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// In 1/100 %.
    Hundredths(u32),
    /// `*`: all that is left.
    Rest,
}
