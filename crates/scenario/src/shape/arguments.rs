//! What the actions take.

use std::{fmt, ops::Range};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::{Named, Spanned, Step, Word};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ to = \"web.master\", sig = \"USR2\" }`")]
pub(crate) struct Send {
    /// Which processes: `web.old.master`.
    pub(crate) to: Word,
    /// "USR2", or a list.
    pub(crate) sig: Spanned<Signals>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ to = \"web.master\" }`")]
pub(crate) struct To {
    /// Which processes: `web.old.master`.
    pub(crate) to: Word,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ to = \"web.master\", for = \"200ms\" }`")]
pub(crate) struct Hold {
    /// Which processes: `web.old.master`.
    pub(crate) to: Word,
    /// How long; without it until `release`.
    #[serde(rename = "for")]
    pub(crate) lasts: Option<Word>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ target = \"web\", with = \"hangs\" }`")]
pub(crate) struct Swap {
    pub(crate) target: Word,
    /// "original", "exits-at-once", "hangs" or "text-file".
    pub(crate) with: Word,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ target = \"web\", set = { a = 95, b = 5 } }`")]
pub(crate) struct Weight {
    pub(crate) target: Word,
    /// Weights by origin; those not named stay.
    pub(crate) set: Named<Spanned<i64>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ target = \"web\", member = \"b\" }`")]
pub(crate) struct Down {
    pub(crate) target: Word,
    /// Its origin.
    pub(crate) member: Word,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as `{ target = \"web\", options = { keepalive_timeout = \"1s\" } }`"
)]
pub(crate) struct Configure {
    pub(crate) target: Word,
    pub(crate) options: Named<Word>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ argv = [\"kill\", \"-USR2\", \"${pid}\"] }`")]
pub(crate) struct Exec {
    /// Whose process it is; may be left out where there is one target only.
    pub(crate) target: Option<Word>,
    /// The program and its arguments. `${pid}` and `${pid.old.master}` are pids.
    pub(crate) argv: Spanned<Vec<Word>>,
    #[serde(default)]
    pub(crate) env: Named<Word>,
    /// The status it must end with (0).
    pub(crate) exit: Option<Spanned<i64>>,
    /// Leave it running.
    pub(crate) detach: Option<Spanned<bool>>,
    /// From here on `old` is the generation in charge now.
    pub(crate) upgrades: Option<Spanned<bool>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as `{ to = \"web.master\", resource = \"nofile\", soft = 16 }`"
)]
pub(crate) struct Limit {
    /// Which processes: `web.old.master`.
    pub(crate) to: Word,
    /// "nofile", "nproc", "fsize" or "as".
    pub(crate) resource: Word,
    pub(crate) soft: Spanned<i64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ fault = \"full\", for = \"1s\" }`")]
pub(crate) struct Disk {
    pub(crate) target: Option<Word>,
    /// "full", "readonly" or "none".
    pub(crate) fault: Word,
    /// How long; without it to the end of the steps.
    #[serde(rename = "for")]
    pub(crate) lasts: Option<Word>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as `{ to = \"web.new.master\", point = \"write-pid-file.before\", act = \"kill\" }`"
)]
pub(crate) struct Failpoint {
    /// Whose processes: `web.new.master`, `web.old.workers`; the first of them that comes there.
    pub(crate) to: Word,
    /// The instant before or after one of the target's effects: `tell-drain.after`.
    pub(crate) point: Word,
    /// "kill", "stop" (for three seconds), "exit", or "note": only say so, each time.
    pub(crate) act: Word,
    /// The n-th time that a process comes there (1).
    pub(crate) nth: Option<Spanned<i64>>,
    /// Only those that came to life "before", or "after", this step.
    pub(crate) born: Option<Word>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as `{ fault = \"latency\", delay = \"50ms\", for = \"1s\" }`"
)]
pub(crate) struct Net {
    pub(crate) target: Option<Word>,
    /// "latency", "reset", "blackhole" or "none".
    pub(crate) fault: Word,
    /// How much latency.
    pub(crate) delay: Option<Word>,
    /// How long; without it to the end of the steps.
    #[serde(rename = "for")]
    pub(crate) lasts: Option<Word>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ name = \"users\", rate = 100 }`")]
pub(crate) struct LoadChange {
    /// The population.
    pub(crate) name: Word,
    /// Requests per second from now on.
    pub(crate) rate: Option<Spanned<f64>>,
    /// true: send no more.
    pub(crate) stop: Option<Spanned<bool>>,
    /// true: every client that rests sends now.
    pub(crate) fire: Option<Spanned<bool>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as `{ every = \"1s\", count = 5, success = \"lost == 0\" }`"
)]
pub(crate) struct Analysis {
    /// From one measurement to the next.
    pub(crate) every: Word,
    /// How many measurements.
    pub(crate) count: Spanned<i64>,
    /// What makes one a success, asked of the requests since the one before.
    pub(crate) success: Word,
    /// More failures than this fail the step (0).
    pub(crate) failure_limit: Option<Spanned<i64>>,
    /// Steps that are done then, instead of all others.
    #[serde(default)]
    pub(crate) on_fail: Vec<Spanned<Step>>,
}

/// Who is drained: the old generation of a target, or a member that it sends requests to.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Drain {
    Generation(String),
    Member(Down),
}

impl Drain {
    /// The target, as it stands there.
    pub(crate) fn generation(&self, span: Range<usize>) -> Option<Word> {
        match self {
            Drain::Generation(target) => Some(Word::new(span, target.clone())),
            Drain::Member(_) => None,
        }
    }

    pub(crate) fn member(&self) -> Option<&Down> {
        match self {
            Drain::Generation(_) => None,
            Drain::Member(member) => Some(member),
        }
    }
}

impl<'de> Deserialize<'de> for Drain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Drain, D::Error> {
        deserializer.deserialize_any(GenerationOrMember)
    }
}

struct GenerationOrMember;

impl<'de> Visitor<'de> for GenerationOrMember {
    type Value = Drain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a target such as \"web\", or a table such as `{ target = \"web\", member = \"b\" }`")
    }

    fn visit_str<E>(self, target: &str) -> Result<Drain, E> {
        Ok(Drain::Generation(target.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Drain, A::Error> {
        Down::deserialize(MapAccessDeserializer::new(table)).map(Drain::Member)
    }
}

/// One signal, or several to be sent back to back.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
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
