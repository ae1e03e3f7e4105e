//! What was lost, doubled, misplaced or left unread, by what Jira and the mailbox hold. Reads; changes nothing.

use std::collections::BTreeMap;

use sandbox::dovecot::{Flag, StoredMail};
use sandbox::jira::site::Issue;
use serde_json::Value;

use super::letters::{FILE_WORD, Fate, Letter, MAIL_WORD};

/// The findings, each a sentence.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Mails that should be in Jira, and are, at least once.
    pub written: usize,
    /// Mails that should be in Jira.
    pub expected: usize,
    /// Files that should be in Jira.
    pub files: usize,
    /// All mails, copies and machine mail too.
    pub mails: usize,
    /// Mails and files that are not in Jira.
    pub lost: Vec<String>,
    /// Mails and files that are in Jira more than once.
    pub doubled: Vec<String>,
    /// On the wrong issue, in the wrong order, or not to be written at all.
    pub misplaced: Vec<String>,
    /// Not marked as read in the mailbox.
    pub unread: usize,
}

impl Verdict {
    /// Whether nothing is missing any longer.
    pub fn is_complete(&self) -> bool {
        self.lost.is_empty() && self.unread == 0
    }

    /// Whether all is as it should be.
    pub fn is_clean(&self) -> bool {
        self.is_complete() && self.doubled.is_empty() && self.misplaced.is_empty()
    }
}

/// Where a word stands: the issue's key, and the comment's place in it where it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spot {
    key: String,
    comment: Option<usize>,
}

/// Where every word was found.
type Spots = BTreeMap<String, Vec<Spot>>;

/// Judges.
pub fn judge(letters: &[Letter], issues: &[Issue], mailbox: &[StoredMail]) -> Verdict {
    let spots = spots(issues);
    let unread = mailbox.iter().filter(|mail| !mail.has(Flag::Seen)).count();
    let mut verdict = Verdict { mails: letters.len(), unread, ..Verdict::default() };
    for letter in letters {
        match &letter.fate {
            Fate::Issue { word, files } => {
                let key = verdict.mail(&spots, word).filter(|spot| spot.comment.is_none()).map(|spot| spot.key.clone());
                verdict.misplaced_unless(key.is_some() || !spots.contains_key(word), || format!("{word} is no issue"));
                verdict.files(&spots, files, key.as_deref());
            }
            Fate::Comment { word, on, files } => {
                let request = letters.get(*on).and_then(|letter| key_of(letter, &spots));
                let spot = verdict.mail(&spots, word);
                let fits = spot.is_none_or(|spot| spot.comment.is_some() && Some(&spot.key) == request.as_ref());
                verdict.misplaced_unless(fits, || format!("{word} is not a comment on its thread's issue"));
                verdict.files(&spots, files, request.as_deref());
            }
            Fate::Copy => {}
            Fate::Nothing { word } => {
                verdict
                    .misplaced_unless(!spots.contains_key(word), || format!("{word} is machine mail, and was written"));
            }
        }
    }
    verdict.order(letters, &spots);
    verdict.strangers(issues);
    verdict
}

fn key_of(letter: &Letter, spots: &Spots) -> Option<String> {
    match &letter.fate {
        Fate::Issue { word, .. } => spots.get(word)?.first().map(|spot| spot.key.clone()),
        Fate::Comment { .. } | Fate::Copy | Fate::Nothing { .. } => None,
    }
}

impl Verdict {
    /// Counts a mail and returns the first place where it is.
    fn mail<'s>(&mut self, spots: &'s Spots, word: &str) -> Option<&'s Spot> {
        self.expected += 1;
        let found = self.exactly_once(spots, word)?;
        self.written += 1;
        Some(found)
    }

    fn files(&mut self, spots: &Spots, words: &[String], key: Option<&str>) {
        for word in words {
            self.files += 1;
            let on = self.exactly_once(spots, word).map(|spot| spot.key.as_str());
            self.misplaced_unless(on.is_none() || on == key, || format!("{word} is on another issue"));
        }
    }

    fn exactly_once<'s>(&mut self, spots: &'s Spots, word: &str) -> Option<&'s Spot> {
        let found = spots.get(word).map(Vec::as_slice).unwrap_or_default();
        match found {
            [] => self.lost.push(word.to_owned()),
            [_] => {}
            [_, _, ..] => {
                let keys: Vec<&str> = found.iter().map(|spot| spot.key.as_str()).collect();
                self.doubled.push(format!("{word} {} times: {}", found.len(), keys.join(", ")));
            }
        }
        found.first()
    }

    /// Comments of a thread stand in the order in which its mails came.
    fn order(&mut self, letters: &[Letter], spots: &Spots) {
        let mut last: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
        for letter in letters {
            let Fate::Comment { word, .. } = &letter.fate else { continue };
            let Some(Spot { key, comment: Some(place) }) = spots.get(word).and_then(|found| found.first()) else {
                continue;
            };
            if let Some((before, earlier)) = last.insert(key, (*place, word))
                && before > *place
            {
                self.misplaced.push(format!("{word} stands before {earlier}, which came first"));
            }
        }
    }

    /// Nothing may be there that was not sent.
    fn strangers(&mut self, issues: &[Issue]) {
        for issue in issues {
            let texts = std::iter::once(description(issue))
                .chain(issue.comments.iter().map(|comment| comment.body.to_string()));
            let without = texts.filter(|text| words(text, MAIL_WORD).is_empty()).count();
            self.misplaced_unless(without == 0, || format!("{} holds text of no mail", issue.key));
        }
    }

    fn misplaced_unless(&mut self, fits: bool, complaint: impl FnOnce() -> String) {
        if !fits {
            self.misplaced.push(complaint());
        }
    }
}

