//! A connection to a mail server: name, TCP, TLS, each within its limit. Knows no mail protocol.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{MailboxError, Stage};

const DNS_LIMIT: Duration = Duration::from_secs(15);
const TCP_LIMIT: Duration = Duration::from_secs(15);
const TLS_LIMIT: Duration = Duration::from_secs(30);
/// An idle connection is probed after this time, so that a half-open one is noticed and a NAT keeps its entry.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);

/// A mail server's address as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Server {
    /// `host:port`, as errors name it.
    pub fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn failure(&self, stage: Stage, source: io::Error) -> MailboxError {
        MailboxError::Connect { server: self.name(), stage, source }
    }
}

/// Finds the server's addresses.
///
/// # Errors
/// `Connect` at stage `dns`.
pub async fn resolve(server: &Server) -> Result<Vec<SocketAddr>, MailboxError> {
    let found = within(DNS_LIMIT, tokio::net::lookup_host((server.host.as_str(), server.port))).await;
    let addresses: Vec<SocketAddr> = found.map_err(|error| server.failure(Stage::Dns, error))?.collect();
    if addresses.is_empty() {
        return Err(server.failure(Stage::Dns, io::Error::new(io::ErrorKind::NotFound, "the name has no address")));
    }
    Ok(addresses)
}

/// Connects to the first address that answers.
///
/// # Errors
/// `Connect` at stage `tcp`, with the last address's failure.
pub async fn dial(server: &Server, addresses: &[SocketAddr]) -> Result<TcpStream, MailboxError> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "there is no address to try");
    for address in addresses {
        match within(TCP_LIMIT, TcpStream::connect(address)).await.and_then(prepare) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(server.failure(Stage::Tcp, failure))
}

/// Does the TLS handshake, and verifies that the certificate is the host's.
///
/// # Errors
/// `Connect` at stage `tls`.
pub async fn secure(server: &Server, stream: TcpStream, tls: Arc<ClientConfig>) -> Result<Stream, MailboxError> {
    let name = ServerName::try_from(server.host.clone())
        .map_err(|error| server.failure(Stage::Tls, io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    let handshake = within(TLS_LIMIT, TlsConnector::from(tls).connect(name, stream));
    let stream = Box::pin(handshake).await.map_err(|error| server.failure(Stage::Tls, error))?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// Leaves the connection in the clear, which is for loopback alone, whatever the name promised.
///
/// # Errors
/// `Connect` at stage `tls` where the other end is not this machine.
pub fn in_the_clear(server: &Server, stream: TcpStream) -> Result<Stream, MailboxError> {
    let peer = stream.peer_addr().map_err(|error| server.failure(Stage::Tls, error))?;
    if !peer.ip().to_canonical().is_loopback() {
        let error = io::Error::new(io::ErrorKind::PermissionDenied, "without TLS only loopback addresses are allowed");
        return Err(server.failure(Stage::Tls, error));
    }
    Ok(Stream::Plain(stream))
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", limit.as_secs()))),
    }
}

fn prepare(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

/// The bytes to and from a server, protected or not.
#[derive(Debug)]
pub enum Stream {
    /// In the clear: loopback, or before STARTTLS.
    Plain(TcpStream),
    /// Over TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, ctx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(ctx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(ctx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, ctx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(ctx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(ctx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(ctx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(ctx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(ctx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(ctx),
        }
    }
}
