//! What a master says of itself: the message of the control socket, and the same for a person.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::upstream::time_of_day;

/// A master at one instant. Nothing in it changes by itself: two equal ones mean that nothing happened between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Which generation it leads.
    pub(crate) generation: u32,
    /// Its process.
    pub(crate) pid: u32,
    /// What the generation as a whole is doing.
    pub(crate) stage: Stage,
    /// Version of the program it runs.
    pub(crate) version: String,
    /// The program file that the next generation starts from.
    pub(crate) program: String,
    /// Where its name stands.
    pub(crate) pid_file: String,
    /// Addresses it listens on.
    pub(crate) listeners: Vec<String>,
    /// Reloads that came into force, and one.
    pub(crate) configuration: u32,
    /// Workers the configuration in force wants.
    pub(crate) wanted: u32,
    /// Workers that live.
    pub(crate) workers: Vec<Worker>,
    /// The master that started `old`, while both live.
    pub(crate) oldest: Option<Neighbour>,
    /// The master that started this one, while it lives.
    pub(crate) old: Option<Neighbour>,
    /// The master this one started, while it lives.
    pub(crate) new: Option<Neighbour>,
    /// The master that `new` started, while both live.
    pub(crate) newest: Option<Neighbour>,
    /// Workers of dead generations that were not seen to end.
    pub(crate) orphans: usize,
    /// Signals that wait for something.
    pub(crate) deferred: Vec<String>,
    /// The last upgrade that failed or was taken back. An older version does not tell.
    #[serde(default)]
    pub(crate) failed_upgrade: Option<Failure>,
    /// Upstreams with a zone. An older version does not tell.
    #[serde(default)]
    pub(crate) clusters: Vec<Cluster>,
    /// How many answers there ever were.
    pub(crate) answered: u64,
    /// The newest of them, the oldest first.
    pub(crate) answers: Vec<Answer>,
}

/// What a generation as a whole is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Its workers come up.
    #[default]
    Starting,
    /// Serves.
    Serving,
    /// Waits for the old generation to serve again.
    Yielding,
    /// Keeps its listeners and no workers (WINCH).
    Retired,
    /// Leaves to a new generation (QUIT).
    Leaving,
    /// Stops when its last connection ends.
    Stopping,
    /// Stops now.
    Terminating,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Worker {
    /// Its process.
    pub(crate) pid: u32,
    /// What it does.
    pub(crate) duty: String,
}

/// An upstream with a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cluster {
    /// Its name.
    pub(crate) name: String,
    /// Its servers, in order.
    pub(crate) members: Vec<Member>,
}

/// A server of an upstream, as all workers of all generations know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// As configured.
    pub(crate) name: String,
    /// That is obeyed.
    pub(crate) weight: u32,
    /// That the configuration says.
    pub(crate) configured: u32,
    /// Gets no requests.
    pub(crate) down: bool,
    /// Failures that were not forgiven.
    pub(crate) fails: u32,
    /// By `changeover_eject`, or on trial after it.
    pub(crate) ejected: bool,
    /// Requests under way.
    pub(crate) conns: u32,
    /// What all this means for its next request. An older version does not tell.
    #[serde(default)]
    pub(crate) state: MemberState,
    /// Until when it is left alone, in seconds since 1970.
    #[serde(default)]
    pub(crate) until_seconds: Option<i64>,
}

/// What a server of an upstream gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MemberState {
    /// Its share.
    #[default]
    Up,
    /// Nothing, and it has nothing any more.
    Down,
    /// Nothing any more; what it has goes on.
    Draining,
    /// Nothing, after `max_fails` failures, until it is tried.
    Failed,
    /// Nothing, by `changeover_eject`, until it is tried.
    Ejected,
    /// As much as it has earned since it was ejected.
    OnTrial,
}

/// Another master.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Neighbour {
    /// Which generation it leads.
    pub(crate) generation: u32,
    /// Its process.
    pub(crate) pid: u32,
    /// How far it is, as this master knows.
    pub(crate) stage: NeighbourStage,
}

