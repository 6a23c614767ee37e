//! `network`: whose network the run is in, and how the kernel is set there.

use facts::plan::{Namespace, Network, Requirement};

use crate::{
    codes,
    mistake::{Mistake, Mistakes},
    reading::Reading,
    shape::{self, Word},
};

/// What is a network's own begins with this; nothing else can be set for one run.
const PREFIX: &str = "net.";

/// The network of a case; `requires` is what the case needs of the machine.
pub(crate) fn network(
    table: &shape::Network,
    requires: &[Requirement],
    reading: &Reading,
    mistakes: &mut Mistakes,
) -> Network {
    let stays = table.own.as_ref().filter(|own| !*own.get_ref());
    if let Some(own) = stays.filter(|_| requires.contains(&Requirement::Netns)) {
        let message = "a run that stays in the machine's network cannot need one of its own".to_owned();
        let help = "leave out `own`, or else `sysctl` and the requirement `netns`";
        mistakes.add(Mistake::new(codes::CONTRADICTION, &reading.at(own), message).help(help));
    }
    let namespace = if stays.is_some() { Namespace::Shared } else { Namespace::Own };
    let sysctl = table.sysctl.iter().filter_map(|(name, value)| {
        let name = mistakes.keep(setting(name, reading))?;
        Some((name, mistakes.keep(reading.text(value))?.as_str().to_owned()))
    });
    Network { sysctl: sysctl.collect(), namespace }
}

fn setting(name: &Word, reading: &Reading) -> Result<String, Mistake> {
    let text = reading.raw(name);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.as_str().starts_with(PREFIX) && text.as_str().chars().all(is_plain) {
        return Ok(text.as_str().to_owned());
    }
    let message = format!("`{}` is not a setting of a network", text.as_str());
    let help = "write its name as sysctl(8) does: `net.ipv4.tcp_migrate_req`";
    Err(Mistake::new(codes::UNKNOWN_WORD, text.at(), message).help(help))
}
