//! Text as Jira shows it: one small tree, rendered as an Atlassian Document (Cloud, REST v3) or as wiki markup (Data Center, v2).
//! Paragraphs, line ends and links so far. Always valid: no empty text node, no control character, no unknown link scheme;
//! nothing that a sender writes becomes markup.

use serde_json::{Value, json};
use url::Url;

use super::Flavour;
use crate::mail::Address;

/// UTF-16 units of plain text that a Jira field takes, with room to spare: the documented limit is 32,767 (JVM) characters.
pub const MAX_TEXT: usize = 30_000;
/// Bytes of a serialized document. What Jira counts in one is not documented, so both are held to.
pub const MAX_BYTES: usize = 32_000;
/// Longer addresses are no links that a person could follow.
const MAX_LINK: usize = 2_000;

/// A text of blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    blocks: Vec<Block>,
}

/// A block of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    /// Text that belongs together; without content, an empty line.
    Paragraph(Vec<Inline>),
}

/// A piece of a paragraph.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Inline {
    /// Text; never empty, no control characters but the tab.
    Text(String),
    /// Text that leads somewhere.
    Link {
        /// Like [`Inline::Text`].
        text: String,
        /// `http`, `https` or `mailto`.
        href: String,
    },
    /// The next line of the same paragraph.
    LineBreak,
}

/// Whether a text fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// All of it.
    Whole,
    /// Its end was cut.
    Cut,
}

impl Document {
    /// Plain text: blank lines part paragraphs, web and mail addresses become links.
    pub fn from_text(text: &str) -> Self {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let lines: Vec<&str> = text.lines().collect();
        let paragraphs = lines.split(|line| line.trim().is_empty()).filter(|lines| !lines.is_empty());
        Self { blocks: paragraphs.map(paragraph).filter(|block| !block.is_empty()).collect() }
    }

    /// A line that says who wrote, the address as a link that writes to it: `From: Ann Lee ann@example.com`.
    pub fn from_sender(label: &str, sender: &Address) -> Self {
        let href = format!("mailto:{}", sender.address);
        let is_address = sender.address.contains('@') && sender.address.len() <= MAX_LINK && Url::parse(&href).is_ok();
        let address = match is_address && sender.address.chars().all(is_printable) {
            true => link(&sender.address, &href),
            false => text_of(&sender.address),
        };
        let words = [label, sender.name.as_str(), ""].join(" ");
        let line = text_of(&words.split_whitespace().chain([""]).collect::<Vec<_>>().join(" "));
        Self { blocks: vec![Block::Paragraph(line.into_iter().chain(address).collect())] }
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Puts another document behind this one.
    pub fn append(&mut self, other: Self) {
        self.blocks.extend(other.blocks);
    }

    /// Whether this document and `others` together keep within Jira's limits.
    pub fn fits_beside(&self, others: &[&Self]) -> Fit {
        let size = self.blocks.iter().map(Block::size).fold(Size { text: 0, bytes: 0 }, Size::plus);
        if size.fits(Self::room_beside(others)) { Fit::Whole } else { Fit::Cut }
    }

    fn room_beside(others: &[&Self]) -> Size {
        let taken = others.iter().flat_map(|other| &other.blocks).map(Block::size).fold(Size::of_frame(), Size::plus);
        Size { text: MAX_TEXT, bytes: MAX_BYTES }.minus(taken)
    }

    /// Cuts the end off, if need be, so that this document and `others` together keep within Jira's limits. Cuts between blocks
    /// where that keeps at least half of the room filled, else within one.
    pub fn fit_beside(&mut self, others: &[&Self]) -> Fit {
        let room = Self::room_beside(others);
        let mut left = room;
        for at in 0..self.blocks.len() {
            let Some(block) = self.blocks.get_mut(at) else { break };
            let size = block.size();
            if size.fits(left) {
                left = left.minus(size);
                continue;
            }
            let half_empty = left.bytes > room.bytes / 2 && left.text > room.text / 2;
            let keep = half_empty && block.cut_to(left);
            self.blocks.truncate(at + usize::from(keep));
            return Fit::Cut;
        }
        Fit::Whole
    }

    /// As a field or a comment of that Jira takes it.
    pub fn rendered(&self, flavour: Flavour) -> Value {
        match flavour {
            Flavour::Cloud => self.to_adf(),
            Flavour::DataCenter => Value::String(self.to_wiki()),
        }
    }

    /// As an Atlassian Document, version 1.
    pub fn to_adf(&self) -> Value {
        json!({"type": "doc", "version": 1, "content": self.blocks.iter().map(Block::to_adf).collect::<Vec<_>>()})
    }

    /// As Jira wiki markup, with everything escaped that the markup gives a meaning to.
    pub fn to_wiki(&self) -> String {
        self.blocks.iter().map(Block::to_wiki).collect::<Vec<_>>().join("\n\n")
    }
}

/// What a piece of a document takes of Jira's limits.
#[derive(Debug, Clone, Copy)]
struct Size {
    text: usize,
    bytes: usize,
}

impl Size {
    fn of_frame() -> Self {
        Self { text: 0, bytes: r#"{"content":[],"type":"doc","version":1}"#.len() }
    }

    fn plus(self, other: Self) -> Self {
        Self { text: self.text + other.text, bytes: self.bytes + other.bytes }
    }

    fn minus(self, other: Self) -> Self {
        Self { text: self.text.saturating_sub(other.text), bytes: self.bytes.saturating_sub(other.bytes) }
    }

    fn fits(self, room: Self) -> bool {
        self.text <= room.text && self.bytes <= room.bytes
    }
}

impl Block {
    fn is_empty(&self) -> bool {
        match self {
            Self::Paragraph(inlines) => inlines.is_empty(),
        }
    }

