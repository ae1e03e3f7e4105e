//! From a protected connection to a logged-in session: capabilities, SASL, or USER and PASS. APOP is not spoken: its MD5
//! protects nothing, and TLS does.

use std::time::Duration;

use super::session::{Reply, Session};
use crate::config::{MailboxSettings, Mechanism, Secret};
use crate::mailbox::sasl::{self, Credential, Sasl};
use crate::mailbox::{MailboxError, throttle, words};

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
    let signed_in = sign_in(session, settings, credential).await;
    signed_in.map_err(|error| error.hiding(&credential.forms(&settings.host, settings.port)))
}

async fn sign_in(
    session: &mut Session,
    settings: &MailboxSettings,
    credential: &Credential,
) -> Result<(), MailboxError> {
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
    let answers = answers.ok_or_else(|| session.not_offered("a mechanism that can carry this password"))?;
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
        | (Credential::Bearer { .. }, _) => return Err(session.not_offered(sasl::wanted(mechanism, credential))),
    };
    if session.capabilities.have("USER") == Some(false) {
        return Err(session.not_offered("PLAIN, LOGIN or USER"));
    }
    if [username, secret.expose()].iter().any(|text| text.contains(['\r', '\n', '\0'])) {
        return Err(session.not_offered("SASL PLAIN, which a password with a line break needs"));
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
    let words = words::of_refused_login(&text, challenge);
    Err(MailboxError::LoginRefused { server: session.server().to_owned(), words })
}

/// Whether a refused login says nothing about the credential: by its code (RFC 2449, 8.1; RFC 3206), or in the words of
/// servers without codes whose maildrop another session has locked.
fn is_passing(text: &str) -> bool {
    match words::code(text).as_deref() {
        _ if throttle::wait(text).is_some() => true, // whatever the code: Gmail's limits are no fault of the credential
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
