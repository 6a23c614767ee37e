//! What a scenario file says, key by key. Shapes only: nothing here knows whether a name exists.
//! No `tag`, `flatten` or `untagged`: each of them loses the place of a mistake.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use toml::Spanned;

pub(crate) type Word = Spanned<String>;
/// A table whose keys are the user's own names.
pub(crate) type Named<T> = BTreeMap<Word, T>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) schema: Spanned<i64>,
    pub(crate) name: Word,
    #[serde(default)]
    pub(crate) tags: Vec<Word>,
    pub(crate) seed: Option<u64>,
    pub(crate) deadline: Option<Word>,
    pub(crate) minimum_samples: Option<u64>,
    pub(crate) must: Option<Word>,
    #[serde(default)]
    pub(crate) matrix: Named<Spanned<Vec<Word>>>,
    #[serde(default)]
    pub(crate) known_failure: Named<Word>,
    pub(crate) target: Named<Target>,
    #[serde(default)]
    pub(crate) origin: Named<Origin>,
    #[serde(default)]
    pub(crate) load: Named<Spanned<Load>>,
    pub(crate) step: Vec<Spanned<Step>>,
    #[serde(default)]
    pub(crate) expect: Expect,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    pub(crate) kind: Word,
    pub(crate) workers: Option<Spanned<i64>>,
    pub(crate) config: Option<Word>,
    #[serde(default)]
    pub(crate) options: Named<Word>,
    #[serde(default)]
    pub(crate) weights: Named<Spanned<i64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Origin {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Load {
    pub(crate) to: Word,
    pub(crate) kind: Word,
    pub(crate) rate: Option<Spanned<f64>>,
    pub(crate) arrivals: Option<Word>,
    pub(crate) think: Option<Word>,
    pub(crate) connections: Option<Spanned<i64>>,
    pub(crate) looks: Option<Spanned<bool>>,
    pub(crate) method: Option<Word>,
    pub(crate) body: Option<Spanned<i64>>,
    pub(crate) path: Option<Word>,
    pub(crate) timeout: Option<Word>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) phase: Option<Word>,
    pub(crate) when: Option<Word>,
    pub(crate) timeout: Option<Word>,

    pub(crate) signal: Option<Spanned<Send>>,
    pub(crate) kill: Option<Spanned<To>>,
    pub(crate) hold: Option<Spanned<To>>,
    pub(crate) release: Option<Spanned<To>>,
    pub(crate) sleep: Option<Word>,
    pub(crate) wait_until: Option<Word>,
    pub(crate) swap_binary: Option<Spanned<Swap>>,
    pub(crate) weight: Option<Spanned<Weight>>,
    pub(crate) configure: Option<Spanned<Configure>>,

    pub(crate) upgrade: Option<Word>,
    pub(crate) drain: Option<Word>,
    pub(crate) commit: Option<Word>,
    pub(crate) rollback: Option<Word>,
    pub(crate) reload: Option<Word>,
    pub(crate) stop: Option<Word>,
}

impl Step {
    /// The portable verbs: what they mean is the target folder's business.
    pub(crate) fn verbs(&self) -> [(&'static str, &Option<Word>); 6] {
        [
            ("upgrade", &self.upgrade),
            ("drain", &self.drain),
            ("commit", &self.commit),
            ("rollback", &self.rollback),
            ("reload", &self.reload),
            ("stop", &self.stop),
        ]
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Send {
    pub(crate) to: Word,
    pub(crate) sig: Spanned<Signals>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct To {
    pub(crate) to: Word,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Swap {
    pub(crate) target: Word,
    pub(crate) with: Word,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Weight {
    pub(crate) target: Word,
    pub(crate) set: Named<Spanned<i64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Configure {
    pub(crate) target: Word,
    pub(crate) options: Named<Word>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    #[serde(default)]
    pub(crate) finally: Vec<Word>,
    #[serde(default)]
    pub(crate) checks: Vec<Word>,
    #[serde(default)]
    pub(crate) on: Named<ExpectOn>,
}

/// What is expected of one kind of target only.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectOn {
    #[serde(default)]
    pub(crate) finally: Vec<Word>,
    #[serde(default)]
    pub(crate) checks: Vec<Word>,
}

/// One signal, or several to be sent back to back.
#[derive(Debug)]
pub(crate) enum Signals {
    One(String),
    Several(Vec<Word>),
}

impl<'de> Deserialize<'de> for Signals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Signals, D::Error> {
        deserializer.deserialize_any(OneOrSeveral)
    }
}

struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = Signals;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a signal such as \"USR2\", or a list of them")
    }

    fn visit_str<E>(self, one: &str) -> Result<Signals, E> {
        Ok(Signals::One(one.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Signals, A::Error> {
        let mut several = Vec::new();
        while let Some(signal) = list.next_element()? {
            several.push(signal);
        }
        Ok(Signals::Several(several))
    }
}
