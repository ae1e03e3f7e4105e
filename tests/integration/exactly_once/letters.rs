//! The mail of a case: threads, siblings, copies, machine mail, attachments; each with a token that tells it apart.

use std::fmt::Write;

/// Stands in the name of a file that Jira does not take.
pub const REFUSED: &str = "refused";

/// A message, and what is to become of it.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Stands in its text.
    pub token: String,
    /// As it comes over the wire.
    pub raw: Vec<u8>,
    /// Names of its attachments; each holds the token.
    pub attachments: Vec<String>,
    /// An attachment that Jira does not take.
    pub refused: Option<String>,
    /// The one of its attachments that its text shows.
    pub picture: Option<String>,
    /// Letters of one conversation share it.
    pub conversation: usize,
    /// What is to become of it.
    pub fate: Fate,
    /// Whom it is for.
    pub audience: Audience,
}

/// Whom a letter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    All,
    Agents,
}

/// What is to become of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// An issue or a comment.
    Written,
    /// Nothing: an out-of-office note.
    Ignored,
    /// Jira refuses it, always.
    Refused,
}

/// A random batch of mail.
pub fn write_letters(random: &mut fastrand::Rng) -> Vec<Letter> {
    let mut letters: Vec<Letter> = Vec::new();
    let conversations = random.usize(1..4);
    for number in 0..random.usize(2..9) {
        let conversation = random.usize(0..conversations);
        letters.push(write_letter(random, number, conversation));
    }
    letters
}

fn write_letter(random: &mut fastrand::Rng, number: usize, conversation: usize) -> Letter {
    let token = format!("token{number}x");
    let fate = match random.u8(0..12) {
        0 => Fate::Ignored,
        1 => Fate::Refused,
        _ => Fate::Written,
    };
    let audience = if random.u8(0..4) == 0 { Audience::Agents } else { Audience::All };
    let picture = (random.u8(0..3) == 0).then(|| format!("{token}-picture.png"));
    let attachments = (0..random.usize(0..3)).map(|n| format!("{token}-{n}.bin"));
    let attachments: Vec<String> = attachments.chain(picture.clone()).collect();
    let refused = (random.u8(0..6) == 0).then(|| format!("{token}-{REFUSED}.bin"));
    let files: Vec<String> = attachments.iter().chain(&refused).cloned().collect();
    let mut head = String::new();
    // The first message of a conversation is never among them: all are siblings that answer something unseen.
    writeln!(head, "From: Ann <ann@example.com>\r\nTo: support@example.com\r\nSubject: about {conversation}\r")
        .unwrap();
    writeln!(head, "Message-ID: <{token}@example.com>\r").unwrap();
    if conversation == 1 {
        writeln!(head, "Thread-Index: AdwB0mC3x1cQdVZ2TbWgk3y0mVwNpAABAgME\r").unwrap();
    } else {
        writeln!(head, "In-Reply-To: <root{conversation}@example.com>\r").unwrap();
        writeln!(head, "References: <root{conversation}@example.com>\r").unwrap();
    }
    if random.u8(0..3) == 0 {
        writeln!(head, "Cc: bob@example.com\r").unwrap();
    }
    if fate == Fate::Ignored {
        writeln!(head, "Auto-Submitted: auto-replied\r").unwrap();
    }
    let word = match (fate, audience) {
        (Fate::Refused, _) => "unacceptable",
        (_, Audience::All) => "hello",
        (_, Audience::Agents) => "private hello",
    };
    let raw = match files.as_slice() {
        [] => format!("{head}\r\n{word} {token}\r\n"),
        files => multipart(&head, (&format!("{word} {token}"), picture.as_deref()), files),
    };
    Letter { token, raw: raw.into_bytes(), attachments, picture, refused, conversation, fate, audience }
}

fn multipart(head: &str, (text, picture): (&str, Option<&str>), files: &[String]) -> String {
    let mut raw = format!("{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=b=\"\r\n\r\n");
    match picture {
        None => write!(raw, "--=b=\r\nContent-Type: text/plain\r\n\r\n{text}\r\n").unwrap(),
        Some(picture) => {
            write!(raw, "--=b=\r\nContent-Type: text/html\r\n\r\n<p>{text}</p><img src=\"cid:{picture}\">\r\n")
                .unwrap();
        }
    }
    for file in files {
        let (kind, manner) = match Some(file.as_str()) == picture {
            true => ("image/png", format!("inline\r\nContent-ID: <{file}>")),
            false => ("application/octet-stream", format!("attachment; filename=\"{file}\"")),
        };
        write!(raw, "--=b=\r\nContent-Type: {kind}; name=\"{file}\"\r\n").unwrap();
        write!(raw, "Content-Disposition: {manner}\r\n\r\ncontent of {file}\r\n").unwrap();
    }
    raw.push_str("--=b=--\r\n");
    raw
}
