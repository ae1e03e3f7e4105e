//! File names that are safe to show, to store and to send to Jira, and unique. Knows names only, not files.

use std::collections::HashSet;

/// Bytes of a safe name; ext4 and Jira take 255, and a counter must fit behind it.
const MAX_BYTES: usize = 200;
/// Bytes of an extension that is kept when a name is cut.
const MAX_EXTENSION: usize = 20;

/// A name without path, control and reserved characters, at most 200 bytes long with its extension kept; `None` where
/// nothing is left of it.
pub(crate) fn safe(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).find(|piece| !piece.trim().is_empty())?;
    let safe: String =
        last.chars().filter(|&c| !is_invisible(c)).map(|c| if is_reserved(c) { '_' } else { c }).collect();
    // A leading dot hides a file, a trailing one is dropped by Windows; `..` is neither name nor path this way.
    let safe = safe.trim().trim_start_matches('.').trim_end_matches(['.', ' ']).trim_start();
    (!safe.is_empty()).then(|| shortened(safe, MAX_BYTES))
}

/// A text made into one safe name: here a slash separates nothing, as in a subject.
pub(crate) fn from_text(text: &str, extension: &str) -> Option<String> {
    safe(&text.replace(['/', '\\'], "_")).map(|name| shortened(&format!("{name}.{extension}"), MAX_BYTES))
}

/// Names that are taken, upper and lower case counting as the same.
#[derive(Debug, Default)]
pub(crate) struct Taken(HashSet<String>);

impl Taken {
    /// Marks a name as taken.
    pub(crate) fn take(&mut self, name: &str) {
        self.0.insert(name.to_lowercase());
    }

    /// The name itself, or where that is taken the name with a counter: `image001-2.png`. It is taken from then on.
    pub(crate) fn unique(&mut self, name: &str) -> String {
        let (stem, extension) = split(name);
        let numbered = (2..=self.0.len() + 2).map(|number| format!("{stem}-{number}{extension}"));
        let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !self.0.contains(&name.to_lowercase()));
        let free = free.unwrap_or_else(|| name.to_owned()); // one of n + 2 names is not among n
        self.take(&free);
        free
    }
}

/// Cuts the stem, not the extension, on a character boundary.
fn shortened(name: &str, limit: usize) -> String {
    if name.len() <= limit {
        return name.to_owned();
    }
    let (stem, extension) = split(name);
    let (stem, extension) = if extension.len() <= MAX_EXTENSION { (stem, extension) } else { (name, "") };
    let end = stem.floor_char_boundary(limit - extension.len());
    format!("{}{extension}", stem.get(..end).unwrap_or_default().trim_end())
}

/// The stem, and the extension with its dot.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at_checked(dot).unwrap_or((name, "")),
        Some(_) | None => (name, ""),
    }
}

fn is_reserved(c: char) -> bool {
    matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
}

/// Control characters, and those that turn the direction of writing to make `exe.pdf` of `fdp.exe`.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_loses_its_path_and_what_no_file_system_takes() {
        for (name, expected) in [
            ("../../etc/passwd", Some("passwd")),
            ("C:\\Users\\ann\\report.pdf", Some("report.pdf")),
            ("a<b>:c|d?.txt", Some("a_b__c_d_.txt")),
            ("invoice\u{202e}fdp.exe", Some("invoicefdp.exe")),
            ("..", None),
            ("", None),
            ("dir/", Some("dir")),
            (".bashrc", Some("bashrc")),
            ("Rechnung März.pdf", Some("Rechnung März.pdf")),
        ] {
            assert_eq!(safe(name).as_deref(), expected, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_extension_and_its_characters_whole() {
        let name = safe(&format!("{}.tar", "日".repeat(200))).unwrap();
        assert!(name.len() <= MAX_BYTES && name.ends_with("日.tar"));
        let name = safe(&format!("a.{}", "x".repeat(500))).unwrap();
        assert_eq!(name.len(), MAX_BYTES);
    }

    #[test]
    fn the_same_name_twice_gets_a_counter_before_its_extension() {
        let mut taken = Taken::default();
        let names =
            ["image001.png", "IMAGE001.png", "image001-2.png", "README", "README"].map(|name| taken.unique(name));
        assert_eq!(names, ["image001.png", "IMAGE001-2.png", "image001-2-2.png", "README", "README-2"]);
    }

    proptest! {
        #[test]
        fn any_name_becomes_safe(name in ".{0,300}") {
            if let Some(safe_name) = safe(&name) {
                prop_assert!(!safe_name.is_empty() && safe_name.len() <= MAX_BYTES);
                prop_assert!(!safe_name.contains(|c: char| c.is_control() || is_reserved(c)));
                prop_assert!(safe_name != "." && safe_name != "..");
            }
        }
    }
}
