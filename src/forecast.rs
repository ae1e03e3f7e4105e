//! When and why the right to read or write will next end by itself: for consents, secrets, certificates and tokens. Pure.
//!
//! Providers' rules are those of November 2026: Google ends a consent to an app in "Testing" after 7 days, and any consent
//! that was not used for 6 months; Microsoft ends one that was not used for 90 days, and earlier where a conditional
//! access policy sets a sign-in frequency, which no answer tells: it is learnt from the first death. Atlassian ends one that was
//! not used for 90 days.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

pub mod certificate;

/// How many days ahead of an end people are warned.
pub const WARNINGS: [u32; 4] = [1, 7, 30, 60];

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// An end that is known ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// What will end.
    pub what: What,
    /// When.
    pub at: Timestamp,
    /// Why then.
    pub reason: String,
}

/// What can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A person's consent.
    Consent,
    /// The client secret of a provider.
    ClientSecret,
    /// The client certificate of a provider.
    ClientCertificate,
    /// The token for Jira.
    Token,
}

/// That an end is near.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warning {
    /// The step: at most so many days are left.
    pub days: u32,
}

/// What is known of a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantFacts {
    /// When the person consented.
    pub granted_at: Timestamp,
    /// When the provider last gave a token for it.
    pub refreshed_at: Timestamp,
    /// The provider's own word on its end (`refresh_token_expires_in`), unless each use puts that off.
    pub dies_at: Option<Timestamp>,
    /// How long an earlier consent lived until the provider's policy ended it.
    pub lived: Option<SignedDuration>,
}

/// Whose customs apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Customs {
    /// Google's.
    Google,
    /// Microsoft's.
    Microsoft,
    /// Atlassian's, of Jira Cloud.
    Atlassian,
    /// Nobody's that are known.
    Unknown,
}

/// When a consent will end: the earliest of what is known. `None`: nothing is.
pub fn of_grant(facts: &GrantFacts, customs: Customs) -> Option<Forecast> {
    let told = facts.dies_at.map(|at| (at, told_reason(facts, at, customs)));
    let learnt = facts.lived.and_then(|lived| {
        let days = lived.as_hours().saturating_add(12) / 24;
        let reason = format!("an administrator's sign-in frequency ended the last consent after {days} days");
        Some((facts.granted_at.checked_add(lived).ok()?, reason))
    });
    let idle = match customs {
        Customs::Google => Some((180, "Google ends a consent that is not used for 6 months")),
        Customs::Microsoft => Some((90, "Microsoft ends a consent that is not used for 90 days")),
        Customs::Atlassian => Some((90, "Atlassian ends a consent that is not used for 90 days")),
        Customs::Unknown => None,
    };
    let idle = idle.and_then(|(days, reason)| {
        Some((facts.refreshed_at.checked_add((days * 24).hours()).ok()?, reason.to_owned()))
    });
    let (at, reason) = [told, learnt, idle].into_iter().flatten().min_by_key(|(at, _)| *at)?;
    Some(Forecast { what: What::Consent, at, reason })
}

fn told_reason(facts: &GrantFacts, at: Timestamp, customs: Customs) -> String {
    match customs {
        Customs::Google if is_a_testing_life(at.duration_since(facts.granted_at)) => TESTING.to_owned(),
        Customs::Google | Customs::Microsoft | Customs::Atlassian | Customs::Unknown => {
            "the provider gave this consent for a limited time".to_owned()
        }
    }
}

/// The cause of a death that comes 7 days after the consent, and the way out.
pub const TESTING: &str =
    "the app is still in Testing, where Google ends every consent after 7 days: publish it, or make it Internal";

/// Whether a consent lived as long as Google lets one live in "Testing".
pub fn is_a_testing_life(lived: SignedDuration) -> bool {
    (SignedDuration::from_hours(156)..=SignedDuration::from_hours(180)).contains(&lived) // 6.5 to 7.5 days
}

impl Forecast {
    /// What ends on a day that a person wrote into the configuration: at its beginning, to be on the safe side.
    pub fn dated(what: What, day: Date) -> Option<Self> {
        let at = day.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(Self { what, at, reason: "the configuration says so".to_owned() })
    }

