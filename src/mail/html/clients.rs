//! How mail programs mark up what is not new text, and what else they do that HTML has better words for. The names were read
//! in mail that they sent; a name that is missing here costs a hint, never text.

use super::dom::Element;
use super::look::declarations;
use crate::mail::rich::{Hint, Numbering};

/// What the names on an element say of what it holds, within text that is already known to be `around`.
pub(super) fn hint(element: &Element, around: Option<Hint>) -> Option<Hint> {
    let own = own_hint(element);
    match (around, own) {
        (_, None) => around,
        // What was quoted came with its signature, which is not the sender's.
        (Some(Hint::Quoted | Hint::Attribution), Some(Hint::Signature)) => around,
        (_, Some(_)) => own,
    }
}

fn own_hint(element: &Element) -> Option<Hint> {
    let names = ["id", "name", "class"].into_iter().filter_map(|attribute| element.attribute(attribute));
    // Outlook on the web puts `x_` before the names in a message that it passes on.
    let mut names = names.flat_map(str::split_ascii_whitespace).map(|name| name.trim_start_matches("x_"));
    let stands_around = element.name() != "blockquote" && element.holds_quote();
    let hint = |name| match named(name)? {
        // People answer between the pieces of a quote. Only what stands before the first one is not theirs.
        Hint::Quoted if stands_around && is_around_quotes(name) => Some(Hint::Attribution),
        hint => Some(hint),
    };
    if let Some(hint) = names.find_map(hint) {
        return Some(hint);
    }
    match element.name() {
        "blockquote" if element.attribute("type").is_some_and(|kind| kind.eq_ignore_ascii_case("cite")) => {
            Some(Hint::Quoted)
        }
        "div" if is_outlooks_header(element) => Some(Hint::Attribution),
        _ => None,
    }
}

/// Whether the next line is a signature's: Apple's Mail on telephones names the break above it.
pub(super) fn begins_signature(element: &Element) -> bool {
    element.name() == "br" && element.attribute("id") == Some("lineBreakAtBeginningOfSignature")
}

/// Names that Gmail and Proton give both to quotes and to what they stand in.
fn is_around_quotes(name: &str) -> bool {
    matches!(name, "gmail_quote" | "gmail_quote_container" | "gmail_extra" | "protonmail_quote")
}

fn named(name: &str) -> Option<Hint> {
    Some(match name {
        "gmail_quote" | "gmail_quote_container" | "gmail_extra" => Hint::Quoted,
        "gmail_attr" => Hint::Attribution,
        "gmail_signature" | "gmail_signature_prefix" => Hint::Signature,
        // Outlook: on the web and the new one, desktop of old, mobile
        "divRplyFwdMsg" | "OutlookMessageHeader" => Hint::Attribution,
        "mail-editor-reference-message-container" => Hint::Quoted,
        "Signature" | "signature" | "ms-outlook-mobile-signature" => Hint::Signature,
        // Apple Mail
        "AppleOriginalContents" => Hint::Quoted,
        "AppleMailSignature" => Hint::Signature,
        // Thunderbird
        "moz-cite-prefix" | "moz-email-headers-table" => Hint::Attribution,
        "moz-forward-container" => Hint::Quoted,
        "moz-signature" => Hint::Signature,
        "yahoo_quoted" => Hint::Quoted,
        "ymail_android_signature" => Hint::Signature,
        "protonmail_quote" => Hint::Quoted,
        "protonmail_signature_block" => Hint::Signature,
        // Notes: the line by which a quote is folded away
        "domino-section-head" => Hint::Attribution,
        // Roundcube, Spark, Tuta, Zoho, Front, GMX and web.de, NetEase, K-9, Samsung
        "reply-intro" => Hint::Attribution,
        "messageReplySection" | "tutanota_quote" | "zmail_extra" | "front-blockquote" | "isReplyContent" => {
            Hint::Quoted
        }
        "messageSignatureSection" | "front-signature" | "k9mail-signature" | "composer_signature" => Hint::Signature,
        "quote" => Hint::Quoted,
        _ if name.starts_with("yahoo_quoted_") => Hint::Quoted,
        _ => return None,
    })
}

/// Outlook on the desktop puts the header of the message that it quotes below a line of one of two colours.
fn is_outlooks_header(element: &Element) -> bool {
    element.attribute("style").is_some_and(|style| {
        declarations(style).any(|(property, value)| {
            let value = value.to_ascii_lowercase();
            property.eq_ignore_ascii_case("border-top")
                && value.contains("solid")
                && (value.contains("#e1e1e1") || value.contains("#b5c4df"))
        })
    })
}

/// Whether a paragraph is only a line: Outlook writes every line as a `<p>` and takes the space around it away.
pub(super) fn is_line(paragraph: &Element) -> bool {
    let class = paragraph.attribute("class").unwrap_or_default();
    class.split_ascii_whitespace().any(|class| {
        let class = class.trim_start_matches("x_");
        class.starts_with("Mso") || matches!(class, "p1" | "p2" | "p3") // Apple Mail's
    }) || paragraph.attribute("style").is_some_and(has_no_margin)
}

fn has_no_margin(style: &str) -> bool {
    let is_nothing =
        |value: &str| value.starts_with('0') && !value.contains(['1', '2', '3', '4', '5', '6', '7', '8', '9']);
    let mut found = declarations(style).filter(|(property, _)| {
        matches!(property.to_ascii_lowercase().as_str(), "margin" | "margin-top" | "margin-bottom")
    });
    let first = found.next();
    first.is_some_and(|(_, value)| is_nothing(value)) && found.all(|(_, value)| is_nothing(value))
}

/// Whether a quote is none: Gmail indents by it.
pub(super) fn is_indentation(quote: &Element) -> bool {
    quote.attribute("style").is_some_and(|style| {
        declarations(style)
            .any(|(property, value)| property.eq_ignore_ascii_case("border") && value.eq_ignore_ascii_case("none"))
    })
}

/// How deep in a list a paragraph of Word's is an item: `mso-list:l0 level2 lfo1`. 1 is the outermost.
pub(super) fn word_list_level(paragraph: &Element) -> Option<u8> {
    let (_, list) = declarations(paragraph.attribute("style")?).find(|(property, _)| *property == "mso-list")?;
    let level = list.split_ascii_whitespace().find_map(|word| word.strip_prefix("level"))?;
    level.parse().ok().filter(|level| (1..=9).contains(level))
}

/// Whether an element holds the sign or number that Word puts before an item for programs that know no lists.
pub(super) fn is_word_list_sign(element: &Element) -> bool {
    element.attribute("style").is_some_and(|style| {
        declarations(style).any(|(property, value)| property == "mso-list" && value.eq_ignore_ascii_case("ignore"))
    })
}

/// The numbering that a sign before an item belongs to: `3.` and `c)` count, `·` and `o` do not.
pub(super) fn numbering_of(sign: &str) -> Numbering {
    let sign = sign.trim_matches(|c: char| c.is_whitespace() || c == '(');
    match sign.strip_suffix(['.', ')']) {
        Some(number) => Numbering::From(number.parse().unwrap_or(1)),
        None => Numbering::Bullets,
    }
}
