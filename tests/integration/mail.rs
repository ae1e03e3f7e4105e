//! What mail becomes: real-looking messages with what was made of them, and hostile ones that must cost little and break nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mail2jira::config::rule::Visibility;
use mail2jira::config::{AttachOriginal, MailboxName, MailboxSettings, Skip, Strangers};
use mail2jira::decide::claim::{Claimed, Standing, Tie};
use mail2jira::decide::{Action, Afterwards, Candidate, Decision, Facts, Grounds, Kinship, decide, thread_issue};
use mail2jira::jira::Flavour;
use mail2jira::jira::document::{Fit, MAX_BYTES, MAX_TEXT, Page, Pictures, Rendered, Section, render};
use mail2jira::jira::plan::{Fields, Marker, Plan, PlanFacts, Source, Step, Write, plan};
use mail2jira::jira::{ExistingAttachment, Form, IssueRef, Nature};
use mail2jira::mail::rich::{
    Block, Cell, CellRole, Content, Document, Inline, Level, Link, List, Mark, Marks, Numbering, Picture, Span, Table,
};
use mail2jira::mail::{Classification, Harm, Mail, MessageId, parse};
use mail2jira::preview::{default_settings, preview};
use proptest::prelude::*;
use serde_json::Value;

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
    let decision = mail2jira::decide::Decision { action: decision.clone(), rule: None, because: String::new() };
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
        upload_limit: Some(10 << 20),
        form: &NO_FORM,
        request_form: None,
        watchers: &[],
        participants: &[],
        nature: Nature::Issue,
    }
}

fn decided(mail: &Mail, facts: &Facts, settings: &MailboxSettings) -> Decision {
    decide(mail, &Grounds { facts, settings, rules: &[], size: 1_000 })
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

/// A page of nothing but a body.
fn page(body: &Document) -> Page<'_> {
    let (head, notes) = (Document::default(), Document::default());
    Page { head, body, sections: Vec::new(), notes, pictures: Pictures::default() }
}

fn adf_of(body: &Document) -> Value {
    render(&page(body), Flavour::Cloud).json.to_value()
}

fn wiki_of(body: &Document) -> String {
    render(&page(body), Flavour::DataCenter).json.to_value().as_str().unwrap().to_owned()
}

/// What may stand in what, of the nodes that we write: where Jira and the schema of its format differ, the stricter.
fn allowed_in(container: &str) -> &'static [&'static str] {
    match container {
        "doc" => {
            &["paragraph", "heading", "bulletList", "orderedList", "codeBlock", "blockquote", "rule", "expand", "table"]
        }
        "expand" => &["paragraph", "heading", "bulletList", "orderedList", "codeBlock", "blockquote", "rule", "table"],
        "blockquote" | "listItem" => &["paragraph", "bulletList", "orderedList", "codeBlock"],
        "tableCell" | "tableHeader" => {
            &["paragraph", "heading", "bulletList", "orderedList", "codeBlock", "blockquote", "rule"]
        }
        "bulletList" | "orderedList" => &["listItem"],
        "table" => &["tableRow"],
        "tableRow" => &["tableCell", "tableHeader"],
        "paragraph" | "heading" => &["text", "hardBreak"],
        "codeBlock" => &["text"],
        _ => &[],
    }
}

/// All text in an Atlassian Document, and a check of what the schema and Jira demand of the nodes that we write.
fn text_of_valid_adf(node: &Value, text: &mut String) {
    let kind = node["type"].as_str().expect("type");
    let children: &[Value] = node["content"].as_array().map_or(&[], Vec::as_slice);
    match kind {
        "text" => return text.push_str(text_of_valid_node(node)),
        "hardBreak" => return text.push('\n'),
        "doc" => assert_eq!(node["version"], 1),
        "paragraph" | "rule" => {}
        "listItem" => assert_eq!(children[0]["type"], "paragraph", "{node}"),
        _ => assert!(!children.is_empty(), "{node}"),
    }
    for child in children {
        let child_kind = child["type"].as_str().unwrap();
        assert!(allowed_in(kind).contains(&child_kind), "{child_kind} in {kind}");
        assert!(kind != "codeBlock" || child["marks"].is_null());
        text_of_valid_adf(child, text);
    }
    if matches!(kind, "paragraph" | "heading" | "codeBlock") {
        text.push_str("\n\n");
    }
}

