//! The beginning of a block that is too large for the room that is left. Cuts after a number of characters, at a space where
//! there is one near.

use crate::mail::rich::{Block, Cell, Content, Inline, List, Span, Table};

/// How far back a space is looked for, in bytes.
const NEAR: usize = 100;

/// The first `characters` of a block; `None` where nothing is left.
pub(super) fn beginning(block: &Block, characters: usize) -> Option<Block> {
    Cut { left: characters }.block(block)
}

/// Characters of a block.
pub(super) fn length(block: &Block) -> usize {
    let mut whole = Cut { left: usize::MAX };
    whole.block(block);
    usize::MAX - whole.left
}

struct Cut {
    left: usize,
}

impl Cut {
    fn block(&mut self, block: &Block) -> Option<Block> {
        let content = match &block.content {
            Content::Paragraph(inlines) => Content::Paragraph(self.inlines(inlines)?),
            Content::Heading(level, inlines) => Content::Heading(*level, self.inlines(inlines)?),
            Content::List(List { numbering, items }) => {
                let items = some(items.iter().map_while(|item| self.blocks(item)).collect())?;
                Content::List(List { numbering: *numbering, items })
            }
            Content::Table(table) => {
                Content::Table(Table { rows: some(table.rows.iter().map_while(|row| self.row(row)).collect())? })
            }
            Content::Code(code) => Content::Code(self.text(code)?),
            Content::Quote(blocks) => Content::Quote(self.blocks(blocks)?),
            Content::Rule => {
                self.take(1)?;
                Content::Rule
            }
        };
        Some(Block { content, hint: block.hint })
    }

    fn blocks(&mut self, blocks: &[Block]) -> Option<Vec<Block>> {
        some(blocks.iter().map_while(|block| self.block(block)).collect())
    }

    /// A row keeps all of its cells, if only empty ones.
    fn row(&mut self, row: &[Cell]) -> Option<Vec<Cell>> {
        self.take(1)?;
        let cell = |cell: &Cell| Cell { role: cell.role, blocks: self.blocks(&cell.blocks).unwrap_or_default() };
        Some(row.iter().map(cell).collect())
    }

    fn inlines(&mut self, inlines: &[Inline]) -> Option<Vec<Inline>> {
        let inline = |inline: &Inline| {
            Some(match inline {
                Inline::Text(span) => Inline::Text(Span { text: self.text(&span.text)?, ..span.clone() }),
                Inline::LineBreak | Inline::Picture(_) => {
                    self.take(1)?;
                    inline.clone()
                }
            })
        };
        some(inlines.iter().map_while(inline).collect())
    }

    fn text(&mut self, text: &str) -> Option<String> {
        let characters = text.chars().count();
        if characters <= self.left {
            self.left -= characters;
            return Some(text.to_owned());
        }
        let end = text.char_indices().nth(self.left).map_or(text.len(), |(at, _)| at);
        self.left = 0;
        let kept = text.get(..end).unwrap_or_default();
        let at_space = kept.rfind([' ', '\n']).filter(|&space| space + NEAR > end).unwrap_or(end);
        kept.get(..at_space).filter(|kept| !kept.is_empty()).map(str::to_owned)
    }

    fn take(&mut self, characters: usize) -> Option<()> {
        self.left = self.left.checked_sub(characters)?;
        Some(())
    }
}

fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    Some(items).filter(|items| !items.is_empty())
}
