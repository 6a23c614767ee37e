//! What many connections and many requests cost in lateness and memory.

use std::time::Duration;

use super::{
    Verdict,
    machine::{Spent, Tools, Used, number, pinned, run},
    nginx::{INSTALL, Nginx},
};

const LAG_P99_MICROS: f64 = 250.0;
const MOST_KIB: u64 = 200 * 1024;
const MANY_REQUESTS: &str = "10000000";
/// Growth after the first seconds that is no growth: an allocator's page here and there.
const FLAT_KIB: u64 = 4 * 1024;

/// Both.
pub(super) fn room(tools: &Tools, _rounds: u32) -> Verdict {
    match Nginx::start() {
        Some(server) => connections(tools, &server).max(requests(tools, &server)),
        None => {
            println!("SKIP {INSTALL}");
            Verdict::Skipped
        }
    }
}

/// 10 000 connections, each idle for 2 s between its requests, at 5 000 requests a second.
fn connections(tools: &Tools, server: &Nginx) -> Verdict {
    let options = ["--rate", "5000", "-c", "10000", "-d", "10s"];
    let Some((used, json, foreign)) = measured(tools, server, &options, Duration::ZERO) else {
        println!("SKIP 10 000 connections: `ulimit -n` is too low, or the load did not run");
        return Verdict::Skipped;
    };
    let lag = number(&json, &["generator_lag_ns", "p99"]).unwrap_or(f64::INFINITY) / 1000.0;
    let opened = number(&json, &["connections"]).unwrap_or(0.0);
    let is_small = used.peak_kib <= MOST_KIB && opened >= 10_000.0;
    let verdict = if is_small { Verdict::of(lag <= LAG_P99_MICROS, foreign) } else { Verdict::Missed };
    println!(
        "{opened} connections at 5000/s: lag p99 {lag:.0} us (asked {LAG_P99_MICROS:.0}), memory {} MB (asked {}); \
         others took {:.0} %: {}",
        used.peak_kib / 1024,
        MOST_KIB / 1024,
        foreign * 100.0,
        verdict.says()
    );
    verdict
}

/// Memory is no matter of how busy others are.
fn requests(tools: &Tools, server: &Nginx) -> Verdict {
    let options = ["--closed", "-c", "32", "-n", MANY_REQUESTS, "-d", "10m"];
    let Some((used, json, _)) = measured(tools, server, &options, Duration::from_secs(3)) else {
        println!("SKIP {MANY_REQUESTS} requests: the load did not run");
        return Verdict::Skipped;
    };
    let sent = number(&json, &["sent"]).unwrap_or(0.0);
    let is_flat = used.peak_kib <= used.early_kib + FLAT_KIB && sent >= 1e7;
    let verdict = if is_flat { Verdict::AsAsked } else { Verdict::Missed };
    println!(
        "{sent} requests in {:.0} s: memory {} KiB after 3 s, {} KiB at most: {}",
        used.wall,
        used.early_kib,
        used.peak_kib,
        verdict.says()
    );
    verdict
}

fn measured(tools: &Tools, server: &Nginx, options: &[&str], early: Duration) -> Option<(Used, String, f64)> {
    let (before, served) = (Spent::now(), server.cpu());
    let mut command = pinned(1, &tools.changeover);
    command.arg("load").args(options).args(["--json", "-", &server.url()]);
    let (used, json) = run(command, early).ok()?;
    let foreign = before.foreign_since(used.cpu + server.cpu() - served);
    number(&json, &["sent"])?;
    Some((used, json, foreign))
}
