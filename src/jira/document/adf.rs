//! A document in the Atlassian Document Format, version 1 (Jira Cloud), written as JSON text in one go. Always valid: what a
//! place may not hold is written as the next best thing that it may.
//!
//! The format forbids much that mail is full of: a heading, quote, table or rule in a list or quote, a table in a table, marks
//! on code, empty text, empty containers. The schema lets an item begin with a list since 2026; servers before did not, so that
//! every item begins with a paragraph here.

use std::fmt::Write;

use super::placed::PENDING;
use super::{Pictures, Sink, Size};
use crate::mail::rich::{
    Block, Cell, CellRole, Content, Inline, Level, List, Mark, Marks, Numbering, Span, is_printable,
};

/// Pixels that a picture takes at most: as wide as Jira shows a text.
const WIDEST: u32 = 760;

/// Nodes of a document, parted by commas.
#[derive(Debug, Default)]
pub(super) struct Adf {
    json: String,
    units: usize,
    /// Quotes around the text that the format has no other way to show.
    quotes: usize,
}

/// What a node stands in, which decides what it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Page,
    Cell,
    Quote,
    Item,
}

impl Sink for Adf {
    fn block(&mut self, block: &Block, pictures: &Pictures) {
        self.write(block, Place::Page, pictures);
    }

