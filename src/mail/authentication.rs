//! What the receiving server found out about the sender: `Authentication-Results` (RFC 8601) and what they mean for the
//! `From` that people see (RFC 7489). Asks nobody; anyone can write such a header, so that only those count which the
//! mailbox's own server wrote.

use serde::{Deserialize, Serialize};

use super::part::Fields;
use super::{Address, Mail, parse};

/// Headers that are read of one message.
const MAX_HEADERS: usize = 50;
/// Results that are kept of one header.
const MAX_RESULTS: usize = 50;

/// One `Authentication-Results` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// The server that wrote it, lower case; Microsoft's writes nothing.
    authserv_id: Option<String>,
    found: Vec<Found>,
}

/// The result of one method.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    /// `dkim`, `spf`, `dmarc`, `arc`, …
    method: String,
    /// `pass`, `fail`, `none`, …
    result: String,
    /// `header.from`, `header.d`, … and their values, lower case.
    properties: Vec<(String, String)>,
}

/// Whose word counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trusted {
    /// The server of this name.
    Named(String),
    /// Exchange Online, which often writes no name.
    Microsoft,
    /// Whoever wrote last before the message came to rest: the topmost header and those of the same name right below it.
    Topmost,
}

/// How far the address in `From` is proved (RFC 7489, 11.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dmarc {
    /// The domain in `From` stands behind the message.
    Pass,
    /// The domain in `From` has a policy, and the message breaks it.
    Fail,
    /// The domain in `From` has no policy.
    None,
    /// Nobody whose word counts has looked, or could tell.
    Unknown,
}

impl Trusted {
    /// What the mailbox names, or the name under which its provider's servers write.
    pub fn of(authserv_id: Option<&str>, host: &str) -> Self {
        const MICROSOFT: [&str; 3] = [".office365.com", ".office365.us", ".outlook.cn"];
        let host = host.to_ascii_lowercase();
        match authserv_id {
            Some(name) => Self::Named(name.to_ascii_lowercase()),
            None if host.ends_with(".gmail.com") || host.ends_with(".googlemail.com") => {
                Self::Named("mx.google.com".to_owned())
            }
            None if MICROSOFT.iter().any(|domain| host.ends_with(domain)) => Self::Microsoft,
            None => Self::Topmost,
        }
    }

    fn wrote(&self, results: &Results) -> bool {
        let name = results.authserv_id.as_deref();
        match self {
            Self::Named(trusted) => name == Some(trusted),
            Self::Microsoft => {
                name.is_none_or(|name| name.ends_with(".protection.outlook.com") || name == "mx.microsoft.com")
            }
            Self::Topmost => true,
        }
    }
}

impl Mail {
    /// How far the address in `From` is proved, by the word of those who are trusted.
    pub fn dmarc(&self, trusted: &Trusted) -> Dmarc {
        dmarc(&self.authentication, trusted, &self.from)
    }
}

/// What the headers say of the one sender in `from`. `headers` stand as in the message, the topmost first.
fn dmarc(headers: &[Results], trusted: &Trusted, from: &[Address]) -> Dmarc {
    // Several authors: there is no one domain that could stand behind them (RFC 7489, 6.6.1).
    let [author] = from else { return Dmarc::Unknown };
    let Some((_, domain)) = author.address.rsplit_once('@') else { return Dmarc::Unknown };
    let Some(first) = headers.iter().position(|results| trusted.wrote(results)) else { return Dmarc::Unknown };
    let headers = headers.get(first..).unwrap_or_default();
    let name = headers.first().and_then(|results| results.authserv_id.as_deref());
    // What stands below another server's header was there when the message came in.
    let run = headers.iter().take_while(|results| results.authserv_id.as_deref() == name);
    let found: Vec<&Found> = run.flat_map(|results| &results.found).collect();
    verdict(&found, &domain.to_ascii_lowercase())
}

