//! Every refusal that is known of the providers, sent over the wire: the state that it leads to, and the sentence that says who
//! must do what. And all that only looks like a refusal, and leads to nothing but another try.

use std::sync::{Arc, Mutex};

use mail2jira::clock::{Clock as _, SystemClock};
use mail2jira::config::{ClientAuth, Endpoints, GrantType, ProviderKind, ProviderSettings, Secret, SecretRef};
use mail2jira::oauth::provider::Provider;
use mail2jira::oauth::tokens::{AccessTokens, GrantState, Grants as _, TokensError};
use mail2jira::oauth::{Grant, RefreshEnd};
use sandbox::oauth::{self, Command, Endpoint, Fault, ProviderOptions};
use url::Url;

use super::store::{Disk, Store, TestClock};

/// What a refusal leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    NeedsConsent,
    NeedsAdmin,
    Misconfigured,
    Retry,
}

use State::{Misconfigured, NeedsAdmin, NeedsConsent, Retry};

type Row = (&'static str, u32, State, &'static str);

/// Microsoft's `error`, the number behind it, and what comes of them.
const MICROSOFT: &[Row] = &[
    ("invalid_grant", 70_008, NeedsConsent, "unused for too long"),
    ("invalid_grant", 700_082, NeedsConsent, "unused for too long"),
    ("invalid_grant", 700_081, NeedsConsent, "longest age"),
    ("invalid_grant", 700_084, NeedsConsent, "single-page app"),
    ("invalid_grant", 50_173, NeedsConsent, "revoked, or the password was changed"),
    ("invalid_grant", 70_043, NeedsConsent, "sign-in frequency"),
    ("invalid_grant", 70_000, NeedsConsent, "no longer valid"),
    ("invalid_grant", 54_005, NeedsConsent, "used before"),
    ("interaction_required", 50_072, NeedsConsent, "second factor"),
    ("interaction_required", 50_074, NeedsConsent, "second factor"),
    ("interaction_required", 50_076, NeedsConsent, "second factor"),
    ("interaction_required", 50_078, NeedsConsent, "second factor"),
    ("interaction_required", 50_079, NeedsConsent, "second factor"),
    ("invalid_grant", 50_055, NeedsConsent, "password has expired"),
    ("invalid_grant", 65_001, NeedsConsent, "nobody has consented"),
    ("invalid_grant", 65_004, NeedsConsent, "said no"),
    ("invalid_grant", 53_000, NeedsAdmin, "conditional access"),
    ("invalid_grant", 53_001, NeedsAdmin, "conditional access"),
    ("invalid_grant", 53_002, NeedsAdmin, "conditional access"),
    ("invalid_grant", 53_003, NeedsAdmin, "conditional access"),
    ("invalid_grant", 53_004, NeedsAdmin, "conditional access"),
    ("invalid_grant", 50_131, NeedsAdmin, "conditional access"),
    ("invalid_grant", 50_005, NeedsAdmin, "conditional access"),
    ("invalid_grant", 90_094, NeedsAdmin, "--admin-consent-url"),
    ("invalid_grant", 50_105, NeedsAdmin, "not assigned"),
    ("invalid_grant", 50_057, NeedsAdmin, "disabled"),
    ("unauthorized_client", 7_000_229, NeedsAdmin, "service principal"),
    ("invalid_resource", 65_006, Misconfigured, "API permissions"),
    ("invalid_request", 650_056, Misconfigured, "API permissions"),
    ("invalid_client", 650_057, Misconfigured, "API permissions"),
    ("invalid_resource", 500_011, Misconfigured, "API permissions"),
    ("invalid_client", 7_000_222, Misconfigured, "client secret has expired"),
    ("invalid_client", 70_002, Misconfigured, "client secret is wrong"),
    ("invalid_client", 7_000_215, Misconfigured, "client secret is wrong"),
    ("invalid_client", 700_027, Misconfigured, "client certificate"),
    ("invalid_client", 7_000_218, Misconfigured, "public client"),
    ("invalid_request", 50_011, Misconfigured, "redirect address"),
    ("unauthorized_client", 50_194, Misconfigured, "one tenant alone"),
    ("invalid_request", 90_002, Misconfigured, "no such tenant"),
    ("unauthorized_client", 700_011, Misconfigured, "does not know this app"),
    ("unauthorized_client", 700_016, Misconfigured, "does not know this app"),
    ("invalid_scope", 70_011, Misconfigured, "scope is not valid"),
    ("invalid_request", 9_002_325, Misconfigured, "single-page app"),
    ("invalid_grant", 50_034, Misconfigured, "not in this tenant"),
    ("invalid_grant", 50_020, Misconfigured, "not in this tenant"),
    ("invalid_grant", 16_000, Misconfigured, "not in this tenant"),
    ("invalid_grant", 50_196, Retry, "asks for a pause"),
    ("temporarily_unavailable", 50_033, Retry, "asks for a pause"),
    ("invalid_grant", 50_087, Retry, "asks for a pause"),
    ("invalid_grant", 999_999, NeedsConsent, "AADSTS999999"),
];