fn text_of_valid_node(node: &Value) -> &str {
    let written = node["text"].as_str().unwrap();
    assert!(!written.is_empty());
    assert!(written.chars().all(|c| c == '\t' || c == '\n' || !c.is_control()), "{written:?}");
    let marks: &[Value] = node["marks"].as_array().map_or(&[], Vec::as_slice);
    let is_code = marks.iter().any(|mark| mark["type"] == "code");
    for mark in marks {
        let kind = mark["type"].as_str().unwrap();
        assert!(!is_code || matches!(kind, "code" | "link"), "{kind} beside code");
        if let Some(href) = mark["attrs"]["href"].as_str() {
            let schemes = ["http:", "https:", "mailto:", "tel:", "ftp:"];
            assert!(schemes.iter().any(|scheme| href.to_ascii_lowercase().starts_with(scheme)), "{href:?}");
        }
    }
    written
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

/// Parsed on a thread with the 2 MiB of stack that a worker has. A stack overflow would abort the whole test run.
fn parse_on_a_small_stack(raw: Vec<u8>) -> Mail {
    let parsing = std::thread::Builder::new().stack_size(2 << 20).spawn(move || parse(&raw)).unwrap();
    parsing.join().unwrap()
}

#[test]
fn nested_messages_by_the_ten_thousand_do_not_overflow_the_stack() {
    let bombs = [
        "Content-Type: message/rfc822\r\n\r\n".to_owned(),
        "Content-Type: message (x) / rfc822\r\n\r\n".to_owned(),
        "Con tent-Type:message/global\r\n\r\n".to_owned(),
        "Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\n".to_owned(),
        "Content-Type: multipart/digest; boundary=x\r\n\r\n--xContent-Type: message/rfc822\r\n\r\n".to_owned(),
    ];
    for bomb in bombs {
        let mail = parse_on_a_small_stack(bomb.repeat(50_000).into_bytes());
        assert!(mail.attachments.len() <= 1_000, "{bomb:?}");
    }
}

#[test]
fn an_encoded_nested_message_is_never_entered() {
    use base64::Engine;
    let bomb = "Content-Type: message/rfc822\r\n\r\n".repeat(50_000);
    let encoded = base64::engine::general_purpose::STANDARD.encode(&bomb);
    for kind in ["message/rfc822", "message(x)/rfc822"] {
        let raw = format!(
            "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n\
             {encoded}\r\n--x--\r\n"
        );
        let mail = parse_on_a_small_stack(raw.into_bytes());
        assert_eq!(mail.attachments.len(), 1, "{kind}");
    }
}

#[test]
fn containers_a_thousand_deep_keep_what_can_be_kept_and_say_so() {
    let open = |depth: usize| format!("Content-Type: multipart/mixed; boundary=b{depth}x\r\n\r\n--b{depth}x\r\n");
    let raw: String = (0..1_000).map(open).collect::<String>() + "\r\ndeep text\r\n";
    let mail = parse_on_a_small_stack(raw.into_bytes());
    assert!(mail.complaints.iter().any(|complaint| complaint.harm == Harm::Incomplete));
    let settings = settings();
    let plan = planned(&mail, &create(), &facts(&settings));
    assert_eq!(uploads(&plan), ["message.eml"]);
}

#[test]
fn ten_thousand_parts_are_bounded_and_the_original_makes_up_for_the_rest() {
    let part = |n: usize| format!("--x\r\nContent-Type: text/csv; name=f.csv\r\n\r\n{n}\r\n");
    let raw: String = "Content-Type: multipart/mixed; boundary=x\r\n\r\n".to_owned()
        + &(0..10_000).map(part).collect::<String>()
        + "--x--";
    let mail = parse(raw.as_bytes());
    assert_eq!(mail.attachments.len(), 1_000);
    assert_eq!((mail.attachments[0].name.as_str(), mail.attachments[999].name.as_str()), ("f.csv", "f-1000.csv"));
    let settings = settings();
    let plan = planned(&mail, &create(), &facts(&settings));
    assert!(plan.steps.iter().any(|step| matches!(&step.write, Write::Attach { source: Source::Original, .. })));
}

#[test]
fn a_line_of_nothing_but_links_and_a_page_of_nothing_but_pictures_end() {
    let links = "http://a.example ".repeat(100_000);
    assert!(wiki_of(&Document::from_text(&links)).len() > MAX_BYTES / 2);
    let part = |n: usize| format!("--x\r\nContent-Type: image/png\r\nContent-ID: <{n}@x>\r\n\r\nP\r\n");
    let html = "<img src=\"cid:7@x\"><p>".repeat(100_000);
    let raw =
        format!("Content-Type: multipart/related; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n{html}\r\n")
            + &(0..900).map(part).collect::<String>();
    let mail = parse(raw.as_bytes());
    assert_eq!(mail.attachments.iter().filter(|file| file.inline).count(), 1);
}

#[test]
fn huge_headers_are_read_in_part() {
    let subject = "s".repeat(1 << 20);
    let ids: String = (0..50_000).map(|n| format!("<{n}@example.com>\r\n ")).collect();
    let to: String = (0..50_000).map(|n| format!("a{n}@example.com,\r\n ")).collect();
    let many: String = (0..100_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let raw = format!("Subject: {subject}\r\nReferences: {ids}\r\nTo: {to}\r\n{many}\r\ntext");
    let mail = parse(raw.as_bytes());
    assert!(mail.subject.len() <= 64 << 10 && mail.to.len() <= 1_000 && mail.references.len() <= 5_000);
    assert!(mail.ancestors().len() <= 100);
    assert_eq!(mail.body.text, "text");
    let settings = settings();
    let plan = planned(&mail, &create(), &facts(&settings));
    let Write::CreateIssue { fields, .. } = &plan.steps[0].write else { panic!("no issue") };
    let fields = values(fields);
    assert_eq!(fields["summary"].as_str().unwrap().chars().count(), 255);
    let Write::Attach { source, .. } = &plan.steps[1].write else { panic!("the subject's end is lost") };
    assert_eq!(*source, Source::Original);
    assert!(fields["description"].to_string().contains("The subject is too long for Jira"));
}

#[test]
fn a_nul_in_any_place_neither_breaks_nor_shows() {
    let raw = b"From: Ann <ann@example.com>\r\nSubject: word\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nthe text\r\n--x\r\n\
        Content-Type: text/csv; name=\"a.csv\"\r\n\r\na;b\r\n--x--\r\n";
    for at in 0..=raw.len() {
        let mut raw = raw.to_vec();
        raw.insert(at, 0);
        let mail = parse(&raw);
        let seen = format!("{}{}{:?}", mail.subject, mail.body.text, mail.attachments.iter().map(|file| &file.name));
        assert!(!seen.contains('\0') && !preview(&raw, &settings(), &[]).to_text().contains('\0'), "at {at}");
        assert!(mail.body.text.contains("text"), "at {at}: {}", mail.body.text);
        assert_eq!((mail.from.len(), mail.attachments.len()), (1, 1), "at {at}");
    }
}

#[test]
fn text_is_shown_where_the_boundary_above_it_was_lost_or_never_was() {
    let file = "--x\r\nContent-Type: text/csv; name=a.csv\r\n\r\na;b\r\n--x--\r\n";
    for (before, expected) in [
        ("--y\r\nthe text\r\n", "--y\nthe text"),
        ("the text\r\n", "the text"),
        ("This is a multi-part message in MIME format.\r\n", ""),
        ("--x\r\n\r\nthe part\r\n", "the part"),
        ("before\r\n--x\r\n\r\nthe part\r\n", "the part"),
        ("--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\nthe text\r\n--y--\r\n", "the text"),
    ] {
        let mail = parse(format!("Content-Type: multipart/mixed; boundary=x\r\n\r\n{before}{file}").as_bytes());
        assert_eq!((mail.body.text.as_str(), mail.attachments.len()), (expected, 1), "{before:?}");
    }
}

fn mail_of(header: &str) -> Mail {
    parse(format!("From: Ann <ann@example.com>\r\nMessage-ID: <me@example.com>\r\n{header}\r\n\r\ntext").as_bytes())
}

#[test]
fn what_a_person_wrote_is_never_taken_for_a_machines() {
    for header in [
        "Subject: Undelivered goods",
        "Subject: Out of office lunch",
        "Subject: Failure notice for line 3",
        "X-Auto-Response-Suppress: All",
        "Subject: Re: Delivery Status Notification (Failure)\r\nReturn-Path: <ann@example.com>",
        "Auto-Submitted: no",
        "Precedence: normal",
    ] {
        let kind = mail_of(header).origin.classification;
        assert!(matches!(kind, Classification::New | Classification::Reply), "{header}: {kind:?}");
    }
}

#[test]
fn what_the_mailbox_ignores_makes_nothing_and_says_why() {
    let settings = settings();
    let mail = mail_of("Subject: Away\r\nAuto-Submitted: auto-replied (vacation)");
    let decision = decided(&mail, &Facts::default(), &settings);
    assert_eq!(decision.action, Action::Ignore);
    assert!(decision.because.contains("auto_reply") && decision.because.contains("RFC 3834"), "{}", decision.because);
    assert_eq!(planned(&mail, &decision.action, &facts(&settings)), Plan::default());
}

#[test]
fn an_alert_is_written_by_a_machine_and_becomes_an_issue_all_the_same() {
    let mail = mail_of("Subject: disk full\r\nAuto-Submitted: auto-generated");
    assert_eq!(mail.origin.classification, Classification::AutoGenerated);
    assert_eq!(decided(&mail, &Facts::default(), &settings()).action, create());
}

#[test]
fn a_list_that_posts_to_the_mailbox_itself_is_not_bulk_there_and_is_elsewhere() {
    let mail =
        mail_of("List-Id: <support.example.org>\r\nList-Post: <mailto:SUPPORT@example.org?x=1>\r\nPrecedence: list");
    let mut settings = settings();
    assert_eq!(decided(&mail, &Facts::default(), &settings).action, create());
    settings.address = "sales@example.org".to_owned();
    assert_eq!(decided(&mail, &Facts::default(), &settings).action, Action::Ignore);
}

#[test]
fn an_answer_becomes_a_comment_where_its_thread_has_an_issue() {
    let mail = mail_of("In-Reply-To: <first@example.com>");
    let facts = Facts { thread_issue: Some(issue(7)), ..Facts::default() };
    assert_eq!(
        decided(&mail, &facts, &settings()).action,
        Action::Comment { issue: issue(7), visibility: Visibility::Public, afterwards: Afterwards::Nothing }
    );
    assert_eq!(decided(&mail, &Facts::default(), &settings()).action, create());
}

#[test]
fn a_message_that_names_an_issue_goes_there_if_its_sender_may_speak_there_and_else_as_the_mailbox_says() {
    let mail = mail_of("In-Reply-To: <unknown@example.com>");
    let named = |tie| Facts { claimed: Some(Claimed { issue: issue(7), tie }), ..Facts::default() };
    let comment = Action::Comment { issue: issue(7), visibility: Visibility::Public, afterwards: Afterwards::Nothing };
    for tie in [Tie::AddressTag, Tie::SubjectKey(Standing::OnIssue)] {
        assert_eq!(decided(&mail, &named(tie), &settings()).action, comment);
    }
    let stranger = named(Tie::SubjectKey(Standing::Unproven));
    let mut settings = settings();
    for (strangers, action) in
        [(Strangers::NewIssue, create()), (Strangers::Comment, comment), (Strangers::Ignore, Action::Ignore)]
    {
        settings.replies.strangers = strangers;
        let decision = decided(&mail, &stranger, &settings);
        assert_eq!(decision.action, action);
        assert!(decision.because.starts_with("its subject names SUP-7, and its sender is not known"), "{decision:?}");
    }
    let released = Facts { released: true, ..stranger.clone() };
    assert_eq!(decided(&mail, &released, &settings).action, create(), "a person wants to see it");
    let threaded = Facts { thread_issue: Some(issue(8)), ..stranger };
    let comment = Action::Comment { issue: issue(8), visibility: Visibility::Public, afterwards: Afterwards::Nothing };
    assert_eq!(decided(&mail, &threaded, &settings).action, comment, "what a thread proves needs no key");
}

#[test]
fn a_sender_who_writes_to_one_issue_as_fast_as_a_machine_is_held_until_a_person_has_looked() {
    let mail = mail_of("In-Reply-To: <first@example.com>");
    let facts = |recent| Facts { thread_issue: Some(issue(7)), recent, ..Facts::default() };
    let is_held = |mail: &Mail, facts: &Facts, settings: &MailboxSettings| {
        let decision = decided(mail, facts, settings);
        assert_eq!(decision.action == Action::Quarantine, decision.because.contains("it may be a loop"));
        decision.action == Action::Quarantine
    };
    assert!(!is_held(&mail, &facts(59), &settings()) && is_held(&mail, &facts(60), &settings()));
    assert!(!is_held(&mail, &Facts { released: true, ..facts(60) }, &settings()));
    let answer = mail_of("In-Reply-To: <first@example.com>\r\nAuto-Submitted: auto-replied");
    let lenient = MailboxSettings { ignore: Vec::new(), ..settings() };
    assert!(!is_held(&answer, &facts(4), &lenient) && is_held(&answer, &facts(5), &lenient));
}

#[test]
fn what_a_person_released_is_not_ignored_again() {
    let mail = mail_of("Auto-Submitted: auto-replied");
    assert_eq!(decided(&mail, &Facts::default(), &settings()).action, Action::Ignore);
    let facts = Facts { released: true, ..Facts::default() };
    assert_eq!(decided(&mail, &facts, &settings()).action, create());
}

#[test]
fn ancestors_are_nearest_first_without_repetition_or_oneself() {
    let mail = mail_of("References: <a@x> <b@x>\r\n <me@example.com> <c@x>\r\nIn-Reply-To: <c@x>");
    assert_eq!(mail.ancestors().iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["c@x", "b@x", "a@x"]);
}

#[test]
fn the_nearest_ancestor_decides_and_then_the_same_mailbox_and_then_the_latest() {
    let id = |text: &str| MessageId::parse(text).unwrap();
    let candidate = |message_id: &str, number, mailbox, order| Candidate {
        message_id: Some(id(message_id)),
        issue: issue(number),
        mailbox,
        order,
    };
    let candidates = [
        candidate("old@x", 1, Kinship::Same, 90),
        candidate("near@x", 2, Kinship::Other, 80),
        candidate("near@x", 3, Kinship::Same, 10),
        candidate("near@x", 4, Kinship::Same, 20),
        candidate("far@x", 5, Kinship::Other, 99),
        candidate("far@x", 6, Kinship::Other, 98),
    ];
    let (unknown, near, old, far) = (id("unknown@x"), id("near@x"), id("old@x"), id("far@x"));
    assert_eq!(thread_issue(&[&unknown, &near, &old], &candidates), Some(&issue(4)));
    assert_eq!(thread_issue(&[&old, &near], &candidates), Some(&issue(1)));
    assert_eq!(thread_issue(&[&far], &candidates), Some(&issue(5)));
    // A sibling: the latest of the conversation in the same mailbox, and never another mailbox's.
    assert_eq!(thread_issue(&[&unknown], &candidates), Some(&issue(1)));
    assert_eq!(thread_issue(&[&unknown], &candidates[4..]), None);
}

fn mail_with_files(files: &[(&str, &str, usize)]) -> Mail {
    let part = |(name, kind, size): &(&str, &str, usize)| {
        format!(
            "--x\r\nContent-Type: {kind}; name=\"{name}\"\r\nContent-Disposition: attachment\r\n\r\n{}\r\n",
            "a".repeat(*size)
        )
    };
    let raw = "From: Ann Lee <ann@example.com>\r\nSubject: files\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nsee\r\n".to_owned()
        + &files.iter().map(part).collect::<String>()
        + "--x--";
    parse(raw.as_bytes())
}

#[test]
fn each_file_is_a_step_of_its_own_with_a_name_that_is_free_on_the_issue() {
    let settings = settings();
    let existing = [ExistingAttachment { id: "500".to_owned(), name: "Image001.png".to_owned(), size: 3 }];
    let facts = PlanFacts { existing: &existing, ..facts(&settings) };
    let mail = mail_with_files(&[("image001.png", "image/png", 10), ("b.pdf", "application/pdf", 10)]);
    let plan = planned(
        &mail,
        &Action::Comment { issue: issue(7), visibility: Visibility::Public, afterwards: Afterwards::Nothing },
        &facts,
    );
    assert_eq!(uploads(&plan), ["image001-2.png", "b.pdf"]);
    assert_eq!(plan.steps.iter().map(|step| step.marker.0.as_str()).collect::<Vec<_>>(), ["m1", "m2", "m3"]);
    let Write::Attach { known, source, size, .. } = &plan.steps[2].write else { panic!("no upload") };
    assert_eq!((known.as_slice(), *source, *size), (&["500".to_owned()][..], Source::Attachment(1), 10));
    let Write::AddComment { body, .. } = &plan.steps[0].write else { panic!("no comment") };
    let body = body.to_value();
    assert!(
        body["content"][0].to_string().contains("Ann Lee")
            && body["content"][0].to_string().contains("mailto:ann@example.com")
    );
    let stored = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&stored).unwrap(), plan);
}

