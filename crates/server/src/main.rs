//! `changeoverd`: a master/worker HTTP server that is upgraded without losing a request.
//!
//! The master (`master`) lets `protocol` decide and performs its effects; a worker (`worker`) serves. Neither knows anything
//! of the harness that tests them.

mod access_log;
mod addressee;
mod command_line;
mod control;
mod daemon;
mod ending;
mod home;
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
    program::main()
}
