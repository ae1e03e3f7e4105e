//! MAPI properties as they stand in a TNEF attribute ([MS-OXTNEF] 2.1.3.4). Gives their bytes; what they mean is known elsewhere.

use super::super::charset;
use super::super::encoding::Fidelity;
use super::reader::Reader;

/// Properties that are read of one object.
const MAX_PROPERTIES: usize = 4_096;
/// Set in the type of a property that has several values.
const MULTIPLE: u16 = 0x1000;

/// A property of one value; of several only the first is kept.
#[derive(Debug)]
pub(super) struct Property {
    /// Without its type; named ones, from 0x8000 on, are not kept.
    pub(super) id: u16,
    kind: Kind,
    /// The value.
    pub(super) bytes: Vec<u8>,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fixed(usize),
    String8,
    Unicode,
    Binary,
    Object,
}

impl Kind {
    fn of(number: u16) -> Option<Self> {
        Some(match number & !MULTIPLE {
            0x0001..=0x0004 | 0x000A | 0x000B => Self::Fixed(4), // shorter ones are padded
            0x0005..=0x0007 | 0x0014 | 0x0040 => Self::Fixed(8),
            0x0048 => Self::Fixed(16),
            0x000D => Self::Object,
            0x001E => Self::String8,
            0x001F => Self::Unicode,
            0x0102 => Self::Binary,
            _ => return None,
        })
    }
}

impl Property {
    /// Whether an object (an embedded message, an OLE file) stands there in place of bytes.
    pub(super) fn is_object(&self) -> bool {
        self.kind == Kind::Object
    }

    /// As text; bytes without a charset of their own are in `code_page`.
    pub(super) fn text(&self, code_page: u32) -> String {
        let text = match self.kind {
            Kind::Unicode => charset::decode(Some("utf-16le"), &self.bytes),
            Kind::Fixed(_) | Kind::String8 | Kind::Binary | Kind::Object => {
                charset::of_code_page(code_page, &self.bytes)
            }
        };
        text.trim_end_matches('\0').to_owned()
    }

    /// The value as a number.
    pub(super) fn number(&self) -> Option<u32> {
        Reader::new(&self.bytes).u32()
    }
}

/// Reads an attribute full of properties, up to the first that is broken.
pub(super) fn properties(data: &[u8]) -> (Vec<Property>, Fidelity) {
    let mut reader = Reader::new(data);
    let mut properties = Vec::new();
    let count = reader.length().unwrap_or_default();
    for _ in 0..count.min(MAX_PROPERTIES) {
        match property(&mut reader) {
            Some(Some(property)) => properties.push(property),
            Some(None) => {}
            None => return (properties, Fidelity::Salvaged),
        }
    }
    (properties, Fidelity::Exact)
}

/// `None`: it is broken; nothing in it: it is not kept.
fn property(reader: &mut Reader<'_>) -> Option<Option<Property>> {
    let number = reader.u16()?;
    let id = reader.u16()?;
    let named = id >= 0x8000;
    if named {
        skip_name(reader)?;
    }
    let kind = Kind::of(number)?;
    let values = match kind {
        Kind::Fixed(_) if number & MULTIPLE == 0 => 1,
        Kind::Fixed(_) | Kind::String8 | Kind::Unicode | Kind::Binary | Kind::Object => reader.length()?,
    };
    let mut first = None;
    for _ in 0..values {
        let value = value(reader, kind)?;
        first = first.or(Some(value));
    }
    Some(first.filter(|_| !named).map(|bytes| Property { id, kind, bytes: bytes.to_vec() }))
}

/// A set's GUID, then a number or a text in UTF-16.
fn skip_name(reader: &mut Reader<'_>) -> Option<()> {
    const NUMBER: u32 = 0;
    reader.bytes(16)?;
    if reader.u32()? == NUMBER {
        reader.u32()?;
    } else {
        let length = reader.length()?;
        padded(reader, length)?;
    }
    Some(())
}

fn value<'a>(reader: &mut Reader<'a>, kind: Kind) -> Option<&'a [u8]> {
    match kind {
        Kind::Fixed(length) => reader.bytes(length),
        Kind::String8 | Kind::Unicode | Kind::Binary | Kind::Object => {
            let length = reader.length()?;
            padded(reader, length)
        }
    }
}

/// Values begin at multiples of four.
fn padded<'a>(reader: &mut Reader<'a>, length: usize) -> Option<&'a [u8]> {
    let value = reader.bytes(length)?;
    reader.up_to(length.next_multiple_of(4) - length);
    Some(value)
}
