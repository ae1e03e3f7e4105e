//! A user's folder as files: mail put in and looked at behind Dovecot's back, as a delivery agent does it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};

use super::owner::Owner;
use crate::clock;

/// One folder of one user. Cheap to clone, and usable from any thread, also while Dovecot is stopped.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    path: PathBuf,
    owner: Owner,
}

/// A mail as it lies in a folder.
#[derive(Debug, Clone)]
pub struct StoredMail {
    /// Its name, the same for as long as it stays in the folder.
    pub name: String,
    /// What clients marked it with.
    pub flags: BTreeSet<Flag>,
    path: PathBuf,
}

/// An IMAP system flag, as Maildir keeps it in a file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// `\Draft`
    Draft,
    /// `\Flagged`
    Flagged,
    /// `\Answered`
    Answered,
    /// `\Seen`
    Seen,
    /// `\Deleted`
    Deleted,
}

impl StoredMail {
    /// Its bytes. Fails with "not found" when it was flagged or moved since it was listed.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.path)
    }

    /// Whether it carries the flag.
    pub fn has(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }
}

impl Folder {
    pub(super) fn new(root: PathBuf, folder: &str, owner: Owner) -> Self {
        // Maildir++: INBOX is the root itself, `A/B` lies beside it as `.A.B`.
        let path = if folder == "INBOX" { root.clone() } else { root.join(format!(".{}", folder.replace('/', "."))) };
        Self { root, path, owner }
    }

    /// Puts a mail into the folder, which is made if need be. Returns the mail's name.
    /// Mail delivered later gets a higher UID.
    pub fn deliver(&self, raw: &[u8]) -> io::Result<String> {
        self.make()?;
        self.put(raw)
    }

    /// Puts many mails into the folder, in their order; says how many they were.
    pub fn deliver_all<M: AsRef<[u8]>>(&self, mails: impl IntoIterator<Item = M>) -> io::Result<usize> {
        self.make()?;
        mails.into_iter().try_fold(0, |count, raw| self.put(raw.as_ref()).map(|_| count + 1))
    }

    /// Everything in the folder, in the order of delivery. A folder that does not exist is empty.
    pub fn mails(&self) -> io::Result<Vec<StoredMail>> {
        // `new` before `cur`: what Dovecot moves meanwhile is then seen twice, and counted once, rather than not at all.
        let mut mails = BTreeMap::new();
        for part in ["new", "cur"] {
            mails.extend(list(&self.path.join(part))?.into_iter().map(|mail| (mail.name.clone(), mail)));
        }
        Ok(mails.into_values().collect())
    }

    /// How many mails are in the folder.
    pub fn count(&self) -> io::Result<usize> {
        self.mails().map(|mails| mails.len())
    }

    /// Deletes the folder with all its mail, as another mail program may do at any time.
    pub fn delete(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }

    /// Gives the folder the name of another, which is not there, as another mail program may do at any time.
    pub fn rename(&self, to: &Self) -> io::Result<()> {
        fs::rename(&self.path, &to.path)
    }

    /// Makes Dovecot number the folder anew, as after a restore from backup: UIDVALIDITY grows, UIDs begin at 1 again.
    /// Sessions that have the folder selected are dropped by Dovecot.
    pub fn change_uid_validity(&self) -> io::Result<()> {
        for directory in [&self.path, &self.root] {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                if numbers_mail(&entry.file_name().to_string_lossy(), directory == &self.path) {
                    ignore_missing(fs::remove_file(entry.path()))?;
                }
            }
        }
        Ok(())
    }

    fn put(&self, raw: &[u8]) -> io::Result<String> {
        let name = unique_name(raw.len());
        let temporary = self.path.join("tmp").join(&name);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(raw)?;
        self.owner.own(&temporary)?;
        fs::rename(&temporary, self.path.join("new").join(&name))?;
        Ok(name)
    }

    fn make(&self) -> io::Result<()> {
        if self.path.join("tmp").is_dir() {
            return Ok(());
        }
        self.make_directory(&self.root)?;
        self.make_directory(&self.path)?;
        if self.path != self.root {
            let marker = self.path.join("maildirfolder");
            fs::write(&marker, "")?;
            self.owner.own(&marker)?;
        }
        for part in ["cur", "new", "tmp"] {
            self.make_directory(&self.path.join(part))?;
        }
        Ok(())
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => self.owner.own(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The files in which Dovecot keeps a folder's numbers: its list of UIDs and indexes, and the list of all folders,
/// which remembers every UIDVALIDITY. `dovecot-uidvalidity` stays: from it the next value is drawn.
fn numbers_mail(name: &str, in_folder: bool) -> bool {
    name.starts_with("dovecot.list.index")
        || in_folder && (name == "dovecot-uidlist" || name.starts_with("dovecot.index"))
}

fn list(directory: &Path) -> io::Result<Vec<StoredMail>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    entries
        .map(|entry| {
            let path = entry?.path();
            let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let (name, letters) = file_name.split_once(":2,").unwrap_or((&file_name, ""));
            Ok(StoredMail { name: name.to_owned(), flags: letters.chars().filter_map(flag).collect(), path })
        })
        .collect()
}

fn flag(letter: char) -> Option<Flag> {
    match letter {
        'D' => Some(Flag::Draft),
        'F' => Some(Flag::Flagged),
        'R' => Some(Flag::Answered),
        'S' => Some(Flag::Seen),
        'T' => Some(Flag::Deleted),
        _ => None, // keywords, in lower case
    }
}

/// Dovecot numbers new mail by the time in its name, so that no two of ours may share a microsecond.
fn unique_name(size: usize) -> String {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let now = clock::now().as_microsecond();
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)));
    let unique = now.max(last.unwrap_or(now) + 1);
    let (seconds, micros) = (unique / 1_000_000, unique % 1_000_000);
    format!("{seconds}.M{micros:06}P{}.sandbox,S={size}", std::process::id())
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
