//! The beginning of a block that is too large for the room that is left: as many whole items, rows or inner blocks as
//! there is room for. Where there is none for the first, cuts within it, at a space where there is one near.

use crate::mail::rich::{Block, Cell, Content, Inline, List, Span, Table};

/// How far back a space is looked for, in bytes.
const NEAR: usize = 100;

/// The first `characters` of a block; `None` where nothing is left.
pub(super) fn beginning(block: &Block, characters: usize) -> Option<Block> {
    Cut { left: characters, is_over: false }.block(block)
}

/// Characters of a block.
pub(super) fn length(block: &Block) -> usize {
    let mut whole = Cut { left: usize::MAX, is_over: false };
    whole.block(block);
    usize::MAX - whole.left
}

struct Cut {
    left: usize,
    /// Whether something did not fit.
    is_over: bool,
}

impl Cut {
    fn block(&mut self, block: &Block) -> Option<Block> {
        let content = match &block.content {
            Content::Paragraph(inlines) => Content::Paragraph(self.inlines(inlines)?),
            Content::Heading(level, inlines) => Content::Heading(*level, self.inlines(inlines)?),
            Content::List(List { numbering, items }) => {
                let items = self.pieces(items, |cut, item| cut.blocks(item))?;
                Content::List(List { numbering: *numbering, items })
            }
            Content::Table(table) => Content::Table(Table { rows: self.pieces(&table.rows, |cut, row| cut.row(row))? }),
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
        self.pieces(blocks, Self::block)
    }

    /// The whole ones, or the beginning of the first.
    fn pieces<T, U>(&mut self, pieces: &[T], piece: impl Fn(&mut Self, &T) -> Option<U>) -> Option<Vec<U>> {
        let mut kept = Vec::new();
        for next in pieces {
            let next = piece(self, next);
            if !self.is_over || kept.is_empty() {
                kept.extend(next);
            }
            if self.is_over {
                break;
            }
        }
        some(kept)
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
        (self.left, self.is_over) = (0, true);
        let kept = text.get(..end).unwrap_or_default();
        let at_space = kept.rfind([' ', '\n']).filter(|&space| space + NEAR > end).unwrap_or(end);
        kept.get(..at_space).filter(|kept| !kept.is_empty()).map(str::to_owned)
    }

    fn take(&mut self, characters: usize) -> Option<()> {
        let left = self.left.checked_sub(characters);
        self.is_over |= left.is_none();
        self.left = left?;
        Some(())
    }
}

fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    Some(items).filter(|items| !items.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::rich::{CellRole, Document, Numbering};

    fn paragraph(text: &str) -> Block {
        Block { content: Content::Paragraph(vec![Inline::plain(text)]), hint: None }
    }

    fn kept(content: Content, characters: usize) -> String {
        let block = beginning(&Block { content, hint: None }, characters);
        Document { blocks: block.into_iter().collect() }.text()
    }

    #[test]
    fn items_rows_and_paragraphs_stay_whole_but_for_the_first() {
        let list = || {
            let items = ["one item", "another item", "a third"].map(|text| vec![paragraph(text)]).to_vec();
            Content::List(List { numbering: Numbering::Bullets, items })
        };
        assert_eq!(kept(list(), 22), "- one item\n- another item");
        assert_eq!(kept(list(), 15), "- one item");
        assert_eq!(kept(list(), 5), "- one");
        let cell = |text: &str| Cell { role: CellRole::Data, blocks: vec![paragraph(text)] };
        let rows = vec![vec![cell("1"), cell("2")], vec![cell("three"), cell("four")]];
        assert_eq!(kept(Content::Table(Table { rows }), 9), "1\t2");
        let quote = Content::Quote(vec![paragraph("first words"), paragraph("last words")]);
        assert_eq!(kept(quote, 16), "> first words");
    }
}
