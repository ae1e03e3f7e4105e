//! From elements to blocks: a page is gone through element by element; text flows into the innermost of the `frames` that are open.

use super::clients;
use super::dom::{Dom, Element, Onward, Step};
use super::flow::{Flow, Style};
use super::frames::{FrameKind, Frames};
use super::look::{Look, Visibility, declarations};
use super::picture::{self, Image};
use super::role::Role;
use super::table::{Draft, Purpose};
use crate::mail::rich::{Block, CellRole, Content, Document, Hint, Level, Link, Mark};

/// Columns or rows that one cell may span.
const MAX_SPAN: usize = 64;

/// The document that an HTML page shows.
pub(super) fn document(dom: &Dom, locations: &[&str]) -> Document {
    let mut builder = Builder { locations, ..Builder::default() };
    dom.walk(|step| builder.step(&step));
    builder.finish()
}

#[derive(Debug, Default)]
struct Builder<'l> {
    /// The addresses of pictures that came with the message.
    locations: &'l [&'l str],
    flow: Flow,
    /// Every element around the text, outermost first.
    open: Vec<Open>,
    /// Whatever holds blocks around the text, outermost first.
    frames: Frames,
    /// Text of a `<pre>`.
    code: Option<String>,
    /// A paragraph of Word's that is an item of a list.
    word_item: Option<WordItem>,
    /// The next line is the first of a signature.
    signature_follows: bool,
    /// A link that nobody could follow from Jira.
    path: Option<PathLink>,
}

/// A link to a file in somebody's network: where it leads is put into words behind it.
#[derive(Debug)]
struct PathLink {
    path: String,
    /// The link's own text.
    shown: String,
}

#[derive(Debug)]
struct Open {
    role: Role,
    style: Style,
    /// How many frames are open when the element has ended.
    frames: usize,
}

/// An item whose sign has not been seen yet.
#[derive(Debug)]
struct WordItem {
    level: u8,
    sign: String,
    /// Its paragraph's place in [`Builder::open`].
    paragraph: usize,
}

