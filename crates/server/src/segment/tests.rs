//! What processes write there, all at once, and what is left of those that end.

use std::{process::Command, thread};

use nix::{
    sys::wait::{Id, WaitPidFlag, waitid},
    unistd::Pid,
};

use super::*;

const ROOM: Room = Room { places: 8, counters: 16, list: 160 };

/// A place that is taken as by another process.
fn stranger(segment: &Segment, place: usize) -> Place {
    segment.owners()[place].store(u64::MAX - place as u64, Ordering::Release);
    Place(place)
}

fn read(segment: &Segment) -> (Stamp, Vec<u64>) {
    let mut list = Vec::new();
    (segment.read(&mut list), list)
}

#[test]
fn a_list_is_replaced_as_a_whole_and_only_by_whoever_knows_it() {
    let segment = Segment::new(Kind::Orders, "origins", ROOM).expect("a segment");
    let (ours, theirs) = (segment.join().expect("a place"), stranger(&segment, 1));
    let (empty, list) = read(&segment);
    assert_eq!((empty.number(), list), (0, Vec::new()));
    let first = segment.replace(ours, empty, &[1, 2]).expect("nobody was faster");
    assert_eq!(segment.replace(theirs, empty, &[3]), None);
    assert_eq!(read(&segment), (first, vec![1, 2]));
    let second = segment.replace(ours, first, &[4]).expect("nobody was faster");
    assert_eq!(read(&segment), (second, vec![4]));
    assert_eq!(segment.replace(theirs, second, &vec![0; ROOM.list + 1]), None, "too long");
}

#[test]
fn nothing_of_many_changes_at_once_is_lost_or_torn() {
    const EACH: u64 = 3_000;
    let segment = Segment::new(Kind::Standings, "origins", ROOM).expect("a segment");
    thread::scope(|scope| {
        for place in 0..4 {
            let segment = &segment;
            scope.spawn(move || {
                let (own, mut list) = (stranger(segment, place), Vec::new());
                for _ in 0..EACH {
                    loop {
                        let stamp = segment.read(&mut list);
                        assert!(list.iter().all(|word| *word == list[0]), "torn: {list:?}");
                        list.resize(40, 0);
                        list.iter_mut().for_each(|word| *word += 1);
                        if segment.replace(own, stamp, &list).is_some() {
                            break;
                        }
                    }
                }
            });
        }
    });
    assert_eq!(read(&segment).1, vec![4 * EACH; 40]);
}

#[test]
fn another_generation_finds_what_was_written_and_another_layout_is_refused_by_name() {
    let segment = Segment::new(Kind::Standings, "origins", ROOM).expect("a segment");
    let own = segment.join().expect("a place");
    segment.replace(own, segment.stamp(), &[7, 8, 9]).expect("nobody was faster");
    let fd = || segment.descriptor().try_clone_to_owned().expect("a descriptor");
    let other = Segment::adopt(fd()).expect("the same layout");
    assert_eq!((other.name.as_str(), other.kind), ("origins", Kind::Standings));
    assert_eq!(read(&other), read(&segment));
    segment.memory.words()[1].store(LAYOUT + 1, Ordering::Release);
    let refused = Segment::adopt(fd()).expect_err("another layout").to_string();
    assert!(refused.contains("upstream \"origins\"") && refused.contains("layout 3"), "{refused}");
    let strange = File::open("/dev/null").expect("opens");
    assert!(Segment::adopt(strange.into()).is_err());
}

#[test]
fn what_a_dead_process_counted_counts_no_more() {
    let segment = Segment::new(Kind::Standings, "origins", ROOM).expect("a segment");
    let (ours, theirs) = (segment.join().expect("a place"), stranger(&segment, 1));
    segment.count(ours, 3, 5);
    segment.count(theirs, 3, 2);
    assert_eq!((segment.sum(Some(ours), 3), segment.sum(None, 3)), (2, 7));
    let mut child = Command::new("cat").stdin(process::Stdio::piped()).spawn().expect("starts");
    let token = token(child.id()).expect("it lives");
    segment.owners()[theirs.0].store(token, Ordering::Release);
    segment.sweep();
    assert_eq!(segment.sum(Some(ours), 3), 2, "it lives");
    child.kill().expect("killed");
    let id = Id::Pid(Pid::from_raw(child.id().cast_signed()));
    waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).expect("it ends");
    segment.sweep();
    assert_eq!(segment.sum(Some(ours), 3), 0, "dead, though nobody has reaped it");
    child.wait().expect("reaped");
    segment.leave(ours);
    assert_eq!(segment.sum(None, 3), 0);
}
