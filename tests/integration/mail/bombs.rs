//! Hostile messages: they cost little, break nothing, and what they hold is shown as far as it goes.

use mail2jira::jira::document::MAX_BYTES;
use mail2jira::jira::plan::{Source, Write};
use mail2jira::mail::rich::Document;
use mail2jira::mail::{Harm, Mail, parse};
use mail2jira::preview::preview;

use super::documents::wiki_of;
use super::{create, facts, planned, settings, uploads, values};

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
