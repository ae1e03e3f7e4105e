//! What a winmail.dat holds: Outlook's own container for a message (TNEF, [MS-OXTNEF]), opened to text and files.
//! Reads what people would see, no other property. Never fails: what a broken container still gives is taken, and said so.

use super::charset;
use super::encoding::Fidelity;
use properties::{Property, properties};
use reader::Reader;

mod properties;
mod reader;
mod rtf;

/// [MS-OXTNEF] 2.1.3.1.
const SIGNATURE: u32 = 0x223E_9F78;
/// Messages within messages that are entered.
const MAX_DEPTH: usize = 8;
/// Files that are taken out of one container.
const MAX_FILES: usize = 1_000;
/// Bytes of the interface id that stands before an embedded object.
const INTERFACE_ID: usize = 16;

/// What a container holds.
#[derive(Debug)]
pub(super) struct Tnef {
    /// The message's subject.
    pub(super) subject: String,
    /// Its text, plain.
    pub(super) plain: Option<String>,
    /// Its text as HTML.
    pub(super) html: Option<String>,
    /// Its files, those of embedded messages included.
    pub(super) files: Vec<File>,
    /// Whether the container was whole.
    pub(super) fidelity: Fidelity,
}

/// A file in a container.
#[derive(Debug, Default)]
pub(super) struct File {
    /// As the sender wrote it; empty where it has none.
    pub(super) name: String,
    /// `type/subtype`, lower case.
    pub(super) media_type: Option<String>,
    /// `Content-ID` without angle brackets.
    pub(super) content_id: Option<String>,
    /// `Content-Location`.
    pub(super) content_location: Option<String>,
    /// The bytes.
    pub(super) content: Vec<u8>,
    /// A message in place of bytes.
    embedded: Option<Box<Tnef>>,
}

/// Opens a container; `None` where it is none.
pub(super) fn open(bytes: &[u8]) -> Option<Tnef> {
    let mut tnef = opened(bytes, 0)?;
    tnef.files = flattened(tnef.files);
    Some(tnef)
}

fn opened(bytes: &[u8], depth: usize) -> Option<Tnef> {
    let mut reader = Reader::new(bytes);
    if reader.u32()? != SIGNATURE || depth > MAX_DEPTH {
        return None;
    }
    reader.u16()?; // a key that links attachments to the message's text; nobody uses it
    let mut opening = Opening::new(depth);
    while let Some(attribute) = attribute(&mut reader) {
        opening.take(attribute);
    }
    opening.broken |= !reader.is_empty();
    Some(opening.finish())
}

/// One attribute ([MS-OXTNEF] 2.1.3.2).
struct Attribute<'a> {
    name: u32,
    data: &'a [u8],
    fidelity: Fidelity,
}

fn attribute<'a>(reader: &mut Reader<'a>) -> Option<Attribute<'a>> {
    let _level = reader.u8()?;
    let name = reader.u32()?;
    let length = reader.length()?;
    let data = reader.up_to(length);
    let sum = data.iter().fold(0_u16, |sum, &byte| sum.wrapping_add(u16::from(byte)));
    let fidelity = if reader.u16() == Some(sum) { Fidelity::Exact } else { Fidelity::Salvaged };
    Some(Attribute { name, data, fidelity })
}

/// A container while it is being read: attributes of a file follow the one that begins it.
struct Opening {
    depth: usize,
    code_page: u32,
    subject: Vec<u8>,
    body: Vec<u8>,
    message: Vec<Property>,
    files: Vec<Collected>,
    broken: bool,
}

#[derive(Default)]
struct Collected {
    title: Vec<u8>,
    data: Vec<u8>,
    properties: Vec<Property>,
}

impl Opening {
    fn new(depth: usize) -> Self {
        let files = Vec::new();
        Self {
            depth,
            code_page: 1252,
            subject: Vec::new(),
            body: Vec::new(),
            message: Vec::new(),
            files,
            broken: false,
        }
    }

    fn take(&mut self, attribute: Attribute<'_>) {
        const SUBJECT: u32 = 0x0001_8004;
        const BODY: u32 = 0x0002_800C;
        const MESSAGE_PROPERTIES: u32 = 0x0006_9003;
        const CODE_PAGE: u32 = 0x0006_9007;
        const FILE_BEGINS: u32 = 0x0006_9002;
        const FILE_TITLE: u32 = 0x0001_8010;
        const FILE_DATA: u32 = 0x0006_800F;
        const FILE_PROPERTIES: u32 = 0x0006_9005;
        self.broken |= attribute.fidelity == Fidelity::Salvaged;
        let data = attribute.data;
        match attribute.name {
            SUBJECT => self.subject = data.to_vec(),
            BODY => self.body = data.to_vec(),
            CODE_PAGE => self.code_page = Reader::new(data).u32().unwrap_or(self.code_page),
            MESSAGE_PROPERTIES => self.message = self.read(data),
            FILE_BEGINS if self.files.len() < MAX_FILES => self.files.push(Collected::default()),
            FILE_BEGINS => self.broken = true,
            FILE_TITLE | FILE_DATA | FILE_PROPERTIES => {
                let properties = if attribute.name == FILE_PROPERTIES { self.read(data) } else { Vec::new() };
                let Some(file) = self.files.last_mut() else { return };
                match attribute.name {
                    FILE_TITLE => file.title = data.to_vec(),
                    FILE_DATA => file.data = data.to_vec(),
                    _ => file.properties = properties,
                }
            }
            _ => {}
        }
    }

