//! What an element is to the text in it.

use super::clients;
use super::dom::Element;
use crate::mail::rich::{CellRole, Level, Numbering};

/// What an element is to the text in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Neither it nor what it holds is ever shown.
    Nothing,
    /// A part of the line.
    Inline,
    /// A part of the line that leads somewhere.
    Link,
    /// The end of a line.
    Break,
    /// A picture.
    Picture,
    /// What it holds stands on lines of its own.
    Line,
    /// What it holds stands on lines of its own, with space around.
    Paragraph,
    /// A heading.
    Heading(Level),
    /// Text whose spaces and line ends matter.
    Code,
    /// A line across.
    Rule,
    /// What somebody else said.
    Quote,
    /// A list.
    List(Numbering),
    /// An item of a list.
    Item,
    /// A table.
    Table,
    /// A row of a table.
    Row,
    /// A cell of a table.
    Cell(CellRole),
    /// A paragraph that Word means as an item of a list, at this level.
    WordItem(u8),
    /// The sign before such an item.
    WordSign,
}

impl Role {
    /// By the element's name, and by what mail programs mean by it.
    pub(super) fn of(element: &Element) -> Self {
        match element.name() {
            "a" => Self::Link,
            "br" => Self::Break,
            "img" => Self::Picture,
            "span" if clients::is_word_list_sign(element) => Self::WordSign,
            "p" => match clients::word_list_level(element) {
                Some(level) => Self::WordItem(level),
                None if clients::is_line(element) => Self::Line,
                None => Self::Paragraph,
            },
            "h1" => Self::Heading(Level::nearest(1)),
            "h2" => Self::Heading(Level::nearest(2)),
            "h3" => Self::Heading(Level::nearest(3)),
            "h4" => Self::Heading(Level::nearest(4)),
            "h5" => Self::Heading(Level::nearest(5)),
            "h6" => Self::Heading(Level::nearest(6)),
            // Thunderbird quotes and signs plain text by it.
            "pre" if element.attribute("class").is_some_and(|class| class.contains("moz-")) => Self::Paragraph,
            "pre" | "xmp" | "listing" => Self::Code,
            "hr" => Self::Rule,
            "blockquote" if clients::is_indentation(element) => Self::Line,
            "blockquote" => Self::Quote,
            "ul" | "menu" | "dir" => Self::List(Numbering::Bullets),
            "ol" => Self::List(Numbering::From(first_number(element))),
            "li" => Self::Item,
            "table" => Self::Table,
            "tr" => Self::Row,
            "td" => Self::Cell(CellRole::Data),
            "th" => Self::Cell(CellRole::Header),
            name if is_never_shown(name) => Self::Nothing,
            name if is_on_its_own_line(name) => Self::Line,
            _ => Self::Inline,
        }
    }
}

fn first_number(list: &Element) -> u32 {
    list.attribute("start").and_then(|start| start.trim().parse().ok()).unwrap_or(1)
}

fn is_never_shown(name: &str) -> bool {
    matches!(
        name,
        "head"
            | "title"
            | "style"
            | "script"
            | "template"
            | "xml"
            | "svg"
            | "select"
            | "datalist"
            | "iframe"
            | "noframes"
            | "noembed"
            | "audio"
            | "video"
            | "canvas"
    )
}

fn is_on_its_own_line(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "body"
            | "caption"
            | "center"
            | "dd"
            | "details"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "header"
            | "legend"
            | "main"
            | "nav"
            | "section"
            | "summary"
    )
}
