//! A document in Jira's wiki markup (Data Center). Nothing that a sender writes means anything in it: see `escape`.
//!
//! The markup has no nested quotes and puts little into cells and items: what stands there is written as lines.

use std::fmt::Write;

use super::{Pictures, Sink, Size};
use crate::mail::rich::{Block, Cell, CellRole, Content, Document, Inline, List, Mark, Marks, Numbering, Span};

mod escape;

use escape::Line;

/// Markup that grows block by block.
#[derive(Debug, Default)]
pub(super) struct Wiki {
    text: String,
    counted: Size,
}

/// What ends a line of text where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    NewLine,
    /// A cell is one line of markup.
    Forced,
    /// A heading has one line.
    Space,
}

impl Sink for Wiki {
    fn block(&mut self, block: &Block, pictures: &Pictures) {
        let before = self.text.len();
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push_str("\n\n");
        }
        let start = self.text.len();
        self.write(&block.content, pictures);
        if self.text.len() == start {
            self.text.truncate(before);
        }
    }

    /// Jira has nothing there that opens and closes.
    fn begin_section(&mut self, title: &str) {
        let separator = if self.text.is_empty() { "" } else { "\n\n" };
        let _ = writeln!(self.text, "{separator}{{panel:title={title}}}");
    }

    fn end_section(&mut self) {
        self.text.push_str("\n{panel}");
    }

    fn has_placed(&self) -> bool {
        false // markup names them
    }

    fn size(&mut self) -> Size {
        let added = self.text.get(self.counted.bytes..).unwrap_or_default();
        let units = self.counted.units + added.encode_utf16().count();
        self.counted = Size { units, bytes: self.text.len() };
        self.counted
    }

    fn cut_back(&mut self, to: Size) {
        self.text.truncate(to.bytes);
        self.counted = to;
    }
}

impl Wiki {
    /// The markup.
    pub(super) fn into_markup(self) -> String {
        self.text
    }

    fn write(&mut self, content: &Content, pictures: &Pictures) {
        match content {
            Content::Paragraph(inlines) => self.lines(inlines, LineEnd::NewLine, pictures),
            Content::Heading(level, inlines) => {
                let _ = write!(self.text, "h{}. ", level.get());
                self.lines(inlines, LineEnd::Space, pictures);
            }
            Content::List(list) => self.list(list, "", pictures),
            Content::Table(table) => {
                for (index, row) in table.rows.iter().enumerate() {
                    if index > 0 {
                        self.text.push('\n');
                    }
                    self.row(row, pictures);
                }
            }
            Content::Code(code) => self.code(code),
            Content::Quote(blocks) => self.quote(blocks, pictures),
            Content::Rule => self.text.push_str("----"),
        }
    }

    fn list(&mut self, list: &List, around: &str, pictures: &Pictures) {
        let sign = match list.numbering {
            Numbering::Bullets => '*',
            Numbering::From(_) => '#',
        };
        let signs = format!("{around}{sign}");
        for item in &list.items {
            self.begin_line();
            let _ = write!(self.text, "{signs} ");
            for (index, block) in item.iter().enumerate() {
                if let Content::List(inner) = &block.content {
                    self.list(inner, &signs, pictures);
                    continue;
                }
                if index > 0 {
                    self.begin_line();
                }
                self.within(block, LineEnd::NewLine, pictures);
            }
        }
    }

    fn begin_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    fn row(&mut self, row: &[Cell], pictures: &Pictures) {
        let mut bar = "|";
        for cell in row {
            bar = match cell.role {
                CellRole::Header => "||",
                CellRole::Data => "|",
            };
            self.text.push_str(bar);
            let start = self.text.len();
            for (index, block) in cell.blocks.iter().enumerate() {
                if index > 0 {
                    self.text.push_str(" \\\\ ");
                }
                self.within(block, LineEnd::Forced, pictures);
            }
            if self.text.len() == start {
                self.text.push(' '); // two bars in a row are a header's
            }
        }
        self.text.push_str(bar);
    }

    /// A block in an item or a cell, where only lines are safe.
    fn within(&mut self, block: &Block, end: LineEnd, pictures: &Pictures) {
        match &block.content {
            Content::Paragraph(inlines) | Content::Heading(_, inlines) => self.lines(inlines, end, pictures),
            Content::List(_) | Content::Table(_) | Content::Code(_) | Content::Quote(_) | Content::Rule => {
                self.plain(Document { blocks: vec![block.clone()] }.text().as_str(), end);
            }
        }
    }

