//! Text as it may stand where others read it: in one line, without what moves a cursor, and bytes as digits. Pure.

/// With a space for each control character: a line that ends nothing, and can do nothing to a terminal.
pub fn without_controls(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Its words in one line, with one space between them.
pub fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
