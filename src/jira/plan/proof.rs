//! Which writes of a plan are to be proved: a comment that is for some is looked at behind every write of it, for
//! whoever reads what leaked reads it within minutes. How that is proved is Jira's side's business. Pure.

use super::Write;
use crate::config::rule::Visibility;

/// A write of a plan that no proof stands behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Unproved {
    /// Its index in the plan.
    pub index: usize,
    /// What is to stand behind it.
    pub proof: Write,
}

/// The write that sees to it that a comment is seen by those alone that it is for, where it is not for all.
pub fn proof_of(visibility: &Visibility) -> Option<Write> {
    match visibility {
        Visibility::Public => None,
        Visibility::Internal | Visibility::Role(_) | Visibility::Group(_) => {
            Some(Write::Prove { visibility: visibility.clone() })
        }
    }
}

/// The first write that shows a text to some and is followed by another one like it, or by the end, before it is proved. Plans of
/// today have none; older programs planned no proofs, and their plans outlive an upgrade.
pub fn unproved<'w>(writes: impl IntoIterator<Item = &'w Write>) -> Option<Unproved> {
    let mut open = None;
    for (index, write) in writes.into_iter().enumerate() {
        let shown = write.shows_to().and_then(proof_of);
        if open.is_some() && shown.is_some() {
            return open;
        }
        if let Some(proof) = shown {
            open = Some(Unproved { index, proof });
        } else if matches!(write, Write::Prove { .. }) {
            open = None;
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jira::json::Json;
    use crate::jira::plan::TextPlace;

    #[test]
    fn every_write_of_a_comment_for_some_is_proved_before_the_next_and_what_is_for_all_is_not() {
        let agents = Visibility::Role("Agents".to_owned());
        let text = || Json::of(&"a note");
        let comment = |visibility: &Visibility| Write::AddComment { body: text(), visibility: visibility.clone() };
        let shown = Write::ShowPictures { text: text(), place: TextPlace::Comment(agents.clone()) };
        let prove = || Write::Prove { visibility: agents.clone() };
        let behind = |index| Some(Unproved { index, proof: prove() });
        for (plan, expected) in [
            (vec![comment(&Visibility::Public), Write::Reopen], None),
            (vec![comment(&agents), Write::Reopen], behind(0)),
            (vec![comment(&agents), prove(), Write::Reopen], None),
            (vec![comment(&agents), shown.clone(), prove()], behind(0)),
            (vec![comment(&agents), prove(), shown.clone()], behind(2)),
            (vec![comment(&agents), prove(), shown, prove()], None),
        ] {
            assert_eq!(unproved(&plan), expected, "{plan:?}");
        }
    }
}
