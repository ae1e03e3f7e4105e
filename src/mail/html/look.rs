//! What an element makes of the text in it: what it looks like, whether it shows at all. Knows the few properties of style
//! sheets that matter to that, and reads them of `style` attributes alone: mail programs see to it that these suffice.

use super::dom::Element;
use crate::mail::rich::{Mark, Marks};

/// What spaces and line ends in the source mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Spaces {
    /// Any number of them is one space.
    #[default]
    Collapse,
    /// Each space shows.
    Keep,
}

/// Whether an element shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visibility {
    /// The element shows.
    Shown,
    /// Neither the element shows nor what is in it.
    Hidden,
}

/// What an element's own mark-up says about the text in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// As inherited, changed by the element.
    pub(super) marks: Marks,
    /// As inherited, changed by the element.
    pub(super) spaces: Spaces,
    /// Whether anything shows.
    pub(super) visibility: Visibility,
}

impl Look {
    /// The look of what `element` holds, within text that looks like `marks` and `spaces`.
    pub(super) fn of(element: &Element, marks: Marks, spaces: Spaces) -> Self {
        let marks = own_mark(element.name()).map_or(marks, |mark| marks.with(mark));
        let spaces = if element.name() == "pre" { Spaces::Keep } else { spaces };
        let visibility = if element.attribute("hidden").is_some() { Visibility::Hidden } else { Visibility::Shown };
        let mut look = Self { marks, spaces, visibility };
        if let Some(style) = element.attribute("style") {
            look.apply(style, element.name());
        }
        look
    }

    fn apply(&mut self, style: &str, element: &str) {
        let (mut is_clipped, mut is_flat) = (false, false);
        for (property, value) in declarations(style) {
            let is = |words: &[&str]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
            let holds = |word: &str| value.to_ascii_lowercase().contains(word);
            match property.to_ascii_lowercase().as_str() {
                "display" if is(&["none"]) => self.visibility = Visibility::Hidden,
                "visibility" if is(&["hidden", "collapse"]) => self.visibility = Visibility::Hidden,
                "opacity" if is(&["0"]) => self.visibility = Visibility::Hidden,
                "overflow" => is_clipped = is(&["hidden"]),
                "max-height" | "height" => is_flat |= is(&["0", "0px", "0pt"]),
                "white-space" => self.spaces = if holds("pre") { Spaces::Keep } else { Spaces::Collapse },
                "font-weight" => self.set(Mark::Strong, is(&["bold", "bolder", "600", "700", "800", "900"])),
                "font-style" => self.set(Mark::Emphasis, is(&["italic", "oblique"])),
                "text-decoration" | "text-decoration-line" => {
                    self.set(Mark::Strike, holds("line-through"));
                    self.set(Mark::Underline, element != "a" && holds("underline"));
                }
                _ => {}
            }
        }
        if is_clipped && is_flat {
            self.visibility = Visibility::Hidden;
        }
    }

    /// What an element decorates stays so in what it holds: only weight and slant can be taken back.
    fn set(&mut self, mark: Mark, is_on: bool) {
        self.marks = match (is_on, mark) {
            (true, _) => self.marks.with(mark),
            (false, Mark::Strong | Mark::Emphasis) => self.marks.without(mark),
            (false, Mark::Underline | Mark::Strike | Mark::Code | Mark::Subscript | Mark::Superscript) => self.marks,
        };
    }
}

fn own_mark(element: &str) -> Option<Mark> {
    Some(match element {
        "b" | "strong" => Mark::Strong,
        "i" | "em" | "cite" | "var" | "dfn" => Mark::Emphasis,
        "u" | "ins" => Mark::Underline,
        "s" | "strike" | "del" => Mark::Strike,
        "code" | "tt" | "kbd" | "samp" => Mark::Code,
        "sub" => Mark::Subscript,
        "sup" => Mark::Superscript,
        _ => return None,
    })
}

/// The declarations of a `style` attribute, without `!important`.
pub(super) fn declarations(style: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = style.split(';').filter_map(|declaration| declaration.split_once(':'));
    pairs.map(|(property, value)| {
        let value = value.split_once('!').map_or(value, |(value, _)| value);
        (property.trim(), value.trim())
    })
}
