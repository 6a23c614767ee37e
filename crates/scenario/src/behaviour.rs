//! The kinds of clients, and the keys of a `[load.NAME]` that only some of them have.

use facts::plan::{Behaviour, Framing, Method};

use crate::{
    codes, duration,
    mistake::{At, Mistake},
    reading::Reading,
    shape::Load,
};

/// A word of `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Short,
    Keepalive,
    Pipelined,
    SlowHeader,
    Upload,
    Download,
    HalfClose,
    Silent,
    Websocket,
    Events,
    Sniper,
    Storm,
    Reqwest,
}

use Kind::{
    Download, Events, HalfClose, Keepalive, Pipelined, Reqwest, Short, Silent, SlowHeader, Sniper, Storm,
    Upload, Websocket,
};

/// Every kind, as it is written.
pub(crate) const KINDS: [(&str, Kind); 13] = [
    ("short", Short),
    ("keepalive", Keepalive),
    ("pipelined", Pipelined),
    ("slow_header", SlowHeader),
    ("upload", Upload),
    ("download", Download),
    ("half_close", HalfClose),
    ("silent", Silent),
    ("websocket", Websocket),
    ("events", Events),
    ("sniper", Sniper),
    ("storm", Storm),
    ("reqwest", Reqwest),
];

const FRAMINGS: [(&str, Framing); 3] =
    [("length", Framing::Length), ("chunked", Framing::Chunked), ("expect", Framing::Expect)];

const DEFAULT_DEPTH: u32 = 8;
const DEFAULT_OVER_MS: u32 = 1_000;
const DEFAULT_WAIT_MS: u32 = 200;
const DEFAULT_EVERY_MS: u32 = 100;
const DEFAULT_DOWNLOAD_BYTES: u32 = 1 << 20;
const DEFAULT_UPLOAD_BYTES: u32 = 1 << 16;
/// A request or an answer of a gibibyte is more than a run has time for.
const MOST_BYTES: u32 = 1 << 30;

impl Kind {
    /// As it is written.
    pub(crate) fn word(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("?", |(word, _)| *word)
    }

    /// True for clients that send all at once.
    pub(crate) fn is_volley(self) -> bool {
        matches!(self, Sniper | Storm)
    }

    /// True for clients that can think between an answer and the next request on the same connection.
    pub(crate) fn thinks(self) -> bool {
        matches!(self, Keepalive | Pipelined | Websocket)
    }

    /// True for clients that are given a rate.
    pub(crate) fn has_rate(self) -> bool {
        !matches!(self, Pipelined | Events | Sniper | Storm)
    }

    /// True for clients that can look before they write.
    pub(crate) fn looks(self) -> bool {
        matches!(self, Keepalive | Pipelined | Sniper)
    }

    /// Connections kept, or the most at a time: within the 1024 files that an ordinary user may open.
    pub(crate) fn connections(self) -> u32 {
        match self {
            Short | HalfClose => 512,
            Reqwest => 256,
            _ => 64,
        }
    }

    /// What the clients ask for if nothing else is said.
    pub(crate) fn path(self, behaviour: Behaviour, every_ms: u64) -> String {
        match (self, behaviour) {
            (Upload, _) => "/sink".to_owned(),
            (Websocket, _) => "/websocket".to_owned(),
            (Events, _) => format!("/events?every_ms={every_ms}"),
            (_, Behaviour::Download { bytes, .. }) => format!("/stream?bytes={bytes}"),
            _ => "/".to_owned(),
        }
    }

    pub(crate) fn method(self, load: &Load, reading: &Reading) -> Result<Method, Mistake> {
        const METHODS: [(&str, Method); 2] = [("GET", Method::Get), ("POST", Method::Post)];
        match &load.method {
            Some(word) => reading.one_of(word, &METHODS),
            None if self == Upload => Ok(Method::Post),
            None => Ok(Method::Get),
        }
    }

    /// Bytes of each request's body.
    pub(crate) fn body(self, load: &Load, method: Method, reading: &Reading) -> Result<u32, Mistake> {
        match &load.body {
            Some(body) if method == Method::Get => {
                let message = "a GET has no body";
                Err(Mistake::new(codes::CONTRADICTION, &reading.at(body), message)
                    .help("add `method = \"POST\"`"))
            }
            Some(body) if self == Reqwest => reading.whole(body, 0..=Behaviour::LARGEST_ORDINARY_BODY),
            Some(body) => reading.whole(body, 0..=MOST_BYTES),
            None if self == Upload => Ok(DEFAULT_UPLOAD_BYTES),
            None => Ok(0),
        }
    }

