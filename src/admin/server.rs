//! Accepts connections and answers on them, within limits. Knows no page.
//!
//! Not `axum::serve`, which gives a client all the time in the world to send its headers, takes any number of connections,
//! and leaves their tasks to nobody.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::desk::Peer;

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 64;
/// How long a request's headers may take to arrive, and a connection may idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a request's line and headers.
const HEADER_SIZE: usize = 16 << 10;
/// Bytes of a request's body.
const BODY_SIZE: usize = 64 << 10;
/// How long one connection lives; scrapers make a new one.
const LIFETIME: Duration = Duration::from_secs(600);
/// How long answers under way get to finish once we stop.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long to rest when no connection can be accepted, for want of file descriptors most likely.
const REST: Duration = Duration::from_millis(200);

/// Answers on `listener` with `router` until `stop`.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let router = router.layer(DefaultBodyLimit::max(BODY_SIZE));
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    while let Some((stream, address, seat)) = accept(&listener, &seats, &stop).await {
        let router = router.clone().layer(Extension(Peer(address.ip())));
        connections.spawn(answer(stream, router, stop.clone(), seat));
        while connections.try_join_next().is_some() {}
    }
    let all_done = async { while connections.join_next().await.is_some() {} };
    if timeout(FAREWELL, all_done).await.is_err() {
        tracing::debug!("some clients of the admin pages did not take their answers");
    }
}

async fn accept(
    listener: &TcpListener,
    seats: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let next = async {
        let seat = Arc::clone(seats).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, address)) => return Some((stream, address, seat)),
                Err(error) => {
                    tracing::warn!(%error, "the admin pages cannot accept a connection");
                    sleep(REST).await;
                }
            }
        }
    };
    stop.run_until_cancelled(next).await.flatten()
}

async fn answer(stream: TcpStream, router: Router, stop: CancellationToken, _seat: OwnedSemaphorePermit) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_SIZE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let lived = async {
        tokio::select! {
            done = connection.as_mut() => return done,
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    };
    if let Ok(Err(error)) = timeout(LIFETIME, lived).await {
        tracing::trace!(%error, "a connection to the admin pages broke");
    }
}
