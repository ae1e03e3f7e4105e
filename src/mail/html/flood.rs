//! The words of HTML that no parser is asked to bear: too large, or nested too deep. Tags are taken out one after the other;
//! nothing of the formatting stays.

use super::super::parse;

/// Bytes that are read; what people write is far smaller.
const MAX_BYTES: usize = 4 << 20;

/// The words, and what of them was read.
pub(super) fn text(html: &str) -> (String, Extent) {
    let read = html.get(..html.floor_char_boundary(MAX_BYTES)).unwrap_or(html);
    let extent = if read.len() < html.len() { Extent::Beginning } else { Extent::All };
    (tidy(&parse::html_text(&with_line_breaks(read))), extent)
}

/// How much of the words is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All.
    All,
    /// Those of the first 4 MiB.
    Beginning,
}

/// The HTML without comments, with `<br>` where a block begins or ends and a space between cells.
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
        match name.to_ascii_lowercase().as_str() {
            "td" | "th" => prepared.push(' '),
            "p" | "div" | "li" | "tr" | "table" | "ul" | "ol" | "pre" | "blockquote" | "hr" | "dt" | "dd" | "h1"
            | "h2" | "h3" | "h4" | "h5" | "h6" => prepared.push_str("<br>"),
            _ => {}
        }
        prepared.push('<');
        rest = tag;
    }
    prepared.push_str(rest);
    prepared
}

/// At most one blank line between lines.
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
