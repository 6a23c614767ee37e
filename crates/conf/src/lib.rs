//! nginx configuration syntax, read into a typed configuration.
//!
//! A documented subset: what is not in it is refused, with the place and what is known there, never ignored. The
//! whole list is the table in `rules.rs`. Where a value would hurt (a line break in a header) it is
//! refused although nginx takes it.
//!
//! Knows no file, clock, process or network: names are not resolved, paths are not looked at.

mod access_log;
mod address;
mod check;
mod codes;
mod configuration;
mod http;
mod lexer;
mod problems;
mod read;
mod route;
mod rules;
mod template;
mod tree;
mod value;

pub use access_log::{AccessLog, Escape, LogFormat};
pub use address::Address;
pub use codes::CODES;
pub use configuration::{Configuration, Destination, ErrorLog, Journal, Level, User, WorkerProcesses};
pub use http::{
    AddedHeader, AtReload, Browser, Ejection, Endpoint, Handler, HeaderBuffers, Http, Keepalive, Listen,
    Location, Map, Matching, Method, Network, NextCondition, NextUpstream, Peer, PeerRole, ProxyPass,
    ProxyTarget, ProxyUri, ProxyVersion, Queues, RealIp, Return, ReturnContent, Server, ServerName, Settings,
    Share, SplitClients, Statuses, Upstream, Zone,
};
pub use template::{Part, Template, Variable};

use std::time::Duration;

use diagnostic::Diagnostic;

use problems::Problems;
use rules::Context;
use tree::Directive;

/// The file named in a diagnostic about the directives given with `-g`.
pub const COMMAND_LINE: &str = "command line";

/// A time as it is written in a configuration: `500ms`, `10s`, `1h30m`; a bare number is seconds.
///
/// # Errors
/// It is none; the message says how one is written.
pub fn read_time(text: &str) -> Result<Duration, String> {
    value::time(text).map_err(|wrong| format!("{}: {}", wrong.message, wrong.help))
}

/// Reads a configuration: `text` of `file`, after the directives of `-g`, `overrides`.
///
/// # Errors
/// Everything that is wrong, in the order of the text; `file` is [`COMMAND_LINE`] for what is wrong in `overrides`.
pub fn parse(file: &str, text: &str, overrides: &str) -> Result<Configuration, Vec<Diagnostic>> {
    let mut configuration = Configuration::default();
    let mut problems = Problems::of(COMMAND_LINE);
    let given = given(overrides, &mut configuration, &mut problems);
    let mut in_file = Problems::of(file);
    let directives = tree::read(text, &mut in_file);
    events_there(text, &directives, &mut in_file);
    let directives = check::block(Context::Main, directives, &mut in_file);
    let (twice, directives): (Vec<_>, Vec<_>) =
        directives.into_iter().partition(|directive| given.contains(&directive.name.text));
    twice.iter().for_each(|directive| given_twice(directive, &mut in_file));
    read::main(&directives, &mut configuration, &mut in_file);
    every_server_listens(&directives, &mut in_file);
    problems.append(in_file);
    problems.resolve(configuration)
}

/// What `pid` says in a text that may be wrong elsewhere: `None` if it does not say it.
pub fn pid(text: &str) -> Option<String> {
    let directives = tree::read(text, &mut Problems::of(COMMAND_LINE));
    let named = directives.iter().find(|one| one.name.text == "pid" && one.arguments.len() == 1);
    named.map(|one| one.argument(0).to_owned())
}

/// Reads the directives of `-g`; the names of those that may stand only once.
fn given(overrides: &str, configuration: &mut Configuration, problems: &mut Problems) -> Vec<String> {
    let directives = tree::read(overrides, problems);
    let (blocks, directives): (Vec<_>, Vec<_>) = directives.into_iter().partition(|one| one.block.is_some());
    for block in blocks {
        let message = "block directives are not supported in -g option".to_owned();
        problems.add(
            codes::NOT_ALLOWED_HERE,
            block.span(),
            message,
            "here",
            Some("write it in the file".to_owned()),
        );
    }
    let directives = check::block(Context::Main, directives, problems);
    read::main(&directives, configuration, problems);
    let once = directives.into_iter().filter(|directive| {
        rules::find(&directive.name.text, Context::Main)
            .is_some_and(|rule| rule.repeat == rules::Repeat::Once)
    });
    once.map(|directive| directive.name.text).collect()
}

fn given_twice(directive: &Directive, problems: &mut Problems) {
    let message = format!("\"{}\" directive is duplicate", directive.name.text);
    let help = "it is given with -g too: keep one of them".to_owned();
    problems.add(codes::DUPLICATE, directive.span(), message, "given on the command line", Some(help));
}

fn events_there(text: &str, directives: &[Directive], problems: &mut Problems) {
    if !directives.iter().any(|directive| directive.name.text == "events") {
        let end = text.trim_end().len();
        let message = "no \"events\" section in configuration".to_owned();
        problems.add(
            codes::MISSING,
            end..end,
            message,
            "not found up to here",
            Some("write: events { }".to_owned()),
        );
    }
}

/// nginx takes port 80 or 8000, depending on who starts it: too much of a surprise for a default.
fn every_server_listens(directives: &[Directive], problems: &mut Problems) {
    let blocks = directives.iter().filter(|directive| directive.name.text == "http");
    let servers = blocks.flat_map(|http| http.block.iter().flatten()).filter(|one| one.name.text == "server");
    for server in servers {
        if !server.block.iter().flatten().any(|inner| inner.name.text == "listen") {
            let message = "no \"listen\" directive in server".to_owned();
            let help = "write the port: listen 8080;".to_owned();
            problems.add(codes::MISSING, server.span(), message, "in this server", Some(help));
        }
    }
}
