//! The text in Outlook's RTF, which often wraps the HTML that the sender wrote ([MS-OXRTFEX]). Knows no fonts, tables or
//! pictures: where the RTF is all there is, its words are what counts.

use super::super::{charset, parse};

/// Bytes of RTF; compression makes at most this many of a byte.
const MAX_EXPANSION: usize = 18;
/// Groups within groups.
const MAX_DEPTH: usize = 500;
/// Groups that hold no text.
const SILENT: &[&str] = &[
    "fonttbl",
    "colortbl",
    "stylesheet",
    "info",
    "pict",
    "object",
    "header",
    "headerl",
    "headerr",
    "footer",
    "footerl",
    "footerr",
    "listtable",
    "listoverridetable",
    "rsidtbl",
    "generator",
    "themedata",
    "datastore",
    "mhtmltag",
];

/// What RTF comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Converted {
    /// The HTML that the RTF wrapped.
    Html(String),
    /// The text of what was RTF from the start.
    Plain(String),
}

/// Undoes the compression of PidTagRtfCompressed ([MS-OXRTFCP]).
pub(super) fn decompressed(bytes: &[u8]) -> Option<String> {
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    // The crate reserves what the header claims, and indexes by it.
    let (size, raw_size) = (number(0)?.checked_add(4)?, number(4)?);
    let bytes = bytes.get(..size).filter(|bytes| bytes.len() >= 16 && raw_size <= bytes.len() * MAX_EXPANSION)?;
    parse::shielded(|| compressed_rtf::decompress_rtf(bytes).ok()).flatten()
}

/// Takes the text out of RTF.
pub(super) fn converted(rtf: &str) -> Converted {
    let wraps_html = rtf.contains("\\fromhtml");
    let mut reading = Reading { wraps_html, code_page: 1252, ..Reading::default() };
    let mut rest = rtf;
    while let Some((token, behind)) = token(rest) {
        reading.take(token);
        rest = behind;
    }
    reading.flush();
    if wraps_html { Converted::Html(reading.text) } else { Converted::Plain(reading.text.trim().to_owned()) }
}

enum Token<'t> {
    Open,
    Close,
    Word(&'t str, Option<i32>),
    Byte(u8),
    Char(char),
    Nothing,
}

/// The next token, and what stands behind it.
fn token(rtf: &str) -> Option<(Token<'_>, &str)> {
    let first = rtf.chars().next()?;
    let behind = rtf.get(first.len_utf8()..)?;
    Some(match first {
        '{' => (Token::Open, behind),
        '}' => (Token::Close, behind),
        '\r' | '\n' => (Token::Nothing, behind),
        '\\' => control(behind),
        other => (Token::Char(other), behind),
    })
}

fn control(behind: &str) -> (Token<'_>, &str) {
    let letters = behind.bytes().take_while(u8::is_ascii_alphabetic).count();
    if letters == 0 {
        return symbol(behind);
    }
    let (word, rest) = behind.split_at_checked(letters).unwrap_or((behind, ""));
    let sign = usize::from(rest.starts_with('-'));
    let digits = rest.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
    let (number, rest) =
        if digits == 0 { ("", rest) } else { rest.split_at_checked(sign + digits).unwrap_or(("", rest)) };
    (Token::Word(word, number.parse().ok()), rest.strip_prefix(' ').unwrap_or(rest))
}

fn symbol(behind: &str) -> (Token<'_>, &str) {
    let Some(symbol) = behind.chars().next() else { return (Token::Nothing, "") };
    let rest = behind.get(symbol.len_utf8()..).unwrap_or_default();
    match symbol {
        '\'' => match rest.split_at_checked(2).map(|(hex, rest)| (u8::from_str_radix(hex, 16), rest)) {
            Some((Ok(byte), rest)) => (Token::Byte(byte), rest),
            Some((Err(_), _)) | None => (Token::Nothing, rest),
        },
        '~' => (Token::Char('\u{a0}'), rest),
        '_' => (Token::Char('-'), rest),
        '*' => (Token::Word("*", None), rest),
        '\r' | '\n' => (Token::Word("par", None), rest),
        '\\' | '{' | '}' => (Token::Char(symbol), rest),
        _ => (Token::Nothing, rest),
    }
}

/// What a group inherits and a closing brace undoes.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    /// Nothing in it is text.
    silent: bool,
    /// It began with `\*`: silent, unless its word is known.
    optional: bool,
    /// RTF that stands for HTML which is there as well.
    htmlrtf: bool,
    /// HTML itself.
    html_tag: bool,
    /// Characters after `\u` that stand in for it.
    fallback: usize,
}

#[derive(Debug, Default)]
struct Reading {
    wraps_html: bool,
    code_page: u32,
    group: Group,
    outer: Vec<Group>,
    /// Groups that are nested too deep to be kept.
    too_deep: usize,
    /// Characters to be passed over.
    skip: usize,
    /// Bytes of a text that wait for the rest of a character.
    bytes: Vec<u8>,
    /// UTF-16 units that do.
    units: Vec<u16>,
    text: String,
}