/// A message whose HTML shows its pictures: one by its id, the same bytes again by another, one by its address.
fn mail_with_pictures() -> Mail {
    let picture = |reference: &str, name: &str, bytes: &str| {
        format!("--x\r\nContent-Type: image/png; name={name}\r\n{reference}\r\n\r\n{bytes}\r\n")
    };
    let html = "<p>see <img src='cid:a%40b'> <img src=\"cid:c@d\"> <img src='http://a.example/photo.png'></p>";
    let parts = [
        format!("--x\r\nContent-Type: text/html\r\n\r\n{html}\r\n"),
        picture("Content-ID: <a@b>", "logo.png", "LOGO"),
        picture("Content-ID: <c@d>", "logo.png", "LOGO"),
        picture("Content-Location: http://a.example/photo.png", "photo.png", "PHOTO"),
    ];
    let header = "Subject: pictures\r\nContent-Type: multipart/related; boundary=x\r\n\r\n";
    parse(format!("{header}{}--x--\r\n", parts.concat()).as_bytes())
}

#[test]
fn the_same_picture_is_attached_to_an_issue_once_and_shown_by_the_name_that_it_has_there() {
    let settings = settings();
    let mail = mail_with_pictures();
    let data_center = PlanFacts { flavour: Flavour::DataCenter, ..facts(&settings) };
    let plan = planned(&mail, &create(), &data_center);
    assert_eq!(uploads(&plan), ["logo.png", "photo.png"]);
    let Write::Attach { picture: Some(logo), .. } = &plan.steps[1].write else { panic!("no picture") };
    let there = BTreeMap::from([(logo.clone(), "logo-5.png".to_owned())]);
    let answer = PlanFacts { pictures: &there, ..data_center };
    let comment = Action::Comment { issue: issue(7), visibility: Visibility::Public, afterwards: Afterwards::Nothing };
    let plan = planned(&mail, &comment, &answer);
    assert_eq!(uploads(&plan), ["photo.png"]);
    let Write::AddComment { body, .. } = &plan.steps[0].write else { panic!("no comment") };
    let body = body.to_value().to_string();
    assert_eq!((body.matches("logo-5.png").count(), body.matches("photo.png").count()), (2, 1), "{body}");
}