impl Builder<'_> {
    fn step(&mut self, step: &Step<'_>) -> Onward {
        match step {
            Step::Enter(element) => self.enter(element),
            Step::Text(text) => {
                self.text(text);
                Onward::Into
            }
            Step::Leave => {
                self.leave();
                Onward::Into
            }
        }
    }

    fn tell_path(&mut self, style: &Style) {
        let Some(PathLink { path, shown }) = self.path.take() else { return };
        if !shown.contains(&path) && !shown.trim().is_empty() {
            self.flow.text(&format!(" ({path})"), style);
        }
    }

    fn finish(mut self) -> Document {
        self.settle();
        Document { blocks: self.frames.finish() }
    }

    fn style(&self) -> Style {
        self.open.last().map(|open| open.style.clone()).unwrap_or_default()
    }

    fn text(&mut self, text: &str) {
        if let Some(link) = &mut self.path {
            link.shown.push_str(text);
        }
        let is_blank = text.chars().all(char::is_whitespace);
        match (&mut self.code, &mut self.word_item) {
            (Some(code), _) => code.push_str(text),
            (None, Some(item)) if self.open.iter().any(|open| open.role == Role::WordSign) => {
                item.sign.push_str(text);
            }
            (None, Some(_)) if is_blank => {}
            (None, _) => {
                self.begin_word_item();
                match self.open.last() {
                    Some(open) => self.flow.text(text, &open.style),
                    None => self.flow.text(text, &Style::default()),
                }
            }
        }
    }

    fn enter(&mut self, element: &Element) -> Onward {
        let mut style = self.style();
        let look = Look::of(element, style.marks, style.spaces);
        let role = Role::of(element);
        if role == Role::Nothing || look.visibility == Visibility::Hidden {
            return Onward::Past;
        }
        (style.marks, style.spaces) = (look.marks, look.spaces);
        style.hint = clients::hint(element, style.hint);
        if role == Role::Line && std::mem::take(&mut self.signature_follows) {
            style.hint = style.hint.or(Some(Hint::Signature));
        }
        self.signature_follows |= clients::begins_signature(element);
        if let Role::Link = role {
            let address = element.attribute("href").unwrap_or_default();
            style.link = Link::parse(address);
            self.path = path(address).map(|path| PathLink { path: path.to_owned(), shown: String::new() });
            style.marks = style.marks.without(Mark::Underline);
        }
        self.open.push(Open { role, style: style.clone(), frames: self.frames.len() });
        self.begin(role, element, &style);
        Onward::Into
    }

    fn begin(&mut self, role: Role, element: &Element, style: &Style) {
        match role {
            Role::Nothing | Role::Inline | Role::Link | Role::WordSign => {}
            Role::Break => match &mut self.code {
                Some(code) => code.push('\n'),
                None => self.flow.break_line(),
            },
            Role::Picture => self.picture(element, style),
            Role::Line => self.flow.end_line(),
            Role::Paragraph => self.flow.end_paragraph(),
            Role::WordItem(level) => {
                self.flow.end_line();
                let paragraph = self.open.len().saturating_sub(1);
                self.word_item = Some(WordItem { level, sign: String::new(), paragraph });
            }
            Role::Heading(_) => self.settle(),
            Role::Code if self.code.is_none() => {
                self.settle();
                self.code = Some(String::new());
            }
            Role::Code => {}
            Role::Rule => self.add_rule(style),
            Role::Quote => self.open_frame(FrameKind::Quote, style),
            Role::List(numbering) => self.open_frame(FrameKind::List(numbering, Vec::new()), style),
            Role::Item => self.begin_item(style),
            Role::Table => self.begin_table(element, style),
            Role::Row => self.begin_row(),
            Role::Cell(cell) => self.begin_cell(cell, element, style),
        }
    }

    fn leave(&mut self) {
        let Some(Open { role, style, frames }) = self.open.pop() else { return };
        match role {
            Role::Line => self.flow.end_line(),
            Role::Paragraph => self.flow.end_paragraph(),
            Role::Heading(level) => self.settle_as(Some(level)),
            Role::Quote => self.end_announcements(),
            Role::Code if !self.open.iter().any(|open| open.role == Role::Code) => self.add_code(&style),
            Role::WordItem(_) => {
                self.word_item = None;
                self.flow.end_line();
            }
            Role::Link => self.tell_path(&style),
            Role::Code
            | Role::Nothing
            | Role::Inline
            | Role::Break
            | Role::Picture
            | Role::Rule
            | Role::List(_)
            | Role::Item
            | Role::Table
            | Role::Row
            | Role::Cell(_)
            | Role::WordSign => {}
        }
        if self.frames.len() > frames {
            self.settle();
            self.frames.close_down_to(frames);
        }
    }

    /// Behind a quote nothing announces it any more.
    fn end_announcements(&mut self) {
        for open in self.open.iter_mut().filter(|open| open.style.hint == Some(Hint::Attribution)) {
            open.style.hint = None;
        }
    }

    fn picture(&mut self, element: &Element, style: &Style) {
        match picture::of(element, self.locations) {
            Image::Attached(picture) => {
                self.begin_word_item();
                self.flow.picture(picture, style);
            }
            Image::Words(words) => self.text(&words),
            Image::Nothing => {}
        }
    }

    fn add_code(&mut self, style: &Style) {
        let code = self.code.take().unwrap_or_default();
        let code = code.trim_end().trim_start_matches(['\n', '\r']);
        if !code.is_empty() {
            self.frames.add(Block { content: Content::Code(code.replace('\u{a0}', " ")), hint: style.hint });
        }
    }

    fn add_rule(&mut self, style: &Style) {
        self.settle();
        self.frames.add(Block { content: Content::Rule, hint: style.hint });
    }

    fn begin_item(&mut self, style: &Style) {
        match self.frames.top() {
            Some(FrameKind::List(..)) => self.open_frame(FrameKind::Item, style),
            Some(_) | None => self.flow.end_line(),
        }
    }

    fn begin_table(&mut self, element: &Element, style: &Style) {
        let is_layout = element.attribute("role").is_some_and(|role| role.eq_ignore_ascii_case("presentation"));
        let has_border = element.attribute("border").is_some_and(|border| !border.trim_start().starts_with('0'));
        let purpose = match (is_layout, has_border) {
            (true, _) => Purpose::Layout,
            (false, true) => Purpose::Ruled,
            (false, false) => Purpose::Unsaid,
        };
        self.open_frame(FrameKind::Table(Draft { rows: Vec::new(), purpose }), style);
    }

    fn begin_row(&mut self) {
        self.settle();
        if let Some(FrameKind::Table(draft)) = self.frames.top() {
            draft.rows.push(Vec::new());
        }
    }

    fn begin_cell(&mut self, role: CellRole, element: &Element, style: &Style) {
        let span = |attribute| element.attribute(attribute).and_then(|span| span.trim().parse().ok()).unwrap_or(1);
        let spans = ["colspan", "rowspan"].map(|attribute| usize::clamp(span(attribute), 1, MAX_SPAN));
        match self.frames.top() {
            Some(FrameKind::Table(draft)) => {
                if draft.purpose == Purpose::Unsaid && element.attribute("style").is_some_and(is_ruled) {
                    draft.purpose = Purpose::Ruled;
                }
                self.open_frame(FrameKind::Cell(role, spans), style);
            }
            Some(_) | None => self.flow.end_line(),
        }
    }

    /// Opens the item that Word's paragraph is, now that its sign is known.
    fn begin_word_item(&mut self) {
        let Some(WordItem { level, sign, paragraph }) = self.word_item.take() else { return };
        let hint = self.style().hint;
        self.settle();
        let Some(list) = self.frames.open_word_item(level, clients::numbering_of(&sign), hint) else { return };
        for (index, open) in self.open.iter_mut().enumerate().skip(paragraph) {
            open.frames = if index == paragraph { list } else { list + 1 };
        }
    }

    fn open_frame(&mut self, kind: FrameKind, style: &Style) {
        self.settle();
        self.frames.open(kind, style.hint);
    }

    /// Nothing more belongs to the text so far.
    fn settle(&mut self) {
        self.settle_as(None);
    }

    fn settle_as(&mut self, heading: Option<Level>) {
        self.flow.finish(heading);
        for block in self.flow.take_done() {
            self.frames.add(block);
        }
    }
}

/// Whether a cell's style draws lines around it.
fn is_ruled(style: &str) -> bool {
    declarations(style).any(|(property, value)| {
        let value = value.to_ascii_lowercase();
        property.to_ascii_lowercase().starts_with("border")
            && ["solid", "dashed", "dotted", "double"].iter().any(|line| value.contains(line))
            && !value.starts_with('0')
    })
}

/// Where a link to a file leads: `\\\\server\\share`, `file:///C:/plan.txt`.
fn path(address: &str) -> Option<&str> {
    let address = address.trim();
    if address.starts_with("\\\\") {
        return Some(address);
    }
    let (scheme, path) = address.split_once(':').filter(|(_, path)| path.starts_with('/'))?;
    scheme.eq_ignore_ascii_case("file").then(|| path.trim_start_matches('/'))
}
