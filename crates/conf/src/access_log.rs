//! What `access_log` and `log_format` say.

use std::collections::BTreeSet;

use crate::http::Http;
use crate::template::Template;

/// An `access_log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// As written.
    pub path: String,
    /// What a line looks like.
    pub format: LogFormat,
    /// `if`: nothing is written for a request for which this is empty or `0`.
    pub condition: Option<Template>,
}

/// A `log_format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFormat {
    /// The line.
    pub line: Template,
    /// How values are made fit for it.
    pub escape: Escape,
}

/// How values are made fit for a line of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Escape {
    /// Quotes, backslashes and what is not printable ASCII as `\\xXX`; nothing as `-`.
    #[default]
    Default,
    /// As inside a string of JSON.
    Json,
    /// Not at all.
    None,
}

impl Http {
    /// The path of every access log, as written.
    pub fn access_log_paths(&self) -> BTreeSet<&str> {
        let levels = self.servers.iter().flat_map(|server| {
            let locations = server.locations.iter().map(|location| &location.settings);
            locations.chain([&server.settings])
        });
        levels.flat_map(|settings| &settings.access_logs).map(|log| log.path.as_str()).collect()
    }
}
