//! Faults: of a process's limits, of a disk, of a path, of a population.

use facts::plan::{Action, DiskFault, LoadChange, NetFault, Resource};

use super::{Begun, Done};
use crate::{
    behaviour::Kind,
    codes, duration,
    mistake::{At, Mistake, both},
    pace,
    shape::{self, Disk, Limit, Net},
    spanned::Spanned,
};

const RESOURCES: [(&str, Resource); 4] = [
    ("nofile", Resource::Nofile),
    ("nproc", Resource::Nproc),
    ("fsize", Resource::Fsize),
    ("as", Resource::As),
];
const DISK_FAULTS: [(&str, DiskFault); 3] =
    [("full", DiskFault::Full), ("readonly", DiskFault::Readonly), ("none", DiskFault::None)];
/// The delay of `latency` stands beside it.
const NET_FAULTS: [(&str, NetFault); 4] = [
    ("latency", NetFault::Latency { nanos: 0 }),
    ("reset", NetFault::Reset),
    ("blackhole", NetFault::Blackhole),
    ("none", NetFault::None),
];

impl Begun<'_> {
    pub(super) fn limit(&self, limit: &Limit) -> Done {
        let resource = self.reading.one_of(&limit.resource, &RESOURCES);
        let value = both(resource, self.reading.whole(&limit.soft, 0..=u32::MAX));
        let ((to, word), (resource, soft)) = both(self.receiver(&limit.to), value)?;
        let name = self.reading.text(&limit.resource)?;
        let said = format!("limit {word} {}={soft}", name.as_str());
        Ok((Action::Limit { to, resource, soft: u64::from(soft) }, said))
    }

    pub(super) fn disk(&self, disk: &Disk, at: &At) -> Done {
        let fault = self.reading.one_of(&disk.fault, &DISK_FAULTS);
        let (target, (fault, (for_ms, lasting))) = both(
            self.target_or_own(disk.target.as_ref(), at),
            both(fault, self.lasting(disk.lasts.as_ref())),
        )?;
        let word = self.reading.text(&disk.fault)?;
        let said = format!("disk of {} {}{lasting}", self.scope.targets[target], word.as_str());
        Ok((Action::Disk { target, fault, for_ms }, said))
    }

    pub(super) fn net(&self, net: &Net, at: &At) -> Done {
        let (target, (fault, (for_ms, lasting))) = both(
            self.target_or_own(net.target.as_ref(), at),
            both(self.net_fault(net), self.lasting(net.lasts.as_ref())),
        )?;
        let word = self.reading.text(&net.fault)?;
        let delay = net.delay.as_ref().map(|delay| format!(" {}", delay.get_ref())).unwrap_or_default();
        let said = format!("net to {} {}{delay}{lasting}", self.scope.targets[target], word.as_str());
        Ok((Action::Net { target, fault, for_ms }, said))
    }

    fn net_fault(&self, net: &Net) -> Result<NetFault, Mistake> {
        match (self.reading.one_of(&net.fault, &NET_FAULTS)?, &net.delay) {
            (NetFault::Latency { .. }, Some(delay)) => {
                Ok(NetFault::Latency { nanos: duration::nanos(&self.reading.text(delay)?)? })
            }
            (NetFault::Latency { .. }, None) => {
                Err(Mistake::new(codes::MISSING_KEY, &self.reading.at(&net.fault), "`delay` is missing")
                    .help("such as `delay = \"50ms\"`"))
            }
            (_, Some(delay)) => {
                let message = "`delay` has no effect without `fault = \"latency\"`";
                Err(Mistake::new(codes::CONTRADICTION, &self.reading.at(delay), message))
            }
            (fault, None) => Ok(fault),
        }
    }

    pub(super) fn load(&self, load: &shape::LoadChange, at: &At) -> Done {
        let name = self.reading.text(&load.name)?;
        let population = self.scope.population(name.as_str(), name.at())?;
        let is_true = |word: &Option<Spanned<bool>>| word.as_ref().is_some_and(|word| *word.get_ref());
        let (change, said) = match (&load.rate, is_true(&load.stop), is_true(&load.fire)) {
            (Some(rate), false, false) => {
                let per_second = pace::per_second(rate, self.reading)?;
                if self.scope.kinds.get(population) == Some(&Some(Kind::Reqwest)) {
                    pace::ordinary(rate, self.reading)?;
                }
                (LoadChange::Rate { per_second }, format!("{per_second}/s"))
            }
            (None, true, false) => (LoadChange::Stop, "stop".to_owned()),
            (None, false, true) => (LoadChange::Fire, "fire".to_owned()),
            (rate, stop, fire) => {
                let message = "a load is changed by exactly one of `rate`, `stop = true` and `fire = true`";
                let is_said = rate.is_some() || stop || fire;
                let code = if is_said { codes::CONTRADICTION } else { codes::MISSING_KEY };
                return Err(Mistake::new(code, at, message));
            }
        };
        Ok((Action::Load { population, change }, format!("load {} {said}", name.as_str())))
    }
}