fn verdict(found: &[&Found], domain: &str) -> Dmarc {
    let passed = |method: &'static str| found.iter().filter(move |found| found.is(method, "pass"));
    let Some(dmarc) = found.iter().find(|found| found.method == "dmarc") else {
        // A server that knows no DMARC may have proved the domain all the same.
        let signed = passed("dkim").any(|found| found.is_about(&["header.d", "header.i"], domain));
        let mailed = passed("spf").any(|found| found.is_about(&["smtp.mailfrom", "smtp.mail"], domain));
        return if signed || mailed { Dmarc::Pass } else { Dmarc::Unknown };
    };
    if dmarc.property("header.from").is_some_and(|about| about != domain) {
        return Dmarc::Unknown;
    }
    match dmarc.result.as_str() {
        // Microsoft's word for a domain without a policy that would have passed.
        "pass" | "bestguesspass" => Dmarc::Pass,
        // A forwarder that the server trusts broke what was sound before (RFC 8617).
        "fail" if passed("arc").next().is_some() => Dmarc::Unknown,
        "fail" => Dmarc::Fail,
        "none" => Dmarc::None,
        _ => Dmarc::Unknown,
    }
}

impl Found {
    fn is(&self, method: &str, result: &str) -> bool {
        self.method == method && self.result == result
    }

    fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether one of the properties names the domain, or one above or below it (RFC 7489, 3.1: relaxed alignment).
    fn is_about(&self, names: &[&str], domain: &str) -> bool {
        names
            .iter()
            .filter_map(|name| self.property(name))
            .any(|value| is_aligned(value.rsplit_once('@').map_or(value, |(_, domain)| domain), domain))
    }
}

/// Whether two domains are the same, or one stands above the other.
pub(super) fn is_aligned(one: &str, other: &str) -> bool {
    let below = |lower: &str, upper: &str| {
        lower.strip_suffix(upper).is_some_and(|rest| rest.ends_with('.')) && upper.contains('.')
    };
    one == other || below(one, other) || below(other, one)
}

/// Reads all such headers of a message.
pub(super) fn read(fields: &Fields<'_>) -> Vec<Results> {
    let headers = fields.all("authentication-results").take(MAX_HEADERS);
    headers.filter_map(|value| results(&parse::text(value))).collect()
}

/// `mx.example.com 1; dkim=pass (good) header.d=example.com; spf=none`.
fn results(text: &str) -> Option<Results> {
    let text = without_comments(text).to_ascii_lowercase();
    let mut pieces = split_unquoted(&text, ';').into_iter().map(str::trim).peekable();
    let name = pieces.next_if(|piece| !piece.contains('='));
    let authserv_id =
        name.and_then(|name| name.split_whitespace().next()).map(|name| name.trim_matches('"').to_owned());
    let found = pieces.filter_map(found).take(MAX_RESULTS).collect();
    Some(Results { authserv_id, found })
}

fn found(piece: &str) -> Option<Found> {
    let piece = piece.replace(" =", "=").replace("= ", "=");
    let mut words = split_unquoted(&piece, ' ').into_iter().filter_map(|word| word.split_once('='));
    let (method, result) = words.next()?;
    let method = method.split('/').next().unwrap_or_default().trim().to_owned();
    let properties = words.map(|(name, value)| (name.to_owned(), value.trim_matches(['"', '<', '>']).to_owned()));
    Some(Found { method, result: result.to_owned(), properties: properties.take(MAX_RESULTS).collect() })
}

/// RFC 5322, 3.2.2: comments nest, and do not begin within quotes.
fn without_comments(text: &str) -> String {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut rest = String::with_capacity(text.len());
    for c in text.chars() {
        let literal = escaped;
        escaped = c == '\\' && !literal && (quoted || depth > 0);
        match c {
            '"' if depth == 0 && !literal => {
                quoted = !quoted;
                rest.push(c);
            }
            '(' if !quoted && !literal => depth += 1,
            // Exchange writes the next property right behind a comment.
            ')' if !quoted && !literal && depth > 0 => {
                depth -= 1;
                rest.push(' ');
            }
            _ if depth == 0 => rest.push(c),
            _ => {}
        }
    }
    rest
}

fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    let ends = |c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    };
    text.split(ends).filter(|piece| !piece.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(headers: &[&str], trusted: &Trusted) -> Dmarc {
        let headers: Vec<Results> = headers.iter().filter_map(|text| results(text)).collect();
        let from = Address { name: String::new(), address: "ann@mail.example.com".to_owned() };
        dmarc(&headers, trusted, &[from])
    }

    const GOOGLE: &str = "mx.google.com; dkim=pass header.i=@example.com header.s=a header.b=\"x;y\"; \
        spf=pass (google.com: domain of a@b (really) designates 1.2.3.4; ok) smtp.mailfrom=a@b; \
        dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=mail.example.com";

    #[test]
    fn only_the_word_of_the_pinned_server_counts() {
        let google = Trusted::of(None, "imap.gmail.com");
        let forged = GOOGLE.replace("mx.google.com", "mx.forged.example");
        assert_eq!(judged(&[GOOGLE], &google), Dmarc::Pass);
        assert_eq!(judged(&[&forged], &google), Dmarc::Unknown);
        assert_eq!(judged(&["mx.google.com; dmarc=fail header.from=mail.example.com", &forged], &google), Dmarc::Fail);
        // What came in with the message stands below, under the same name or not.
        let failed = "mx.google.com; spf=fail; dmarc=fail (p=NONE) header.from=mail.example.com";
        assert_eq!(judged(&[failed, GOOGLE], &google), Dmarc::Fail);
        assert_eq!(judged(&["mail.example.net; spf=none", GOOGLE], &Trusted::Topmost), Dmarc::Unknown);
        assert_eq!(
            judged(&["mail.example.net; spf=none", GOOGLE], &Trusted::of(Some("MX.google.com"), "x")),
            Dmarc::Pass
        );
        assert_eq!(judged(&[], &Trusted::Topmost), Dmarc::Unknown);
    }

    #[test]
    fn microsofts_form_without_a_name_is_understood() {
        let microsoft = Trusted::of(None, "outlook.office365.com");
        let header = |dmarc: &str| {
            format!(
                "spf=pass (sender IP is 1.2.3.4) smtp.mailfrom=example.com; dkim=pass (signature was verified)header.d=example.com;\
                 dmarc={dmarc} action=none header.from=mail.example.com;compauth=pass reason=100"
            )
        };
        assert_eq!(judged(&[&header("pass")], &microsoft), Dmarc::Pass);
        assert_eq!(judged(&[&header("bestguesspass")], &microsoft), Dmarc::Pass);
        assert_eq!(judged(&[&header("none")], &microsoft), Dmarc::None);
        assert_eq!(judged(&[&header("temperror")], &microsoft), Dmarc::Unknown);
        assert_eq!(judged(&[GOOGLE, &header("pass")], &microsoft), Dmarc::Pass);
    }

    #[test]
    fn without_a_dmarc_result_an_aligned_proof_counts_and_nothing_else() {
        let judge = |text: &str| judged(&[text], &Trusted::Topmost);
        assert_eq!(judge("a; dkim = pass header.d=example.com"), Dmarc::Pass);
        assert_eq!(judge("a; spf=pass smtp.mailfrom=bounce@example.com"), Dmarc::Pass);
        assert_eq!(judge("a; dkim=pass header.d=notexample.com"), Dmarc::Unknown);
        assert_eq!(judge("a; dkim=pass header.d=com"), Dmarc::Unknown);
        assert_eq!(judge("a; dkim=fail header.d=example.com"), Dmarc::Unknown);
        assert_eq!(judge("a; none"), Dmarc::Unknown);
        assert_eq!(judge("a; dmarc=pass header.from=other.example"), Dmarc::Unknown);
        assert_eq!(
            judge("a; arc=pass (i=1 dmarc=pass fromdomain=x); dmarc=fail header.from=mail.example.com"),
            Dmarc::Unknown
        );
        assert_eq!(judge("((((; =;=\"; dmarc"), Dmarc::Unknown);
    }
}