fn spots(issues: &[Issue]) -> Spots {
    let mut spots = Spots::new();
    for issue in issues {
        let mut put = |text: &str, begin: &str, comment: Option<usize>| {
            for word in words(text, begin) {
                spots.entry(word).or_default().push(Spot { key: issue.key.clone(), comment });
            }
        };
        put(&description(issue), MAIL_WORD, None);
        for (place, comment) in issue.comments.iter().enumerate() {
            put(&comment.body.to_string(), MAIL_WORD, Some(place));
        }
        for attachment in &issue.attachments {
            let beginning = attachment.content.get(..60).unwrap_or(&attachment.content);
            put(&String::from_utf8_lossy(beginning), FILE_WORD, None);
        }
    }
    spots
}

fn description(issue: &Issue) -> String {
    issue.fields.get("description").map(Value::to_string).unwrap_or_default()
}

/// All words that begin so: up to the `x` that ends them.
fn words(text: &str, begin: &str) -> Vec<String> {
    let ends = text.split(begin).skip(1);
    ends.filter_map(|rest| rest.split_once('x')).map(|(number, _)| format!("{begin}{number}x")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use sandbox::jira::site::{Attachment, Choice, Comment, Status};
    use serde_json::{Map, json};

    use super::*;

    fn issue(key: &str, text: &str, comments: &[&str], files: &[&str]) -> Issue {
        let comment = |text: &&str| Comment {
            id: 1,
            author: String::new(),
            body: json!({"text": text}),
            created: Timestamp::UNIX_EPOCH,
            properties: BTreeMap::new(),
            visibility: None,
        };
        let file = |text: &&str| Attachment {
            id: 1,
            media_id: String::new(),
            name: String::new(),
            content_type: String::new(),
            content: text.as_bytes().to_vec().into(),
            author: String::new(),
            created: Timestamp::UNIX_EPOCH,
        };
        Issue {
            id: 1,
            key: key.to_owned(),
            project: String::new(),
            issue_type: Choice::new("1", "Task"),
            summary: String::new(),
            fields: Map::from_iter([("description".to_owned(), json!({"text": text}))]),
            creator: String::new(),
            reporter: String::new(),
            created: Timestamp::UNIX_EPOCH,
            updated: Timestamp::UNIX_EPOCH,
            status: Status::ToDo,
            moves: Vec::new(),
            properties: BTreeMap::new(),
            comments: comments.iter().map(comment).collect(),
            attachments: files.iter().map(file).collect(),
            watchers: Vec::new(),
            links: Vec::new(),
            remote_links: Vec::new(),
            request: None,
        }
    }

    /// A request with a file, two answers to it, and machine mail.
    fn letters() -> Vec<Letter> {
        let word = |name: &str| format!("{MAIL_WORD}{name}x");
        let answer = |name: &str| Fate::Comment { word: word(name), on: 0, files: Vec::new() };
        let request = Fate::Issue { word: word("1"), files: vec![format!("{FILE_WORD}1x")] };
        [request, answer("2"), answer("3"), Fate::Nothing { word: word("4") }, Fate::Copy]
            .map(|fate| Letter { raw: Vec::new(), fate })
            .to_vec()
    }

    fn findings(issues: &[Issue]) -> (usize, usize, usize) {
        let verdict = judge(&letters(), issues, &[]);
        (verdict.lost.len(), verdict.doubled.len(), verdict.misplaced.len())
    }

    #[test]
    fn each_kind_of_damage_is_found_and_nothing_else_is() {
        let (one, two, three) = ("mailword1x", "mailword2x", "mailword3x");
        let file = ["fileword1x and so on"].as_slice();
        let cases = [
            ("all is well", vec![issue("A-1", one, &[two, three], file)], (0, 0, 0)),
            ("everything is missing", vec![], (4, 0, 0)),
            ("an answer is missing", vec![issue("A-1", one, &[three], file)], (1, 0, 0)),
            ("a file is missing", vec![issue("A-1", one, &[two, three], &[])], (1, 0, 0)),
            ("an answer stands twice", vec![issue("A-1", one, &[two, two, three], file)], (0, 1, 0)),
            (
                "an issue stands twice",
                vec![issue("A-1", one, &[two, three], file), issue("A-2", one, &[], &[])],
                (0, 1, 0),
            ),
            ("a file stands twice", vec![issue("A-1", one, &[two, three], &[file, file].concat())], (0, 1, 0)),
            ("the order is wrong", vec![issue("A-1", one, &[three, two], file)], (0, 0, 1)),
            ("an answer is an issue", vec![issue("A-1", one, &[two], file), issue("A-2", three, &[], &[])], (0, 0, 1)),
            (
                "a file is elsewhere",
                vec![issue("A-1", one, &[two, three], &[]), issue("A-2", "mailword9x", &[], file)],
                (0, 0, 1),
            ),
            ("machine mail was written", vec![issue("A-1", one, &[two, three, "mailword4x"], file)], (0, 0, 1)),
            ("a stranger is there", vec![issue("A-1", one, &[two, three, "?"], file)], (0, 0, 1)),
        ];
        for (name, issues, expected) in cases {
            assert_eq!(findings(&issues), expected, "{name}");
        }
    }
}
