//! From a mailbox's settings to a session over a protected connection, the same for IMAP and POP3: TLS at once, TLS once the
//! server has agreed to it (STARTTLS, STLS), or, on loopback, none. Signs nobody in.

use std::sync::Arc;

use rustls::ClientConfig;
use tokio::net::TcpStream;

use super::MailboxError;
use super::connect::{Server, Stream, dial, in_the_clear, resolve, secure};
use crate::config::{MailboxSettings, TlsMode};

/// A session of either protocol, as far as its protection is concerned.
pub trait Protectable: Sized {
    /// Takes over a connection; nothing has been read from it.
    fn over(stream: Stream, server: String) -> Self;

    /// The session over the same connection once it has TLS: no second greeting comes (RFC 3501, 6.2.1; RFC 2595, 4), and
    /// nothing that was learnt in the clear counts.
    fn over_started_tls(stream: Stream, server: String) -> Self;

    /// Asks the server in the clear to go on with TLS; gives the connection once it has agreed.
    ///
    /// # Errors
    /// Those of a session; `NotOffered`.
    fn agree_on_tls(self) -> impl Future<Output = Result<Stream, MailboxError>> + Send;
}

/// Connects and protects.
///
/// # Errors
/// `Connect`; with an upgrade to TLS also those of a session, and `NotOffered`.
pub async fn reach<S: Protectable>(settings: &MailboxSettings, tls: Arc<ClientConfig>) -> Result<S, MailboxError> {
    let server = Server { host: settings.host.clone(), port: settings.port };
    let addresses = resolve(&server).await?;
    let stream = dial(&server, &addresses).await?;
    protect(&server, stream, settings.tls, tls).await
}

/// Protects a connection as `mode` says.
///
/// # Errors
/// `Connect` at stage `tls`; with an upgrade also those of a session, and `NotOffered`.
pub async fn protect<S: Protectable>(
    server: &Server,
    stream: TcpStream,
    mode: TlsMode,
    tls: Arc<ClientConfig>,
) -> Result<S, MailboxError> {
    match mode {
        TlsMode::Implicit => Ok(S::over(secure(server, stream, tls).await?, server.name())),
        TlsMode::None => Ok(S::over(in_the_clear(server, stream)?, server.name())),
        TlsMode::StartTls => {
            let stream = match S::over(Stream::Plain(stream), server.name()).agree_on_tls().await? {
                Stream::Plain(stream) => secure(server, stream, tls).await?,
                secured @ Stream::Tls(_) => secured,
            };
            Ok(S::over_started_tls(stream, server.name()))
        }
    }
}