/// Google's `error` with its subtype, if any.
const GOOGLE: &[(&str, Option<&str>, State, &str)] = &[
    ("invalid_grant", None, NeedsConsent, "Token has been expired or revoked."),
    ("invalid_grant", Some("invalid_rapt"), NeedsConsent, "session length"),
    ("invalid_grant", Some("rapt_required"), NeedsConsent, "session length"),
    ("admin_policy_enforced", None, NeedsAdmin, "Workspace administrator"),
    ("org_internal", None, Misconfigured, "own organisation"),
    ("deleted_client", None, Misconfigured, "deleted or disabled"),
    ("disabled_client", None, Misconfigured, "deleted or disabled"),
    ("redirect_uri_mismatch", None, Misconfigured, "Desktop app"),
    ("invalid_client", None, Misconfigured, "refused this client"),
];

struct World {
    server: oauth::Provider,
    secret: tempfile::NamedTempFile,
}

impl World {
    async fn new() -> Self {
        let server = oauth::Provider::start(ProviderOptions::default()).await.unwrap();
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), server.client_secret().unwrap()).unwrap();
        Self { server, secret }
    }

    fn settings(&self) -> ProviderSettings {
        ProviderSettings {
            kind: ProviderKind::Custom,
            grant: GrantType::AuthorizationCode,
            endpoints: Endpoints::Discovery { issuer: Url::parse(self.server.issuer()).unwrap() },
            device_url: None,
            revocation_url: None,
            client_id: self.server.client_id().to_owned(),
            client_secret: Some(SecretRef::File(self.secret.path().to_owned())),
            client_certificate: None,
            secret_expires: None,
            client_auth: ClientAuth::Post,
            userinfo_url: None,
            scopes: vec!["mail".to_owned()],
            authorization_extras: Vec::new(),
            redirect_uri: Url::parse("http://127.0.0.1/oauth/callback").unwrap(),
            ca_file: None,
        }
    }

    /// Refreshes once, meeting that fault: what came of it, in which words; and the state that is on record agrees.
    async fn refresh(&self, settings: ProviderSettings, fault: Fault) -> (State, String) {
        let (disk, clock) = (Arc::<Mutex<Disk>>::default(), TestClock::new());
        let store = Store::new(&disk, &clock);
        let given = self.server.grant("support@example.test", &["mail"]);
        let grant = Grant {
            refresh_token: Secret::new(given.refresh_token.unwrap()),
            access: None,
            granted_at: clock.now(),
            identity: None,
            scopes: Vec::new(),
            refresh_end: RefreshEnd::Untold,
        };
        store.save_consent("support", &grant).await.unwrap();
        let provider = Arc::new(Provider::new(settings, Arc::new(SystemClock)).unwrap());
        provider.metadata().await.unwrap();
        let tokens = AccessTokens::new("support", "", provider, store, Arc::new(clock.clone()));
        self.server.fail(Endpoint::Token, 1, fault);
        let error = tokens.get().await.unwrap_err();
        self.server.control(Command::Heal).unwrap();
        let state = match &error {
            TokensError::NeedsConsent { .. } => NeedsConsent,
            TokensError::NeedsAdmin { .. } => NeedsAdmin,
            TokensError::Misconfigured { .. } => Misconfigured,
            TokensError::Unavailable { .. } => Retry,
            TokensError::Store(error) => panic!("{error}"),
        };
        let on_record = matches!(disk.lock().unwrap().grants["support"].state, GrantState::Needed { .. });
        assert_eq!(on_record, state == NeedsConsent, "{error}");
        (state, error.to_string())
    }
}

