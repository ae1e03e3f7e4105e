//! Messages that nobody meant: real-looking ones with bytes changed, cut, doubled and put elsewhere. The fuzz targets look for
//! more of them; here a bounded walk stands guard over what they call.

use std::path::PathBuf;

use mail2jira::config::MailboxName;
use mail2jira::preview::{default_settings, preview};
use proptest::prelude::*;

/// Messages tried of each sample.
const MUTANTS: u64 = 40;
/// What breaks structure rather than words.
const SNIPPETS: &[&[u8]] = &[
    b"\0",
    b"\r",
    b"\r\n\r\n",
    b"\n--",
    b"--\n",
    b"Content-Type: multipart/mixed; boundary=\"",
    b"Content-Type: message/rfc822\r\n\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Type: application/ms-tnef\r\n\r\n\x78\x9f\x3e\x22\x01\x00\x02\x0f\x80\x06\x00\xff\xff\xff\xff",
    b"=?utf-7?B?",
    b"filename*0*=utf-8''%",
    b"<",
    b"\x1b$B",
    b"\xff\xfe",
];

fn understood(raw: &[u8]) {
    let shown = preview(raw, &default_settings(MailboxName::parse("support").unwrap()), &[]);
    let mut names: Vec<String> = shown.attachments.iter().map(|file| file.name.to_lowercase()).collect();
    names.sort();
    let all = names.len();
    names.dedup();
    assert_eq!(all, names.len(), "two files of one name");
    assert!(names.iter().all(|name| !name.is_empty() && name.len() <= 255 && !name.contains(['/', '\\', '\0'])));
    assert!(serde_json::to_string(&shown).is_ok());
}

fn samples() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "eml"));
    files.map(|file| std::fs::read(file).unwrap()).collect()
}

/// A message with a few things wrong that were not wrong before.
fn mutant(sample: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut raw = sample.to_vec();
    for _ in 0..random.usize(1..6) {
        let at = random.usize(0..=raw.len());
        let until = (at + random.usize(0..200)).min(raw.len());
        match random.u8(0..5) {
            0 => raw.truncate(at.max(1)),
            1 => drop(raw.drain(at..until)),
            2 => raw = [&raw[..at], SNIPPETS[random.usize(0..SNIPPETS.len())], &raw[at..]].concat(),
            3 => raw = [&raw[..until], &raw[at..until], &raw[until..]].concat(),
            _ => raw[at..until].iter_mut().for_each(|byte| *byte = random.u8(..)),
        }
    }
    raw
}

#[test]
fn broken_messages_are_understood_as_far_as_they_go() {
    let samples = samples();
    assert!(samples.len() > 20);
    for (seed, sample) in (0..).zip(&samples) {
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..MUTANTS {
            understood(&mutant(sample, &mut random));
        }
    }
}

#[test]
fn a_sample_cut_off_anywhere_is_a_message() {
    for sample in samples() {
        for end in (0..sample.len()).step_by(sample.len() / 20 + 1) {
            understood(&sample[..end]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_a_message(head in prop::sample::select(SNIPPETS), bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        understood(&bytes);
        understood(&[head, &bytes].concat());
    }
}
