//! A strict POP3 session: every command got its answer, or is an error that says what happened instead. Knows answers, not
//! maildrops.
//!
//! Written here because no kept crate will do. async-pop 1.1 loops for ever on a connection that the server has closed,
//! leaves the byte-stuffing in messages, needs quadratic time for big ones, and has no STLS; the others are without SASL.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::dots::{Taken, Unstuffer};
use crate::config::Secret;
use crate::mailbox::connect::Stream;
use crate::mailbox::{MailboxError, words};

pub use negotiate::Capabilities;

mod negotiate;

/// How long a server may say nothing at all while an answer is due.
const SILENCE: Duration = Duration::from_secs(60);
/// How long one command may take altogether, as long as something comes.
const COMMAND_LIMIT: Duration = Duration::from_secs(15 * 60);
const READ_AHEAD: usize = 32 << 10;
/// RFC 1939, 3 allows 512 octets, and SASL challenges are longer (RFC 5034, 4).
const MAX_LINE: usize = 16 << 10;
/// No message is that long: a server that goes on and on.
const MAX_BODY: u64 = 1 << 30;
const MAX_CHALLENGES: usize = 8;

/// A connection to a POP3 server, of which it is known what the server will say next.
#[derive(Debug)]
pub struct Session {
    stream: BufReader<Stream>,
    server: String,
    condition: Condition,
    deadline: Instant,
    /// What the server can do, as far as it said.
    pub capabilities: Capabilities,
}

/// Whether the next command may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// The server speaks first.
    Ungreeted,
    /// The last command got its whole answer.
    Sound,
    /// A command is under way, or was abandoned: what comes next belongs to it.
    Busy,
}

/// What a server answers: RFC 1939, 3 and RFC 5034, 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`, with its text.
    Ok(String),
    /// `-ERR`, with its text.
    Err(String),
    /// `+`, with its text: a login goes on.
    Continue(String),
}

/// How a login ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// `+OK` or `-ERR`.
    pub reply: Reply,
    /// The error challenge that came before.
    pub challenge: Option<String>,
}

/// A message on its way.
#[derive(Debug)]
pub struct Body {
    unstuffer: Unstuffer,
    length: u64,
}

/// The next bytes of a message.
#[derive(Debug)]
pub struct Chunk {
    /// The lines as they stood in the message.
    pub bytes: Bytes,
    /// Whether the message ends with them.
    pub last: bool,
}

impl Session {
    /// Sends a command that is answered by one line, and reads that.
    ///
    /// # Errors
    /// Those of a broken session; `-ERR` is an answer.
    pub async fn ask(&mut self, name: &'static str, argument: &str) -> Result<Reply, MailboxError> {
        self.start(name, argument).await?;
        match self.reply(name).await? {
            Reply::Continue(_) => Err(self.protocol("a continuation that nothing waits for")),
            reply => Ok(reply),
        }
    }

    /// Sends a command to which only `+OK` will do; gives its text.
    ///
    /// # Errors
    /// `Refused` for `-ERR`, after which the session can still be used; after any other error it cannot.
    pub async fn command(&mut self, name: &'static str, argument: &str) -> Result<String, MailboxError> {
        match self.ask(name, argument).await? {
            Reply::Ok(text) => Ok(text),
            Reply::Err(text) | Reply::Continue(text) => Err(self.refused(name, &text)),
        }
    }

    /// Sends a command whose answer has many lines; `each` sees them one by one, without their ends, until it has had
    /// enough: what it refuses breaks the session.
    ///
    /// # Errors
    /// `Refused` for `-ERR`, after which the session can still be used; after any other error it cannot.
    pub async fn lines(
        &mut self,
        name: &'static str,
        argument: &str,
        mut each: impl FnMut(&[u8]) -> Result<(), &'static str> + Send,
    ) -> Result<(), MailboxError> {
        self.command(name, argument).await?;
        self.condition = Condition::Busy;
        loop {
            let line = self.line(name).await?;
            match line.strip_prefix(b".") {
                Some([]) => break,
                Some(stuffed) => each(stuffed),
                None => each(&line),
            }
            .map_err(|words| self.protocol(words))?;
        }
        self.condition = Condition::Sound;
        Ok(())
    }

    /// Asks for a message, which is then read with [`Session::chunk`] to its last one.
    ///
    /// # Errors
    /// As [`Session::lines`].
    pub async fn retrieve(&mut self, number: u32) -> Result<Body, MailboxError> {
        self.command("RETR", &number.to_string()).await?;
        self.condition = Condition::Busy;
        Ok(Body { unstuffer: Unstuffer::new(), length: 0 })
    }

    /// The next bytes of a message. None are held back, however long its lines are.
    ///
    /// # Errors
    /// Those of a broken session.
    pub async fn chunk(&mut self, body: &mut Body) -> Result<Chunk, MailboxError> {
        let bytes = self.fill("RETR").await?;
        let available = bytes.len();
        let mut plain = Vec::with_capacity(available + 1); // a CR may have been held back
        let taken = body.unstuffer.take(bytes, &mut plain);
        let last = match taken {
            Taken::All => {
                self.stream.consume(available);
                false
            }
            Taken::End(taken) => {
                self.stream.consume(taken);
                self.condition = Condition::Sound;
                true
            }
        };
        body.length += plain.len() as u64;
        if body.length > MAX_BODY {
            self.condition = Condition::Busy;
            return Err(self.protocol("a message without end"));
        }
        Ok(Chunk { bytes: plain.into(), last })
    }

