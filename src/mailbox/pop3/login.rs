//! From a TCP connection to a logged-in session: STLS, capabilities, SASL, or USER and PASS. APOP is not spoken: its MD5
//! protects nothing, and TLS does.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::net::TcpStream;

use super::session::{Reply, Session};
use crate::config::{MailboxSettings, Mechanism, Secret, TlsMode};
use crate::mailbox::connect::{Server, Stream, in_the_clear, secure};
use crate::mailbox::sasl::{self, Credential, Sasl};
use crate::mailbox::{MailboxError, words};
use crate::oauth::xoauth2::Challenge;

/// Protects a connection as `mode` says: by TLS at once, by STLS (RFC 2595, 4), or, on loopback, not at all.
///
/// # Errors
/// `Connect` at stage `tls`; with STLS also those of a session, and `NotOffered`.
pub async fn protect(
    server: &Server,
    stream: TcpStream,
    mode: TlsMode,
    tls: Arc<ClientConfig>,
) -> Result<Session, MailboxError> {
    match mode {
        TlsMode::Implicit => Ok(Session::over(secure(server, stream, tls).await?, server.name())),
        TlsMode::None => Ok(Session::over(in_the_clear(server, stream)?, server.name())),
        TlsMode::StartTls => start_tls(server, stream, tls).await,
    }
}

async fn start_tls(server: &Server, stream: TcpStream, tls: Arc<ClientConfig>) -> Result<Session, MailboxError> {
    let mut session = Session::over(Stream::Plain(stream), server.name());
    session.greet().await?;
    session.learn_capabilities().await?;
    if session.capabilities.have("STLS") == Some(false) {
        return Err(not_offered(&session, "STLS"));
    }
    session.command("STLS", "").await?;
    match session.into_stream()? {
        Stream::Plain(stream) => Ok(Session::over_started_tls(secure(server, stream, tls).await?, server.name())),
        secured @ Stream::Tls(_) => Ok(Session::over_started_tls(secured, server.name())),
    }
}

/// Greets and signs in.
///
/// # Errors
/// `LoginRefused` when the credential is refused, `Refused` when the server has no time for us or the maildrop is in use,
/// `NotOffered` when no mechanism fits.
pub async fn log_in(
    session: &mut Session,
    settings: &MailboxSettings,
    credential: &Credential,
) -> Result<(), MailboxError> {
    session.greet().await?;
    session.learn_capabilities().await?;
    let candidates = Sasl::candidates(settings.mechanism, credential);
    match candidates.iter().copied().find(|sasl| is_offered(session, *sasl)) {
        Some(sasl) => by_sasl(session, settings, credential, sasl).await,
        None => by_user_and_pass(session, settings.mechanism, credential).await,
    }
}

/// How long after a login the next one is refused (RFC 2449, 6.5).
pub fn login_delay(session: &Session) -> Duration {
    let seconds = session.capabilities.arguments("LOGIN-DELAY").and_then(|mut words| words.next()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or_default())
}

/// A server without CAPA may know a token's mechanisms all the same; for passwords it has USER and PASS.
fn is_offered(session: &Session, sasl: Sasl) -> bool {
    match session.capabilities.have("SASL") {
        Some(_) => {
            session.capabilities.arguments("SASL").is_some_and(|mut offered| offered.any(|name| name == sasl.name()))
        }
        None => match sasl {
            Sasl::XOAuth2 | Sasl::OAuthBearer => true,
            Sasl::Plain | Sasl::Login => false,
        },
    }
}

async fn by_sasl(
    session: &mut Session,
    settings: &MailboxSettings,
    credential: &Credential,
    sasl: Sasl,
) -> Result<(), MailboxError> {
    let answers = sasl.answers(credential, &settings.host, settings.port);
    let answers = answers.ok_or_else(|| not_offered(session, "a mechanism that can carry this password"))?;
    let verdict = session.authenticate(sasl.name(), &answers, &sasl.farewell()).await?;
    judge(session, verdict.reply, verdict.challenge.as_deref())
}

async fn by_user_and_pass(
    session: &mut Session,
    mechanism: Mechanism,
    credential: &Credential,
) -> Result<(), MailboxError> {
    let (username, secret) = match (credential, mechanism) {
        (Credential::Password { username, secret }, Mechanism::Auto | Mechanism::Login) => (username, secret),
        (Credential::Password { .. }, Mechanism::Plain | Mechanism::XOAuth2 | Mechanism::OAuthBearer)
        | (Credential::Bearer { .. }, _) => return Err(not_offered(session, sasl::wanted(mechanism, credential))),
    };
    if session.capabilities.have("USER") == Some(false) {
        return Err(not_offered(session, "PLAIN, LOGIN or USER"));
    }
    if [username, secret.expose()].iter().any(|text| text.contains(['\r', '\n', '\0'])) {
        return Err(not_offered(session, "SASL PLAIN, which a password with a line break needs"));
    }
    match session.ask("USER", username).await? {
        Reply::Ok(_) => {
            let password: &Secret = secret;
            let reply = session.ask("PASS", password.expose()).await?;
            judge(session, reply, None)
        }
        refusal @ (Reply::Err(_) | Reply::Continue(_)) => judge(session, refusal, None),
    }
}

/// A refusal that says "not now" must not burn a grant, nor may a refused token be tried for ever.
fn judge(session: &Session, reply: Reply, challenge: Option<&str>) -> Result<(), MailboxError> {
    let text = match reply {
        Reply::Ok(_) => return Ok(()),
        Reply::Err(text) | Reply::Continue(text) => text,
    };
    if is_passing(&text) {
        return Err(session.refused("AUTH", &text));
    }
    let words = words::redacted(&text);
    let words = match challenge.and_then(Challenge::parse) {
        Some(challenge) => format!("{words} ({})", words::redacted(&challenge.to_string())),
        None => words,
    };
    Err(MailboxError::LoginRefused { server: session.server().to_owned(), words })
}

/// Whether a refused login says nothing about the credential: by its code (RFC 2449, 8.1; RFC 3206), or in the words of
/// servers without codes whose maildrop another session has locked.
fn is_passing(text: &str) -> bool {
    match words::code(text).as_deref() {
        Some("AUTH" | "SYS/PERM") => false,
        Some("IN-USE" | "LOGIN-DELAY" | "SYS/TEMP") => true,
        Some(_) | None => {
            let upper = text.to_ascii_uppercase();
            let phrases =
                ["ALREADY LOCKED", "UNABLE TO LOCK", "CANNOT LOCK", "CAN'T LOCK", "IN USE", "MAILDROP IS BUSY"];
            words::is_passing(text) || phrases.iter().any(|phrase| upper.contains(phrase))
        }
    }
}

fn not_offered(session: &Session, what: &str) -> MailboxError {
    MailboxError::NotOffered { server: session.server().to_owned(), what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::is_passing;

    #[test]
    fn a_locked_maildrop_is_told_from_a_locked_account() {
        for text in [
            "[IN-USE] Do you have another POP session running?",
            "[LOGIN-DELAY] minimum time between mail checks violation",
            "[SYS/TEMP] Temporary authentication failure.",
            "maildrop already locked",
            "Server Unavailable. 21",
        ] {
            assert!(is_passing(text), "{text}");
        }
        for text in [
            "[AUTH] Username and password not accepted.",
            "[SYS/PERM] Your account is not enabled for POP access.",
            "Your account has been locked.",
            "Logon failure: unknown user name or bad password.",
        ] {
            assert!(!is_passing(text), "{text}");
        }
    }
}