#[test]
fn files_are_skipped_on_purpose_or_left_out_with_a_word_about_it() {
    let mut settings = settings();
    settings.attachments.max_size = 5_000;
    settings.attachments.skip = vec![
        Skip { pattern: "*.VCF".to_owned(), below: None },
        Skip { pattern: "image/*".to_owned(), below: Some(100) },
    ];
    let mail = mail_with_files(&[
        ("card.vcf", "text/vcard", 10),
        ("logo.gif", "image/gif", 99),
        ("photo.gif", "image/gif", 100),
        ("big.iso", "application/octet-stream", 6_000),
    ]);
    let plan = planned(&mail, &create(), &facts(&settings));
    assert_eq!(plan.skipped, ["card.vcf", "logo.gif"]);
    assert_eq!(uploads(&plan), ["photo.gif"]);
    assert_eq!(plan.left_out, ["big.iso (5.8 KiB): larger than `max_size`"]);
    let Write::CreateIssue { fields, .. } = &plan.steps[0].write else { panic!("no issue") };
    let fields = values(fields);
    assert!(fields["description"].to_string().contains("big.iso (5.8 KiB)"));

    let off = PlanFacts { upload_limit: None, ..facts(&settings) };
    let plan = planned(&mail, &create(), &off);
    assert_eq!((uploads(&plan).len(), plan.left_out.len(), plan.steps.len()), (0, 2, 1));
}

