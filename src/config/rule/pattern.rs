//! A regular expression of a rule, and whether its form alone says where it is found. Says so only where that is certain.

use std::fmt;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, HirKind, Look, LookSet};

/// A regular expression, compiled once; it takes time proportional to the text.
#[derive(Clone)]
pub struct Pattern {
    regex: Regex,
    reach: Reach,
    /// Where it is found, one of these stands; `None`: there are too many, or one of them is no text.
    beginnings: Option<Vec<String>>,
    looks: Looks,
}

/// What an expression wants of its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Looks {
    /// All that it may want anywhere in it.
    anywhere: LookSet,
    /// What it wants before anything else.
    first: LookSet,
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
        let expression = regex_syntax::parse(text).map_err(|error| error.to_string())?;
        let properties = expression.properties();
        let looks = Looks { anywhere: properties.look_set(), first: properties.look_set_prefix() };
        Ok(Self { regex, reach: reach(&expression), beginnings: beginnings(&expression), looks })
    }

    /// Whether it is found wherever another one is. Says so only where that is certain.
    pub fn covers(&self, narrower: &Self) -> bool {
        let is_plain = self == narrower || self.reach == Reach::Everything || narrower.reach == Reach::Nothing;
        // What is found in a part of a text is found in the whole, unless it looks around; but for the beginning, where
        // it is the same.
        let same_start = narrower.looks.first.contains(Look::Start);
        let looks_in = self.looks.anywhere.iter().all(|look| look == Look::Start && same_start);
        let found = |texts: &Vec<String>| texts.iter().all(|text| self.regex.is_match(text));
        is_plain || (looks_in && narrower.beginnings.as_ref().is_some_and(found))
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

/// With one of these every text begins in which an expression is found, from there on.
fn beginnings(expression: &Hir) -> Option<Vec<String>> {
    let found = Extractor::new().extract(expression);
    let texts = found.literals()?.iter().map(|literal| String::from_utf8(literal.as_bytes().to_vec()).ok());
    texts.collect()
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
    fn an_expression_covers_those_that_begin_with_what_it_is_found_in() {
        for (wide, narrow, expected) in [
            ("urgent", "very urgent", true),
            ("(?i)urgent", "URGENT|Urgently", true),
            ("[ab]c", "^ac.*x", true),
            ("^a", "^ab", true),
            ("^a", "ab", false),
            ("^b", "^ab", false),
            ("a$", "ba", false),
            (r"\bab", "ab", false),
            ("urgent", "(?i)urgent", false),
            ("urgent", "urgent|now", false),
            ("a", "", false),
            ("a", ".*a", false),
            ("é", "(?i)é", false),
            ("(?i)é", "é", true),
        ] {
            let (wider, narrower) = (Pattern::new(wide).unwrap(), Pattern::new(narrow).unwrap());
            assert_eq!(wider.covers(&narrower), expected, "{wide} {narrow}");
            for sample in ["", "ab", "xab", "x\nab", "very urgent", "Urgently", "a", "é", "É", "ac x"] {
                let found = narrower.captures(sample).is_some();
                assert!(!found || !expected || wider.captures(sample).is_some(), "{wide} {narrow} in {sample}");
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
