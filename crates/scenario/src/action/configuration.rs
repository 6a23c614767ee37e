//! Actions that write a configuration anew. The plan keeps the whole set that holds from then on.

use std::collections::BTreeMap;

use facts::plan::{Action, Target};

use super::{Begun, Done};
use crate::{
    codes,
    mistake::{At, Mistake, all, both},
    reading::Reading,
    scope::Scope,
    sense,
    shape::{self, Named, Word},
    spanned::Spanned,
};

/// Weights beyond this are a slip; nginx multiplies them by the number of members.
const HEAVIEST: u32 = 65_535;

impl Begun<'_> {
    pub(super) fn weight(&mut self, weight: &shape::Weight) -> Done {
        let (target, set) =
            both(self.target(&weight.target), weights(&weight.set, self.reading, self.scope))?;
        let said: String = set.iter().map(|(origin, weight)| format!(" {origin}={weight}")).collect();
        let said = format!("weight {}{said}", self.scope.targets[target]);
        self.weighed(target, set, said, &self.reading.at(&weight.target))
    }

    pub(super) fn down(&mut self, down: &shape::Down) -> Done {
        let member = self.reading.text(&down.member)?;
        let (target, _) = both(self.target(&down.target), self.scope.origin(member.as_str(), member.at()))?;
        let member = member.as_str().to_owned();
        let said = format!("down {} {member}", self.scope.targets[target]);
        self.weighed(target, BTreeMap::from([(member, 0)]), said, &self.reading.at(&down.target))
    }

    pub(super) fn delete(&mut self, delete: &shape::Down) -> Done {
        let member = self.reading.text(&delete.member)?;
        let (target, _) = both(self.target(&delete.target), self.scope.origin(member.as_str(), member.at()))?;
        let (member, at) = (member.as_str().to_owned(), self.reading.at(&delete.target));
        let now = &mut self.now[target];
        if !sense::spreads(now) {
            return Err(sense::no_members(&at, now));
        }
        now.weights.remove(&member);
        answered(&now.weights, &at)?;
        let said = format!("delete {} {member}", self.scope.targets[target]);
        Ok((Action::Delete { target, member }, said))
    }

    pub(crate) fn weighed(
        &mut self,
        target: usize,
        set: BTreeMap<String, u32>,
        said: String,
        at: &At,
    ) -> Done {
        let now = &mut self.now[target];
        if !sense::spreads(now) {
            return Err(sense::no_members(at, now));
        }
        now.weights = merged(&now.weights, set);
        answered(&now.weights, at)?;
        Ok((Action::Weight { target, weights: now.weights.clone() }, said))
    }

    pub(super) fn configure(&mut self, configure: &shape::Configure) -> Done {
        let target = self.target(&configure.target)?;
        let set = options(&configure.options, &self.now[target], self.reading)?;
        let said: String = set.iter().map(|(option, value)| format!(" {option}={value}")).collect();
        let said = format!("configure {}{said}", self.scope.targets[target]);
        let now = &mut self.now[target];
        now.options = merged(&now.options, set);
        Ok((Action::Configure { target, options: now.options.clone() }, said))
    }
}

/// Somebody must be left to answer.
fn answered(weights: &BTreeMap<String, u32>, at: &At) -> Result<(), Mistake> {
    if weights.values().any(|weight| *weight > 0) {
        return Ok(());
    }
    Err(Mistake::new(codes::CONTRADICTION, at, "all weights are 0 then: nobody would answer"))
}

/// Weights by origin.
pub(crate) fn weights(
    set: &Named<Spanned<i64>>,
    reading: &Reading,
    scope: &Scope,
) -> Result<BTreeMap<String, u32>, Mistake> {
    let pairs = set.iter().map(|(origin, weight)| {
        let known = scope.origin(origin.get_ref(), &reading.at(origin));
        let (_, weight) = both(known, reading.whole(weight, 0..=HEAVIEST))?;
        Ok((origin.get_ref().clone(), weight))
    });
    Ok(all(pairs)?.into_iter().collect())
}

/// Values for options that the target's folder has.
pub(crate) fn options(
    set: &Named<Word>,
    target: &Target,
    reading: &Reading,
) -> Result<BTreeMap<String, String>, Mistake> {
    let pairs = set.iter().map(|(key, value)| {
        if !target.options.contains_key(key.get_ref()) {
            let message = format!("target `{}` has no option `{}`", target.kind, key.get_ref());
            return Err(Mistake::new(codes::UNKNOWN_OPTION, &reading.at(key), message)
                .known(key.get_ref(), target.options.keys().map(String::as_str)));
        }
        let value = reading.text(value)?;
        if value.as_str().contains(|c: char| c.is_control() || ";{}".contains(c)) {
            let message = "a value ends neither the line nor the directive that it stands in";
            return Err(Mistake::new(codes::UNKNOWN_OPTION, value.at(), message)
                .help("leave out `;`, `{`, `}` and line breaks"));
        }
        Ok((key.get_ref().clone(), value.as_str().to_owned()))
    });
    Ok(all(pairs)?.into_iter().collect())
}

/// Values after `set`: those not named stay as they are.
pub(crate) fn merged<V: Clone>(now: &BTreeMap<String, V>, set: BTreeMap<String, V>) -> BTreeMap<String, V> {
    let mut merged = now.clone();
    merged.extend(set);
    merged
}