    /// What its clients do on a connection.
    pub(crate) fn behaviour(self, load: &Load, reading: &Reading) -> Result<Behaviour, Mistake> {
        let over_ms = || span(load.lasts.as_ref(), DEFAULT_OVER_MS, reading);
        Ok(match self {
            Short | Storm => Behaviour::Short,
            Keepalive | Sniper => Behaviour::Keepalive,
            HalfClose => Behaviour::HalfClose,
            Websocket => {
                Behaviour::Websocket { lasts_ms: load.lasts.as_ref().map(|_| over_ms()).transpose()? }
            }
            Events => Behaviour::Events,
            Reqwest => Behaviour::Reqwest,
            SlowHeader => Behaviour::SlowHeader { over_ms: over_ms()? },
            Silent => Behaviour::Silent { wait_ms: span(load.wait.as_ref(), DEFAULT_WAIT_MS, reading)? },
            Pipelined => {
                let depth = load.depth.as_ref().map_or(Ok(DEFAULT_DEPTH), |n| reading.whole(n, 1..=1_000))?;
                Behaviour::Pipelined { depth: depth as u16 }
            }
            Upload => {
                let framing =
                    load.framing.as_ref().map_or(Ok(Framing::Length), |word| reading.one_of(word, &FRAMINGS));
                Behaviour::Upload { over_ms: over_ms()?, framing: framing? }
            }
            Download => {
                let bytes = load
                    .bytes
                    .as_ref()
                    .map_or(Ok(DEFAULT_DOWNLOAD_BYTES), |n| reading.whole(n, 1..=MOST_BYTES));
                Behaviour::Download { bytes: bytes?, over_ms: over_ms()? }
            }
        })
    }

    /// How far apart the events of a stream are.
    pub(crate) fn every_ms(load: &Load, reading: &Reading) -> Result<u64, Mistake> {
        Ok(span(load.every.as_ref(), DEFAULT_EVERY_MS, reading)?.into())
    }

    /// Keys that are written and mean nothing to this kind.
    pub(crate) fn strays(self, load: &Load, reading: &Reading) -> Vec<Mistake> {
        const MANY: &[Kind] =
            &[Short, Keepalive, SlowHeader, HalfClose, Silent, Pipelined, Sniper, Storm, Reqwest];
        const PACED: &[Kind] = &[
            Short, Keepalive, Pipelined, SlowHeader, Upload, Download, HalfClose, Silent, Websocket, Reqwest,
        ];
        const OWN: &[Kind] = &[
            Short, Keepalive, Pipelined, SlowHeader, Upload, Download, HalfClose, Silent, Websocket, Events,
            Sniper, Storm,
        ];
        let at = |word: &Option<_>| word.as_ref().map(|word| reading.at(word));
        let number = |n: &Option<_>| n.as_ref().map(|n| reading.at(n));
        let keys: [(&str, Option<At>, &[Kind]); 10] = [
            ("depth", number(&load.depth), &[Pipelined]),
            ("lasts", at(&load.lasts), &[SlowHeader, Upload, Download, Websocket]),
            ("framing", at(&load.framing), &[Upload]),
            ("bytes", number(&load.bytes), &[Download]),
            ("wait", at(&load.wait), &[Silent]),
            ("every", at(&load.every), &[Events]),
            ("fires", at(&load.fires), &[Sniper, Storm]),
            ("method", at(&load.method), MANY),
            ("arrivals", at(&load.arrivals), PACED),
            ("clients", number(&load.clients), OWN),
        ];
        let is_stray = |(key, at, kinds): (&str, Option<At>, &[Kind])| {
            let at = at.filter(|_| !kinds.contains(&self))?;
            let words: Vec<String> = kinds.iter().map(|kind| format!("`{}`", kind.word())).collect();
            let message = format!("`{key}` has no effect on `{}`", self.word());
            let help = format!("it is for {}", words.join(", "));
            Some(Mistake::new(codes::CONTRADICTION, &at, message).help(help))
        };
        keys.into_iter().filter_map(is_stray).collect()
    }
}

fn span(word: Option<&crate::shape::Word>, default: u32, reading: &Reading) -> Result<u32, Mistake> {
    let Some(word) = word else { return Ok(default) };
    let text = reading.text(word)?;
    let ms = duration::millis(&text)?;
    u32::try_from(ms).ok().filter(|ms| *ms <= 3_600_000).ok_or_else(|| {
        Mistake::new(codes::OUT_OF_RANGE, text.at(), format!("`{}` is out of range", text.as_str()))
            .help("at most an hour")
    })
}
