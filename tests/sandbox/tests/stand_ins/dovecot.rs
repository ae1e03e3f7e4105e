//! The launcher of the real Dovecot, with the provider that checks its tokens.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use sandbox::dovecot::{Dovecot, DovecotError, DovecotOptions, Flag, Load, Service};
use sandbox::oauth::{Endpoint, Fault, Provider, ProviderOptions};

use crate::browser;
use crate::imap::{Connection, xoauth2};

const ANN: &str = "ann@example.test";

struct Pair {
    provider: Provider,
    dovecot: Dovecot,
}

async fn pair() -> anyhow::Result<Pair> {
    let provider = Provider::start(ProviderOptions::default()).await?;
    let options = DovecotOptions {
        introspection_url: Some(provider.introspection_url()),
        passwords: BTreeMap::from([(ANN.to_owned(), "secret".to_owned())]),
        folders: vec!["Done".to_owned()],
        ..DovecotOptions::default()
    };
    Ok(Pair { provider, dovecot: Dovecot::start(options).await? })
}

impl Pair {
    async fn open(&self) -> anyhow::Result<Connection> {
        Connection::open(self.dovecot.ports().imaps, self.dovecot.ca_file()).await
    }

    /// A session of Ann's, by a token that took no consent page.
    async fn log_in(&self) -> anyhow::Result<Connection> {
        let tokens = self.provider.grant(ANN, &["mail"]);
        let mut connection = self.open().await?;
        let (challenge, answer) = connection.xoauth2(ANN, &tokens.access_token).await?;
        anyhow::ensure!(challenge.is_none() && answer.starts_with("t OK"), "{answer}\n{}", self.dovecot.log());
        Ok(connection)
    }
}

