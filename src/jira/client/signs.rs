//! Reads what the headers of an answer tell: how long to wait, why, and whether Jira knows us. Pure: it is told the time.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION};
use url::Url;

use super::answer::{Login, Signs};
use super::budget::{Budget, Refill};
use crate::http;

mod policies;

/// The longest wait that is believed. Atlassian's quotas start anew every hour; more than that is somebody's mistake.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Reads them; `base` is what a relative `Location` is relative to.
pub fn read(status: StatusCode, headers: &HeaderMap, base: &Url, now: Timestamp) -> Signs {
    // Jira sends the time of the reset with ordinary answers too; only a refusal makes it a time to wait for.
    let limited = status == StatusCode::TOO_MANY_REQUESTS;
    let until_reset = || reset(text(headers, "x-ratelimit-reset").filter(|_| limited)?, now);
    let wait = http::retry_after(headers, now).or_else(until_reset);
    Signs {
        wait: wait.map(|wait| wait.min(LONGEST_WAIT)),
        budget: budget(headers, now),
        reason: text(headers, "ratelimit-reason").map(str::to_owned),
        login: login(headers),
        oauth_problem: oauth_problem(headers),
        location: text(headers, LOCATION.as_str()).and_then(|text| location(text, base)),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The budget that a `RateLimit` field tells, or the older ones.
fn budget(headers: &HeaderMap, now: Timestamp) -> Option<Budget> {
    let told = |policy: &str, left: &str| policies::tightest(text(headers, policy)?, text(headers, left)?);
    told("ratelimit-policy", "ratelimit")
        .or_else(|| told("beta-ratelimit-policy", "beta-ratelimit"))
        .or_else(|| bucket(headers, now))
}

/// Data Center's token bucket (`-FillRate` requests every `-Interval-Seconds`), or Cloud's quota that starts anew.
fn bucket(headers: &HeaderMap, now: Timestamp) -> Option<Budget> {
    let number = |name: &str| text(headers, name)?.parse::<u32>().ok();
    let (limit, left) = (number("x-ratelimit-limit")?, number("x-ratelimit-remaining")?);
    let rate = number("x-ratelimit-fillrate").zip(number("x-ratelimit-interval-seconds"));
    let refill = match rate {
        Some((fill, seconds)) => Refill::Steadily(Duration::from_secs(seconds.into()).checked_div(fill)?),
        None => Refill::AtOnce(reset(text(headers, "x-ratelimit-reset")?, now)?.min(LONGEST_WAIT)),
    };
    Some(Budget { limit, left, refill })
}

/// Cloud sends ISO 8601, gateways also seconds since 1970.
fn reset(text: &str, now: Timestamp) -> Option<Duration> {
    let at = match text.parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok()?,
        Err(_) => text.parse::<Timestamp>().ok()?,
    };
    Some(until(at, now))
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default()
}

fn login(headers: &HeaderMap) -> Login {
    let seraph = text(headers, "x-seraph-loginreason").unwrap_or_default().to_ascii_uppercase();
    let denied = text(headers, "x-authentication-denied-reason").unwrap_or_default().to_ascii_uppercase();
    let anonymous = text(headers, "x-ausername").is_some_and(|name| name.eq_ignore_ascii_case("anonymous"));
    if seraph.contains("AUTHENTICATION_DENIED") || denied.contains("CAPTCHA") {
        Login::Captcha
    } else if anonymous || seraph.contains("AUTHENTICATED_FAILED") {
        Login::Anonymous
    } else {
        Login::NotRefused
    }
}

/// `WWW-Authenticate: OAuth realm="…", oauth_problem="token_rejected"` (OAuth 1.0's extension for problem reporting).
fn oauth_problem(headers: &HeaderMap) -> Option<String> {
    let text = text(headers, "www-authenticate")?;
    let (_, problem) = text.split_once("oauth_problem=")?;
    let problem = problem.trim_start_matches('"').split(['"', ',', '&', ' ']).next()?;
    Some(problem.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(60).collect())
}

fn location(text: &str, base: &Url) -> Option<String> {
    Some(http::bare(base.join(text).ok()?).into())
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn signs(headers: &[(&'static str, &str)]) -> Signs {
        signs_of(StatusCode::TOO_MANY_REQUESTS, headers)
    }

    fn signs_of(status: StatusCode, headers: &[(&'static str, &str)]) -> Signs {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        read(status, &headers, &Url::parse("https://jira.example.com/jira/").unwrap(), now)
    }

    #[test]
    fn the_time_to_wait_is_understood_in_every_form() {
        let wait = |headers: &[(&'static str, &str)]| signs(headers).wait.map(|wait| wait.as_secs());
        assert_eq!(wait(&[("retry-after", "7")]), Some(7));
        assert_eq!(wait(&[("retry-after", "Sat, 21 Nov 2026 10:01:00 GMT")]), Some(60));
        assert_eq!(wait(&[("retry-after", "Sat, 21 Nov 2026 09:00:00 GMT")]), Some(0));
        let theirs = [("retry-after", "Sat, 21 Nov 2026 12:00:30 GMT"), ("date", "Sat, 21 Nov 2026 12:00:00 GMT")];
        assert_eq!(wait(&theirs), Some(30), "by the server's clock");
        assert_eq!(wait(&[("x-ratelimit-reset", "2026-11-21T11:00Z")]), Some(3600));
        assert_eq!(wait(&[("x-ratelimit-reset", "1795255260")]), Some(60));
        assert_eq!(wait(&[("retry-after", "3"), ("x-ratelimit-reset", "2026-11-21T11:00Z")]), Some(3));
        assert_eq!(wait(&[("retry-after", "999999")]), Some(3600));
        let ordinary = signs_of(StatusCode::SERVICE_UNAVAILABLE, &[("x-ratelimit-reset", "2026-11-21T11:00Z")]);
        assert_eq!(ordinary.wait, None);
        for nonsense in ["soon", "-5", "NaN", "1e300", ""] {
            assert_eq!(wait(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
    }

    #[test]
    fn what_is_left_of_the_budget_is_read_of_either_product() {
        let budget = |headers: &[(&'static str, &str)]| signs_of(StatusCode::OK, headers).budget;
        let bucket = [("x-ratelimit-limit", "70"), ("x-ratelimit-remaining", "3")];
        let fills = [("x-ratelimit-fillrate", "5"), ("x-ratelimit-interval-seconds", "1")];
        let refill = Refill::Steadily(Duration::from_millis(200));
        assert_eq!(budget(&[bucket, fills].concat()), Some(Budget { limit: 70, left: 3, refill }));
        let resets = [("x-ratelimit-reset", "2026-11-21T10:01:00Z")];
        let refill = Refill::AtOnce(Duration::from_secs(60));
        assert_eq!(budget(&[&bucket[..], &resets[..]].concat()), Some(Budget { limit: 70, left: 3, refill }));
        let stuck = [("x-ratelimit-fillrate", "0"), ("x-ratelimit-interval-seconds", "1")];
        for nonsense in [&bucket[..], &resets[..], &[bucket, stuck].concat()[..]] {
            assert_eq!(budget(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn an_answer_to_a_stranger_is_noticed() {
        assert_eq!(signs(&[("x-ausername", "anonymous")]).login, Login::Anonymous);
        assert_eq!(signs(&[("x-seraph-loginreason", "AUTHENTICATED_FAILED")]).login, Login::Anonymous);
        assert_eq!(signs(&[("x-seraph-loginreason", "AUTHENTICATION_DENIED")]).login, Login::Captcha);
        let challenge = "CAPTCHA_CHALLENGE; login-url=https://jira.example.com/login.jsp";
        assert_eq!(signs(&[("x-authentication-denied-reason", challenge)]).login, Login::Captcha);
        assert_eq!(signs(&[("x-seraph-loginreason", "OK"), ("x-ausername", "bot")]).login, Login::NotRefused);
    }

    #[test]
    fn a_redirect_is_told_without_its_query() {
        let location = |value| signs(&[("location", value)]).location.unwrap();
        assert_eq!(location("/login?token=secret#x"), "https://jira.example.com/login");
        assert_eq!(location("https://user:pw@id.example.com/sso?state=1"), "https://id.example.com/sso");
    }
}