    fn size(&self) -> Size {
        match self {
            // Two units for what parts a paragraph from the next in plain text.
            Self::Paragraph(inlines) => {
                let frame = Size { text: 2, bytes: r#"{"content":[],"type":"paragraph"},"#.len() };
                inlines.iter().map(Inline::size).fold(frame, Size::plus)
            }
        }
    }

    /// Cuts the block so that it fits; false when nothing would be left of it.
    fn cut_to(&mut self, room: Size) -> bool {
        let Self::Paragraph(inlines) = self;
        let mut left = room.minus(Self::Paragraph(Vec::new()).size());
        let mut kept = 0;
        for inline in inlines.iter_mut() {
            let size = inline.size();
            if !size.fits(left) && !inline.cut_to(left) {
                break;
            }
            kept += 1;
            if !size.fits(left) {
                break;
            }
            left = left.minus(size);
        }
        inlines.truncate(kept);
        kept > 0
    }

    fn to_adf(&self) -> Value {
        match self {
            Self::Paragraph(inlines) => {
                json!({"type": "paragraph", "content": inlines.iter().map(Inline::to_adf).collect::<Vec<_>>()})
            }
        }
    }

    fn to_wiki(&self) -> String {
        match self {
            Self::Paragraph(inlines) => wiki::lines(&inlines.iter().map(Inline::to_wiki).collect::<String>()),
        }
    }
}

impl Inline {
    fn size(&self) -> Size {
        let text = match self {
            Self::Text(text) | Self::Link { text, .. } => text.encode_utf16().count(),
            Self::LineBreak => 1,
        };
        let frame = match self {
            Self::Text(_) => r#"{"text":"","type":"text"}"#,
            Self::Link { .. } => r#"{"marks":[{"attrs":{"href":""},"type":"link"}],"text":"","type":"text"}"#,
            Self::LineBreak => r#"{"type":"hardBreak"}"#,
        };
        let content: usize = match self {
            Self::Text(text) => text.chars().map(json_len).sum(),
            Self::Link { text, href } => text.chars().chain(href.chars()).map(json_len).sum(),
            Self::LineBreak => 0,
        };
        Size { text, bytes: frame.len() + content + 1 } // and a comma
    }

    /// Cuts text so that it fits, at a space where there is one near; false when nothing would be left.
    fn cut_to(&mut self, room: Size) -> bool {
        let Self::Text(text) = self else {
            return false;
        };
        let frame = Self::Text(String::new()).size();
        let mut left = room.minus(frame);
        let mut end = 0;
        for c in text.chars() {
            let size = Size { text: c.len_utf16(), bytes: json_len(c) };
            if !size.fits(left) {
                break;
            }
            left = left.minus(size);
            end += c.len_utf8();
        }
        let kept = text.get(..end).unwrap_or_default();
        let at_space = kept.rfind(' ').filter(|&space| space > end.saturating_sub(100)).unwrap_or(end);
        *text = kept.get(..at_space).unwrap_or_default().to_owned();
        !text.is_empty()
    }

    fn to_adf(&self) -> Value {
        match self {
            Self::Text(text) => json!({"type": "text", "text": text}),
            Self::Link { text, href } => {
                json!({"type": "text", "text": text, "marks": [{"type": "link", "attrs": {"href": href}}]})
            }
            Self::LineBreak => json!({"type": "hardBreak"}),
        }
    }

