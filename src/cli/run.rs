//! `run`: the daemon, put together from its parts: state, Jira, doors, pages, signals, systemd. Decides nothing by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use rustls::ClientConfig;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::arguments::{LogLevel, RunArgs};
use super::status::node_name;
use super::{Failure, jira_keys, opened};
use crate::admin::{self, Snapshot};
use crate::clock::{Clock, SystemClock};
use crate::config::{
    Config, MailboxSettings, MustExist, NameServers, ProviderName, ProviderSettings, SignIn, StateSettings, Writing,
};
use crate::dns::Resolver;
use crate::jira::Jira;
use crate::jira::client::{Client, Timeouts};
use crate::oauth::provider::Provider;
use crate::oauth::tokens::{AccessTokens, Holder, LedgerGrants};
use crate::pipeline::alarm::Watchman;
use crate::pipeline::door::{Door, Lock, ServerDoor};
use crate::pipeline::supervise::{End, MakeDoor, Reloaded, Supervisor};
use crate::pipeline::{Ctx, forms, gather, once, refused};
use crate::store::Ledger;
use crate::store::run_lock::RunLock;
use crate::telemetry::{self, Phase};
use crate::tls::{self, TlsError};

/// How often the pages' status is taken anew.
const SNAPSHOT: Duration = Duration::from_secs(3);
/// Where the system names its name servers.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Signals so close together are one wish: `timeout` sends its own twice, a terminal to everybody in it.
const SAME_WISH: Duration = Duration::from_secs(1);

/// Runs the daemon, or one pass.
pub async fn run(args: &RunArgs, level: LogLevel, file: &Path) -> Result<(), Failure> {
    let (config, warnings) = Config::load(file, MustExist::Yes)?;
    telemetry::start(level.into(), telemetry::Format::fitting()).context("cannot start logging")?;
    for warning in warnings {
        tracing::warn!(line = warning.place.as_ref().map(|place| place.line), "{}", warning.message);
    }
    match config.jira.writing {
        Writing::Real => {}
        Writing::Shadow => tracing::warn!("a shadow: Jira is only read, and no mailbox is touched"),
    }
    let daemon = Daemon::start(config).await?;
    if args.once { daemon.pass().await } else { daemon.serve(file.to_owned()).await }
}

struct Daemon {
    ctx: Arc<Ctx>,
    clock: Arc<dyn Clock>,
    make_door: MakeDoor,
    /// Held for as long as the process lives.
    _lock: Option<RunLock>,
}

impl Daemon {
    async fn start(config: Config) -> Result<Self, Failure> {
        let lock = match &config.state {
            StateSettings::Sqlite { path } => Some(opened::run_lock(path, "cannot start")?),
            StateSettings::Postgres { .. } => None,
        };
        let ledger = opened::ledger(&config).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let jira = jira(&config, &ledger, &clock)?;
        let make_door = doors(ledger.clone(), clock.clone(), Holder::Daemon);
        let resolver = resolver(&config.name_servers);
        let ctx = Arc::new(Ctx::new(ledger, jira, clock.clone(), Arc::new(config), resolver));
        if lock.is_some() {
            // Nobody else can be at work on this state: what a killed process left is free.
            let leases = ctx.ledger.free_leases(&ctx.owner).await.context("cannot free old leases")?;
            ctx.ledger.free_mailbox_leases().await.context("cannot free old leases")?;
            ctx.ledger.free_refresh_locks().await.context("cannot free old locks")?;
            ctx.ledger.free_notices().await.context("cannot free old leases")?;
            tracing::info!(leases, "took over the ledger");
        }
        refused::recall(&ctx).await.context("cannot read how Jira was")?;
        Ok(Self { ctx, clock, make_door, _lock: lock })
    }

