//! What somebody answered about their Jira and their mailbox, and the config file that follows from it. Pure. No secret is asked
//! for: the file says where each is to be put.

use std::path::Path;

use crate::config::file::quoted;

/// Everything that was answered.
pub struct Answers {
    /// The address of Jira.
    pub jira_url: String,
    /// How mail2jira gets in there.
    pub way_in: WayIn,
    /// The mailbox's name in commands and logs.
    pub name: String,
    /// Its mail address.
    pub address: String,
    /// Where it is.
    pub home: Home,
    /// `imap` or `pop3`.
    pub protocol: String,
    /// The key of the project that its mail goes to.
    pub project: String,
    /// The type of the issues.
    pub issue_type: String,
}

/// How mail2jira gets into Jira.
pub enum WayIn {
    /// Cloud: the API token of an account.
    ApiToken {
        /// The account.
        email: String,
    },
    /// Cloud: a service account's OAuth 2.0 credentials.
    ServiceAccount {
        /// Its client.
        client_id: String,
    },
    /// A person's consent.
    OAuth2 {
        /// The app.
        client_id: String,
    },
    /// Data Center: a personal access token.
    Pat,
    /// Data Center: a user's password.
    Basic {
        /// The user.
        username: String,
    },
}

/// Where a mailbox is.
pub enum Home {
    /// Google.
    Google {
        /// The app.
        client_id: String,
    },
    /// Microsoft.
    Microsoft {
        /// The organisation.
        tenant: String,
        /// The app.
        client_id: String,
    },
    /// Another OAuth 2.0 server, and the mail server that takes its tokens.
    Custom {
        /// Its OpenID issuer.
        issuer: String,
        /// The app.
        client_id: String,
        /// What is asked for, separated by spaces.
        scopes: String,
        /// The mail server.
        host: String,
    },
    /// A server that takes a password.
    Password {
        /// The mail server.
        host: String,
        /// The user.
        username: String,
    },
}

impl Answers {
    /// The config file; `secrets` is the directory in which it expects its secrets.
    pub fn config(&self, secrets: &Path) -> String {
        [HEAD, &self.jira(secrets), &self.provider(secrets), &self.mailbox(secrets), TAIL].concat()
    }

    /// The files of [`Answers::config`] that somebody has to put a secret into, each with what it is.
    pub fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        let jira = match &self.way_in {
            WayIn::ApiToken { .. } | WayIn::Pat => ("jira-token", "Jira's token"),
            WayIn::ServiceAccount { .. } | WayIn::OAuth2 { .. } => {
                ("jira-client-secret", "the secret of Jira's client")
            }
            WayIn::Basic { .. } => ("jira-password", "the password at Jira"),
        };
        let mailbox = match &self.home {
            Home::Google { .. } | Home::Microsoft { .. } | Home::Custom { .. } => {
                ("client-secret", "the client secret that the mail provider gave the app")
            }
            Home::Password { .. } => ("mailbox-password", "the password of the mailbox"),
        };
        vec![jira, mailbox]
    }

    fn jira(&self, secrets: &Path) -> String {
        let mut lines = Lines::default();
        lines.say("# The site that issues go to, and the way in.").say("[jira]").set("url", &self.jira_url);
        match &self.way_in {
            WayIn::ApiToken { email } => {
                lines.say("[jira.auth.api_token]").set("email", email).secret("token", secrets, "jira-token")
            }
            WayIn::ServiceAccount { client_id } => {
                lines.say("[jira.auth.service_account]").client(client_id, secrets, "jira-client-secret")
            }
            WayIn::OAuth2 { client_id } => {
                lines.say("[jira.auth.oauth2]").client(client_id, secrets, "jira-client-secret")
            }
            WayIn::Pat => lines.say("[jira.auth.pat]").secret("token", secrets, "jira-token"),
            WayIn::Basic { username } => {
                lines.say("[jira.auth.basic]").set("username", username).secret("password", secrets, "jira-password")
            }
        };
        lines.end()
    }

    fn provider(&self, secrets: &Path) -> String {
        let mut lines = Lines::default();
        match &self.home {
            Home::Google { client_id } => lines
                .say("# An OAuth client of type \"Desktop app\": https://console.cloud.google.com/apis/credentials")
                .say("[provider.google]\nkind = \"google\"")
                .client(client_id, secrets, "client-secret"),
            Home::Microsoft { tenant, client_id } => lines
                .say("# An app registration with the redirect address http://localhost; without `client_secret` it is a public client.")
                .say("[provider.microsoft]\nkind = \"microsoft\"")
                .set("tenant", tenant)
                .client(client_id, secrets, "client-secret"),
            Home::Custom { issuer, client_id, scopes, .. } => lines
                .say("# Its endpoints are found by OpenID discovery.")
                .say("[provider.custom]\nkind = \"custom\"")
                .set("issuer", issuer)
                .client(client_id, secrets, "client-secret")
                .list("scopes", scopes.split_whitespace()),
            Home::Password { .. } => return String::new(),
        };
        lines.end()
    }

    fn mailbox(&self, secrets: &Path) -> String {
        let mut lines = Lines::default();
        lines
            .say("# One such table for each mailbox. With these defaults only mail that arrives from now on is taken.");
        lines.say(&format!("[mailbox.{}]", self.name)).set("address", &self.address).set("protocol", &self.protocol);
        match &self.home {
            Home::Google { .. } => lines.set("provider", "google"),
            Home::Microsoft { .. } => lines.set("provider", "microsoft"),
            Home::Custom { host, .. } => lines.set("provider", "custom").set("host", host),
            Home::Password { host, .. } => lines.set("host", host),
        };
        lines.set("project", &self.project).set("issue_type", &self.issue_type);
        if let Home::Password { username, .. } = &self.home {
            lines.say(&format!("[mailbox.{}.password]", self.name)).set("username", username);
            lines.secret("secret", secrets, "mailbox-password");
        }
        lines.end()
    }
}

const HEAD: &str = "\
# mail2jira: written by `mail2jira init`. All options: config.example.toml, or `mail2jira man`.
# A secret is where it stands: { file = \"PATH\" }, { env = \"VARIABLE\" } or { credential = \"NAME\" } (systemd).

# Where the ledger is. PostgreSQL (\"postgres://user@host/db\") can be shared by several nodes.
state = \"sqlite:///var/lib/mail2jira/state.db\"

";

const TAIL: &str = "\
# Who hears when a person is needed.
# [notify]
# command = [\"/usr/local/bin/page-me\"]

# The status page, /metrics, /healthz and /readyz.
# [admin]
# listen = \"127.0.0.1:8925\"
";

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn say(&mut self, line: &str) -> &mut Self {
        self.0.push_str(line);
        self.0.push('\n');
        self
    }

    fn set(&mut self, key: &str, value: &str) -> &mut Self {
        self.say(&format!("{key} = {}", quoted(value)))
    }

    fn list<'v>(&mut self, key: &str, values: impl Iterator<Item = &'v str>) -> &mut Self {
        let values: Vec<String> = values.map(quoted).collect();
        self.say(&format!("{key} = [{}]", values.join(", ")))
    }

    fn secret(&mut self, key: &str, secrets: &Path, file: &str) -> &mut Self {
        let path = secrets.join(file);
        self.say(&format!("{key} = {{ file = {} }}", quoted(&path.to_string_lossy())))
    }

    fn client(&mut self, id: &str, secrets: &Path, secret: &str) -> &mut Self {
        self.set("client_id", id).secret("client_secret", secrets, secret)
    }

    fn end(mut self) -> String {
        self.0.push('\n');
        self.0
    }
}
