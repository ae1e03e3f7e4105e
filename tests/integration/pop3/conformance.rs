//! What the pipeline relies on in every mailbox, tried with both protocols against the real Dovecot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mail2jira::config::{MailboxName, MailboxSettings, Protocol, Secret, SecretRef, SignIn, Start, TlsMode};
use mail2jira::mailbox::{
    self, Acknowledged, Acknowledgement, Bookmark, Credential, Depth, Found, Listing, Mailbox, Piece, Waited,
};
use sandbox::dovecot::{Dovecot, DovecotOptions};
use tokio::sync::mpsc;

const USER: &str = "ann@example.com";

struct Server {
    dovecot: Dovecot,
    settings: MailboxSettings,
}

impl Server {
    async fn start(protocol: Protocol, tls: TlsMode) -> Self {
        let passwords = BTreeMap::from([(USER.to_owned(), "secret".to_owned())]);
        let dovecot = Dovecot::start(DovecotOptions { passwords, ..DovecotOptions::default() }).await.unwrap();
        let ports = dovecot.ports();
        let port = match (protocol, tls) {
            (Protocol::Imap, TlsMode::Implicit) => ports.imaps,
            (Protocol::Imap, TlsMode::StartTls | TlsMode::None) => ports.imap,
            (Protocol::Pop3, TlsMode::Implicit) => ports.pop3s,
            (Protocol::Pop3, TlsMode::StartTls | TlsMode::None) => ports.pop3,
        };
        let folder = match protocol {
            Protocol::Imap => "INBOX",
            Protocol::Pop3 => "",
        };
        let settings = MailboxSettings {
            sign_in: SignIn::Password { username: USER.to_owned(), secret: SecretRef::Env("UNUSED".to_owned()) },
            protocol,
            host: "localhost".to_owned(),
            port,
            tls,
            ca_file: Some(dovecot.ca_file().to_owned()),
            folders: vec![folder.to_owned()],
            start: Start::All,
            ..mail2jira::preview::default_settings(MailboxName::parse("support").unwrap())
        };
        Self { dovecot, settings }
    }

    async fn open(&self) -> Box<dyn Mailbox> {
        let tls = mail2jira::tls::client_config(self.settings.ca_file.as_deref()).unwrap();
        let credential = Credential::Password { username: USER.to_owned(), secret: Secret::new("secret") };
        mailbox::open(&self.settings, tls, &credential, &Arc::default()).await.unwrap()
    }

    /// Lists in a session of its own, as every look of POP3 is one.
    async fn list(&self, bookmark: Option<Bookmark>) -> (Box<dyn Mailbox>, Listing) {
        let (mailbox, listing) =
            self.open().await.list(&self.settings.folders[0], bookmark, Depth::Full).await.unwrap();
        (mailbox, listing.unwrap())
    }

    fn count(&self) -> usize {
        self.dovecot.inbox(USER).count().unwrap()
    }
}

async fn fetch(mailbox: Box<dyn Mailbox>, found: Vec<Found>) -> (Box<dyn Mailbox>, Vec<Vec<u8>>) {
    let (sender, mut receiver) = mpsc::channel::<Piece>(4);
    let collect = async {
        let (mut whole, mut messages) = (Vec::new(), Vec::new());
        while let Some(piece) = receiver.recv().await {
            whole.extend_from_slice(&piece.bytes);
            if piece.last {
                messages.push(std::mem::take(&mut whole));
            }
        }
        messages
    };
    let (mailbox, messages) = tokio::join!(mailbox.fetch(found, sender), collect);
    let (mailbox, withheld) = mailbox.unwrap();
    assert_eq!(withheld, []);
    (mailbox, messages)
}

const BOTH: [Protocol; 2] = [Protocol::Imap, Protocol::Pop3];

