//! `http`.

use std::collections::BTreeSet;

use super::{access_log, inside, map, server, settings, split_clients, upstream};
use crate::address::Address;
use crate::codes;
use crate::http::{Http, Settings};
use crate::problems::Problems;
use crate::tree::Directive;

pub(super) fn http(directives: &[Directive], problems: &mut Problems) -> Http {
    let named = |name: &'static str| directives.iter().filter(move |directive| directive.name.text == name);
    let mut http = Http::default();
    // First, because everything may name their variables.
    for block in directives {
        match block.name.text.as_str() {
            "split_clients" => split_clients::split_clients(block, &mut http.splits, problems),
            "map" => map::map(block, &mut http.maps, problems),
            _ => {}
        }
    }
    access_log::formats(directives, problems);
    let settings = settings::settings(directives, &Settings::default(), problems);
    // Before servers, because a `proxy_pass` may name an upstream that is written below it.
    named("upstream").for_each(|block| upstream::upstream(block, &mut http.upstreams, problems));
    for block in named("server") {
        let server = server::server(inside(block), &settings, &mut http.upstreams, problems);
        http.servers.push(server);
    }
    duplicate_defaults(directives, &http, problems);
    http
}

/// One address has one default server.
fn duplicate_defaults(directives: &[Directive], http: &Http, problems: &mut Problems) {
    let mut seen: BTreeSet<&Address> = BTreeSet::new();
    let blocks = directives.iter().filter(|directive| directive.name.text == "server");
    for (block, server) in blocks.zip(&http.servers) {
        for listen in server.listens.iter().filter(|listen| listen.default_server) {
            if !seen.insert(&listen.address) {
                let message = format!("a duplicate default server for {}", listen.address);
                let help = "keep \"default_server\" in one of the servers that listen there".to_owned();
                problems.add(codes::DUPLICATE, block.span(), message, "in this server", Some(help));
            }
        }
    }
}
