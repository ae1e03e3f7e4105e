//! Single values as the user writes them, taken into the types of the program: durations, sizes, URLs, patterns.
//! No places here, and no neighbours.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Date;
use url::{Host, Url};

use super::shown::secret_in_url;
use super::{DateValue, StartValue};
use crate::config::{Skip, Start, StateSettings};

/// What is wrong with a value, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub message: String,
    pub fix: String,
}

fn wrong<T>(message: impl Into<String>, fix: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { message: message.into(), fix: fix.into() })
}

/// `"30s"`, `"5m"`, `"7d"`: milliseconds up to weeks.
pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    let (number, unit) = number_and_unit(text);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => {
            return wrong(
                format!("`{text}` is not a duration"),
                "write a whole number and a unit, as \"30s\", \"5m\", \"12h\" or \"7d\"",
            );
        }
    };
    let total = number.parse::<u64>().ok().and_then(|number| number.checked_mul(milliseconds));
    match total {
        Some(total) => Ok(Duration::from_millis(total)),
        None => wrong(format!("`{text}` is not a duration"), "write a whole number and a unit, as \"30s\" or \"7d\""),
    }
}

/// As [`duration`], above zero and at most ten years.
pub(super) fn waiting_time(text: &str) -> Result<Duration, Wrong> {
    let duration = duration(text)?;
    if duration.is_zero() || duration > LONGEST {
        return wrong(format!("`{text}` is out of range"), "write a duration above zero and below ten years");
    }
    Ok(duration)
}

/// As [`duration`], zero included.
pub(super) fn keeping_time(text: &str) -> Result<Duration, Wrong> {
    let duration = duration(text)?;
    if duration > LONGEST {
        return wrong(format!("`{text}` is out of range"), "write a duration below ten years");
    }
    Ok(duration)
}

const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// An IP address, with a port where it is not 53.
pub(super) fn name_server(text: &str) -> Result<SocketAddr, Wrong> {
    match (text.parse(), text.parse::<IpAddr>()) {
        (Ok(server), _) => Ok(server),
        (Err(_), Ok(address)) => Ok((address, 53).into()),
        (Err(_), Err(_)) => wrong(
            format!("`{text}` is not the address of a name server"),
            "write an IP address, as \"192.0.2.53\", \"127.0.0.1:5353\" or \"[2001:db8::53]:53\"",
        ),
    }
}

/// `"25MiB"`: bytes, in powers of 1024 or of 1000; above zero.
pub(super) fn size(text: &str) -> Result<u64, Wrong> {
    let (number, unit) = number_and_unit(text);
    let unit: Option<u64> = match unit {
        "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        "kB" | "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        _ => None,
    };
    let number: Option<u64> = number.parse().ok();
    match number.zip(unit).and_then(|(number, unit)| number.checked_mul(unit)) {
        Some(0) => wrong(format!("`{text}` is out of range"), "write a size above zero"),
        Some(bytes) => Ok(bytes),
        None => wrong(
            format!("`{text}` is not a size"),
            "write a whole number and a unit, as \"512KiB\", \"25MiB\" or \"1GiB\"",
        ),
    }
}

fn number_and_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).unwrap_or((text, ""));
    (number, unit.trim_start())
}

/// `now`, `all` or a date.
pub(super) fn start(value: &StartValue) -> Result<Start, Wrong> {
    let text = match value {
        StartValue::Text(text) => text.clone(),
        StartValue::Date(date) => date.to_string(),
    };
    match text.as_str() {
        "now" => Ok(Start::Now),
        "all" => Ok(Start::All),
        other => match other.parse::<Date>() {
            Ok(date) if other.len() == 10 => Ok(Start::Date(date)),
            Ok(_) | Err(_) => {
                wrong(format!("`{other}` is not a start"), "write \"now\", \"all\" or a date, as 2026-11-21")
            }
        },
    }
}

/// A day, as `2027-03-01`.
pub(super) fn date(value: &DateValue) -> Result<Date, Wrong> {
    let text = match value {
        DateValue::Text(text) => text.clone(),
        DateValue::Date(date) => date.to_string(),
    };
    match text.parse::<Date>() {
        Ok(date) if text.len() == 10 => Ok(date),
        Ok(_) | Err(_) => wrong(format!("`{text}` is not a date"), "write a day, as 2027-03-01"),
    }
}

