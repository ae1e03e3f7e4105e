//! What Microsoft's and Google's own codes mean, and those of RFC 6749 that need no guessing: what happened, and who
//! must do what. A table; asks nobody.
//!
//! Microsoft asks programs to go by `error` alone, as its numbers may change: so they only refine what `error` says, and one
//! that is not known changes nothing.
//! <https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes>,
//! <https://developers.google.com/identity/protocols/oauth2/native-app#authorization-errors>

/// Who can do something about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The person, by signing in again.
    Consent,
    /// An administrator of the organisation.
    Admin,
    /// Whoever looks after the configuration, or the client's registration.
    Configuration,
    /// Time.
    Later,
}

/// The remedy for a provider's own code, and one sentence about it.
pub fn known(code: &str) -> Option<(Remedy, &'static str)> {
    let (_, remedy, sentence) = TABLE.iter().find(|(codes, _, _)| codes.contains(&code))?;
    Some((*remedy, sentence))
}

/// Whether a refusal, in the words that people see, is a policy's that lets no consent grow older than a certain age: the
/// next one will live as long.
pub fn tells_an_age(words: &str) -> bool {
    ["AADSTS70043", "AADSTS700081"].iter().any(|code| words.contains(code))
}

type Row = (&'static [&'static str], Remedy, &'static str);

