//! What the program does, by its command line.

use std::{error::Error, os::fd::AsFd, process::ExitCode};

use clap::Parser;
use conf::Configuration;

use crate::{
    addressee,
    command_line::{CommandLine, Order},
    home::{ConfigurationError, Home},
    last_in_force,
    log::Log,
    master, os, rehearsal, sequence,
    start_right::NotMine,
    supervisor, version, wire,
};

type Failure = Box<dyn Error>;

/// Everything behind the command line; the code to exit with.
pub(crate) fn main() -> ExitCode {
    let line = CommandLine::parse();
    os::make_room_for_title();
    if line.version || line.build {
        return version::show(line.build);
    }
    match run(&line) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("changeoverd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(line: &CommandLine) -> Result<u8, Failure> {
    let inherited = master::Inherited::take();
    let home = Home::find(line)?;
    let asks = line.test || line.dump || line.signal.is_some();
    if !asks && (inherited.is_something() || supervisor::is_there()) {
        return be_master(home, inherited);
    }
    if let Some(order) = line.signal {
        return give(order, line, &home);
    }
    let (configuration, text) = home.read()?;
    if line.test || line.dump {
        return Ok(report_test(line, &home, &configuration, &text));
    }
    let pid_file = home.pid_file(&configuration);
    if let Some(pid) = addressee::owner(&pid_file) {
        return Err(NotMine::Runs { path: pid_file, pid }.into());
    }
    if !configuration.daemon {
        let log = Log::open(&home.error_logs(&configuration))?;
        return Ok(supervisor::supervise(&home, log, &home.pid_file(&configuration))?);
    }
    Ok(master::start(home, inherited, configuration, &text)?.run()?)
}

/// Gives an order to the running server. A broken file keeps nobody from stopping it or taking an upgrade back: all that is needed
/// of it is where the pid file is.
fn give(order: Order, line: &CommandLine, home: &Home) -> Result<u8, Failure> {
    match home.read() {
        Ok((configuration, _)) => {
            let ready = configuration.changeover_ready_timeout;
            sequence::carry_out(order, line, &home.pid_file(&configuration), ready)
        }
        Err(error) => {
            let reads_it = matches!(order, Order::Reload | Order::Upgrade);
            let Some(pid_file) = home.pid_file_in_spite().filter(|_| !reads_it) else {
                return Err(error.into());
            };
            eprintln!(
                "changeoverd: {} has mistakes, which -t tells; the pid file it names is {}",
                home.configuration.display(),
                pid_file.display()
            );
            let ready = Configuration::default().changeover_ready_timeout;
            sequence::carry_out(order, line, &pid_file, ready)
        }
    }
}

/// A master that somebody waits for: an old one, or a supervisor. If there will be none, he is told why.
fn be_master(home: Home, inherited: master::Inherited) -> Result<u8, Failure> {
    let mouth = inherited.mouth();
    match start(home, inherited) {
        Ok(master) => {
            drop(mouth);
            Ok(master.run()?)
        }
        Err(error) => {
            let why = one_line(&error);
            // Nobody listens, perhaps: it is written to standard error, too.
            let _ = mouth.map(|channel| wire::send_words(channel.as_fd(), &why));
            supervisor::tell_why(&why);
            Err(error)
        }
    }
}

fn start(home: Home, mut inherited: master::Inherited) -> Result<master::Master, Failure> {
    let (configuration, text) = match inherited.configuration() {
        Some(file) => {
            let text = last_in_force::text(file)?;
            (home.parse(&text)?, text)
        }
        None => home.read()?,
    };
    Ok(master::start(home, inherited, configuration, &text)?)
}

fn one_line(error: &Failure) -> String {
    match error.downcast_ref::<ConfigurationError>() {
        Some(error) => error.lines().join("; "),
        None => error.to_string(),
    }
}

fn report_test(line: &CommandLine, home: &Home, configuration: &Configuration, text: &str) -> u8 {
    let file = home.configuration.display();
    if !line.quiet {
        eprintln!("changeoverd: the configuration file {file} syntax is ok");
    }
    let failures = rehearsal::rehearse(home, configuration);
    if !failures.is_empty() {
        failures.iter().for_each(|failure| eprintln!("changeoverd: {failure}"));
        eprintln!("changeoverd: configuration file {file} test failed");
        return 1;
    }
    if !line.quiet {
        eprintln!("changeoverd: configuration file {file} test is successful");
    }
    if line.dump {
        println!("# configuration file {file}:\n{text}");
    }
    0
}
