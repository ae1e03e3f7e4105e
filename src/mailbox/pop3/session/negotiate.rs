//! What client and server agree on about their connection: the greeting, TLS, capabilities. Signs nobody in.

use tokio::io::BufReader;
use tokio::time::Instant;

use super::{COMMAND_LIMIT, Condition, READ_AHEAD, Reply, Session};
use crate::mailbox::MailboxError;
use crate::mailbox::connect::Stream;
use crate::mailbox::protect::Protectable;

/// What the server can do: the lines of CAPA (RFC 2449) in capitals. `None`: it has no CAPA, and nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities(Option<Vec<String>>);

impl Capabilities {
    /// Whether the server offers this, as far as it says anything.
    pub fn have(&self, name: &str) -> Option<bool> {
        let lines = self.0.as_ref()?;
        Some(lines.iter().any(|line| line.split(' ').next() == Some(name)))
    }

    /// What stands behind a capability's name.
    pub fn arguments(&self, name: &str) -> Option<impl Iterator<Item = &str>> {
        let mut lines = self.0.iter().flatten().map(|line| line.split_ascii_whitespace());
        lines.find_map(|mut words| (words.next() == Some(name)).then_some(words))
    }

    /// The capabilities as the server gave them, in one line.
    pub fn to_words(&self) -> String {
        self.0.as_ref().map_or_else(|| "the server has no CAPA".to_owned(), |lines| lines.join(", "))
    }
}

impl Protectable for Session {
    fn over(stream: Stream, server: String) -> Self {
        Self {
            stream: BufReader::with_capacity(READ_AHEAD, stream),
            server,
            condition: Condition::Ungreeted,
            deadline: Instant::now() + COMMAND_LIMIT,
            capabilities: Capabilities::default(),
        }
    }

    fn over_started_tls(stream: Stream, server: String) -> Self {
        Self { condition: Condition::Sound, ..Self::over(stream, server) }
    }

    async fn agree_on_tls(mut self) -> Result<Stream, MailboxError> {
        self.greet().await?;
        self.learn_capabilities().await?;
        if self.capabilities.have("STLS") == Some(false) {
            return Err(self.not_offered("STLS"));
        }
        self.command("STLS", "").await?;
        match self.stream.buffer() {
            [] => Ok(self.stream.into_inner()),
            // Somebody in between put it there, to be taken for an answer that came over TLS.
            _ => Err(self.protocol("answers in the clear behind the one to STLS")),
        }
    }
}

impl Session {
    /// Waits for the greeting, unless there is none to come.
    ///
    /// # Errors
    /// `Refused` where the server has no time for us.
    pub async fn greet(&mut self) -> Result<(), MailboxError> {
        if self.condition != Condition::Ungreeted {
            return Ok(());
        }
        match self.reply("greeting").await? {
            Reply::Ok(_) => Ok(()),
            Reply::Err(text) => Err(self.refused("greeting", &text)),
            Reply::Continue(_) => Err(self.protocol("the greeting is not that of a POP3 server")),
        }
    }

    /// Asks what the server can do. One that does not know the question offers what RFC 1939 has.
    ///
    /// # Errors
    /// Those of a broken session.
    pub async fn learn_capabilities(&mut self) -> Result<(), MailboxError> {
        let mut capabilities = Vec::new();
        let asked = self.lines("CAPA", "", |line| {
            capabilities.push(String::from_utf8_lossy(line).to_ascii_uppercase());
            (capabilities.len() < 200).then_some(()).ok_or("capabilities without end")
        });
        self.capabilities = match asked.await {
            Ok(()) => Capabilities(Some(capabilities)),
            Err(MailboxError::Refused { .. }) => Capabilities(None),
            Err(error) => return Err(error),
        };
        Ok(())
    }
}
