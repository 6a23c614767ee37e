//! nginx's known outages are found, each is blamed on the right quirk, and without the quirk it is gone.

use simulator::{
    NGINX, Outage,
    nginx::{Quirk, Quirks},
    outages,
};

/// Which promise is broken, and by what.
fn found(quirks: Quirks) -> Vec<String> {
    let (outages, exploration) = outages(NGINX, quirks);
    assert!(exploration.exhausted);
    outages.iter().map(told).collect()
}

fn told(outage: &Outage) -> String {
    let quirks: Vec<String> = outage.quirks.iter().map(|quirk| format!("{quirk:?}")).collect();
    format!("{} {}: {}", outage.property.promise, outage.property.name, quirks.join(" and "))
}

#[test]
fn a_server_without_the_quirks_keeps_every_promise() {
    assert_eq!(found(Quirks::NONE), Vec::<String>::new());
}

#[test]
fn each_quirk_is_to_blame_for_something() {
    let all = found(Quirks::ALL);
    for quirk in Quirk::ALL {
        assert!(all.iter().any(|line| line.contains(&format!("{quirk:?}"))), "{quirk:?}: {all:#?}");
    }
}

#[test]
fn without_one_quirk_its_outages_are_gone_and_no_others() {
    let (all, _) = outages(NGINX, Quirks::ALL);
    for quirk in Quirk::ALL {
        let (left, _) = outages(NGINX, Quirks::ALL.without(quirk));
        let same =
            |a: &Outage, b: &Outage| a.property.name == b.property.name && a.quirks.is_within(b.quirks);
        for outage in all.iter().filter(|outage| !outage.quirks.has(quirk)) {
            assert!(
                left.iter().any(|found| same(found, outage)),
                "without {quirk:?} this is gone, too: {}",
                told(outage)
            );
        }
        for found in &left {
            assert!(!found.quirks.has(quirk), "{}", told(found));
            assert!(
                all.iter().any(|outage| same(found, outage)),
                "without {quirk:?} this is new: {}",
                told(found)
            );
        }
    }
}
