//! One case: a world made from a seed, trouble for a while, then healing, then the reckoning.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use mail2jira::clock::Clock;
use mail2jira::config::rule::{Assignee, LinkTemplate, Pattern, Rule, RuleAction, RuleValues, Visibility, When};
use mail2jira::config::{
    Config, CopiedPeople, Deployment, JiraAuth, JiraSettings, Limits, MailboxName, MailboxSettings, NameServers,
    SecretRef, StateSettings, VaultSettings, Writing,
};
use mail2jira::dns::Resolver;
use mail2jira::pipeline::watch::watch;
use mail2jira::pipeline::{Ctx, deliver};
use mail2jira::store::Ledger;
use mail2jira::store::entry::Stage;
use mail2jira::store::queries::Filter;
use mail2jira::template::Template;
use mail2jira::vault::Vault;
use mail2jira::vault::VaultKey;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::jira::{Audience as Shown, EDITED, NO_PICTURE, SimulatedJira, State};
use super::ledger::SimulatedLedger;
use super::letters::{Audience, Fate, Letter, write_letters};
use super::mailbox::{REST_REFUSED, SimulatedMailbox};

/// How long there is trouble, in simulated time.
const TROUBLE: Duration = Duration::from_secs(600);
/// Time for a full check of the mailbox or two.
const FULL_CHECKS: Duration = Duration::from_secs(700);
/// How long after the healing everything must be settled: the longest waits, several times over.
const PATIENCE: Duration = Duration::from_secs(24 * 3_600);

/// A bug that is planted in the seams around the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    None,
    RepeatWithoutLooking,
    IntentNotRecorded,
    ServerErrorTakenAsNotWritten,
    FailedLookUpTakenAsNotThere,
    LeakNotNoticed,
    EditsOverwritten,
}

impl Sabotage {
    pub const BUGS: [Self; 6] = [
        Self::RepeatWithoutLooking,
        Self::IntentNotRecorded,
        Self::ServerErrorTakenAsNotWritten,
        Self::FailedLookUpTakenAsNotThere,
        Self::LeakNotNoticed,
        Self::EditsOverwritten,
    ];
}

/// What a case came to.
pub struct Outcome {
    pub violations: Vec<String>,
    pub faults: BTreeMap<&'static str, u64>,
}

/// Where all trouble comes from. Deterministic: the same seed, the same trouble.
pub struct Faults {
    random: Mutex<fastrand::Rng>,
    healed: Mutex<bool>,
    pub struck: Mutex<BTreeMap<&'static str, u64>>,
}

impl Faults {
    fn new(random: fastrand::Rng) -> Self {
        Self { random: Mutex::new(random), healed: Mutex::new(false), struck: Mutex::default() }
    }

    pub fn strike(&self, fault: &'static str, probability: f64) -> bool {
        let strikes = !*self.healed.lock().unwrap() && self.chance() < probability;
        if strikes {
            *self.struck.lock().unwrap().entry(fault).or_insert(0) += 1;
        }
        strikes
    }

    pub fn chance(&self) -> f64 {
        self.random.lock().unwrap().f64()
    }

    pub async fn pause(&self, seconds: f64) {
        let pause = Duration::from_secs_f64(seconds * self.chance());
        tokio::time::sleep(pause).await;
    }

    fn heal(&self) {
        *self.healed.lock().unwrap() = true;
    }
}

/// Simulated time: tokio's, which jumps to the next timer when nothing can run.
#[derive(Clone, Copy)]
pub struct SimulatedClock(Instant);

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_second(1_700_000_000).unwrap();
        start.checked_add(self.0.elapsed()).unwrap()
    }
}

pub fn run_case(seed: u64, sabotage: Sabotage) -> Outcome {
    fastrand::seed(seed); // the pipeline's own jitter
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(seed, sabotage);
        world.trouble().await;
        world.heal().await;
        let violations = world.reckon().await;
        let faults = world.faults.struck.lock().unwrap().clone();
        world.workers.shutdown().await;
        Outcome { violations, faults }
    })
}

