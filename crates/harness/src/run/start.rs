//! From a plan to targets that answer.

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU8},
    time::Duration,
};

use facts::{
    Event, Moment, Nanos, Plan,
    event::{InCharge, View},
    plan::{Action, Target},
};
use ledger::{EVENT_LOG_NAME, EventLog, clock::now};

use super::{
    Beside, Run, Setup, actions, fault::Faults, reaction::Reacting, remains::Remains, watching::Watched,
};
use crate::{
    Error, address,
    census::{Breed, Census},
    failpoints::Failpoints,
    installed::Installed,
    network,
    origins::RunningOrigin,
    pid_file::{PidFiles, Watched as WatchedFile},
    procfs,
    proxy::Proxy,
    site::Site,
    warden::Warden,
    watcher::{AllQueues, Watcher},
};

/// Name of a pid directory that is a file system of its own.
const SMALL_DISK: &str = "pid";

/// A program that takes longer to say its version is not asked further.
const VERSION_PATIENCE: Duration = Duration::from_secs(5);

impl<'a> Run<'a> {
    pub(super) fn start(plan: &'a Plan, setup: &'a Setup) -> Result<Run<'a>, Error> {
        let deadline = now() + plan.deadline_ms * 1_000_000;
        load::check_descriptors(&plan.populations)?;
        let directory = prepare(&setup.directory)?;
        let log = EventLog::create(&directory.join(EVENT_LOG_NAME))?;
        write_plan(plan, &directory.join("plan.json"))?;
        let (case, version) = (plan.case.id.clone(), env!("CARGO_PKG_VERSION").to_owned());
        let begun_at = now();
        log.write(Moment::exact(begun_at), Event::RunStarted { case, seed: plan.seed, version })?;
        // Before anything is started: what is started later is in the same network.
        let (extent, why) = network::enter(setup.netns, &plan.network)?;
        log.write(Moment::exact(now()), Event::NetworkChosen { extent, why })?;
        let mut warden = Warden::start(&setup.warden_program, &directory.join("warden.log"))?;
        let origins = start_origins(plan, setup, &directory, &mut warden)?;
        for RunningOrigin { name, address, .. } in &origins {
            let event = Event::OriginStarted { origin: name.clone(), address: address.to_string() };
            log.write(Moment::exact(now()), event)?;
        }
        let targets = install(plan, setup, &directory, &origins, &mut warden)?;
        let proxies = proxies(plan, &targets)?;
        let mut watcher = watch(log, warden, &targets, &proxies)?;
        origins.iter().for_each(|origin| watcher.ignore(origin.pid));
        let mut run = Run {
            plan,
            setup,
            extent,
            directory,
            watcher,
            targets,
            launchers: Vec::new(),
            origins,
            proxies,
            phase: Arc::new(AtomicU8::new(0)),
            begun: None,
            load: None,
            held: Default::default(),
            faults: Faults::default(),
            companions: Vec::new(),
            watched: plan.watched().into_iter().map(Watched::new).collect(),
            reactions: plan.reactions.iter().map(Reacting::new).collect(),
            happened: Vec::new(),
            lot: 0,
            beside: Beside::Off,
            before: Vec::new(),
            begun_at,
            loaded_at: begun_at,
            step_ended_at: begun_at,
            deadline,
        };
        run.watcher.failpoints = failpoints(plan, &run.targets)?;
        run.watcher.begin_with_queues()?;
        for target in 0..run.targets.len() {
            run.launch(target)?;
        }
        Ok(run)
    }

    fn launch(&mut self, target: usize) -> Result<(), Error> {
        let version = self.version(target)?;
        self.before.push(Remains::of(&self.targets[target]));
        let installed = &self.targets[target];
        let event = Event::TargetStarted {
            target: installed.target.name.clone(),
            address: installed.address.to_string(),
            program: installed.target.program.clone(),
            version,
        };
        let mut spawn = installed.spawn(installed.argv()?, installed.output.clone());
        spawn.environment.extend(installed.rendered(&installed.target.environment)?);
        spawn.environment.extend(self.watcher.failpoints.get(&target).map(Failpoints::environment));
        self.watcher.write(event)?;
        let pid = self.watcher.spawn(spawn)?;
        self.watcher.census.launched(pid, target);
        self.launchers.push(pid);
        Ok(())
    }

    /// The first line a program prints when asked for its version; empty when it prints none.
    fn version(&mut self, target: usize) -> Result<String, Error> {
        let installed = &self.targets[target];
        if installed.target.version.is_empty() {
            return Ok(String::new());
        }
        let output = installed.output.with_extension("version");
        let program = installed.program.display().to_string();
        let argv = std::iter::once(program).chain(installed.target.version.clone()).collect();
        let pid = self.watcher.spawn(installed.spawn(argv, output.clone()))?;
        self.watcher.ignore(pid);
        let give_up = now() + VERSION_PATIENCE.as_nanos() as Nanos;
        while self.watcher.ending_of(pid).is_none() && now() < give_up {
            self.watcher.turn(VERSION_PATIENCE)?;
        }
        self.watcher.forget(pid);
        let text = fs::read_to_string(&output).unwrap_or_default();
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    }
}

/// Makes the run directory; its absolute path.
fn prepare(directory: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(directory).map_err(Error::file("create the run directory", directory))?;
    fs::canonicalize(directory).map_err(Error::file("find the run directory", directory))
}