#[tokio::test]
async fn every_refusal_of_microsofts_leads_to_its_state_and_says_who_must_act() {
    let world = World::new().await;
    for (error, number, state, words) in MICROSOFT {
        let (came, said) = world.refresh(world.settings(), Fault::microsoft(error, *number)).await;
        assert!(came == *state && said.contains(words), "AADSTS{number}: {came:?}: {said}");
    }
}

#[tokio::test]
async fn every_refusal_of_googles_leads_to_its_state_and_says_who_must_act() {
    let world = World::new().await;
    for (error, subtype, state, words) in GOOGLE {
        let fault = match subtype {
            Some(subtype) => Fault::google(error, subtype),
            None => Fault::error(error, Some("Token has been expired or revoked.".to_owned())),
        };
        let (came, said) = world.refresh(world.settings(), fault).await;
        assert!(came == *state && said.contains(words), "{error} {subtype:?}: {came:?}: {said}");
    }
}

#[tokio::test]
async fn what_atlassian_says_with_403_is_a_dead_consent_and_from_others_it_is_the_client() {
    let world = World::new().await;
    let atlassian = ProviderSettings {
        authorization_extras: vec![("audience".to_owned(), "api.atlassian.com".to_owned())],
        ..world.settings()
    };
    for (settings, error, state) in [
        (atlassian.clone(), "invalid_grant", NeedsConsent),
        (atlassian, "unauthorized_client", NeedsConsent),
        (world.settings(), "invalid_grant", NeedsConsent),
        (world.settings(), "unauthorized_client", Misconfigured),
    ] {
        let description = Some("Unknown or invalid refresh token.".to_owned());
        let fault = Fault::Error { code: 403, error: error.to_owned(), description, subtype: None };
        let (came, said) = world.refresh(settings, fault).await;
        assert!(came == state && said.contains("Unknown or invalid refresh token."), "{error}: {came:?}: {said}");
    }
}

#[tokio::test]
async fn a_definite_no_under_a_status_of_success_is_one() {
    let world = World::new().await;
    for (error, state) in [
        ("invalid_grant", NeedsConsent),
        ("bad_refresh_token", NeedsConsent),
        ("invalid_refresh_token", NeedsConsent),
        ("invalid_client", Misconfigured),
        ("incorrect_client_credentials", Misconfigured),
        ("too_many_requests", Retry),
    ] {
        let fault = Fault::Error { code: 200, error: error.to_owned(), description: None, subtype: None };
        let (came, said) = world.refresh(world.settings(), fault).await;
        assert_eq!(came, state, "{error}: {said}");
    }
}

#[tokio::test]
async fn what_only_looks_like_a_refusal_is_tried_again() {
    let world = World::new().await;
    let gateways = [401, 403, 404, 408, 429, 500, 502, 503, 504].map(Fault::status);
    let dead_in_a_500 = Fault::Error { code: 500, error: "invalid_grant".to_owned(), description: None, subtype: None };
    let others = [dead_in_a_500, Fault::HtmlPage, Fault::Garbage, Fault::Cut, Fault::LoseAnswer];
    for fault in gateways.into_iter().chain(others) {
        let (came, said) = world.refresh(world.settings(), fault.clone()).await;
        assert_eq!(came, Retry, "{fault:?}: {said}");
    }
}

#[tokio::test]
async fn silence_is_no_refusal() {
    let world = World::new().await;
    assert_eq!(world.refresh(world.settings(), Fault::Hang).await.0, Retry);
}