#[test]
fn text_over_jiras_limit_is_cut_and_the_whole_is_attached() {
    let paragraphs: String = (0..2_000).map(|n| format!("Paragraph {n} says something.\r\n\r\n")).collect();
    let mail = parse(format!("From: Ann <ann@example.com>\r\nSubject: long/winded\r\n\r\n{paragraphs}").as_bytes());
    let mut settings = settings();
    let plan = planned(&mail, &create(), &facts(&settings));
    let Write::CreateIssue { fields, .. } = &plan.steps[0].write else { panic!("no issue") };
    let fields = values(fields);
    let description = &fields["description"];
    assert!(description.to_string().len() <= MAX_BYTES);
    assert_eq!(uploads(&plan), ["long_winded.eml"]);
    let last: Vec<String> =
        description["content"].as_array().unwrap().iter().rev().take(3).map(Value::to_string).collect();
    assert!(last[0].contains("long_winded.eml") && last[1].contains("too long"), "{last:?}");
    assert!(last[2].contains("says something."), "cut between paragraphs, not within one: {last:?}");

    settings.attach_original = AttachOriginal::Never;
    assert!(uploads(&planned(&mail, &create(), &facts(&settings))).is_empty());
    settings.attach_original = AttachOriginal::Always;
    let short = mail_of("Subject: short");
    assert_eq!(uploads(&planned(&short, &create(), &facts(&settings))), ["short.eml"]);
}

