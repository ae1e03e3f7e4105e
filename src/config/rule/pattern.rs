//! A regular expression of a rule, and whether its form alone says where it is found. Says so only where that is certain.

use std::fmt;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind, Look};

/// A regular expression, compiled once; it takes time proportional to the text.
#[derive(Clone)]
pub struct Pattern {
    regex: Regex,
    reach: Reach,
}

/// In which texts an expression is found, as far as its form tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// In none.
    Nothing,
    /// In some.
    Something,
    /// In every one.
    Everything,
}

impl Pattern {
    /// Bytes that a compiled expression may take.
    const SIZE_LIMIT: usize = 1 << 20;

    /// Compiles an expression. The error says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let compiled = RegexBuilder::new(text).size_limit(Self::SIZE_LIMIT).build();
        let regex = compiled.map_err(|error| error.to_string())?;
        let reach = regex_syntax::parse(text).map_or(Reach::Something, |expression| reach(&expression));
        Ok(Self { regex, reach })
    }

    /// In which texts it is found.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// The expression.
    pub fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// The names of its groups.
    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        self.regex.capture_names().flatten()
    }

    /// What its named groups hold, if it matches; a group that took no part is not there.
    pub fn captures(&self, text: &str) -> Option<Vec<(String, String)>> {
        let captures = self.regex.captures(text)?;
        let named =
            self.group_names().filter_map(|name| Some((name.to_owned(), captures.name(name)?.as_str().to_owned())));
        Some(named.collect())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

fn reach(expression: &Hir) -> Reach {
    let properties = expression.properties();
    if !can_match(expression) {
        return Reach::Nothing;
    }
    // What can be empty is found at the beginning of any text, unless it looks for more there than the beginning.
    let only_start = properties.look_set().iter().all(|look| look == Look::Start);
    if properties.minimum_len() == Some(0) && only_start { Reach::Everything } else { Reach::Something }
}

/// Whether there may be a text in which the expression is found. Of those that look around only the plain contradictions are
/// known: a beginning behind something, something behind an end.
fn can_match(expression: &Hir) -> bool {
    if expression.properties().minimum_len().is_none() {
        return false;
    }
    match expression.kind() {
        HirKind::Concat(parts) => {
            let takes_room = |part: &Hir| part.properties().minimum_len().is_some_and(|length| length > 0);
            let is = |part: &Hir, look: Look| matches!(part.kind(), HirKind::Look(found) if *found == look);
            let before_start = parts.iter().rposition(|part| is(part, Look::Start)).unwrap_or_default();
            let behind_end = parts.iter().position(|part| is(part, Look::End)).unwrap_or(parts.len());
            let (before, behind) = (parts.iter().take(before_start), parts.iter().skip(behind_end));
            parts.iter().all(can_match) && !before.chain(behind).any(takes_room)
        }
        HirKind::Alternation(parts) => parts.iter().any(can_match),
        HirKind::Capture(capture) => can_match(&capture.sub),
        HirKind::Repetition(repetition) => repetition.min == 0 || can_match(&repetition.sub),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_expressions_form_tells_is_certain() {
        for (text, expected) in [
            (r"[a&&b]", Reach::Nothing),
            (r"x[^\s\S]y", Reach::Nothing),
            (r"a^b", Reach::Nothing),
            (r"(?:a$)b|c\zd", Reach::Nothing),
            (r"a$b|c\zd", Reach::Nothing),
            (r"(a$b)+", Reach::Nothing),
            (r"(a$b)?", Reach::Something),
            (r"(?m)a$\nb", Reach::Something),
            (r"$^", Reach::Something),
            (r"^a?$", Reach::Something),
            (r"\b", Reach::Something),
            (r"", Reach::Everything),
            (r".*", Reach::Everything),
            (r"^(?P<all>.*)", Reach::Everything),
            (r"^.*$", Reach::Something),
            (r"^\[prod\]", Reach::Something),
        ] {
            let pattern = Pattern::new(text).unwrap();
            assert_eq!(pattern.reach(), expected, "{text}");
            for sample in ["", "a", "ab", "b", "c", "a\nb", "[prod] x", "\u{1F600}"] {
                let found = pattern.captures(sample).is_some();
                assert!(found || expected != Reach::Everything, "{text} in {sample}");
                assert!(!found || expected != Reach::Nothing, "{text} in {sample}");
            }
        }
    }

    #[test]
    fn groups_that_took_no_part_are_not_there() {
        let pattern = Pattern::new(r"^\[(?P<env>prod|dev)\](?P<rest> .+)?").unwrap();
        assert_eq!(pattern.captures("[prod]"), Some(vec![("env".to_owned(), "prod".to_owned())]));
        assert_eq!(pattern.captures("prod"), None);
    }
}
