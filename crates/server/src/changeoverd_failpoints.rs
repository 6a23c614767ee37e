//! `changeoverd` with failpoints: the same program, but at the instants before and after each effect of a master or a
//! worker it looks whether it is to fail there. For tests only; `changeoverd` itself has none of this. `--failpoints` lists
//! them.

mod access_log;
mod addressee;
mod command_line;
mod control;
mod daemon;
mod ending;
mod home;
#[path = "failpoints/instant.rs"]
mod instant;
mod last_in_force;
mod listeners;
mod log;
mod master;
mod names;
mod notify;
mod numbering;
mod orphan;
mod os;
mod pid_file;
mod privileges;
mod program;
mod rehearsal;
mod segment;
mod sequence;
mod shift;
mod signal;
mod socket_path;
mod start_right;
mod status;
mod supervisor;
mod upstream;
mod version;
mod wire;
mod worker;
mod zone;

fn main() -> std::process::ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--failpoints") {
        instant::names().iter().for_each(|name| println!("{name}"));
        return std::process::ExitCode::SUCCESS;
    }
    program::main()
}
