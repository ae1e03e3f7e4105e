//! A pattern over mail addresses, and what two patterns have to do with one another. Says so only where that is certain.

use url::Host;

/// A pattern over a mail address: `*` stands for anything, case does not count, and neither does how an international domain is
/// written. `example.com` alone means every address of the domain and of those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressPattern(String);

impl AddressPattern {
    /// Takes a pattern as it is written.
    pub fn new(text: &str) -> Self {
        Self(comparable(text.trim()))
    }

    /// In lower case, its domain in ASCII.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there may be an address for which it holds.
    pub fn may_match(&self) -> bool {
        let is_foreign = |c: char| c.is_whitespace() || c.is_control() || r#"<>(),;:\"#.contains(c);
        let (local, domain) = match (self.0.split_once('@'), self.0.contains('*')) {
            (Some(parts), _) => parts,
            (None, true) => return !self.0.contains(is_foreign),
            (None, false) => ("*", self.0.as_str()),
        };
        let is_literal = domain.starts_with('[') && domain.ends_with(']'); // RFC 5321, 4.1.3
        let is_domain =
            is_literal || (!domain.contains(is_foreign) && domain.split('.').all(|label| !label.is_empty()));
        let is_quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
        let is_local = is_quoted || !local.starts_with('.') && !local.is_empty() && !local.contains(is_foreign);
        is_local && is_domain && !domain.contains('@')
    }

    /// Whether it holds for an address.
    pub fn matches(&self, address: &str) -> bool {
        self.holds_for(&comparable(address))
    }

    /// Whether it holds for every address for which the other one does.
    pub fn covers(&self, narrower: &Self) -> bool {
        // A star of the narrower one is a character like any other here, which only a star of the wider one takes.
        let examples = match narrower.is_domain() {
            true => {
                vec![format!("*@{narrower}", narrower = narrower.0), format!("*@*.{narrower}", narrower = narrower.0)]
            }
            false => vec![narrower.0.clone()],
        };
        self == narrower || examples.iter().all(|example| self.holds_for(example))
    }

    /// Whether it holds for no address for which the other one does.
    pub fn excludes(&self, other: &Self) -> bool {
        if other.is_address() {
            return !self.holds_for(&other.0);
        }
        let ((start, end), (other_start, other_end)) = (self.ends(), other.ends());
        let starts_alike = start.starts_with(other_start) || other_start.starts_with(start);
        let ends_alike = end.ends_with(other_end) || other_end.ends_with(end);
        !starts_alike || !ends_alike
    }

    fn holds_for(&self, address: &str) -> bool {
        if !self.is_domain() {
            return wildcard(&self.0, address);
        }
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        domain.strip_suffix(self.0.as_str()).is_some_and(|above| above.is_empty() || above.ends_with('.'))
    }

    fn is_domain(&self) -> bool {
        !self.0.contains(['@', '*'])
    }

    fn is_address(&self) -> bool {
        self.0.contains('@') && !self.0.contains('*')
    }

    /// What every address for which it holds begins and ends with.
    fn ends(&self) -> (&str, &str) {
        if self.is_domain() {
            return ("", &self.0);
        }
        let start = self.0.split('*').next().unwrap_or_default();
        (start, self.0.rsplit('*').next().unwrap_or_default())
    }
}

/// Lower case; an international domain (RFC 5890) in ASCII, as most servers write it; without the dot of the root.
fn comparable(address: &str) -> String {
    let address = address.to_lowercase();
    let address = address.strip_suffix('.').unwrap_or(&address);
    if address.is_ascii() {
        return address.to_owned();
    }
    let (local, domain) = address.rsplit_once('@').map_or(("", address), |(local, domain)| (local, domain));
    let domain = match Host::parse(domain) {
        Ok(Host::Domain(domain)) => domain,
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => domain.to_owned(),
    };
    if address.contains('@') { format!("{local}@{domain}") } else { domain }
}

