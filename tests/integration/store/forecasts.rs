//! When and why consents, secrets and certificates will end, as `status` tells it from what the ledger remembers.

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mail2jira::clock::Clock;
use mail2jira::config::{Config, MustExist, Secret};
use mail2jira::forecast::{Forecast, What};
use mail2jira::oauth::tokens::{Grants as _, Holder, LedgerGrants};
use mail2jira::oauth::{Grant, RefreshEnd};
use mail2jira::pipeline::gather;
use mail2jira::status::MailboxStatus;
use mail2jira::store::status::MailboxRow;
use sandbox::oauth::ClientCertificate;

use super::book::{Book, Kind, on};

const GOOGLE: &str = "kind = \"google\"\nclient_id = \"c\"\nclient_secret = { env = \"X\" }";
const MICROSOFT: &str = "kind = \"microsoft\"\ntenant = \"contoso.example\"\nclient_id = \"c\"";

fn day(day: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_hours(24 * day)
}

/// A clock that stands.
struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn config(provider: &str) -> Config {
    let text = format!(
        "state = \"sqlite:///nowhere/state.db\"\n[jira]\nurl = \"https://example.atlassian.net\"\ntoken_expires = 2027-02-01\n\
         [jira.auth.api_token]\nemail = \"b@example.com\"\ntoken = {{ env = \"X\" }}\n[provider.p]\n{provider}\n[mailbox.support]\n\
         address = \"support@example.com\"\nprovider = \"p\"\nproject = \"P\"\nissue_type = \"Task\"\n"
    );
    let parsed = Config::parse(Path::new("config.toml"), &text, MustExist::MayBeElsewhere);
    parsed.unwrap_or_else(|errors| panic!("{:#?}", errors.problems)).0
}

async fn consent(book: &Book, given: i64, dies: Option<i64>) {
    let grant = Grant {
        refresh_token: Secret::new("refresh"),
        access: None,
        granted_at: day(given),
        identity: None,
        scopes: Vec::new(),
        refresh_end: dies.map_or(RefreshEnd::Untold, |dies| RefreshEnd::Fixed(day(dies))),
    };
    book.ledger.save_consent("support", &grant).await.unwrap();
}

async fn refuse(book: &Book, at: i64, reason: &str) {
    let grants = LedgerGrants::new(book.ledger.clone(), Arc::new(At(day(at))), Holder::Daemon);
    let generation = book.ledger.grant("support").await.unwrap().unwrap().generation;
    assert!(grants.record_consent_needed("support", generation, reason).await.unwrap());
}

/// What `status` tells on that day, while a daemon runs.
async fn status(book: &Book, config: &Config, on: i64) -> (MailboxStatus, Vec<Forecast>) {
    let row = MailboxRow {
        name: "support".to_owned(),
        state: "watching".to_owned(),
        since: Some(day(on)),
        last_check: None,
        last_message: None,
        error: String::new(),
    };
    book.ledger.save_mailboxes(vec![row]).await.unwrap();
    book.ledger.beat("node", day(on)).await.unwrap();
    let mut status = gather::status(&book.ledger, config, "node", day(on)).await.unwrap();
    (status.mailboxes.remove(0), status.jira.forecast)
}

fn ends(mailbox: &MailboxStatus) -> (Option<Timestamp>, String) {
    (mailbox.consent.expires_at, mailbox.consent.expiry_reason.clone().unwrap_or_default())
}

#[test]
fn a_google_app_in_testing_is_recognised_by_the_week_that_its_consents_live() {
    on(Kind::Sqlite, &async |book| {
        let config = config(GOOGLE);
        consent(book, 0, Some(7)).await;
        let (at, reason) = ends(&status(book, &config, 1).await.0);
        assert!(at == Some(day(7)) && reason.contains("still in Testing"), "{at:?} {reason}");
        for (dies, testing) in [(5, false), (7, true), (9, false)] {
            consent(book, 0, None).await;
            assert_eq!(ends(&status(book, &config, 1).await.0).0, Some(day(180)), "unused for six months");
            refuse(book, dies, "invalid_grant: Token has been expired or revoked.").await;
            let (mailbox, _) = status(book, &config, dies).await;
            let error = mailbox.error.unwrap();
            assert_eq!(error.contains("still in Testing"), testing, "dead on day {dies}: {error}");
            assert_eq!(mailbox.consent.expires_at, None, "what is dead dies no more");
        }
    });
}

#[test]
fn an_end_that_each_use_puts_off_is_no_end_for_a_daemon_that_uses_it() {
    on(Kind::Sqlite, &async |book| {
        let config = config(MICROSOFT);
        consent(book, 0, Some(14)).await;
        assert_eq!(ends(&status(book, &config, 1).await.0).0, Some(day(14)), "nothing says yet that it slides");
        let stored = book.ledger.grant("support").await.unwrap().unwrap();
        let used = Grant { refresh_end: stored.grant.refresh_end.used(RefreshEnd::Fixed(day(15))), ..stored.grant };
        assert!(book.ledger.save_refreshed("support", stored.generation, &used, day(1)).await.unwrap());
        assert_eq!(ends(&status(book, &config, 14).await.0).0, Some(day(91)), "unused for ninety days");
        let stored = book.ledger.grant("support").await.unwrap().unwrap();
        assert_eq!(stored.grant.refresh_end, RefreshEnd::Sliding(day(15)));
    });
}

#[test]
fn a_sign_in_frequency_is_learnt_from_the_first_consent_that_it_ends() {
    on(Kind::Sqlite, &async |book| {
        let config = config(MICROSOFT);
        consent(book, 0, None).await;
        assert_eq!(ends(&status(book, &config, 1).await.0).0, Some(day(90)), "unused for ninety days");
        refuse(book, 14, "AADSTS70043: the organisation's sign-in frequency has run out").await;
        consent(book, 20, None).await;
        let (at, reason) = ends(&status(book, &config, 21).await.0);
        assert!(at == Some(day(34)) && reason.contains("after 14 days"), "{at:?} {reason}");
        refuse(book, 22, "AADSTS50173: the password was changed").await;
        consent(book, 30, None).await;
        assert_eq!(ends(&status(book, &config, 31).await.0).0, Some(day(44)), "a changed password teaches nothing");
    });
}

#[test]
fn what_ends_on_a_date_is_told_beside_the_consent_the_nearest_first() {
    on(Kind::Sqlite, &async |book| {
        let (_, pem) = ClientCertificate::generate("mail2jira").unwrap();
        let file = book.path.with_file_name("client.pem");
        std::fs::write(&file, pem).unwrap();
        let certificate = format!("client_certificate = {{ file = \"{}\" }}", file.display());
        consent(book, 0, None).await;
        let (mailbox, _) = status(book, &config(&format!("{MICROSOFT}\n{certificate}")), 1).await;
        let kinds: Vec<What> = mailbox.forecast.iter().map(|forecast| forecast.what).collect();
        assert_eq!(kinds, [What::Consent, What::ClientCertificate]);
        let dated = config(&format!("{MICROSOFT}\nclient_secret = {{ env = \"X\" }}\nsecret_expires = 2027-01-20"));
        let (mailbox, jira) = status(book, &dated, 1).await;
        let kinds: Vec<What> = mailbox.forecast.iter().map(|forecast| forecast.what).collect();
        assert_eq!(kinds, [What::ClientSecret, What::Consent]);
        let (what, at) = (jira[0].what, jira[0].at.to_string());
        assert_eq!((what, at.as_str()), (What::Token, "2027-02-01T00:00:00Z"));
    });
}
