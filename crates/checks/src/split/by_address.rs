//! Methods that hash the client's address: every answer is from the one member that the method gives this client. Only a
//! client that met 20 members which are down has no such member; the next in turn gets it.

use std::net::IpAddr;

use balance::{Method, Pool, Setup};
use facts::{Verdict, caller::source};

use super::Spread;

/// So many answers from the wrong member are told.
const TOLD: usize = 5;

pub(super) fn verdict(spread: &Spread, method: &str) -> Verdict {
    let setups = spread.setups();
    let pool = match pool(spread, method, &setups) {
        Ok(pool) => pool,
        Err(why) => return Verdict::unknown(why),
    };
    let (mut right, mut homeless, mut wrong) = (0, 0, Vec::new());
    for attempt in &spread.within {
        let Some(client) = spread.index.callers.get(&attempt.record.connection) else {
            return Verdict::unknown(
                "clients without addresses of their own cannot be told apart: `clients`",
            );
        };
        let address = IpAddr::V4(source(*client));
        let Some(home) = home(&pool, &key(method, address)) else {
            homeless += 1;
            continue;
        };
        let origin = usize::from(attempt.record.origin).checked_sub(1).map_or("nobody", |o| spread.origin(o));
        let due = setups.get(home).map_or("?", |setup| &setup.name);
        match origin == due {
            true => right += 1,
            false => wrong.push(format!("{:016x} of {address}: {origin}, due {due}", attempt.record.id)),
        }
    }
    match (wrong.len(), right) {
        (0, 0) => Verdict::unknown("no client has a member of its own"),
        (0, _) => Verdict::pass(format!(
            "{right} answers from the member of their client by `{method}`, {homeless} in turn"
        )),
        (count, _) => {
            let first = format!("{count} answers are from another member than `{method}` gives their client");
            wrong.truncate(TOLD);
            Verdict::Fail { lines: [vec![first], wrong].concat() }
        }
    }
}

/// A consistent hash depends on the names of the members, which are their addresses.
fn pool(spread: &Spread, method: &str, setups: &[Setup]) -> Result<Pool, String> {
    let hashing = match method {
        "ip_hash" => Method::IpHash,
        _ if !method.ends_with(" consistent") => Method::Hash,
        _ => {
            let named = |setup: &Setup| {
                let name = spread.address(&setup.name).map(str::to_owned);
                let name = name.ok_or_else(|| format!("nobody wrote down the address of {}", setup.name))?;
                Ok(Setup { name, ..setup.clone() })
            };
            let named: Result<Vec<Setup>, String> = setups.iter().map(named).collect();
            return Ok(Pool::new(Method::ConsistentHash, &named?));
        }
    };
    Ok(Pool::new(hashing, setups))
}

/// What a method hashes of an address.
fn key(method: &str, address: IpAddr) -> Vec<u8> {
    match (method.trim_end_matches(" consistent"), address) {
        ("ip_hash", _) => balance::hashed_part(address),
        ("hash $binary_remote_addr", IpAddr::V4(address)) => address.octets().to_vec(),
        ("hash $binary_remote_addr", IpAddr::V6(address)) => address.octets().to_vec(),
        _ => address.to_string().into_bytes(),
    }
}

/// The member of a client, if it has one.
fn home(pool: &Pool, key: &[u8]) -> Option<usize> {
    let mut attempts = pool.attempts(key);
    let picked = pool.clone().pick(&mut attempts, 0, || 0)?;
    (!attempts.gave_up()).then_some(picked)
}
