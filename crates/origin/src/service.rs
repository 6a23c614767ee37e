//! What happens to one request.

use std::{cell::Cell, convert::Infallible, future, io, process, rc::Rc, time::Duration};

use bytes::Bytes;
use facts::Content;
use http_body_util::BodyExt;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
};
use ledger::{Begun, Journal, clock};
use tokio::{task::spawn_local, time::sleep};

use crate::{
    arguments::Arguments,
    body::AnswerBody,
    end::Ending,
    endpoint::{Endpoint, Framing, Refusal, endpoint},
    fault::{Fate, Fault, fate},
    maker,
    stream::Stream,
    websocket,
};

const BODY: &str = "ok\n";
/// The number that the load engine gave a request.
const ID: HeaderName = HeaderName::from_static("x-changeover-id");
/// How many bytes of an upload came.
const RECEIVED: HeaderName = HeaderName::from_static("x-changeover-received");
/// What they were.
const CHECKSUM: HeaderName = HeaderName::from_static("x-changeover-checksum");

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Service {
    inner: Rc<Inner>,
}

struct Inner {
    origin: HeaderValue,
    echo: bool,
    faults: Vec<Fault>,
    journal: Option<Journal>,
    requests: Cell<u64>,
    ending: Ending,
}

impl Service {
    pub(crate) fn new(arguments: &Arguments, journal: Option<Journal>, ending: Ending) -> Service {
        // A name that no header can carry is simply not said.
        let origin = HeaderValue::from_str(&arguments.name).unwrap_or(HeaderValue::from_static("unnamed"));
        let (echo, faults, requests) = (arguments.echo, arguments.faults.clone(), Cell::new(0));
        Service { inner: Rc::new(Inner { origin, echo, faults, journal, requests, ending }) }
    }

    /// Writes down, executes, answers, unless a fault says otherwise.
    pub(crate) async fn call(
        self,
        request: Request<Incoming>,
        stream: Stream,
    ) -> io::Result<Response<AnswerBody>> {
        let number = self.inner.requests.get() + 1;
        self.inner.requests.set(number);
        let fate = fate(&self.inner.faults, number);
        if fate == Fate::Reset {
            stream.condemn()?;
            return Err(io::Error::other("reset on purpose"));
        }
        let echo = request.headers().get(ID).cloned();
        let begun = self.begin(id(echo.as_ref()));
        if fate == Fate::Swallow {
            future::pending::<Infallible>().await;
        }
        let mut response = self.execute(request, number).await?;
        self.identify(&mut response, echo);
        if let (Some(begun), Some(journal)) = (begun, &self.inner.journal) {
            let status = response.status().as_u16();
            response.body_mut().receipt = Some(stream.receipt(journal, begun, status));
        }
        Ok(response)
    }

    /// A full journal says so itself; the answer is still due.
    fn begin(&self, id: Option<u64>) -> Option<Begun> {
        self.inner.journal.as_ref()?.begin(id?, clock::now(), process::id()).ok()
    }

    async fn execute(&self, request: Request<Incoming>, number: u64) -> io::Result<Response<AnswerBody>> {
        let uri = request.uri();
        match endpoint(request.method(), uri.path(), uri.query().unwrap_or_default()) {
            Err(refusal) => refused(request, refusal).await,
            Ok(Endpoint::Plain) => plain(request, BODY).await,
            Ok(Endpoint::Counter) => plain(request, format!("{number}\n")).await,
            Ok(Endpoint::Delay { ms }) => {
                sleep(Duration::from_millis(ms)).await;
                plain(request, BODY).await
            }
            Ok(Endpoint::Stream { bytes, per_second, framing }) => {
                let length = (framing == Framing::Length).then_some(bytes);
                let (pieces, body) = AnswerBody::made(length);
                spawn_local(maker::stretch(bytes, per_second, pieces));
                Ok(typed("application/octet-stream", body))
            }
            Ok(Endpoint::Sink) => sink(request).await,
            Ok(Endpoint::Echo) => echo(request).await,
            Ok(Endpoint::Events { every_ms }) => Ok(self.events(&request, Duration::from_millis(every_ms))),
            Ok(Endpoint::Websocket) => Ok(self.websocket(request)),
        }
    }

    fn events(&self, request: &Request<Incoming>, every: Duration) -> Response<AnswerBody> {
        let last = request.headers().get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
        let (pieces, body) = AnswerBody::made(None);
        spawn_local(maker::events(last.unwrap_or(0), every, pieces, self.inner.ending.end()));
        let mut response = typed("text/event-stream", body);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn websocket(&self, request: Request<Incoming>) -> Response<AnswerBody> {
        let (status, headers) = websocket::shake(request.headers());
        let mut response = Response::new(AnswerBody::whole(""));
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        if status == StatusCode::SWITCHING_PROTOCOLS {
            spawn_local(websocket::live(request, self.inner.ending.end()));
        }
        response
    }

    fn identify(&self, response: &mut Response<AnswerBody>, echo: Option<HeaderValue>) {
        let headers = response.headers_mut();
        headers.insert("x-changeover-origin", self.inner.origin.clone());
        if self.inner.echo {
            headers.insert("x-changeover-pid", process::id().into());
            echo.and_then(|id| headers.insert(ID, id));
        }
    }
}

/// A short answer, once the request's body has come.
async fn plain(request: Request<Incoming>, text: impl Into<Bytes>) -> io::Result<Response<AnswerBody>> {
    request.into_body().collect().await.map_err(io::Error::other)?;
    Ok(Response::new(AnswerBody::whole(text)))
}

async fn refused(request: Request<Incoming>, refusal: Refusal) -> io::Result<Response<AnswerBody>> {
    let (status, text) = match refusal {
        Refusal::Query(wanted) => (StatusCode::BAD_REQUEST, format!("write {wanted}\n")),
        Refusal::Method(methods) => (StatusCode::METHOD_NOT_ALLOWED, format!("use {methods}\n")),
    };
    let mut response = plain(request, text).await?;
    *response.status_mut() = status;
    if let Refusal::Method(methods) = refusal {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    }
    Ok(response)
}

/// Reads an upload without keeping it.
async fn sink(request: Request<Incoming>) -> io::Result<Response<AnswerBody>> {
    let (mut body, mut content) = (request.into_body(), Content::EMPTY);
    while let Some(frame) = body.frame().await {
        if let Ok(bytes) = frame.map_err(io::Error::other)?.into_data() {
            content.take(&bytes);
        }
    }
    let checksum = format!("{:016x}", content.checksum());
    let mut response = Response::new(AnswerBody::whole(format!("{} {checksum}\n", content.bytes)));
    response.headers_mut().insert(RECEIVED, content.bytes.into());
    response.headers_mut().insert(CHECKSUM, HeaderValue::try_from(checksum).map_err(io::Error::other)?);
    Ok(response)
}

async fn echo(request: Request<Incoming>) -> io::Result<Response<AnswerBody>> {
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut response = Response::new(AnswerBody::whole(bytes));
    if let Some(kind) = head.headers.get(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, kind.clone());
    }
    Ok(response)
}

fn typed(kind: &'static str, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The id of a request; a probe has none.
fn id(value: Option<&HeaderValue>) -> Option<u64> {
    let id = u64::from_str_radix(value?.to_str().ok()?, 16).ok()?;
    (id != 0).then_some(id)
}