    async fn pass(self) -> Result<(), Failure> {
        let ending = Ending::default();
        let mut signals = JoinSet::new();
        signals.spawn(cancel_on_signal(Stops::hear(), ending.clone()));
        let passing = async {
            let pass = once::run(self.ctx.clone(), &self.make_door, ending.stop.clone()).await;
            let pass = pass.context("cannot finish the pass")?;
            once::tell(self.ctx.clone(), node_name()).await.context("cannot tell people of the pass")?;
            anyhow::Ok(pass)
        };
        let pass = tokio::select! {
            pass = passing => pass?,
            () = ending.at_once.cancelled() => return Err(cut_short()),
        };
        tracing::info!(
            open = pass.open,
            quarantined = pass.quarantined,
            failed = pass.failed.len(),
            "the pass is over"
        );
        if pass.is_clean() { Ok(()) } else { Err(unclean(&pass)) }
    }

    async fn serve(self, file: PathBuf) -> Result<(), Failure> {
        let ending = Ending::default();
        let stop = &ending.stop;
        let mut tasks = JoinSet::new();
        let (snapshots, source) = watch::channel(self.snapshot().await?);
        if let Some(admin) = &self.ctx.config().admin {
            let listener = TcpListener::bind(admin.listen).await;
            let listener = listener.with_context(|| format!("cannot listen on {}", admin.listen))?;
            tracing::info!(address = %admin.listen, "answering health checks");
            let source = admin::Source { snapshot: source, clock: self.clock.clone() };
            let (ledger, clock) = (self.ctx.ledger.clone(), self.clock.clone());
            let make_jira: admin::MakeJira = Arc::new(move |config| jira_client(config, &ledger, &clock));
            let back = admin::Back { ctx: self.ctx.clone(), make_door: self.make_door.clone(), make_jira };
            tasks.spawn(admin::serve(listener, source, Some(back), stop.clone()));
        }
        let (reloads, reloaded) = mpsc::channel(1);
        let alive = Arc::new(Notify::new());
        let (clock, ledger) = (self.clock.clone(), self.ctx.ledger.clone());
        let source = ReloadSource { file, ledger, clock, started_with: self.ctx.config() };
        // Heard before systemd is told that we are ready: a signal that nobody hears ends the process.
        tasks.spawn(cancel_on_signal(Stops::hear(), ending.clone()));
        if let Some(hangup) = hear(SignalKind::hangup()) {
            tasks.spawn(reload_on_signal(hangup, source, reloads));
        }
        tasks.spawn(forms::read_all(self.ctx.clone()));
        tasks.spawn(feed_watchdog(alive.clone()));
        tasks.spawn(take_snapshots(self.ctx.clone(), snapshots));
        telemetry::tell_systemd(Phase::Ready);
        let supervisor = Supervisor::new(self.ctx, node_name(), self.make_door);
        let end = tokio::select! {
            end = supervisor.run(reloaded, alive, stop.clone()) => end,
            () = ending.at_once.cancelled() => return Err(cut_short()),
        };
        telemetry::tell_systemd(Phase::Stopping);
        tasks.shutdown().await;
        tracing::info!("stopped");
        match end {
            End::Asked => Ok(()),
            End::Broken => Err(Failure::new("a part of the daemon ended by itself").with_hint("start it again")),
        }
    }

    async fn snapshot(&self) -> Result<Snapshot, Failure> {
        let taken_at = self.clock.now();
        let status = gather::status(&self.ctx.ledger, &self.ctx.config(), &node_name(), taken_at).await;
        Ok(Snapshot { status: status.context("cannot read the ledger")?, taken_at })
    }
}

fn unclean(pass: &once::Pass) -> Failure {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(pass.failed.iter().map(|(mailbox, reason)| format!("mailbox `{mailbox}`: {reason}")));
    if pass.open > 0 {
        parts.push(format!("{} messages are not settled yet", pass.open));
    }
    if pass.quarantined > 0 {
        parts.push(format!("{} messages are quarantined", pass.quarantined));
    }
    Failure::new(format!("the pass left something to do: {}", parts.join("; ")))
        .with_hint("run `mail2jira messages list`")
}