    fn to_wiki(&self) -> String {
        match self {
            Self::Text(text) => wiki::escaped(text),
            Self::Link { text, href } if text == href => format!("[{}]", wiki::address(href)),
            Self::Link { text, href } => format!("[{}|{}]", wiki::escaped(text), wiki::address(href)),
            Self::LineBreak => "\n".to_owned(),
        }
    }
}

/// Bytes of a character within a JSON string, as serde_json writes it.
fn json_len(c: char) -> usize {
    match c {
        '"' | '\\' | '\t' => 2,
        _ => c.len_utf8(),
    }
}

fn paragraph(lines: &[&str]) -> Block {
    let mut inlines = Vec::new();
    for line in lines {
        let line = line_of(line);
        if line.is_empty() {
            continue;
        }
        if !inlines.is_empty() {
            inlines.push(Inline::LineBreak);
        }
        inlines.extend(line);
    }
    Block::Paragraph(inlines)
}

/// A line's text with its addresses as links.
fn line_of(line: &str) -> Vec<Inline> {
    let line: String = line.trim_end().chars().filter(|&c| is_printable(c)).collect();
    let mut inlines = Vec::new();
    let mut rest = line.as_str();
    let mut searched = 0;
    while let Some(start) = rest.get(searched..).and_then(address_start).map(|at| searched + at) {
        let (before, behind) = rest.split_at_checked(start).unwrap_or((rest, ""));
        let (address, after) = behind.split_at_checked(address_length(behind)).unwrap_or((behind, ""));
        if Url::parse(address).is_ok() && address.len() <= MAX_LINK {
            inlines.extend(text_of(before));
            inlines.extend(link(address, address));
            (rest, searched) = (after, 0);
        } else {
            searched = start + address.len().max(1);
        }
    }
    inlines.extend(text_of(rest));
    inlines
}

/// Where the next web or mail address begins. Goes from colon to colon, so that a line of nothing but links takes time
/// proportional to its length.
fn address_start(text: &str) -> Option<usize> {
    text.match_indices(':').find_map(|(colon, _)| {
        let (before, behind) = text.split_at_checked(colon)?;
        let scheme = ["https", "http", "mailto"].into_iter().find(|scheme| before.ends_with(scheme))?;
        let is_address = scheme == "mailto" || behind.starts_with("://");
        let ahead = before.strip_suffix(scheme)?;
        (is_address && !ahead.ends_with(|c: char| c.is_alphanumeric())).then_some(ahead.len())
    })
}

/// How many bytes of the text belong to the address at its beginning: up to a space or bracket, without what punctuates
/// the sentence around it.
fn address_length(text: &str) -> usize {
    let end =
        text.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '|' | '{' | '}' | '\\' | '^' | '`'));
    let mut address = text.get(..end.unwrap_or(text.len())).unwrap_or(text);
    loop {
        let trimmed = address.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_', ']', '。', '，', '、']);
        let trimmed = match trimmed.strip_suffix(')') {
            Some(inner) if inner.matches('(').count() < trimmed.matches(')').count() => inner,
            Some(_) | None => trimmed,
        };
        if trimmed.len() == address.len() {
            return address.len();
        }
        address = trimmed;
    }
}

fn link(text: &str, href: &str) -> Option<Inline> {
    Some(Inline::Link { text: text.to_owned(), href: href.to_owned() }).filter(|_| !text.is_empty())
}

fn text_of(text: &str) -> Option<Inline> {
    let text: String = text.chars().filter(|&c| is_printable(c)).collect();
    (!text.is_empty()).then_some(Inline::Text(text))
}

/// Neither a control character nor one of the two that XML, and with it Jira's export, cannot hold.
fn is_printable(c: char) -> bool {
    c == '\t' || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// Escapes for Jira's wiki markup.
mod wiki {
    /// Text in which nothing is markup. A backslash cannot be escaped by another (two make a line break), so that it, and
    /// the sign that begins an entity, are written as entities.
    pub(super) fn escaped(text: &str) -> String {
        let mut escaped = String::with_capacity(text.len() + 16);
        let mut before = ' ';
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            let in_word = before.is_alphanumeric() && rest.peek().is_some_and(|next| next.is_alphanumeric());
            match c {
                '\\' => escaped.push_str("&#92;"),
                '&' => escaped.push_str("&amp;"),
                '-' if in_word => escaped.push('-'), // or `SUP-7` would not become a link to that issue
                '{' | '}' | '[' | ']' | '!' | '|' | '*' | '_' | '-' | '+' | '^' | '~' | '?' | '#' => {
                    escaped.push('\\');
                    escaped.push(c);
                }
                _ => escaped.push(c),
            }
            before = c;
        }
        escaped
    }

    /// An address within a link's brackets.
    pub(super) fn address(href: &str) -> String {
        let encode = |c: char| match c {
            '[' | ']' | '{' | '}' | '|' | '\\' | '^' | '!' => format!("%{:02X}", u32::from(c)),
            _ => c.to_string(),
        };
        href.chars().map(encode).collect()
    }

    /// `h1.` to `h6.` and `bq.` mean something at the beginning of a line only.
    pub(super) fn lines(text: &str) -> String {
        let line = |line: &str| {
            let begin = line.trim_start();
            let marked = ["h1.", "h2.", "h3.", "h4.", "h5.", "h6.", "bq."].iter().any(|mark| begin.starts_with(mark));
            if marked { line.replacen('.', "&#46;", 1) } else { line.to_owned() }
        };
        text.split('\n').map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_as_large_as_its_size_says() {
        for text in
            ["", "one", "a \"quoted\" \\ line\nand\ttwo\n\nhttps://example.com/x?a=1 ünïcödé 日本", "mailto:a@b.c"]
        {
            let document = Document::from_text(text);
            let size = document.blocks.iter().map(Block::size).fold(Size::of_frame(), Size::plus);
            let commas = document.blocks.len();
            let inlines: usize = document.blocks.iter().map(|Block::Paragraph(inlines)| inlines.len()).sum();
            let written = document.to_adf().to_string().len();
            assert!(size.bytes >= written && size.bytes <= written + commas + inlines, "{text}: {size:?}, {written}");
        }
    }
}
