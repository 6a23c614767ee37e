//! What happens to one request.

use std::{cell::Cell, convert::Infallible, future, io, process, rc::Rc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, header::HeaderValue};
use ledger::{Journal, clock};

use crate::{
    arguments::Arguments,
    fault::{Fate, Fault, fate},
    stream::Stream,
};

const BODY: &str = "ok\n";

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
}

impl Service {
    pub(crate) fn new(arguments: &Arguments, journal: Option<Journal>) -> Service {
        // A name that no header can carry is simply not said.
        let origin = HeaderValue::from_str(&arguments.name).unwrap_or(HeaderValue::from_static("unnamed"));
        let (echo, faults, requests) = (arguments.echo, arguments.faults.clone(), Cell::new(0));
        Service { inner: Rc::new(Inner { origin, echo, faults, journal, requests }) }
    }

    /// Writes down, executes, answers, unless a fault says otherwise.
    pub(crate) async fn call(
        self,
        request: Request<Incoming>,
        stream: Stream,
    ) -> io::Result<Response<Full<Bytes>>> {
        let number = self.inner.requests.get() + 1;
        self.inner.requests.set(number);
        let fate = fate(&self.inner.faults, number);
        if fate == Fate::Reset {
            stream.condemn()?;
            return Err(io::Error::other("reset on purpose"));
        }
        let echo = request.headers().get("x-changeover-id").cloned();
        // A full journal says so itself; the answer is still due.
        let begun = id(echo.as_ref()).zip(self.inner.journal.as_ref());
        let begun = begun.and_then(|(id, journal)| journal.begin(id, clock::now(), process::id()).ok());
        if fate == Fate::Swallow {
            future::pending::<Infallible>().await;
        }
        request.into_body().collect().await.map_err(io::Error::other)?;
        let response = self.response(echo);
        if let Some(begun) = begun {
            stream.will_answer(begun, response.status().as_u16());
        }
        Ok(response)
    }

    fn response(&self, echo: Option<HeaderValue>) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from_static(BODY.as_bytes())));
        let headers = response.headers_mut();
        headers.insert("x-changeover-origin", self.inner.origin.clone());
        if self.inner.echo {
            headers.insert("x-changeover-pid", process::id().into());
            echo.and_then(|id| headers.insert("x-changeover-id", id));
        }
        response
    }
}

/// The id of a request; a probe has none.
fn id(value: Option<&HeaderValue>) -> Option<u64> {
    let id = u64::from_str_radix(value?.to_str().ok()?, 16).ok()?;
    (id != 0).then_some(id)
}
