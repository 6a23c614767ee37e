//! `-s weight`, `down`, `drain`, `undrain`: what an operator says of the members of an upstream while everything runs. The words of
//! the command line become a request to a master, which gives the order to all workers of all generations at once.

use balance::{Health, Order};
use conf::Configuration;
use serde::{Deserialize, Serialize};

use crate::{
    upstream::time_of_day,
    zone::{Audience, Full, Member, ORDERS, Zone, Zones},
};

/// As in a configuration.
const WEIGHT_MAX: u32 = 1_000_000;

/// What a caller asks of a master.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The name of the upstream.
    pub(crate) upstream: String,
    /// Of each member, by the name that the configuration gives it.
    pub(crate) changes: Vec<(String, Change)>,
    /// Also if nobody is left who serves. An older version does not ask.
    #[serde(default)]
    pub(crate) forced: bool,
}

/// What becomes of a member. What is not said stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) weight: Option<u32>,
    /// Whether it gets nothing.
    pub(crate) down: Option<bool>,
}

/// What a master says to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reply {
    Done(String),
    Refused(String),
}

/// Whether workers of other generations, that came before this one, may still be asked for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    Nobody,
    OthersServe,
}

/// Why nothing was changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "\"{word}\" says nothing of a server: write SERVER=WEIGHT with a weight from 0 to {WEIGHT_MAX}, SERVER=down, SERVER=up or \
         SERVER=WEIGHT,up"
    )]
    NoChange { word: String },
    #[error(
        "workers of another generation would not hear of it: they share no zone of upstream \"{0}\"; finish the upgrade first, or \
         go back"
    )]
    Unheard(String),
    #[error("server \"{0}\" is named twice")]
    Twice(String),
    #[error("there is no upstream \"{name}\"; there are: {known}")]
    NoUpstream { name: String, known: String },
    #[error(
        "upstream \"{0}\" has no zone, so its workers can be told nothing: write \"zone {0} 64k;\" in it"
    )]
    NoZone(String),
    #[error("upstream \"{upstream}\" has no server \"{name}\"; it has: {known}")]
    NoMember { upstream: String, name: String, known: String },
    #[error(
        "nobody in upstream \"{0}\" would get a request: leave one server up, with a weight, or say it with --force"
    )]
    NobodyLeft(String),
    #[error(
        "no server of upstream \"{upstream}\" that serves now would be left: {others}; wait until one is admitted again, or say it \
         with --force"
    )]
    NobodyServes { upstream: String, others: String },
    #[error(
        "no order can be given in upstream \"{name}\": {ORDERS} of them are in force, for servers of this and of other \
         generations; finish the upgrade, or go back, and those of servers that are gone are over"
    )]
    Full { name: String },
}

impl Change {
    /// It gets nothing.
    pub(crate) const DOWN: Change = Change { weight: None, down: Some(true) };

    /// It gets its share.
    pub(crate) const UP: Change = Change { weight: None, down: Some(false) };

    fn of(self, before: Order) -> Order {
        Order { weight: self.weight.unwrap_or(before.weight), down: self.down.unwrap_or(before.down) }
    }
}

/// Reads `SERVER=WEIGHT`, `SERVER=down`, `SERVER=up`, or two of them with a comma between.
pub(crate) fn change(word: &str) -> Result<(String, Change), Refusal> {
    let refusal = || Refusal::NoChange { word: word.to_owned() };
    let (member, said) =
        word.rsplit_once('=').filter(|(member, _)| !member.is_empty()).ok_or_else(refusal)?;
    let mut change = Change::default();
    for said in said.split(',') {
        match (said, said.parse::<u32>()) {
            ("down", _) if change.down.is_none() => change.down = Some(true),
            ("up", _) if change.down.is_none() => change.down = Some(false),
            (_, Ok(weight @ ..=WEIGHT_MAX)) if change.weight.is_none() => change.weight = Some(weight),
            _ => return Err(refusal()),
        }
    }
    Ok((member.to_owned(), change))
}

