//! What holds blocks around the text while a page is gone through: quotes, lists, tables and their parts, outermost
//! first. Each is put into the one around it when it ends. What would nest deeper than people read is put beside what
//! it stands in.

use super::table::{Draft, DraftCell};
use crate::mail::rich::{Block, CellRole, Content, Hint, List, Numbering};

/// Lists, quotes and cells within one another.
const MAX_NESTING: usize = 24;

/// All that is open; at the bottom the page.
#[derive(Debug)]
pub(super) struct Frames(Vec<Frame>);

#[derive(Debug)]
struct Frame {
    kind: FrameKind,
    blocks: Vec<Block>,
    hint: Option<Hint>,
}

/// What holds blocks.
#[derive(Debug)]
pub(super) enum FrameKind {
    /// The page: blocks for whoever is below it.
    Plain,
    /// What somebody else said.
    Quote,
    /// An item of a list.
    Item,
    /// A list, with the items that are done.
    List(Numbering, Vec<Vec<Block>>),
    /// A list made of paragraphs, at this level. It ends where something else than its items comes.
    WordList(u8, Numbering, Vec<Vec<Block>>),
    /// A table, with the rows that are done.
    Table(Draft),
    /// A cell, and the columns and rows that it spans.
    Cell(CellRole, [usize; 2]),
}

impl Default for Frames {
    fn default() -> Self {
        Self(vec![Frame { kind: FrameKind::Plain, blocks: Vec::new(), hint: None }])
    }
}

impl Frames {
    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What is innermost.
    pub(super) fn top(&mut self) -> Option<&mut FrameKind> {
        self.0.last_mut().map(|frame| &mut frame.kind)
    }

    /// Opens one within the innermost, if that is not too deep.
    pub(super) fn open(&mut self, kind: FrameKind, hint: Option<Hint>) {
        self.close_word_lists();
        if self.0.len() < MAX_NESTING {
            self.0.push(Frame { kind, blocks: Vec::new(), hint });
        }
    }

    /// Opens an item of a list that is made of paragraphs, in the list of that level that is open or in a new one. How
    /// many were open with that list; `None` where that is too deep.
    pub(super) fn open_word_item(&mut self, level: u8, numbering: Numbering, hint: Option<Hint>) -> Option<usize> {
        let goes_on = |around: u8, other: Numbering| {
            around < level
                || around == level && matches!(numbering, Numbering::Bullets) == matches!(other, Numbering::Bullets)
        };
        while let Some(FrameKind::WordList(around, other, _)) = self.top()
            && !goes_on(*around, *other)
        {
            self.close();
        }
        let is_open = matches!(self.top(), Some(FrameKind::WordList(around, ..)) if *around == level);
        if self.0.len() + 2 > MAX_NESTING {
            return None;
        }
        if !is_open {
            let kind = FrameKind::WordList(level, numbering, Vec::new());
            self.0.push(Frame { kind, blocks: Vec::new(), hint });
        }
        let list = self.0.len();
        self.0.push(Frame { kind: FrameKind::Item, blocks: Vec::new(), hint });
        Some(list)
    }

    /// Adds a block to the innermost.
    pub(super) fn add(&mut self, block: Block) {
        self.close_word_lists();
        // Text between items belongs to the one before it: so does Outlook nest lists. Text between cells stands before
        // the table, as browsers show it.
        self.place([block]);
    }

    /// Ends the innermost until so many are left.
    pub(super) fn close_down_to(&mut self, frames: usize) {
        while self.0.len() > frames.max(1) {
            self.close();
        }
    }

    /// Ends them all: the blocks of the page.
    pub(super) fn finish(mut self) -> Vec<Block> {
        self.close_down_to(1);
        self.0.pop().map(|page| page.blocks).unwrap_or_default()
    }

    fn close_word_lists(&mut self) {
        while matches!(self.top(), Some(FrameKind::WordList(..))) {
            self.close();
        }
    }

    /// Ends what is on top and puts it into what is below.
    fn close(&mut self) {
        let Some(Frame { kind, blocks, hint }) = self.0.pop() else { return };
        match kind {
            FrameKind::Plain => self.place(blocks),
            FrameKind::Quote if blocks.is_empty() => {}
            FrameKind::Quote => self.place([Block { content: Content::Quote(blocks), hint }]),
            FrameKind::List(numbering, items) | FrameKind::WordList(_, numbering, items) => {
                if !items.is_empty() {
                    self.place([Block { content: Content::List(List { numbering, items }), hint }]);
                }
            }
            FrameKind::Table(draft) => {
                self.place(blocks);
                self.place(draft.into_blocks());
            }
            FrameKind::Item => match self.top() {
                Some(FrameKind::List(_, items) | FrameKind::WordList(_, _, items)) if !blocks.is_empty() => {
                    items.push(blocks);
                }
                Some(_) | None => self.place(blocks),
            },
            FrameKind::Cell(role, [columns, rows]) => match self.top() {
                Some(FrameKind::Table(draft)) => {
                    let cell = DraftCell { role, columns, rows, blocks };
                    match draft.rows.last_mut() {
                        Some(row) => row.push(cell),
                        None => draft.rows.push(vec![cell]),
                    }
                }
                Some(_) | None => self.place(blocks),
            },
        }
    }

    /// Puts finished blocks into the frame on top, word lists included.
    fn place(&mut self, blocks: impl IntoIterator<Item = Block>) {
        let Some(frame) = self.0.last_mut() else { return };
        let mut blocks = blocks.into_iter().peekable();
        match &mut frame.kind {
            FrameKind::List(_, items) | FrameKind::WordList(_, _, items) => match items.last_mut() {
                Some(item) => item.extend(blocks),
                None if blocks.peek().is_none() => {}
                None => items.push(blocks.collect()),
            },
            FrameKind::Plain | FrameKind::Quote | FrameKind::Item | FrameKind::Table(_) | FrameKind::Cell(..) => {
                frame.blocks.extend(blocks)
            }
        }
    }
}
