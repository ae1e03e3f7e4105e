//! A message too large to be held: read once from beginning to end, it becomes a small one, in which every big file is
//! replaced by a mark, and which is then parsed like any other. What was cut out is known by where it stands, and can be read
//! again from there. Decides nothing about what the parts are; that is said by the parser.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::decoder::Decoder;
use super::encoding::Transfer;
use super::{Complaint, Mail, parse};
use crate::text::hex;

/// A file whose encoded content is larger than this is cut out.
const BIG: usize = 256 << 10;
/// A file larger than this is cut out once there is a lot already: many small files are as heavy as few big ones.
const BIG_AMONG_MANY: usize = 4 << 10;
const MANY: usize = 4 << 20;
/// Nothing more is kept beyond that.
const MOST: usize = 8 << 20;
/// A line longer than this is dealt with in pieces. A boundary has at most 70 characters (RFC 2046, 5.1.1).
const LONGEST_LINE: usize = 4 << 10;
/// Containers within containers that are looked into.
const MAX_DEPTH: usize = 100;

/// Takes a large message piece by piece.
pub struct Reader {
    token: String,
    kept: Vec<u8>,
    line: Vec<u8>,
    /// Whether the beginning of the line was dealt with already.
    continues: bool,
    offset: u64,
    /// The header that is being read; `None` in a body.
    header: Option<Vec<u8>>,
    containers: Vec<Container>,
    leaf: Leaf,
    cuts: Vec<Cut>,
    lacks: bool,
}

/// A multipart whose parts are being read.
struct Container {
    boundary: Vec<u8>,
    is_mixed: bool,
}

/// A file that was cut out of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Where its encoded content begins in the message.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
    /// Bytes of its content.
    pub size: u64,
    encoding: Transfer,
    sha256: String,
}

/// A large message that was read.
pub struct Large {
    /// What it says. Files that were cut out have their size and hash, and no content.
    pub mail: Mail,
    /// Those files, by their index among the attachments.
    pub cuts: BTreeMap<usize, Cut>,
}

impl Cut {
    /// Decodes what stands from `from` to `to`.
    pub fn decoder(&self) -> Decoder {
        Decoder::new(self.encoding)
    }
}

/// What is in a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    /// Text to be shown, or what stands between the parts of a container: its beginning is enough.
    #[default]
    Text,
    /// A file.
    File,
}

/// A body that is being read.
#[derive(Default)]
struct Leaf {
    kind: Kind,
    encoding: Transfer,
    from: u64,
    kept: Vec<u8>,
    cutting: Option<Cutting>,
}

/// A file on its way out: its content is weighed as it passes by.
struct Cutting {
    decoder: Decoder,
    digest: Context,
    size: u64,
    /// The last line end: it belongs to the boundary behind it, if one comes (RFC 2046, 5.1.1).
    line_end: Vec<u8>,
}

impl Reader {
    /// Begins. `token` is random, so that nobody can send a mark of ours.
    pub fn new(token: String) -> Self {
        Self {
            token,
            kept: Vec::new(),
            line: Vec::new(),
            continues: false,
            offset: 0,
            header: Some(Vec::new()),
            containers: Vec::new(),
            leaf: Leaf::default(),
            cuts: Vec::new(),
            lacks: false,
        }
    }

