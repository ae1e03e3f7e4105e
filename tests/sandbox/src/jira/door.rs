//! Connections that can be cut at any moment, and a listener that can close and open again on the same port.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Availability;
use super::shared::Shared;

/// How long to wait before a port that could not be had is tried again.
const RETRY: Duration = Duration::from_millis(20);

/// Takes connections while Jira is up.
pub(super) struct Door {
    listener: Option<TcpListener>,
    address: SocketAddr,
    wanted: watch::Receiver<Availability>,
    shared: Arc<Shared>,
}

/// One connection; reading and writing fail once its switch is thrown.
pub(super) struct Line {
    stream: TcpStream,
    switch: Arc<Switch>,
}

/// What cuts a connection.
#[derive(Debug, Default)]
pub(super) struct Switch {
    thrown: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

/// A request's hold on the connection that it came by.
#[derive(Debug, Clone)]
pub(super) struct Cable(Arc<Switch>);

impl Cable {
    /// Ends the connection without another byte.
    pub(super) fn cut(&self) {
        self.0.cut();
    }
}

impl Switch {
    pub(super) fn cut(&self) {
        self.thrown.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    fn check(&self, waker: &AtomicWaker, context: &Context<'_>) -> io::Result<()> {
        waker.register(context.waker());
        if self.thrown.load(Ordering::Acquire) {
            return Err(io::Error::from(io::ErrorKind::ConnectionReset));
        }
        Ok(())
    }
}

impl Door {
    pub(super) fn new(listener: TcpListener, address: SocketAddr, shared: Arc<Shared>) -> Self {
        Self { listener: Some(listener), address, wanted: shared.wanted(), shared }
    }

    async fn next_while_up(&mut self) -> Option<(TcpStream, SocketAddr)> {
        let listener = match self.listener.take() {
            Some(listener) => listener,
            None => match TcpListener::bind(self.address).await {
                Ok(listener) => listener,
                Err(_) => {
                    tokio::time::sleep(RETRY).await;
                    return None;
                }
            },
        };
        self.shared.report(Availability::Up);
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted.ok(),
            _ = self.wanted.changed() => None,
        };
        self.listener = Some(listener);
        accepted
    }

    async fn stay_shut(&mut self) {
        self.listener = None;
        self.shared.cut_all();
        self.shared.report(Availability::Down);
        // The sender lives in `shared`, so this ends with a change.
        let _ = self.wanted.changed().await;
    }
}

impl Listener for Door {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        loop {
            let wanted = *self.wanted.borrow_and_update();
            match wanted {
                Availability::Down => self.stay_shut().await,
                Availability::Up => {
                    if let Some((stream, peer)) = self.next_while_up().await {
                        let _ = stream.set_nodelay(true);
                        let switch = Arc::new(Switch::default());
                        self.shared.watch_connection(&switch);
                        return (Line { stream, switch }, peer);
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Connected<IncomingStream<'_, Door>> for Cable {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(Arc::clone(&stream.io().switch))
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.switch.check(&self.switch.reader, context)?;
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.switch.check(&self.switch.writer, context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
