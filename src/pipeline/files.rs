//! What of Jira bears on the files of a message: how large they may be, and what the issue has already.

use std::collections::BTreeMap;

use super::Ctx;
use super::known::Trouble;
use crate::jira::{ExistingAttachment, Flavour, IssueRef, UploadLimit};
use crate::mail::Mail;
use crate::store::pictures::Picture;

/// What of Jira bears on how a message is written.
pub(super) struct Files {
    pub(super) flavour: Flavour,
    pub(super) existing: Vec<ExistingAttachment>,
    /// Names of pictures that mails brought to the issue, by their SHA-256.
    pub(super) pictures: BTreeMap<String, String>,
    pub(super) upload_limit: UploadLimit,
}

/// Asks what bears on the files of a message that goes to this issue, or to a new one.
pub(super) async fn files(ctx: &Ctx, mail: &Mail, issue: Option<&IssueRef>) -> Result<Files, Trouble> {
    let flavour = ctx.jira().flavour().await?;
    let upload_limit = ctx.jira().upload_limit().await?;
    let Some(issue) = issue.filter(|_| !mail.attachments.is_empty()) else {
        return Ok(Files { flavour, existing: Vec::new(), pictures: BTreeMap::new(), upload_limit });
    };
    let existing = ctx.jira().issue(issue).await?.map(|issue| issue.attachments).unwrap_or_default();
    let name = |picture: &Picture| existing.iter().find(|file| file.id == picture.attachment_id);
    let brought = ctx.ledger.pictures(issue).await?;
    let pictures = brought.iter().filter_map(|picture| Some((picture.sha256.clone(), name(picture)?.name.clone())));
    Ok(Files { flavour, pictures: pictures.collect(), existing, upload_limit })
}