fn write_plan(plan: &Plan, path: &Path) -> Result<(), Error> {
    let text = serde_json::to_vec_pretty(plan).map_err(|e| Error::file("write", path)(io::Error::from(e)))?;
    fs::write(path, text).map_err(Error::file("write", path))
}

fn start_origins(
    plan: &Plan,
    setup: &Setup,
    directory: &Path,
    warden: &mut Warden,
) -> Result<Vec<RunningOrigin>, Error> {
    let start = |origin| {
        let program = program(setup, "origin", "the plan's origins")?;
        RunningOrigin::start(origin, program, directory, warden)
    };
    plan.origins.iter().map(start).collect()
}

fn install(
    plan: &Plan,
    setup: &Setup,
    directory: &Path,
    origins: &[RunningOrigin],
    warden: &mut Warden,
) -> Result<Vec<Installed>, Error> {
    let origins: Vec<(String, SocketAddr)> = origins.iter().map(|o| (o.name.clone(), o.address)).collect();
    let install = |(index, target): (usize, &Target)| {
        let program = program(setup, &target.program, &format!("target {}", target.name))?;
        // Two targets of one kind have the same file names.
        let own = if plan.targets.len() > 1 { directory.join(&target.name) } else { directory.to_owned() };
        if has_small_disk(plan, index) {
            let pid_directory = own.join(SMALL_DISK);
            fs::create_dir_all(&pid_directory).map_err(Error::file("create", &pid_directory))?;
            warden.isolate(&pid_directory)?;
            return Installed::install(
                target,
                program,
                &own,
                &pid_directory,
                address::free()?,
                &origins,
                warden,
            );
        }
        Installed::install(target, program, &own, &own, address::free()?, &origins, warden)
    };
    plan.targets.iter().enumerate().map(install).collect()
}

/// Whether the pid directory of this target must be a file system of its own, because the plan lets it fail.
fn has_small_disk(plan: &Plan, target: usize) -> bool {
    actions(plan).any(|action| matches!(action, Action::Disk { target: of, .. } if *of == target))
}

/// Of those targets of which the plan arms any.
fn failpoints(plan: &Plan, targets: &[Installed]) -> Result<BTreeMap<usize, Failpoints>, Error> {
    let is_armed = |target: usize| {
        actions(plan).any(|action| matches!(action, Action::Failpoint(point) if point.to.target == target))
    };
    let armed = targets.iter().enumerate().filter(|(number, _)| is_armed(*number));
    armed
        .map(|(number, target)| Ok((number, Failpoints::open(&target.directory, &target.target.name)?)))
        .collect()
}

/// Only where the plan asks for it: a proxy costs latency, and hides how a connection was refused.
fn proxies(plan: &Plan, targets: &[Installed]) -> Result<Vec<Option<Proxy>>, Error> {
    let is_disturbed = |index: usize| {
        actions(plan).any(|action| matches!(action, Action::Net { target, .. } if *target == index))
    };
    let proxy = |(index, target): (usize, &Installed)| {
        is_disturbed(index).then(|| Proxy::start(address::free()?, target.address)).transpose()
    };
    targets.iter().enumerate().map(proxy).collect()
}

fn program<'s>(setup: &'s Setup, program: &str, what: &str) -> Result<&'s Path, Error> {
    setup
        .programs
        .get(program)
        .map(PathBuf::as_path)
        .ok_or_else(|| Error::ProgramUnknown { program: program.to_owned(), what: what.to_owned() })
}

fn watch(
    log: EventLog,
    warden: Warden,
    targets: &[Installed],
    proxies: &[Option<Proxy>],
) -> Result<Watcher, Error> {
    let mut files = Vec::new();
    let mut breeds = Vec::new();
    for (index, installed) in targets.iter().enumerate() {
        if !installed.target.pid_file.is_empty() {
            files.push(WatchedFile::new(index, installed.pid_file.clone(), false));
        }
        if !installed.target.oldbin.is_empty() {
            files.push(WatchedFile::new(index, installed.oldbin.clone(), true));
        }
        breeds.push(breed(installed)?);
    }
    let site = Site::new(targets.iter().map(|t| (t.target.name.clone(), first_view(&t.target))));
    let addresses = targets.iter().map(|target| target.address).collect();
    let direct = targets.iter().zip(proxies).map(|(target, proxy)| proxy.is_none().then_some(target.address));
    let queues = AllQueues::open(direct.collect());
    let itself = procfs::program(warden.pid()).map(|path| path.to_string_lossy().into_owned());
    let census = Census::new(warden.pid(), itself, breeds);
    Watcher::new(log, warden, census, site, PidFiles::watch(files)?, addresses, queues)
}

fn first_view(target: &Target) -> View {
    let in_charge = if target.pid_file.is_empty() { InCharge::Newest } else { InCharge::PidFile };
    View { configured: target.workers, in_charge, ..View::default() }
}

fn breed(installed: &Installed) -> Result<Breed, Error> {
    Ok(Breed {
        name: installed.target.name.clone(),
        program: installed.program.display().to_string(),
        start_title: installed.argv()?.join(" "),
        worker_title: installed.target.worker_title.clone(),
        workers: installed.target.workers,
        has_pid_file: !installed.target.pid_file.is_empty(),
        launch: installed.target.launch,
    })
}
