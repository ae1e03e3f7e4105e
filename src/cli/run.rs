//! `run`: the daemon, put together from its parts: state, Jira, doors, pages, signals, systemd. Decides nothing by itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::SignalKind;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::arguments::{LogLevel, RunArgs};
use super::status::node_name;
use super::{Failure, jira_keys, opened};
use crate::admin::{self, Snapshot};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, MustExist, NameServers, StateSettings, Writing};
use crate::dns::Resolver;
use crate::jira::Jira;
use crate::jira::client::{Client, Timeouts};
use crate::oauth::tokens::Holder;
use crate::pipeline::alarm::Watchman;
use crate::pipeline::supervise::{End, MakeDoor, Supervisor};
use crate::pipeline::{Ctx, forms, gather, once, refused};
use crate::store::Ledger;
use crate::store::run_lock::RunLock;
use crate::telemetry::{self, Phase};
use ending::{Ending, Stops, cancel_on_signal, hear};
use reload::{ReloadSource, reload_on_signal};

pub(super) use doors::doors;

mod doors;
mod ending;
mod reload;

/// How old the status of the pages and of `/readyz` may become.
const SNAPSHOT: Duration = Duration::from_secs(3);
/// How long there is between two of them at least, while hundreds of mailboxes change theirs.
const BREATH: Duration = Duration::from_millis(500);
/// Where the system names its name servers.
const RESOLV_CONF: &str = "/etc/resolv.conf";

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
            let count = ctx.ledger.free_leases(&ctx.owner).await.context("cannot free old leases")?;
            ctx.ledger.free_mailbox_leases().await.context("cannot free old leases")?;
            ctx.ledger.free_refresh_locks().await.context("cannot free old locks")?;
            ctx.ledger.free_notices().await.context("cannot free old leases")?;
            tracing::info!(count, "took over the ledger, and freed the leases of who had it");
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
            tracing::info!(listen = %admin.listen, "answering health checks");
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
        tasks.spawn(take_snapshots(self.ctx.clone(), alive.clone(), snapshots));
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

/// What is lost by it is nothing: it is as if the power had failed.
fn cut_short() -> Failure {
    Failure::new("ended at the second signal, with work in flight")
        .with_hint("start it again: it looks in Jira for what it was writing")
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

/// Takes the status whenever the supervisor has said how everything is.
async fn take_snapshots(ctx: Arc<Ctx>, said: Arc<Notify>, snapshots: watch::Sender<Snapshot>) {
    let clock = SystemClock;
    let mut watchman = Watchman::new(ctx.clone(), node_name());
    loop {
        let said_anew = said.notified();
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
        sleep(BREATH).await;
        let _late = timeout(SNAPSHOT, said_anew).await;
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
