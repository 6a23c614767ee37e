//! The words of the census: what is known of a target beforehand, what one scan sees, what a process is.

use facts::{Generation, Nanos, event::Role, plan::Launch};

/// What the census must know of a target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breed {
    /// Name in the scenario.
    pub(crate) name: String,
    /// Path of the run's own copy of the program.
    pub(crate) program: String,
    /// Command line it is started with.
    pub(crate) start_title: String,
    /// What only a worker's command line contains. Empty: it shows what its master does, and every child of a master is
    /// a worker that is not a master itself.
    pub(crate) worker_title: String,
    /// Workers of a generation; 0 for a server of one process.
    pub(crate) workers: u32,
    /// Whether it writes a pid file.
    pub(crate) has_pid_file: bool,
    /// Whether the process that was started is the master.
    pub(crate) launch: Launch,
}

/// One process in one scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// Command line; `None` when it was not looked at because the process is known already.
    pub(crate) title: Option<String>,
    /// The program file it runs; looked at once.
    pub(crate) program: Option<String>,
    /// See [`Image`].
    pub(crate) image: Option<Image>,
}

/// Where the stack of a process began when it last called `execve`: a fork has its parent's, and a program that was
/// executed anew has one of its own, because the kernel chooses it at random. `None` where that cannot be read.
pub(crate) type Image = u64;

/// All descendants of the warden at one instant, parents first. Titles are read children first: see
/// `Census::was_executed_by_a_master`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    /// When the scan before it began: whatever is new in this one came after that.
    pub(crate) after: Nanos,
    pub(crate) sightings: Vec<Sighting>,
}

/// A process of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) pid: u32,
    /// Index into the breeds.
    pub(crate) target: usize,
    /// Parent now.
    pub(crate) parent: u32,
    pub(crate) title: String,
    pub(crate) role: Role,
    pub(crate) generation: Generation,
    /// It came after this instant.
    pub(crate) since: Nanos,
    /// False while nothing tells what it is; its role reads `Other` until then.
    pub(crate) is_known: bool,
    pub(super) first_parent: u32,
    /// What it would look like if it had not become anything yet.
    pub(super) looked_like: String,
    /// The images it had, each with the generation that it belonged to; the last is the one it has now.
    pub(super) images: Vec<(Image, Generation)>,
    /// It was told to upgrade: when it executes itself, a generation begins.
    pub(super) is_upgrading: bool,
}

impl Person {
    pub(super) fn image(&self) -> Option<Image> {
        self.images.last().map(|(image, _)| *image)
    }

    /// The generation that this process was of when it had that image.
    pub(super) fn generation_at(&self, image: Image) -> Option<Generation> {
        self.images.iter().rev().find(|(had, _)| *had == image).map(|(_, generation)| *generation)
    }
}

impl Breed {
    pub(super) fn shows_worker(&self, title: &str) -> bool {
        self.workers > 0 && !self.worker_title.is_empty() && title.contains(&self.worker_title)
    }

    /// Its workers can only be told by whose children they are.
    pub(super) fn has_plain_workers(&self) -> bool {
        self.workers > 0 && self.worker_title.is_empty()
    }
}
