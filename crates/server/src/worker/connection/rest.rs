//! What a client still sends of a request that is already answered. It is read and forgotten, as nginx does
//! (`ngx_http_discard_request_body`): the next request begins where it ends. How long it may take, and how large it may be, the
//! body knows itself.

use std::{
    cell::{Cell, RefCell},
    task::{Context, Poll},
};

use tokio::time::Instant;

use super::super::body::RequestBody;

/// The rest of the newest request.
#[derive(Debug, Default)]
pub(super) struct Rest {
    body: RefCell<Option<RequestBody>>,
    ended_at: Cell<Option<Instant>>,
}

impl Rest {
    /// There is one.
    pub(super) fn expect(&self, body: RequestBody) {
        self.body.replace(Some(body));
    }

    /// Whether nothing of it is still to come.
    pub(super) fn is_over(&self) -> bool {
        self.body.borrow().as_ref().is_none_or(RequestBody::is_received)
    }

    /// When the last that there was had come.
    pub(super) fn ended_at(&self) -> Option<Instant> {
        self.ended_at.get()
    }

    /// Reads it, as far as nobody else does. A body that cannot be read to its end is let go of, and then hyper ends the
    /// connection.
    pub(super) fn poll(&self, cx: &mut Context) {
        let mut body = self.body.borrow_mut();
        if let Some(Poll::Ready(())) = body.as_mut().map(|body| body.poll_rest(cx)) {
            *body = None;
            self.ended_at.set(Some(Instant::now()));
        }
    }

    /// It is of no interest any more.
    pub(super) fn forget(&self) {
        self.body.take();
    }
}
