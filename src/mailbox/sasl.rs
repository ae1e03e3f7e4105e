//! SASL as a mail client needs it, the same for IMAP and POP3: what is shown, by which mechanism, in which words. Pure:
//! sends nothing, and knows neither protocol's commands.

use crate::config::{Mechanism, Secret};
use crate::oauth::xoauth2;

/// What is shown to the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Credential {
    /// An OAuth access token.
    Bearer {
        /// XOAUTH2's `user=`: the mailbox's address.
        user: String,
        /// The access token.
        token: Secret,
    },
    /// A user name and password.
    Password {
        /// The user name.
        username: String,
        /// The password.
        secret: Secret,
    },
}

/// Less is found in every other word, and is no secret.
const SHORTEST: usize = 4;

impl Credential {
    /// All that a server may have seen of it, in the clear and in base64, the longest first.
    pub fn forms(&self, host: &str, port: u16) -> Vec<Secret> {
        let secret = match self {
            Self::Bearer { token, .. } => token,
            Self::Password { secret, .. } => secret,
        };
        let answers = Sasl::ALL.into_iter().filter_map(|sasl| sasl.answers(self, host, port)).flatten();
        let mut forms: Vec<Secret> = answers.chain([xoauth2::encode(secret), secret.clone()]).collect();
        forms.retain(|form| form.expose().len() >= SHORTEST);
        forms.sort_by_key(|form| std::cmp::Reverse(form.expose().len()));
        forms
    }
}

/// A mechanism that this program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sasl {
    /// Google's and Microsoft's XOAUTH2.
    XOAuth2,
    /// RFC 7628.
    OAuthBearer,
    /// RFC 4616.
    Plain,
    /// LOGIN, which no RFC describes.
    Login,
}

impl Sasl {
    const ALL: [Self; 4] = [Self::XOAuth2, Self::OAuthBearer, Self::Plain, Self::Login];

    /// Those that the credential and the configuration allow, the best first; none where they contradict each other.
    pub fn candidates(mechanism: Mechanism, credential: &Credential) -> &'static [Self] {
        match (credential, mechanism) {
            (Credential::Bearer { .. }, Mechanism::Auto) => &[Self::XOAuth2, Self::OAuthBearer],
            (Credential::Bearer { .. }, Mechanism::XOAuth2) => &[Self::XOAuth2],
            (Credential::Bearer { .. }, Mechanism::OAuthBearer) => &[Self::OAuthBearer],
            (Credential::Password { .. }, Mechanism::Auto) => &[Self::Plain, Self::Login],
            (Credential::Password { .. }, Mechanism::Plain) => &[Self::Plain],
            (Credential::Password { .. }, Mechanism::Login) => &[Self::Login],
            (Credential::Bearer { .. }, Mechanism::Plain | Mechanism::Login)
            | (Credential::Password { .. }, Mechanism::XOAuth2 | Mechanism::OAuthBearer) => &[],
        }
    }

    /// Its registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::XOAuth2 => "XOAUTH2",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// What it says, in base64: one answer for each of the server's turns. `host` and `port` are the server's as
    /// configured. `None` where it cannot carry the credential.
    pub fn answers(self, credential: &Credential, host: &str, port: u16) -> Option<Vec<Secret>> {
        match (self, credential) {
            (Self::XOAuth2, Credential::Bearer { user, token }) => Some(vec![xoauth2::xoauth2(user, token)]),
            (Self::OAuthBearer, Credential::Bearer { user, token }) => {
                Some(vec![xoauth2::oauthbearer(user, host, port, token)])
            }
            (Self::Plain, Credential::Password { username, secret }) => {
                xoauth2::plain(username, secret).map(|answer| vec![answer])
            }
            (Self::Login, Credential::Password { username, secret }) => {
                Some(vec![xoauth2::encode(&Secret::new(username.as_str())), xoauth2::encode(secret)])
            }
            (Self::XOAuth2 | Self::OAuthBearer, Credential::Password { .. })
            | (Self::Plain | Self::Login, Credential::Bearer { .. }) => None,
        }
    }

    /// The answer to an error challenge, after which the server refuses in plain words; for the password mechanisms,
    /// which have none, the line that gives up (RFC 3501, 6.2.2; RFC 5034, 4).
    pub fn farewell(self) -> Secret {
        Secret::new(match self {
            Self::XOAuth2 => xoauth2::XOAUTH2_ANSWER,
            Self::OAuthBearer => xoauth2::OAUTHBEARER_ANSWER,
            Self::Plain | Self::Login => "*",
        })
    }
}

/// What a server would have to offer, in words for an error.
pub fn wanted(mechanism: Mechanism, credential: &Credential) -> &'static str {
    match (mechanism, credential) {
        (Mechanism::Auto, Credential::Bearer { .. }) => "XOAUTH2 or OAUTHBEARER",
        (Mechanism::Auto, Credential::Password { .. }) => "PLAIN or LOGIN",
        (Mechanism::XOAuth2, _) => "XOAUTH2",
        (Mechanism::OAuthBearer, _) => "OAUTHBEARER",
        (Mechanism::Plain, _) => "PLAIN",
        (Mechanism::Login, _) => "LOGIN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> [Credential; 2] {
        let secret = Secret::new("S");
        [
            Credential::Bearer { user: "ann@example.com".into(), token: secret.clone() },
            Credential::Password { username: "ann".into(), secret },
        ]
    }

    #[test]
    fn every_candidate_can_carry_its_credential_and_no_other() {
        let mechanisms =
            [Mechanism::Auto, Mechanism::XOAuth2, Mechanism::OAuthBearer, Mechanism::Plain, Mechanism::Login];
        let [bearer, password] = credentials();
        for mechanism in mechanisms {
            for (credential, other) in [(&bearer, &password), (&password, &bearer)] {
                for sasl in Sasl::candidates(mechanism, credential) {
                    assert!(sasl.answers(credential, "h", 993).is_some_and(|answers| !answers.is_empty()), "{sasl:?}");
                    assert_eq!(sasl.answers(other, "h", 993), None, "{sasl:?}");
                }
            }
        }
        assert!(Sasl::candidates(Mechanism::Plain, &bearer).is_empty());
    }

    #[test]
    fn a_credential_is_known_in_every_form_in_which_a_server_may_repeat_it() {
        let credential = Credential::Password { username: "ann".into(), secret: Secret::new("S3cret") };
        let forms = credential.forms("h", 993);
        let shown: Vec<&str> = forms.iter().map(Secret::expose).collect();
        assert_eq!(shown, ["AGFubgBTM2NyZXQ=", "UzNjcmV0", "UzNjcmV0", "S3cret", "YW5u"]);
        let repeated = "LOGIN ann S3cret (AGFubgBTM2NyZXQ=)".to_owned();
        assert_eq!(Secret::strike(repeated, &forms), "LOGIN ann [hidden] ([hidden])");
    }

    #[test]
    fn a_name_or_password_with_a_nul_cannot_go_by_plain() {
        let credential = Credential::Password { username: "ann".into(), secret: Secret::new("a\0b") };
        assert_eq!(Sasl::Plain.answers(&credential, "h", 995), None);
        assert!(Sasl::Login.answers(&credential, "h", 995).is_some());
    }
}
