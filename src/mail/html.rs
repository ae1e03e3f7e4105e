//! The text that an HTML part shows. mail-parser's decoder does the work; this makes up for what it does not know:
//! most mail programs write lines as `<div>` and cells as `<td>`, of which it makes nothing, so that words would run together.
//! Formatting is not kept.

use super::Complaint;
use super::parse;

/// Bytes of HTML that are read; what people write is far smaller.
const MAX_BYTES: usize = 4 << 20;

const LINES: &[&str] = &[
    "address",
    "article",
    "blockquote",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "fieldset",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "option",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
];
const CELLS: &[&str] = &["td", "th"];

/// The visible text: scripts, styles, comments and the head left out, at most one blank line between lines.
pub(super) fn text(html: &str, complaints: &mut Vec<Complaint>) -> String {
    let read = html.get(..html.floor_char_boundary(MAX_BYTES)).unwrap_or(html);
    if read.len() < html.len() {
        complaints.push(Complaint::incomplete("its HTML is larger than 4 MiB: the rest is not shown"));
    }
    let prepared = with_line_breaks(read);
    let mut text = tidy(&parse::html_text(&prepared));
    if text.is_empty()
        && let Some(body) = body(&prepared)
    {
        text = tidy(&parse::html_text(body)); // the head was never closed and swallowed everything
    }
    text
}

/// The same HTML without comments, with `<br>` where a block begins or ends and a space between cells.
fn with_line_breaks(html: &str) -> String {
    let mut prepared = String::with_capacity(html.len() + html.len() / 8);
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        prepared.push_str(before);
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
            continue;
        }
        let name: String =
            tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).take(10).collect();
        let name = name.to_ascii_lowercase();
        if LINES.contains(&name.as_str()) {
            prepared.push_str("<br>");
        } else if CELLS.contains(&name.as_str()) {
            prepared.push(' ');
        }
        prepared.push('<');
        rest = tag;
    }
    prepared.push_str(rest);
    prepared
}

fn body(html: &str) -> Option<&str> {
    let at = html.to_ascii_lowercase().find("<body")?;
    html.get(at..)
}

fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut blank = 0;
    for line in text.replace('\u{a0}', " ").lines().map(str::trim) {
        blank = if line.is_empty() { blank + 1 } else { 0 };
        if blank <= 1 {
            tidied.push_str(line);
            tidied.push('\n');
        }
    }
    tidied.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_cells_stay_apart_and_nothing_hidden_shows() {
        let html = "<html><head><title>no</title><style>p{}</style></head><body><!-- no ---> <div>Hello&nbsp;Ann,</div><div>two \
                    <b>bold</b> words</div><table><tr><td>a</td><td>b</td></tr></table><script>no()</script>&lt;end&gt;";
        assert_eq!(text(html, &mut Vec::new()), "Hello Ann,\n\ntwo bold words\n\na b\n\n<end>");
    }

    #[test]
    fn an_unclosed_head_does_not_swallow_the_body() {
        assert_eq!(text("<html><head><body><p>seen</p>", &mut Vec::new()), "seen");
    }

    #[test]
    fn a_flood_of_tags_is_cut_and_said() {
        let mut complaints = Vec::new();
        assert!(text(&"<div>".repeat(1_000_000), &mut complaints).is_empty());
        assert_eq!(complaints.len(), 1);
    }
}
