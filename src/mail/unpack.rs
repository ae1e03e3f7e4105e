//! What a message holds beside what its parts say they are: containers are opened, signatures dropped, and what no reader could
//! make sense of is put in words. Turns one tree of parts into another; which of them is text and which a file is said elsewhere.

use std::borrow::Cow;

use super::encoding::Fidelity;
use super::part::{Disposition, Part};
use super::{Complaint, calendar, crypto, parse, tnef};

/// Containers within containers that are opened.
const MAX_DEPTH: usize = 8;
/// Bytes of the part that says which version of PGP/MIME a message has.
const MAX_PGP_VERSION: usize = 100;
/// The name of Outlook's container where it has none.
const WINMAIL: &str = "winmail.dat";

/// Opens what can be opened.
pub(super) fn unpacked<'a>(root: Part<'a>, complaints: &mut Vec<Complaint>) -> Part<'a> {
    if !is_wanted(&root) {
        return root;
    }
    let mut unpacking = Unpacking { complaints, notes: Vec::new(), outlook: Vec::new(), depth: 0 };
    let root = unpacking.part(root).unwrap_or_default();
    let Unpacking { notes, outlook, .. } = unpacking;
    noted(with_text_of(outlook, root), &notes)
}

/// Whether there is anything to do; in most mail there is not.
fn is_wanted(part: &Part<'_>) -> bool {
    is_tnef(part)
        || part.media_type == "text/calendar"
        || is_pgp(part)
        || crypto::is_signature(part)
        || crypto::is_envelope(part)
        || part.parts.iter().any(is_wanted)
}

struct Unpacking<'c, 'a> {
    complaints: &'c mut Vec<Complaint>,
    /// What a reader is to be told, a paragraph each.
    notes: Vec<String>,
    /// The texts of Outlook's containers.
    outlook: Vec<Part<'a>>,
    depth: usize,
}

impl<'a> Unpacking<'_, 'a> {
    /// What becomes of a part; `None`: nothing that anybody wants to see.
    fn part(&mut self, mut part: Part<'a>) -> Option<Part<'a>> {
        if crypto::is_signature(&part) {
            return None;
        }
        if is_pgp(&part) {
            self.note("This message is encrypted. What it says stands in the attached file alone.");
            part.parts.retain(|part| !is_pgp_version(part));
            return Some(part);
        }
        if part.is_multipart() {
            let parts = std::mem::take(&mut part.parts);
            part.parts = parts.into_iter().filter_map(|part| self.part(part)).collect();
            return Some(part);
        }
        if crypto::is_envelope(&part) {
            return Some(self.envelope(part));
        }
        if is_tnef(&part) {
            return Some(self.tnef(part));
        }
        if part.media_type == "text/calendar"
            && let Some(summary) = calendar::summary(&part.text().0)
        {
            self.note(&summary);
        }
        Some(part)
    }

    fn note(&mut self, note: &str) {
        if !self.notes.iter().any(|known| known == note) {
            self.notes.push(note.to_owned());
        }
    }

    /// S/MIME in one piece: signed content is taken out of it, encrypted content cannot be.
    fn envelope(&mut self, mut part: Part<'a>) -> Part<'a> {
        let content = part.content();
        let sealed = crypto::sealed(&content.bytes);
        let signed = match &sealed {
            crypto::Sealed::Signed(content) if self.depth < MAX_DEPTH => Some(parse::entity(content, self.complaints)),
            crypto::Sealed::Signed(_) | crypto::Sealed::Encrypted | crypto::Sealed::Unknown => None,
        };
        drop(content);
        if let Some(signed) = signed {
            self.depth += 1;
            let opened = self.part(signed);
            self.depth -= 1;
            return opened.unwrap_or_default();
        }
        self.note(match sealed {
            crypto::Sealed::Encrypted => {
                "This message is encrypted (S/MIME). What it says stands in the attached file alone."
            }
            crypto::Sealed::Signed(_) | crypto::Sealed::Unknown => {
                "This message is wrapped in S/MIME and could not be opened. What it says stands in the attached file alone."
            }
        });
        part.disposition = Disposition::Attachment;
        part.file_name = part.file_name.or_else(|| Some("smime.p7m".to_owned()));
        part
    }

    /// The files of Outlook's container, in place of it; it stays beside them where it could not be read whole.
    fn tnef(&mut self, part: Part<'a>) -> Part<'a> {
        let Some(opened) = tnef::open(&part.content().bytes) else {
            return part;
        };
        let container = part.file_name.clone().unwrap_or_else(|| WINMAIL.to_owned());
        self.outlook.extend(outlook_text(opened.plain, opened.html));
        let mut parts: Vec<Part<'a>> = opened.files.into_iter().map(|file| unpacked_file(file, &container)).collect();
        if opened.fidelity == Fidelity::Salvaged {
            self.complaints
                .push(Complaint::odd("Outlook's container in it is broken: it is attached as it came as well"));
            parts.push(Part { file_name: Some(container), disposition: Disposition::Attachment, ..part });
        }
        Part { media_type: "multipart/mixed".to_owned(), parts, ..Part::default() }
    }
}

/// RFC 3156, 4. Exchange turns it into a multipart/mixed.
fn is_pgp(part: &Part<'_>) -> bool {
    let has = |wanted: fn(&Part<'_>) -> bool| part.parts.iter().any(wanted);
    let is_sealed = |part: &Part<'_>| part.media_type == "application/octet-stream";
    part.media_type == "multipart/encrypted" || (part.is_multipart() && has(is_pgp_version) && has(is_sealed))
}

/// The part that says nothing but `Version: 1`. A file named `backup.pgp` is called the same by many programs.
fn is_pgp_version(part: &Part<'_>) -> bool {
    part.media_type == "application/pgp-encrypted" && {
        let content = part.content();
        let said = content.bytes.trim_ascii();
        said.is_empty() || (said.len() <= MAX_PGP_VERSION && said.starts_with(b"Version:"))
    }
}

/// Exchange sends its container as such, some gateways as bytes by its name only.
fn is_tnef(part: &Part<'_>) -> bool {
    let named = || part.file_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(WINMAIL));
    matches!(part.media_type.as_str(), "application/ms-tnef" | "application/vnd.ms-tnef") || named()
}

fn unpacked_file(file: tnef::File, container: &str) -> Part<'static> {
    Part {
        media_type: file.media_type.filter(|kind| kind.contains('/')).unwrap_or_else(|| kind_of(&file.name).to_owned()),
        disposition: Disposition::Attachment,
        file_name: Some(file.name).filter(|name| !name.is_empty()),
        content_id: file.content_id,
        content_location: file.content_location,
        encoded: Cow::Owned(file.content),
        extracted_from: Some(container.to_owned()),
        ..Part::default()
    }
}

/// What a file is by its name: Outlook seldom says, and uuencode never does.
pub(super) fn kind_of(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "html" | "htm" => "text/html",
        _ => "application/octet-stream",
    }
}

