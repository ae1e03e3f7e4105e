//! Text sent as `format=flowed` (RFC 3676): lines that were broken to be sent are joined again. Quote marks stay, a
//! signature's `-- ` too.

/// Whether, and how, the lines of a text flow (RFC 3676, 4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Flow {
    /// Each line is as it was written.
    #[default]
    Fixed,
    /// A line that ends with a space goes on in the next one.
    Flowed,
    /// A line that ends with a space goes on in the next one, and the space is no part of the text: `DelSp=yes`.
    FlowedWithoutSpace,
}

impl Flow {
    /// By the `format` and `delsp` parameters of a content type.
    pub(super) fn named(format: Option<&str>, delsp: Option<&str>) -> Self {
        let is = |value: Option<&str>, name: &str| value.is_some_and(|value| value.eq_ignore_ascii_case(name));
        match (is(format, "flowed"), is(delsp, "yes")) {
            (false, _) => Self::Fixed,
            (true, false) => Self::Flowed,
            (true, true) => Self::FlowedWithoutSpace,
        }
    }
}

/// Joins the lines that flow, as long as they are quoted equally deep (RFC 3676, 4.5). An empty line ends a paragraph even where
/// the line before it flows, which many programs leave by accident.
pub(super) fn joined(text: String, flow: Flow) -> String {
    if flow == Flow::Fixed {
        return text;
    }
    let mut joined = String::with_capacity(text.len());
    let mut flowing_at = None;
    for (index, line) in text.split('\n').enumerate() {
        let (depth, line) = unquoted(line);
        let stands_alone = line == "-- " || line.is_empty();
        if flowing_at != Some(depth) || stands_alone {
            joined.push_str(if index > 0 { "\n" } else { "" });
            joined.extend(std::iter::repeat_n('>', depth));
            joined.push_str(if depth > 0 && !line.is_empty() { " " } else { "" });
        }
        let flows = line.ends_with(' ') && !stands_alone;
        let kept = if flows && flow == Flow::FlowedWithoutSpace { line.strip_suffix(' ') } else { None };
        joined.push_str(kept.unwrap_or(line));
        flowing_at = flows.then_some(depth);
    }
    joined
}

/// How deep a line is quoted, and what it says; a space before that was put there to be sent (RFC 3676, 4.4).
fn unquoted(line: &str) -> (usize, &str) {
    let said = line.trim_start_matches('>');
    (line.len() - said.len(), said.strip_prefix(' ').unwrap_or(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_flow_together_as_long_as_they_are_quoted_equally_deep() {
        let sent = "One line \nthat goes on.\n  indented\n\n> quoted \n> text\n>> deeper \nnew \n\n-- \nAnn";
        let read = "One line that goes on.\n indented\n\n> quoted text\n>> deeper \nnew \n\n-- \nAnn";
        assert_eq!(joined(sent.to_owned(), Flow::named(Some("Flowed"), None)), read);
        assert_eq!(joined("\nä \nb".to_owned(), Flow::named(Some("flowed"), Some("YES"))), "\näb");
        assert_eq!(joined("a \nb".to_owned(), Flow::named(None, Some("yes"))), "a \nb");
    }
}
