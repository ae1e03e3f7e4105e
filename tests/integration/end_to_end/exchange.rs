//! What `test-connection` says about an Exchange that lets nobody in, down to the administrator's lines; and that it asks such a
//! server for nothing that would change anything.

use std::sync::{Arc, Mutex};

use sandbox::jira::site::Product;
use sandbox::oauth::{Command, Dialect, Endpoint, Fault};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::world::World;

/// How it keeps people out.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    /// By refusing the token, without a word.
    Login,
    /// By letting it in and shutting the mailbox.
    NotConnected,
}

/// An Exchange with an IMAP of a few words.
struct Exchange {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl Exchange {
    async fn start(refusal: Refusal) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, heard) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<String>>>::default());
        let (mut task, hears) = (JoinSet::new(), heard.clone());
        task.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                converse(stream, refusal, &hears).await;
            }
        });
        Self { port, heard, _task: task }
    }

    /// The commands that came, without their arguments.
    fn commands(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

async fn converse(stream: TcpStream, refusal: Refusal, heard: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    let mut say = "* OK The Microsoft Exchange IMAP4 service is ready.\r\n".to_owned();
    loop {
        if stream.write_all(say.as_bytes()).await.is_err() {
            return;
        }
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let mut words = line.split_whitespace();
        let (tag, command) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
        say = match (command.as_str(), refusal) {
            ("CAPABILITY", _) => {
                format!("* CAPABILITY IMAP4 IMAP4rev1 AUTH=XOAUTH2 SASL-IR UIDPLUS ID IDLE\r\n{tag} OK done.\r\n")
            }
            ("AUTHENTICATE", Refusal::Login) => format!("{tag} NO AUTHENTICATE failed.\r\n"),
            ("AUTHENTICATE", Refusal::NotConnected) => format!("{tag} OK AUTHENTICATE completed.\r\n"),
            ("ID", _) => format!("* ID (\"name\" \"Microsoft.Exchange.Imap4\")\r\n{tag} OK ID completed\r\n"),
            (_, _) => format!("{tag} BAD User is authenticated but not connected.\r\n* BYE Connection closed. 14\r\n"),
        };
        heard.lock().unwrap().push(command);
    }
}

/// A mailbox at that Exchange, and this table for its provider; the sandbox's secret is beside the config file.
async fn world(exchange: &Exchange, table: &str) -> World {
    let world = World::start_on(Product::Cloud, "", "").await;
    world.provider.set(|settings| settings.dialect = Dialect::Microsoft);
    let secret = world.dir.path().join("secret");
    std::fs::write(&secret, "sandbox-client-secret").unwrap();
    world.enter_mailbox_by(&format!(
        "kind = \"microsoft\"\ntenant = \"contoso.example\"\nclient_id = \"mail2jira\"\ntoken_url = \"{0}/token\"\n\
         authorization_url = \"{0}/authorize\"\nclient_secret = {{ file = \"{1}\" }}\n{table}",
        world.provider.issuer(),
        secret.display()
    ));
    let text = world.config_text();
    let dovecot = format!(
        "host = \"localhost\"\nport = {}\nca_file = \"{}\"\n",
        world.dovecot.ports().imaps,
        world.dovecot.ca_file().display()
    );
    assert!(text.contains(&dovecot), "{text}");
    let server = format!("host = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", exchange.port);
    world.write_config(&text.replace(&dovecot, &server));
    world
}

/// The stage that fails, and what is to be done about it.
async fn way_out(world: &World) -> (String, String) {
    let report = world.json(&["test-connection", "support", "--json"]).await;
    let stages = report["targets"][0]["stages"].as_array().unwrap().clone();
    let failed: Vec<&Value> = stages.iter().filter(|stage| stage["result"] == "fail").collect();
    assert!(failed.len() == 1 && report["ok"] == false, "{report}");
    let text = |field: &str| failed[0][field].as_str().unwrap_or_else(|| panic!("{report}")).to_owned();
    assert!(!text("cause").is_empty());
    (text("stage"), text("next"))
}

const APP: &str = "grant = \"client-credentials\"\nscopes = [\"mail\"]";
const CONSENT: &str = "https://login.microsoftonline.com/contoso.example/adminconsent?client_id=mail2jira";

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_exchange_does_not_know_gets_the_lines_with_the_object_id_of_its_own_token() {
    let exchange = Exchange::start(Refusal::Login).await;
    let world = world(&exchange, APP).await;
    let (stage, next) = way_out(&world).await;
    assert_eq!(stage, "login", "{next}");
    let line = next.lines().find(|line| line.starts_with("New-ServicePrincipal")).unwrap_or_else(|| panic!("{next}"));
    let object_id = line.strip_prefix("New-ServicePrincipal -AppId mail2jira -ObjectId ").unwrap();
    assert!(!object_id.is_empty() && !object_id.starts_with("OBJECT-ID"), "{next}");
    for line in [
        &format!("Add-MailboxPermission -Identity support@example.test -User {object_id} -AccessRights FullAccess"),
        "Set-CASMailbox -Identity support@example.test -ImapEnabled $true",
    ] {
        assert!(next.lines().any(|told| told == line), "{line}\nis not in\n{next}");
    }
    assert_eq!(exchange.commands(), ["CAPABILITY", "AUTHENTICATE"]);

    world.provider.set(|settings| settings.app_roles = vec!["Mail.Read".to_owned()]);
    world.provider.control(Command::ExpireAccessTokens).unwrap();
    std::fs::remove_file(world.dir.path().join("state.db")).unwrap(); // the token in it is good for an hour
    let (stage, next) = way_out(&world).await;
    assert_eq!(stage, "token", "{next}");
    assert!(next.contains("IMAP.AccessAsApp") && next.contains(CONSENT), "{next}");
    assert_eq!(exchange.commands(), [""; 0], "a token that lacks the right is not shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_good_and_a_mailbox_that_stays_shut_has_its_causes_in_order() {
    let exchange = Exchange::start(Refusal::NotConnected).await;
    let world = world(&exchange, APP).await;
    let (stage, next) = way_out(&world).await;
    assert_eq!(stage, "select", "{next}");
    let lines: Vec<&str> = next.lines().collect();
    let begin = |number: usize, words: &str| lines[number - 1].starts_with(&format!("{number}. {words}"));
    assert!(begin(1, "IMAP is off") && lines[0].contains("Set-CASMailbox"), "{next}");
    assert!(begin(2, "no right to open it") && lines[1].contains("Add-MailboxPermission"), "{next}");
    assert!(begin(3, "another account") && lines[2].contains("mail2jira authorize support"), "{next}");
    assert!(begin(4, "a personal account"), "{next}");
    assert_eq!(exchange.commands(), ["CAPABILITY", "AUTHENTICATE", "CAPABILITY", "ID", "EXAMINE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_an_administrator_can_mend_names_the_page_where_that_is_done() {
    let exchange = Exchange::start(Refusal::Login).await;
    let world = world(&exchange, APP).await;
    for (error, number, told) in [
        ("invalid_grant", 90_094, CONSENT),
        ("interaction_required", 53_003, CONSENT),
        ("invalid_client", 7_000_222, "provider"),
    ] {
        let fault = Fault::microsoft(error, number);
        world.provider.control(Command::Fail { endpoint: Endpoint::Token, times: 5, fault }).unwrap();
        let (stage, next) = way_out(&world).await;
        assert_eq!(stage, "token", "{number}: {next}");
        assert!(next.contains(told), "{number}: {next}");
        world.provider.control(Command::Heal).unwrap();
    }
    assert_eq!(exchange.commands(), [""; 0]);
}
