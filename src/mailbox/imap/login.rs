//! From a TCP connection to a logged-in session: STARTTLS, capabilities, the SASL mechanism, ID. Selects no folder.

use std::sync::Arc;

use rustls::ClientConfig;
use tokio::net::TcpStream;

use super::name;
use super::session::{Ended, Greeting, Session};
use super::words;
use crate::config::{MailboxSettings, Mechanism, Secret, TlsMode};
use crate::mailbox::connect::{Server, Stream, in_the_clear, secure};
use crate::mailbox::{Credential, MailboxError};
use crate::oauth::xoauth2::{self, Challenge};

/// Google asks clients to send ID; NetEase refuses SELECT without it.
const ID: &str = concat!("(\"name\" \"mail2jira\" \"version\" \"", env!("CARGO_PKG_VERSION"), "\")");

/// Protects a connection as `mode` says: by TLS at once, by STARTTLS, or, on loopback, not at all.
///
/// # Errors
/// `Connect` at stage `tls`; with STARTTLS also those of a session, and `NotOffered`.
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
    if session.greet().await? == Greeting::PreAuthenticated {
        // RFC 9051, 6.2.1: STARTTLS is not possible any more, so that somebody in between may have done this.
        return Err(session.protocol("PREAUTH before STARTTLS"));
    }
    session.learn_capabilities().await?;
    if !session.capabilities.have("STARTTLS") {
        return Err(not_offered(&session, "STARTTLS"));
    }
    session.command("STARTTLS", "", |_| ()).await?;
    match session.into_stream() {
        Stream::Plain(stream) => Ok(Session::over_started_tls(secure(server, stream, tls).await?, server.name())),
        secured @ Stream::Tls(_) => Ok(Session::over_started_tls(secured, server.name())),
    }
}

/// Greets and signs in, and knows the capabilities afterwards.
///
/// # Errors
/// `LoginRefused` when the credential is refused, `Refused` when the server has no time for us, `NotOffered` when no
/// mechanism fits.
pub async fn log_in(
    session: &mut Session,
    settings: &MailboxSettings,
    credential: &Credential,
) -> Result<(), MailboxError> {
    let greeting = session.greet().await?;
    session.learn_capabilities().await?;
    match greeting {
        Greeting::PreAuthenticated => {}
        Greeting::Ok => sign_in(session, settings, credential).await?,
    }
    session.learn_capabilities().await
}