/// A directory of Microsoft's: a domain, an id or one of three words; it becomes a part of addresses.
pub(super) fn tenant(text: &str) -> Result<String, Wrong> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if text.is_empty() || !text.chars().all(allowed) {
        return wrong("this is not a tenant", "write its domain or id, as \"contoso.onmicrosoft.com\", or \"common\"");
    }
    Ok(text.to_owned())
}

/// `sqlite:///absolute/path` or `postgres://user@host/db`. The password of the latter is filled in elsewhere.
pub(super) fn state(text: &str) -> Result<StateSettings, Wrong> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        return sqlite(path);
    }
    if text.starts_with("postgres:") || text.starts_with("postgresql:") {
        return postgres(text);
    }
    wrong(
        "`state` is not the address of a database",
        "write \"sqlite:///var/lib/mail2jira/state.db\" or \"postgres://user@host/db\"",
    )
}

fn sqlite(rest: &str) -> Result<StateSettings, Wrong> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if !path.starts_with('/') || path.ends_with('/') || path.contains(['?', '#']) {
        return wrong(
            "the SQLite file is not named by an absolute path",
            "write three slashes, as \"sqlite:///var/lib/mail2jira/state.db\", and no parameters",
        );
    }
    Ok(StateSettings::Sqlite { path: PathBuf::from(path) })
}

fn postgres(text: &str) -> Result<StateSettings, Wrong> {
    if secret_in_url(text).is_some() || text.contains("password=") {
        return wrong(
            "a password stands in clear in the database's address",
            "take it out, and write state_password = { credential = \"db-password\" }",
        );
    }
    let url = Url::parse(text).ok().filter(|url| url.host().is_some() && !url.username().is_empty());
    match url.filter(|url| url.path().len() > 1) {
        Some(url) => Ok(StateSettings::Postgres { url, password: None }),
        None => wrong("the database's address is incomplete", "write \"postgres://user@host/db\""),
    }
}

/// An absolute `https` address, or `http` on loopback, without credentials or a fragment. It stays as written: an
/// issuer is compared, and a slash may matter to an endpoint.
pub(super) fn url(text: &str) -> Result<Url, Wrong> {
    let Ok(url) = Url::parse(text) else {
        return wrong("this is not a web address", "write a whole address, as \"https://example.com\"");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("credentials stand in the address", "take out what stands before the @");
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return wrong("addresses without TLS are allowed on loopback only", "write https:// instead of http://");
        }
        _ => {
            return wrong("this is not a web address", "write an address that starts with https://");
        }
    }
    if url.fragment().is_some() {
        return wrong("a web address of this kind has no #fragment", "take out what starts with #");
    }
    Ok(url)
}

