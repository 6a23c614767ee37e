//! One request of an ordinary client and what came of it.

use std::{pin::pin, sync::Arc, time::Duration};

use facts::{
    Content, Nanos,
    plan::{Method, Population},
};
use hyper_util::client::legacy::connect::HttpInfo;
use ledger::clock;
use reqwest::{Client, Url, Version};

use super::{
    connections::{Connections, Trail, Use, Watch, Way},
    failure,
};
use crate::{
    Error,
    address::Address,
    fault::{End, Stage},
    head::{Body, Head},
    request::body_byte,
};

/// All clients of one population share a pool, as those of one program do.
#[derive(Clone)]
pub(super) struct Asker {
    client: Client,
    method: reqwest::Method,
    url: Url,
    body: Arc<[u8]>,
    origins: Arc<[String]>,
    connections: Arc<Connections>,
    /// Bytes of a whole request.
    pub(super) bytes_out: u32,
}

/// What came of a request.
pub(super) struct Exchange {
    /// When its head was there: sooner the library does not speak.
    pub(super) head_at: Option<Nanos>,
    pub(super) head: Head,
    pub(super) body: Body,
    pub(super) content: Content,
    /// Bytes of the answer, as far as they can be told: of its head, and of its body without its framing.
    pub(super) bytes_in: u64,
    /// The connection it was on, where that is known.
    pub(super) used: Option<Use>,
    pub(super) resent: bool,
    pub(super) end: Result<(), Failure>,
    pub(super) done: Nanos,
}

/// How far it came and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) stage: Stage,
    /// `None`: nobody says.
    pub(super) end: Option<End>,
}

impl Asker {
    pub(super) fn new(
        population: &Population,
        address: &Address,
        origins: Arc<[String]>,
        connections: Arc<Connections>,
    ) -> Result<Asker, Error> {
        let failed = |why: &'static str| Error::Population { name: population.name.clone(), why };
        let client = Client::builder()
            .no_proxy()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(Duration::from_millis(population.timeout_ms.into()))
            .pool_max_idle_per_host(population.connections as usize)
            .connector_layer(Watch(connections.clone()))
            .build();
        let url = format!("http://{address}{}", population.path);
        let url =
            Url::parse(&url).map_err(|_| failed("reqwest does not take its address and path for a URL"))?;
        let method = match population.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        Ok(Asker {
            client: client.map_err(|_| failed("reqwest cannot make its client"))?,
            bytes_out: request_bytes(&method, &url, population.body_bytes),
            method,
            url,
            body: (0..population.body_bytes).map(body_byte).collect(),
            origins,
            connections,
        })
    }

    /// Asks once, and reads the answer to its end.
    pub(super) async fn ask(self, id: u64) -> Exchange {
        let trail = Arc::new(Trail::default());
        let mut exchange = Exchange {
            head_at: None,
            head: Head::default(),
            body: Body::None,
            content: Content::EMPTY,
            bytes_in: 0,
            used: None,
            resent: false,
            end: Ok(()),
            done: 0,
        };
        let end = trail.follow(self.exchange(id, &trail, &mut exchange)).await;
        (exchange.end, exchange.resent, exchange.done) = (end, trail.was_resent(), clock::now());
        exchange
    }

    async fn exchange(&self, id: u64, trail: &Trail, exchange: &mut Exchange) -> Result<(), Failure> {
        let mut request = self.client.request(self.method.clone(), self.url.clone());
        request = request.header("X-Changeover-Id", format!("{id:016x}"));
        if self.method == reqwest::Method::POST {
            request = request.body(self.body.to_vec());
        }
        let mut sending = pin!(request.send());
        let sent = std::future::poll_fn(|context| {
            let sent = sending.as_mut().poll(context);
            trail.is_polled();
            sent
        });
        match sent.await {
            Ok(response) => self.read(response, exchange).await,
            Err(error) => Err(self.before_a_head(&error, trail, exchange)),
        }
    }

    async fn read(&self, mut response: reqwest::Response, exchange: &mut Exchange) -> Result<(), Failure> {
        exchange.head_at = Some(clock::now());
        let port = response.extensions().get::<HttpInfo>().map(|info| info.local_addr().port());
        exchange.used = port.and_then(|port| self.connections.used(port));
        let in_body = |end| Failure { stage: Stage::InBody, end };
        exchange.bytes_in = head_bytes(&response);
        let status = response.status().as_u16();
        let fields = response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let head = Head::of(status, response.version() == Version::HTTP_10, fields, &self.origins);
        (exchange.head, exchange.body) = head.map_err(|_| in_body(Some(End::NotHttp)))?;
        loop {
            match response.chunk().await {
                Ok(Some(bytes)) => {
                    exchange.bytes_in += bytes.len() as u64;
                    exchange.content.take(&bytes);
                }
                Ok(None) => return Ok(()),
                Err(error) => return Err(in_body(failure::end(&error))),
            }
        }
    }

    fn before_a_head(&self, error: &reqwest::Error, trail: &Trail, exchange: &mut Exchange) -> Failure {
        let end = failure::end(error);
        let way = trail.way();
        if error.is_connect() || (end == Some(End::Deadline) && matches!(way, Way::Opening { .. })) {
            return Failure { stage: Stage::Connecting, end };
        }
        // Who hangs may hang on any connection of the pool.
        if end != Some(End::Deadline) {
            exchange.used = match (failure::port_of(error), way) {
                (Some(port), _) => self.connections.used(port),
                (None, Way::Opened(own)) => self.connections.used(own.port),
                (None, _) => None,
            };
        }
        Failure { stage: Stage::Waiting, end }
    }
}

/// As hyper writes it.
fn request_bytes(method: &reqwest::Method, url: &Url, body_bytes: u32) -> u32 {
    let target = url.path().len() + url.query().map_or(0, |query| 1 + query.len());
    let host = url.authority().len();
    let first = method.as_str().len() + " ".len() + target + " HTTP/1.1\r\n".len();
    let fields = "x-changeover-id: 0000000000000000\r\naccept: */*\r\nhost: \r\n\r\n".len() + host;
    let length = match method {
        &reqwest::Method::POST => format!("content-length: {body_bytes}\r\n").len(),
        _ => 0,
    };
    (first + fields + length) as u32 + body_bytes
}

fn head_bytes(response: &reqwest::Response) -> u64 {
    let reason = response.status().canonical_reason().unwrap_or_default().len();
    let fields: usize =
        response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    ("HTTP/1.1 200 ".len() + reason + "\r\n".len() + fields + "\r\n".len()) as u64
}
