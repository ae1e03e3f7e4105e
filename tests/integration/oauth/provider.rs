//! Finding a provider's endpoints, proving ourselves to it, and never printing what it or we keep secret.

use std::sync::Arc;

use mail2jira::clock::SystemClock;
use mail2jira::config::{ClientAuth, Endpoints, ProviderSettings, Secret};
use mail2jira::oauth::provider::{Provider, ProviderError};
use serde_json::json;
use url::Url;

use super::stub::{CLIENT_SECRET, Fault, Stub};

fn provider(settings: ProviderSettings) -> Provider {
    Provider::new(settings, Arc::new(SystemClock)).unwrap()
}

#[tokio::test]
async fn an_issuer_that_speaks_for_another_is_not_believed() {
    let stub = Stub::start().await;
    stub.set(|behaviour| behaviour.issuer = Some("https://id.example.com".to_owned()));
    let error = provider(stub.settings()).metadata().await.unwrap_err();
    let ProviderError::Misconfigured(words) = error else { panic!("{error}") };
    assert!(words.contains("speaks for the issuer https://id.example.com, not for http://127.0.0.1"), "{words}");
}

#[tokio::test]
async fn endpoints_are_found_by_rfc_8414_where_there_is_no_openid() {
    let stub = Stub::start().await;
    stub.set(|behaviour| behaviour.discovery = "/.well-known/oauth-authorization-server");
    let metadata = provider(stub.settings()).metadata().await.unwrap();
    assert_eq!(metadata.token_endpoint.path(), "/token");
}

#[tokio::test]
async fn a_document_that_is_somewhere_else_and_odd_in_what_it_leaves_open_is_read() {
    let stub = Stub::start().await;
    stub.set(|behaviour| {
        behaviour.discovery = "/elsewhere/openid-configuration";
        behaviour.moved = Some("/.well-known/openid-configuration");
        behaviour.more = json!({
            "issuer": format!("{}/", stub.issuer.as_str().trim_end_matches('/')),
            "authorization_response_iss_parameter_supported": null,
            "token_endpoint_auth_methods_supported": null,
            "revocation_endpoint": "",
            "device_authorization_endpoint": "none",
            "x_of_their_own": { "a": [1] },
        });
    });
    let metadata = provider(stub.settings()).metadata().await.unwrap();
    assert_eq!((metadata.token_endpoint.path(), metadata.revocation_endpoint.clone()), ("/token", None));
    provider(stub.settings()).refresh(&Secret::new(stub.issue())).await.unwrap();
}

#[tokio::test]
async fn no_token_and_no_code_travels_to_where_an_answer_points() {
    let stub = Stub::start().await;
    let elsewhere = vec![("location", "https://user:pw@elsewhere.example/token?code=secret#x")];
    stub.fail(Fault::Answer(307, elsewhere, String::new()));
    let error = provider(stub.settings()).refresh(&Secret::new("rt")).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
    let words = error.to_string();
    assert!(words.contains("answered 307 and points to https://elsewhere.example/token, where"), "{words}");
    assert_eq!(stub.requests(), 1);
}

#[tokio::test]
async fn endpoints_are_asked_for_once() {
    let stub = Stub::start().await;
    let provider = provider(stub.settings());
    let first = provider.metadata().await.unwrap();
    stub.set(|behaviour| behaviour.discovery = "/gone");
    assert_eq!(provider.metadata().await.unwrap(), first);
}

#[tokio::test]
async fn an_issuer_without_metadata_is_an_error_of_the_configuration() {
    let stub = Stub::start().await;
    stub.set(|behaviour| behaviour.discovery = "/nowhere");
    let error = provider(stub.settings()).metadata().await.unwrap_err();
    assert!(matches!(error, ProviderError::Misconfigured(_)), "{error}");
}

#[tokio::test]
async fn tokens_are_not_asked_for_in_the_clear() {
    let url = |path: &str| Url::parse(&format!("http://id.example.com{path}")).unwrap();
    let stub = Stub::start().await;
    let endpoints = Endpoints::Explicit { authorization_url: Some(url("/a")), token_url: url("/t") };
    let error =
        provider(ProviderSettings { endpoints, ..stub.settings() }).refresh(&Secret::new("rt")).await.unwrap_err();
    assert!(matches!(error, ProviderError::Misconfigured(_)), "{error}");
}

