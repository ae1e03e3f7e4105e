//! What is planned for a message: files, pictures, texts over Jira's limits, summaries.

use std::collections::BTreeMap;

use mail2jira::config::rule::Visibility;
use mail2jira::config::{AttachOriginal, Skip};
use mail2jira::decide::{Action, Afterwards};
use mail2jira::jira::document::MAX_BYTES;
use mail2jira::jira::plan::{Plan, PlanFacts, Source, Write};
use mail2jira::jira::{ExistingAttachment, Flavour, UploadLimit};
use mail2jira::mail::{Mail, parse};
use serde_json::Value;

use super::{create, facts, issue, mail_of, planned, settings, uploads, values};

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

    let off = PlanFacts { upload_limit: UploadLimit::Off, ..facts(&settings) };
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