    /// When the first certificate of a PEM file ends.
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        let at = certificate::not_after(der)?;
        Some(Self { what: What::ClientCertificate, at, reason: "that date stands in the certificate".to_owned() })
    }

    /// Whether it is time to warn, and at which step.
    pub fn warning(&self, now: Timestamp) -> Option<Warning> {
        let left = self.at.duration_since(now);
        let step =
            WARNINGS.into_iter().find(|days| left <= DAY.saturating_mul(i32::try_from(*days).unwrap_or(i32::MAX)));
        step.map(|days| Warning { days })
    }

    /// In one sentence, for people.
    pub fn sentence(&self, now: Timestamp) -> String {
        let what = self.what.words();
        let left = self.at.duration_since(now);
        let when = self.at.strftime("%Y-%m-%d %H:%M UTC");
        let reason = &self.reason;
        if left.is_negative() || left.is_zero() {
            return format!("{what} ended on {when}: {reason}");
        }
        match left.as_hours() {
            hours @ ..48 => format!("{what} ends in {hours} hours, on {when}: {reason}"),
            hours => format!("{what} ends in {} days, on {when}: {reason}", hours / 24),
        }
    }
}

impl What {
    /// The words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Consent => "the consent",
            Self::ClientSecret => "the provider's client secret",
            Self::ClientCertificate => "the provider's client certificate",
            Self::Token => "the token for Jira",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day)
    }

    fn facts(refreshed: i64, dies: Option<i64>, lived: Option<i64>) -> GrantFacts {
        let lived = lived.map(|days| SignedDuration::from_hours(24 * days));
        GrantFacts { granted_at: day(0), refreshed_at: day(refreshed), dies_at: dies.map(day), lived }
    }

    #[test]
    fn a_consent_ends_at_the_earliest_of_what_is_known_and_says_why() {
        use Customs::{Atlassian, Google, Microsoft, Unknown};
        for (customs, facts, ends, why) in [
            (Unknown, facts(5, None, None), None, ""),
            (Unknown, facts(5, Some(30), None), Some(30), "limited time"),
            (Google, facts(5, None, None), Some(185), "6 months"),
            (Google, facts(5, Some(7), None), Some(7), "still in Testing"),
            (Google, facts(5, Some(30), None), Some(30), "limited time"),
            (Microsoft, facts(5, None, None), Some(95), "90 days"),
            (Microsoft, facts(5, Some(7), None), Some(7), "limited time"),
            (Atlassian, facts(5, None, None), Some(95), "90 days"),
            (Microsoft, facts(5, None, Some(14)), Some(14), "after 14 days"),
            (Microsoft, facts(5, Some(9), Some(14)), Some(9), "limited time"),
        ] {
            let forecast = of_grant(&facts, customs);
            assert_eq!(forecast.as_ref().map(|forecast| forecast.at), ends.map(day), "{customs:?} {facts:?}");
            assert!(forecast.is_none_or(|forecast| forecast.reason.contains(why)), "{customs:?} {facts:?}");
        }
    }

    #[test]
    fn people_are_warned_at_60_30_7_and_1_days() {
        let forecast = Forecast { what: What::ClientSecret, at: day(100), reason: "r".to_owned() };
        let steps =
            [39, 40, 69, 70, 92, 93, 98, 99, 101].map(|on| forecast.warning(day(on)).map(|warning| warning.days));
        let expected = [None, Some(60), Some(60), Some(30), Some(30), Some(7), Some(7), Some(1), Some(1)];
        assert_eq!(steps, expected);
        assert!(forecast.sentence(day(90)).starts_with("the provider's client secret ends in 10 days"));
        assert!(forecast.sentence(day(101)).contains(" ended on "));
    }

    #[test]
    fn only_a_death_about_7_days_after_consent_is_one_of_testing() {
        let lived = |hours| is_a_testing_life(SignedDuration::from_hours(hours));
        assert_eq!([155, 156, 168, 180, 181].map(lived), [false, true, true, true, false]);
    }
}
