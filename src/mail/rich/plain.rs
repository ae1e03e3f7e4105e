//! Plain text as a document, and a document as plain text. Of plain text only paragraphs, lines and addresses are understood:
//! what looks like a list or a quote stays as it was typed.

use std::borrow::Cow;
use std::fmt::Write;

use super::{Block, Cell, Content, Document, Inline, Link, List, Numbering, Span, is_printable};

impl Document {
    /// Plain text: blank lines part paragraphs, web and mail addresses become links.
    pub fn from_text(text: &str) -> Self {
        let mut document = Self::default();
        let mut inlines = Vec::new();
        for line in with_line_feeds(text).split('\n') {
            if line.trim().is_empty() {
                document.add_paragraph(&mut inlines);
                continue;
            }
            let before = inlines.len();
            if before > 0 {
                inlines.push(Inline::LineBreak);
            }
            add_line(line, &mut inlines);
            if inlines.len() == before + 1 && before > 0 {
                inlines.pop(); // nothing of the line can be shown
            }
        }
        document.add_paragraph(&mut inlines);
        document
    }

    fn add_paragraph(&mut self, inlines: &mut Vec<Inline>) {
        if !inlines.is_empty() {
            self.blocks.push(Block::new(Content::Paragraph(std::mem::take(inlines))));
        }
    }

    /// As plain text: a blank line between blocks, `> ` before what is quoted, a tab between the cells of a table. Where a link
    /// leads and what text looks like is left out.
    pub fn text(&self) -> String {
        let mut lines = Lines::default();
        lines.blocks(&self.blocks);
        lines.text.truncate(lines.text.trim_end().len());
        lines.text
    }
}

impl Block {
    /// Its words, as [`Document::text`] has them.
    pub fn text(&self) -> String {
        let mut lines = Lines::default();
        lines.block(&self.content);
        lines.text
    }
}

/// Plain text that grows line by line.
#[derive(Default)]
struct Lines {
    text: String,
    /// What every line begins with.
    prefix: String,
}

impl Lines {
    fn blocks(&mut self, blocks: &[Block]) {
        for (index, block) in blocks.iter().enumerate() {
            if index > 0 {
                self.line_break();
                self.line_break();
            }
            self.block(&block.content);
        }
    }

    fn block(&mut self, content: &Content) {
        match content {
            Content::Paragraph(inlines) | Content::Heading(_, inlines) => self.inlines(inlines),
            Content::List(list) => self.list(list),
            Content::Table(table) => {
                for (index, row) in table.rows.iter().enumerate() {
                    if index > 0 {
                        self.line_break();
                    }
                    self.row(row);
                }
            }
            Content::Code(code) => self.words(code),
            Content::Quote(blocks) => {
                self.text.push_str("> ");
                self.indented("> ", blocks);
            }
            Content::Rule => self.text.push_str("---"),
        }
    }

    fn list(&mut self, list: &List) {
        for (index, item) in list.items.iter().enumerate() {
            if index > 0 {
                self.line_break();
            }
            match list.numbering {
                Numbering::Bullets => self.text.push_str("- "),
                Numbering::From(first) => {
                    let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(first);
                    // Writing to a String cannot fail.
                    let _ = write!(self.text, "{number}. ");
                }
            }
            self.indented("  ", item);
        }
    }

    fn row(&mut self, row: &[Cell]) {
        for (index, cell) in row.iter().enumerate() {
            if index > 0 {
                self.text.push('\t');
            }
            self.blocks(&cell.blocks);
        }
    }

    fn indented(&mut self, by: &str, blocks: &[Block]) {
        let length = self.prefix.len();
        self.prefix.push_str(by);
        self.blocks(blocks);
        self.prefix.truncate(length);
    }

    fn inlines(&mut self, inlines: &[Inline]) {
        for inline in inlines {
            match inline {
                Inline::Text(span) => self.words(&span.text),
                Inline::LineBreak => self.line_break(),
                Inline::Picture(picture) => self.words(&picture.words),
            }
        }
    }

    fn words(&mut self, text: &str) {
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.line_break();
            }
            self.text.push_str(line);
        }
    }

    fn line_break(&mut self) {
        let end = self.text.trim_end_matches([' ', '\t']).len();
        self.text.truncate(end);
        self.text.push('\n');
        self.text.push_str(&self.prefix);
    }
}

fn with_line_feeds(text: &str) -> Cow<'_, str> {
    match text.contains('\r') {
        true => text.replace("\r\n", "\n").replace('\r', "\n").into(),
        false => text.into(),
    }
}

/// A line's text with its addresses as links.
fn add_line(line: &str, inlines: &mut Vec<Inline>) {
    let line = printable(line.trim_end());
    let mut rest = &*line;
    let mut searched = 0;
    while let Some(start) = rest.get(searched..).and_then(address_start).map(|at| searched + at) {
        let (before, behind) = rest.split_at_checked(start).unwrap_or((rest, ""));
        let (address, after) = behind.split_at_checked(address_length(behind)).unwrap_or((behind, ""));
        if let Some(link) = Link::parse(address) {
            add_text(before, inlines);
            inlines.push(Inline::link(address, link));
            (rest, searched) = (after, 0);
        } else {
            searched = start + address.len().max(1);
        }
    }
    add_text(rest, inlines);
}

fn add_text(text: &str, inlines: &mut Vec<Inline>) {
    if !text.is_empty() {
        inlines.push(Inline::Text(Span { text: text.to_owned(), ..Span::default() }));
    }
}

fn printable(text: &str) -> Cow<'_, str> {
    // Nearly every line is ASCII, which takes no decoding.
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    if is_plain || text.chars().all(is_printable) {
        return text.into();
    }
    text.chars().filter(|&c| is_printable(c)).collect()
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

#[cfg(test)]
mod tests {
    use super::super::{CellRole, Table};
    use super::*;

    fn paragraph(text: &str) -> Block {
        Block::new(Content::Paragraph(vec![Inline::plain(text)]))
    }

    #[test]
    fn plain_text_comes_back_as_it_was_typed() {
        for text in
            ["", "one", "a\nb\n\nc", "> quoted\n> twice\n\n    indented\n- item https://a.example/x.", "```\ncode\n```"]
        {
            assert_eq!(Document::from_text(text).text(), text);
        }
        assert_eq!(Document::from_text("\r\n\r\na\rb\u{7}\r\n\u{7}\r\nc\n\n\n").text(), "a\nb\nc");
    }

    #[test]
    fn blocks_show_as_people_type_them() {
        let cell = |text: &str| Cell { role: CellRole::Data, blocks: vec![paragraph(text)] };
        let nested = List { numbering: Numbering::From(3), items: vec![vec![paragraph("x")], vec![paragraph("y")]] };
        let blocks = vec![
            paragraph("one"),
            Block::new(Content::List(List {
                numbering: Numbering::Bullets,
                items: vec![vec![paragraph("a"), Block::new(Content::List(nested))], vec![paragraph("b")]],
            })),
            Block::new(Content::Quote(vec![paragraph("q"), Block::new(Content::Quote(vec![paragraph("r\ns")]))])),
            Block::new(Content::Table(Table { rows: vec![vec![cell("1"), cell("2")], vec![cell("3"), cell("4")]] })),
            Block::new(Content::Rule),
        ];
        let expected = "one\n\n- a\n\n  3. x\n  4. y\n- b\n\n> q\n>\n> > r\n> > s\n\n1\t2\n3\t4\n\n---";
        assert_eq!(Document { blocks }.text(), expected);
    }
}