#[tokio::test]
async fn messages_come_whole_once_and_in_order_over_tls_and_its_upgrade() {
    for (protocol, tls) in
        BOTH.into_iter().flat_map(|protocol| [(protocol, TlsMode::Implicit), (protocol, TlsMode::StartTls)])
    {
        let server = Server::start(protocol, tls).await;
        let dots = b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n\r\n".to_vec();
        let big = [b"Subject: big\r\n\r\n".to_vec(), b".0123456789abcdef\r\n".repeat(150_000)].concat();
        server.dovecot.inbox(USER).deliver_all([&dots, &big]).unwrap();
        let (mailbox, listing) = server.list(None).await;
        assert_eq!((listing.found.len(), listing.more), (2, false), "{protocol:?}");
        let (mailbox, messages) = fetch(mailbox, listing.found).await;
        assert!(messages == [dots, big], "{protocol:?}");
        mailbox.close().await;
        server.dovecot.inbox(USER).deliver(b"Subject: new\r\n\r\nx\r\n").unwrap();
        let (mailbox, second) = server.list(Some(listing.bookmark)).await;
        let unknown: Vec<Found> = second.found.into_iter().filter(|found| found.size < 30).collect();
        let (_, messages) = fetch(mailbox, unknown).await;
        assert_eq!(messages, [b"Subject: new\r\n\r\nx\r\n"], "{protocol:?}");
    }
}

#[tokio::test]
async fn a_large_backlog_comes_compressed_and_such_a_session_does_not_wait() {
    let server = Server::start(Protocol::Imap, TlsMode::Implicit).await;
    let mail =
        |number: usize| format!("Subject: {number}\r\n\r\n{}", "text of some length\r\n".repeat(60_000)).into_bytes();
    server.dovecot.inbox(USER).deliver_all((0..8).map(mail)).unwrap();
    let (mailbox, listing) = server.list(None).await;
    let never = || Box::pin(std::future::pending());
    let (mailbox, messages) = fetch(mailbox, listing.found).await;
    assert!(messages.len() == 8 && (0..8).all(|number| messages.contains(&mail(number))));
    assert!(matches!(mailbox.wait("INBOX", Duration::from_secs(60), never()).await.unwrap(), Waited::Over));
    let (mailbox, listing) = server.list(Some(listing.bookmark)).await;
    let (mailbox, _) = fetch(mailbox, listing.found.into_iter().take(1).collect()).await;
    assert!(matches!(mailbox.wait("INBOX", Duration::ZERO, never()).await.unwrap(), Waited::Open(_)));
}

#[tokio::test]
async fn only_what_was_named_is_deleted_and_what_is_gone_is_said_to_be() {
    for protocol in BOTH {
        let server = Server::start(protocol, TlsMode::Implicit).await;
        server.dovecot.inbox(USER).deliver_all([b"Subject: 1\r\n\r\n", b"Subject: 2\r\n\r\n"]).unwrap();
        let (mailbox, listing) = server.list(None).await;
        let first = vec![listing.found[0].place.clone()];
        let (mailbox, outcomes) = mailbox.acknowledge(first.clone(), Acknowledgement::Delete).await.unwrap();
        assert_eq!((outcomes, server.count()), (vec![Acknowledged::Done], 1), "{protocol:?}");
        mailbox.close().await;
        let (_, outcomes) = server.open().await.acknowledge(first, Acknowledgement::Delete).await.unwrap();
        assert_eq!((outcomes, server.count()), (vec![Acknowledged::Gone], 1), "{protocol:?}");
    }
}

#[tokio::test]
async fn a_session_that_is_dropped_has_deleted_and_marked_nothing() {
    for protocol in BOTH {
        let server = Server::start(protocol, TlsMode::Implicit).await;
        server.dovecot.inbox(USER).deliver(b"Subject: 1\r\n\r\n").unwrap();
        let (mailbox, listing) = server.list(None).await;
        let (mailbox, _) = fetch(mailbox, listing.found).await;
        drop(mailbox);
        let mails = server.dovecot.inbox(USER).mails().unwrap();
        assert_eq!(mails.len(), 1, "{protocol:?}");
        if protocol == Protocol::Imap {
            assert!(mails[0].flags.is_empty(), "{protocol:?}");
        }
    }
}