/// Tells the server who we are, where it wants to know. Its refusal is of no consequence.
///
/// # Errors
/// Those of a session but for `Refused`.
pub async fn introduce(session: &mut Session) -> Result<(), MailboxError> {
    if !session.capabilities.have("ID") {
        return Ok(());
    }
    match session.command("ID", ID, |_| ()).await {
        Err(error) if !session.is_sound() => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// How to sign in: what the server offers, what was asked for, and what the credential is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    XOAuth2,
    OAuthBearer,
    Plain,
    AuthenticateLogin,
    LoginCommand,
}

impl Way {
    fn choose(session: &Session, mechanism: Mechanism, credential: &Credential) -> Option<Self> {
        let candidates: &[Self] = match (credential, mechanism) {
            (Credential::Bearer { .. }, Mechanism::Auto) => &[Self::XOAuth2, Self::OAuthBearer],
            (Credential::Bearer { .. }, Mechanism::XOAuth2) => &[Self::XOAuth2],
            (Credential::Bearer { .. }, Mechanism::OAuthBearer) => &[Self::OAuthBearer],
            (Credential::Password { .. }, Mechanism::Auto) => {
                &[Self::Plain, Self::AuthenticateLogin, Self::LoginCommand]
            }
            (Credential::Password { .. }, Mechanism::Plain) => &[Self::Plain],
            (Credential::Password { .. }, Mechanism::Login) => &[Self::AuthenticateLogin, Self::LoginCommand],
            (Credential::Bearer { .. }, Mechanism::Plain | Mechanism::Login)
            | (Credential::Password { .. }, Mechanism::XOAuth2 | Mechanism::OAuthBearer) => &[],
        };
        candidates.iter().copied().find(|way| way.is_offered(session))
    }

    fn is_offered(self, session: &Session) -> bool {
        match self {
            Self::XOAuth2 => session.capabilities.have("AUTH=XOAUTH2"),
            Self::OAuthBearer => session.capabilities.have("AUTH=OAUTHBEARER"),
            Self::Plain => session.capabilities.have("AUTH=PLAIN"),
            Self::AuthenticateLogin => session.capabilities.have("AUTH=LOGIN"),
            Self::LoginCommand => !session.capabilities.have("LOGINDISABLED"),
        }
    }
}

async fn sign_in(
    session: &mut Session,
    settings: &MailboxSettings,
    credential: &Credential,
) -> Result<(), MailboxError> {
    let Some(way) = Way::choose(session, settings.mechanism, credential) else {
        return Err(not_offered(session, wanted(settings.mechanism, credential)));
    };
    let (ended, challenge) = match (way, credential) {
        (Way::XOAuth2, Credential::Bearer { user, token }) => {
            let answer = xoauth2::xoauth2(user, token);
            session.authenticate("XOAUTH2", &answer, &Secret::new(xoauth2::XOAUTH2_ANSWER)).await?
        }
        (Way::OAuthBearer, Credential::Bearer { user, token }) => {
            let answer = xoauth2::oauthbearer(user, &settings.host, settings.port, token);
            session.authenticate("OAUTHBEARER", &answer, &Secret::new(xoauth2::OAUTHBEARER_ANSWER)).await?
        }
        (Way::Plain, Credential::Password { username, secret }) => {
            let answer =
                xoauth2::plain(username, secret).ok_or_else(|| not_offered(session, "a password with a NUL"))?;
            session.authenticate("PLAIN", &answer, &Secret::new("*")).await?
        }
        (Way::AuthenticateLogin, Credential::Password { username, secret }) => {
            let answers = [xoauth2::encode(&Secret::new(username.as_str())), xoauth2::encode(secret)];
            session.authenticate_stepwise("LOGIN", &answers, &Secret::new("*")).await?
        }
        (Way::LoginCommand, Credential::Password { username, secret }) => {
            (login_command(session, username, secret).await?, None)
        }
        (Way::XOAuth2 | Way::OAuthBearer, Credential::Password { .. })
        | (Way::Plain | Way::AuthenticateLogin | Way::LoginCommand, Credential::Bearer { .. }) => {
            return Err(not_offered(session, wanted(settings.mechanism, credential)));
        }
    };
    judge(session, ended, challenge)
}

/// LOGIN (RFC 3501, 6.2.3) with quoted strings, which carry no password outside ASCII.
async fn login_command(session: &mut Session, username: &str, secret: &Secret) -> Result<Ended, MailboxError> {
    let quoted = name::quoted(username).zip(name::quoted(secret.expose()));
    let Some((username, password)) = quoted else {
        return Err(not_offered(session, "AUTH=PLAIN, which this password needs"));
    };
    session.log_in_by_command(&Secret::new(format!("{username} {password}"))).await
}

/// A refusal that says "not now" must not burn a grant, nor may a refused token be tried for ever.
fn judge(session: &Session, ended: Ended, challenge: Option<String>) -> Result<(), MailboxError> {
    let text = match &ended {
        Ended::Ok => return Ok(()),
        Ended::No(text) | Ended::Bad(text) => text.clone(),
    };
    if words::code(&text).as_deref() == Some("PRIVACYREQUIRED") {
        return Err(not_offered(session, "a login without TLS"));
    }
    let is_refusal = matches!(ended, Ended::No(_)) && !words::is_passing(&text);
    if !is_refusal {
        return session.accept("AUTHENTICATE", ended);
    }
    let words = words::redacted(&text);
    let words = match challenge.as_deref().and_then(Challenge::parse) {
        Some(challenge) => format!("{words} ({})", words::redacted(&challenge.to_string())),
        None => words,
    };
    Err(MailboxError::LoginRefused { server: session.server().to_owned(), words })
}

fn wanted(mechanism: Mechanism, credential: &Credential) -> &'static str {
    match (mechanism, credential) {
        (Mechanism::Auto, Credential::Bearer { .. }) => "XOAUTH2 or OAUTHBEARER",
        (Mechanism::Auto, Credential::Password { .. }) => "PLAIN or LOGIN",
        (Mechanism::XOAuth2, _) => "XOAUTH2",
        (Mechanism::OAuthBearer, _) => "OAUTHBEARER",
        (Mechanism::Plain, _) => "PLAIN",
        (Mechanism::Login, _) => "LOGIN",
    }
}

fn not_offered(session: &Session, what: &str) -> MailboxError {
    MailboxError::NotOffered { server: session.server().to_owned(), what: what.to_owned() }
}