    fn code(&mut self, code: &str) {
        // Its own end cannot be escaped within it.
        if code.to_ascii_lowercase().contains("{noformat") {
            return self.plain(code, LineEnd::NewLine);
        }
        let printable = |line: &str| escape::printable(line).collect::<String>();
        let code = code.split('\n').map(printable).collect::<Vec<_>>().join("\n");
        let _ = write!(self.text, "{{noformat}}\n{code}\n{{noformat}}");
    }

    fn quote(&mut self, blocks: &[Block], pictures: &Pictures) {
        self.text.push_str("{quote}\n");
        for block in blocks {
            match &block.content {
                // Quotes do not nest.
                Content::Quote(_) => {
                    if !self.text.ends_with('\n') {
                        self.text.push_str("\n\n");
                    }
                    self.plain(Document { blocks: vec![block.clone()] }.text().as_str(), LineEnd::NewLine);
                }
                Content::Paragraph(_)
                | Content::Heading(..)
                | Content::List(_)
                | Content::Table(_)
                | Content::Code(_)
                | Content::Rule => self.block(block, pictures),
            }
        }
        self.text.push_str("\n{quote}");
    }

    /// Text without any marks, line by line.
    fn plain(&mut self, text: &str, end: LineEnd) {
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.end_line(end);
            }
            let mut written = Line::begin(&mut self.text);
            written.text(line);
            written.end();
        }
    }

    fn lines(&mut self, inlines: &[Inline], end: LineEnd, pictures: &Pictures) {
        for (index, line) in inlines.split(|inline| *inline == Inline::LineBreak).enumerate() {
            if index > 0 {
                self.end_line(end);
            }
            let mut written = Line::begin(&mut self.text);
            for (index, inline) in line.iter().enumerate() {
                match inline {
                    Inline::Text(span) => span_of(&mut written, span, line.get(index + 1)),
                    Inline::Picture(picture) => match pictures.file(picture) {
                        Some(name) => written.picture(name),
                        None => written.text(&picture.words),
                    },
                    Inline::LineBreak => {}
                }
            }
            written.end();
        }
    }

    fn end_line(&mut self, end: LineEnd) {
        self.text.push_str(match end {
            LineEnd::NewLine => "\n",
            LineEnd::Forced => " \\\\ ",
            LineEnd::Space => " ",
        });
    }
}

fn span_of(line: &mut Line<'_>, span: &Span, next: Option<&Inline>) {
    let words = span.text.trim();
    if words.is_empty() || (span.marks == Marks::default() && span.link.is_none()) {
        return line.text(&span.text);
    }
    let (before, behind) = span.text.split_once(words).unwrap_or_default();
    line.text(before);
    // Marks count only where a word begins and ends; elsewhere they need braces.
    let begins_next = match next {
        Some(Inline::Text(next)) => next.text.chars().next(),
        Some(Inline::Picture(_)) => Some('!'),
        Some(Inline::LineBreak) | None => None,
    };
    let is_alone = line.is_between_words() && (!behind.is_empty() || begins_next.is_none_or(ends_word));
    let marks: Vec<Mark> = Mark::ALL.into_iter().filter(|mark| span.marks.has(*mark)).collect();
    marks.iter().for_each(|mark| line.markup(&sign(*mark, is_alone, "{{")));
    match &span.link {
        Some(link) => line.link(words, link.as_str()),
        None => line.text(words),
    }
    marks.iter().rev().for_each(|mark| line.markup(&sign(*mark, is_alone, "}}")));
    line.text(behind);
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '.' | ',' | ';' | ':' | ')')
}

fn sign(mark: Mark, is_alone: bool, code: &str) -> String {
    let sign = match mark {
        Mark::Strong => "*",
        Mark::Emphasis => "_",
        Mark::Underline => "+",
        Mark::Strike => "-",
        Mark::Subscript => "~",
        Mark::Superscript => "^",
        Mark::Code => return code.to_owned(),
    };
    if is_alone { sign.to_owned() } else { format!("{{{sign}}}") }
}
