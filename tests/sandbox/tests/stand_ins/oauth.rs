//! The OAuth provider, asked as a client asks it.

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sandbox::oauth::{
    ClientAuth, Command, Decision, Endpoint, Fault, Person, Provider, ProviderOptions, RefreshTokens, Reuse, Rotation,
    Settings, answer_consent, auto_consent,
};
use sandbox::server::Bound;
use serde_json::{Value, json};

use crate::browser::{self, VERIFIER, authorization_url, client, code, is_active, query, redeem, refresh};

async fn provider(settings: Settings) -> anyhow::Result<Provider> {
    Ok(Provider::start(ProviderOptions { settings, ..ProviderOptions::default() }).await?)
}

async fn strict() -> anyhow::Result<Provider> {
    provider(Settings::default()).await
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[tokio::test]
async fn consent_leads_to_tokens_that_say_who_signed_in() -> anyhow::Result<()> {
    let provider = strict().await?;
    let (status, answer) = redeem(&provider, &code(&provider).await?, VERIFIER).await?;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["scope"], "openid email mail offline_access");
    assert!(!text(&answer, "refresh_token").is_empty());
    let claims = text(&answer, "id_token").split('.').nth(1).context("no ID token")?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
    assert_eq!(claims["email"], "ann@example.test");
    assert_eq!(claims["aud"], provider.client_id());
    let userinfo = client()?.get(format!("{}/userinfo", provider.issuer()));
    let userinfo: Value = userinfo.bearer_auth(text(&answer, "access_token")).send().await?.json().await?;
    assert_eq!(userinfo["email"], "ann@example.test");
    Ok(())
}

#[tokio::test]
async fn the_discovery_document_names_addresses_that_answer() -> anyhow::Result<()> {
    let provider = strict().await?;
    let url = format!("{}/.well-known/openid-configuration", provider.issuer());
    let document: Value = client()?.get(url).send().await?.json().await?;
    assert_eq!(document["issuer"], provider.issuer());
    assert_eq!(document["introspection_endpoint"], provider.introspection_url());
    for name in ["authorization_endpoint", "token_endpoint", "revocation_endpoint", "userinfo_endpoint", "jwks_uri"] {
        let status = client()?.get(text(&document, name)).send().await?.status();
        assert_ne!(status, 404, "{name} leads nowhere");
    }
    Ok(())
}