/// Gives the order, in one; what was done, or why nothing was.
pub(crate) fn order(
    configuration: &Configuration,
    zones: &Zones,
    request: &Request,
    beside: Beside,
) -> Result<String, Refusal> {
    let name = &request.upstream;
    let upstreams = &configuration.http.upstreams;
    let index = upstreams.iter().position(|upstream| upstream.name == *name);
    let Some(index) = index else {
        let known: Vec<&str> = upstreams.iter().map(|upstream| upstream.name.as_str()).collect();
        return Err(Refusal::NoUpstream { name: name.clone(), known: listed(&known) });
    };
    let zone: &Zone = zones[index].as_ref().ok_or_else(|| Refusal::NoZone(name.clone()))?;
    if (beside, zone.audience) == (Beside::OthersServe, Audience::Ours) {
        return Err(Refusal::Unheard(name.clone()));
    }
    let members: Vec<&str> = upstreams[index].peers.iter().map(|peer| peer.name.as_str()).collect();
    check_members(request, &members)?;
    let change = |before: &[Member]| {
        let said = |name: &str| request.changes.iter().find(|(member, _)| member == name);
        let order = |(name, member): (&&str, &Member)| said(name).map(|(_, change)| change.of(member.order));
        let orders: Vec<Option<Order>> = members.iter().zip(before).map(order).collect();
        let after = orders.iter().zip(before).map(|(order, member)| order.unwrap_or(member.order));
        let after: Vec<Member> =
            before.iter().zip(after).map(|(member, order)| Member { order, ..*member }).collect();
        if !request.forced {
            check_service(name, &members, before, &after)?;
        }
        Ok(orders)
    };
    zone.order(change).map_err(|Full| Refusal::Full { name: name.clone() })??;
    Ok(format!("upstream \"{name}\": {}", told(zone, &members)))
}

/// An order does not end the service.
fn check_service(upstream: &str, names: &[&str], before: &[Member], after: &[Member]) -> Result<(), Refusal> {
    if !after.iter().any(gets_requests) {
        return Err(Refusal::NobodyLeft(upstream.to_owned()));
    }
    let serves = |member: &Member| gets_requests(member) && member.health == Health::Good;
    // Where nobody serves there is nothing to end.
    if after.iter().any(serves) || !before.iter().any(serves) {
        return Ok(());
    }
    let left = names.iter().zip(after).filter(|(_, member)| gets_requests(member));
    let others: Vec<String> =
        left.map(|(name, member)| format!("{name} is {}", in_words(member.health))).collect();
    Err(Refusal::NobodyServes { upstream: upstream.to_owned(), others: others.join(", ") })
}

fn gets_requests(member: &Member) -> bool {
    member.order.weight > 0 && !member.order.down
}

fn in_words(health: Health) -> String {
    match health {
        Health::Good => "up".to_owned(),
        Health::Resting { until_seconds } => {
            format!("left alone after failures until {}", time_of_day(until_seconds))
        }
        Health::Ejected { until_seconds } => format!("ejected until {}", time_of_day(until_seconds)),
        Health::OnTrial => "on trial".to_owned(),
    }
}

fn check_members(request: &Request, members: &[&str]) -> Result<(), Refusal> {
    let named: Vec<&str> = request.changes.iter().map(|(name, _)| name.as_str()).collect();
    for (place, name) in named.iter().enumerate() {
        if !members.contains(name) {
            return Err(Refusal::NoMember {
                upstream: request.upstream.clone(),
                name: (*name).to_owned(),
                known: listed(members),
            });
        }
        if named[..place].contains(name) {
            return Err(Refusal::Twice((*name).to_owned()));
        }
    }
    Ok(())
}