    /// Takes the next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") || self.line.len() > LONGEST_LINE {
                self.end_line();
            }
        }
    }

    /// After the last bytes.
    pub fn finish(mut self) -> Large {
        self.end_line();
        self.end_leaf(false);
        let mut mail = parse::parse(&self.kept);
        if self.lacks {
            mail.complaints
                .push(Complaint::incomplete("it is too large to be read whole: some of its text is missing"));
        }
        let mut cuts = BTreeMap::new();
        for (index, attachment) in mail.attachments.iter_mut().enumerate() {
            let marked = std::str::from_utf8(&attachment.content).ok().and_then(|text| self.marked(text));
            if let Some(cut) = marked {
                (attachment.content, attachment.size) = (bytes::Bytes::new(), cut.size);
                attachment.sha256.clone_from(&cut.sha256);
                cuts.insert(index, cut.clone());
            }
        }
        Large { mail, cuts }
    }

    fn mark(&self, number: usize) -> String {
        format!("mail2jira:{}:{number}", self.token)
    }

    fn marked(&self, text: &str) -> Option<&Cut> {
        let number = text.trim().strip_prefix("mail2jira:")?.strip_prefix(&self.token)?.strip_prefix(':')?;
        self.cuts.get(number.parse::<usize>().ok()?)
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let begins = !std::mem::replace(&mut self.continues, !line.ends_with(b"\n"));
        let boundary = if begins { self.boundary(&line) } else { None };
        match (boundary, &mut self.header) {
            (Some((depth, closes)), _) => {
                self.end_leaf(true);
                self.containers.truncate(if closes { depth } else { depth + 1 });
                self.header = (!closes).then(Vec::new);
                self.leaf = Leaf { from: self.offset + line.len() as u64, ..Leaf::default() };
                self.keep(&line);
            }
            (None, Some(header)) => {
                header.extend(line.iter().take(BIG.saturating_sub(header.len())));
                // Empty lines before the message's own header end nothing.
                let is_before =
                    header.len() as u64 == self.offset + line.len() as u64 && header.trim_ascii().is_empty();
                self.keep(&line);
                if begins && !is_before && line.trim_ascii().is_empty() && line.ends_with(b"\n") {
                    self.begin_body(self.offset + line.len() as u64);
                }
            }
            (None, None) => self.take_body(&line),
        }
        self.offset += line.len() as u64;
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.kept.len() + bytes.len() <= MOST {
            self.kept.extend_from_slice(bytes);
        } else {
            self.lacks = true;
        }
    }

    /// Which container's boundary a line is, and whether it is the last one.
    fn boundary(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.trim_ascii_end().strip_prefix(b"--")?;
        let is_it = |boundary: &[u8]| match line.strip_prefix(boundary)? {
            b"" => Some(false),
            b"--" => Some(true),
            _ => None,
        };
        self.containers
            .iter()
            .enumerate()
            .rev()
            .find_map(|(depth, container)| Some((depth, is_it(&container.boundary)?)))
    }

    fn begin_body(&mut self, from: u64) {
        let header = self.header.take().unwrap_or_default();
        let fields = parse::header(&header);
        let content_type = fields.text("content-type");
        let media_type = content_type.to_ascii_lowercase();
        let disposition = fields.text("content-disposition").to_ascii_lowercase();
        let encoding = Transfer::named(&fields.text("content-transfer-encoding"));
        let boundary = parameter(&content_type, "boundary").filter(|boundary| !boundary.is_empty());
        if let Some(boundary) = boundary.filter(|_| media_type.starts_with("multipart/"))
            && self.containers.len() < MAX_DEPTH
        {
            let is_mixed = media_type.starts_with("multipart/mixed");
            self.containers.push(Container { boundary: boundary.into_bytes(), is_mixed });
        }
        let is_named = media_type.contains("name") || disposition.contains("filename");
        let is_among = self.containers.last().is_some_and(|container| container.is_mixed);
        let is_text = media_type.is_empty() || media_type.starts_with("text/") || media_type.starts_with("multipart/");
        let is_file = disposition.starts_with("attachment") || !is_text || is_named && is_among;
        let kind = if is_file { Kind::File } else { Kind::Text };
        self.leaf = Leaf { kind, encoding, from, ..Leaf::default() };
    }

    fn take_body(&mut self, bytes: &[u8]) {
        let big = if self.kept.len() > MANY { BIG_AMONG_MANY } else { BIG };
        let fits = self.leaf.kept.len() + bytes.len() <= big;
        match (&mut self.leaf.cutting, self.leaf.kind) {
            (Some(cutting), _) => cutting.take(bytes),
            (None, _) if fits => self.leaf.kept.extend_from_slice(bytes),
            (None, Kind::Text) => self.lacks = true,
            (None, Kind::File) => {
                let mut cutting = Cutting::new(self.leaf.encoding);
                cutting.take(&std::mem::take(&mut self.leaf.kept));
                cutting.take(bytes);
                self.leaf.cutting = Some(cutting);
            }
        }
    }

    fn end_leaf(&mut self, before_boundary: bool) {
        let leaf = std::mem::take(&mut self.leaf);
        let Some(mut cutting) = leaf.cutting else {
            return self.keep(&leaf.kept);
        };
        let mark = self.mark(self.cuts.len());
        let mark = if leaf.encoding == Transfer::Base64 { STANDARD.encode(mark) } else { mark };
        let line_end = std::mem::take(&mut cutting.line_end);
        let mut to = self.offset;
        if before_boundary {
            to -= line_end.len() as u64;
        } else {
            cutting.weigh(&line_end);
        }
        let (size, sha256) = cutting.finish();
        self.cuts.push(Cut { from: leaf.from, to, size, encoding: leaf.encoding, sha256 });
        self.keep(mark.as_bytes());
        self.keep(b"\r\n");
    }
}

impl Cutting {
    fn new(encoding: Transfer) -> Self {
        Self { decoder: Decoder::new(encoding), digest: Context::new(&SHA256), size: 0, line_end: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8]) {
        let line_end = std::mem::take(&mut self.line_end);
        self.weigh(&line_end);
        let content = bytes.strip_suffix(b"\n").map_or(bytes, |line| line.strip_suffix(b"\r").unwrap_or(line));
        self.weigh(content);
        self.line_end = bytes.get(content.len()..).unwrap_or_default().to_vec();
    }