const TABLE: &[Row] = &[
    (
        &["AADSTS70008", "AADSTS700082"],
        Remedy::Consent,
        "the consent lay unused for too long (Microsoft allows 90 days): the account's owner must sign in again",
    ),
    (
        &["AADSTS700081"],
        Remedy::Consent,
        "the consent has reached the longest age that the organisation allows: the account's owner must sign in again",
    ),
    (
        &["AADSTS700084"],
        Remedy::Consent,
        "the redirect address is registered as a single-page app, whose consents end after 24 hours: register it under \
         `Mobile and desktop applications`, then the account's owner must sign in again",
    ),
    (
        &["AADSTS50173"],
        Remedy::Consent,
        "the consent was revoked, or the password was changed: the account's owner must sign in again",
    ),
    (
        &["AADSTS70043"],
        Remedy::Consent,
        "the organisation's sign-in frequency has run out: the account's owner must sign in again, and an administrator may \
         exempt this app from that policy",
    ),
    (
        &["AADSTS70000"],
        Remedy::Consent,
        "the consent is no longer valid: the account's owner must sign in again, and look whether Microsoft has locked it",
    ),
    (&["AADSTS54005"], Remedy::Consent, "the sign-in was used before: the account's owner must sign in again"),
    (
        &["AADSTS50072", "AADSTS50074", "AADSTS50076", "AADSTS50078", "AADSTS50079"],
        Remedy::Consent,
        "the organisation wants a second factor, or has not seen it for too long: the account's owner must sign in again with it",
    ),
    (
        &["AADSTS50055"],
        Remedy::Consent,
        "the password has expired: the account's owner must change it and sign in again",
    ),
    (
        &["AADSTS65001"],
        Remedy::Consent,
        "nobody has consented to what this app asks for: the account's owner must sign in",
    ),
    (
        &["AADSTS65004"],
        Remedy::Consent,
        "the person said no on the consent page: the account's owner must sign in and agree",
    ),
    (
        &["AADSTS53000", "AADSTS53001", "AADSTS53002", "AADSTS53003", "AADSTS53004", "AADSTS50131", "AADSTS50005"],
        Remedy::Admin,
        "a conditional access policy of the organisation forbids this: an administrator must exempt this app or this machine",
    ),
    (
        &["AADSTS90094", "AADSTS90095"],
        Remedy::Admin,
        "only an administrator may consent to this app: have one open the address that `authorize NAME --admin-consent-url` prints",
    ),
    (
        &["AADSTS50105"],
        Remedy::Admin,
        "the account is not assigned to this app: an administrator must assign it under Enterprise applications",
    ),
    (&["AADSTS50057"], Remedy::Admin, "the account is disabled: an administrator must enable it"),
    (
        &["AADSTS7000229"],
        Remedy::Admin,
        "this app has no service principal in the tenant: an administrator must consent to it there",
    ),
    (
        &["AADSTS65006", "AADSTS650052", "AADSTS650053", "AADSTS650056", "AADSTS650057", "AADSTS500011"],
        Remedy::Configuration,
        "the app's registration does not name the permission that is asked for: add it under API permissions, Office 365 \
         Exchange Online",
    ),
    (
        &["AADSTS7000222"],
        Remedy::Configuration,
        "the client secret has expired: make a new one in the app's registration and put it where the configuration says",
    ),
    (
        &["AADSTS70002", "AADSTS7000215", "AADSTS7000216"],
        Remedy::Configuration,
        "the client secret is wrong: put the secret's value, not its id, where the configuration says",
    ),
    (
        &["AADSTS700027"],
        Remedy::Configuration,
        "the client certificate is not the one in the app's registration, or has expired: upload it there",
    ),
    (
        &["AADSTS700025"],
        Remedy::Configuration,
        "the app is registered as a public client and must show no secret: take `client_secret` out of the configuration",
    ),
    (
        &["AADSTS7000218"],
        Remedy::Configuration,
        "the app is not registered as a public client: configure its secret, or allow public client flows in its registration",
    ),
    (
        &["AADSTS50011"],
        Remedy::Configuration,
        "the redirect address is not registered: add `http://localhost` under `Mobile and desktop applications`",
    ),
    (
        &["AADSTS50194"],
        Remedy::Configuration,
        "the app belongs to one tenant alone: write its id or domain as `tenant` in the configuration",
    ),
    (
        &["AADSTS90002"],
        Remedy::Configuration,
        "there is no such tenant in this cloud: check `tenant` and `cloud` in the configuration",
    ),
    (
        &["AADSTS700011", "AADSTS700016"],
        Remedy::Configuration,
        "the tenant does not know this app: check `client_id`, `tenant` and `cloud` in the configuration",
    ),
    (&["AADSTS70011"], Remedy::Configuration, "a scope is not valid: check `scopes` and `cloud` in the configuration"),
    (
        &["AADSTS9002325", "AADSTS9002327"],
        Remedy::Configuration,
        "the redirect address is registered as a single-page app: register it under `Mobile and desktop applications` instead",
    ),
    (
        &["AADSTS50034", "AADSTS50020", "AADSTS16000"],
        Remedy::Configuration,
        "the account is not in this tenant: check `tenant` and the mailbox's `login` in the configuration",
    ),
    (
        &["AADSTS50196", "AADSTS50033", "AADSTS50087", "AADSTS90033", "temporarily_unavailable"],
        Remedy::Later,
        "Microsoft asks for a pause: nothing needs to be done",
    ),
    (
        &["admin_policy_enforced"],
        Remedy::Admin,
        "the organisation restricts which apps may read its mail: a Workspace administrator must trust this one under \
         Security, API controls",
    ),
    (
        &["invalid_rapt", "rapt_required"],
        Remedy::Consent,
        "the organisation's session length has run out: the account's owner must sign in again, and a Workspace administrator \
         may exempt trusted apps from it",
    ),
    (
        &["org_internal"],
        Remedy::Configuration,
        "the app is for its own organisation only: use an account of that, or make the app external in the Google console",
    ),
    (
        &["deleted_client", "disabled_client"],
        Remedy::Configuration,
        "the OAuth client is deleted or disabled: look after it in the Google console, and write its id as `client_id`",
    ),
    (
        &["invalid_client", "incorrect_client_credentials"],
        Remedy::Configuration,
        "the provider does not know this client, or not with this secret: check `client_id`, the client secret and `client_auth` \
         in the configuration",
    ),
    (
        &["unsupported_grant_type"],
        Remedy::Configuration,
        "the provider does not offer this way to a token: check `grant` in the configuration, or allow it in the client's \
         registration",
    ),
    (
        &["invalid_scope"],
        Remedy::Configuration,
        "the provider does not give this client these scopes: check `scopes` in the configuration and the client's registration",
    ),
    (
        &["redirect_uri_mismatch"],
        Remedy::Configuration,
        "the redirect address is not registered: make an OAuth client of the type `Desktop app`",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_one_row_and_every_row_one_sentence() {
        let codes: Vec<_> = TABLE.iter().flat_map(|(codes, _, _)| codes.iter()).collect();
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
        for (codes, _, sentence) in TABLE {
            assert!(!codes.is_empty() && sentence.len() > 30, "{sentence}");
            assert!(
                !sentence.ends_with('.') && sentence.contains(':'),
                "what happened, then who does what: {sentence}"
            );
        }
    }

    #[test]
    fn a_code_says_who_must_act() {
        let remedy = |code: &str| known(code).map(|(remedy, _)| remedy);
        assert_eq!(remedy("AADSTS50173"), Some(Remedy::Consent));
        assert_eq!(remedy("AADSTS53003"), Some(Remedy::Admin));
        assert_eq!(remedy("AADSTS7000222"), Some(Remedy::Configuration));
        assert_eq!(remedy("AADSTS50196"), Some(Remedy::Later));
        assert_eq!(remedy("admin_policy_enforced"), Some(Remedy::Admin));
        assert_eq!(remedy("AADSTS1"), None);
    }
}
