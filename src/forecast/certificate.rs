//! When a certificate ends: the one date of an X.509 certificate (RFC 5280, 4.1) that matters here. Checks nothing else.
//!
//! By hand, because it is a walk over five fields; a parser of all of X.509 would be a dependency for one date.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notAfter` of a certificate in DER; `None` where it is no certificate.
pub fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (_, certificate, _) = element(der, SEQUENCE)?;
    let (_, fields, _) = element(certificate, SEQUENCE)?;
    let fields = element(fields, VERSION).map_or(fields, |(_, _, rest)| rest); // absent in version 1
    let (_, _, fields) = element(fields, INTEGER)?; // serial number
    let (_, _, fields) = element(fields, SEQUENCE)?; // signature's algorithm
    let (_, _, fields) = element(fields, SEQUENCE)?; // issuer
    let (_, validity, _) = element(fields, SEQUENCE)?;
    let (_, _, validity) = element(validity, UTC_TIME).or_else(|| element(validity, GENERALIZED_TIME))?;
    let (tag, time, _) = element(validity, UTC_TIME).or_else(|| element(validity, GENERALIZED_TIME))?;
    timestamp(tag, std::str::from_utf8(time).ok()?)
}

/// An element with this tag: the tag, its content, and what follows it (X.690, 8.1).
fn element(der: &[u8], wanted: u8) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first().filter(|(tag, _)| **tag == wanted)?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ ..0x80 => (usize::from(*short), rest),
        long => {
            let (digits, rest) =
                rest.split_at_checked(usize::from(long & 0x7f)).filter(|(digits, _)| digits.len() <= 4)?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// Two digits of the year mean 1950 to 2049 (RFC 5280, 4.1.2.5.1).
fn timestamp(tag: u8, text: &str) -> Option<Timestamp> {
    let century = match (tag, text.get(..2)?.parse::<u8>().ok()?) {
        (UTC_TIME, 50..) => "19",
        (UTC_TIME, _) => "20",
        _ => "",
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%SZ", format!("{century}{text}")).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_of_two_and_of_four_digits_are_understood() {
        let of = |tag, text| timestamp(tag, text).map(|at| at.to_string());
        assert_eq!(of(UTC_TIME, "270301120000Z").as_deref(), Some("2027-03-01T12:00:00Z"));
        assert_eq!(of(UTC_TIME, "991231235959Z").as_deref(), Some("1999-12-31T23:59:59Z"));
        assert_eq!(of(GENERALIZED_TIME, "20510301120000Z").as_deref(), Some("2051-03-01T12:00:00Z"));
        assert_eq!(of(UTC_TIME, "yesterday"), None);
    }

    #[test]
    fn the_end_of_a_certificate_is_found_behind_what_stands_before_it() {
        let der = "MIIBbDCCAROgAwIBAgIURvR2vEr3+rQse3E8BdKOYUzBhDswCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBeDAeFw0yNj\
        ExMjIwNDU2MTlaFw0yNzAzMDIwNDU2MTlaMAwxCjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASg\
        jKXuEwGv2RjYepX/qaBkgWjFkGlTB3tXWNJXOuPnmnYSIIL8eeUq9enSeHuCHJtjgPXv+CEmDdeSKtnCxpi1o1MwUT\
        AdBgNVHQ4EFgQUg2nAHj/ag19+/d1bN1o2/yRijzkwHwYDVR0jBBgwFoAUg2nAHj/ag19+/d1bN1o2/yRijzkwDwYD\
        VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiASI3KTBNBJwq9XphhtHOdlq3fachwjXe/Xbc4UCzTexwIgCk\
        irFdwwLO/Sv0iZIj0NhccGEUlTQe4fnz3+PK4lkO0=";
        let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, der).unwrap();
        assert_eq!(not_after(&der).unwrap().to_string(), "2027-03-02T04:56:19Z");
    }

    #[test]
    fn what_is_no_certificate_has_no_end_and_breaks_nothing() {
        let nested = [0x30, 0x82, 0xff, 0xff, 0x30, 0x84, 0xff, 0xff, 0xff, 0xff];
        for der in [&b""[..], b"0", b"0\x80", b"0\x89\x01\x01\x01\x01\x01\x01\x01\x01\x01", &nested] {
            assert_eq!(not_after(der), None, "{der:?}");
        }
    }
}
