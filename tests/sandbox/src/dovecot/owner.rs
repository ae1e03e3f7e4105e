//! Which accounts Dovecot runs as, and who owns the mail: Debian's own as root, else the user who runs the test.

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::path::Path;

use super::DovecotError;

/// The names that the configuration needs, and the owner of the mail.
#[derive(Debug, Clone)]
pub(super) struct Accounts {
    pub internal_user: String,
    pub internal_group: String,
    pub login_user: String,
    pub mail_user: String,
    pub mail_group: String,
    pub owner: Owner,
}

/// Who has to own a mail that Dovecot is to read and move.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owner {
    /// Whoever runs this process.
    Me,
    /// Another account; only root can give files away.
    Other { uid: u32, gid: u32 },
}

impl Accounts {
    /// Dovecot refuses to read mail as root, so root runs it under the accounts that Debian's packages made.
    pub fn for_this_user() -> Result<Self, DovecotError> {
        let uid = rustix::process::geteuid().as_raw();
        if uid == 0 { Self::of_debian() } else { Self::all_one(uid) }
    }

    fn of_debian() -> Result<Self, DovecotError> {
        let mail = user(|user| user.name == "mail")?;
        Ok(Self {
            internal_user: "dovecot".to_owned(),
            internal_group: "dovecot".to_owned(),
            login_user: "dovenull".to_owned(),
            mail_group: group(mail.gid)?,
            owner: Owner::Other { uid: mail.uid, gid: mail.gid },
            mail_user: mail.name,
        })
    }

    fn all_one(uid: u32) -> Result<Self, DovecotError> {
        let me = user(|user| user.uid == uid)?;
        let group = group(me.gid)?;
        Ok(Self {
            internal_user: me.name.clone(),
            internal_group: group.clone(),
            login_user: me.name.clone(),
            mail_user: me.name,
            mail_group: group,
            owner: Owner::Me,
        })
    }
}

impl Owner {
    /// Gives a file or directory to the owner.
    pub fn own(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Me => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid)),
        }
    }
}

struct User {
    name: String,
    uid: u32,
    gid: u32,
}

fn user(wanted: impl Fn(&User) -> bool) -> Result<User, DovecotError> {
    let text = fs::read_to_string("/etc/passwd")?;
    let parse = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(User { name, uid, gid })
    };
    text.lines().filter_map(parse).find(wanted).ok_or(DovecotError::NoAccount("/etc/passwd"))
}

fn group(gid: u32) -> Result<String, DovecotError> {
    let text = fs::read_to_string("/etc/group")?;
    let parse = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let found: u32 = fields.nth(1)?.parse().ok()?;
        (found == gid).then_some(name)
    };
    text.lines().find_map(parse).ok_or(DovecotError::NoAccount("/etc/group"))
}