/// As [`url()`], and without a query and a trailing slash: paths are added to it.
pub(super) fn base_url(text: &str) -> Result<Url, Wrong> {
    let mut url = url(text)?;
    if url.query().is_some() {
        return wrong("paths are added to this address, so it cannot have a ?query", "take out what starts with ?");
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Where a browser on this machine is sent back to (RFC 8252, 7.3): `http` on loopback.
pub(super) fn redirect_uri(text: &str) -> Result<Url, Wrong> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "http" && is_loopback(url));
    match url.filter(|url| url.fragment().is_none() && url.username().is_empty() && url.password().is_none()) {
        Some(url) => Ok(url),
        None => wrong(
            "the redirect address is not a loopback address",
            "write \"http://127.0.0.1/oauth/callback\", with a port if the provider wants one",
        ),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_loopback_host(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether a connection to `host` cannot leave this machine.
pub(super) fn is_loopback_host(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A host's name or address, alone.
pub(super) fn host(text: &str) -> Result<String, Wrong> {
    if text.contains("://") || text.contains('/') {
        return wrong("a host has no scheme and no path", "write the name alone, as \"imap.example.com\"");
    }
    if text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    if text.contains(':') {
        return wrong("a host has no port in it", "write the name alone, and the number as `port`");
    }
    match Host::parse(text) {
        Ok(Host::Domain(name)) => Ok(name),
        Ok(Host::Ipv4(address)) => Ok(address.to_string()),
        Ok(Host::Ipv6(_)) | Err(_) => wrong("this is not a host name", "write a name, as \"imap.example.com\""),
    }
}

/// `local@domain`.
pub(super) fn address(text: &str) -> Result<String, Wrong> {
    let whole = text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if !whole || text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',')) {
        return wrong("this is not a mail address", "write the address alone, as \"support@example.com\"");
    }
    Ok(text.to_owned())
}

/// Text that is not empty and holds nothing that could end a line or a field of a protocol.
pub(super) fn plain(text: &str) -> Result<String, Wrong> {
    if text.trim().is_empty() {
        return wrong("this is empty", "write something, or leave the key out");
    }
    if text.contains(char::is_control) {
        return wrong("this holds a control character", "take it out");
    }
    Ok(text.to_owned())
}

/// `*.p7s`, `image/*`, `image/* < 4KiB`.
pub(super) fn skip(text: &str) -> Result<Skip, Wrong> {
    let (pattern, below) = match text.split_once('<') {
        Some((pattern, bytes)) => (pattern, Some(size(bytes)?)),
        None => (text, None),
    };
    Ok(Skip { pattern: plain(pattern.trim())?, below })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_numbers_with_a_unit() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        assert_eq!(size("25MiB"), Ok(25 << 20));
        assert_eq!(size("4 KiB"), Ok(4096));
        for text in ["", "30", "s", "-1s", "1.5h", "99999999999999999999s", "18446744073709551615w", "5 weeks"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["", "25", "MiB", "0B", "-1MiB", "25Mib", "99999999999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert!(waiting_time("0s").is_err());
        assert_eq!(keeping_time("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn addresses_without_tls_are_for_loopback_only() {
        for text in ["https://jira.example.com/context/", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost"]
        {
            assert!(url(text).is_ok(), "{text}");
        }
        for text in
            ["http://jira.example.com", "http://127.0.0.1.example.com", "ftp://127.0.0.1", "jira.example.com", ""]
        {
            assert!(url(text).is_err(), "{text}");
        }
        assert_eq!(
            base_url("https://jira.example.com/context/").map(String::from),
            Ok("https://jira.example.com/context".into())
        );
    }

    #[test]
    fn a_database_address_never_holds_a_password() {
        assert!(matches!(state("sqlite:///tmp/a b.db"), Ok(StateSettings::Sqlite { .. })));
        assert!(matches!(state("postgres://mail2jira@db.example.com/mail2jira"), Ok(StateSettings::Postgres { .. })));
        for text in [
            "sqlite://state.db",
            "sqlite:state.db",
            "sqlite:///",
            "mysql://a@b/c",
            "postgres://host/db",
            "postgres://user@host",
        ] {
            assert!(state(text).is_err(), "{text}");
        }
        let refused = state("postgres://user:hunter2@host/db").unwrap_err();
        assert!(refused.fix.contains("state_password") && !refused.message.contains("hunter2"));
    }

    #[test]
    fn a_start_is_a_word_or_a_day() {
        assert_eq!(start(&StartValue::Text("now".into())), Ok(Start::Now));
        assert_eq!(start(&StartValue::Text("2026-02-28".into())), Ok(Start::Date(jiff::civil::date(2026, 2, 28))));
        for text in ["", "yesterday", "2026-02-30", "2026-02-28T10:00:00"] {
            assert!(start(&StartValue::Text(text.into())).is_err(), "{text}");
        }
    }

    #[test]
    fn a_skip_may_be_for_small_files_only() {
        let small_pictures = Skip { pattern: "image/*".into(), below: Some(4096) };
        assert_eq!(skip("image/* < 4KiB"), Ok(small_pictures));
        assert_eq!(skip("*.p7s"), Ok(Skip { pattern: "*.p7s".into(), below: None }));
        assert!(skip("image/* < small").is_err() && skip(" < 4KiB").is_err());
    }
}