struct World {
    random: fastrand::Rng,
    letters: Vec<Letter>,
    faults: Arc<Faults>,
    clock: SimulatedClock,
    jira: Arc<SimulatedJira>,
    mailbox: SimulatedMailbox,
    ledger: Ledger,
    workers: JoinSet<()>,
    some_issue_was_deleted: bool,
    /// Some issue takes no comments any more.
    some_issue_was_closed: bool,
}

impl World {
    fn new(seed: u64, sabotage: Sabotage) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let faults = Arc::new(Faults::new(random.fork()));
        let clock = SimulatedClock(Instant::now());
        let vault = Arc::new(Vault::from_key(&VaultKey::generate().unwrap()).unwrap());
        Self {
            letters: write_letters(&mut random),
            jira: Arc::new(SimulatedJira::new(faults.clone(), clock, sabotage)),
            mailbox: SimulatedMailbox::new(faults.clone()),
            ledger: Ledger::over(Arc::new(SimulatedLedger::new(faults.clone(), sabotage)), vault),
            workers: JoinSet::new(),
            some_issue_was_deleted: false,
            some_issue_was_closed: false,
            faults,
            clock,
            random,
        }
    }

    /// A process: a watcher, and a delivery with its own name and its own idea of how Jira is.
    fn start_process(&mut self) {
        let deliveries = self.random.usize(1..=4); // with one, messages wait for their turn
        let config = Arc::new(config(deliveries));
        let (ledger, jira, clock) = (self.ledger.clone(), self.jira.clone(), Arc::new(self.clock));
        let ctx = Arc::new(Ctx::new(ledger, jira, clock, config.clone(), Resolver::asking(Vec::new())));
        let settings = Arc::new(config.mailboxes.values().next().unwrap().clone());
        let never = CancellationToken::new();
        self.workers.spawn(watch(ctx.clone(), settings, Arc::new(self.mailbox.clone()), never.clone()));
        self.workers.spawn(deliver::run(ctx, never));
    }

    /// Two processes, mail coming in, kills, renumbered folders, deleted issues.
    async fn trouble(&mut self) {
        self.start_process();
        self.start_process();
        let mut unposted: Vec<Letter> = self.letters.clone();
        let end = Instant::now() + TROUBLE;
        while Instant::now() < end {
            if !unposted.is_empty() && self.random.u8(0..3) > 0 {
                let letter = unposted.remove(0);
                self.mailbox.deliver(letter.raw.clone());
                if self.faults.strike("a message was delivered twice", 0.1) {
                    self.mailbox.deliver(letter.raw);
                }
            }
            if self.faults.strike("everything was killed", 0.08) {
                self.workers.shutdown().await;
                self.start_process();
                self.start_process();
            }
            if self.faults.strike("UIDVALIDITY changed", 0.05) {
                self.mailbox.change_uid_validity();
            }
            if self.faults.strike("a person deleted an issue", 0.02) {
                self.some_issue_was_deleted = true;
                self.jira.delete_one(&mut self.random);
            }
            if self.faults.strike("a person finished an issue", 0.1) {
                self.jira.set_state_of_one(&mut self.random, State::Finished);
            }
            if self.faults.strike("a person changed a text", 0.1) {
                self.jira.edit_one(&mut self.random);
            }
            for (fault, state) in
                [("a person closed an issue for good", State::FinishedForGood), ("an issue was full", State::Full)]
            {
                if self.faults.strike(fault, 0.02) {
                    self.some_issue_was_closed = true;
                    self.jira.set_state_of_one(&mut self.random, state);
                }
            }
            tokio::time::sleep(Duration::from_secs_f64(30.0 * self.random.f64())).await;
        }
        unposted.into_iter().for_each(|letter| self.mailbox.deliver(letter.raw));
    }

    async fn heal(&mut self) {
        self.faults.heal();
        tokio::time::sleep(FULL_CHECKS).await; // what UIDVALIDITY has moved at last is found by a full check
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && !self.is_settled().await {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    }

    async fn is_settled(&self) -> bool {
        let entries = self.ledger.list(Filter { limit: 1_000, ..Filter::default() }, self.clock.now()).await.unwrap();
        let all_in = self.letters.iter().all(|letter| {
            entries
                .iter()
                .any(|entry| entry.message_id.as_ref().is_some_and(|id| id.as_str().starts_with(&letter.token)))
        });
        all_in
            && entries.iter().all(|entry| !entry.stage.is_open())
            && self.ledger.owed("support", 1).await.unwrap().is_empty()
    }

    /// Everything that is not as promised.
    async fn reckon(&self) -> Vec<String> {
        let mut violations = Vec::new();
        if !self.is_settled().await {
            violations.push("something is stuck".to_owned());
        }
        for letter in &self.letters {
            violations.extend(self.judge_text(letter));
            violations.extend(self.judge_attachments(letter));
            violations.extend(self.judge_refused_file(letter));
            violations.extend(self.judge_picture(letter));
        }
        violations.extend(self.judge_changes());
        violations.extend(self.judge_conversations());
        violations.extend(self.judge_quarantine().await);
        violations.extend(self.judge_mailbox());
        if !violations.is_empty() {
            violations.extend(self.stories().await);
        }
        violations
    }

    /// What happened, for whoever has to find out why.
    async fn stories(&self) -> Vec<String> {
        let mut stories = Vec::new();
        for entry in self.ledger.list(Filter { limit: 1_000, ..Filter::default() }, self.clock.now()).await.unwrap() {
            let id = entry.message_id.as_ref().map(|id| id.as_str().to_owned());
            stories.push(format!("-- message {} ({id:?}) {:?} at {:?}", entry.id, entry.stage, entry.place));
            let story = self.ledger.story(entry.id).await.unwrap();
            stories.extend(story.iter().map(|event| format!("   {:?} {}", event.at, event.what)));
        }
        stories
    }

    fn judge_text(&self, letter: &Letter) -> Option<String> {
        let issues = self.jira.issues.lock().unwrap();
        let written = |deleted: bool| {
            let texts = issues.iter().filter(|issue| issue.deleted == deleted).flat_map(|issue| {
                let comments = issue.comments.iter().map(|comment| &comment.text);
                std::iter::once(&issue.text).chain(comments)
            });
            texts.filter(|text| text.contains(&format!("hello {}", letter.token))).count()
        };
        let (living, deleted) = (written(false), written(true));
        // What a person deletes with its issue was written; it may be written again where nobody knew that it had been.
        let kept = match letter.fate {
            Fate::Written if living == 0 => deleted > 0 || self.may_be_set_aside(letter),
            Fate::Written => living == 1,
            Fate::Ignored | Fate::Refused => living + deleted == 0,
        };
        (!kept)
            .then(|| format!("{} was written {living} times, and {deleted} times to issues now deleted", letter.token))
    }

    /// Whether all could see for a while what it says, so that it was taken away and set aside.
    fn was_leaked(&self, letter: &Letter) -> bool {
        self.jira.leaked.lock().unwrap().iter().any(|text| text.contains(&letter.token))
    }

    /// Whether the issue that it was to go to may have taken it in part only, or shown it to all.
    fn may_be_refused(&self, letter: &Letter) -> bool {
        let needs_comments = letter.audience == Audience::Agents || letter.refused.is_some();
        self.was_leaked(letter) || self.some_issue_was_closed && needs_comments
    }

    fn may_be_set_aside(&self, letter: &Letter) -> bool {
        self.may_be_refused(letter) || self.some_issue_was_deleted
    }

    /// No transition, link or watcher is made twice by one step, no comment is left with those whom it is not for, and no request left
    /// long after its intent.
    fn judge_changes(&self) -> Vec<String> {
        let issues = self.jira.issues.lock().unwrap();
        let mut violations = self.jira.old_intents.lock().unwrap().clone();
        for issue in issues.iter() {
            let others = issue.links.iter().chain(&issue.watchers).map(|(_, marker)| marker);
            let mut markers: Vec<&str> = issue.reopened.iter().chain(others).map(|marker| marker.0.as_str()).collect();
            let count = markers.len();
            markers.sort_unstable();
            markers.dedup();
            if markers.len() < count {
                violations.push(format!("something was done twice to issue {}", issue.id));
            }
            // What stands on a deleted issue, nobody sees.
            let leaks = issue.comments.iter().filter(|comment| comment.audience == Shown::All && !issue.deleted);
            violations.extend(leaks.map(|comment| format!("all see what is for some: {}", comment.text)));
        }
        violations
    }

    fn judge_attachments(&self, letter: &Letter) -> Vec<String> {
        let set_aside = self.may_be_refused(letter);
        let issues = self.jira.issues.lock().unwrap();
        let lost_issue = set_aside || issues.iter().any(|issue| issue.deleted && mentions(issue, &letter.token));
        let wanted = usize::from(letter.fate == Fate::Written);
        let mut violations = Vec::new();
        for name in &letter.attachments {
            let stem = name.trim_end_matches(".bin");
            let files =
                issues.iter().flat_map(|issue| &issue.attachments).filter(|file| file.name.starts_with(stem)).count();
            // An issue that was deleted while its files were on their way cannot take them; the message is set aside.
            if files != wanted && !(lost_issue && files == 0) {
                violations.push(format!("{name} was attached {files} times, not {wanted}"));
            }
        }
        violations
    }

    /// A file that Jira does not take is named once, in a comment, and all else arrives.
    fn judge_refused_file(&self, letter: &Letter) -> Option<String> {
        let name = letter.refused.as_ref()?;
        let issues = self.jira.issues.lock().unwrap();
        let note = format!("Not attached: {name}");
        let told =
            issues.iter().flat_map(|issue| &issue.comments).filter(|comment| comment.text.contains(&note)).count();
        let wanted = usize::from(letter.fate == Fate::Written);
        let lost_issue =
            self.may_be_set_aside(letter) || issues.iter().any(|issue| issue.deleted && mentions(issue, &letter.token));
        (told != wanted && !(lost_issue && told == 0)).then(|| format!("{name} was named {told} times, not {wanted}"))
    }

    /// A picture is shown in its place, but where Jira does not tell its id or a person has changed the text.
    fn judge_picture(&self, letter: &Letter) -> Option<String> {
        let name = letter.picture.as_ref()?;
        let issues = self.jira.issues.lock().unwrap();
        let texts = issues.iter().filter(|issue| !issue.deleted).flat_map(|issue| {
            let comments = issue.comments.iter().map(|comment| (&comment.text, comment.edited));
            std::iter::once((&issue.text, issue.edited)).chain(comments)
        });
        let (text, edited) = texts.into_iter().find(|(text, _)| text.contains(&format!("hello {}", letter.token)))?;
        let is_told = !self.faults.struck.lock().unwrap().contains_key(NO_PICTURE);
        let must_be = is_told && !edited && !self.may_be_set_aside(letter);
        let shown = text.contains(&format!("id-of-{name}"));
        match (edited && !text.contains(EDITED), must_be && !shown) {
            (true, _) => Some(format!("what a person made of {} was overwritten", letter.token)),
            (false, true) => Some(format!("{name} is not shown in its place: {text}")),
            (false, false) => None,
        }
    }

    /// Siblings share an issue, in the order in which they came.
    fn judge_conversations(&self) -> Vec<String> {
        if self.some_issue_was_deleted || self.some_issue_was_closed || !self.jira.leaked.lock().unwrap().is_empty() {
            return Vec::new(); // then a conversation may go on in a second issue
        }
        if self.faults.struck.lock().unwrap().contains_key(REST_REFUSED) {
            return Vec::new(); // then a message came into the ledger after one that answers it
        }
        let issues = self.jira.issues.lock().unwrap();
        let mut violations = Vec::new();
        let conversations = self.letters.iter().map(|letter| letter.conversation).max().unwrap_or_default();
        for conversation in 0..=conversations {
            let members = self
                .letters
                .iter()
                .filter(|letter| letter.conversation == conversation && letter.fate == Fate::Written);
            let tokens: Vec<&str> = members.map(|letter| letter.token.as_str()).collect();
            let homes: Vec<_> =
                issues.iter().filter(|issue| tokens.iter().any(|token| mentions(issue, token))).collect();
            if homes.len() > 1 {
                violations.push(format!("conversation {conversation} is spread over {} issues", homes.len()));
            }
            if let [home] = homes.as_slice() {
                let texts = std::iter::once(&home.text).chain(home.comments.iter().map(|comment| &comment.text));
                let order: Vec<&str> = texts
                    .filter_map(|text| tokens.iter().copied().find(|token| text.contains(&format!("{token}\""))))
                    .collect();
                if order != tokens {
                    violations.push(format!("conversation {conversation} is out of order: {order:?}, not {tokens:?}"));
                }
            }
        }
        violations
    }

    async fn judge_quarantine(&self) -> Vec<String> {
        let filter = Filter { stages: vec![Stage::Quarantined], limit: 1_000, ..Filter::default() };
        let quarantined = self.ledger.list(filter, self.clock.now()).await.unwrap();
        let innocent = quarantined.iter().filter(|entry| {
            let token = entry.message_id.as_ref().map(|id| id.as_str().trim_end_matches("@example.com").to_owned());
            let letter = self.letters.iter().find(|letter| Some(&letter.token) == token.as_ref());
            letter.is_none_or(|letter| letter.fate != Fate::Refused && !self.may_be_set_aside(letter))
        });
        innocent.map(|entry| format!("message {} was set aside: {}", entry.id, entry.reason)).collect()
    }

    fn judge_mailbox(&self) -> Vec<String> {
        let unseen = self.mailbox.unseen();
        let unmarked = self.letters.iter().filter(|letter| {
            let whole = letter.fate != Fate::Refused && letter.refused.is_none();
            let marked_on_success = whole && !self.may_be_set_aside(letter);
            marked_on_success && unseen.iter().any(|raw| raw.contains(&format!("<{}@", letter.token)))
        });
        unmarked.map(|letter| format!("{} was never marked in the mailbox", letter.token)).collect()
    }
}

