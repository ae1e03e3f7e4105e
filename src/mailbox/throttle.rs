//! What a server that has enough of us says, and how long it is left alone for it. Pure: a wait comes out, nobody waits here.
//!
//! Obeyed are Exchange Online's `Request is throttled. Suggested Backoff Time: N milliseconds`, to the millisecond; Gmail's
//! `[OVERQUOTA] Account exceeded command or bandwidth limits`, which may last up to a day, `[THROTTLED]` and `Too many
//! simultaneous connections`; and `[LIMIT]` (RFC 5530, 3). `[UNAVAILABLE]`, `[INUSE]` and the like name no reason to
//! stay away for longer than after any other failure.

use std::time::Duration;

/// The bandwidth of a day is used up: it comes back bit by bit, so it is worth asking now and then.
const OVER_QUOTA: Duration = Duration::from_secs(60 * 60);
/// A limit of the server's: other programs use up what there is.
const LIMIT: Duration = Duration::from_secs(5 * 60);
/// Gmail forgets a connection that was not closed properly after some minutes.
const TOO_MANY_CONNECTIONS: Duration = Duration::from_secs(2 * 60);
/// Longer than that no server's word is taken for a wait: it is looked again at least once a day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A refusal's words, and what they mean.
const REFUSALS: [(&str, Duration); 5] = [
    ("[OVERQUOTA]", OVER_QUOTA),
    ("EXCEEDED COMMAND OR BANDWIDTH LIMITS", OVER_QUOTA),
    ("[THROTTLED]", LIMIT),
    ("[LIMIT]", LIMIT),
    ("TOO MANY SIMULTANEOUS CONNECTIONS", TOO_MANY_CONNECTIONS),
];

/// How long the server wants to be left alone, by the words (its code among them) of a refusal or of a BYE.
pub fn wait(words: &str) -> Option<Duration> {
    let upper = words.to_ascii_uppercase();
    let by_phrase = || REFUSALS.iter().find(|(phrase, _)| upper.contains(phrase)).map(|(_, wait)| *wait);
    suggested(&upper).map(|suggested| suggested.min(LONGEST)).or_else(by_phrase)
}

/// Whether an OK says that we should slow down: Gmail appends this to answers that it gives all the same.
pub fn asks_to_slow_down(words: &str) -> bool {
    words.to_ascii_uppercase().contains("[THROTTLED]")
}

fn suggested(upper: &str) -> Option<Duration> {
    let (_, rest) = upper.split_once("SUGGESTED BACKOFF TIME:")?;
    rest.split_whitespace().next()?.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_servers_way_of_saying_enough_is_a_wait() {
        for (words, seconds) in [
            ("BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds", 299.961),
            ("Request is throttled. Suggested Backoff Time: 99999999999 milliseconds", 86_400.0),
            ("[OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)", 3600.0),
            ("Account exceeded command or bandwidth limits", 3600.0),
            ("[ALERT] Too many simultaneous connections. (Failure)", 120.0),
            ("[THROTTLED] slow down", 300.0),
            ("[limit] too many", 300.0),
        ] {
            assert_eq!(wait(words), Some(Duration::from_secs_f64(seconds)), "{words}");
        }
        for words in ["[UNAVAILABLE] Temporary failure", "User is authenticated but not connected.", ""] {
            assert_eq!(wait(words), None, "{words}");
        }
        assert_eq!(wait("Suggested Backoff Time: soon"), None);
    }

    #[test]
    fn a_throttled_ok_is_told_from_another() {
        assert!(asks_to_slow_down("FETCH completed [THROTTLED]"));
        assert!(!asks_to_slow_down("FETCH completed"));
    }
}
