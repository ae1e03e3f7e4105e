//! Text as Jira shows it: documents one below the other, as an Atlassian Document (Cloud, REST v3) or as wiki markup (Data
//! Center, v2), within Jira's limits. Always valid, whatever the documents hold; nothing that a sender writes becomes markup.

use std::collections::HashMap;

use super::Flavour;
use super::json::Json;
use crate::mail::Address;
use crate::mail::rich::{Block, Content, Document, Inline, Link, Picture, is_printable};

mod adf;
mod cut;
mod wiki;

pub mod placed;

use adf::Adf;
use wiki::Wiki;

/// UTF-16 units of plain text that a Jira field takes, with room to spare: the documented limit is 32,767 (JVM) characters.
pub const MAX_TEXT: usize = 30_000;
/// Bytes of a serialized document, and UTF-16 units of wiki markup. What Jira counts in a document is not documented, so that
/// both are held to.
pub const MAX_BYTES: usize = 32_000;
/// `{"type":"doc","version":1,"content":[]}`.
const FRAME: usize = 40;
/// Characters of a sender's name or address that are shown.
const MAX_NAME: usize = 200;

/// What a field or a comment shows, from top to bottom.
#[derive(Debug)]
pub struct Page<'a> {
    /// Who wrote.
    pub head: Document,
    /// What they wrote; cut where the page would be too large.
    pub body: &'a Document,
    /// What stands below, folded up where Jira can do that; cut like the body.
    pub sections: Vec<Section<'a>>,
    /// What a reader must be told; never cut.
    pub notes: Document,
    /// The pictures that the body shows.
    pub pictures: Pictures,
}

/// A part of a page that few need to see.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    /// What it is; holds nothing that a sender wrote.
    pub title: &'static str,
    /// What it shows.
    pub document: &'a Document,
}

/// The names that pictures in the text have as files of the issue.
#[derive(Debug, Clone, Default)]
pub struct Pictures {
    /// By what the text calls them ([`Picture::reference`]).
    pub names: HashMap<String, String>,
    /// Their widths in pixels by their names, as far as they are known.
    pub widths: HashMap<String, u32>,
    /// How a document shows them.
    pub shown: Shown,
}

/// How an Atlassian Document shows a picture. Wiki markup shows all of them in place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shown {
    /// By its name.
    #[default]
    Named,
    /// In its place, once its id is known ([`placed`]).
    Placed,
}

/// A page as Jira takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// An Atlassian Document, or a string of wiki markup.
    pub json: Json,
    /// Whether the body is there whole.
    pub body: Fit,
    /// Whether the sections are there whole.
    pub sections: Fit,
}

/// Whether a text fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// All of it.
    Whole,
    /// Its end was cut.
    Cut,
}

/// A page in the markup of that Jira.
pub fn render(page: &Page<'_>, flavour: Flavour) -> Rendered {
    match flavour {
        Flavour::Cloud => {
            let (adf, body, sections) =
                written(page, Adf::default(), Size { units: MAX_TEXT, bytes: MAX_BYTES - FRAME });
            Rendered { json: Json::from_text(adf.into_document()), body, sections }
        }
        Flavour::DataCenter => {
            let (markup, body, sections) = written(page, Wiki::default(), Size { units: MAX_BYTES, bytes: usize::MAX });
            Rendered { json: Json::of(&markup.into_markup()), body, sections }
        }
    }
}

/// A text of our own, or one that came without markup, in the markup of that Jira.
pub fn render_text(text: &str, flavour: Flavour) -> Json {
    let (head, body, notes) = (Document::default(), Document::from_text(text), Document::default());
    render(&Page { head, body: &body, sections: Vec::new(), notes, pictures: Pictures::default() }, flavour).json
}

/// A line for each person, the address as a link that writes to it: `From: Ann Lee ann@example.com`.
pub fn people<'p>(people: impl Iterator<Item = (&'p str, &'p Address)>) -> Document {
    let lines: Vec<Vec<Inline>> = people.map(|(label, person)| line_of(label, person)).collect();
    Document { blocks: vec![Block::new(Content::Paragraph(lines.join(&Inline::LineBreak)))] }
}

fn line_of(label: &str, person: &Address) -> Vec<Inline> {
    let shown = |text: &str| text.chars().filter(|&c| is_printable(c)).take(MAX_NAME).collect::<String>();
    let words = [label, &shown(&person.name), ""].join(" ");
    let words = Inline::plain(words.split_whitespace().chain([""]).collect::<Vec<_>>().join(" "));
    let address = shown(&person.address);
    let link = Link::parse(&format!("mailto:{address}")).filter(|_| address.contains('@'));
    let address = link.map_or_else(|| Inline::plain(address.clone()), |link| Inline::link(address.clone(), link));
    vec![words, address]
}

