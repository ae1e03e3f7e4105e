//! A strict IMAP session: a command either got its tagged OK, or is an error that says what happened instead. Knows
//! responses, not mailboxes.
//!
//! Of async-imap 0.12 only [`Client::new`], `read_response`, `get_mut` and `into_inner` are used, and never a `Session`:
//! its commands take a NO, a BAD and a closed connection for success with an empty result (its issue 95), its IDLE takes
//! a lost connection for a manual interruption, its channel of unsolicited responses drops some of them silently when
//! full and holds 100 slots of memory, the response codes of tagged answers are dropped, and nothing has a time-out.
//! The texts of its errors hold whatever was in the buffer, mail included: only their kinds are read here.
//! Its parser panics on some answers (`INTERNALDATE NIL`), which is caught and is an error like any other.

use std::io;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_imap::Client;
use futures_util::FutureExt;
use imap_proto::{MailboxDatum, Response, ResponseCode, Status};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep_until, timeout};
use zeroize::Zeroizing;

use super::answer::{Answer, Ended, ended, text_of};
use super::capabilities::Capabilities;
use super::deflate::{Unreadable, Wire};
use super::framing::{Framed, FramingError};
use super::words;
use crate::config::Secret;
use crate::mailbox::connect::Stream;
use crate::mailbox::{MailboxError, throttle};

pub use negotiate::{Compressed, Greeting};

mod negotiate;

/// How long a server may say nothing at all while an answer is due.
pub const SILENCE: Duration = Duration::from_secs(60);
/// How long one command may take altogether, as long as something comes.
const COMMAND_LIMIT: Duration = Duration::from_secs(15 * 60);
/// How long a server may say nothing when the answer to DONE is due, which costs it nothing: with the full check every
/// 5 minutes, a connection that is dead without a sign is given up within 6.
pub const DONE_SILENCE: Duration = Duration::from_secs(30);
/// The pause before each command to a server that asks to slow down.
const SLOW: Duration = Duration::from_secs(5);

/// A connection to an IMAP server, of which it is known what the server will say next.
#[derive(Debug)]
pub struct Session {
    client: Client<Framed<Wire<Stream>>>,
    server: String,
    commands: u64,
    condition: Condition,
    /// What the server can do, as far as it said.
    pub capabilities: Capabilities,
    /// EXISTS, minus what was expunged since.
    pub exists: u32,
    /// Whether messages have come since somebody last looked.
    pub news: News,
    /// No command before this time: the server asked to slow down.
    slow_until: Option<Instant>,
    /// What the server complained about unasked, for the case that it hangs up without another word.
    complaint: Option<Box<str>>,
}

/// Whether the next command may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// The server speaks first.
    Ungreeted,
    /// The last command got its tagged answer.
    Sound,
    /// A command is under way, or was abandoned: what comes next belongs to it.
    Busy,
}

/// Whether messages have come since somebody last looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// EXISTS went up.
    Some,
    /// The server announced nothing.
    None,
}

/// A command under way.
#[derive(Debug)]
pub struct Running {
    name: &'static str,
    tag: String,
    deadline: Instant,
    silence: Duration,
}

impl Session {
    /// Whether another command may be sent.
    pub fn is_sound(&self) -> bool {
        self.condition == Condition::Sound
    }