    fn read(&mut self, data: &[u8]) -> Vec<Property> {
        let (properties, fidelity) = properties(data);
        self.broken |= fidelity == Fidelity::Salvaged;
        properties
    }

    fn finish(mut self) -> Tnef {
        let legacy = |bytes: &[u8]| charset::of_code_page(self.code_page, bytes).trim_end_matches('\0').to_owned();
        let text = |id: u16| find(&self.message, id).map(|property| property.text(self.code_page));
        let subject = text(0x0037).filter(|text| !text.is_empty()).unwrap_or_else(|| legacy(&self.subject));
        let (mut plain, mut html) = (text(0x1000), find(&self.message, 0x1013).map(|html| self.html(html)));
        if html.is_none()
            && let Some(rtf) = find(&self.message, 0x1009).and_then(|rtf| rtf::decompressed(&rtf.bytes))
        {
            match rtf::converted(&rtf) {
                rtf::Converted::Html(text) => html = Some(text),
                rtf::Converted::Plain(text) => plain = plain.or(Some(text)),
            }
        }
        let plain = plain.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| legacy(&self.body));
        let files = std::mem::take(&mut self.files);
        let files: Vec<File> = files.into_iter().map(|file| self.file(file)).collect();
        Tnef {
            subject,
            plain: (!plain.trim().is_empty()).then_some(plain),
            html: html.filter(|html| !html.trim().is_empty()),
            files,
            fidelity: if self.broken { Fidelity::Salvaged } else { Fidelity::Exact },
        }
    }

    /// PidTagHtml is bytes in the code page that PidTagInternetCodepage names.
    fn html(&self, html: &Property) -> String {
        let code_page = find(&self.message, 0x3FDE).and_then(Property::number).unwrap_or(self.code_page);
        html.text(code_page)
    }

    fn file(&mut self, collected: Collected) -> File {
        let text = |id: u16| find(&collected.properties, id).map(|property| property.text(self.code_page));
        let text = |id: u16| text(id).filter(|text| !text.trim().is_empty());
        let title = charset::of_code_page(self.code_page, &collected.title).trim_end_matches('\0').to_owned();
        let name = text(0x3707).or_else(|| text(0x3704)).or_else(|| Some(title).filter(|title| !title.is_empty()));
        let (media_type, content_id, content_location) = (text(0x370E), text(0x3712), text(0x3713));
        let name = name.or_else(|| text(0x3001)).unwrap_or_default();
        let (mut content, mut embedded) = (collected.data, None);
        if let Some(data) = collected.properties.into_iter().find(|property| property.id == 0x3701) {
            let object =
                if data.is_object() { data.bytes.get(INTERFACE_ID..).unwrap_or_default() } else { &data.bytes };
            embedded = opened(object, self.depth + 1).map(Box::new);
            if content.is_empty() || data.is_object() {
                content = object.to_vec();
            }
        }
        self.broken |= embedded.as_ref().is_some_and(|embedded| embedded.fidelity == Fidelity::Salvaged);
        let media_type = media_type.map(|media_type| media_type.to_ascii_lowercase());
        File { name, media_type, content_id, content_location, content, embedded }
    }
}

fn find(properties: &[Property], id: u16) -> Option<&Property> {
    properties.iter().find(|property| property.id == id)
}

/// An embedded message gives its text as a file named after its subject, and its files beside it. One that holds neither (a
/// distribution list) stays as it is.
fn flattened(files: Vec<File>) -> Vec<File> {
    let mut flat = Vec::new();
    for mut file in files {
        match file.embedded.take().filter(|embedded| embedded.has_content()) {
            None => flat.push(file),
            Some(embedded) => {
                flat.extend(embedded.text_file(&file.name));
                flat.extend(flattened(embedded.files));
            }
        }
    }
    flat
}

impl Tnef {
    fn has_content(&self) -> bool {
        self.html.is_some() || self.plain.is_some() || !self.files.is_empty()
    }

    fn text_file(&self, name: &str) -> Option<File> {
        let (text, extension, media_type) = match (&self.html, &self.plain) {
            (Some(html), _) => (html, "html", "text/html"),
            (None, plain) => (plain.as_ref()?, "txt", "text/plain"),
        };
        let title = [self.subject.as_str(), name, "message"].into_iter().find(|title| !title.trim().is_empty())?;
        let (name, media_type) = (format!("{title}.{extension}"), Some(media_type.to_owned()));
        Some(File { name, media_type, content: text.clone().into_bytes(), ..File::default() })
    }
}
