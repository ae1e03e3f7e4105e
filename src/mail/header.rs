//! The header as it came, kept as bytes and understood only where somebody asks for a field: rules, and templates.

use std::collections::BTreeMap;
use std::fmt;

use super::{header_end, parse};

/// Bytes of a header that are kept.
const LONGEST: usize = 64 << 10;

/// The header fields of a message.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Header(Box<[u8]>);

impl Header {
    /// The header of a message: what stands in front of the first empty line.
    pub(super) fn of(message: &[u8]) -> Self {
        let message = message.get(..LONGEST).unwrap_or(message);
        let lines = message.split_inclusive(|byte| *byte == b'\n');
        let end = lines.take_while(|line| !header_end::is_end(line)).map(<[u8]>::len).sum();
        Self(message.get(..end).unwrap_or(message).into())
    }

    /// The values of a field, decoded and unfolded, in order. `name` in lower case.
    pub fn all(&self, name: &str) -> Vec<String> {
        parse::header(&self.0).all(name).map(parse::text).collect()
    }

    /// The first value of each field, by its name in lower case, with `_` for `-`: a template has no `-` in its names.
    pub fn by_name(&self) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        for (name, value) in parse::header(&self.0).fields {
            fields.entry(name.replace('-', "_")).or_insert_with(|| parse::text(value));
        }
        fields
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({} bytes)", self.0.len())
    }
}