    /// `host:port`.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Runs a command to its tagged OK; `each` sees every response on the way, the tagged one included.
    ///
    /// # Errors
    /// `Refused` for NO and BAD, after which the session can still be used; after any other error it cannot.
    pub async fn command(
        &mut self,
        name: &'static str,
        arguments: &str,
        mut each: impl FnMut(&Response<'_>) + Send,
    ) -> Result<(), MailboxError> {
        let running = self.start(name, arguments).await?;
        loop {
            match self.answer(&running, &mut each).await? {
                Answer::Data(()) => {}
                Answer::Continue(_) => return Err(self.protocol("a continuation that nothing waits for")),
                Answer::Done(ended) => return self.accept(name, ended),
            }
        }
    }

    /// Sends a command, whose answers are then read one by one with [`Session::answer`].
    ///
    /// # Errors
    /// `Protocol` also when an earlier command was abandoned, because its answers would be taken for this one's.
    pub async fn start(&mut self, name: &'static str, arguments: &str) -> Result<Running, MailboxError> {
        if !self.is_sound() {
            return Err(self.protocol("the answer to an earlier command is still to come"));
        }
        if let Some(until) = self.slow_until.take() {
            sleep_until(until).await;
        }
        self.condition = Condition::Busy;
        self.commands += 1;
        let tag = format!("m{}", self.commands);
        let space = if arguments.is_empty() { "" } else { " " };
        let running = self.running(name, tag, SILENCE);
        let line = Zeroizing::new(format!("{} {name}{space}{arguments}\r\n", running.tag));
        self.write(&running, line.as_bytes()).await?;
        Ok(running)
    }

    /// Sends a line that belongs to a command under way: DONE, or an answer to a continuation.
    ///
    /// # Errors
    /// `Closed` and `Timeout`.
    pub async fn go_on(&mut self, running: &Running, line: &Secret) -> Result<(), MailboxError> {
        let line = Zeroizing::new(format!("{}\r\n", line.expose()));
        self.write(running, line.as_bytes()).await
    }

    /// Reads the next answer to a command. `each` sees every response.
    ///
    /// # Errors
    /// A BYE is `Closed` at once: nothing good comes after it.
    pub async fn answer<T: Send>(
        &mut self,
        running: &Running,
        each: impl FnOnce(&Response<'_>) -> T + Send,
    ) -> Result<Answer<T>, MailboxError> {
        let answer = self.read(running, |response| {
            let data = each(response);
            match response {
                Response::Done { tag, status, outcome } if tag.0 == running.tag => {
                    ended(status, outcome).map(Answer::Done)
                }
                Response::Done { .. } => None,
                Response::Continue(outcome) => Some(Answer::Continue(text_of(outcome))),
                _ => Some(Answer::Data(data)),
            }
        });
        let answer = answer.await?.ok_or_else(|| self.protocol("a tagged answer to nothing that was asked"))?;
        if let Answer::Done(_) = answer {
            self.condition = Condition::Sound;
        }
        Ok(answer)
    }

    /// Like [`Session::answer`], until `end` comes (`at_most` then at the latest), when it gives `None` and nothing is lost:
    /// what was read of an answer so far is kept for the next call.
    ///
    /// # Errors
    /// As [`Session::answer`].
    pub async fn answer_until(
        &mut self,
        running: &Running,
        end: impl Future<Output = ()>,
        at_most: Instant,
    ) -> Result<Option<Answer<()>>, MailboxError> {
        let patient = Running {
            name: running.name,
            tag: running.tag.clone(),
            deadline: at_most + COMMAND_LIMIT,
            silence: at_most.saturating_duration_since(Instant::now()) + SILENCE,
        };
        tokio::select! {
            biased;
            answer = self.answer(&patient, |_| ()) => answer.map(Some),
            () = end => Ok(None),
        }
    }

    /// The error for a command that ended with NO or BAD.
    ///
    /// # Errors
    /// `Refused`.
    pub fn accept(&self, command: &'static str, ended: Ended) -> Result<(), MailboxError> {
        match ended {
            Ended::Ok => Ok(()),
            Ended::No(text) | Ended::Bad(text) => Err(MailboxError::Refused {
                server: self.server.clone(),
                command: command.to_owned(),
                words: words::redacted(&text),
                code: words::code(&text),
            }),
        }
    }

    /// The error for an answer that makes no sense.
    pub fn protocol(&self, words: impl Into<String>) -> MailboxError {
        MailboxError::Protocol { server: self.server.clone(), words: words.into() }
    }

    /// The error for a server that cannot do what is needed.
    pub fn not_offered(&self, what: impl Into<String>) -> MailboxError {
        MailboxError::NotOffered { server: self.server.clone(), what: what.into() }
    }

    /// A running command as if it began now: for the answer to DONE, hours after IDLE.
    pub fn renewed(&self, running: &Running) -> Running {
        self.running(running.name, running.tag.clone(), DONE_SILENCE)
    }

    fn running(&self, name: &'static str, tag: String, silence: Duration) -> Running {
        Running { name, tag, deadline: Instant::now() + COMMAND_LIMIT, silence }
    }

    async fn write(&mut self, running: &Running, bytes: &[u8]) -> Result<(), MailboxError> {
        let stream = self.client.get_mut();
        let written = timeout(SILENCE, async {
            stream.write_all(bytes).await?;
            stream.flush().await
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.broken(&error)),
            Err(_) => Err(self.silent(running, SILENCE)),
        }
    }

    /// Reads one response. Silence is measured in bytes, not in responses: a big one over a slow line is no time-out.
    async fn read<T>(
        &mut self,
        running: &Running,
        use_it: impl FnOnce(&Response<'_>) -> T + Send,
    ) -> Result<T, MailboxError> {
        loop {
            let before = self.client.get_ref().received();
            let reading = AssertUnwindSafe(self.client.read_response()).catch_unwind();
            let read = match timeout(running.silence, reading).await {
                Ok(read) => read,
                Err(_) if self.client.get_ref().received() > before && Instant::now() < running.deadline => continue,
                Err(_) => return Err(self.silent(running, running.silence)),
            };
            let response = match read {
                Ok(Ok(Some(response))) => response,
                Ok(Ok(None)) => return Err(self.closed(None)),
                Ok(Err(error)) => return Err(self.broken(&error)),
                Err(_panic) => return Err(self.protocol("an answer that breaks the parser")),
            };
            if Instant::now() > running.deadline {
                return Err(self.silent(running, COMMAND_LIMIT));
            }
            self.fold(response.parsed())?;
            return Ok(use_it(response.parsed()));
        }
    }

    /// Keeps what a server may say at any time (RFC 3501, 7).
    fn fold(&mut self, response: &Response<'_>) -> Result<(), MailboxError> {
        match response {
            Response::MailboxData(MailboxDatum::Exists(count)) => {
                if *count > self.exists {
                    self.news = News::Some;
                }
                self.exists = *count;
            }
            Response::Expunge(_) => self.exists = self.exists.saturating_sub(1),
            Response::Capabilities(capabilities) => self.capabilities = Capabilities::of(capabilities),
            Response::Data { status: Status::Bye, outcome } => return Err(self.closed(Some(text_of(outcome)))),
            Response::Data { status, outcome } | Response::Done { status, outcome, .. } => {
                self.take_to_heart(status, &text_of(outcome));
                if let Some(ResponseCode::Capabilities(capabilities)) = &outcome.code {
                    self.capabilities = Capabilities::of(capabilities);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What a server says of its load, beside the answer proper.
    fn take_to_heart(&mut self, status: &Status, words: &str) {
        match status {
            Status::Ok if throttle::asks_to_slow_down(words) => self.slow_until = Some(Instant::now() + SLOW),
            Status::No | Status::Bad if throttle::wait(words).is_some() => self.complaint = Some(words.into()),
            Status::Ok | Status::No | Status::Bad | Status::PreAuth | Status::Bye => {}
        }
    }

    fn closed(&self, words: Option<String>) -> MailboxError {
        let words = words.filter(|words| !words.is_empty()).or_else(|| self.complaint.as_deref().map(str::to_owned));
        let words = words.map(|words| words::redacted(&words)).filter(|words| !words.is_empty());
        MailboxError::Closed { server: self.server.clone(), words }
    }

    fn silent(&self, running: &Running, waited: Duration) -> MailboxError {
        MailboxError::Timeout { server: self.server.clone(), command: running.name.to_owned(), waited }
    }

    /// Only the error's kind and our own reasons are told: async-imap's own texts hold mail.
    fn broken(&self, error: &io::Error) -> MailboxError {
        let ours = error.get_ref().and_then(|inner| {
            let framing = inner.downcast_ref::<FramingError>().map(ToString::to_string);
            framing.or_else(|| inner.downcast_ref::<Unreadable>().map(ToString::to_string))
        });
        match (ours, error.kind()) {
            (Some(ours), _) => self.protocol(ours),
            (None, io::ErrorKind::Other) => self.protocol("an answer that cannot be parsed"),
            (None, io::ErrorKind::InvalidData) => self.protocol("broken TLS"),
            (None, kind) => self.closed(Some(kind.to_string())),
        }
    }
}
