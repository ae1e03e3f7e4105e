//! What a server says it can do. Knows no capability by name.

use imap_proto::Capability;

/// The server's capabilities, in capitals; one string, as thousands of sessions hold one each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities(Box<str>);

impl Capabilities {
    /// Whether the server offers this, as `IDLE` or `AUTH=PLAIN`.
    pub fn have(&self, name: &str) -> bool {
        self.0.split(' ').any(|capability| capability == name)
    }

    /// Whether the server has said anything yet.
    pub fn are_unknown(&self) -> bool {
        self.0.is_empty()
    }

    /// The capabilities as the server gave them.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The capabilities that a response lists.
    pub fn of(capabilities: &[Capability<'_>]) -> Self {
        let names = capabilities.iter().map(|capability| match capability {
            Capability::Imap4rev1 => "IMAP4REV1".to_owned(),
            Capability::Auth(mechanism) => format!("AUTH={}", mechanism.to_ascii_uppercase()),
            Capability::Atom(atom) => atom.to_ascii_uppercase(),
        });
        Self(names.collect::<Vec<_>>().join(" ").into())
    }
}
