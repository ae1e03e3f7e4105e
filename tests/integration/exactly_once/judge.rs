//! The reckoning: what of a case is not as promised.

use mail2jira::clock::Clock;
use mail2jira::store::entry::Stage;
use mail2jira::store::queries::Filter;

use super::case::World;
use super::jira::{Audience as Shown, EDITED, Issue, NO_PICTURE};
use super::letters::{Audience, Fate, Letter};
use super::mailbox::REST_REFUSED;

impl World {
    /// Everything that is not as promised.
    pub async fn reckon(&self) -> Vec<String> {
        self.jira.write_what_is_late();
        let mut violations = Vec::new();
        if !self.is_settled().await {
            violations.push("something is stuck".to_owned());
        }
        for letter in &self.letters {
            violations.extend(self.judge_text(letter));
            violations.extend(self.judge_attachments(letter));
            violations.extend(self.judge_refused_file(letter));
            violations.extend(self.judge_picture(letter));
        }
        violations.extend(self.judge_changes());
        violations.extend(self.judge_conversations());
        violations.extend(self.judge_quarantine().await);
        violations.extend(self.judge_mailbox());
        if !violations.is_empty() {
            violations.extend(self.stories().await);
        }
        violations
    }

    /// What happened, for whoever has to find out why.
    async fn stories(&self) -> Vec<String> {
        let mut stories = Vec::new();
        for entry in self.ledger.list(Filter { limit: 1_000, ..Filter::default() }, self.clock.now()).await.unwrap() {
            let id = entry.message_id.as_ref().map(|id| id.as_str().to_owned());
            stories.push(format!("-- message {} ({id:?}) {:?} at {:?}", entry.id, entry.stage, entry.place));
            let story = self.ledger.story(entry.id).await.unwrap();
            stories.extend(story.iter().map(|event| format!("   {:?} {}", event.at, event.what)));
        }
        stories
    }

    fn judge_text(&self, letter: &Letter) -> Option<String> {
        let issues = self.jira.issues.lock().unwrap();
        let written = |deleted: bool| {
            let texts = issues.iter().filter(|issue| issue.deleted == deleted).flat_map(|issue| {
                let comments = issue.comments.iter().map(|comment| &comment.text);
                std::iter::once(&issue.text).chain(comments)
            });
            texts.filter(|text| text.contains(&format!("hello {}", letter.token))).count()
        };
        let (living, deleted) = (written(false), written(true));
        // What a person deletes with its issue was written; it may be written again where nobody knew that it had been.
        let kept = match letter.fate {
            Fate::Written if living == 0 => deleted > 0 || self.may_be_set_aside(letter),
            Fate::Written => living == 1,
            Fate::Ignored | Fate::Refused => living + deleted == 0,
        };
        (!kept)
            .then(|| format!("{} was written {living} times, and {deleted} times to issues now deleted", letter.token))
    }

    /// Whether the issue that it was to go to may have taken it in part only.
    fn may_be_refused(&self, letter: &Letter) -> bool {
        let needs_comments = letter.audience == Audience::Agents || letter.refused.is_some();
        self.some_issue_was_closed && needs_comments
    }

    fn may_be_set_aside(&self, letter: &Letter) -> bool {
        self.may_be_refused(letter) || self.some_issue_was_deleted
    }

    /// No transition, link or watcher is made twice by one step, no comment is left with those whom it is not for, and
    /// no request left long after its intent.
    fn judge_changes(&self) -> Vec<String> {
        let issues = self.jira.issues.lock().unwrap();
        let mut violations = self.jira.old_intents.lock().unwrap().clone();
        for issue in issues.iter() {
            let others = issue.links.iter().chain(&issue.watchers).map(|(_, marker)| marker);
            let mut markers: Vec<&str> = issue.reopened.iter().chain(others).map(|marker| marker.0.as_str()).collect();
            let count = markers.len();
            markers.sort_unstable();
            markers.dedup();
            if markers.len() < count {
                violations.push(format!("something was done twice to issue {}", issue.id));
            }
            // What stands on a deleted issue, nobody sees.
            let leaks = issue.comments.iter().filter(|comment| comment.audience == Shown::All && !issue.deleted);
            violations.extend(leaks.map(|comment| format!("all see what is for some: {}", comment.text)));
        }
        violations
    }

    fn judge_attachments(&self, letter: &Letter) -> Vec<String> {
        let set_aside = self.may_be_refused(letter);
        let issues = self.jira.issues.lock().unwrap();
        let lost_issue = set_aside || issues.iter().any(|issue| issue.deleted && mentions(issue, &letter.token));
        let wanted = usize::from(letter.fate == Fate::Written);
        let mut violations = Vec::new();
        for name in &letter.attachments {
            let stem = name.trim_end_matches(".bin");
            let files =
                issues.iter().flat_map(|issue| &issue.attachments).filter(|file| file.name.starts_with(stem)).count();
            // An issue that was deleted while its files were on their way cannot take them; the message is set aside.
            if files != wanted && !(lost_issue && files == 0) {
                violations.push(format!("{name} was attached {files} times, not {wanted}"));
            }
        }
        violations
    }