    /// Signs in by a SASL mechanism (RFC 5034), with an answer for each of the server's challenges, and `farewell` for one
    /// too many.
    ///
    /// The first answer never stands in the command itself: Exchange Online drops the connection over it, and no real token
    /// fits into the 255 octets of a command (RFC 5034, 4). Only where the server refuses the command without it, it is sent
    /// that way after all.
    ///
    /// # Errors
    /// Those of a broken session.
    pub async fn authenticate(
        &mut self,
        mechanism: &str,
        answers: &[Secret],
        farewell: &Secret,
    ) -> Result<Verdict, MailboxError> {
        self.start("AUTH", mechanism).await?;
        let reply = self.reply("AUTH").await?;
        match (&reply, answers) {
            (Reply::Err(text), [answer]) if words::code(text).is_none() => {
                let line = Zeroizing::new(format!("{mechanism} {}", answer.expose()));
                self.start("AUTH", &line).await?;
                let reply = self.reply("AUTH").await?;
                self.answer_all(reply, &[], farewell).await
            }
            (Reply::Ok(_), _) => Err(self.protocol("a login without a credential")),
            (Reply::Err(_) | Reply::Continue(_), _) => self.answer_all(reply, answers, farewell).await,
        }
    }

    async fn answer_all(
        &mut self,
        mut reply: Reply,
        answers: &[Secret],
        farewell: &Secret,
    ) -> Result<Verdict, MailboxError> {
        let mut answers = answers.iter();
        let mut challenge = None;
        for _ in 0..MAX_CHALLENGES {
            let Reply::Continue(text) = reply else {
                return Ok(Verdict { reply, challenge });
            };
            let answer = answers.next().unwrap_or_else(|| {
                challenge = Some(text);
                farewell
            });
            self.write("AUTH", answer.expose()).await?;
            reply = self.reply("AUTH").await?;
        }
        Err(self.protocol("a login without an end"))
    }

    /// `host:port`.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The error for an answer that makes no sense.
    pub fn protocol(&self, words: impl Into<String>) -> MailboxError {
        MailboxError::Protocol { server: self.server.clone(), words: words.into() }
    }

    /// The error for a server that cannot do what is needed.
    pub fn not_offered(&self, what: impl Into<String>) -> MailboxError {
        MailboxError::NotOffered { server: self.server.clone(), what: what.into() }
    }

    /// The error for `-ERR`.
    pub fn refused(&self, command: &str, text: &str) -> MailboxError {
        MailboxError::Refused {
            server: self.server.clone(),
            command: command.to_owned(),
            words: words::redacted(text),
            code: words::code(text),
        }
    }

    async fn start(&mut self, name: &'static str, argument: &str) -> Result<(), MailboxError> {
        if self.condition != Condition::Sound {
            return Err(self.protocol("the answer to an earlier command is still to come"));
        }
        let space = if argument.is_empty() { "" } else { " " };
        let line = Zeroizing::new(format!("{name}{space}{argument}"));
        self.write(name, &line).await
    }

    async fn write(&mut self, name: &'static str, line: &str) -> Result<(), MailboxError> {
        self.condition = Condition::Busy;
        self.deadline = Instant::now() + COMMAND_LIMIT;
        let line = Zeroizing::new(format!("{line}\r\n"));
        let written = timeout(SILENCE, async {
            self.stream.write_all(line.as_bytes()).await?;
            self.stream.flush().await
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.closed(Some(&error))),
            Err(_) => Err(self.silent(name, SILENCE)),
        }
    }

    /// Reads a status line; the session is sound again with it.
    async fn reply(&mut self, name: &'static str) -> Result<Reply, MailboxError> {
        let line = self.line(name).await?;
        let reply = status(&String::from_utf8_lossy(&line)).ok_or_else(|| self.protocol("this is no POP3"))?;
        self.condition = Condition::Sound;
        Ok(reply)
    }

    /// Reads a line, without its end.
    async fn line(&mut self, name: &'static str) -> Result<Vec<u8>, MailboxError> {
        let mut line = Vec::new();
        loop {
            let bytes = self.fill(name).await?;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(bytes.len(), |end| end + 1);
            line.extend(bytes.iter().take(length));
            self.stream.consume(length);
            if line.len() > MAX_LINE {
                return Err(self.protocol("a line without end"));
            }
            if end.is_some() {
                let text = line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n"));
                return Ok(text.unwrap_or(&line).to_vec());
            }
        }
    }

    /// Waits for bytes, which stay in the buffer until they are consumed.
    async fn fill(&mut self, name: &'static str) -> Result<&[u8], MailboxError> {
        if Instant::now() > self.deadline {
            return Err(self.silent(name, COMMAND_LIMIT));
        }
        match timeout(SILENCE, self.stream.fill_buf()).await {
            Ok(Ok([])) => Err(self.closed(None)),
            Ok(Ok(_)) => Ok(self.stream.buffer()),
            Ok(Err(error)) => Err(self.closed(Some(&error))),
            Err(_) => Err(self.silent(name, SILENCE)),
        }
    }

    fn closed(&self, error: Option<&io::Error>) -> MailboxError {
        let words = error.map(|error| error.kind().to_string());
        MailboxError::Closed { server: self.server.clone(), words }
    }

    fn silent(&self, name: &str, waited: Duration) -> MailboxError {
        MailboxError::Timeout { server: self.server.clone(), command: name.to_owned(), waited }
    }
}

/// RFC 1939, 3 and RFC 5034, 4.
fn status(line: &str) -> Option<Reply> {
    let behind = |word: &str| {
        let (start, text) = line.split_at_checked(word.len())?;
        start.eq_ignore_ascii_case(word).then(|| text.trim().to_owned())
    };
    behind("+OK").map(Reply::Ok).or_else(|| behind("-ERR").map(Reply::Err)).or_else(|| behind("+").map(Reply::Continue))
}
