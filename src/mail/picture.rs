//! How wide a picture is, as its first bytes say (PNG, GIF, JPEG). Looks at nothing else in it.

/// Wider than any screen: whoever says so is mistaken.
const WIDEST: u32 = 20_000;

/// The width in pixels; `None` where it cannot be told.
pub fn width(content: &[u8]) -> Option<u32> {
    let width = match content {
        [0x89, b'P', b'N', b'G', ..] => u32::from_be_bytes(*content.get(16..)?.first_chunk()?),
        [b'G', b'I', b'F', b'8', ..] => u16::from_le_bytes(*content.get(6..)?.first_chunk()?).into(),
        [0xff, 0xd8, segments @ ..] => jpeg(segments)?.into(),
        _ => return None,
    };
    (1..=WIDEST).contains(&width).then_some(width)
}

/// A JPEG is a row of segments with their lengths; the frame is one of them (ITU T.81, B.1 and B.2.2).
fn jpeg(mut segments: &[u8]) -> Option<u16> {
    loop {
        let [0xff, kind, high, low, rest @ ..] = segments else { return None };
        match kind {
            0xff => segments = segments.get(1..)?, // filled up
            0xc4 | 0xc8 | 0xcc | 0x00..=0xbf | 0xd0..=0xfe => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                segments = rest.get(length.checked_sub(2)?..)?;
            }
            0xc0..=0xcf => return rest.get(3..)?.first_chunk().map(|width| u16::from_be_bytes(*width)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_is_read_from_each_format_and_nonsense_has_none() {
        let png = [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &640_u32.to_be_bytes(), &480_u32.to_be_bytes()].concat();
        let gif = [&b"GIF89a"[..], &320_u16.to_le_bytes(), &[0, 1]].concat();
        let frame = [&b"\xff\xc2\x00\x11\x08\x01\xe0"[..], &800_u16.to_be_bytes(), &[3]].concat();
        let jpeg = [&b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc4\x00\x03x"[..], &frame].concat();
        assert_eq!([width(&png), width(&gif), width(&jpeg)], [Some(640), Some(320), Some(800)]);
        for cut in 0..jpeg.len() - 1 {
            assert_eq!(width(&jpeg[..cut]), None);
        }
        for nonsense in [&b""[..], b"\x89PNG", b"GIF89a\0\0", b"\xff\xd8\xff\xe0\x00\x00", b"<svg/>"] {
            assert_eq!(width(nonsense), None, "{nonsense:?}");
        }
    }
}
