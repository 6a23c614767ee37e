//! Failpoints: instants in a server's own code at which one of its processes fails.

use facts::plan::{Action, Born, Failpoint, FailpointAct, Members, Selector, Target};

use super::{Begun, Done};
use crate::{
    codes,
    mistake::{Mistake, both},
    shape,
    text::Text,
};

const ACTS: [(&str, FailpointAct); 4] = [
    ("kill", FailpointAct::Kill),
    ("stop", FailpointAct::Stop),
    ("exit", FailpointAct::Exit),
    ("note", FailpointAct::Note),
];
const BORN: [(&str, Born); 2] = [("before", Born::Before), ("after", Born::After)];

impl Begun<'_> {
    pub(super) fn failpoint(&self, failpoint: &shape::Failpoint) -> Done {
        let words = both(self.reading.text(&failpoint.point), self.reading.one_of(&failpoint.act, &ACTS));
        let ((to, word), (point, act)) = both(self.receiver(&failpoint.to), words)?;
        let born = failpoint.born.as_ref().map(|born| self.reading.one_of(born, &BORN)).transpose();
        let nth = failpoint.nth.as_ref().map(|nth| self.reading.whole(nth, 1..=u32::MAX)).transpose();
        let (born, nth) = both(born, nth)?;
        check_members(&to, &self.reading.text(&failpoint.to)?)?;
        if !(point.as_str() == "*" && act == FailpointAct::Note) {
            check_point(&self.now[to.target], &to, &point)?;
        }
        let said = format!("failpoint {word} {} {}{}", point.as_str(), act.name(), more(nth, born));
        let (point, nth) = (point.as_str().to_owned(), nth.unwrap_or(1));
        Ok((Action::Failpoint(Failpoint { to, point, act, nth, born }), said))
    }
}

/// Which of several workers comes there first, nobody knows beforehand.
fn check_members(to: &Selector, word: &Text) -> Result<(), Mistake> {
    match to.members {
        Members::Master | Members::Workers | Members::All => Ok(()),
        Members::Worker(_) | Members::AnyWorker => {
            let message = "a failpoint is of a master, of workers or of all";
            Err(Mistake::new(codes::BAD_SELECTOR, word.at(), message)
                .help("of several workers the first that comes there is meant; write `workers`"))
        }
    }
}

fn check_point(target: &Target, to: &Selector, point: &Text) -> Result<(), Mistake> {
    let of = |role: &str| -> Vec<&str> {
        target.failpoints.iter().filter_map(|name| name.strip_prefix(role)?.strip_prefix('.')).collect()
    };
    let known = match to.members {
        Members::Master => of("master"),
        Members::Workers | Members::Worker(_) | Members::AnyWorker => of("worker"),
        Members::All => [of("master"), of("worker")].concat(),
    };
    if known.contains(&point.as_str()) {
        return Ok(());
    }
    let message = format!("target `{}` has no failpoint `{}` there", target.kind, point.as_str());
    let help = match target.failpoints.is_empty() {
        true => "a server says in `failpoints` of its target.toml which it has",
        false => "`changeoverd-failpoints --failpoints` lists all, each behind `master.` or `worker.`",
    };
    Err(Mistake::new(codes::UNKNOWN_FAILPOINT, point.at(), message).help(help).known(point.as_str(), known))
}

fn more(nth: Option<u32>, born: Option<Born>) -> String {
    let nth = nth.map(|nth| format!(" the {nth}. time")).unwrap_or_default();
    let born = match born {
        None => "",
        Some(Born::Before) => ", born before",
        Some(Born::After) => ", born after",
    };
    format!("{nth}{born}")
}
