//! One file as a `multipart/form-data` body. Written out here because the length must be known before, the content must not
//! be copied, and file names must arrive as they are.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};

use crate::jira::Payload;

/// A file to be uploaded.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The file's name.
    pub name: String,
    /// Media type.
    pub content_type: String,
    /// The bytes.
    pub content: Payload,
}

/// A body with what its headers have to say.
#[derive(Debug)]
pub struct Multipart {
    /// For `Content-Type`.
    pub content_type: String,
    /// For `Content-Length`.
    pub length: u64,
    head: Bytes,
    content: Payload,
    tail: Bytes,
}

impl Upload {
    /// The body, with a boundary that 128 random bits keep out of any content.
    pub fn multipart(&self) -> Multipart {
        let boundary = format!("mail2jira-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
            escaped(&self.name),
            media_type(&self.content_type),
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        let length = head.len() + tail.len();
        Multipart {
            content_type: format!("multipart/form-data; boundary={boundary}"),
            length: length as u64 + self.content.size(),
            head: head.into(),
            content: self.content.clone(),
            tail: tail.into(),
        }
    }
}

impl Multipart {
    /// The body itself; the content is shared or read while it is sent, not copied.
    pub fn into_body(self) -> reqwest::Body {
        let (head, tail) = (stream::iter([Ok(self.head)]), stream::iter([Ok(self.tail)]));
        reqwest::Body::wrap_stream(head.chain(self.content.stream()).chain(tail))
    }
}

/// A file name as browsers send it: UTF-8, with only quotes and line ends escaped (WHATWG HTML, 4.10.21.8; RFC 7578, 4.2
/// forbids `filename*`). Tomcat, which Jira runs on, reads it so.
fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// The media type, unless it could break out of its header line; senders write anything there.
fn media_type(text: &str) -> &str {
    let sound = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if sound { text } else { "application/octet-stream" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(upload: &Upload) -> String {
        let multipart = upload.multipart();
        let Payload::Held(content) = &multipart.content else { panic!("not held") };
        let bytes = [&multipart.head[..], &content[..], &multipart.tail[..]].concat();
        assert_eq!(bytes.len() as u64, multipart.length);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_name_in_any_script_arrives_as_it_is() {
        let upload = Upload {
            name: "請求書 \u{1f4c4}.pdf".into(),
            content_type: "application/pdf".into(),
            content: Bytes::from_static(b"%PDF").into(),
        };
        let text = text(&upload);
        assert!(text.contains(
            "name=\"file\"; filename=\"請求書 \u{1f4c4}.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n--"
        ));
    }

    #[test]
    fn neither_name_nor_type_can_add_a_header() {
        let upload = Upload {
            name: "a\"; x=\"\r\nX-Evil: 1\r\n\r\n".into(),
            content_type: "text/plain\r\nX-Evil: 2".into(),
            content: Bytes::new().into(),
        };
        let text = text(&upload);
        assert!(!text.contains("\nX-Evil"), "{text}");
        assert!(text.contains("Content-Type: application/octet-stream\r\n"));
    }
}
