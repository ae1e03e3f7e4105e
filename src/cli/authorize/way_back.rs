//! How a person gets to a page that asks for consent, and how the answer gets back: through this machine's browser, or in lines
//! that are pasted. Knows no provider and judges no answer.

use std::io::{self, BufRead as _, Write};

use tokio::sync::mpsc;
use tokio::time::timeout;
use url::Url;

use crate::config::Secret;
use crate::oauth::consent::loopback::{Browser, Loopback};
use crate::oauth::consent::{ConsentError, PATIENCE};

/// How the person gets to the page, and the answer back.
#[derive(Debug)]
pub enum Way {
    /// This machine's browser is opened.
    Browser,
    /// The address is printed, alone on a line of stdout, for a browser on this machine.
    Printed,
    /// The address is printed, and the one that the browser ends on comes back as one of these lines.
    Pasted(mpsc::Receiver<String>),
}

impl Way {
    /// By lines of stdin. They are read in a thread that nobody waits for: a read of a terminal cannot be broken off.
    pub fn by_stdin() -> Self {
        let (sender, lines) = mpsc::channel(1);
        std::thread::spawn(move || {
            for line in io::stdin().lock().lines().map_while(Result::ok) {
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
        });
        Self::Pasted(lines)
    }
}

/// Where the command writes: data to `out`, words to a person to `err`.
pub struct Terminal<'a> {
    /// stdout.
    pub out: &'a mut dyn Write,
    /// stderr.
    pub err: &'a mut dyn Write,
}

impl Terminal<'_> {
    /// What a script reads, at once and alone on its line.
    pub(super) fn print_line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }
}

/// What the person is asked to do.
pub(super) struct Invitation<'a> {
    /// The page.
    pub address: &'a Url,
    /// What to do there, to follow "please".
    pub wish: &'a str,
    /// What to paste, if the answer comes back so.
    pub paste: &'a str,
}

/// For [`Invitation::paste`] where the browser is sent to an address that nobody listens on.
pub(super) const PASTE_ADDRESS: &str =
    "The browser ends on a page that it cannot show. Paste the address of that page here:";

/// Why no answer came back.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error(transparent)]
    Consent(#[from] ConsentError),
    #[error("nothing was pasted that answers this sign-in")]
    NothingPasted,
    #[error("cannot write to the terminal")]
    Terminal(#[from] io::Error),
}

/// The way back, which is there before anybody is asked: the request for consent names it.
pub(super) enum WayBack {
    Loopback(Loopback, Shown),
    Lines(mpsc::Receiver<String>, Url),
}

/// How the address gets into a browser on this machine.
pub(super) enum Shown {
    Opened,
    Printed,
}

impl WayBack {
    /// Listens at `redirect_uri`, unless the answer is pasted.
    pub async fn prepare(way: Way, redirect_uri: &Url) -> Result<Self, ConsentError> {
        Ok(match way {
            Way::Browser => Self::Loopback(Loopback::bind(redirect_uri).await?, Shown::Opened),
            Way::Printed => Self::Loopback(Loopback::bind(redirect_uri).await?, Shown::Printed),
            Way::Pasted(lines) => Self::Lines(lines, redirect_uri.clone()),
        })
    }

    /// Where the browser is to be sent.
    pub fn redirect_uri(&self) -> &Url {
        match self {
            Self::Loopback(loopback, _) => loopback.redirect_uri(),
            Self::Lines(_, redirect_uri) => redirect_uri,
        }
    }

    /// Says where to go, and waits for whatever `recognise` takes for the answer: the query of an address, or a pasted word. A
    /// browser that brought it waits for its last page.
    pub async fn wait<T>(
        self,
        invitation: Invitation<'_>,
        recognise: impl Fn(&str) -> Option<T>,
        terminal: &mut Terminal<'_>,
    ) -> Result<(T, Option<Browser>), NoAnswer> {
        match self {
            Self::Loopback(loopback, shown) => {
                shown.invite(&invitation, terminal).await?;
                let (answer, browser) = loopback.wait_for(recognise, PATIENCE).await?;
                Ok((answer, Some(browser)))
            }
            Self::Lines(lines, _) => {
                writeln!(terminal.err, "Open this address in any browser and {}:", invitation.wish)?;
                terminal.print_line(invitation.address.as_str())?;
                writeln!(terminal.err, "{}", invitation.paste)?;
                let pasted = timeout(PATIENCE, pasted(lines, recognise, terminal)).await;
                Ok((pasted.map_err(|_| ConsentError::TimedOut(PATIENCE))??, None))
            }
        }
    }
}

impl Shown {
    /// The address is always shown: a browser that does not open, or opens elsewhere, says nothing.
    async fn invite(&self, invitation: &Invitation<'_>, terminal: &mut Terminal<'_>) -> io::Result<()> {
        let (address, wish, minutes) = (invitation.address, invitation.wish, PATIENCE.as_secs() / 60);
        match self {
            Self::Printed => {
                writeln!(terminal.err, "Open this address in a browser on this machine and {wish}:")?;
                terminal.print_line(address.as_str())?;
            }
            Self::Opened => {
                let target = address.to_string();
                let opened = tokio::task::spawn_blocking(move || open::that_detached(target)).await;
                let words = match opened {
                    Ok(Ok(())) => "Your browser opens. Please",
                    Ok(Err(_)) | Err(_) => "No browser opens here. Please visit this address and",
                };
                writeln!(terminal.err, "{words} {wish}. The address:\n\n  {address}\n")?;
            }
        }
        writeln!(terminal.err, "Waiting for the browser's return, at most {minutes} minutes.")
    }
}

/// Whole addresses, or what follows their `?`; whatever else is pasted is asked for again.
async fn pasted<T>(
    mut lines: mpsc::Receiver<String>,
    recognise: impl Fn(&str) -> Option<T>,
    terminal: &mut Terminal<'_>,
) -> Result<T, NoAnswer> {
    while let Some(line) = lines.recv().await {
        let line = Secret::new(line); // it holds the code
        let text = line.expose().trim_matches(|c: char| c.is_whitespace() || "\"'<>`".contains(c));
        let query = text.split_once('?').map_or(text, |(_, query)| query);
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        if let Some(answer) = recognise(query) {
            return Ok(answer);
        }
        writeln!(terminal.err, "That does not answer this sign-in. Please paste all of it:")?;
    }
    Err(NoAnswer::NothingPasted)
}
