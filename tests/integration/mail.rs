//! What mail becomes, from its bytes to a plan: real-looking messages beside what was made of them, and a file for each step.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mail2jira::config::{MailboxName, MailboxSettings};
use mail2jira::decide::{Action, Decision};
use mail2jira::jira::plan::{Fields, Marker, Plan, PlanFacts, Step, Write, plan};
use mail2jira::jira::{Flavour, Form, IssueRef, Nature, UploadLimit};
use mail2jira::mail::{Mail, parse};
use mail2jira::preview::{default_settings, preview};
use serde_json::Value;

mod bombs;
mod decisions;
mod documents;
mod plans;

fn settings() -> MailboxSettings {
    let mut settings = default_settings(MailboxName::parse("support").unwrap());
    settings.address = "support@example.org".to_owned();
    settings.project = Some("SUP".to_owned());
    settings
}

fn issue(number: u32) -> IssueRef {
    IssueRef { id: number.to_string(), key: format!("SUP-{number}") }
}

fn planned(mail: &Mail, decision: &Action, facts: &PlanFacts<'_>) -> Plan {
    let decision = Decision { action: decision.clone(), rule: None, because: String::new() };
    let mut made = 0;
    plan(&decision, mail, facts, &mut || {
        made += 1;
        Marker(format!("m{made}"))
    })
}

static NO_PICTURES: BTreeMap<String, String> = BTreeMap::new();
static NO_FORM: Form = Form::new();

fn facts(settings: &MailboxSettings) -> PlanFacts<'_> {
    let original = 1_000;
    PlanFacts {
        flavour: Flavour::Cloud,
        settings,
        original,
        existing: &[],
        pictures: &NO_PICTURES,
        upload_limit: UploadLimit::Bytes(10 << 20),
        form: &NO_FORM,
        request_form: None,
        watchers: &[],
        participants: &[],
        nature: Nature::Issue,
    }
}

fn create() -> Action {
    Action::Create { project: "SUP".to_owned(), issue_type: "Task".to_owned(), wanted: Box::default() }
}

fn uploads(plan: &Plan) -> Vec<String> {
    let name = |step: &Step| match &step.write {
        Write::Attach { name, .. } => Some(name.clone()),
        Write::CreateIssue { .. }
        | Write::RaiseRequest { .. }
        | Write::Complete { .. }
        | Write::AddComment { .. }
        | Write::Prove { .. }
        | Write::ShowPictures { .. }
        | Write::Link { .. }
        | Write::Watch { .. }
        | Write::AddParticipants { .. }
        | Write::Reopen => None,
    };
    plan.steps.iter().filter_map(name).collect()
}

fn values(fields: &Fields) -> serde_json::Map<String, Value> {
    fields.iter().map(|(name, value)| (name.clone(), value.to_value())).collect()
}

/// Every `.eml` under `tests/mail` beside the `.json` that `preview --json` must print for it. `UPDATE_SNAPSHOTS=1` writes
/// them anew; read the difference before committing it.
#[test]
fn real_looking_messages_come_out_as_recorded() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "eml"));
    files.sort();
    assert!(files.len() > 20);
    let mut differing = Vec::new();
    for file in files {
        // In the files lines end in LF, on the wire in CRLF.
        let lines = std::fs::read(&file).unwrap();
        let raw: Vec<u8> = lines
            .iter()
            .flat_map(|byte| if *byte == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(byte) })
            .copied()
            .collect();
        let got = serde_json::to_string_pretty(&preview(&raw, &settings(), &[])).unwrap() + "\n";
        let recorded = file.with_extension("json");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&recorded, &got).unwrap();
        }
        if std::fs::read_to_string(&recorded).unwrap_or_default() != got {
            differing.push(format!("{}:\n{got}", file.display()));
        }
    }
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
}

#[test]
fn line_ends_of_any_kind_mean_the_same() {
    let unix =
        "From: ann@example.com\nSubject: a\n b\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\none\ntwo\n--x--\n";
    let mails =
        [unix.to_owned(), unix.replace('\n', "\r\n"), unix.replace('\n', "\r")].map(|raw| parse(raw.as_bytes()));
    for mail in &mails {
        assert_eq!((mail.subject.as_str(), mail.body.text.as_str()), ("a b", "one\ntwo"));
    }
}

#[test]
fn nothing_at_all_is_a_message_too() {
    let mail = parse(b"");
    assert_eq!((mail.subject.as_str(), mail.body.text.as_str(), mail.attachments.len()), ("", "", 0));
    let settings = settings();
    let plan = planned(&mail, &create(), &facts(&settings));
    let Write::CreateIssue { fields, .. } = &plan.steps[0].write else { panic!("no issue") };
    let fields = values(fields);
    assert_eq!(fields["summary"], "(no subject)");
}

fn mail_of(header: &str) -> Mail {
    parse(format!("From: Ann <ann@example.com>\r\nMessage-ID: <me@example.com>\r\n{header}\r\n\r\ntext").as_bytes())
}