    /// A file that Jira does not take is named once, in a comment, and all else arrives.
    fn judge_refused_file(&self, letter: &Letter) -> Option<String> {
        let name = letter.refused.as_ref()?;
        let issues = self.jira.issues.lock().unwrap();
        let note = format!("Not attached: {name}");
        let told =
            issues.iter().flat_map(|issue| &issue.comments).filter(|comment| comment.text.contains(&note)).count();
        let wanted = usize::from(letter.fate == Fate::Written);
        let lost_issue =
            self.may_be_set_aside(letter) || issues.iter().any(|issue| issue.deleted && mentions(issue, &letter.token));
        (told != wanted && !(lost_issue && told == 0)).then(|| format!("{name} was named {told} times, not {wanted}"))
    }

    /// A picture is shown in its place, but where Jira does not tell its id or a person has changed the text.
    fn judge_picture(&self, letter: &Letter) -> Option<String> {
        let name = letter.picture.as_ref()?;
        let issues = self.jira.issues.lock().unwrap();
        let texts = issues.iter().filter(|issue| !issue.deleted).flat_map(|issue| {
            let comments = issue.comments.iter().map(|comment| (&comment.text, comment.edited));
            std::iter::once((&issue.text, issue.edited)).chain(comments)
        });
        let (text, edited) = texts.into_iter().find(|(text, _)| text.contains(&format!("hello {}", letter.token)))?;
        let is_told = !self.faults.struck.lock().unwrap().contains_key(NO_PICTURE);
        let must_be = is_told && !edited && !self.may_be_set_aside(letter);
        let shown = text.contains(&format!("id-of-{name}"));
        match (edited && !text.contains(EDITED), must_be && !shown) {
            (true, _) => Some(format!("what a person made of {} was overwritten", letter.token)),
            (false, true) => Some(format!("{name} is not shown in its place: {text}")),
            (false, false) => None,
        }
    }

    /// Siblings share an issue, in the order in which they came.
    fn judge_conversations(&self) -> Vec<String> {
        if self.some_issue_was_deleted || self.some_issue_was_closed || !self.jira.leaked.lock().unwrap().is_empty() {
            return Vec::new(); // then a conversation may go on in a second issue
        }
        if self.faults.struck.lock().unwrap().contains_key(REST_REFUSED) {
            return Vec::new(); // then a message came into the ledger after one that answers it
        }
        let issues = self.jira.issues.lock().unwrap();
        let mut violations = Vec::new();
        let conversations = self.letters.iter().map(|letter| letter.conversation).max().unwrap_or_default();
        for conversation in 0..=conversations {
            let members = self
                .letters
                .iter()
                .filter(|letter| letter.conversation == conversation && letter.fate == Fate::Written);
            let tokens: Vec<&str> = members.map(|letter| letter.token.as_str()).collect();
            let homes: Vec<_> =
                issues.iter().filter(|issue| tokens.iter().any(|token| mentions(issue, token))).collect();
            if homes.len() > 1 {
                violations.push(format!("conversation {conversation} is spread over {} issues", homes.len()));
            }
            if let [home] = homes.as_slice() {
                let texts = std::iter::once(&home.text).chain(home.comments.iter().map(|comment| &comment.text));
                let order: Vec<&str> = texts
                    .filter_map(|text| tokens.iter().copied().find(|token| text.contains(&format!("{token}\""))))
                    .collect();
                if order != tokens {
                    violations.push(format!("conversation {conversation} is out of order: {order:?}, not {tokens:?}"));
                }
            }
        }
        violations
    }

    async fn judge_quarantine(&self) -> Vec<String> {
        let filter = Filter { stages: vec![Stage::Quarantined], limit: 1_000, ..Filter::default() };
        let quarantined = self.ledger.list(filter, self.clock.now()).await.unwrap();
        let innocent = quarantined.iter().filter(|entry| {
            let token = entry.message_id.as_ref().map(|id| id.as_str().trim_end_matches("@example.com").to_owned());
            let letter = self.letters.iter().find(|letter| Some(&letter.token) == token.as_ref());
            letter.is_none_or(|letter| letter.fate != Fate::Refused && !self.may_be_set_aside(letter))
        });
        innocent.map(|entry| format!("message {} was set aside: {}", entry.id, entry.reason)).collect()
    }

    fn judge_mailbox(&self) -> Vec<String> {
        let unseen = self.mailbox.unseen();
        let unmarked = self.letters.iter().filter(|letter| {
            let whole = letter.fate != Fate::Refused && letter.refused.is_none();
            let marked_on_success = whole && !self.may_be_set_aside(letter);
            marked_on_success && unseen.iter().any(|raw| raw.contains(&format!("<{}@", letter.token)))
        });
        unmarked.map(|letter| format!("{} was never marked in the mailbox", letter.token)).collect()
    }
}

fn mentions(issue: &Issue, token: &str) -> bool {
    let needle = format!("{token}\"");
    issue.text.contains(&needle) || issue.comments.iter().any(|comment| comment.text.contains(&needle))
}