impl Reading {
    fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Open if self.outer.len() == MAX_DEPTH => self.too_deep += 1,
            Token::Open => self.outer.push(self.group),
            Token::Close if self.too_deep > 0 => self.too_deep -= 1,
            Token::Close => {
                self.flush();
                self.group = self.outer.pop().unwrap_or_default();
            }
            Token::Word(word, number) => self.word(word, number),
            Token::Byte(byte) => {
                if self.skip > 0 {
                    self.skip -= 1;
                } else if self.is_text() {
                    self.flush_units();
                    self.bytes.push(byte);
                }
            }
            Token::Char(char) => {
                if self.skip > 0 {
                    self.skip -= 1;
                } else {
                    self.push(char);
                }
            }
            Token::Nothing => {}
        }
    }

    fn word(&mut self, word: &str, number: Option<i32>) {
        match word {
            "u" => self.flush_bytes(),
            _ => self.flush(),
        }
        match word {
            "*" => self.group.optional = true,
            "htmltag" => (self.group.html_tag, self.group.silent) = (true, false),
            "htmlrtf" => self.group.htmlrtf = number != Some(0),
            "ansicpg" => self.code_page = number.and_then(|page| u32::try_from(page).ok()).unwrap_or(self.code_page),
            "uc" => self.group.fallback = number.and_then(|count| usize::try_from(count).ok()).unwrap_or(1) + 1,
            "u" => {
                // Signed 16 bits: -3913 is U+F0B7.
                let unit = number.and_then(|unit| u16::try_from(unit.rem_euclid(0x1_0000)).ok()).unwrap_or_default();
                self.units.extend(Some(unit).filter(|_| self.is_text()));
                self.skip = self.group.fallback.checked_sub(1).unwrap_or(1);
            }
            "par" | "line" | "row" | "sect" => self.push('\n'),
            "tab" | "cell" => self.push('\t'),
            "lquote" => self.push('‘'),
            "rquote" => self.push('’'),
            "ldblquote" => self.push('“'),
            "rdblquote" => self.push('”'),
            "bullet" => self.push('•'),
            "endash" => self.push('–'),
            "emdash" => self.push('—'),
            "pntext" if self.wraps_html => self.group.silent = true,
            word if SILENT.contains(&word) || self.group.optional => self.group.silent = true,
            _ => {}
        }
        if word != "*" {
            self.group.optional = false;
        }
    }

    fn is_text(&self) -> bool {
        self.too_deep == 0 && !self.group.silent && (!self.group.htmlrtf || self.group.html_tag)
    }

    fn push(&mut self, char: char) {
        if self.is_text() {
            self.flush();
            self.text.push(char);
        }
    }

    fn flush(&mut self) {
        self.flush_bytes();
        self.flush_units();
    }

    fn flush_units(&mut self) {
        self.text.push_str(&String::from_utf16_lossy(&std::mem::take(&mut self.units)));
    }

    fn flush_bytes(&mut self) {
        if !self.bytes.is_empty() {
            self.text.push_str(&charset::of_code_page(self.code_page, &std::mem::take(&mut self.bytes)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_that_rtf_wraps_comes_out_as_it_was() {
        let rtf = "{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 \\deff0{\\fonttbl{\\f0\\fswiss Arial;}}\r\n\
            {\\*\\htmltag64 <p>}\\htmlrtf \\pard\\plain {\\htmlrtf0 Gr\\'fc\\'dfe \\u8364?5\\u-10179?\\u-8704?\
            {\\*\\htmltag84 &nbsp;}\\htmlrtf \\'a0\\htmlrtf0 {\\*\\mhtmltag8 no}{\\*\\htmltag72 </p>}\\htmlrtf\\par}\\htmlrtf0}";
        assert_eq!(converted(rtf), Converted::Html("<p>Grüße €5😀&nbsp;</p>".to_owned()));
    }

    #[test]
    fn rtf_by_itself_gives_its_words() {
        let rtf = "{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}{\\*\\generator Riched20;}\\b One\\b0\\par two\\tab \\{3\\}\\line\\'93x\\'94}";
        assert_eq!(converted(rtf), Converted::Plain("One\ntwo\t{3}\n“x”".to_owned()));
    }

    #[test]
    fn a_hostile_size_is_not_believed() {
        let mut bytes = compressed_rtf::compress_rtf("{\\rtf1 hello}").unwrap();
        assert_eq!(decompressed(&bytes).as_deref(), Some("{\\rtf1 hello}"));
        bytes.get_mut(4..8).unwrap().copy_from_slice(&[0xff; 4]);
        assert_eq!(decompressed(&bytes), None);
        assert_eq!(decompressed(b"short"), None);
    }
}