/// How far another master is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NeighbourStage {
    /// Comes up.
    Starting,
    /// There, and means to stay.
    Ready,
    /// Leaves, or was told to.
    Leaving,
}

/// An upgrade that did not stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// Local date and time.
    pub(crate) at: String,
    /// The generation that is gone.
    pub(crate) generation: u32,
    /// One line.
    pub(crate) why: String,
}

/// What was said to a signal, or about what happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Local time with milliseconds.
    pub(crate) at: String,
    /// One line.
    pub(crate) says: String,
}

impl Status {
    /// The answers that came after the first `known`; those that were too many to keep are lost.
    pub(crate) fn answers_since(&self, known: u64) -> &[Answer] {
        let newer = usize::try_from(self.answered.saturating_sub(known)).unwrap_or(usize::MAX);
        &self.answers[self.answers.len().saturating_sub(newer)..]
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let workers: Vec<String> = self.workers.iter().map(|w| format!("{} {}", w.pid, w.duty)).collect();
        writeln!(
            f,
            "generation {}: {} (master {}, version {})",
            self.generation, self.stage, self.pid, self.version
        )?;
        line(f, "program", &self.program)?;
        line(f, "pid file", &self.pid_file)?;
        line(f, "listens on", &self.listeners.join(", "))?;
        line(f, "workers", &format!("{} wanted: {}", self.wanted, or_none(&workers)))?;
        line(f, "configuration", &self.configuration.to_string())?;
        let others =
            [("oldest", &self.oldest), ("old", &self.old), ("new", &self.new), ("newest", &self.newest)];
        for (which, neighbour) in others {
            if let Some(Neighbour { generation, pid, stage }) = neighbour {
                line(f, which, &format!("generation {generation}, master {pid}, {stage}"))?;
            }
        }
        if self.orphans > 0 {
            line(f, "orphans", &format!("{} workers of dead generations", self.orphans))?;
        }
        for cluster in &self.clusters {
            line(f, "upstream", &cluster.name)?;
            let width = cluster.members.iter().map(|member| member.name.len()).max().unwrap_or_default();
            cluster
                .members
                .iter()
                .try_for_each(|member| writeln!(f, "    {:<width$}  {member}", member.name))?;
        }
        line(f, "deferred", &or_none(&self.deferred))?;
        if let Some(Failure { at, why, .. }) = &self.failed_upgrade {
            line(f, "failed upgrade", &format!("{at} {why}"))?;
        }
        self.answers.iter().try_for_each(|answer| line(f, &answer.at, &answer.says))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.state.word())?;
        if let Some(until) = self.until_seconds {
            write!(f, " until {}, then tried", time_of_day(until))?;
        }
        write!(f, ", weight {}", self.weight)?;
        if self.weight != self.configured {
            write!(f, " ({} configured)", self.configured)?;
        }
        write!(f, ", {} failed, {} under way", self.fails, self.conns)
    }
}

impl MemberState {
    fn word(self) -> &'static str {
        match self {
            MemberState::Up => "up",
            MemberState::Down => "down",
            MemberState::Draining => "draining",
            MemberState::Failed => "left alone after failures",
            MemberState::Ejected => "ejected",
            MemberState::OnTrial => "on trial",
        }
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "  {name:<14} {value}")
}

fn or_none(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Starting => "starting",
            Stage::Serving => "serving",
            Stage::Yielding => "waiting for the old generation to serve again",
            Stage::Retired => "accepts no connections, ready to come back",
            Stage::Leaving => "leaving to the new generation",
            Stage::Stopping => "stopping when its last connection ends",
            Stage::Terminating => "stopping now",
        })
    }
}

impl fmt::Display for NeighbourStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NeighbourStage::Starting => "starting",
            NeighbourStage::Ready => "ready",
            NeighbourStage::Leaving => "leaving",
        })
    }
}
