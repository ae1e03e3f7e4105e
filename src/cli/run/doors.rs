//! The doors of mailboxes: mailboxes of one provider share what is known of it, and all share the roots of trust. Opens none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use rustls::ClientConfig;

use crate::clock::Clock;
use crate::config::{Config, MailboxSettings, ProviderName, ProviderSettings, SignIn};
use crate::oauth::provider::Provider;
use crate::oauth::tokens::{AccessTokens, Holder, LedgerGrants};
use crate::pipeline::door::{Bricked, Door, Lock, ServerDoor};
use crate::pipeline::supervise::MakeDoor;
use crate::store::Ledger;
use crate::sync::locked;
use crate::tls::{self, TlsError};

/// Makes doors.
pub(in crate::cli) fn doors(ledger: Ledger, clock: Arc<dyn Clock>, holder: Holder) -> MakeDoor {
    let providers: Mutex<BTreeMap<ProviderName, Arc<Provider>>> = Mutex::default();
    let roots = Roots::default();
    Arc::new(move |config, settings| {
        let lock = lock(config, settings, |name, provider| {
            let tokens = |provider: Arc<Provider>| {
                let grants = Arc::new(LedgerGrants::new(ledger.clone(), clock.clone(), holder));
                let (name, address) = (settings.name.as_str(), settings.address.as_str());
                Arc::new(AccessTokens::new(name, address, provider, grants, clock.clone()))
            };
            shared(&providers, name, provider, &clock).map(tokens)
        });
        let tls = roots.client_config(settings.ca_file.as_deref()).map_err(|error| error.to_string());
        match tls.and_then(|tls| Ok((tls, lock?))) {
            Ok((tls, lock)) => {
                Arc::new(ServerDoor { settings: settings.clone(), tls, lock, experience: Arc::default() })
            }
            Err(reason) => Arc::new(Bricked(reason)) as Arc<dyn Door>,
        }
    })
}

fn lock(
    config: &Config,
    settings: &MailboxSettings,
    tokens: impl FnOnce(&ProviderName, &ProviderSettings) -> Result<Arc<AccessTokens>, String>,
) -> Result<Lock, String> {
    match &settings.sign_in {
        SignIn::Password { username, secret } => {
            Ok(Lock::Password { username: username.clone(), secret: secret.clone() })
        }
        SignIn::OAuth(name) => {
            let provider = config.providers.get(name);
            let provider = provider.ok_or_else(|| format!("there is no provider `{name}` in the configuration"))?;
            tokens(name, provider).map(Lock::Tokens)
        }
    }
}

fn shared(
    providers: &Mutex<BTreeMap<ProviderName, Arc<Provider>>>,
    name: &ProviderName,
    settings: &ProviderSettings,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Provider>, String> {
    let mut providers = locked(providers);
    if let Some(known) = providers.get(name).filter(|known| known.settings() == settings) {
        return Ok(known.clone());
    }
    let provider = Arc::new(Provider::new(settings.clone(), clock.clone()).map_err(|error| error.to_string())?);
    providers.insert(name.clone(), provider.clone());
    Ok(provider)
}

/// Client configurations by `ca_file` and when it was last changed. Each holds every root of the system, some 100 KiB: far
/// too much for one per mailbox.
#[derive(Default)]
struct Roots(Mutex<BTreeMap<Option<FileVersion>, Arc<ClientConfig>>>);

/// A file, and when it was last changed.
type FileVersion = (PathBuf, SystemTime);

impl Roots {
    fn client_config(&self, ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
        let changed = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let key = ca_file.and_then(|path| Some((path.to_owned(), changed(path)?)));
        let mut known = locked(&self.0);
        if let Some(config) = known.get(&key).filter(|_| key.is_some() == ca_file.is_some()) {
            return Ok(config.clone());
        }
        let config = tls::client_config(ca_file)?;
        known.insert(key, config.clone());
        Ok(config)
    }
}
