//! What goes on in a new issue because the one that it belongs to takes nothing any more, and whether one does. Pure.

use std::collections::BTreeSet;

use super::values::Link;
use crate::config::rule::RELATES;
use crate::jira::IssueRef;

/// An issue that takes nothing any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The issue.
    pub issue: IssueRef,
    /// Why it takes nothing.
    pub why: Unfit,
}

/// Why an issue takes nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// The issue is finished, and no transition leads back.
    Closed,
    /// The issue was moved to a project that the mailbox has nothing to do with: what is written there is read by others.
    Moved,
    /// The issue was deleted, or may not be seen.
    Gone,
    /// The issue has refused this very message: it holds as many comments as an issue can, or is closed to them.
    Full,
}

impl Followed {
    /// For the message's story.
    pub fn in_words(&self) -> String {
        let issue = &self.issue;
        match self.why {
            Unfit::Closed => format!("it belongs to {issue}, which is closed for good"),
            Unfit::Moved => format!("it belongs to {issue}, which was moved to another project"),
            Unfit::Gone => format!("it belongs to {issue}, which is gone"),
            Unfit::Full => format!("it belongs to {issue}, which takes no more comments"),
        }
    }

    /// For those who read the new issue.
    pub fn note(&self) -> String {
        let issue = &self.issue;
        match self.why {
            Unfit::Closed => format!("Goes on from {issue}, which is closed."),
            Unfit::Moved => format!("Goes on from {issue}, which was moved."),
            Unfit::Gone => format!("Goes on from {issue}, which is gone."),
            Unfit::Full => format!("Goes on from {issue}, which takes no more comments."),
        }
    }

    /// The link to it, where it is there.
    pub fn link(&self) -> Option<Link> {
        match self.why {
            Unfit::Gone => None,
            Unfit::Closed | Unfit::Moved | Unfit::Full => {
                Some(Link { kind: RELATES.to_owned(), issue: self.issue.name().to_owned() })
            }
        }
    }
}

/// Whether an issue that was known as `before` has left the projects that a mailbox has to do with. What was always elsewhere
/// was not moved.
pub fn has_moved(before: &IssueRef, now: &IssueRef, projects: &BTreeSet<&str>) -> bool {
    match (before.project(), now.project()) {
        (Some(before), Some(now)) => before != now && !projects.contains(now),
        (None, _) | (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_has_moved_when_it_left_the_projects_of_its_mailbox() {
        let issue = |key: &str| IssueRef { id: "7".to_owned(), key: key.to_owned() };
        let moved = |before, now| has_moved(&issue(before), &issue(now), &BTreeSet::from(["SUP", "OPS"]));
        assert!(moved("SUP-1", "DEV-9"));
        assert!(!moved("SUP-1", "OPS-9"), "the mailbox writes there itself");
        assert!(!moved("DEV-1", "DEV-1"), "the configuration has changed, not the issue");
        assert!(!moved("", "DEV-9"), "nobody knows where it was before");
    }
}
