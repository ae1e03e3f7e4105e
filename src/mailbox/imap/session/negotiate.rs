//! What client and server agree on about their connection: the greeting, TLS, capabilities, compression. Signs nobody in.

use std::time::Duration;

use async_imap::Client;
use imap_proto::{Response, Status};

use super::{Condition, News, Session};
use crate::mailbox::MailboxError;
use crate::mailbox::connect::Stream;
use crate::mailbox::imap::answer::{Answer, Ended};
use crate::mailbox::imap::capabilities::Capabilities;
use crate::mailbox::imap::deflate::Wire;
use crate::mailbox::imap::framing::Framed;
use crate::mailbox::protect::Protectable;

/// How long a server may take to greet.
const GREETING_SILENCE: Duration = Duration::from_secs(30);

/// How the server greeted: RFC 3501, 7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// It wants a login.
    Ok,
    /// The connection itself is the login.
    PreAuthenticated,
}

/// Whether a session goes on compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compressed {
    /// The session is compressed until it ends: there is no way back.
    Yes,
    /// The session goes on as before.
    No,
}

impl Protectable for Session {
    fn over(stream: Stream, server: String) -> Self {
        Self {
            client: Client::new(Framed::new(Wire::new(stream))),
            server,
            commands: 0,
            condition: Condition::Ungreeted,
            capabilities: Capabilities::default(),
            exists: 0,
            news: News::None,
            slow_until: None,
            complaint: None,
        }
    }

    fn over_started_tls(stream: Stream, server: String) -> Self {
        Self { condition: Condition::Sound, ..Self::over(stream, server) }
    }

    /// Whatever the server sent ahead of TLS is dropped with the rest of the session (RFC 9051, 6.2.1).
    async fn agree_on_tls(mut self) -> Result<Stream, MailboxError> {
        if self.greet().await? == Greeting::PreAuthenticated {
            // STARTTLS is not possible any more, so that somebody in between may have done this.
            return Err(self.protocol("PREAUTH before STARTTLS"));
        }
        self.learn_capabilities().await?;
        if !self.capabilities.have("STARTTLS") {
            return Err(self.not_offered("STARTTLS"));
        }
        self.command("STARTTLS", "", |_| ()).await?;
        let Self { client, .. } = self;
        Ok(client.into_inner().into_inner().into_inner())
    }
}

impl Session {
    /// Waits for the greeting, unless there is none to come.
    ///
    /// # Errors
    /// `Closed` also when the greeting is a BYE.
    pub async fn greet(&mut self) -> Result<Greeting, MailboxError> {
        if self.condition != Condition::Ungreeted {
            return Ok(Greeting::Ok);
        }
        let running = self.running("greeting", String::new(), GREETING_SILENCE);
        let greeting = self.read(&running, |response| match response {
            Response::Data { status: Status::Ok, .. } => Some(Greeting::Ok),
            Response::Data { status: Status::PreAuth, .. } => Some(Greeting::PreAuthenticated),
            _ => None,
        });
        let greeting = greeting.await?;
        self.condition = Condition::Sound;
        greeting.ok_or_else(|| self.protocol("the greeting is not that of an IMAP server"))
    }

    /// Asks what the server can do, unless it has said so by itself.
    ///
    /// # Errors
    /// Those of a command; `Protocol` when the server says OK and nothing else.
    pub async fn learn_capabilities(&mut self) -> Result<(), MailboxError> {
        if self.capabilities.are_unknown() {
            self.command("CAPABILITY", "", |_| ()).await?;
        }
        if self.capabilities.are_unknown() {
            return Err(self.protocol("no capabilities"));
        }
        Ok(())
    }

    /// Goes on compressed (RFC 4978), if the server has it and agrees.
    ///
    /// # Errors
    /// Those of a broken session; a refusal is none.
    pub async fn compress(&mut self) -> Result<Compressed, MailboxError> {
        if !self.capabilities.have("COMPRESS=DEFLATE") {
            return Ok(Compressed::No);
        }
        let running = self.start("COMPRESS", "DEFLATE").await?;
        self.client.get_mut().parts_mut().1.hold_behind(&running.tag);
        let ended = loop {
            match self.answer(&running, |_| ()).await? {
                Answer::Data(()) => {}
                Answer::Continue(_) => return Err(self.protocol("a continuation that nothing waits for")),
                Answer::Done(ended) => break ended,
            }
        };
        let framed = self.client.get_mut();
        let (wire, framer) = framed.parts_mut();
        let behind = framer.let_go();
        match ended {
            Ended::Ok => {
                wire.compress(behind);
                Ok(Compressed::Yes)
            }
            Ended::No(_) | Ended::Bad(_) => {
                framed.take_back(&behind).map_err(|error| self.protocol(error.to_string()))?;
                Ok(Compressed::No)
            }
        }
    }
}
