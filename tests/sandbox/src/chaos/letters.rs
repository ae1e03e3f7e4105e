//! The mails of a storm: requests, answers, second copies and machine mail, each with a word of its own that must be
//! found in Jira as often as it should, and files that begin with a word of theirs.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;

/// Stands before the number of a mail, in its text.
pub const MAIL_WORD: &str = "mailword";
/// Stands before the number of a file, at its beginning.
pub const FILE_WORD: &str = "fileword";

/// One mail and what should become of it.
#[derive(Debug, Clone)]
pub struct Letter {
    /// RFC 5322.
    pub raw: Vec<u8>,
    /// What should be in Jira.
    pub fate: Fate,
}

/// What should become of a mail.
#[derive(Debug, Clone)]
pub enum Fate {
    /// An issue, with these files.
    Issue {
        /// Its word.
        word: String,
        /// Words of its files.
        files: Vec<String>,
    },
    /// A comment on the issue of the letter with this index, with these files.
    Comment {
        /// Its word.
        word: String,
        /// Index of the request.
        on: usize,
        /// Words of its files.
        files: Vec<String>,
    },
    /// Nothing new: it is a copy of an earlier one.
    Copy,
    /// Nothing at all; its word must not be found.
    Nothing {
        /// Its word.
        word: String,
    },
}

/// A thread so far: its request's index, and the Message-IDs in it.
struct Thread {
    request: usize,
    ids: Vec<String>,
}

/// `count` mails to `address`.
pub fn letters(count: usize, address: &str, rng: &mut Rng) -> Vec<Letter> {
    let mut letters: Vec<Letter> = Vec::with_capacity(count);
    let mut threads: Vec<Thread> = Vec::new();
    for index in 0..count {
        let letter = match rng.u8(..100) {
            0..8 if index > 0 => copy(&letters, rng),
            8..15 => machine_mail(index, address),
            15..55 if !threads.is_empty() => answer(index, address, &mut threads, rng),
            _ => request(index, address, &mut threads, rng),
        };
        letters.push(letter);
    }
    letters
}

fn word(index: usize) -> String {
    format!("{MAIL_WORD}{index:06}x")
}

fn id(index: usize) -> String {
    format!("storm-{index}@chaos.example")
}

fn request(index: usize, address: &str, threads: &mut Vec<Thread>, rng: &mut Rng) -> Letter {
    threads.push(Thread { request: index, ids: vec![id(index)] });
    let (files, body) = body(index, rng);
    let raw = mail(index, address, &format!("Subject: Request {index}\r\n"), &body);
    Letter { raw, fate: Fate::Issue { word: word(index), files } }
}

/// To the latest mail of its thread, or to an older one.
fn answer(index: usize, address: &str, threads: &mut [Thread], rng: &mut Rng) -> Letter {
    let chosen = rng.usize(..threads.len());
    let (files, body) = body(index, rng);
    let mut head = format!("Subject: Re: Answer {index}\r\n");
    let mut on = 0;
    if let Some(thread) = threads.get_mut(chosen) {
        let known = rng.usize(1..=thread.ids.len());
        let ancestors: Vec<String> = thread.ids.iter().take(known).map(|id| format!("<{id}>")).collect();
        let _ = write!(head, "In-Reply-To: {}\r\n", ancestors.last().map_or("", String::as_str)); // cannot fail
        let _ = write!(head, "References: {}\r\n", ancestors.join("\r\n "));
        thread.ids.push(id(index));
        on = thread.request;
    }
    Letter { raw: mail(index, address, &head, &body), fate: Fate::Comment { word: word(index), on, files } }
}

fn copy(letters: &[Letter], rng: &mut Rng) -> Letter {
    let original = rng.choice(letters);
    Letter { raw: original.map(|letter| letter.raw.clone()).unwrap_or_default(), fate: Fate::Copy }
}

fn machine_mail(index: usize, address: &str) -> Letter {
    let head = "Subject: Out of office\r\nAuto-Submitted: auto-replied\r\n";
    let body = format!("Content-Type: text/plain\r\n\r\nI am away. {}\r\n", word(index));
    Letter { raw: mail(index, address, head, &body), fate: Fate::Nothing { word: word(index) } }
}

fn mail(index: usize, address: &str, head: &str, body: &str) -> Vec<u8> {
    let person = index % 23;
    format!(
        "Date: Mon, 05 Jan 2026 10:00:00 +0000\r\nFrom: Person {person} <person{person}@chaos.example>\r\n\
         To: {address}\r\nMessage-ID: <{}>\r\nMIME-Version: 1.0\r\n{head}{body}",
        id(index)
    )
    .into_bytes()
}

/// Text alone, or with one to three files, some of which share a name.
fn body(index: usize, rng: &mut Rng) -> (Vec<String>, String) {
    let text = format!("Content-Type: text/plain; charset=us-ascii\r\n\r\nThe word is {}\r\n", word(index));
    let count = if rng.u8(..100) < 30 { rng.usize(1..=3) } else { 0 };
    if count == 0 {
        return (Vec::new(), text);
    }
    let mut words = Vec::new();
    let mut body =
        format!("Content-Type: multipart/mixed; boundary=\"storm-{index}\"\r\n\r\n--storm-{index}\r\n{text}");
    for number in 0..count {
        let word = format!("{FILE_WORD}{index:06}n{number}x");
        let name = *rng.choice(["scan.bin", "notes.bin", "photo.bin"].as_slice()).unwrap_or(&"file.bin");
        let content = word.clone() + &"filling\n".repeat(rng.usize(0..4_000));
        let encoded = STANDARD.encode(content);
        let lines: Vec<&str> =
            encoded.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        let _ = write!(
            body,
            "\r\n--storm-{index}\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{}\r\n",
            lines.join("\r\n")
        ); // writing to a String cannot fail
        words.push(word);
    }
    let _ = write!(body, "\r\n--storm-{index}--\r\n");
    (words, body)
}