/// The text of a container in the forms that it has.
fn outlook_text(plain: Option<String>, html: Option<String>) -> Option<Part<'static>> {
    let forms: Vec<Part<'static>> = [("text/plain", plain), ("text/html", html)]
        .into_iter()
        .filter_map(|(kind, text)| Some(text_part(kind, text?)))
        .collect();
    (!forms.is_empty()).then(|| alternatives(forms))
}

fn alternatives(parts: Vec<Part<'_>>) -> Part<'_> {
    Part { media_type: "multipart/alternative".to_owned(), parts, ..Part::default() }
}

fn text_part(media_type: &str, text: String) -> Part<'static> {
    let encoded = Cow::Owned(text.into_bytes());
    Part { media_type: media_type.to_owned(), charset: Some("utf-8".to_owned()), encoded, ..Part::default() }
}

/// Text out of a container counts where the message has none of its own.
fn with_text_of<'a>(outlook: Vec<Part<'a>>, root: Part<'a>) -> Part<'a> {
    if outlook.is_empty() || has_text(&root) { root } else { before(outlook, root) }
}

fn has_text(part: &Part<'_>) -> bool {
    let is_text = matches!(part.media_type.as_str(), "text/plain" | "text/html")
        && part.disposition != Disposition::Attachment
        && part.file_name.is_none();
    (is_text && !part.text().0.trim().is_empty()) || part.parts.iter().any(has_text)
}

/// Notes stand before the text, where no quote or signature can swallow them, in each form that the text has.
fn noted<'a>(root: Part<'a>, notes: &[String]) -> Part<'a> {
    if notes.is_empty() {
        return root;
    }
    let mut forms = vec![text_part("text/plain", notes.join("\n\n"))];
    if root.find(&["text/html"]).is_some() {
        forms.push(text_part("text/html", notes.iter().map(|note| paragraph(note)).collect()));
    }
    before(vec![alternatives(forms)], root)
}

fn paragraph(note: &str) -> String {
    let escaped = note.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>");
    format!("<p>{escaped}</p>\n")
}

fn before<'a>(mut parts: Vec<Part<'a>>, root: Part<'a>) -> Part<'a> {
    let report_type = root.report_type.clone();
    // A report stays one, whatever is said before it.
    let media_type = if root.media_type == "multipart/report" { "multipart/report" } else { "multipart/mixed" };
    parts.push(root);
    Part { media_type: media_type.to_owned(), report_type, parts, ..Part::default() }
}

#[cfg(test)]
mod tests {
    use super::super::Mail;

    fn mail(version: &str, sealed: &str) -> Mail {
        super::parse::parse(
            format!(
                "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nsee the file\n\
                 --b\nContent-Type: application/pgp-encrypted; name=backup.pgp\n\n{version}\n\
                 --b\nContent-Type: {sealed}; name=rest.asc\n\nrest\n--b--\n"
            )
            .as_bytes(),
        )
    }

    #[test]
    fn a_file_of_pgps_is_a_file_unless_the_message_is_what_it_encrypts() {
        let names = |mail: &Mail| mail.attachments.iter().map(|file| file.name.clone()).collect::<Vec<_>>();
        for (version, sealed) in [("the keys", "application/octet-stream"), ("Version: 1", "text/csv")] {
            let mail = mail(version, sealed);
            assert_eq!(
                (names(&mail), mail.body.text.as_str()),
                (vec!["backup.pgp".into(), "rest.asc".into()], "see the file")
            );
        }
        let encrypted = mail("Version: 1\n", "application/octet-stream");
        assert_eq!(names(&encrypted), ["rest.asc"]);
        assert!(encrypted.body.text.contains("This message is encrypted"));
    }
}
