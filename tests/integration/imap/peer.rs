//! A mail server that plays a written dialogue over a loopback socket, and fails when the client says anything else.

use std::sync::Arc;

use mail2jira::config::senders::SenderSettings;
use mail2jira::config::{
    After, AfterFailure, AttachOriginal, AttachmentSettings, CopiedPeople, MailboxName, MailboxSettings, Mechanism,
    Protocol, RemovedText, ReplySettings, Secret, SecretRef, SignIn, Start, TlsMode,
};
use mail2jira::mailbox::{self, Credential, Mailbox, MailboxError, imap, probe};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What a test changes about the mailbox.
pub struct Client {
    pub settings: MailboxSettings,
    credential: Credential,
    experience: Arc<imap::Experience>,
    listener: TcpListener,
}

impl Client {
    pub fn with_token() -> Self {
        Self::with_this_token("T")
    }

    pub fn with_this_token(token: &str) -> Self {
        Self::with(Credential::Bearer { user: "ann@example.com".into(), token: Secret::new(token) })
    }

    pub fn with_password() -> Self {
        Self::with_this_password("pass")
    }

    pub fn with_this_password(password: &str) -> Self {
        let credential = Credential::Password { username: "ann".into(), secret: Secret::new(password) };
        Self::with(credential)
    }

    fn with(credential: Credential) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let settings = settings(listener.local_addr().unwrap().port());
        Self { settings, credential, experience: Arc::default(), listener: TcpListener::from_std(listener).unwrap() }
    }

    /// One that knows what another has learnt.
    pub fn experienced(self, experience: &Arc<imap::Experience>) -> Self {
        Self { experience: experience.clone(), ..self }
    }

    pub fn set(mut self, change: impl FnOnce(&mut MailboxSettings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Opens the mailbox at a server that plays `dialogue`, and does `work` with it. Gives what became of the work once
    /// the dialogue, too, has come to its end.
    pub async fn talk<T>(
        self,
        dialogue: &str,
        work: impl AsyncFnOnce(Box<dyn Mailbox>) -> Result<T, MailboxError>,
    ) -> Result<T, MailboxError> {
        let (_connection, result) = self.beside(play(&self.listener, dialogue), work).await;
        result
    }

    /// The same at a server of the test's own.
    pub async fn against<T>(
        self,
        server: impl AsyncFnOnce(&TcpListener),
        work: impl AsyncFnOnce(Box<dyn Mailbox>) -> Result<T, MailboxError>,
    ) -> Result<T, MailboxError> {
        self.beside(server(&self.listener), work).await.1
    }

    async fn beside<S, T>(
        &self,
        server: impl Future<Output = S>,
        work: impl AsyncFnOnce(Box<dyn Mailbox>) -> Result<T, MailboxError>,
    ) -> (S, Result<T, MailboxError>) {
        let client = async {
            let tls = mail2jira::tls::client_config(None).unwrap();
            let mailbox = mailbox::open(&self.settings, tls, &self.credential, &self.experience).await?;
            work(mailbox).await
        };
        tokio::join!(server, client)
    }

    /// The same for `test-connection`.
    pub async fn probe(self, dialogue: &str) -> Vec<probe::Probed> {
        let client = async {
            let tls = mail2jira::tls::client_config(None).unwrap();
            let (mut probed, reached) = probe::reach(&self.settings, tls).await;
            if let Some(reached) = reached {
                probed.extend(reached.sign_in(&self.settings, &self.credential).await);
            }
            probed
        };
        tokio::join!(play(&self.listener, dialogue), client).1
    }
}

fn settings(port: u16) -> MailboxSettings {
    MailboxSettings {
        requests: Default::default(),
        name: MailboxName::parse("support").unwrap(),
        address: "ann@example.com".into(),
        login: "ann@example.com".into(),
        sign_in: SignIn::Password { username: "ann".into(), secret: SecretRef::Env("UNUSED".into()) },
        protocol: Protocol::Imap,
        host: "127.0.0.1".into(),
        port,
        tls: TlsMode::None,
        ca_file: None,
        mechanism: Mechanism::Auto,
        folders: vec!["INBOX".into()],
        start: Start::All,
        poll: std::time::Duration::from_secs(60),
        authserv_id: None,
        daily_bytes: None,
        after: After::Seen,
        after_failure: AfterFailure::Keep,
        ignore: Vec::new(),
        attach_original: AttachOriginal::Auto,
        removed_text: RemovedText::Collapsed,
        project: Some("SUP".into()),
        issue_type: Some("Task".into()),
        replies: ReplySettings::default(),
        default_reporter: None,
        cc: CopiedPeople::Nobody,
        senders: SenderSettings::default(),
        defaults: serde_json::Map::new(),
        attachments: AttachmentSettings { max_size: 1 << 20, skip: Vec::new() },
    }
}

/// Plays a dialogue of lines:
/// `S: …` is sent with CRLF, `S| …` without and in one piece, with `\r\n` where that is written; `C: …` must come, behind a
/// tag where it starts with one (`T1`, `T2`, which stand for that tag from then on); `B …` sends bytes given in hex;
/// `X` closes; `N` waits until the client hangs up without another word; `P` makes the clock jump to whatever is waited
/// for. An end without `X` keeps the connection open, and silent.
pub async fn play(listener: &TcpListener, dialogue: &str) -> Option<BufReader<TcpStream>> {
    let (stream, _) = listener.accept().await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut connection = BufReader::new(stream);
    let mut tags: Vec<(String, String)> = Vec::new();
    for step in dialogue.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        if let Some(hex) = step.strip_prefix("B ") {
            // A client that has had enough hangs up in the middle.
            let _ = connection.write_all(&bytes(hex)).await;
            continue;
        }
        let (kind, text) = step.split_at(step.len().min(3));
        let said = tags.iter().fold(text.to_owned(), |text, (name, tag)| text.replacen(name, tag, 1));
        match kind {
            "S: " | "S:" => connection.write_all(format!("{said}\r\n").as_bytes()).await.unwrap(),
            "S| " => connection.write_all(said.replace("\\r\\n", "\r\n").as_bytes()).await.unwrap(),
            "C: " | "C:" => hear(&mut connection, text, &mut tags).await,
            "X" => return None,
            "N" => assert_eq!(connection.read_line(&mut String::new()).await.unwrap(), 0, "the client is not silent"),
            "P" => tokio::time::pause(),
            other => panic!("what is {other:?}?"),
        }
    }
    Some(connection)
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

async fn hear(connection: &mut BufReader<TcpStream>, expected: &str, tags: &mut Vec<(String, String)>) {
    let mut line = String::new();
    connection.read_line(&mut line).await.unwrap();
    let line =
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("expected {expected:?}, the client hung up: {line:?}"));
    let is_tag = |word: &str| word.strip_prefix('T').is_some_and(|number| number.parse::<u32>().is_ok());
    match expected.split_once(' ').filter(|(name, _)| is_tag(name)) {
        Some((name, expected)) => {
            let (tag, command) = line.split_once(' ').unwrap_or_else(|| panic!("no tag: {line:?}"));
            assert_eq!(command, expected);
            tags.insert(0, (name.to_owned(), tag.to_owned()));
        }
        None => assert_eq!(line, expected),
    }
}
