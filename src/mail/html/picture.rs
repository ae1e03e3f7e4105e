//! What is left of a picture. One that came with the message stays; one that stands elsewhere is never fetched and never shown,
//! for fetching tells its owner who reads when, and leaves its words where they say something.

use super::dom::Element;
use crate::mail::attachments::unescaped;
use crate::mail::rich::Picture;

/// What is left of a picture.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Image {
    /// It came with the message.
    Attached(Picture),
    /// What stands for it.
    Words(String),
    /// The picture leaves nothing.
    Nothing,
}

/// What is left of an `<img>`; `locations` are the addresses of pictures that came with the message.
pub(super) fn of(image: &Element, locations: &[&str]) -> Image {
    let source = image.attribute("src").unwrap_or_default().trim();
    let words = image.attribute("alt").unwrap_or_default().trim();
    if is_speck(image) {
        return Image::Nothing;
    }
    match source.split_once(':') {
        Some((scheme, id)) if scheme.eq_ignore_ascii_case("cid") => {
            Image::Attached(Picture { reference: unescaped(id), words: words.to_owned() })
        }
        Some(_) if locations.contains(&source) => {
            Image::Attached(Picture { reference: source.to_owned(), words: words.to_owned() })
        }
        // Without a scheme it can only be the Content-Location of a part (RFC 2557).
        None if !source.is_empty() && !source.starts_with("//") => {
            Image::Attached(Picture { reference: source.to_owned(), words: words.to_owned() })
        }
        Some(_) | None if says_something(words) => Image::Words(words.to_owned()),
        Some(_) | None => Image::Nothing,
    }
}

/// At most two pixels wide or high: it counts readers, or keeps things apart.
fn is_speck(image: &Element) -> bool {
    let size =
        |attribute| image.attribute(attribute).and_then(|size| size.trim().trim_end_matches("px").parse::<u32>().ok());
    [size("width"), size("height")].into_iter().flatten().any(|size| size <= 2)
}

/// Words that describe nothing are a file's name or what programs put in by themselves.
fn says_something(words: &str) -> bool {
    let lower = words.to_lowercase();
    let is_file = [".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".svg"].iter().any(|end| lower.ends_with(end));
    let is_generic = matches!(
        lower.as_str(),
        "" | "image" | "img" | "picture" | "photo" | "logo" | "icon" | "spacer" | "banner" | "inline image" | "pixel"
    );
    !is_file && !is_generic
}
