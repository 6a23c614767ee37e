//! What the program does, by its command line.

use std::process::ExitCode;

use clap::Parser;
use conf::Configuration;

use crate::{
    command_line::CommandLine, home::Home, log::Log, master, os, rehearsal, sequence, supervisor, version,
};

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

fn run(line: &CommandLine) -> Result<u8, Box<dyn std::error::Error>> {
    let inherited = master::Inherited::take();
    let home = Home::find(line)?;
    let (configuration, text) = home.read()?;
    if line.test || line.dump {
        return Ok(report_test(line, &home, &configuration, &text));
    }
    if let Some(order) = line.signal {
        return sequence::carry_out(order, line, &home.pid_file(&configuration));
    }
    if !configuration.daemon && !inherited.is_something() && !supervisor::is_there() {
        let log = Log::open(&home.error_logs(&configuration))?;
        return Ok(supervisor::supervise(&home, log, &home.pid_file(&configuration))?);
    }
    Ok(master::start(home, inherited, configuration)?.run()?)
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
