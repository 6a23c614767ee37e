//! Steps and reactions. Both have the action keys, which stand here once.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Analysis, Configure, Disk, Down, Drain, Exec, Failpoint, Hold, Limit, LoadChange, Net, Send, Spanned,
    Swap, To, Weight, Word,
};

macro_rules! actions {
    ($($(#[$doc:meta])* $key:ident: $takes:ty,)*) => {
        /// One step: a wait, if any, and exactly one action.
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, expecting = "a table such as `{ phase = \"steady\", sleep = \"2s\" }`")]
        pub(crate) struct Step {
            /// A name to ask about: `done(NAME)`.
            pub(crate) id: Option<Word>,
            /// The phase that begins with this step.
            pub(crate) phase: Option<Word>,
            /// Not before this long after the load began.
            pub(crate) at: Option<Word>,
            /// This long after the end of the step before.
            pub(crate) after: Option<Word>,
            /// Not before this is true.
            pub(crate) when: Option<Word>,
            /// How long `when`, `wait_until` or `exec` may take ("10s").
            pub(crate) timeout: Option<Word>,
            /// Whether the run goes on when this fails.
            pub(crate) may_fail: Option<Spanned<bool>>,
            $($(#[$doc])* pub(crate) $key: Option<$takes>,)*
        }

        /// A reaction: one action, whenever its event happens.
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, expecting = "a table such as `{ event = \"every 1s\", kill = { to = \"web.worker[?]\" } }`")]
        pub(crate) struct On {
            /// "phase NAME", "step ID", "every 300ms", "appeared web.new.master", "exited web.old.*", "state_changed web".
            pub(crate) event: Option<Word>,
            /// How often it acts at most.
            pub(crate) times: Option<Spanned<i64>>,
            /// How long after the event.
            pub(crate) after: Option<Word>,
            /// How likely it acts on an event: 0 to 1 (1).
            pub(crate) probability: Option<Spanned<f64>>,
            $($(#[$doc])* pub(crate) $key: Option<$takes>,)*
        }

        /// The action keys of a step or a reaction.
        #[derive(Clone, Copy)]
        pub(crate) struct Keys<'a> {
            $(pub(crate) $key: &'a Option<$takes>,)*
        }

        impl Step {
            pub(crate) fn keys(&self) -> Keys<'_> {
                Keys { $($key: &self.$key,)* }
            }
        }

        impl On {
            pub(crate) fn keys(&self) -> Keys<'_> {
                Keys { $($key: &self.$key,)* }
            }
        }

        impl Keys<'_> {
            /// Those that are there, each with its value's place.
            pub(crate) fn present(&self) -> Vec<(&'static str, Range<usize>)> {
                let spans = [$((stringify!($key), self.$key.as_ref().map(Spanned::span)),)*];
                spans.into_iter().filter_map(|(key, span)| Some((key, span?))).collect()
            }
        }

        /// All action keys.
        pub const KEYS: &[&str] = &[$(stringify!($key)),*];
    };
}

actions! {
    /// Send a signal, or several without a pause.
    signal: Spanned<Send>,
    /// SIGKILL.
    kill: Spanned<To>,
    /// SIGTERM.
    exit: Spanned<To>,
    /// SIGSTOP, for a while or until `release`.
    hold: Spanned<Hold>,
    /// SIGCONT.
    release: Spanned<To>,
    /// Let the load run.
    sleep: Word,
    /// Wait for a fact.
    wait_until: Word,
    /// Replace the program file.
    swap_binary: Spanned<Swap>,
    /// Write the configuration with other weights.
    weight: Spanned<Weight>,
    /// Write the configuration with weight 0 for one member.
    down: Spanned<Down>,
    /// Write the configuration without one member.
    delete: Spanned<Down>,
    /// Write the configuration with other options.
    configure: Spanned<Configure>,
    /// Run a command.
    exec: Spanned<Exec>,
    /// Set the soft limit of a resource.
    limit: Spanned<Limit>,
    /// Make the directory of the pid file full or read-only.
    disk: Spanned<Disk>,
    /// Arm a point at which the server fails.
    failpoint: Spanned<Failpoint>,
    /// Disturb the path from the clients to a target.
    net: Spanned<Net>,
    /// Change what a population does.
    load: Spanned<LoadChange>,
    /// Write a line into the log of the run.
    mark: Word,
    /// Measure again and again, and act when too much fails.
    analysis: Spanned<Analysis>,
    /// A new generation starts and gets ready; the old one still serves.
    upgrade: Word,
    /// The old generation stops serving, but could come back; or a member gets no new requests, and what it has ends.
    drain: Spanned<Drain>,
    /// The old generation leaves for good.
    commit: Word,
    /// The old generation serves again and the new one leaves.
    rollback: Word,
    /// Same generation, new configuration.
    reload: Word,
    /// What `weight`, `down` and `delete` wrote takes effect.
    apply: Word,
    /// A drained member gets its share again.
    undrain: Spanned<Down>,
    /// The server ends.
    stop: Word,
}

/// The portable verbs, as a target's folder knows them.
pub(crate) const VERBS: [&str; 9] =
    ["upgrade", "drain", "commit", "rollback", "reload", "apply", "drain_member", "undrain_member", "stop"];

impl Keys<'_> {
    /// The portable verbs: what they mean is the target's business.
    pub(crate) fn verb(&self) -> Option<(&'static str, Word)> {
        let drain = self.drain.as_ref().and_then(|drain| drain.get_ref().generation(drain.span()));
        let verbs = [
            ("upgrade", self.upgrade.clone()),
            ("drain", drain),
            ("commit", self.commit.clone()),
            ("rollback", self.rollback.clone()),
            ("reload", self.reload.clone()),
            ("apply", self.apply.clone()),
            ("stop", self.stop.clone()),
        ];
        verbs.into_iter().find_map(|(verb, on)| Some((verb, on?)))
    }

    /// The portable verbs that are done to a member.
    pub(crate) fn member_verb(&self) -> Option<(MemberVerb, &Down)> {
        let drained = self.drain.as_ref().and_then(|drain| drain.get_ref().member());
        let undrained = self.undrain.as_ref().map(Spanned::get_ref);
        drained
            .map(|down| (MemberVerb::Drain, down))
            .or_else(|| undrained.map(|down| (MemberVerb::Undrain, down)))
    }
}

/// What is done to one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberVerb {
    Drain,
    Undrain,
}

impl MemberVerb {
    /// As a scenario says it, and as a target's folder does.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            MemberVerb::Drain => ("drain", "drain_member"),
            MemberVerb::Undrain => ("undrain", "undrain_member"),
        }
    }
}
