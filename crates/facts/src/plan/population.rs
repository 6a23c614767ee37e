//! Clients that behave alike.

use serde::{Deserialize, Serialize};

use super::{AtDrain, Behaviour, Pace};

/// Method of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Idempotent.
    #[default]
    Get,
    /// Not idempotent: must never be retried blindly.
    Post,
}

/// A field of a request's head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// As it is written; upper and lower case are the same.
    pub name: String,
    /// Without spaces around it.
    pub value: String,
}

impl Header {
    /// Of `NAME: VALUE`; else why it is none.
    pub fn parse(text: &str) -> Result<Header, &'static str> {
        // The request frames and numbers itself, and says whether its connection is kept.
        const OWN: [&str; 6] =
            ["connection", "content-length", "transfer-encoding", "expect", "upgrade", "x-changeover-id"];
        let (name, value) = text.split_once(':').ok_or("a header is NAME:VALUE")?;
        let value = value.trim();
        // RFC 9110 §5.6.2: what a name is made of.
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        match () {
            () if name.is_empty() || !name.bytes().all(is_of_name) => Err("that is no name of a header"),
            () if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) => {
                Err("its value is more than visible ASCII characters")
            }
            () if OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) => {
                Err("clients write this header themselves")
            }
            () => Ok(Header { name: name.to_owned(), value: value.to_owned() }),
        }
    }

    /// The name of the server that is meant.
    pub fn is_host(&self) -> bool {
        self.name.eq_ignore_ascii_case("host")
    }
}

/// Clients that behave alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// Name in the scenario.
    pub name: String,
    /// Index into `Plan::targets`.
    pub target: usize,
    /// What its clients do on a connection.
    pub behaviour: Behaviour,
    /// When they send.
    pub pace: Pace,
    /// Connections kept open, or the most at a time where each request has its own.
    pub connections: u32,
    /// Look for a FIN before each write on a reused connection.
    pub looks: bool,
    /// GET or POST.
    pub method: Method,
    /// Request target.
    pub path: String,
    /// Fields of each request's head, beside those that every client sends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// Bytes of request body (POST).
    pub body_bytes: u32,
    /// An attempt that took longer is a hang.
    pub timeout_ms: u32,
    /// So many clients connect from loopback addresses of their own (`127.a.b.c`), each in a network of its own by
    /// its first three numbers; 0: all from the address the kernel chooses.
    #[serde(default)]
    pub sources: u32,
    /// What the server may do to them at a drain.
    #[serde(default)]
    pub at_drain: AtDrain,
}

/// A client of nobody that asks once a second.
impl Default for Population {
    fn default() -> Population {
        Population {
            name: String::new(),
            target: 0,
            behaviour: Behaviour::Short,
            pace: Pace::Constant { per_second: 1.0 },
            connections: 1,
            looks: false,
            method: Method::Get,
            path: "/".into(),
            headers: Vec::new(),
            body_bytes: 0,
            timeout_ms: 5_000,
            sources: 0,
            at_drain: AtDrain::MayCloseAtBoundary,
        }
    }
}
