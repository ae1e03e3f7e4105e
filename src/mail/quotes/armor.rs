//! What PGP puts around signed text and below it (RFC 9580, 7): nobody wrote it. The text between stays what it is.

use std::cell::LazyCell;

use super::{Line, Voice};

const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_END: &str = "-----END PGP SIGNATURE-----";

/// Tells the lines of the armor, which count as a signature.
pub(super) fn tell(lines: &[Line<'_>], voices: &mut [Voice]) {
    let end = LazyCell::new(|| lines.iter().rposition(|line| line.text.trim_end() == SIGNATURE_END));
    let mut inside = None;
    for (at, (line, voice)) in lines.iter().zip(voices).enumerate() {
        let begins = line.text.starts_with("-----").then(|| line.text.trim_end());
        inside = match (begins, inside) {
            (Some(SIGNED), _) => Some(Armor::Head),
            (Some(SIGNATURE), _) if end.is_some_and(|end| at < end) => Some(Armor::Signature),
            (_, Some(Armor::Head)) if !line.text.contains(": ") => None,
            (_, inside) => inside,
        };
        if inside.is_some() && *voice == Voice::New {
            *voice = Voice::Signature;
        }
        if begins == Some(SIGNATURE_END) {
            inside = None;
        }
    }
}

/// A piece of the armor.
#[derive(Clone, Copy)]
enum Armor {
    /// Above the text: a line, and header fields below it.
    Head,
    /// Below the text.
    Signature,
}