#[test]
fn a_summary_is_one_line_that_jira_takes() {
    let settings = settings();
    for (subject, expected) in [
        ("a\r\n\tb".to_owned(), "a b".to_owned()),
        ("  ".to_owned(), "(no subject)".to_owned()),
        ("x".repeat(255), "x".repeat(255)),
        ("x".repeat(256), "x".repeat(254) + "…"),
        ("😀".repeat(200), "😀".repeat(127) + "…"),
    ] {
        let plan = planned(&mail_of(&format!("Subject: {subject}")), &create(), &facts(&settings));
        let Write::CreateIssue { fields, project } = &plan.steps[0].write else { panic!("no issue") };
        let fields = values(fields);
        assert_eq!(fields["summary"].as_str().unwrap(), expected);
        assert_eq!(
            (project.as_str(), &fields["project"]["key"], &fields["issuetype"]["name"]),
            ("SUP", &"SUP".into(), &"Task".into())
        );
    }
}

#[test]
fn addresses_become_links_without_the_punctuation_around_them() {
    let links = |text: &str| {
        let adf = adf_of(&Document::from_text(text));
        let nodes = adf["content"][0]["content"].as_array().unwrap().clone();
        let href = |node: &Value| node["marks"][0]["attrs"]["href"].as_str().map(str::to_owned);
        nodes.iter().filter_map(href).collect::<Vec<_>>()
    };
    assert_eq!(
        links("see https://a.example/x?y=1&z=2, or (http://b.example/c_(d))."),
        ["https://a.example/x?y=1&z=2", "http://b.example/c_(d)"]
    );
    assert_eq!(
        links("<mailto:ann@example.com> xhttp://not.example https:// javascript:alert(1)"),
        ["mailto:ann@example.com"]
    );
}

#[test]
fn nothing_a_sender_writes_becomes_wiki_markup() {
    let wiki = wiki_of(&Document::from_text(
        "h1. no\nbq. no\n{code} [~admin] !x.png! *5* |a| \\ &#123;noformat} ----\nhttps://a.example/{x}|y]",
    ));
    let without_links = wiki.split("[https://").next().unwrap();
    let mut before = ' ';
    for c in without_links.chars() {
        assert!(!"{}[]!|*_-+^~?".contains(c) || before == '\\', "{c} in {wiki}");
        before = c;
    }
    assert!(wiki.starts_with("h1&#46; no\nbq&#46; no\n") && !wiki.contains("&#123;"), "{wiki}");
}

/// The schema of the Atlassian Document Format, from the file that `ADF_SCHEMA` names.
fn schema() -> Option<jsonschema::Validator> {
    let Some(path) = std::env::var_os("ADF_SCHEMA") else {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "ADF_SCHEMA is not set, but CI must check against it"
        );
        println!("skipped: ADF is not checked against its schema, since ADF_SCHEMA does not name it");
        return None;
    };
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    Some(jsonschema::draft4::new(&schema).unwrap())
}

