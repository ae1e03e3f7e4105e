//! Pictures that stand in HTML itself (`data:` addresses, RFC 2397), taken out of it and made into parts that it refers to, as
//! other mail programs send them. What cannot be decoded stays, and is not shown.

use std::borrow::Cow;

use memchr::memmem;

use super::encoding::{self, Fidelity, Transfer};
use super::part::{Disposition, Part};

/// Pictures of one message that are taken out.
const MAX_PICTURES: usize = 100;
/// A picture of fewer bytes is a speck that counts readers or keeps things apart.
const SMALLEST: usize = 100;
const SCHEME: &str = "data:image/";

/// Takes the pictures out of HTML; `taken` gets them.
pub(super) fn without_pictures(html: String, taken: &mut Vec<Part<'static>>) -> String {
    if memmem::find(html.as_bytes(), SCHEME.as_bytes()).is_none() {
        return html;
    }
    let mut rest = html.as_str();
    let mut without = String::with_capacity(html.len());
    while let Some((before, behind)) = rest.split_once(SCHEME) {
        without.push_str(before);
        let end = behind.find(['"', '\'', ')', '<', '>']).unwrap_or(behind.len());
        let (address, after) = behind.split_at_checked(end).unwrap_or((behind, ""));
        rest = after;
        match picture(address).filter(|_| taken.len() < MAX_PICTURES) {
            Some((subtype, content)) => {
                without.push_str("cid:");
                without.push_str(&known_as(subtype, content, taken));
            }
            None => {
                without.push_str(SCHEME);
                without.push_str(address);
            }
        }
    }
    without.push_str(rest);
    without
}

/// What stands behind `data:image/`: the subtype, and the picture.
fn picture(address: &str) -> Option<(&str, Vec<u8>)> {
    let (kind, data) = address.split_once(',')?;
    let subtype = kind.strip_suffix(";base64")?.split(';').next()?;
    let is_subtype = subtype.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let data = data.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=").replace("%0A", "");
    let decoded = encoding::decode(data.as_bytes(), Transfer::Base64);
    let content = decoded.bytes.into_owned();
    let is_whole = decoded.fidelity == Fidelity::Exact && content.len() >= SMALLEST;
    (is_whole && is_subtype && !subtype.is_empty()).then_some((subtype, content))
}

/// The `Content-ID` of a picture among those that were taken; the same picture is taken once.
fn known_as(subtype: &str, content: Vec<u8>, taken: &mut Vec<Part<'static>>) -> String {
    let known = taken.iter().find(|part| *part.encoded == *content).and_then(|part| part.content_id.clone());
    known.unwrap_or_else(|| {
        let number = taken.len() + 1;
        let id = format!("picture-{number}@html");
        taken.push(Part {
            media_type: format!("image/{}", subtype.to_ascii_lowercase()),
            disposition: Disposition::Inline,
            file_name: Some(format!("picture-{number}.{}", extension(subtype))),
            content_id: Some(id.clone()),
            encoded: Cow::Owned(content),
            ..Part::default()
        });
        id
    })
}

fn extension(subtype: &str) -> String {
    match subtype.to_ascii_lowercase().as_str() {
        "jpeg" => "jpg".to_owned(),
        "svg+xml" => "svg".to_owned(),
        "x-icon" | "vnd.microsoft.icon" => "ico".to_owned(),
        subtype => subtype.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_picture_within_html_becomes_a_part_that_the_html_refers_to_and_specks_do_not() {
        let data = STANDARD.encode([7_u8; 300]);
        let html = format!(
            "<p>see <img src=\"data:image/PNG;base64,{data}\" alt=x> and <img src='data:image/png;base64,{data}'> \
             <img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='><img src=data:image/svg+xml;utf8,x></p>"
        );
        let mut taken = Vec::new();
        let without = without_pictures(html, &mut taken);
        assert_eq!(without.matches("cid:picture-1@html").count(), 2);
        assert!(without.contains("data:image/gif") && without.contains("data:image/svg") && without.ends_with("</p>"));
        let [picture] = taken.as_slice() else { panic!("{taken:?}") };
        assert_eq!((picture.media_type.as_str(), picture.encoded.len()), ("image/png", 300));
        assert_eq!(picture.file_name.as_deref(), Some("picture-1.png"));
    }

    #[test]
    fn what_is_no_picture_stays_as_it_is() {
        for html in
            ["<p>data:image/</p>", "<img src='data:image/png;base64,@@@'>", "data:image/;base64,AAAA", "no picture"]
        {
            let mut taken = Vec::new();
            assert_eq!(without_pictures(html.to_owned(), &mut taken), html);
            assert!(taken.is_empty());
        }
    }
}