#[tokio::test]
async fn a_person_can_say_no_and_state_and_issuer_come_back() -> anyhow::Result<()> {
    let provider = strict().await?;
    let person = Person { account: None, decision: Decision::Deny };
    let back = answer_consent(&authorization_url(&provider, &[])?, &person).await?;
    assert_eq!(query(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(query(&back, "state").as_deref(), Some("a state & more"));
    assert_eq!(query(&back, "iss").as_deref(), Some(provider.issuer()));
    assert_eq!(query(&back, "code"), None);
    Ok(())
}

#[tokio::test]
async fn whoever_waits_on_loopback_gets_the_code() -> anyhow::Result<()> {
    let provider = strict().await?;
    let bound = Bound::new(0).await?;
    let redirect = format!("http://{}/oauth/callback", bound.address());
    let waiting = bound.serve(Router::new().route("/oauth/callback", get(async || "You can close this page.")));
    let callback = auto_consent(&authorization_url(&provider, &[("redirect_uri", &redirect)])?).await?;
    assert_eq!((callback.status, callback.body.as_str()), (200, "You can close this page."));
    assert!(query(&callback.url, "code").is_some());
    waiting.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_request_that_could_be_abused_is_refused() -> anyhow::Result<()> {
    let provider = strict().await?;
    for shown in [("client_id", "another"), ("redirect_uri", "https://evil.example/"), ("redirect_uri", "nonsense")] {
        let response = client()?.get(authorization_url(&provider, &[shown])?).send().await?;
        assert_eq!(response.status(), 400, "{shown:?} was let through");
    }
    let sent_back = [("code_challenge_method", "plain"), ("code_challenge", ""), ("response_type", "token")];
    let person = Person { account: None, decision: Decision::Allow };
    for parameter in sent_back {
        let back = answer_consent(&authorization_url(&provider, &[parameter])?, &person).await?;
        assert!(query(&back, "error").is_some(), "{parameter:?} was let through");
    }
    Ok(())
}

#[tokio::test]
async fn a_code_is_good_once_and_for_its_verifier_alone() -> anyhow::Result<()> {
    let provider = strict().await?;
    let (status, answer) =
        redeem(&provider, &code(&provider).await?, "another-verifier-that-is-long-enough-too").await?;
    assert_eq!((status, text(&answer, "error")), (400, "invalid_grant"));

    let code = code(&provider).await?;
    let (_, first) = redeem(&provider, &code, VERIFIER).await?;
    assert!(is_active(&provider, text(&first, "access_token")).await?);
    let (status, answer) = redeem(&provider, &code, VERIFIER).await?;
    assert_eq!((status, text(&answer, "error")), (400, "invalid_grant"));
    assert!(!is_active(&provider, text(&first, "access_token")).await?, "a stolen code left its tokens alive");
    Ok(())
}

#[tokio::test]
async fn a_rotated_refresh_token_that_comes_again_takes_the_grant_with_it() -> anyhow::Result<()> {
    let provider = strict().await?;
    let old = provider.grant("ann@example.test", &["mail"]).refresh_token.context("none")?;
    let (status, answer) = refresh(&provider, &old).await?;
    assert_eq!(status, 200);
    let new = text(&answer, "refresh_token");
    assert_ne!(new, old);
    let (status, again) = refresh(&provider, &old).await?;
    assert_eq!((status, text(&again, "error")), (400, "invalid_grant"));
    assert_eq!(refresh(&provider, new).await?.0, 400);
    assert!(!is_active(&provider, text(&answer, "access_token")).await?);
    Ok(())
}

#[tokio::test]
async fn rotation_and_what_reuse_does_are_as_set() -> anyhow::Result<()> {
    let google = provider(Settings::like_google()).await?;
    let token = google.grant("ann@example.test", &["mail"]).refresh_token.context("none")?;
    for _ in 0..2 {
        let (status, answer) = refresh(&google, &token).await?;
        assert_eq!((status, &answer["refresh_token"]), (200, &Value::Null));
    }

    let microsoft = provider(Settings::like_microsoft()).await?;
    let token = microsoft.grant("ann@example.test", &["mail"]).refresh_token.context("none")?;
    for _ in 0..2 {
        let (status, answer) = refresh(&microsoft, &token).await?;
        assert_eq!(status, 200);
        assert_ne!(text(&answer, "refresh_token"), token);
    }

    let lenient = provider(Settings { reuse: Reuse::Refused, ..Settings::default() }).await?;
    let token = lenient.grant("ann@example.test", &["mail"]).refresh_token.context("none")?;
    let (_, answer) = refresh(&lenient, &token).await?;
    assert_eq!(refresh(&lenient, &token).await?.0, 400);
    assert_eq!(refresh(&lenient, text(&answer, "refresh_token")).await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn an_answer_lost_after_rotating_leaves_the_client_with_a_dead_token() -> anyhow::Result<()> {
    let provider = strict().await?;
    let token = provider.grant("ann@example.test", &["mail"]).refresh_token.context("none")?;
    provider.fail(Endpoint::Token, 1, Fault::LoseAnswer);
    assert!(refresh(&provider, &token).await.is_err(), "an answer came");
    assert_eq!(refresh(&provider, &token).await?.0, 400);

    let kept = provider.grant("bob@example.test", &["mail"]).refresh_token.context("none")?;
    provider.fail(Endpoint::Token, 1, Fault::Cut);
    assert!(refresh(&provider, &kept).await.is_err(), "an answer came");
    assert_eq!(refresh(&provider, &kept).await?.0, 200, "a request that was cut off did something");
    Ok(())
}

#[tokio::test]
async fn faults_come_in_order_and_look_as_asked_for() -> anyhow::Result<()> {
    let provider = strict().await?;
    let control = format!("{}/_control", provider.issuer());
    let faults = [
        json!({"status": {"code": 503}}),
        json!({"status": {"code": 429, "retry_after": 7}}),
        json!({"error": {"error": "invalid_grant", "description": "Token has been expired or revoked."}}),
        json!({"error": {"code": 401, "error": "invalid_client"}}),
        json!("html_page"),
        json!("garbage"),
    ];
    for fault in faults {
        let command = json!({"fail": {"endpoint": "token", "fault": fault}});
        assert_eq!(client()?.post(&control).body(command.to_string()).send().await?.status(), 204);
    }
    let mut seen = Vec::new();
    for _ in 0..6 {
        let response = client()?.post(format!("{}/token", provider.issuer())).form(&[("a", "b")]).send().await?;
        let retry_after = response.headers().get("retry-after").map(|value| value.as_bytes().to_vec());
        seen.push((response.status().as_u16(), retry_after, response.text().await?));
    }
    let statuses: Vec<u16> = seen.iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses, [503, 429, 400, 401, 200, 200]);
    assert_eq!(seen[1].1.as_deref(), Some(b"7".as_slice()));
    assert!(seen[2].2.contains("Token has been expired or revoked."));
    assert!(seen[4].2.starts_with("<!doctype html>"));
    assert!(serde_json::from_str::<Value>(&seen[5].2).is_err());
    assert_eq!(provider.snapshot().counters.requests(Endpoint::Token), 6);

    let misspelt = json!({"set": {"rotatoin": "never"}});
    let response = client()?.post(&control).body(misspelt.to_string()).send().await?;
    assert_eq!(response.status(), 400);
    assert!(response.text().await?.contains("rotatoin"));
    Ok(())
}

#[tokio::test]
async fn consent_can_go_wrong_in_every_way_that_it_does() -> anyhow::Result<()> {
    let provider = strict().await?;
    provider.set(|settings| {
        settings.sign_in_as = Some("Other@example.test".to_owned());
        settings.granted_scopes = Some(vec!["openid".to_owned()]);
        settings.refresh_tokens = RefreshTokens::OnlyWithPrompt;
    });
    let (status, answer) = redeem(&provider, &code(&provider).await?, VERIFIER).await?;
    assert_eq!((status, text(&answer, "scope")), (200, "openid"));
    assert_eq!(answer["refresh_token"], Value::Null);
    assert_eq!(provider.snapshot().grants[0].account, "other@example.test");
    Ok(())
}

#[tokio::test]
async fn access_tokens_end_by_age_by_command_and_with_their_grant() -> anyhow::Result<()> {
    let provider = provider(Settings { access_token_seconds: 0, ..Settings::default() }).await?;
    let tokens = provider.grant("ann@example.test", &["mail"]);
    assert!(!is_active(&provider, &tokens.access_token).await?);

    provider.control(serde_json::from_value(json!({"set": {"access_token_seconds": 60}}))?)?;
    let tokens = provider.grant("ann@example.test", &["mail"]);
    assert!(is_active(&provider, &tokens.access_token).await?);
    provider.control(Command::ExpireAccessTokens)?;
    assert!(!is_active(&provider, &tokens.access_token).await?);
    let refresh_token = tokens.refresh_token.context("none")?;
    let (status, answer) = refresh(&provider, &refresh_token).await?;
    assert_eq!(status, 200, "the refresh token died with the access token");

    let secret = provider.client_secret().unwrap_or_default();
    let revoke = client()?.post(format!("{}/revoke", provider.issuer())).basic_auth(provider.client_id(), Some(secret));
    assert_eq!(revoke.form(&[("token", text(&answer, "refresh_token"))]).send().await?.status(), 200);
    assert!(!is_active(&provider, text(&answer, "access_token")).await?);
    assert_eq!(refresh(&provider, text(&answer, "refresh_token")).await?.0, 400);
    Ok(())
}

#[tokio::test]
async fn a_client_proves_itself_in_the_way_that_is_set() -> anyhow::Result<()> {
    let provider = strict().await?;
    let refresh_token = || provider.grant("ann@example.test", &["mail"]).refresh_token.unwrap_or_default();
    let ask = async |basic: Option<&str>, post: Option<&str>| -> anyhow::Result<u16> {
        let token = refresh_token();
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", &token)];
        form.push(("client_id", provider.client_id()));
        form.extend(post.map(|secret| ("client_secret", secret)));
        let mut request = client()?.post(format!("{}/token", provider.issuer())).form(&form);
        if let Some(secret) = basic {
            request = request.basic_auth(provider.client_id(), Some(secret));
        }
        Ok(request.send().await?.status().as_u16())
    };
    let secret = provider.client_secret();
    assert_eq!((ask(secret, None).await?, ask(None, secret).await?), (200, 200));
    assert_eq!((ask(Some("wrong"), None).await?, ask(None, None).await?), (401, 401));
    assert_eq!(ask(secret, secret).await?, 400);
    provider.set(|settings| settings.client_auth = ClientAuth::Basic);
    assert_eq!((ask(secret, None).await?, ask(None, secret).await?), (200, 401));
    provider.set(|settings| settings.client_auth = ClientAuth::None);
    assert_eq!((ask(None, None).await?, ask(None, secret).await?), (200, 401));
    Ok(())
}

#[tokio::test]
async fn an_outage_refuses_connections_and_forgets_nothing() -> anyhow::Result<()> {
    let mut provider = provider(Settings { rotation: Rotation::Never, ..Settings::default() }).await?;
    let token = provider.grant("ann@example.test", &["mail"]).refresh_token.context("none")?;
    provider.stop().await;
    assert!(refresh(&provider, &token).await.is_err());
    provider.restart().await?;
    assert_eq!(refresh(&provider, &token).await?.0, 200);
    assert!(browser::code(&provider).await.is_ok());
    Ok(())
}
