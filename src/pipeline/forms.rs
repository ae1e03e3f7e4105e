//! The forms that Jira has for new issues: read at the start and after a refusal, so that fields get their shapes and what is
//! required is filled in. A form that Jira will not show holds up no mail.

use std::sync::Arc;

use super::Ctx;
use crate::config::{MailboxSettings, TargetForm};
use crate::decide::values::Wanted;
use crate::jira::plan::ALWAYS_FILLED;
use crate::jira::{Form, JiraError, Need};

/// The form for new issues of a type; empty where Jira shows none.
pub(super) async fn form(ctx: &Ctx, project: &str, issue_type: &str) -> Result<Arc<Form>, JiraError> {
    Ok(JiraError::or_without(ctx.jira().form(project, issue_type).await)?.unwrap_or_default())
}

/// Fills in the mailbox's defaults for what the form requires and the message does not give.
pub(super) fn fill_required(form: &Form, settings: &MailboxSettings, wanted: &mut Wanted) {
    for (field, _) in form.iter().filter(|(_, field)| field.need == Need::Required) {
        if let Some(default) = settings.defaults.get(field).filter(|_| !wanted.fields.contains_key(field)) {
            wanted.fields.insert(field.clone(), default.clone());
            wanted.trouble.push(format!("`{field}` is required and got the mailbox's default"));
        }
    }
}

/// Reads every form that the configuration writes to, and warns of what it leaves empty: the first mail should not be the one to
/// find that out.
pub async fn read_all(ctx: Arc<Ctx>) {
    let config = ctx.config();
    for target in config.issue_targets() {
        let form = match target.form {
            TargetForm::IssueType(issue_type) => form(&ctx, target.project, issue_type).await,
            TargetForm::RequestType(kind) => {
                ctx.jira().request_form(target.project, kind).await.map(|form| Arc::new(form.fields))
            }
        };
        let Ok(form) = form else { return };
        let is_filled = |field: &str| ALWAYS_FILLED.contains(&field) || target.filled.contains(field);
        let lacking = form.iter().filter(|(id, field)| field.need == Need::Required && !is_filled(id));
        for (field, _) in lacking {
            tracing::warn!(
                project = target.project,
                form = target.form.name(),
                field,
                by = target.by,
                "Jira requires a field of new issues that nothing fills"
            );
        }
    }
}
