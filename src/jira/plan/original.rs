//! The message as it came, for an issue that does not show all of it. Pure.

use super::{Source, Write};
use crate::jira::ExistingAttachment;
use crate::mail::file_name;

/// A message, as far as its upload depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Original<'m> {
    /// Its subject, which the file is named after.
    pub subject: &'m str,
    /// Bytes.
    pub size: u64,
}

/// The upload of a message to an issue that has some files already, beside the writes that are planned for it.
pub fn upload<'w>(
    original: Original<'_>,
    existing: &[ExistingAttachment],
    planned: impl Iterator<Item = &'w Write>,
) -> Write {
    let mut taken = file_name::Taken::default();
    existing.iter().for_each(|file| taken.take(&file.name));
    for write in planned {
        if let Write::Attach { name, .. } = write {
            taken.take(name);
        }
    }
    Write::Attach {
        name: taken.unique(&named_after(original.subject)),
        content_type: "message/rfc822".to_owned(),
        size: original.size,
        source: Source::Original,
        known: existing.iter().map(|file| file.id.clone()).collect(),
        picture: None,
        audience: None,
    }
}

/// `About the printer.eml`.
pub(super) fn named_after(subject: &str) -> String {
    file_name::from_text(subject, "eml").unwrap_or_else(|| "message.eml".to_owned())
}