#[test]
fn any_text_becomes_a_valid_document_that_keeps_every_word_or_says_that_it_was_cut() {
    let schema = schema();
    let pieces = prop_oneof![
        4 => any::<String>(),
        2 => "[a-z ]{0,2000}",
        1 => Just("\n\n".to_owned()),
        1 => Just("https://example.com/a(b)?c".to_owned()),
        1 => "[\\u{0}-\\u{1f}\"\\\\日😀\\u{ffff}]{0,3000}",
    ];
    let texts = proptest::collection::vec(pieces, 0..30).prop_map(|pieces| pieces.concat());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(128));
    runner
        .run(&texts, |text| {
            let whole = Document::from_text(&text);
            let note = Document::from_text("a note");
            let Rendered { json, body: fit, .. } = render(&Page { notes: note, ..page(&whole) }, Flavour::Cloud);
            let adf = json.to_value();
            let mut kept = String::new();
            text_of_valid_adf(&adf, &mut kept);
            let words = |text: &str| {
                let printable =
                    |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}') && !c.is_whitespace();
                text.chars().filter(printable).collect::<String>()
            };
            let all = words(&text) + "anote";
            prop_assert_eq!(fit == Fit::Whole, words(&kept) == all);
            prop_assert!(all.starts_with(words(&kept).strip_suffix("anote").unwrap()));
            prop_assert!(json.as_str().len() <= MAX_BYTES && kept.encode_utf16().count() <= MAX_TEXT);
            if let Some(schema) = &schema {
                prop_assert!(schema.is_valid(&adf), "{}", adf);
            }
            Ok(())
        })
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Bytes as they come, and pieces of mail in the wrong order.
    #[test]
    fn no_bytes_make_it_panic_and_names_are_always_safe(
        pieces in proptest::collection::vec(prop_oneof![
            3 => proptest::collection::vec(any::<u8>(), 0..200),
            2 => proptest::sample::select(vec![
                "Content-Type: multipart/mixed; boundary=x\r\n", "Content-Type: multipart/digest; boundary=\"x\"\n", "\r\n--x\r\n", "\n--x--\n",
                "\r\n\r\n", "Content-Type: message/rfc822\r\n", "Content-Transfer-Encoding: base64\r\n", "Content-Type: text/html; charset=utf-16\r\n",
                "Content-Disposition: attachment; filename*0*=utf-7''..%2f; filename*1=\"", "Subject: =?utf-8?Q?=C3?= =?x?B?", "From: \"a (b <c@d>, :;",
                "<head><!-- <script> &#xD800; &amp", "References: <<<>>><a@b", "Date: 99 Foo 0000 99:99:99 +9999",
            ]).prop_map(|text| text.as_bytes().to_vec()),
        ], 0..40)
    ) {
        let raw = pieces.concat();
        let mail = parse(&raw);
        let mut names = std::collections::HashSet::new();
        for file in &mail.attachments {
            prop_assert!(!file.name.is_empty() && file.name.len() <= 220 && !file.name.contains(['/', '\\', '\0', ':']));
            prop_assert!(names.insert(file.name.to_lowercase()), "{} twice", file.name);
        }
        let settings = settings();
        let shown = preview(&raw, &settings, &[]);
        text_of_valid_adf(&shown.adf, &mut String::new());
        prop_assert!(!shown.to_text().contains('\0'));
    }
}

/// Text with everything in it that markup or JSON gives a meaning to.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z ]{0,20}",
        1 => any::<String>(),
        1 => proptest::sample::select(vec![
            "{code}", "[~admin]", "!x.png!", "h1. x", "bq. y", ":-) ;) :P (/) (x) (on)", "* a", "||a||", "\\\\", "&#123;html}", "{noformat}\n{html}",
            "\u{2028}h2. z", "----", "a-b -c-", "\"\\\t\u{0}\u{ffff}", "??cite??", "{quote}", "> q", "#1 ^2^ ~3~",
        ]).prop_map(str::to_owned),
    ]
}

fn inlines() -> impl Strategy<Value = Vec<Inline>> {
    let marks = proptest::collection::vec(proptest::sample::select(Mark::ALL.to_vec()), 0..3)
        .prop_map(|marks| marks.into_iter().fold(Marks::default(), Marks::with));
    let link = proptest::option::weighted(0.2, Just(Link::parse("https://a.example/{x}|y]^~z?q=[1]!2!").unwrap()));
    let span = (words(), marks, link).prop_map(|(text, marks, link)| Inline::Text(Span { text, marks, link }));
    let picture = words().prop_map(|words| Inline::Picture(Picture { reference: "a@b".to_owned(), words }));
    proptest::collection::vec(prop_oneof![6 => span, 2 => Just(Inline::LineBreak), 1 => picture], 0..6)
}

/// Any tree at all, sensible or not.
fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let leaf = prop_oneof![
        4 => inlines().prop_map(Content::Paragraph),
        1 => (1_u8..=6, inlines()).prop_map(|(level, inlines)| Content::Heading(Level::nearest(level), inlines)),
        1 => words().prop_map(Content::Code),
        1 => Just(Content::Rule),
    ];
    let tree = leaf.prop_map(Block::new).prop_recursive(5, 60, 5, |inner| {
        let blocks = || proptest::collection::vec(inner.clone(), 0..4);
        let numbering = prop_oneof![Just(Numbering::Bullets), (0_u32..9).prop_map(Numbering::From)];
        let role = prop_oneof![Just(CellRole::Header), Just(CellRole::Data)];
        let cell = (role, blocks()).prop_map(|(role, blocks)| Cell { role, blocks });
        let rows = proptest::collection::vec(proptest::collection::vec(cell, 0..3), 0..3);
        prop_oneof![
            blocks().prop_map(Content::Quote),
            (numbering, proptest::collection::vec(blocks(), 0..4))
                .prop_map(|(numbering, items)| Content::List(List { numbering, items })),
            rows.prop_map(|rows| Content::Table(Table { rows })),
        ]
        .prop_map(Block::new)
    });
    proptest::collection::vec(tree, 0..8)
}

