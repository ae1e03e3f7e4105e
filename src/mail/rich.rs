//! What a body of text says, apart from how it was sent: one tree of blocks, made of HTML or of plain text. Knows neither
//! mail nor Jira; whoever shows it renders it.
//!
//! A tree may hold anything: characters that a renderer cannot write, empty blocks, lists within quotes within lists. It is
//! the renderers that make it fit for where it goes.

use url::Url;

mod plain;

/// A text of blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// From top to bottom.
    pub blocks: Vec<Block>,
}

/// A block, and what the mail program that wrote it took it for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it shows.
    pub content: Content,
    /// What the mark-up around it is known to mean.
    pub hint: Option<Hint>,
}

/// What a block shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text that belongs together.
    Paragraph(Vec<Inline>),
    /// A heading.
    Heading(Level, Vec<Inline>),
    /// A list.
    List(List),
    /// A table of data; tables that only place things on a page are not kept.
    Table(Table),
    /// Text whose spaces and line ends matter.
    Code(String),
    /// What somebody else said.
    Quote(Vec<Block>),
    /// A line across.
    Rule,
}

/// What the mark-up that a block stood in means, by the names that mail programs are known to give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Earlier messages (`div.gmail_quote`, `blockquote[type=cite]`, …); may begin with who wrote them.
    Quoted,
    /// Who wrote the earlier message that follows (`.gmail_attr`, `#divRplyFwdMsg`, …).
    Attribution,
    /// The sender's signature.
    Signature,
}

/// A heading's level, 1 to 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(u8);

/// A list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// What stands before its items.
    pub numbering: Numbering,
    /// The items.
    pub items: Vec<Vec<Block>>,
}

/// What stands before the items of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    /// One sign for each.
    Bullets,
    /// A number, counted up from this one.
    From(u32),
}

/// A table of data. Its rows are equally long: cells that span others are followed by empty ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// From top to bottom.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// What it is in its table.
    pub role: CellRole,
    /// What it shows.
    pub blocks: Vec<Block>,
}

/// What a cell is in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellRole {
    /// It names a row or column.
    Header,
    /// It holds a value.
    Data,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inline {
    /// Text.
    Text(Span),
    /// The next line of the same block.
    LineBreak,
    /// A picture that came with the message.
    Picture(Picture),
}

/// Text that looks alike and leads to one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// The words.
    pub text: String,
    /// What they look like.
    pub marks: Marks,
    /// Where they lead.
    pub link: Option<Link>,
}

/// A picture that came with the message, in its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What the text calls it: a `Content-ID` without angle brackets, or a `Content-Location`.
    pub reference: String,
    /// What it shows, in words; empty where the sender says nothing.
    pub words: String,
}

/// What text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Bold.
    Strong,
    /// Italic.
    Emphasis,
    /// Underlined.
    Underline,
    /// Crossed out.
    Strike,
    /// Fixed width, for what machines write.
    Code,
    /// Below the line.
    Subscript,
    /// Above the line.
    Superscript,
}

/// A set of [`Mark`]s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Marks(u8);

/// An address that may be followed: `http`, `https`, `mailto`, `tel` or `ftp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link(String);

impl Document {
    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Puts another document behind this one.
    pub fn append(&mut self, other: Self) {
        self.blocks.extend(other.blocks);
    }
}

impl Block {
    /// A block of which nothing more is known than what it shows.
    pub fn new(content: Content) -> Self {
        Self { content, hint: None }
    }
}

impl Level {
    /// The nearest level that there is.
    pub fn nearest(level: u8) -> Self {
        Self(level.clamp(1, 6))
    }

    /// 1 to 6.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Inline {
    /// Text without any marks.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::Text(Span { text: text.into(), ..Span::default() })
    }

    /// Text that leads somewhere.
    pub fn link(text: impl Into<String>, link: Link) -> Self {
        Self::Text(Span { text: text.into(), link: Some(link), ..Span::default() })
    }
}

impl Mark {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 7] =
        [Self::Strong, Self::Emphasis, Self::Underline, Self::Strike, Self::Code, Self::Subscript, Self::Superscript];

    fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

impl Marks {
    /// With one more.
    #[must_use]
    pub fn with(self, mark: Mark) -> Self {
        Self(self.0 | mark.bit())
    }

    /// With one less.
    #[must_use]
    pub fn without(self, mark: Mark) -> Self {
        Self(self.0 & !mark.bit())
    }

    /// Whether it is among them.
    pub fn has(self, mark: Mark) -> bool {
        self.0 & mark.bit() != 0
    }
}

impl Link {
    /// Longer addresses are no links that a person could follow; bytes.
    const LONGEST: usize = 2_000;
    const SCHEMES: [&'static str; 5] = ["http", "https", "mailto", "tel", "ftp"];

    /// Takes an absolute address with one of the schemes that only lead somewhere; `None` for any other text. The address is
    /// kept as it was written, but for characters that no address may hold.
    pub fn parse(address: &str) -> Option<Self> {
        let address = address.trim();
        if address.len() > Self::LONGEST {
            return None;
        }
        let url = Url::parse(address).ok().filter(|url| Self::SCHEMES.contains(&url.scheme()))?;
        let is_clean = !address.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"'));
        Some(Self(if is_clean { address.to_owned() } else { url.into() }))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Neither a control character nor one of the two that XML, and with it many a program's export, cannot hold.
pub fn is_printable(c: char) -> bool {
    c == '\t' || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_lead_somewhere_are_links() {
        for address in ["https://a.example/x?y=1&z", "mailto:ann@example.com", "tel:+49-30-1", " ftp://a.example/ "] {
            assert_eq!(Link::parse(address).unwrap().as_str(), address.trim());
        }
        for address in
            ["javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "file:///etc", "/a", "", "https://"]
        {
            assert_eq!(Link::parse(address), None, "{address}");
        }
        assert_eq!(Link::parse("HTTP://a.example/a b\n\"c").unwrap().as_str(), "http://a.example/a%20b%22c");
    }

    #[test]
    fn marks_come_and_go_one_by_one() {
        let marks = Marks::default().with(Mark::Strong).with(Mark::Code).without(Mark::Strong);
        let held: Vec<Mark> = Mark::ALL.into_iter().filter(|mark| marks.has(*mark)).collect();
        assert_eq!(held, [Mark::Code]);
    }
}
