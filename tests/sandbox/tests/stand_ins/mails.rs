//! The sample mails: what each claims to show has to be in its bytes.

use std::collections::BTreeSet;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::mails::{Occasion, Outcome, Sample, plain, reply_to_jira, samples};

fn find<'a>(samples: &'a [Sample], name: &str) -> anyhow::Result<&'a Sample> {
    samples.iter().find(|sample| sample.name == name).with_context(|| format!("no sample {name}"))
}

fn text(sample: &Sample) -> String {
    String::from_utf8_lossy(&sample.raw).into_owned()
}

#[test]
fn two_dozen_samples_are_well_formed_fresh_and_unlike_one_another() -> anyhow::Result<()> {
    let occasion = Occasion::now("support@example.test");
    let samples = samples(&occasion);
    assert!(samples.len() >= 24, "only {}", samples.len());
    let names: BTreeSet<_> = samples.iter().map(|sample| sample.name).collect();
    let ids: BTreeSet<_> = samples.iter().filter_map(|sample| sample.message_id.as_ref()).collect();
    assert_eq!((names.len(), ids.len()), (samples.len(), samples.len() - 1));
    let year = occasion.now.strftime("%Y").to_string();
    for sample in &samples {
        let text = text(sample);
        let (head, _) = text.split_once("\r\n\r\n").with_context(|| format!("{} has no body", sample.name))?;
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{}: a bare CR or LF", sample.name);
        assert!(head.lines().all(|line| line.len() <= 998), "{}: a line is too long", sample.name);
        assert!(head.is_ascii(), "{}: the head is not ASCII", sample.name);
        assert!(head.contains(&occasion.mailbox), "{}: not addressed to the mailbox", sample.name);
        let date = head.lines().find_map(|line| line.strip_prefix("Date: ")).context("no date")?;
        assert!(jiff::fmt::rfc2822::parse(date).is_ok() && date.contains(&year), "{}: {date}", sample.name);
    }
    Ok(())
}

#[test]
fn an_answer_names_what_it_answers_and_comes_after_it() -> anyhow::Result<()> {
    let samples = samples(&Occasion::now("support@example.test"));
    let mut answers = 0;
    for (index, sample) in samples.iter().enumerate() {
        let Outcome::CommentOn(name) = sample.outcome else {
            continue;
        };
        answers += 1;
        let earlier: Vec<_> = samples[..index]
            .iter()
            .filter(|other| {
                let id = other.message_id.as_deref().unwrap_or("none");
                text(sample).contains(&format!("<{id}>"))
            })
            .collect();
        assert!(!earlier.is_empty(), "{} answers nothing that came before", sample.name);
        assert!(samples[..index].iter().any(|other| other.name == name), "{name} does not come before {}", sample.name);
    }
    assert!(answers >= 4);
    let long = text(find(&samples, "vpn-long-thread")?);
    assert!(long.matches("harbour.example>\r\n").count() >= 15);
    Ok(())
}

#[test]
fn a_second_set_shares_no_message_id_with_the_first() {
    let ids = || samples(&Occasion::now("support@example.test")).into_iter().filter_map(|sample| sample.message_id);
    let first: BTreeSet<_> = ids().collect();
    assert!(ids().all(|id| !first.contains(&id)));
}

#[test]
fn a_reply_to_jira_carries_the_given_id_and_no_issue_key() {
    let id = "JIRA.10042.1763800000000.7.1763800001000@Atlassian.JIRA";
    let sample = reply_to_jira(&Occasion::now("support@example.test"), id);
    assert!(text(&sample).contains(&format!("In-Reply-To: <{id}>\r\n")));
    assert_eq!(sample.outcome, Outcome::CommentOnNotified);
}

#[test]
fn japanese_and_western_bytes_are_what_their_charsets_say() -> anyhow::Result<()> {
    let samples = samples(&Occasion::now("support@example.test"));
    let printer = find(&samples, "printer")?;
    assert!(text(printer).contains("=?ISO-2022-JP?B?GyRCSiM5ZzUhJCwwdTp+JEckLSReJDskcxsoQg==?="));
    assert!(printer.raw.is_ascii() && text(printer).contains("\u{1b}$B"));
    let meeting_room = text(find(&samples, "meeting-room")?);
    assert!(meeting_room.matches("=?UTF-8?B?").count() >= 3);
    let quote = find(&samples, "quote")?;
    assert!(quote.raw.windows(9).any(|bytes| bytes == b"total of\x20") && quote.raw.contains(&0x80));
    assert!(text(find(&samples, "heating")?).contains("der Heizk=C3=B6rper im B=C3=BCro"));
    Ok(())
}

/// `pdfinfo` or the like is not at hand everywhere; the structure that a reader follows is checked instead.
#[test]
fn attached_files_are_valid() -> anyhow::Result<()> {
    let samples = samples(&Occasion::now("support@example.test"));
    let attached = |name: &str, file: &str| -> anyhow::Result<Vec<u8>> {
        let text = text(find(&samples, name)?);
        let (_, rest) = text.split_once(&format!("filename=\"{file}\"\r\n\r\n")).context("no such file")?;
        let (encoded, _) = rest.split_once("\r\n\r\n--").context("no end")?;
        Ok(STANDARD.decode(encoded.replace("\r\n", ""))?)
    };
    let pdf = String::from_utf8(attached("invoice", "invoice-2026-1187.pdf")?)?;
    let start = pdf.rsplit("startxref\n").next().and_then(|rest| rest.lines().next()).context("no startxref")?;
    assert!(pdf.split_at(start.parse()?).1.starts_with("xref\n0 6\n"));
    let third: usize =
        pdf.lines().filter_map(|line| line.strip_suffix(" 00000 n ")).nth(2).context("no entry")?.parse()?;
    assert!(pdf.split_at(third).1.starts_with("3 0 obj"));
    let png = attached("screenshot", "till.png")?;
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\xa0\0\0\0\x64\x08\0\0\0\0"));
    assert!(png.ends_with(b"IEND\xaeB`\x82")); // the well-known checksum of an empty IEND
    Ok(())
}

#[test]
fn plain_mails_are_the_same_every_time_and_as_large_as_asked_for() {
    let mails: Vec<Vec<u8>> = plain(50, 10_000).collect();
    assert_eq!(mails, plain(50, 10_000).collect::<Vec<_>>());
    assert_eq!(mails.iter().collect::<BTreeSet<_>>().len(), 50);
    assert!(mails.iter().all(|mail| (10_000..10_200).contains(&mail.len())));
}
