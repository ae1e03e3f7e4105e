//! From a protected connection to a logged-in session: capabilities, SASL or LOGIN, ID. Selects no folder.

use super::answer::Ended;
use super::name;
use super::session::{Greeting, Session};
use super::words;
use crate::config::{MailboxSettings, Mechanism, Secret};
use crate::mailbox::sasl::{self, Sasl};
use crate::mailbox::{Credential, MailboxError};

/// Google asks clients to send ID; NetEase refuses SELECT without it.
const ID: &str = concat!("(\"name\" \"mail2jira\" \"version\" \"", env!("CARGO_PKG_VERSION"), "\")");

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
        Greeting::Ok => {
            let signed_in = sign_in(session, settings, credential).await;
            signed_in.map_err(|error| error.hiding(&credential.forms(&settings.host, settings.port)))?;
        }
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

async fn sign_in(
    session: &mut Session,
    settings: &MailboxSettings,
    credential: &Credential,
) -> Result<(), MailboxError> {
    let candidates = Sasl::candidates(settings.mechanism, credential);
    let is_offered = |sasl: &Sasl| session.capabilities.have(&format!("AUTH={}", sasl.name()));
    match candidates.iter().copied().find(is_offered) {
        Some(sasl) => by_sasl(session, settings, credential, sasl).await,
        None => by_login(session, settings.mechanism, credential).await,
    }
}

async fn by_sasl(
    session: &mut Session,
    settings: &MailboxSettings,
    credential: &Credential,
    sasl: Sasl,
) -> Result<(), MailboxError> {
    let answers = sasl.answers(credential, &settings.host, settings.port);
    let answers = answers.ok_or_else(|| session.not_offered("a mechanism that can carry this password"))?;
    let (ended, challenge) = session.authenticate(sasl.name(), &answers, &sasl.farewell()).await?;
    judge(session, ended, challenge.as_deref())
}

/// LOGIN (RFC 3501, 6.2.3) with quoted strings, which carry no password outside ASCII.
async fn by_login(session: &mut Session, mechanism: Mechanism, credential: &Credential) -> Result<(), MailboxError> {
    let (username, secret) = match (credential, mechanism) {
        (Credential::Password { username, secret }, Mechanism::Auto | Mechanism::Login) => (username, secret),
        (Credential::Password { .. }, Mechanism::Plain | Mechanism::XOAuth2 | Mechanism::OAuthBearer)
        | (Credential::Bearer { .. }, _) => return Err(session.not_offered(sasl::wanted(mechanism, credential))),
    };
    if session.capabilities.have("LOGINDISABLED") {
        return Err(session.not_offered(sasl::wanted(mechanism, credential)));
    }
    let quoted = name::quoted(username).zip(name::quoted(secret.expose()));
    let Some((username, password)) = quoted else {
        return Err(session.not_offered("AUTH=PLAIN, which this password needs"));
    };
    let ended = session.log_in_by_command(&Secret::new(format!("{username} {password}"))).await?;
    judge(session, ended, None)
}

/// A refusal that says "not now" must not burn a grant, nor may a refused token be tried for ever.
fn judge(session: &Session, ended: Ended, challenge: Option<&str>) -> Result<(), MailboxError> {
    let text = match &ended {
        Ended::Ok => return Ok(()),
        Ended::No(text) | Ended::Bad(text) => text.clone(),
    };
    if words::code(&text).as_deref() == Some("PRIVACYREQUIRED") {
        return Err(session.not_offered("a login without TLS"));
    }
    let is_refusal = matches!(ended, Ended::No(_)) && !words::is_passing(&text);
    if !is_refusal {
        return session.accept("AUTHENTICATE", ended);
    }
    let words = words::of_refused_login(&text, challenge);
    Err(MailboxError::LoginRefused { server: session.server().to_owned(), words })
}