fn resolver(servers: &NameServers) -> Resolver {
    match servers {
        NameServers::OfSystem => Resolver::named_in(RESOLV_CONF.into()),
        NameServers::Named(servers) => Resolver::asking(servers.clone()),
    }
}

fn jira(config: &Config, ledger: &Ledger, clock: &Arc<dyn Clock>) -> anyhow::Result<Arc<dyn Jira>> {
    Ok(Arc::new(jira_client(config, ledger, clock)?))
}

fn jira_client(config: &Config, ledger: &Ledger, clock: &Arc<dyn Clock>) -> anyhow::Result<Client> {
    let keys = jira_keys::keys(&config.jira, ledger, clock, Holder::Daemon);
    Client::new(&config.jira, keys, clock.clone(), Timeouts::default()).context("cannot set up the connection to Jira")
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
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = known.get(&key).filter(|_| key.is_some() == ca_file.is_some()) {
            return Ok(config.clone());
        }
        let config = tls::client_config(ca_file)?;
        known.insert(key, config.clone());
        Ok(config)
    }
}

/// Makes doors. Mailboxes of one provider share what is known of it.
pub(super) fn doors(ledger: Ledger, clock: Arc<dyn Clock>, holder: Holder) -> MakeDoor {
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
        match roots.client_config(settings.ca_file.as_deref()) {
            Ok(tls) => Arc::new(ServerDoor { settings: settings.clone(), tls, lock, experience: Arc::default() })
                as Arc<dyn Door>,
            Err(error) => Arc::new(crate::pipeline::door::Bricked(error.to_string())),
        }
    })
}

fn lock(
    config: &Config,
    settings: &MailboxSettings,
    tokens: impl FnOnce(&ProviderName, &ProviderSettings) -> Result<Arc<AccessTokens>, String>,
) -> Lock {
    match &settings.sign_in {
        SignIn::Password { username, secret } => Lock::Password { username: username.clone(), secret: secret.clone() },
        SignIn::OAuth(name) => match config.providers.get(name).map(|provider| tokens(name, provider)) {
            Some(Ok(tokens)) => Lock::Tokens(tokens),
            Some(Err(reason)) => Lock::Stuck(reason),
            None => Lock::Stuck(format!("there is no provider `{name}` in the configuration")),
        },
    }
}

