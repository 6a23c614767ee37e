//! The server that everybody asks: nginx with one worker on core 0, which also counts what it was asked.

use std::{
    env, fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::machine::{pinned, program, stat};

/// How one gets it.
pub(super) const INSTALL: &str = "nginx is not installed; apt-get install nginx-light";

/// A server that is ended when it is dropped.
pub(super) struct Nginx {
    child: Child,
    folder: PathBuf,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Nginx {
    /// `None` where there is no nginx, or it does not start.
    pub(super) fn start() -> Option<Nginx> {
        let program = program("nginx")?;
        let address = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
        let folder = env::temp_dir().join(format!("changeover-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).ok()?;
        let configuration = folder.join("nginx.conf");
        fs::write(&configuration, configured(address)).ok()?;
        let mut command = pinned(0, &program);
        command.arg("-c").arg(&configuration).arg("-p").arg(&folder);
        command.args(["-e", "stderr", "-g", "daemon off; master_process off;"]);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let server = Nginx { child, folder, address };
        let deadline = Instant::now() + Duration::from_secs(5);
        while server.requests().is_none() {
            if Instant::now() > deadline {
                return None;
            }
            thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    /// Requests it has answered so far, this question included.
    pub(super) fn requests(&self) -> Option<f64> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.write_all(b"GET /status HTTP/1.0\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let line = text.split("server accepts handled requests").nth(1)?.trim_start().lines().next()?;
        line.split_whitespace().nth(2)?.parse().ok()
    }

    /// CPU seconds it used.
    pub(super) fn cpu(&self) -> f64 {
        stat(self.child.id()).map_or(0.0, |(_, cpu)| cpu)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

fn configured(address: SocketAddr) -> String {
    let body = "0123456789".repeat(10);
    format!(
        "worker_processes 1; worker_rlimit_nofile 20000; pid nginx.pid;
events {{ worker_connections 19000; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600;
    client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    server {{
        listen {address} backlog=4096;
        add_header X-Changeover-Id $http_x_changeover_id;
        add_header X-Changeover-Pid $pid;
        location / {{ return 200 \"{body}\"; }}
        location /status {{ stub_status; }}
    }}
}}
"
    )
}
