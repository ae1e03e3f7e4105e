//! AUTHENTICATE and LOGIN as dialogues: who says what when. Which mechanism, and with what, is decided in `login`.

use std::convert::Infallible;

use zeroize::Zeroizing;

use super::answer::{Answer, Ended};
use super::capabilities::Capabilities;
use super::session::{Running, Session};
use crate::config::Secret;
use crate::mailbox::MailboxError;

const MAX_CONTINUATIONS: usize = 8;
/// A longer initial response waits for the continuation: servers bound a command's line (RFC 7162, 4, recommends 8,192 octets;
/// Dovecot 2.3 hangs up from some 6,000 on), and Microsoft's tokens are longer than 4 KB when a user is in many groups.
const LONGEST_INITIAL: usize = 4000;

impl Session {
    /// Signs in by a SASL mechanism, with an answer for each of the server's continuations. Where it is the only one, it
    /// stands in the command itself if the server takes it so (RFC 4959) and it is short enough for one. An error
    /// challenge is answered by `farewell`. Gives how it ended, and that challenge.
    ///
    /// # Errors
    /// Those of a command but for NO and BAD.
    pub async fn authenticate(
        &mut self,
        mechanism: &str,
        answers: &[Secret],
        farewell: &Secret,
    ) -> Result<(Ended, Option<String>), MailboxError> {
        match answers {
            [initial] if self.takes_at_once(mechanism, initial) => {
                let arguments = Zeroizing::new(format!("{mechanism} {}", initial.expose()));
                self.authenticate_stepwise(&arguments, &[], farewell).await
            }
            answers => self.authenticate_stepwise(mechanism, answers, farewell).await,
        }
    }

    fn takes_at_once(&self, mechanism: &str, initial: &Secret) -> bool {
        mechanism.len() + initial.expose().len() <= LONGEST_INITIAL && self.capabilities.have("SASL-IR")
    }

    async fn authenticate_stepwise(
        &mut self,
        mechanism: &str,
        answers: &[Secret],
        farewell: &Secret,
    ) -> Result<(Ended, Option<String>), MailboxError> {
        self.capabilities = Capabilities::default(); // they change with the login (RFC 3501, 6.2.2)
        let running = self.start("AUTHENTICATE", mechanism).await?;
        let mut answers = answers.iter();
        let mut challenge = None;
        for _ in 0..MAX_CONTINUATIONS {
            match self.next_of_login(&running).await? {
                Answer::Data(never) => match never {},
                Answer::Done(ended) => return Ok((ended, challenge)),
                Answer::Continue(text) => {
                    let answer = answers.next().unwrap_or_else(|| {
                        challenge = Some(text);
                        farewell
                    });
                    self.go_on(&running, answer).await?;
                }
            }
        }
        Err(self.protocol("a login without an end"))
    }

    /// Signs in by LOGIN; `arguments` are two strings.
    ///
    /// # Errors
    /// Those of a command but for NO and BAD.
    pub async fn log_in_by_command(&mut self, arguments: &Secret) -> Result<Ended, MailboxError> {
        self.capabilities = Capabilities::default();
        let running = self.start("LOGIN", arguments.expose()).await?;
        match self.next_of_login(&running).await? {
            Answer::Data(never) => match never {},
            Answer::Done(ended) => Ok(ended),
            Answer::Continue(_) => Err(self.protocol("a continuation that nothing waits for")),
        }
    }

    async fn next_of_login(&mut self, running: &Running) -> Result<Answer<Infallible>, MailboxError> {
        loop {
            match self.answer(running, |_| ()).await? {
                Answer::Data(()) => {}
                Answer::Continue(text) => return Ok(Answer::Continue(text)),
                Answer::Done(ended) => return Ok(Answer::Done(ended)),
            }
        }
    }
}
