//! Whether a table holds data or only places things on a page, as most tables in mail do; and its cells, row by row.

use super::super::rich::{Block, Cell, CellRole, Content, Inline, Table};

/// More columns are no table that a person made.
const MAX_COLUMNS: usize = 64;
/// Characters of a cell that may still be a value.
const MAX_VALUE: usize = 200;

/// A table in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// From top to bottom.
    pub(super) rows: Vec<Vec<DraftCell>>,
    /// What the mark-up says of its purpose.
    pub(super) purpose: Purpose,
}

/// What a table's mark-up says of its purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The mark-up says nothing.
    #[default]
    Unsaid,
    /// The table has lines between its cells.
    Ruled,
    /// The mark-up says that it is no table (`role="presentation"`).
    Layout,
}

/// A cell with its span.
#[derive(Debug)]
pub(super) struct DraftCell {
    pub(super) role: CellRole,
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) blocks: Vec<Block>,
}

impl Draft {
    /// The table, or what it placed on the page, one below the other.
    pub(super) fn into_blocks(self) -> Vec<Block> {
        if !self.is_data() {
            return self.rows.into_iter().flat_map(side_by_side).collect();
        }
        let hint = self.rows.iter().flatten().flat_map(|cell| &cell.blocks).find_map(|block| block.hint);
        vec![Block { content: Content::Table(Table { rows: grid(self.rows) }), hint }]
    }

    fn is_data(&self) -> bool {
        let cells = || self.rows.iter().flatten();
        let filled = |row: &&Vec<DraftCell>| row.iter().filter(|cell| !cell.blocks.is_empty()).count() > 1;
        let columns = self.rows.iter().map(|row| row.iter().map(|cell| cell.columns).sum()).max().unwrap_or(0);
        let holds_table = |cell: &DraftCell| cell.blocks.iter().any(|block| matches!(block.content, Content::Table(_)));
        if !(2..=MAX_COLUMNS).contains(&columns) || cells().any(holds_table) {
            return false;
        }
        let has_header = cells().any(|cell| cell.role == CellRole::Header);
        match self.purpose {
            Purpose::Layout => false,
            Purpose::Ruled => cells().any(|cell| !cell.blocks.is_empty()),
            Purpose::Unsaid => {
                let rows = self.rows.iter().filter(|row| row.iter().any(|cell| !cell.blocks.is_empty())).count();
                let full = self.rows.iter().filter(filled).count();
                rows > 1
                    && full > 0
                    && (has_header || full > rows / 2 || columns == 2)
                    && cells().all(|cell| cell.is_value())
                    || has_header && full > 0
            }
        }
    }
}

impl DraftCell {
    fn is_value(&self) -> bool {
        match self.blocks.as_slice() {
            [] => true,
            [Block { content: Content::Paragraph(inlines), .. }] => {
                let length = |inline: &Inline| match inline {
                    Inline::Text(span) => Some(span.text.len()),
                    Inline::LineBreak | Inline::Picture(_) => None,
                };
                let lengths: Option<Vec<usize>> = inlines.iter().map(length).collect();
                lengths.is_some_and(|lengths| lengths.iter().sum::<usize>() <= MAX_VALUE)
            }
            _ => false,
        }
    }
}

/// A row of a table that only places things: one line where every cell is one, else one cell below the other.
fn side_by_side(row: Vec<DraftCell>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let is_line = row.iter().all(DraftCell::is_value);
    for block in row.into_iter().flat_map(|cell| cell.blocks) {
        match (blocks.last_mut(), block) {
            (
                Some(Block { content: Content::Paragraph(line), hint: around }),
                Block { content: Content::Paragraph(inlines), hint },
            ) if is_line && *around == hint => {
                line.push(Inline::plain(" "));
                line.extend(inlines);
            }
            (_, block) => blocks.push(block),
        }
    }
    blocks
}

/// Rows of equal length: what a cell spans is filled with empty ones.
fn grid(rows: Vec<Vec<DraftCell>>) -> Vec<Vec<Cell>> {
    let mut spanned = [0_usize; MAX_COLUMNS]; // how many more rows the cell above covers in each column
    let mut grid: Vec<Vec<Cell>> = rows.into_iter().map(|row| placed(row, &mut spanned)).collect();
    let columns = grid.iter().map(Vec::len).max().unwrap_or(0);
    grid.iter_mut().for_each(|row| row.resize_with(columns, empty));
    grid.retain(|row| row.iter().any(|cell| !cell.blocks.is_empty()));
    grid
}

fn placed(row: Vec<DraftCell>, spanned: &mut [usize; MAX_COLUMNS]) -> Vec<Cell> {
    let mut cells = Vec::with_capacity(row.len());
    let fill = |cells: &mut Vec<Cell>, spanned: &mut [usize; MAX_COLUMNS]| {
        while let Some(left) = spanned.get_mut(cells.len()).filter(|left| **left > 0) {
            *left -= 1;
            cells.push(empty());
        }
    };
    for DraftCell { role, columns, rows, blocks } in row {
        fill(&mut cells, spanned);
        let mut content = Some(Cell { role, blocks });
        for _ in 0..columns.max(1) {
            let Some(left) = spanned.get_mut(cells.len()) else { break };
            *left = rows.saturating_sub(1);
            cells.push(content.take().unwrap_or_else(empty));
        }
        // Nothing is lost where there are more columns than a table may have.
        if let (Some(content), Some(last)) = (content, cells.last_mut()) {
            last.blocks.extend(content.blocks);
        }
    }
    fill(&mut cells, spanned);
    cells
}

fn empty() -> Cell {
    Cell { role: CellRole::Data, blocks: Vec::new() }
}