/// Whether a pattern holds for a text; `*` stands for anything. In time proportional to the text for each star.
pub fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(start) else {
        return false;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        let Some((_, behind)) = text.split_once(piece).or_else(|| piece.is_empty().then_some(("", text))) else {
            return false;
        };
        text = behind;
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATTERNS: [&str; 14] = [
        "*",
        "*@*",
        "*.com",
        "*example.com",
        "*.example.com",
        "*@example.com",
        "*@*.example.com",
        "example.com",
        "a.example.com",
        "ann@example.com",
        "ann@*",
        "bob@*",
        "bücher.example",
        "*@xn--bcher-kva.example",
    ];

    const ADDRESSES: [&str; 9] = [
        "ann@example.com",
        "Bob@EXAMPLE.com",
        "ann@a.example.com",
        "x@b.a.example.com",
        "ann@badexample.com",
        "x@bücher.example",
        "x@mail.xn--bcher-kva.example",
        "ann",
        "",
    ];

    #[test]
    fn an_address_pattern_is_an_address_a_domain_or_has_stars() {
        let holds = |pattern: &str, address: &str| AddressPattern::new(pattern).matches(address);
        assert!(holds("Ann@Example.com", "ann@example.COM"));
        assert!(holds("*@alerts.example.com", "disk@alerts.example.com"));
        assert!(holds("example.com", "ann@example.com") && holds("example.com", "ann@mail.example.com"));
        assert!(holds("example.com", "ann@example.com."), "the root changes nobody");
        assert!(!holds("example.com", "ann@badexample.com") && !holds("example.com", "example.com@evil.test"));
        assert!(!holds("*@example.com", "ann@sub.example.com") && !holds("ann@example.com", "joann@example.com"));
    }

    #[test]
    fn an_international_domain_is_the_same_however_it_is_written() {
        for (pattern, address) in [
            ("bücher.example", "x@xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "x@BÜCHER.example"),
            ("*@*.bücher.example", "x@mail.xn--bcher-kva.example"),
            ("jürgen@bücher.example", "Jürgen@xn--bcher-kva.example"),
        ] {
            assert!(AddressPattern::new(pattern).matches(address), "{pattern} {address}");
        }
    }

    #[test]
    fn what_one_pattern_says_of_another_is_true_of_every_address() {
        let patterns = PATTERNS.map(AddressPattern::new);
        for (one, other) in patterns.iter().flat_map(|one| patterns.iter().map(move |other| (one, other))) {
            for address in ADDRESSES.into_iter().filter(|address| other.matches(address)) {
                assert!(!one.covers(other) || one.matches(address), "{one:?} {other:?} {address}");
                assert!(!one.excludes(other) || !one.matches(address), "{one:?} {other:?} {address}");
            }
        }
        let covers = |one: &str, other: &str| AddressPattern::new(one).covers(&AddressPattern::new(other));
        for (one, other) in [
            ("example.com", "sub.example.com"),
            ("example.com", "*@*.example.com"),
            ("*", "example.com"),
            ("*@*", "example.com"),
            ("*.example.com", "a.example.com"),
            ("*@bücher.example", "x@xn--bcher-kva.example"),
        ] {
            assert!(covers(one, other) && !covers(other, one), "{one} {other}");
        }
        let excludes = |one: &str, other: &str| AddressPattern::new(one).excludes(&AddressPattern::new(other));
        assert!(excludes("example.com", "*@other.test") && excludes("ann@*", "bob@*") && excludes("a.test", "b.test"));
        assert!(!excludes("example.com", "*.com") && !excludes("*@example.com", "example.com"));
    }

    #[test]
    fn a_pattern_that_no_address_can_have_is_known_by_its_form() {
        for pattern in PATTERNS.into_iter().chain(["root@localhost", "\"a b\"@x.test", "x@[192.0.2.1]", "*ann*"]) {
            assert!(AddressPattern::new(pattern).may_match(), "{pattern}");
        }
        for pattern in [
            "ann@",
            "@example.com",
            "*@",
            "a@b@c.test",
            "ann@example..com",
            ".example.com",
            "*@.example.com",
            ".*@example.com",
            "^ann@",
            "ann@.*",
            r".*@example\.com",
            "(ann|bob)@x.test",
            "ann;bob@x.test",
            "mailto:ann@x.test",
        ] {
            assert!(!AddressPattern::new(pattern).may_match(), "{pattern}");
        }
    }
}
