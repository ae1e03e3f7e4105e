//! Parameters of header fields with characters beyond ASCII (RFC 2231): cut into numbered pieces, escaped with `%`, and as programs
//! write them that half know it. Not left to mail-parser, which decodes each piece by itself, where a character may be cut in two.

use std::collections::BTreeMap;

use super::charset;

/// The value of a parameter that stands there in its extended form; `name` in lower case.
pub(super) fn parameter(field: &str, name: &str) -> Option<String> {
    if !field.contains('*') {
        return None;
    }
    let mut pieces: BTreeMap<u16, (Form, &str)> = BTreeMap::new();
    for (key, value) in parameters(field) {
        if let Some((number, form)) = numbered(key, name) {
            pieces.entry(number).or_insert((form, value));
        }
    }
    let (_, (form, first)) = pieces.first_key_value()?;
    let label = match form {
        Form::Escaped => split_label(first).map(|(label, _)| label).filter(|label| !label.is_empty()),
        Form::AsItIs => None,
    };
    let mut bytes = Vec::new();
    for (index, (form, value)) in pieces.values().enumerate() {
        match form {
            Form::Escaped if index == 0 => bytes.extend(unescaped(split_label(value).map_or(*value, |(_, text)| text))),
            Form::Escaped => bytes.extend(unescaped(value)),
            Form::AsItIs => bytes.extend_from_slice(value.as_bytes()),
        }
    }
    Some(charset::decode(label, &bytes))
}

/// A name that was escaped as if it were in the extended form: `%C3%9Cber.pdf`, `utf-8''%C3%9Cber.pdf`. Any other stays as it is.
pub(super) fn without_escapes(name: String) -> String {
    if !name.contains('%') {
        return name;
    }
    let text =
        split_label(&name).filter(|(label, _)| label.eq_ignore_ascii_case("utf-8")).map_or(&*name, |(_, text)| text);
    match String::from_utf8(unescaped(text)) {
        Ok(decoded) if !decoded.is_ascii() => decoded,
        Ok(_) | Err(_) => name,
    }
}

/// How a piece is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    AsItIs,
    Escaped,
}

/// Names and values, without the quotes around these.
fn parameters(field: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut quoted = false;
    let ends = move |c: char| {
        quoted ^= c == '"';
        c == ';' && !quoted
    };
    let pairs = field.split(ends).filter_map(|parameter| parameter.split_once('='));
    pairs.map(|(key, value)| (key.trim(), value.trim().trim_matches('"')))
}

/// `filename*1*` → the second piece, which is escaped.
fn numbered(key: &str, name: &str) -> Option<(u16, Form)> {
    let (_, rest) = key.split_at_checked(name.len()).filter(|(start, _)| start.eq_ignore_ascii_case(name))?;
    let rest = rest.strip_prefix('*')?;
    match rest.strip_suffix('*') {
        _ if rest.is_empty() => Some((0, Form::Escaped)),
        Some(number) => Some((number.parse().ok()?, Form::Escaped)),
        None => Some((rest.parse().ok()?, Form::AsItIs)),
    }
}

/// `utf-8'de'text` → the charset, and the text.
fn split_label(value: &str) -> Option<(&str, &str)> {
    let (label, rest) = value.split_once('\'')?;
    let (_, text) = rest.split_once('\'')?;
    label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)).then_some((label, text))
}

/// What is no valid escape stays as it is.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        let escaped = digit(0).zip(digit(1)).filter(|_| byte == b'%');
        bytes.push(escaped.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()).unwrap_or(byte));
        rest = if escaped.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_put_together_from_its_pieces_in_any_order_and_cut_anywhere() {
        for field in [
            "attachment; filename*=UTF-8'de'%C3%9Cber.pdf; filename=Uber.pdf",
            "attachment; filename=\"Uber.pdf\";\n FileName*=\"utf-8''%C3%9Cber.pdf\"",
            "attachment; filename*1=\"ber.pdf\"; filename*0*=''%C3%9C",
            "attachment; filename*0*=iso-8859-1''%DC; filename*1*=ber%2Epdf",
            "attachment; filename*0*=UTF-8''%C3; filename*1*=%9Cber; filename*2=.pdf",
        ] {
            assert_eq!(parameter(field, "filename").as_deref(), Some("Über.pdf"), "{field}");
        }
        assert_eq!(parameter("a; filename*0=\"a;\"; filename*1=b%20c", "filename").as_deref(), Some("a;b%20c"));
        assert_eq!(parameter("a; filename*=utf-8''%C3%9C%ZZ%", "filename").as_deref(), Some("Ü%ZZ%"));
        for other in ["a; filename=b*c", "a; filename*x*=b", "a; file*=b", "*"] {
            assert_eq!(parameter(other, "filename"), None, "{other}");
        }
    }

    #[test]
    fn escapes_without_the_form_are_undone_where_they_say_more_than_ascii() {
        assert_eq!(without_escapes("%C3%9Cber.pdf".into()), "Über.pdf");
        assert_eq!(without_escapes("UTF-8''%C3%9Cber.pdf".into()), "Über.pdf");
        for name in ["100%25.pdf", "%FF.pdf", "a'b'%20.pdf", "50%"] {
            assert_eq!(without_escapes(name.into()), name);
        }
    }
}
