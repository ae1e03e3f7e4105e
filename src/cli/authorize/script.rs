//! The PowerShell script that an Exchange administrator runs so that an app may open a mailbox in its own right. Text alone.

use crate::config::Cloud;

/// Whom the script is about.
pub(super) struct Subjects<'a> {
    /// The app's client id.
    pub client_id: &'a str,
    /// The service principal's object id, where a token told it.
    pub object_id: Option<&'a str>,
    /// The mailbox's address.
    pub mailbox: &'a str,
    pub cloud: Cloud,
}

/// <https://learn.microsoft.com/en-us/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth#use-client-credentials-grant-flow-to-authenticate-smtp-imap-and-pop-connections>
pub(super) fn text(subjects: &Subjects<'_>) -> String {
    let (app, mailbox) = (quoted(subjects.client_id), quoted(subjects.mailbox));
    let (object, note) = match subjects.object_id {
        Some(id) => (quoted(id), String::new()),
        None => (
            "'<OBJECT ID>'".to_owned(),
            "# Fill in the Object ID that stands under Enterprise applications, not the one under App registrations.\n"
                .into(),
        ),
    };
    let environment = environment(subjects.cloud);
    format!(
        "# Lets the app {app} open the mailbox {mailbox}. For an Exchange administrator.\n\
         # Once on this machine: Install-Module -Name ExchangeOnlineManagement\n\
         {note}\
         $app = {app}\n\
         $object = {object}\n\
         $mailbox = {mailbox}\n\
         Import-Module ExchangeOnlineManagement\n\
         Connect-ExchangeOnline{environment}\n\
         if (-not (Get-ServicePrincipal -Identity $object -ErrorAction SilentlyContinue)) {{\n    \
             New-ServicePrincipal -AppId $app -ObjectId $object -DisplayName 'mail2jira'\n\
         }}\n\
         Add-MailboxPermission -Identity $mailbox -User $object -AccessRights FullAccess\n\
         Set-CASMailbox -Identity $mailbox -ImapEnabled $true\n\
         Get-MailboxPermission -Identity $mailbox -User $object\n\
         Disconnect-ExchangeOnline -Confirm:$false\n"
    )
}

fn environment(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Global => "",
        Cloud::GccHigh => " -ExchangeEnvironmentName O365USGovGCCHigh",
        Cloud::Dod => " -ExchangeEnvironmentName O365USGovDoD",
        Cloud::China => " -ExchangeEnvironmentName O365China",
    }
}

/// A verbatim string of PowerShell's; its curly quotes end one too.
fn quoted(text: &str) -> String {
    let doubled: String = text
        .chars()
        .flat_map(|c| std::iter::repeat_n(c, if matches!(c, '\'' | '\u{2018}'..='\u{201b}') { 2 } else { 1 }))
        .filter(|c| !c.is_control())
        .collect();
    format!("'{doubled}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_holds_every_id_and_nothing_can_break_out_of_its_quotes() {
        let subjects = Subjects {
            client_id: "1111",
            object_id: Some("2222"),
            mailbox: "o'brien@example.com",
            cloud: Cloud::GccHigh,
        };
        let script = text(&subjects);
        for line in [
            "$app = '1111'",
            "$object = '2222'",
            "$mailbox = 'o''brien@example.com'",
            "Connect-ExchangeOnline -ExchangeEnvironmentName O365USGovGCCHigh",
            "New-ServicePrincipal -AppId $app -ObjectId $object",
            "Add-MailboxPermission -Identity $mailbox -User $object -AccessRights FullAccess",
        ] {
            assert!(script.contains(line), "{line} is missing: {script}");
        }
        assert!(text(&Subjects { object_id: None, ..subjects }).contains("Enterprise applications"));
    }
}
