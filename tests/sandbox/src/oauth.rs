//! An OAuth 2.0 provider as mail providers run them: consent page, PKCE, rotating refresh tokens, revocation, introspection.
//! Believes whoever says who they are; its tokens open nothing but the sandbox.
//!
//! Every fault that a provider can produce has a knob, in Rust ([`Provider::control`], [`Provider::set`]) and as JSON
//! by `POST /_control`; `GET /_control` shows what was asked of it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::clock;
use crate::server::{Bound, Server};

pub use self::app::{ClientCertificate, ServiceAccount};
pub use self::dialect::Dialect;
pub use self::faults::{Endpoint, Fault};
pub use self::grants::{GrantView, Standing, Tokens};
pub use self::person::{Callback, Decision, Person, answer_consent, answer_in_words, auto_consent, consent};
pub use self::settings::{ClientAuth, Command, Counters, RefreshTokens, Reuse, Rotation, ScopeInAnswer, Settings};

use self::device::Devices;
use self::faults::Faults;
use self::grants::{Grant, Grants, Terms};
use self::pending::Pending;

mod app;
mod authorize;
mod device;
mod dialect;
mod faults;
mod grants;
mod jwt;
mod page;
mod pending;
mod person;
mod routes;
mod settings;
mod token;

/// Who may ask, who may be asked, and how the provider behaves at first.
#[derive(Debug, Clone)]
pub struct ProviderOptions {
    /// The one client that is registered.
    pub client_id: String,
    /// Its secret; `None` makes it a public client.
    pub client_secret: Option<String>,
    /// Accounts that the consent page suggests; any other may be typed.
    pub accounts: Vec<String>,
    /// Redirect addresses besides loopback ones, which are accepted with any port and path (RFC 8252, 7.3).
    pub redirect_uris: Vec<String>,
    /// The client's certificate, with [`ClientAuth::Assertion`].
    pub client_certificate: Option<ClientCertificate>,
    /// Who may act for the accounts.
    pub service_account: Option<ServiceAccount>,
    /// What can be changed while it runs.
    pub settings: Settings,
}

impl Default for ProviderOptions {
    fn default() -> Self {
        Self {
            client_id: "mail2jira".to_owned(),
            client_secret: Some("sandbox-client-secret".to_owned()),
            accounts: vec!["support@example.test".to_owned()],
            redirect_uris: Vec::new(),
            client_certificate: None,
            service_account: None,
            settings: Settings::default(),
        }
    }
}

/// A running provider. Dropping it closes its port and forgets everything.
#[derive(Debug)]
pub struct Provider {
    shared: Arc<Shared>,
    server: Option<Server>,
    port: u16,
}

/// What the routes work on.
#[derive(Debug)]
struct Shared {
    issuer: String,
    options: ProviderOptions,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    settings: Settings,
    faults: Faults,
    counters: Counters,
    grants: Grants,
    pending: Pending,
    devices: Devices,
}

/// What `GET /_control` shows.
#[derive(Debug, Serialize)]
pub struct Snapshot {
    /// How it behaves now.
    pub settings: Settings,
    /// What was asked of it.
    pub counters: Counters,
    /// Every consent ever given, the oldest first.
    pub grants: Vec<GrantView>,
}

impl Provider {
    /// Starts a provider on a free loopback port.
    pub async fn start(options: ProviderOptions) -> io::Result<Self> {
        let bound = Bound::new(0).await?;
        let address = bound.address();
        let state = State { settings: options.settings.clone(), ..State::default() };
        let shared = Arc::new(Shared { issuer: format!("http://{address}"), options, state: Mutex::new(state) });
        let server = bound.serve(routes::router(shared.clone()));
        Ok(Self { shared, server: Some(server), port: address.port() })
    }

    /// The issuer: everything else is found by discovery from here.
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// Where a mail server asks about a token (RFC 7662).
    pub fn introspection_url(&self) -> String {
        self.shared.url(Endpoint::Introspect)
    }

    /// Who may ask.
    pub fn client_id(&self) -> &str {
        &self.shared.options.client_id
    }

    /// The client's secret, unless it is a public one.
    pub fn client_secret(&self) -> Option<&str> {
        self.shared.options.client_secret.as_deref()
    }

    /// Gives consent without a page: the tokens that `account` would have got for `scopes`.
    pub fn grant(&self, account: &str, scopes: &[&str]) -> Tokens {
        let mut state = self.shared.state();
        let terms = state.terms();
        let grant = Grant {
            account: account.to_ascii_lowercase(),
            client_id: self.client_id().to_owned(),
            scopes: scopes.iter().map(ToString::to_string).collect(),
            nonce: None,
            claims: None,
            refreshable: terms.settings.refresh_tokens != RefreshTokens::Withheld,
        };
        state.grants.issue(grant, &terms)
    }

    /// Turns one knob; an error says what is wrong with a command's settings.
    pub fn control(&self, command: Command) -> Result<(), serde_json::Error> {
        self.shared.control(command)
    }

    /// Changes how it behaves from now on.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.shared.state().settings);
    }

    /// Lets the next `times` requests to `endpoint` meet `fault`.
    pub fn fail(&self, endpoint: Endpoint, times: usize, fault: Fault) {
        self.shared.state().faults.add(endpoint, times, fault);
    }

    /// What was asked of it, and what it granted.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.snapshot()
    }

    /// Closes its port and cuts every connection; its tokens stay as they are.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Opens the same port again.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.stop().await;
        self.server = Some(Bound::new(self.port).await?.serve(routes::router(self.shared.clone())));
        Ok(())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock has failed already.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self, endpoint: Endpoint) -> String {
        format!("{}{}", self.issuer, endpoint.path())
    }

    fn snapshot(&self) -> Snapshot {
        let state = self.state();
        Snapshot { settings: state.settings.clone(), counters: state.counters.clone(), grants: state.grants.view() }
    }

    fn control(&self, command: Command) -> Result<(), serde_json::Error> {
        let mut state = self.state();
        match command {
            Command::Fail { endpoint, times, fault } => state.faults.add(endpoint, times, fault),
            Command::Set(change) => state.settings = state.settings.changed(change)?,
            Command::Revoke { account } => state.grants.revoke_account(&account),
            Command::Device { user_code, account, decision } => {
                state.devices.decide(&user_code, &account, decision);
            }
            Command::RevokeAll => state.grants.revoke_all(),
            Command::ExpireAccessTokens => state.grants.expire_access_tokens(clock::now()),
            Command::Heal => state.faults = Faults::default(),
        }
        Ok(())
    }
}

impl State {
    fn terms(&self) -> Terms {
        Terms { settings: self.settings.clone(), now: clock::now() }
    }
}