#[test]
fn any_tree_becomes_a_valid_document_and_markup_within_the_limits() {
    let schema = schema();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(256));
    let trees = (blocks(), blocks(), 1_usize..40);
    runner
        .run(&trees, |(body, removed, times)| {
            let repeated = std::iter::repeat_n(body, times).flatten().collect();
            let (body, removed) = (Document { blocks: repeated }, Document { blocks: removed });
            let note = || Document::from_text("a note");
            let sections = vec![Section { title: "Quoted text", document: &removed }];
            let page = Page { head: note(), notes: note(), sections, ..page(&body) };
            let cloud = render(&page, Flavour::Cloud);
            let (adf, mut text) = (cloud.json.to_value(), String::new());
            text_of_valid_adf(&adf, &mut text);
            prop_assert!(cloud.json.as_str().len() <= MAX_BYTES);
            prop_assert!(text.ends_with("a note\n\n"));
            if let Some(schema) = &schema {
                prop_assert!(schema.is_valid(&adf), "{}", adf);
            }
            let center = render(&page, Flavour::DataCenter).json.to_value();
            let markup = center.as_str().unwrap();
            prop_assert!(markup.encode_utf16().count() <= MAX_BYTES && markup.ends_with("a note"), "{}", markup);
            only_our_markup(markup);
            Ok(())
        })
        .unwrap();
}

/// Whether what begins with a bracket is a link that leads somewhere, and no mention.
fn is_link(markup: &str) -> bool {
    let inside = markup.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or("", |(inside, _)| inside);
    let address = inside.rsplit('|').next().unwrap_or_default();
    ["https://", "mailto:"].iter().any(|scheme| address.starts_with(scheme))
}

/// Takes away what is written on purpose; of what is left nothing may mean anything.
fn only_our_markup(markup: &str) {
    let mut is_verbatim = false;
    for line in markup.lines() {
        if line == "{noformat}" {
            is_verbatim = !is_verbatim;
            continue;
        }
        if is_verbatim
            || matches!(line, "{quote}" | "{panel}" | "{panel:title=Quoted text}" | "{panel:title=Signature}" | "----")
        {
            continue;
        }
        let mut before = ' ';
        for (at, c) in line.char_indices() {
            let (_, rest) = line.split_at(at);
            let is_ours = before == '\\'
                || c == '{'
                    && ["{*}", "{_}", "{+}", "{-}", "{~}", "{^}", "{{"].iter().any(|ours| rest.starts_with(ours))
                || c == '{' && before == '{'
                || c == '[' && is_link(rest);
            assert!(c != '{' && c != '[' && c != '!' || is_ours, "{c} at {at} in {line:?}");
            before = if before == '\\' && c == '\\' { ' ' } else { c };
        }
    }
    assert!(!is_verbatim, "{markup}");
}

/// Pieces of pages, sensible or not.
const TAGS: &[&str] = &[
    "<p>",
    "</p>",
    "<div>",
    "</div>",
    "<br>",
    "<ul>",
    "<ol start=7>",
    "<li>",
    "</ul>",
    "<table border=1>",
    "<tr>",
    "<td colspan=3>",
    "<th>",
    "</table>",
    "<blockquote>",
    "</blockquote>",
    "<h2>",
    "</h2>",
    "<pre>",
    "</pre>",
    "<hr><b>",
    "</b>",
    "<code>",
    "<sub>",
    "<sup>",
    "<a href='https://a.example/'>",
    "<a href='javascript:x'>",
    "</a>",
    "<img src='cid:1@x' alt=a>",
    "<div style='display:none'>",
    "<p class=MsoListParagraph style='mso-list:l0 level2 lfo1'><span style='mso-list:Ignore'>1.</span>",
    "&nbsp;",
    "&#0;&#1;",
    "<!--",
    "-->",
    "<style>",
    "</style>",
    "<svg>",
    "<select>",
    "<template>",
    "<font color=red>",
    "<frameset>",
    "<a href='https://a.example/|]{x}!y!'>",
    "<a href='mailto:[~admin]@a.example'>",
    "<img src='cid:1@x' alt='!x.png! {html} [~admin]'>",
    "<span style='mso-list:Ignore'>{code}",
    "<dl><dt>",
    "<br id=lineBreakAtBeginningOfSignature>",
    "<div class=gmail_quote>",
];

#[test]
fn any_html_becomes_a_valid_document() {
    let schema = schema();
    let tags = proptest::sample::select(TAGS);
    let pieces =
        prop_oneof![4 => tags.prop_map(str::to_owned), 2 => "[a-z \n]{0,30}", 2 => words(), 1 => any::<String>()];
    let pages = proptest::collection::vec(pieces, 0..80).prop_map(|pieces| pieces.concat());
    proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(512))
        .run(&pages, |html| {
            let raw = [b"Content-Type: text/html; charset=utf-8\r\n\r\n", html.as_bytes()].concat();
            let shown = preview(&raw, &settings(), &[]);
            text_of_valid_adf(&shown.adf, &mut String::new());
            only_our_markup(&shown.wiki);
            if let Some(schema) = &schema {
                prop_assert!(schema.is_valid(&shown.adf), "{}", shown.adf);
            }
            Ok(())
        })
        .unwrap();
}