#[tokio::test]
async fn a_client_proves_itself_as_the_provider_wants_it() {
    let stub = Stub::start().await;
    for (announced, takes) in [(None, "basic"), (Some(vec!["client_secret_post"]), "post")] {
        stub.set(|behaviour| (behaviour.auth_methods, behaviour.takes) = (announced, takes));
        provider(stub.settings()).refresh(&Secret::new(stub.issue())).await.unwrap();
    }
    assert_eq!(stub.requests(), 2, "neither was a second try");
    stub.set(|behaviour| behaviour.takes = "none");
    let public = ProviderSettings { client_secret: None, ..stub.settings() };
    provider(public).refresh(&Secret::new(stub.issue())).await.unwrap();
}

#[tokio::test]
async fn auto_finds_out_what_was_not_announced_and_remembers_it() {
    let stub = Stub::start().await;
    stub.set(|behaviour| behaviour.takes = "post");
    let provider = provider(stub.settings());
    provider.refresh(&Secret::new(stub.issue())).await.unwrap();
    assert_eq!(stub.requests(), 2);
    provider.refresh(&Secret::new(stub.issue())).await.unwrap();
    assert_eq!(stub.requests(), 3);
}

#[tokio::test]
async fn an_outage_teaches_nothing_about_client_authentication() {
    let stub = Stub::start().await;
    stub.set(|behaviour| behaviour.takes = "post");
    let provider = provider(stub.settings());
    stub.answer(503, "");
    provider.refresh(&Secret::new(stub.issue())).await.unwrap_err();
    provider.refresh(&Secret::new(stub.issue())).await.unwrap();
}

#[tokio::test]
async fn a_swapped_client_secret_is_used_without_a_restart() {
    let stub = Stub::start().await;
    let provider = provider(ProviderSettings { client_auth: ClientAuth::Basic, ..stub.settings() });
    stub.set(|behaviour| behaviour.client_secret = "another".to_owned());
    let refresh_token = Secret::new(stub.issue());
    let error = provider.refresh(&refresh_token).await.unwrap_err();
    assert!(matches!(error, ProviderError::ClientRefused(_)), "{error}");
    std::fs::write(&stub.secret_file, "another\n").unwrap();
    provider.refresh(&refresh_token).await.unwrap();
}

#[tokio::test]
async fn a_provider_that_asks_for_patience_is_heard() {
    let stub = Stub::start().await;
    for (asked, least, most) in [("120", 120, 120), ("Fri, 31 Dec 2100 23:59:59 GMT", 1_000_000, u64::MAX)] {
        stub.fail(Fault::Answer(429, vec![("retry-after", asked)], String::new()));
        let error = provider(stub.settings()).refresh(&Secret::new("rt")).await.unwrap_err();
        let ProviderError::Unavailable { retry_after: Some(wait), .. } = error else { panic!("{error}") };
        assert!((least..=most).contains(&wait.as_secs()), "{asked}: {wait:?}");
    }
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_unavailable_and_named() {
    let stub = Stub::start().await;
    let issuer = stub.issuer.clone();
    let settings = stub.settings();
    drop(stub);
    let error = provider(settings).refresh(&Secret::new("rt")).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains(&format!("cannot reach 127.0.0.1:{}", issuer.port().unwrap())), "{error}");
}

#[tokio::test]
async fn no_error_holds_a_secret_even_when_the_provider_repeats_it() {
    let stub = Stub::start().await;
    let refresh_token = "rt-secret-value";
    let echo = format!("cannot take {refresh_token} from {CLIENT_SECRET}");
    let answers = [
        (400, format!(r#"{{"error":"invalid_grant","error_description":"{echo}"}}"#)),
        (401, format!(r#"{{"error":"invalid_client","error_description":"{echo}"}}"#)),
        (400, format!(r#"{{"error":"{echo}"}}"#)),
        (400, echo.clone()),
        (500, echo.clone()),
        (200, format!(r#"{{"access_token":"at-secret","expires_in":[],"scope":{{"{echo}":1}}}}"#)),
        (200, format!(r#"{{"access_token":{{"{echo}":"at-secret"}}}}"#)),
    ];
    let provider = provider(ProviderSettings { client_auth: ClientAuth::Post, ..stub.settings() });
    for (status, body) in answers {
        stub.answer(status, &body);
        let error = provider.refresh(&Secret::new(refresh_token)).await.unwrap_err();
        let printed = format!("{error} {error:?}");
        for secret in [refresh_token, CLIENT_SECRET, "at-secret"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
}
