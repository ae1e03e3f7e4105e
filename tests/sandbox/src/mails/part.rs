//! MIME parts and the encodings in them: RFC 2045 to 2047, as much of them as sample mails need.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A part with its headers, its content already encoded for transfer.
#[derive(Debug, Clone)]
pub(super) struct Part {
    headers: Vec<String>,
    content: Vec<u8>,
}

impl Part {
    /// Plain text in ASCII, as it stands.
    pub fn ascii(text: &str) -> Self {
        Self::raw("text/plain; charset=us-ascii", "7bit", crlf(text))
    }

    /// Plain text in UTF-8 as quoted-printable.
    pub fn text(text: &str) -> Self {
        Self::raw("text/plain; charset=UTF-8", "quoted-printable", quoted_printable(text))
    }

    /// HTML in UTF-8 as quoted-printable.
    pub fn html(html: &str) -> Self {
        Self::raw("text/html; charset=UTF-8", "quoted-printable", quoted_printable(html))
    }

    /// A file that is attached under a name.
    pub fn file(content_type: &str, name: &str, bytes: &[u8]) -> Self {
        let part = Self::base64(&format!("{content_type}; name=\"{name}\""), bytes);
        part.header(format!("Content-Disposition: attachment; filename=\"{name}\""))
    }

    /// Anything as base64.
    pub fn base64(content_type: &str, bytes: &[u8]) -> Self {
        Self::raw(content_type, "base64", base64_lines(bytes))
    }

    /// Content that is encoded already.
    pub fn raw(content_type: &str, encoding: &str, content: Vec<u8>) -> Self {
        let headers = vec![format!("Content-Type: {content_type}"), format!("Content-Transfer-Encoding: {encoding}")];
        Self { headers, content }
    }

    /// A message within a message: its content is another mail's bytes.
    pub fn message(name: &str, raw: Vec<u8>) -> Self {
        Self::raw(&format!("message/rfc822; name=\"{name}\""), "7bit", raw)
            .header(format!("Content-Disposition: attachment; filename=\"{name}\""))
    }

    /// Several parts; `subtype` may carry parameters such as `report; report-type=delivery-status`.
    pub fn multipart(subtype: &str, parts: &[Self]) -> Self {
        let rendered: Vec<Vec<u8>> = parts.iter().map(Self::render).collect();
        // Longer than that of any part, and so different.
        let boundary = format!("----=_part_{}", rendered.iter().map(Vec::len).sum::<usize>());
        let mut content = b"This is a multi-part message in MIME format.\r\n".to_vec();
        for part in rendered {
            content.extend(format!("\r\n--{boundary}\r\n").bytes());
            content.extend(part);
        }
        content.extend(format!("\r\n--{boundary}--\r\n").bytes());
        Self { headers: vec![format!("Content-Type: multipart/{subtype};\r\n boundary=\"{boundary}\"")], content }
    }

    /// The same text twice, for readers with and without HTML.
    pub fn alternative(text: &str, html: &str) -> Self {
        Self::multipart("alternative", &[Self::text(text), Self::html(html)])
    }

    /// With a header more.
    pub fn header(mut self, line: impl Into<String>) -> Self {
        self.headers.push(line.into());
        self
    }

    /// Headers, empty line, content.
    pub fn render(&self) -> Vec<u8> {
        let mut bytes = (self.headers.join("\r\n") + "\r\n\r\n").into_bytes();
        bytes.extend(&self.content);
        bytes
    }
}

/// Text with the line ends that mail has.
pub(super) fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// RFC 2045, 6.8, in lines of 76.
fn base64_lines(bytes: &[u8]) -> Vec<u8> {
    let encoded = STANDARD.encode(bytes);
    encoded.as_bytes().chunks(76).flat_map(|line| [line, b"\r\n"].concat()).collect()
}

/// RFC 2045, 6.7.
fn quoted_printable(text: &str) -> Vec<u8> {
    let lines: Vec<String> = text.split('\n').map(quoted_printable_line).collect();
    lines.join("\r\n").into_bytes()
}

fn quoted_printable_line(line: &str) -> String {
    let mut encoded = String::new();
    let mut column = 0;
    for (index, byte) in line.bytes().enumerate() {
        let last = index + 1 == line.len();
        let piece = match byte {
            b'=' => "=3D".to_owned(),
            b' ' | b'\t' if last => format!("={byte:02X}"),
            b' '..=b'~' | b'\t' => char::from(byte).to_string(),
            _ => format!("={byte:02X}"),
        };
        if column + piece.len() > 75 {
            encoded += "=\r\n";
            column = 0;
        }
        column += piece.len();
        encoded += &piece;
    }
    encoded
}

/// A header's text as it is in ASCII, else as words in UTF-8 (RFC 2047): 39 bytes of text make a word of 64 characters.
pub(super) fn encoded_words(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut words = vec![String::new()];
    for character in text.chars() {
        match words.last_mut() {
            Some(word) if word.len() + character.len_utf8() <= 39 => word.push(character),
            _ => words.push(character.to_string()),
        }
    }
    let words: Vec<String> = words.iter().map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word))).collect();
    words.join("\r\n ")
}
