//! Whatever configurations and generations follow each other, a zone has room for what they need, and orders are obeyed.

use balance::{Method, Pool};

use super::*;

fn configuration(peers: impl IntoIterator<Item = usize>) -> Configuration {
    let servers: String = peers.into_iter().map(|peer| format!("server {};", name(peer))).collect();
    let text = format!("events {{}} http {{ upstream origins {{ zone origins 64k; {servers} }} }}");
    conf::parse("test", &text, "").unwrap_or_else(|wrong| panic!("{}", wrong[0].render(&text)))
}

fn name(peer: usize) -> String {
    format!("127.0.{}.{}:80", peer / 250, peer % 250 + 1)
}

/// The zone of the next generation, beside those of former ones.
fn next(peers: std::ops::Range<usize>, workers: u32, before: &Zones) -> Zones {
    open((&configuration(peers), workers), &segments(before), Occasion::Start).expect("zones")
}

fn only(zones: &Zones) -> &Arc<Zone> {
    zones[0].as_ref().expect("a zone")
}

fn pool(zone: &Zone) -> Pool {
    let setups: Vec<Setup> = zone.peers.iter().map(|peer| peer.setup.clone()).collect();
    Pool::new(Method::RoundRobin, &setups)
}

/// How many different peers a worker asks in as many requests as there are peers.
fn asked(zone: &Arc<Zone>) -> usize {
    let shared = Shared::join(zone, Counts::Told).expect("there is room");
    let mut pool = pool(zone);
    shared.obey(&mut pool);
    let mut asked: Vec<usize> = (0..zone.peers.len())
        .filter_map(|_| {
            let attempts = pool.attempts(b"");
            shared.act(&mut pool, |pool| pool.pick(&mut attempts.clone(), 1, || 0))
        })
        .collect();
    asked.sort_unstable();
    asked.dedup();
    asked.len()
}

fn take_down(zone: &Zone, peer: usize) {
    let change = |before: &[Member]| {
        let down = |(index, member): (usize, &Member)| {
            (index == peer).then_some(Order { down: true, ..member.order })
        };
        Ok::<_, ()>(before.iter().enumerate().map(down).collect())
    };
    zone.order(change).expect("there is room").expect("ordered");
}

#[test]
fn a_zone_knows_whether_others_hear_its_orders() {
    let first = next(0..3, 2, &Vec::new());
    assert_eq!(only(&first).audience, Audience::Ours);
    assert_eq!(only(&next(1..4, 2, &first)).audience, Audience::Everybody);
}

#[test]
fn one_configuration_of_other_peers_after_another_finds_room_and_obeys() {
    let mut zones = next(0..300, 2, &Vec::new());
    for generation in 1..8 {
        // The workers of the generation before are still there.
        let before = Shared::join(only(&zones), Counts::Told).expect("there is room");
        zones = next(generation * 300..generation * 300 + 300, 2, &zones);
        let zone = only(&zones);
        take_down(zone, 0);
        assert_eq!(asked(zone), 299, "generation {generation}");
        drop(before);
    }
    assert!(segments(&zones).len() <= 3, "those that nobody uses any more are gone");
}

#[test]
fn what_was_seen_of_peers_that_stay_goes_on_in_a_larger_room() {
    let zones = next(0..100, 2, &Vec::new());
    let zone = only(&zones);
    let shared = Shared::join(zone, Counts::Told).expect("there is room");
    let mut pool = pool(zone);
    let peer = shared.act(&mut pool, |pool| {
        let mut attempts = pool.attempts(b"");
        let peer = pool.pick(&mut attempts, 5, || 0);
        pool.finish(&mut attempts, balance::Ended::Failed, 5);
        peer
    });
    let peer = peer.expect("a peer");
    assert_eq!(zone.members()[peer].fails, 1);
    let larger = next(0..500, 2, &zones);
    assert!(!Arc::ptr_eq(&only(&larger).standings, &zone.standings), "there was no room for 500");
    assert_eq!(only(&larger).members()[peer].fails, 1);
    let same = next(0..100, 2, &zones);
    assert!(Arc::ptr_eq(&only(&same).standings, &zone.standings), "and for 100 there is");
}

#[test]
fn a_generation_of_any_number_of_workers_finds_room_for_all_of_them() {
    let few = next(0..3, 2, &Vec::new());
    let many = next(0..3, 200, &few);
    let own = std::process::id();
    let room = only(&many).standings.vacancies();
    assert!(room >= 400, "{room} places for 200 workers, and for those of another generation");
    assert!(only(&many).admit(own) && only(&many).admit(own), "whoever has a place keeps it");
    assert_eq!(only(&many).standings.vacancies(), room - 1);
}

#[test]
fn more_workers_than_a_stamp_can_tell_apart_get_as_many_places_as_there_are() {
    let zones = next(0..3, 100_000, &Vec::new());
    let shared = Shared::join(only(&zones), Counts::Told).expect("there is room");
    assert_eq!(only(&zones).standings.room.places, segment::PLACES_MAX);
    drop(shared);
}

#[test]
fn a_worker_that_finds_no_room_is_not_let_in_and_the_place_of_a_dead_one_is_free_again() {
    let zones = next(0..3, 2, &Vec::new());
    let zone = only(&zones);
    let mut others: Vec<std::process::Child> = (0..zone.standings.room.places)
        .map(|_| std::process::Command::new("sleep").arg("60").spawn().expect("starts"))
        .collect();
    assert!(others.iter().all(|other| zone.admit(other.id())));
    assert!(!zone.admit(std::process::id()));
    assert!(Shared::join(zone, Counts::Told).is_none());
    assert!(zone.is_crowded().contains("80 processes share the zone of upstream \"origins\""));
    let mut last = others.pop().expect("some");
    last.kill().and_then(|()| last.wait()).expect("ends");
    assert!(zone.admit(std::process::id()));
    assert!(Shared::join(zone, Counts::Told).is_some());
    others.iter_mut().for_each(|other| {
        other.kill().and_then(|()| other.wait()).expect("ends");
    });
}