    fn weigh(&mut self, encoded: &[u8]) {
        let content = self.decoder.update(encoded);
        self.size += content.len() as u64;
        self.digest.update(&content);
    }

    fn finish(mut self) -> (u64, String) {
        let rest = self.decoder.finish();
        self.digest.update(&rest);
        let hash = self.digest.finish();
        let hash = hex(hash.as_ref());
        (self.size + rest.len() as u64, hash)
    }
}

/// The value of a parameter of a header field (RFC 2045, 5.1).
fn parameter(field: &str, name: &str) -> Option<String> {
    let (_, parameters) = field.split_once(';')?;
    let at = parameters.to_ascii_lowercase().find(&format!("{name}="))?;
    let (_, value) = parameters.split_at_checked(at + name.len() + 1)?;
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().map(str::to_owned),
        None => value.split(|c: char| c == ';' || c.is_whitespace()).next().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &str, step: usize) -> Large {
        let mut reader = Reader::new("token".into());
        message.as_bytes().chunks(step).for_each(|piece| reader.take(piece));
        reader.finish()
    }

    fn message(big: &str, encoding: &str) -> String {
        format!(
            "Subject: large\r\nContent-Type: multipart/mixed;\r\n boundary=\"out er\"\r\n\r\nfor old programs\r\n--out er\r\n\
             Content-Type: multipart/alternative; boundary=inner\r\n\r\n--inner\r\n\r\nplain words\r\n--inner\r\n\
             Content-Type: text/html\r\n\r\n<p>rich words</p>\r\n--inner--\r\n--out er\r\nContent-Type: application/pdf\r\n\
             Content-Disposition: attachment; filename=big.pdf\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{big}\r\n\
             --out er\r\nContent-Type: text/plain; name=small.txt\r\n\r\nsmall\r\n--out er--\r\n"
        )
    }

    #[test]
    fn big_files_are_cut_out_and_everything_else_is_there() {
        let content: Vec<u8> = (0..=255).cycle().take(600_000).collect();
        let lines: Vec<String> = content.chunks(57).map(|line| STANDARD.encode(line)).collect();
        let message = message(&lines.join("\r\n"), "base64");
        for step in [1000, 4096, message.len()] {
            let Large { mail, cuts } = read(&message, step);
            assert_eq!((mail.subject.as_str(), mail.body.text.trim()), ("large", "plain words"));
            let files: Vec<(&str, u64)> = mail.attachments.iter().map(|file| (file.name.as_str(), file.size)).collect();
            assert_eq!(files, [("big.pdf", 600_000), ("small.txt", 5)]);
            let cut = &cuts[&0];
            let encoded = &message.as_bytes()[usize::try_from(cut.from).unwrap()..usize::try_from(cut.to).unwrap()];
            let mut decoder = cut.decoder();
            let decoded = [decoder.update(encoded), decoder.finish()].concat();
            assert!(decoded == content, "in steps of {step}");
            assert_eq!(mail.attachments[0].sha256, parse::parse(message.as_bytes()).attachments[0].sha256);
            assert_eq!((cuts.len(), mail.complaints.len()), (1, 0));
        }
    }

    #[test]
    fn content_that_is_not_encoded_keeps_its_last_line_end_to_the_boundary() {
        let message = message(&"x".repeat(300_000), "binary");
        let Large { mail, cuts } = read(&message, 777);
        assert_eq!((mail.attachments[0].size, cuts[&0].to - cuts[&0].from), (300_000, 300_000));
    }

    #[test]
    fn too_much_text_is_cut_short_and_said_and_a_forged_mark_is_only_text() {
        let text =
            format!("Subject: long\r\n\r\nmail2jira:token:7 begins\r\n{}", "words and words\r\n".repeat(100_000));
        let Large { mail, cuts } = read(&text, 5000);
        assert!(mail.body.text.starts_with("mail2jira:token:7 begins") && mail.body.text.len() < 2 * BIG);
        assert!(cuts.is_empty() && mail.complaints.len() == 1);
        let forged = message("mail2jira:token:0", "7bit");
        assert_eq!(read(&forged, 100).mail.attachments[0].size, 17);
    }

    #[test]
    fn what_is_kept_is_bounded_however_many_parts_there_are() {
        let part = format!("--b\r\nContent-Type: image/png\r\n\r\n{}\r\n", "y".repeat(200_000));
        let message = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n", part.repeat(100));
        let mut reader = Reader::new("token".into());
        reader.take(message.as_bytes());
        assert!(reader.kept.len() <= MOST && reader.cuts.len() > 70);
        assert_eq!(reader.finish().mail.attachments.len(), 100);
    }
}