fn mentions(issue: &super::jira::Issue, token: &str) -> bool {
    let needle = format!("{token}\"");
    issue.text.contains(&needle) || issue.comments.iter().any(|comment| comment.text.contains(&needle))
}

/// Keeps among agents what is for them.
fn private() -> Rule {
    let visibility = Visibility::Role("Agents".to_owned());
    Rule {
        name: "private".to_owned(),
        when: When { body: vec![Pattern::new("^private").unwrap()], ..When::default() },
        action: RuleAction::Auto,
        set: RuleValues { visibility, ..RuleValues::default() },
    }
}

/// Sets a field that Jira may refuse, and a link.
fn urgent() -> Rule {
    let priority = Some(Template::parse("Urgent", &[]).unwrap());
    Rule {
        name: "urgent".to_owned(),
        when: When::default(),
        action: RuleAction::Auto,
        set: RuleValues {
            priority,
            assignee: Some(Assignee::Named("ann@example.com".to_owned())),
            links: vec![LinkTemplate { kind: "Relates".to_owned(), issue: Template::parse("OPS-1", &[]).unwrap() }],
            ..RuleValues::default()
        },
    }
}

/// Raises requests for a part of the mail.
fn requests() -> Rule {
    let set = RuleValues { request_type: Some("25".to_owned()), ..RuleValues::default() };
    let subject = vec![Pattern::new("about 2").unwrap()];
    Rule { name: "requests".to_owned(), when: When { subject, ..When::default() }, action: RuleAction::Auto, set }
}

fn config(deliveries: usize) -> Config {
    let name = MailboxName::parse("support").unwrap();
    let mailbox = MailboxSettings {
        address: "support@example.com".to_owned(),
        project: Some("SUP".to_owned()),
        cc: CopiedPeople::Watch,
        ..mail2jira::preview::default_settings(name.clone())
    };
    Config {
        state: StateSettings::Sqlite { path: "/nowhere".into() },
        vault: VaultSettings { key: None },
        admin: None,
        notify: Default::default(),
        limits: Limits { deliveries, ..Limits::default() },
        name_servers: NameServers::OfSystem,
        jira: JiraSettings {
            writing: Writing::Real,
            url: "https://jira.example.com".parse().unwrap(),
            deployment: Deployment::Cloud,
            authorization_url: None,
            token_url: None,
            api_url: None,
            ca_file: None,
            token_expires: None,
            auth: JiraAuth::ApiToken { email: String::new(), token: SecretRef::Env(String::new()) },
        },
        providers: BTreeMap::new(),
        mailboxes: BTreeMap::from([(name, mailbox)]),
        rules: vec![private(), requests(), urgent()],
    }
}
