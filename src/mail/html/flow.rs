//! Runs of text as they flow: spaces collapse, lines end, an empty line begins the next paragraph. Knows no elements.
//!
//! Mail programs write paragraphs as `<p>`, as `<div>` parted by `<div><br></div>`, or as lines with `<br><br>` between; all of
//! them come out as the same paragraphs, because only what would be seen counts.

use super::look::Spaces;
use crate::mail::rich::{Block, Content, Hint, Inline, Level, Link, Mark, Marks, Picture, Span, is_printable};

/// Text in the making.
#[derive(Debug, Default)]
pub(super) struct Flow {
    done: Vec<Block>,
    inlines: Vec<Inline>,
    hint: Option<Hint>,
    line: Line,
    /// Line ends behind what is in `inlines`.
    ends: usize,
    gap: Gap,
}

/// What text looks like and means.
#[derive(Debug, Clone, Default)]
pub(super) struct Style {
    /// How it looks.
    pub(super) marks: Marks,
    /// What its spaces mean.
    pub(super) spaces: Spaces,
    /// Where it leads.
    pub(super) link: Option<Link>,
    /// What the mail program took it for.
    pub(super) hint: Option<Hint>,
}

/// What is on the line so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Line {
    #[default]
    Empty,
    /// Nothing but spaces that do not collapse: the line is there, but nothing is on it.
    Blank,
    Filled,
}

/// Spaces of which it is not known yet whether anything follows them.
#[derive(Debug, Clone, Copy, Default)]
struct Gap {
    collapsing: usize,
    lasting: usize,
}

impl Flow {
    /// Text as it stands in the source.
    pub(super) fn text(&mut self, text: &str, style: &Style) {
        let mut word = 0; // where the word began that the text is in
        for (at, c) in text.char_indices() {
            let is_kept = is_printable(c) && !is_invisible(c) && !is_space(c);
            let is_joiner = matches!(c, '\u{200c}' | '\u{200d}');
            if is_kept && !(is_joiner && at == word) {
                continue;
            }
            self.word(text.get(word..at).unwrap_or_default(), style);
            word = at + c.len_utf8();
            self.gap(c, style);
        }
        self.word(text.get(word..).unwrap_or_default(), style);
    }

    /// A character that is no part of a word.
    fn gap(&mut self, c: char, style: &Style) {
        match (c, style.spaces) {
            ('\n', Spaces::Keep) => self.break_line(),
            ('\t', Spaces::Keep) => self.gap.lasting += 4,
            (' ', Spaces::Keep) | ('\u{a0}', _) => {
                self.gap.lasting += 1;
                if self.line == Line::Empty {
                    self.line = Line::Blank;
                }
            }
            (' ' | '\t' | '\n' | '\r' | '\u{c}', _) => self.gap.collapsing = 1,
            _ => {}
        }
    }

    fn word(&mut self, word: &str, style: &Style) {
        if word.is_empty() {
            return;
        }
        let spaces = self.begin(style);
        let alike = |span: &Span| span.marks == style.marks && span.link == style.link;
        match self.inlines.last_mut() {
            Some(Inline::Text(last)) if alike(last) => last.text.extend(std::iter::repeat_n(' ', spaces)),
            _ => self.push_spaces(spaces),
        }
        match self.inlines.last_mut() {
            Some(Inline::Text(last)) if alike(last) => last.text.push_str(word),
            _ => {
                let span = Span { text: word.to_owned(), marks: style.marks, link: style.link.clone() };
                self.inlines.push(Inline::Text(span));
            }
        }
    }

    fn push_spaces(&mut self, spaces: usize) {
        let is_bare = |span: &Span| span.link.is_none() && span.marks == Marks::default();
        match self.inlines.last_mut() {
            Some(Inline::Text(last)) if is_bare(last) => last.text.extend(std::iter::repeat_n(' ', spaces)),
            _ if spaces > 0 => self.inlines.push(Inline::plain(" ".repeat(spaces))),
            _ => {}
        }
    }

    /// A picture in the line.
    pub(super) fn picture(&mut self, picture: Picture, style: &Style) {
        let spaces = self.begin(style);
        self.push_spaces(spaces);
        self.inlines.push(Inline::Picture(picture));
    }

    /// Something visible follows: what was held back is decided. Gives the spaces before it.
    fn begin(&mut self, style: &Style) -> usize {
        if self.hint != style.hint {
            self.finish(None);
        }
        self.hint = style.hint;
        let gap = std::mem::take(&mut self.gap);
        let is_first = self.inlines.is_empty();
        match self.ends {
            0 => {}
            _ if is_first => {}
            1 => self.inlines.push(Inline::LineBreak),
            _ => self.finish_paragraph(),
        }
        self.ends = 0;
        let was = std::mem::replace(&mut self.line, Line::Filled);
        match (was, style.spaces) {
            (Line::Filled, _) => gap.collapsing + gap.lasting,
            // One space at the beginning of a line is clumsy layout, more of them are an indentation.
            (Line::Empty | Line::Blank, Spaces::Keep) => gap.lasting,
            (Line::Empty | Line::Blank, Spaces::Collapse) => gap.lasting.saturating_sub(usize::from(gap.lasting == 1)),
        }
    }

    /// `<br>`.
    pub(super) fn break_line(&mut self) {
        self.ends += 1;
        self.line = Line::Empty;
        self.gap = Gap::default();
    }

    /// Where a block begins or ends: whatever follows stands on a line of its own.
    pub(super) fn end_line(&mut self) {
        match self.line {
            Line::Filled | Line::Blank => self.break_line(),
            Line::Empty => self.gap = Gap::default(),
        }
    }

    /// Where a block with space around it begins or ends.
    pub(super) fn end_paragraph(&mut self) {
        self.end_line();
        self.ends = self.ends.max(2);
    }

    /// Nothing more belongs to the text; `heading` where it is one.
    pub(super) fn finish(&mut self, heading: Option<Level>) {
        match heading {
            Some(level) if !self.inlines.is_empty() => {
                let mut inlines = std::mem::take(&mut self.inlines);
                for inline in &mut inlines {
                    if let Inline::Text(span) = inline {
                        span.marks = span.marks.without(Mark::Strong); // as every heading is
                    }
                }
                self.done.push(Block { content: Content::Heading(level, inlines), hint: self.hint });
            }
            Some(_) | None => self.finish_paragraph(),
        }
        (self.line, self.ends, self.gap) = (Line::Empty, 0, Gap::default());
    }

    fn finish_paragraph(&mut self) {
        if !self.inlines.is_empty() {
            let inlines = std::mem::take(&mut self.inlines);
            self.done.push(Block { content: Content::Paragraph(inlines), hint: self.hint });
        }
    }

    /// The blocks that are finished.
    pub(super) fn take_done(&mut self) -> Vec<Block> {
        std::mem::take(&mut self.done)
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}' | '\u{a0}')
}

/// Shows nothing, and serves newsletters to fill the line that mail programs show in their lists.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}
