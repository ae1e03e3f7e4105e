//! A letter box for people: a directory whose `.eml` files are put into the mailbox. Nothing is sent anywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use sandbox::dovecot::Folder;
use tokio::time::sleep;

/// How often the directory is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// Where letters are dropped in a sandbox that lives in `dir`.
pub fn directory(dir: &Path) -> PathBuf {
    dir.join("drop")
}

/// Puts a file into the letter box of the sandbox in `dir`.
pub fn drop_letter(dir: &Path, file: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let box_dir = directory(dir);
    anyhow::ensure!(box_dir.is_dir(), "no sandbox runs in {}", dir.display());
    let name: String = std::iter::repeat_with(fastrand::alphanumeric).take(10).collect();
    let unfinished = box_dir.join(format!("{name}.new"));
    fs::write(&unfinished, bytes)?;
    fs::rename(&unfinished, box_dir.join(format!("{name}.eml")))?;
    Ok(())
}

/// Empties the letter box into the mailbox until it is dropped itself.
pub async fn carry(dir: &Path, inbox: &Folder) -> anyhow::Result<()> {
    let box_dir = directory(dir);
    fs::create_dir_all(&box_dir)?;
    loop {
        for entry in fs::read_dir(&box_dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "eml") {
                inbox.deliver(&with_crlf(&fs::read(&path)?))?;
                fs::remove_file(&path)?;
            }
        }
        sleep(LOOK).await;
    }
}

/// Files that people save have the line ends of their system; mail has CRLF (RFC 5322, 2.3).
fn with_crlf(text: &[u8]) -> Vec<u8> {
    let mut mail = Vec::with_capacity(text.len() + text.len() / 40);
    let mut last = 0;
    for &byte in text {
        if byte == b'\n' && last != b'\r' {
            mail.push(b'\r');
        }
        mail.push(byte);
        last = byte;
    }
    mail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_gets_the_line_ends_of_mail_once() {
        assert_eq!(with_crlf(b"a\nb\r\n\nc"), b"a\r\nb\r\n\r\nc");
    }
}