#[tokio::test]
async fn a_token_got_through_the_consent_page_opens_the_mailbox_until_it_is_revoked() -> anyhow::Result<()> {
    let pair = pair().await?;
    let code = browser::code(&pair.provider).await?;
    let (status, answer) = browser::redeem(&pair.provider, &code, browser::VERIFIER).await?;
    assert_eq!(status, 200, "{answer}");
    let token = answer["access_token"].as_str().context("no access token")?;

    let (challenge, answer) = pair.open().await?.xoauth2(ANN, token).await?;
    assert_eq!(challenge, None);
    assert!(answer.starts_with("t OK"), "{answer}\n{}", pair.dovecot.log());

    pair.provider.control(sandbox::oauth::Command::Revoke { account: ANN.to_owned() })?;
    let (challenge, answer) = pair.open().await?.xoauth2(ANN, token).await?;
    assert!(challenge.context("no challenge")?.contains(r#""status":"401""#));
    assert!(answer.starts_with("t NO [AUTHENTICATIONFAILED]"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_token_opens_nobody_elses_mailbox_and_none_without_the_scope() -> anyhow::Result<()> {
    let pair = pair().await?;
    let anns = pair.provider.grant(ANN, &["mail"]);
    let (challenge, _) = pair.open().await?.xoauth2("bob@example.test", &anns.access_token).await?;
    assert!(challenge.is_some(), "Ann's token opened Bob's mailbox");
    let narrow = pair.provider.grant(ANN, &["openid", "email"]);
    let (challenge, _) = pair.open().await?.xoauth2(ANN, &narrow.access_token).await?;
    assert!(challenge.is_some(), "a token without the scope `mail` opened the mailbox");
    Ok(())
}

#[tokio::test]
async fn a_provider_in_trouble_makes_the_login_unavailable_rather_than_refused() -> anyhow::Result<()> {
    let pair = pair().await?;
    let tokens = pair.provider.grant(ANN, &["mail"]);
    pair.provider.fail(Endpoint::Introspect, 20, Fault::status(500));
    let (challenge, answer) = pair.open().await?.xoauth2(ANN, &tokens.access_token).await?;
    assert_eq!(challenge, None);
    assert!(answer.starts_with("t NO [UNAVAILABLE]"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn every_port_and_every_way_in_works() -> anyhow::Result<()> {
    let pair = pair().await?;
    let (ports, ca_file) = (pair.dovecot.ports(), pair.dovecot.ca_file());
    let token = pair.provider.grant(ANN, &["mail"]).access_token;

    let mut imap = Connection::open_by_upgrade(ports.imap, ca_file, "t STARTTLS\r\n").await?;
    let capabilities = imap.command("CAPABILITY").await?;
    for mechanism in ["AUTH=XOAUTH2", "AUTH=OAUTHBEARER", "AUTH=PLAIN", "AUTH=LOGIN"] {
        assert!(capabilities.contains(mechanism), "{mechanism} is missing: {capabilities}");
    }
    assert!(imap.command(&format!("LOGIN {ANN} secret")).await?.contains("t OK"));

    let mut pop3 = Connection::open_by_upgrade(ports.pop3, ca_file, "STLS\r\n").await?;
    pop3.send(&format!("USER {ANN}")).await?;
    assert!(pop3.line().await?.starts_with("+OK"));
    pop3.send("PASS wrong").await?;
    assert!(pop3.line().await?.starts_with("-ERR [AUTH]"));

    let mut pop3s = Connection::open(ports.pop3s, ca_file).await?;
    pop3s.send(&format!("AUTH XOAUTH2 {}", xoauth2(ANN, &token))).await?;
    assert_eq!(pop3s.line().await?, "+OK Logged in.");
    Ok(())
}

#[tokio::test]
async fn a_password_alone_lets_in_and_a_new_one_counts_from_the_next_login_on() -> anyhow::Result<()> {
    let mut dovecot = Dovecot::start(DovecotOptions { load: Load::Many, ..DovecotOptions::default() }).await?;
    dovecot.set_password(ANN, "old").await?;
    for (password, answer) in [("old", "t OK"), ("new", "t NO [AUTHENTICATIONFAILED]")] {
        let mut session = Connection::open(dovecot.ports().imaps, dovecot.ca_file()).await?;
        assert!(session.command(&format!("LOGIN {ANN} {password}")).await?.contains(answer));
    }
    dovecot.set_password(ANN, "new").await?;
    let mut session = Connection::open(dovecot.ports().imaps, dovecot.ca_file()).await?;
    assert!(!session.command("CAPABILITY").await?.contains("XOAUTH2"), "offered with nobody to check a token");
    assert!(session.command(&format!("LOGIN {ANN} new")).await?.contains("t OK"));
    Ok(())
}

#[tokio::test]
async fn what_is_delivered_is_seen_in_order_and_what_clients_do_to_it_is_seen_here() -> anyhow::Result<()> {
    let pair = pair().await?;
    let inbox = pair.dovecot.inbox(ANN);
    let mail = |n: usize| format!("Subject: number {n}\r\n\r\nHello.\r\n").into_bytes();
    inbox.deliver(&mail(0))?;
    assert_eq!(inbox.deliver_all((1..200).map(mail))?, 199);

    let mut session = pair.log_in().await?;
    assert!(session.command("SELECT INBOX").await?.contains("* 200 EXISTS"));
    let answer = session.command("UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]").await?;
    let subjects = answer.lines().filter_map(|line| line.strip_prefix("Subject: number "));
    let expected: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    assert_eq!(subjects.collect::<Vec<_>>(), expected, "UIDs do not follow the order of delivery");
    assert!(inbox.mails()?.iter().all(|mail| mail.flags.is_empty()));

    assert!(session.command(r"UID STORE 1 +FLAGS (\Seen)").await?.contains("t OK"));
    assert!(session.command("UID MOVE 2 Done").await?.contains("t OK"));
    let mails = inbox.mails()?;
    assert_eq!(mails.iter().filter(|mail| mail.has(Flag::Seen)).count(), 1);
    assert!(mails.first().context("empty")?.has(Flag::Seen));
    let done = pair.dovecot.folder(ANN, "Done").mails()?;
    assert_eq!((mails.len(), done.len()), (199, 1));
    assert_eq!(done.first().context("empty")?.read()?, mail(1));
    Ok(())
}

#[tokio::test]
async fn an_idle_session_hears_of_new_mail() -> anyhow::Result<()> {
    let pair = pair().await?;
    let mut session = pair.log_in().await?;
    session.command("SELECT INBOX").await?;
    session.send("t IDLE").await?;
    assert_eq!(session.line().await?, "+ idling");
    pair.dovecot.inbox(ANN).deliver(b"Subject: hello\r\n\r\n")?;
    assert_eq!(session.line().await?, "* 1 EXISTS");
    Ok(())
}

#[tokio::test]
async fn a_changed_uid_validity_is_a_new_number_and_uids_begin_again() -> anyhow::Result<()> {
    let pair = pair().await?;
    for folder in ["INBOX", "Done"] {
        let files = pair.dovecot.folder(ANN, folder);
        files.deliver_all(["Subject: a\r\n\r\n", "Subject: b\r\n\r\n"])?;
        let mut session = pair.log_in().await?;
        let before = session.uid_validity(folder).await?;
        session.command(r"UID STORE 1 +FLAGS.SILENT (\Deleted)").await?;
        session.command("EXPUNGE").await?;
        assert!(session.command("UID SEARCH ALL").await?.contains("* SEARCH 2\n"));

        files.change_uid_validity()?;
        let mut session = pair.log_in().await?;
        let after = session.uid_validity(folder).await?;
        assert!(after > before, "UIDVALIDITY of {folder} went from {before} to {after}");
        assert!(
            session.command("UID SEARCH ALL").await?.contains("* SEARCH 1\n"),
            "UIDs of {folder} did not begin again"
        );

        files.change_uid_validity()?;
        assert!(pair.log_in().await?.uid_validity(folder).await? > after);
    }
    Ok(())
}

#[tokio::test]
async fn killing_a_process_drops_its_sessions_and_no_more() -> anyhow::Result<()> {
    let pair = pair().await?;
    for service in [Service::Imap, Service::ImapLogin] {
        let mut session = pair.log_in().await?;
        assert!(session.command("NOOP").await?.contains("t OK"));
        assert!(pair.dovecot.kill(service)? >= 1, "no {service:?} was running");
        assert!(session.line().await.is_err(), "the session outlived its {service:?}");
        assert!(pair.log_in().await?.command("NOOP").await?.contains("t OK"));
    }
    Ok(())
}

#[tokio::test]
async fn an_outage_refuses_connections_and_loses_nothing() -> anyhow::Result<()> {
    let mut pair = pair().await?;
    let ports = pair.dovecot.ports();
    let inbox = pair.dovecot.inbox(ANN);
    inbox.deliver(b"Subject: before\r\n\r\n")?;
    let before = pair.log_in().await?.uid_validity("INBOX").await?;

    pair.dovecot.stop();
    assert!(pair.open().await.is_err());
    inbox.deliver(b"Subject: meanwhile\r\n\r\n")?;

    pair.dovecot.restart().await?;
    assert_eq!(pair.dovecot.ports(), ports);
    let mut session = pair.log_in().await?;
    assert_eq!(session.uid_validity("INBOX").await?, before);
    assert!(session.command("NOOP").await?.contains("t OK"));
    assert_eq!(inbox.count()?, 2);
    Ok(())
}

#[tokio::test]
async fn nothing_is_left_behind() -> anyhow::Result<()> {
    let pair = pair().await?;
    let ca_file = pair.dovecot.ca_file().to_owned();
    let dir = ca_file.ancestors().nth(2).context("it stands in no directory of its own")?;
    assert!(ca_file.exists() && is_named_by_a_process(dir)?);
    drop(pair);
    assert!(!ca_file.exists() && !is_named_by_a_process(dir)?);
    Ok(())
}

/// Whether a process was started with this directory. Its port says nothing: another one may have it by now.
fn is_named_by_a_process(dir: &Path) -> anyhow::Result<bool> {
    let dir = dir.to_string_lossy();
    for process in fs::read_dir("/proc")? {
        let command = fs::read(process?.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(&*dir) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[tokio::test]
async fn a_directory_that_dovecot_cannot_use_is_named_with_the_reason() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?.path().join("a-name-that-is-much-too-long-for-unix-sockets-below-it-to-work");
    let options = DovecotOptions { dir: Some(dir), ..DovecotOptions::default() };
    let error = Dovecot::start(options).await.err().context("it started")?;
    assert!(matches!(error, DovecotError::Directory { .. }), "{error}");
    assert!(error.to_string().contains("too long for unix sockets"), "{error}");
    Ok(())
}