fn shared(
    providers: &Mutex<BTreeMap<ProviderName, Arc<Provider>>>,
    name: &ProviderName,
    settings: &ProviderSettings,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Provider>, String> {
    let mut providers = providers.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = providers.get(name).filter(|known| known.settings() == settings) {
        return Ok(known.clone());
    }
    let provider = Arc::new(Provider::new(settings.clone(), clock.clone()).map_err(|error| error.to_string())?);
    providers.insert(name.clone(), provider.clone());
    Ok(provider)
}

/// What is lost by it is nothing: it is as if the power had failed.
fn cut_short() -> Failure {
    Failure::new("ended at the second signal, with work in flight")
        .with_hint("start it again: it looks in Jira for what it was writing")
}

/// How the program is asked to end.
#[derive(Clone, Default)]
struct Ending {
    /// In good order: asked once.
    stop: CancellationToken,
    /// Asked twice.
    at_once: CancellationToken,
}

/// The signals that end the program.
struct Stops {
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
}

impl Stops {
    fn hear() -> Self {
        Self { terminate: hear(SignalKind::terminate()), interrupt: hear(SignalKind::interrupt()) }
    }
}

async fn cancel_on_signal(stops: Stops, ending: Ending) {
    let Stops { terminate: Some(mut terminate), interrupt: Some(mut interrupt) } = stops else { return };
    let mut asked = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    asked().await;
    tracing::info!("stopping: what is in flight comes to its end, unless asked again");
    telemetry::tell_systemd(Phase::Stopping);
    ending.stop.cancel();
    let _same = tokio::time::timeout(SAME_WISH, async {
        while !ending.at_once.is_cancelled() {
            asked().await
        }
    })
    .await;
    asked().await;
    ending.at_once.cancel();
}

fn hear(kind: SignalKind) -> Option<Signal> {
    signal(kind).inspect_err(|error| tracing::error!(error = %error, "cannot listen for signals")).ok()
}

/// What a reload reads, and what it cannot change.
struct ReloadSource {
    file: PathBuf,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    started_with: Arc<Config>,
}

/// SIGHUP: a configuration that is wrong changes nothing.
async fn reload_on_signal(mut hangup: Signal, source: ReloadSource, reloads: mpsc::Sender<Reloaded>) {
    while hangup.recv().await.is_some() {
        telemetry::tell_systemd(Phase::Reloading);
        match source.reload() {
            Ok(reloaded) => {
                if reloads.send(reloaded).await.is_err() {
                    return;
                }
            }
            Err(reason) => tracing::error!(reason, "the configuration is wrong; going on with the old one"),
        }
        telemetry::tell_systemd(Phase::Ready);
    }
}

impl ReloadSource {
    fn reload(&self) -> Result<Reloaded, String> {
        let (config, _warnings) = Config::load(&self.file, MustExist::Yes).map_err(|errors| errors.to_string())?;
        let jira = jira(&config, &self.ledger, &self.clock).map_err(|error| error.to_string())?;
        for reason in needs_restart(&self.started_with, &config) {
            tracing::warn!(reason, "a change waits for the next start");
        }
        Ok(Reloaded { config: Arc::new(config), jira })
    }
}

/// What a running daemon holds on to: the state, its key, the listener, and whom it asks.
fn needs_restart(running: &Config, wanted: &Config) -> impl Iterator<Item = &'static str> {
    let changed = [
        (running.state != wanted.state, "`state` has changed"),
        (running.vault != wanted.vault, "`[vault]` has changed"),
        (running.admin != wanted.admin, "`[admin]` has changed"),
        (running.name_servers != wanted.name_servers, "`[dns]` has changed"),
    ];
    changed.into_iter().filter_map(|(changed, reason)| changed.then_some(reason))
}

/// The watchdog is fed by the supervisor's beat: a daemon that is stuck is started anew, one whose Jira or database is away
/// is not.
async fn feed_watchdog(alive: Arc<Notify>) {
    let Some(_) = telemetry::watchdog() else { return };
    loop {
        alive.notified().await;
        telemetry::tell_systemd(Phase::Alive);
    }
}

async fn take_snapshots(ctx: Arc<Ctx>, snapshots: watch::Sender<Snapshot>) {
    let clock = SystemClock;
    let mut watchman = Watchman::new(ctx.clone(), node_name());
    loop {
        let taken_at = clock.now();
        match gather::status(&ctx.ledger, &ctx.config(), &node_name(), taken_at).await {
            Ok(status) => {
                telemetry::tell_systemd(Phase::Status(&summary(&status)));
                if let Err(error) = watchman.look(&status, taken_at).await {
                    tracing::warn!(error = %error, "cannot record what people are to be told");
                }
                snapshots.send_replace(Snapshot { status, taken_at });
            }
            Err(error) => tracing::warn!(error = %error, "cannot take the status from the ledger"),
        }
        tokio::time::sleep(SNAPSHOT).await;
    }
}

fn summary(status: &crate::status::Status) -> String {
    let unready = status.unready();
    let trouble: Vec<String> = unready.iter().map(|reason| format!("{} {}", reason.subject, reason.state)).collect();
    let open = status.messages.pending + status.messages.deferred;
    match trouble.as_slice() {
        [] => format!("{} mailboxes watched, {open} messages on their way", status.mailboxes.len()),
        trouble => format!("{open} messages on their way; {}", trouble.join(", ")),
    }
}