    fn begin_section(&mut self, title: &str) {
        self.separate();
        self.json.push_str(r#"{"type":"expand","attrs":{"title":""#);
        self.characters(title);
        self.json.push_str(r#""},"content":["#);
    }

    fn end_section(&mut self) {
        self.json.push_str("]}");
    }

    fn has_placed(&self) -> bool {
        // With quotation marks, which are escaped in what a sender wrote.
        self.json.contains(&format!(r#""id":"{PENDING}""#))
    }

    fn size(&mut self) -> Size {
        Size { units: self.units, bytes: self.json.len() }
    }

    fn cut_back(&mut self, to: Size) {
        self.json.truncate(to.bytes);
        self.units = to.units;
    }
}

impl Adf {
    /// The whole document.
    pub(super) fn into_document(self) -> String {
        [r#"{"type":"doc","version":1,"content":["#, &self.json, "]}"].concat()
    }

    fn write(&mut self, block: &Block, place: Place, pictures: &Pictures) {
        match (&block.content, place) {
            (Content::Paragraph(inlines), _) => self.paragraph(inlines, Marks::default(), place, pictures),
            (Content::Heading(level, inlines), Place::Page | Place::Cell) => self.heading(*level, inlines, pictures),
            (Content::Heading(_, inlines), Place::Quote | Place::Item) => {
                self.paragraph(inlines, Marks::default().with(Mark::Strong), place, pictures);
            }
            (Content::List(list), _) => self.list(list, pictures),
            (Content::Table(table), Place::Page) => self.table(&table.rows, pictures),
            (Content::Table(table), Place::Cell | Place::Quote | Place::Item) => {
                table.rows.iter().for_each(|row| self.row_as_line(row, place, pictures));
            }
            (Content::Code(code), _) => self.code(code),
            (Content::Quote(blocks), Place::Page | Place::Cell) => self.quote(blocks, place, pictures),
            (Content::Quote(blocks), Place::Quote | Place::Item) => {
                self.quotes += 1;
                blocks.iter().for_each(|block| self.write(block, place, pictures));
                self.quotes -= 1;
            }
            (Content::Rule, Place::Page | Place::Cell) => {
                self.separate();
                self.json.push_str(r#"{"type":"rule"}"#);
                self.units += 1;
            }
            (Content::Rule, Place::Quote | Place::Item) => {}
        }
    }

    /// A paragraph, which pictures that are shown in place part in two.
    fn paragraph(&mut self, inlines: &[Inline], marks: Marks, place: Place, pictures: &Pictures) {
        let placed = |inline: &Inline| match inline {
            Inline::Picture(picture) => pictures.placed(picture),
            Inline::Text(_) | Inline::LineBreak => None,
        };
        if inlines.iter().all(|inline| placed(inline).is_none()) {
            return self.lines(inlines, marks, place, pictures);
        }
        for run in inlines.chunk_by(|one, next| placed(one).is_none() && placed(next).is_none()) {
            match run.first().and_then(placed) {
                Some(name) => self.picture(name, pictures.widths.get(name).copied()),
                None => self.lines(without_edges(run), marks, Place::Page, pictures),
            }
        }
    }

    /// A picture whose id is not known yet.
    fn picture(&mut self, name: &str, width: Option<u32>) {
        self.open(r#"{"type":"mediaSingle","attrs":{"layout":"center""#);
        // Without its width a picture is shown as wide as a stamp.
        if let Some(width) = width {
            let _ = write!(self.json, r#","width":{},"widthType":"pixel""#, width.min(WIDEST));
        }
        self.json.push_str(r#"},"content":["#);
        let _ =
            write!(self.json, r#"{{"type":"media","attrs":{{"type":"file","id":"{PENDING}","collection":"","alt":""#);
        self.characters(name);
        self.json.push_str(r#""}}]}"#);
        self.units += 4; // for what stands for it until then
    }

    /// `Place::Page` leaves out what is empty; elsewhere it may be all that a container holds.
    fn lines(&mut self, inlines: &[Inline], marks: Marks, place: Place, pictures: &Pictures) {
        let before = self.size();
        self.open(r#"{"type":"paragraph","content":["#);
        self.units += 2; // what parts it from the next in plain text
        let is_empty = self.inlines(inlines, marks, pictures);
        match (is_empty, place) {
            (Filled::Yes, _) => self.json.push_str("]}"),
            (Filled::No, Place::Page) => self.cut_back(before),
            (Filled::No, Place::Cell | Place::Quote | Place::Item) => {
                self.cut_back(before);
                self.open(r#"{"type":"paragraph"}"#);
            }
        }
    }

    fn heading(&mut self, level: Level, inlines: &[Inline], pictures: &Pictures) {
        let before = self.size();
        self.separate();
        // Writing to a String cannot fail.
        let _ = write!(self.json, r#"{{"type":"heading","attrs":{{"level":{}}},"content":["#, level.get());
        self.units += 2;
        match self.inlines(inlines, Marks::default(), pictures) {
            Filled::Yes => self.json.push_str("]}"),
            Filled::No => self.cut_back(before),
        }
    }

    fn list(&mut self, list: &List, pictures: &Pictures) {
        if list.items.is_empty() {
            return;
        }
        match list.numbering {
            Numbering::Bullets => self.open(r#"{"type":"bulletList","content":["#),
            Numbering::From(first) => {
                self.separate();
                let _ = write!(self.json, r#"{{"type":"orderedList","attrs":{{"order":{first}}},"content":["#);
            }
        }
        for item in &list.items {
            self.open(r#"{"type":"listItem","content":["#);
            let begins = item.first().map(|block| &block.content);
            if !matches!(begins, Some(Content::Paragraph(_) | Content::Heading(..))) {
                self.open(r#"{"type":"paragraph"}"#);
            }
            item.iter().for_each(|block| self.write(block, Place::Item, pictures));
            self.json.push_str("]}");
        }
        self.json.push_str("]}");
    }

    fn table(&mut self, rows: &[Vec<Cell>], pictures: &Pictures) {
        let mut rows = rows.iter().filter(|row| !row.is_empty()).peekable();
        if rows.peek().is_none() {
            return;
        }
        self.open(r#"{"type":"table","content":["#);
        for row in rows {
            self.open(r#"{"type":"tableRow","content":["#);
            row.iter().for_each(|cell| self.cell(cell, pictures));
            self.json.push_str("]}");
        }
        self.json.push_str("]}");
    }

    fn cell(&mut self, cell: &Cell, pictures: &Pictures) {
        self.open(match cell.role {
            CellRole::Header => r#"{"type":"tableHeader","content":["#,
            CellRole::Data => r#"{"type":"tableCell","content":["#,
        });
        self.filled(&cell.blocks, Place::Cell, pictures);
        self.json.push_str("]}");
    }

    /// A row of a table that cannot be one.
    fn row_as_line(&mut self, row: &[Cell], place: Place, pictures: &Pictures) {
        let mut line = Vec::new();
        for block in row.iter().flat_map(|cell| &cell.blocks) {
            match &block.content {
                Content::Paragraph(inlines) | Content::Heading(_, inlines) => {
                    line.extend((!line.is_empty()).then(|| Inline::plain(" | ")));
                    line.extend(inlines.iter().cloned());
                }
                Content::List(_) | Content::Table(_) | Content::Code(_) | Content::Quote(_) | Content::Rule => {
                    self.paragraph(&std::mem::take(&mut line), Marks::default(), place, pictures);
                    self.write(block, place, pictures);
                }
            }
        }
        self.paragraph(&line, Marks::default(), place, pictures);
    }

    fn code(&mut self, code: &str) {
        let before = self.size();
        self.open(r#"{"type":"codeBlock","content":["#);
        self.units += 2;
        self.json.push_str(r#"{"type":"text","text":""#);
        let start = self.json.len();
        for (index, line) in code.split('\n').enumerate() {
            if index > 0 {
                self.json.push_str("\\n");
                self.units += 1;
            }
            self.characters(line);
        }
        match self.json.len() > start {
            true => self.json.push_str(r#""}]}"#),
            false => self.cut_back(before),
        }
    }

    /// A quote; a table or rule in it parts it in two.
    fn quote(&mut self, blocks: &[Block], place: Place, pictures: &Pictures) {
        let is_lifted = |block: &Block| match block.content {
            Content::Table(_) => place == Place::Page,
            Content::Rule => true,
            Content::Paragraph(_) | Content::Heading(..) | Content::List(_) | Content::Code(_) | Content::Quote(_) => {
                false
            }
        };
        for run in blocks.chunk_by(|one, next| !is_lifted(one) && !is_lifted(next)) {
            match run {
                [] => {}
                [block] if is_lifted(block) => self.write(block, place, pictures),
                [..] => {
                    self.open(r#"{"type":"blockquote","content":["#);
                    self.filled(run, Place::Quote, pictures);
                    self.json.push_str("]}");
                }
            }
        }
    }

    /// What a container holds, which may not be nothing.
    fn filled(&mut self, blocks: &[Block], place: Place, pictures: &Pictures) {
        let start = self.json.len();
        blocks.iter().for_each(|block| self.write(block, place, pictures));
        if self.json.len() == start {
            self.open(r#"{"type":"paragraph"}"#);
        }
    }

    fn inlines(&mut self, inlines: &[Inline], marks: Marks, pictures: &Pictures) -> Filled {
        let start = self.json.len();
        let mut filled = Filled::No;
        for (index, inline) in inlines.iter().enumerate() {
            let is_line_start = index == 0 || matches!(inlines.get(index - 1), Some(Inline::LineBreak));
            if is_line_start && self.quotes > 0 {
                self.text(&Span { text: "> ".repeat(self.quotes), ..Span::default() }, Marks::default());
            }
            let before = self.json.len();
            match inline {
                Inline::Text(span) => self.text(span, marks),
                Inline::Picture(picture) => {
                    self.text(&Span { text: pictures.words(picture), ..Span::default() }, marks);
                }
                Inline::LineBreak => {
                    self.open(r#"{"type":"hardBreak"}"#);
                    self.units += 1;
                }
            }
            if self.json.len() > before {
                filled = Filled::Yes;
            }
        }
        if let Filled::No = filled {
            self.json.truncate(start);
        }
        filled
    }

    /// A text node; none where there is nothing to write, since the format knows no empty text.
    fn text(&mut self, span: &Span, more: Marks) {
        let before = self.size();
        self.open(r#"{"type":"text","text":""#);
        let start = self.json.len();
        self.characters(&span.text);
        if self.json.len() == start {
            return self.cut_back(before);
        }
        self.json.push('"');
        self.marks(span, more);
        self.json.push('}');
    }

    fn marks(&mut self, span: &Span, more: Marks) {
        let has = |mark| span.marks.has(mark) || more.has(mark);
        let is_code = has(Mark::Code);
        if span.link.is_none() && !Mark::ALL.into_iter().any(has) {
            return;
        }
        self.json.push_str(r#","marks":["#);
        for mark in Mark::ALL.into_iter().filter(|mark| has(*mark)) {
            // Code goes with a link and with nothing else.
            match mark {
                Mark::Code => self.open(r#"{"type":"code"}"#),
                _ if is_code => {}
                Mark::Strong => self.open(r#"{"type":"strong"}"#),
                Mark::Emphasis => self.open(r#"{"type":"em"}"#),
                Mark::Underline => self.open(r#"{"type":"underline"}"#),
                Mark::Strike => self.open(r#"{"type":"strike"}"#),
                Mark::Subscript => self.open(r#"{"type":"subsup","attrs":{"type":"sub"}}"#),
                Mark::Superscript if has(Mark::Subscript) => {}
                Mark::Superscript => self.open(r#"{"type":"subsup","attrs":{"type":"sup"}}"#),
            }
        }
        if let Some(link) = &span.link {
            let units = self.units;
            self.open(r#"{"type":"link","attrs":{"href":""#);
            self.characters(link.as_str());
            self.json.push_str(r#""}}"#);
            self.units = units; // nobody reads it
        }
        self.json.push(']');
    }

    fn open(&mut self, node: &str) {
        self.separate();
        self.json.push_str(node);
    }

    fn separate(&mut self) {
        if self.json.ends_with(['}', ']']) {
            self.json.push(',');
        }
    }

    /// Within a JSON string.
    fn characters(&mut self, text: &str) {
        let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
        if text.bytes().all(is_plain) {
            self.json.push_str(text);
            self.units += text.len();
            return;
        }
        for c in text.chars() {
            match c {
                '"' => self.json.push_str("\\\""),
                '\\' => self.json.push_str("\\\\"),
                '\t' => self.json.push_str("\\t"),
                '\n' => self.json.push(' '),
                c if is_printable(c) => self.json.push(c),
                _ => continue,
            }
            self.units += c.len_utf16();
        }
    }
}

/// What stands beside a picture, without the line ends that parted it from that.
fn without_edges(inlines: &[Inline]) -> &[Inline] {
    let is_text = |inline: &Inline| !matches!(inline, Inline::LineBreak);
    let first = inlines.iter().position(is_text).unwrap_or(inlines.len());
    let last = inlines.iter().rposition(is_text).map_or(first, |last| last + 1);
    inlines.get(first..last).unwrap_or_default()
}

/// Whether a node has any content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filled {
    Yes,
    No,
}
