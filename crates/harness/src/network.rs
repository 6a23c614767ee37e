//! The network that a run's sockets are in: one of its own where that can be had, so that two runs share no port and
//! no counter. A thread is in a namespace and hands it on to what it starts (unshare(2)), and the namespace ends with
//! the last process or socket in it: nothing has to be removed, however the run ends.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use facts::{
    kernel::Extent,
    plan::{Namespace, Network},
};
use nix::sched::{CloneFlags, unshare};

use crate::{
    Error,
    netlink::{ACKNOWLEDGE, Netlink},
};

/// Whether runs get network namespaces of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Netns {
    /// Where that is allowed and the plan has nothing against it.
    #[default]
    Auto,
    /// Never.
    Off,
}

/// `RTM_NEWLINK`
const CHANGE_LINK: u16 = 16;
/// The loopback is the first link of every namespace (`LOOPBACK_IFINDEX`).
const LOOPBACK: i32 = 1;
/// `IFF_UP`
const UP: u32 = 1;

/// Takes the calling thread, and all that it starts from now on, into a network of its own if it may; which network it
/// is in then, and why.
///
/// # Errors
/// A namespace that was made and cannot be furnished as the plan wants it.
pub(crate) fn enter(wanted: Netns, plan: &Network) -> Result<(Extent, String), Error> {
    let shared = |why: String| Ok((Extent::Machine, why));
    match (wanted, plan.namespace) {
        (Netns::Off, _) => return shared("switched off (--netns off)".into()),
        (_, Namespace::Shared) => return shared("the scenario stays in the network of the machine".into()),
        (Netns::Auto, Namespace::Own) => {}
    }
    if let Err(errno) = unshare(CloneFlags::CLONE_NEWNET) {
        return shared(format!("this machine does not let us make a network namespace ({errno})"));
    }
    loopback_up().map_err(Error::system("set the loopback of a network namespace up"))?;
    set(&plan.sysctl)?;
    Ok((Extent::Run, "nobody else is in it".into()))
}

/// Without it nothing reaches 127.0.0.1 or ::1.
fn loopback_up() -> io::Result<()> {
    // ifinfomsg (rtnetlink(7)): family, type, link, flags, and which of the flags are meant.
    let mut link = vec![0; 4];
    link.extend(LOOPBACK.to_ne_bytes());
    link.extend(UP.to_ne_bytes());
    link.extend(UP.to_ne_bytes());
    Netlink::open(None)?.ask(CHANGE_LINK, ACKNOWLEDGE, &link, |_| {})
}

/// Settings of the kernel for this thread's network. What is not a network's own is read-only in one that is not the
/// first, so nothing of the machine can be changed here.
fn set(sysctl: &BTreeMap<String, String>) -> Result<(), Error> {
    for (name, value) in sysctl {
        let path = PathBuf::from("/proc/sys").join(name.replace('.', "/"));
        fs::write(&path, value).map_err(|source| Error::Sysctl {
            name: name.clone(),
            value: value.clone(),
            source,
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        net::{TcpListener, TcpStream},
        thread,
    };

    use facts::{
        kernel::Extent,
        plan::{Namespace, Network},
    };

    use super::{Netns, enter};

    /// What a thread of its own finds; the thread of the test stays where it is.
    fn entered<T: Send>(
        wanted: Netns,
        network: &Network,
        find: impl FnOnce(Extent, String) -> T + Send,
    ) -> T {
        thread::scope(|scope| {
            let found = scope.spawn(|| {
                let (extent, why) = enter(wanted, network).expect("it can be furnished");
                find(extent, why)
            });
            found.join().expect("no panic")
        })
    }

    #[test]
    fn a_network_of_its_own_has_a_loopback_and_is_reached_by_nobody_else() {
        entered(Netns::Auto, &Network::default(), |extent, why| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback is up");
            let address = listener.local_addr().expect("an address");
            TcpStream::connect(address).expect("threads in it reach it");
            let outside = thread::scope(|scope| {
                // A thread that was started before is still outside; here, one that goes on into another.
                let elsewhere = scope.spawn(move || {
                    enter(Netns::Auto, &Network::default()).expect("again");
                    TcpStream::connect(address).is_ok()
                });
                elsewhere.join().expect("no panic")
            });
            match extent {
                Extent::Run => assert!(!outside, "{why}"),
                Extent::Machine => assert!(outside && why.contains("namespace (E"), "{why}"),
            }
        });
    }

    #[test]
    fn what_keeps_a_run_in_the_machines_network_is_said() {
        let shared = Network { namespace: Namespace::Shared, ..Network::default() };
        for (wanted, network, said) in
            [(Netns::Off, Network::default(), "--netns off"), (Netns::Auto, shared, "the scenario")]
        {
            let (extent, why) = entered(wanted, &network, |extent, why| (extent, why));
            assert!(extent == Extent::Machine && why.contains(said), "{why}");
        }
    }

    #[test]
    fn a_setting_is_the_networks_own() {
        let read = || std::fs::read_to_string("/proc/sys/net/ipv4/tcp_migrate_req").unwrap_or_default();
        let before = read();
        let sysctl = [("net.ipv4.tcp_migrate_req".to_owned(), "1".to_owned())].into();
        let network = Network { sysctl, ..Network::default() };
        let (extent, inside) = entered(Netns::Auto, &network, |extent, _| (extent, read()));
        let expected = if extent == Extent::Run { "1\n" } else { before.as_str() };
        assert_eq!((inside.as_str(), read()), (expected, before.clone()));
    }
}
