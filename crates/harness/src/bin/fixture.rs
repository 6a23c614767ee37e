//! What the tests of this crate start. `warden --socket-fd N`: a warden. `serve ADDRESS PID_FILE`: a server of one
//! process that daemonises, names its pid in every answer and leaves on TERM; `serve-nameless` does not name it. `leave-socket PATH`: a unix socket that
//! nobody removes. `run PLAN DIRECTORY`: a harness that can be killed.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::net::UnixListener,
    process::{Command, ExitCode},
    sync::Arc,
    thread,
};

use nix::sys::signal::{SigSet, Signal};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["warden", "--socket-fd", number] => harness::warden::serve_fd(number.parse().expect("a number")),
        ["run", plan, directory] => run(plan, directory),
        ["leave-socket", path] => leave_socket(path),
        ["serve", address, pid_file] => daemonise(&["serve-here", address, pid_file]),
        ["serve-here", address, pid_file] => {
            serve(address, pid_file, &format!("X-Changeover-Pid: {}\r\n", std::process::id()))
        }
        ["serve-nameless", address, pid_file] => daemonise(&["serve-nameless-here", address, pid_file]),
        ["serve-nameless-here", address, pid_file] => serve(address, pid_file, ""),
        other => panic!("unknown arguments {other:?}"),
    }
}

fn run(plan: &str, directory: &str) -> ExitCode {
    let plan = serde_json::from_slice(&fs::read(plan).expect("the plan")).expect("a plan");
    let itself = std::env::current_exe().expect("this program");
    let setup = harness::Setup {
        directory: directory.into(),
        warden_program: itself.clone(),
        programs: BTreeMap::from([("fixture".into(), itself)]),
        netns: harness::Netns::Auto,
        interrupted: Arc::default(),
    };
    harness::run(&plan, &setup).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

fn leave_socket(path: &str) -> ExitCode {
    UnixListener::bind(path).map_or(ExitCode::FAILURE, |_| ExitCode::SUCCESS)
}

/// The parent leaves at once, so the child becomes the warden's.
fn daemonise(arguments: &[&str]) -> ExitCode {
    let program = std::env::current_exe().expect("this program");
    let daemon = Command::new(program).args(arguments).spawn();
    if daemon.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn serve(address: &str, pid_file: &str, name: &str) -> ExitCode {
    let mut leave = SigSet::empty();
    leave.add(Signal::SIGTERM);
    leave.thread_block().expect("block TERM");
    let listener = TcpListener::bind(address).expect("bind");
    fs::write(pid_file, std::process::id().to_string()).expect("write the pid file");
    let name = name.to_owned();
    thread::spawn(move || answer(&listener, &name));
    leave.wait().expect("wait for TERM");
    fs::remove_file(pid_file).expect("remove the pid file");
    ExitCode::SUCCESS
}

fn answer(listener: &TcpListener, name: &str) {
    for stream in listener.incoming() {
        let mut stream = stream.expect("accept");
        let head = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let id =
            head.filter_map(|line| Some(line.split_once(": ")?.1.to_owned()).filter(|id| id.len() == 16));
        let id = id.last().unwrap_or_default();
        let body = "ok\n";
        let answer = format!(
            "HTTP/1.1 200 OK\r\nX-Changeover-Id: {id}\r\n{name}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).ok();
    }
}
