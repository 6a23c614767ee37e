//! Ready means ready: before a worker says so, it answers a request that comes through its whole HTTP stack.

use std::{io, rc::Rc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    task::spawn_local,
    time::timeout,
};

use super::{
    Listener,
    connection::{self, Client, Connection},
    service::Service,
    stream::Stream,
};

const DEADLINE: Duration = Duration::from_secs(5);

/// Sends one request through the stack for each listener.
///
/// # Errors
/// One was not answered, or not with 200.
pub(super) async fn run(service: &Rc<Service>, listeners: &[Listener]) -> io::Result<()> {
    for listener in listeners {
        let answer =
            timeout(DEADLINE, ask(service, listener)).await.unwrap_or_else(|late| Err(late.into()))?;
        if !answer.starts_with("HTTP/1.1 200 ") {
            let line = answer.lines().next().unwrap_or("nothing").to_owned();
            return Err(io::Error::other(format!(
                "the self-test on {} was answered with {line}",
                listener.address
            )));
        }
    }
    Ok(())
}

async fn ask(service: &Rc<Service>, listener: &Listener) -> io::Result<String> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let connection =
        Connection::new(service, Stream::Unix(theirs), Client::SelfTest, listener.address.clone());
    spawn_local(connection::serve(connection));
    ours.write_all(b"GET / HTTP/1.1\r\nHost: self-test\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    ours.read_to_string(&mut answer).await?;
    Ok(answer)
}