/// What holds of all its members now.
fn told(zone: &Zone, members: &[&str]) -> String {
    let told = zone.members().into_iter().zip(members).map(|(known, name)| match known.order {
        Order { weight: 0, down: false } => {
            format!("{name} weight 0: it gets nothing before it has a weight")
        }
        Order { weight, down: false } => format!("{name} weight {weight}"),
        Order { weight, down: true } => format!("{name} weight {weight}, down"),
    });
    told.collect::<Vec<_>>().join("; ")
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::{self, Occasion};

    const TEXT: &str = "events {} http {
        upstream bare { server 127.0.0.1:1; }
        upstream origins { zone origins 64k; server 127.0.0.1:1 weight=50; server 127.0.0.1:2 weight=50; }
    }";

    fn configuration(text: &str) -> Configuration {
        conf::parse("test", text, "").unwrap_or_else(|wrong| panic!("{}", wrong[0].render(text)))
    }

    fn said(text: &str) -> Request {
        let changes = text.split_whitespace().map(|word| change(word).expect("a change"));
        Request { upstream: "origins".to_owned(), changes: changes.collect(), forced: false }
    }

    fn in_force(zones: &Zones) -> Vec<(u32, bool)> {
        let zone = zones.last().and_then(Option::as_ref).expect("a zone");
        zone.members().iter().map(|member| (member.order.weight, member.order.down)).collect()
    }

    #[test]
    fn what_is_ordered_is_told_and_holds() {
        let configuration = configuration(TEXT);
        let zones = zone::open((&configuration, 2), &[], Occasion::Start).expect("zones");
        let order = |request: &Request| order(&configuration, &zones, request, Beside::Nobody);
        let told = order(&said("127.0.0.1:1=5 127.0.0.1:2=95")).expect("ordered");
        assert_eq!(told, "upstream \"origins\": 127.0.0.1:1 weight 5; 127.0.0.1:2 weight 95");
        assert_eq!(in_force(&zones), [(5, false), (95, false)]);
        order(&said("127.0.0.1:1=down")).expect("ordered");
        assert_eq!(in_force(&zones), [(5, true), (95, false)]);
        order(&said("127.0.0.1:1=7")).expect("ordered");
        assert_eq!(in_force(&zones), [(7, true), (95, false)], "a weight does not take it up");
        order(&said("127.0.0.1:1=up")).expect("ordered");
        assert_eq!(in_force(&zones), [(7, false), (95, false)]);
        order(&said("127.0.0.1:1=1,up 127.0.0.1:2=down")).expect("ordered");
        assert_eq!(in_force(&zones), [(1, false), (95, true)], "all at once");
    }

    #[test]
    fn a_zone_that_has_no_room_for_an_order_refuses_it() {
        let configuration = configuration(TEXT);
        let zones = zone::open((&configuration, 2), &[], Occasion::Start).expect("zones");
        let orders = &zones.last().and_then(Option::as_ref).expect("a zone").orders;
        let own = orders.join().expect("a place");
        // Of servers that this configuration does not name.
        orders.replace(own, orders.stamp(), &vec![7; orders.room.list]).expect("nobody was faster");
        let why = order(&configuration, &zones, &said("127.0.0.1:1=5"), Beside::Nobody)
            .expect_err("refused")
            .to_string();
        assert!(why.contains("2048 of them are in force"), "{why}");
        assert_eq!(in_force(&zones), [(50, false), (50, false)]);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name_and_changes_nothing() {
        let configuration = configuration(TEXT);
        let zones = zone::open((&configuration, 2), &[], Occasion::Start).expect("zones");
        let refused = |request: &Request, expected: &str| {
            let why =
                order(&configuration, &zones, request, Beside::Nobody).expect_err("refused").to_string();
            assert!(why.contains(expected), "{why}");
            assert_eq!(in_force(&zones), [(50, false), (50, false)]);
        };
        let elsewhere = |name: &str| Request { upstream: name.to_owned(), ..said("127.0.0.1:1=5") };
        refused(&elsewhere("origin"), "no upstream \"origin\"; there are: bare, origins");
        refused(
            &elsewhere("bare"),
            "\"bare\" has no zone, so its workers can be told nothing: write \"zone bare 64k;\"",
        );
        refused(
            &said("127.0.0.1:1=5 127.0.0.1:3=1"),
            "no server \"127.0.0.1:3\"; it has: 127.0.0.1:1, 127.0.0.1:2",
        );
        refused(&said("127.0.0.1:1=5 127.0.0.1:1=6"), "named twice");
        refused(&said("127.0.0.1:1=0 127.0.0.1:2=0"), "nobody in upstream \"origins\" would get a request");
        let wrong = |word: &str| change(word).expect_err("refused").to_string();
        for word in ["a:1", "a:1=", "=5", "a:1=-1", "a:1=1000001", "a:1=1,2", "a:1=up,down", "a:1=drain"] {
            assert!(wrong(word).contains("with a weight from 0 to 1000000"), "{word}");
        }
    }

    /// As if a worker had seen a member fail so often that it is left alone.
    fn eject(zones: &Zones, member: usize) {
        let zone = zones.last().and_then(Option::as_ref).expect("a zone");
        let shared = zone::Shared::join(zone, zone::Counts::Told).expect("there is room");
        let upstream = configuration(TEXT).http.upstreams.pop().expect("an upstream");
        let mut pool = balance::Pool::new(balance::Method::RoundRobin, &crate::upstream::setups(&upstream));
        let now = jiff::Timestamp::now().as_second();
        let fail = |pool: &mut balance::Pool| {
            let mut attempts = pool.attempts(b"");
            while pool.pick(&mut attempts, now, || 0).is_some_and(|picked| picked != member) {
                pool.finish(&mut attempts, balance::Ended::Succeeded, now);
            }
            pool.finish(&mut attempts, balance::Ended::Failed, now);
        };
        shared.act(&mut pool, fail);
    }

    #[test]
    fn the_last_server_that_serves_is_not_taken_away_unless_that_is_meant() {
        let configuration = configuration(TEXT);
        let zones = zone::open((&configuration, 2), &[], Occasion::Start).expect("zones");
        eject(&zones, 1);
        let order = |request: &Request| order(&configuration, &zones, request, Beside::Nobody);
        let forced = |text| Request { forced: true, ..said(text) };
        for word in ["127.0.0.1:1=down", "127.0.0.1:1=0", "127.0.0.1:1=down 127.0.0.1:2=95"] {
            let why = order(&said(word)).expect_err("refused").to_string();
            let reason = "left: 127.0.0.1:2 is left alone after failures until ";
            assert!(why.contains(reason) && why.contains("--force"), "{why}");
            assert_eq!(in_force(&zones), [(50, false), (50, false)], "{word}");
        }
        order(&said("127.0.0.1:2=down")).expect("it serves nobody");
        order(&said("127.0.0.1:1=5 127.0.0.1:2=up")).expect("the other one serves");
        order(&forced("127.0.0.1:1=down")).expect("it is meant");
        assert_eq!(in_force(&zones), [(5, true), (50, false)]);
        order(&said("127.0.0.1:2=40")).expect("nobody serves, so nothing ends");
        let why = order(&said("127.0.0.1:2=down")).expect_err("refused").to_string();
        assert!(why.contains("nobody in upstream \"origins\" would get a request"), "{why}");
        order(&forced("127.0.0.1:2=down")).expect("it is meant");
        assert_eq!(in_force(&zones), [(5, true), (40, true)]);
    }

    #[test]
    fn an_order_that_workers_of_another_generation_would_not_hear_is_refused() {
        let configuration = configuration(TEXT);
        let zones = zone::open((&configuration, 2), &[], Occasion::Start).expect("zones");
        let order = |zones, beside| order(&configuration, zones, &said("127.0.0.1:1=5"), beside);
        let why = order(&zones, Beside::OthersServe).expect_err("refused").to_string();
        assert!(why.contains("share no zone of upstream \"origins\""), "{why}");
        assert_eq!(in_force(&zones), [(50, false), (50, false)]);
        let next = zone::open((&configuration, 2), &zone::segments(&zones), Occasion::Start).expect("zones");
        order(&next, Beside::OthersServe).expect("they share it");
        assert_eq!(in_force(&zones), [(5, false), (50, false)]);
    }

    #[test]
    fn an_order_outlives_reloads_and_upgrades_until_a_configuration_says_something_else() {
        let (first, other) = (configuration(TEXT), configuration(&TEXT.replace("weight=50", "weight=10")));
        let before = zone::open((&first, 2), &[], Occasion::Start).expect("zones");
        order(&first, &before, &said("127.0.0.1:1=5 127.0.0.1:2=95"), Beside::Nobody).expect("ordered");
        let next = |configuration: &Configuration, zones: &Zones, occasion| {
            zone::open((configuration, 2), &zone::segments(zones), occasion).expect("zones")
        };
        for occasion in [Occasion::Start, Occasion::Reload] {
            assert_eq!(in_force(&next(&first, &before, occasion)), [(5, false), (95, false)], "{occasion:?}");
        }
        let after = next(&other, &before, Occasion::Start);
        assert_eq!(in_force(&after), [(10, false), (10, false)], "the configuration wins");
        assert_eq!(in_force(&before), [(5, false), (95, false)], "and whoever comes back finds what held");
        order(&other, &after, &said("127.0.0.1:1=1"), Beside::Nobody).expect("ordered");
        assert_eq!(in_force(&before), [(1, false), (95, false)], "all generations obey what is said now");
        after.iter().flatten().for_each(|zone| zone.settle());
        let back = next(&first, &after, Occasion::Reload);
        assert_eq!(
            in_force(&back),
            [(50, false), (50, false)],
            "what a configuration has ended does not come back"
        );
    }
}