/// What a page takes of Jira's limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Size {
    units: usize,
    bytes: usize,
}

/// What documents are written into, block by block.
trait Sink: Default {
    /// Writes a block.
    fn block(&mut self, block: &Block, pictures: &Pictures);
    /// What follows, up to the end of the section, is folded up.
    fn begin_section(&mut self, title: &str);
    /// Ends a section that holds something.
    fn end_section(&mut self);
    /// Whether pictures were written whose ids are not known yet.
    fn has_placed(&self) -> bool;
    /// What was written so far.
    fn size(&mut self) -> Size;
    /// Takes back what was written since the size was this.
    fn cut_back(&mut self, to: Size);
}

fn written<S: Sink>(page: &Page<'_>, mut sink: S, limit: Size) -> (S, Fit, Fit) {
    let write = |sink: &mut S, document: &Document| {
        document.blocks.iter().for_each(|block| sink.block(block, &page.pictures));
    };
    let mut notes = S::default();
    write(&mut notes, &page.notes);
    let limit = limit.minus(notes.size()).minus(Size { units: 16, bytes: 16 }); // what ends a section and parts it from the notes
    write(&mut sink, &page.head);
    let body = fitting(&mut sink, page.body, limit, &page.pictures);
    // A text is not written anew for what is folded up alone: a signature's logo comes with every mail.
    let shown = if sink.has_placed() { page.pictures.shown } else { Shown::Named };
    let folded = Pictures { shown, ..page.pictures.clone() };
    let mut sections = Fit::Whole;
    for section in page.sections.iter().filter(|section| !section.document.is_empty()) {
        let before = sink.size();
        sink.begin_section(section.title);
        let begun = sink.size();
        let fit = match begun.fits(limit) {
            true => fitting(&mut sink, section.document, limit, &folded),
            false => Fit::Cut,
        };
        match sink.size() == begun {
            true => sink.cut_back(before),
            false => sink.end_section(),
        }
        if fit == Fit::Cut {
            sections = Fit::Cut;
        }
    }
    write(&mut sink, &page.notes);
    (sink, body, sections)
}

/// Writes as much of a document as keeps within the limit. Cuts between blocks where that keeps at least half of the room
/// filled, else within one.
fn fitting<S: Sink>(sink: &mut S, document: &Document, limit: Size, pictures: &Pictures) -> Fit {
    let half = sink.size().middle(limit);
    for block in &document.blocks {
        let before = sink.size();
        sink.block(block, pictures);
        if sink.size().fits(limit) {
            continue;
        }
        sink.cut_back(before);
        if before.fits(half) {
            begin(sink, block, limit, pictures);
        }
        return Fit::Cut;
    }
    Fit::Whole
}

/// Writes as much of a block as keeps within the limit.
fn begin<S: Sink>(sink: &mut S, block: &Block, limit: Size, pictures: &Pictures) {
    let before = sink.size();
    let (mut fits, mut too_many) = (0, cut::length(block).min(limit.units) + 1);
    while fits + 1 < too_many {
        let half = fits.midpoint(too_many);
        if let Some(beginning) = cut::beginning(block, half) {
            sink.block(&beginning, pictures);
        }
        *(if sink.size().fits(limit) { &mut fits } else { &mut too_many }) = half;
        sink.cut_back(before);
    }
    if let Some(beginning) = cut::beginning(block, fits) {
        sink.block(&beginning, pictures);
    }
    if !sink.size().fits(limit) {
        sink.cut_back(before); // what holds no characters takes room all the same
    }
}

impl Size {
    fn minus(self, other: Self) -> Self {
        Self { units: self.units.saturating_sub(other.units), bytes: self.bytes.saturating_sub(other.bytes) }
    }

    fn middle(self, other: Self) -> Self {
        Self { units: self.units.midpoint(other.units), bytes: self.bytes.midpoint(other.bytes) }
    }

    fn fits(self, room: Self) -> bool {
        self.units <= room.units && self.bytes <= room.bytes
    }
}

impl Pictures {
    /// The name of the file that a picture is.
    fn file(&self, picture: &Picture) -> Option<&str> {
        self.names.get(&picture.reference).map(String::as_str)
    }

    /// The name of a picture that is shown in its place.
    fn placed(&self, picture: &Picture) -> Option<&str> {
        match self.shown {
            Shown::Named => None,
            Shown::Placed => self.file(picture),
        }
    }

    /// What stands for a picture where it cannot be shown in place.
    fn words(&self, picture: &Picture) -> String {
        self.file(picture).map_or_else(|| picture.words.clone(), |name| format!("[{name}]"))
    }
}
