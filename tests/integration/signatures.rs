//! DKIM signatures made by another implementation (dkimpy 1.1.8): every canonical form, and what must not count. The mails are in
//! `tests/mail/signed`; their keys stand here, as the DNS would give them.

use jiff::Timestamp;
use mail2jira::mail::dkim::{Digests, Signature};
use mail2jira::mail::parse;

const RSA: &str = "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAstXEPTlZU6w7XnHtZnCzUf+qPD3xG74YdFGekd6kiy8agnO7XZKUdFtv7X5JP8IHPI5bXuXt0JjZZLb/TSDSyfeSThDpWQ9NY7dDOjCh89y3W9yCdY89+2KnsEReHSZzqcnv2Gdu2IzAF1/u8eoLTPp5SsERlgq0Yt/zUB8315AZQtpyQRY9icfoPui7jRBZrJ4101raQ+Ezm8TqaWmC0VkquIumpgorAQcHjFngcwdX76rlKUqUwJcV/2J+Yds1tNkGzlqlHrAo4sM8/LEVtMtzpM5wuAHqbsl6cvK6xG412xofHzCfc0jS8BEMUJYuUur9fiOwozAMXMGXfU32/wIDAQAB";
const ED25519: &str = "v=DKIM1; k=ed25519; p=KgojSx+F+ZC9FQhNBKYu23R/8z98n2yGuj3m4OFZpHc=";
/// 4 November 2024, two days before the one that expires does.
const THEN: i64 = 1_730_700_000;

fn mail(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/mail/signed/{name}.eml", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn signatures_at(raw: &[u8], second: i64) -> Vec<Signature> {
    parse(raw).author_signatures(Digests::of(raw), Timestamp::from_second(second).unwrap())
}

fn signatures(raw: &[u8]) -> Vec<Signature> {
    signatures_at(raw, THEN)
}

#[test]
fn signatures_of_another_implementation_hold_in_every_form_and_only_unchanged() {
    for (name, key) in [
        ("simple-simple", RSA),
        ("simple-relaxed", RSA),
        ("relaxed-simple", RSA),
        ("relaxed-relaxed", RSA),
        ("empty-text", RSA),
        ("oversigned", RSA),
        ("from-a-department", RSA),
        ("by-a-department", RSA),
        ("identity-below", RSA),
        ("ed25519", ED25519),
        ("expired", RSA),
        ("by-two", RSA),
    ] {
        let raw = mail(name);
        let found = signatures(&raw);
        let [signature] = found.as_slice() else { panic!("{name}: {found:?}") };
        assert!(signature.holds(key), "{name}");
        assert!(!signature.holds(if key == RSA { ED25519 } else { RSA }), "{name}");
        let text = String::from_utf8(raw).unwrap();
        let unix = signatures(text.replace("\r\n", "\n").as_bytes());
        assert!(unix.iter().any(|signature| signature.holds(key)), "{name} as a maildir keeps it");
        let subject = signatures(text.replace("The   printer", "The   scanner").as_bytes());
        assert!(!subject.iter().any(|signature| signature.holds(key)), "{name} with another subject");
        assert_eq!(signatures(format!("{text}P.S.\r\n").as_bytes()), [], "{name} with more text");
    }
}

#[test]
fn white_space_counts_only_where_the_form_says_so() {
    let tidied = |name: &str| {
        let text = String::from_utf8(mail(name)).unwrap();
        let text = text.replace("Subject:   The   printer\r\n  hums  \r\n", "Subject: The printer hums\r\n");
        signatures(text.as_bytes()).iter().any(|signature| signature.holds(RSA))
    };
    assert!(tidied("relaxed-relaxed") && tidied("relaxed-simple"));
    assert!(!tidied("simple-simple") && !tidied("simple-relaxed"));
}

#[test]
fn parts_of_a_text_old_signatures_and_those_of_others_prove_nothing() {
    assert_eq!(signatures(&mail("part-of-the-text")), []);
    assert_eq!(signatures(&mail("by-somebody-else")), []);
    assert_eq!(signatures_at(&mail("expired"), 1_730_800_001), []);
    let with = |name: &str, was: &str, is: &str| {
        let text = String::from_utf8(mail(name)).unwrap();
        assert!(text.contains(was), "{was}");
        signatures(text.replacen(was, is, 1).as_bytes())
    };
    assert_eq!(with("relaxed-relaxed", "v=1;", "v=2;"), []);
    assert_eq!(with("relaxed-relaxed", "i=@example.com", "i=@example.net"), []);
    assert_eq!(with("expired", "x=1730800000", "x=soon"), []);
    let second_subject = with("oversigned", "Date:", "Subject: Pay at once\r\nDate:");
    assert!(
        !second_subject.iter().any(|signature| signature.holds(RSA)),
        "a field was added that was signed as absent"
    );
}

#[test]
fn a_record_says_what_its_key_is_for() {
    let (plain, below) = (signatures(&mail("relaxed-relaxed")), signatures(&mail("identity-below")));
    let record = |tags: &str| RSA.replace("v=DKIM1;", tags);
    for sound in ["", "v=DKIM1; h=sha1:sha256;", "v=DKIM1; s=*;", "v=DKIM1; s=email; n=x;", "v=DKIM1; t=s;"] {
        assert!(plain[0].holds(&record(sound)), "{sound}");
    }
    for wrong in
        ["v=DKIM2;", "v=DKIM1; h=sha1;", "v=DKIM1; s=tlsrpt;", "v=DKIM1; k=ed25519;", "v=DKIM1; p=;", "v=DKIM1; t=s:y;"]
    {
        assert!(!plain[0].holds(&record(wrong)), "{wrong}");
    }
    assert!(below[0].holds(RSA) && !below[0].holds(&record("v=DKIM1; t=s;")));
}
