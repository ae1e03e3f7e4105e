//! Tiny but valid files to attach: a PDF of one page and a PNG.

/// A page with one line of text. The text must hold no brackets.
pub(super) fn pdf(text: &str) -> Vec<u8> {
    let drawing = format!("BT /F1 18 Tf 60 760 Td ({text}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{drawing}\nendstream", drawing.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = "0000000000 65535 f \n".to_owned();
    for (number, object) in (1..).zip(&objects) {
        table += &format!("{:010} 00000 n \n", file.len());
        file += &format!("{number} 0 obj\n{object}\nendobj\n");
    }
    let start = file.len();
    let count = objects.len() + 1;
    file += &format!("xref\n0 {count}\n{table}trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
    file.into_bytes()
}

/// A grey gradient, `width` by `height` pixels: at most 60,000 of them.
pub(super) fn png(width: u16, height: u16) -> Vec<u8> {
    let mut header = [u32::from(width).to_be_bytes(), u32::from(height).to_be_bytes()].concat();
    header.extend([8, 0, 0, 0, 0]); // 8 bits of grey, and the only methods that there are
    let row = |y: u16| std::iter::once(0).chain((0..width).map(move |x| u8::try_from((x ^ y) & 0xff).unwrap_or(0)));
    let pixels: Vec<u8> = (0..height).flat_map(row).collect();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", header), (b"IDAT", stored(&pixels)), (b"IEND", Vec::new())] {
        file.extend(chunk(*kind, &data));
    }
    file
}

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes();
    let checked = [kind.as_slice(), data].concat();
    let sum = crc32(&checked).to_be_bytes();
    [length.as_slice(), &checked, &sum].concat()
}

/// zlib (RFC 1950) with one block that is stored uncompressed (RFC 1951, 3.2.4).
fn stored(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    let head = [[0x78, 0x01].as_slice(), &[1], &length.to_le_bytes(), &(!length).to_le_bytes()].concat();
    [head.as_slice(), data, &adler32(data).to_be_bytes()].concat()
}

fn adler32(data: &[u8]) -> u32 {
    let (a, b) = data.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}

fn crc32(data: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 };
    !data.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}
