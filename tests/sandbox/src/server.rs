//! An HTTP server for stand-ins: on loopback, gone when dropped, and able to end a connection instead of answering.
//!
//! Not `axum::serve`: its connections outlive it, and it cannot withhold an answer.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt;

/// A running server. Dropping it closes its port and cuts every connection.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    tasks: JoinSet<()>,
}

/// Put into a response's extensions, this ends the connection without a byte of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Cut;

/// A port that is taken, but not served yet: what is served may need to know its own address.
#[derive(Debug)]
pub struct Bound {
    address: SocketAddr,
    listener: TcpListener,
}

impl Bound {
    /// Takes `port` on 127.0.0.1; 0 takes a free one. Fails when it is taken.
    pub async fn new(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        Ok(Self { address: listener.local_addr()?, listener })
    }

    /// Where it will listen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts to answer.
    pub fn serve(self, router: Router) -> Server {
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(self.listener, router));
        Server { address: self.address, tasks }
    }
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port and every connection, and returns when they are closed.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// The connections live in a set that dies with this task, so that stopping the server stops them too.
async fn accept(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(serve(stream, router.clone()));
            }
            Some(_) = connections.join_next() => {} // its memory is freed
            else => return,
        }
    }
}

async fn serve(stream: TcpStream, router: Router) {
    // Without this, Nagle's algorithm adds 40 ms to answers written in two pieces.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| answer(router.clone(), request));
    // An error is a client that went away, or a `Cut`: both meant.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// An error from the service is how hyper is told to close without answering.
async fn answer(router: Router, request: hyper::Request<Incoming>) -> Result<Response, io::Error> {
    let request: Request = request.map(axum::body::Body::new);
    let response: Result<Response, Infallible> = router.oneshot(request).await;
    let Ok(response) = response;
    if response.extensions().get::<Cut>().is_some() {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    Ok(response)
}
