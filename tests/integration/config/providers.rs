//! Providers: what their kind presets, and what may be said otherwise.

use mail2jira::config::Endpoints;
use url::Url;

use super::{SMALLEST, faults, sound, support};

/// [`SMALLEST`] with another provider, and without the mailbox's host.
fn with_provider(provider: &str) -> String {
    let custom = "kind = \"custom\"\nissuer = \"https://id.example.com/realm/\"\n";
    assert!(SMALLEST.contains(custom));
    SMALLEST.replace(custom, provider).replace("host = \"imap.example.com\"\n", "")
}

#[test]
fn google_needs_no_address_and_asks_for_lasting_access() {
    let config = sound(&with_provider("kind = \"google\"\nclient_secret = { env = \"X\" }\n"));
    let provider = config.providers.values().next().expect("the provider");
    let Endpoints::Explicit { authorization_url, token_url } = &provider.endpoints else { panic!("{provider:?}") };
    assert_eq!(authorization_url.as_ref().map(Url::as_str), Some("https://accounts.google.com/o/oauth2/v2/auth"));
    assert_eq!(token_url.as_str(), "https://oauth2.googleapis.com/token");
    assert_eq!(provider.revocation_url.as_ref().map(Url::as_str), Some("https://oauth2.googleapis.com/revoke"));
    assert_eq!(provider.scopes.first().map(String::as_str), Some("https://mail.google.com/"));
    let asked: Vec<_> = provider.authorization_extras.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(asked, ["access_type=offline", "prompt=consent"]);
    assert_eq!((support(&config).host.as_str(), support(&config).port), ("imap.gmail.com", 993));
}

#[test]
fn each_of_microsofts_clouds_is_one_word_for_login_mail_host_and_scope() {
    for (cloud, login, mail, scope) in [
        ("global", "login.microsoftonline.com", "outlook.office365.com", "https://outlook.office.com/"),
        ("gcc-high", "login.microsoftonline.us", "outlook.office365.us", "https://outlook.office365.us/"),
        ("dod", "login.microsoftonline.us", "outlook-dod.office365.us", "https://outlook.office365.us/"),
        ("china", "login.partner.microsoftonline.cn", "partner.outlook.cn", "https://partner.outlook.cn/"),
    ] {
        let table = format!("kind = \"microsoft\"\ntenant = \"contoso.com\"\ncloud = \"{cloud}\"\n");
        let config = sound(&with_provider(&table));
        let provider = config.providers.values().next().expect("the provider");
        let Endpoints::Explicit { token_url, .. } = &provider.endpoints else { panic!("{provider:?}") };
        assert_eq!(token_url.as_str(), format!("https://{login}/contoso.com/oauth2/v2.0/token"));
        assert_eq!(provider.scopes.first(), Some(&format!("{scope}IMAP.AccessAsUser.All")));
        assert!(provider.scopes.iter().any(|scope| scope == "offline_access"));
        let by_pop = sound(&with_provider(&table).replace("project =", "protocol = \"pop3\"\nproject ="));
        let scopes = by_pop.providers.values().next().map(|provider| provider.scopes.clone()).unwrap_or_default();
        assert_eq!(scopes.first(), Some(&format!("{scope}POP.AccessAsUser.All")), "only what is read is asked for");
        assert_eq!(provider.authorization_extras, [], "no prompt=consent: an administrator may have consented for all");
        assert_eq!((provider.redirect_uri.as_str(), support(&config).host.as_str()), ("http://localhost/", mail));
    }
}

#[test]
fn what_a_preset_says_may_be_said_otherwise() {
    let config = sound(&with_provider(
        "kind = \"microsoft\"\nauthorization_url = \"http://127.0.0.1:1/a\"\ntoken_url = \"http://127.0.0.1:1/t\"\n\
         device_url = \"http://127.0.0.1:1/d\"\nrevocation_url = \"http://127.0.0.1:1/r\"\nscopes = [\"x\"]\n",
    ));
    let provider = config.providers.values().next().expect("the provider");
    let Endpoints::Explicit { authorization_url, token_url } = &provider.endpoints else { panic!("{provider:?}") };
    let urls =
        [authorization_url.as_ref(), Some(token_url), provider.device_url.as_ref(), provider.revocation_url.as_ref()];
    assert_eq!(urls.map(|url| url.map(Url::path)), [Some("/a"), Some("/t"), Some("/d"), Some("/r")]);
    assert_eq!(provider.scopes, ["x"]);
}

#[test]
fn a_grant_that_a_provider_does_not_give_is_refused() {
    for (table, path) in [
        ("kind = \"google\"\ngrant = \"device\"\n", "provider.corp.grant"),
        ("kind = \"google\"\nissuer = \"https://accounts.google.com\"\n", "provider.corp.issuer"),
        ("kind = \"microsoft\"\ngrant = \"service-account\"\n", "provider.corp.grant"),
        (
            "kind = \"microsoft\"\ngrant = \"client-credentials\"\nclient_secret = { env = \"X\" }\n",
            "provider.corp.tenant",
        ),
        (
            "kind = \"microsoft\"\nclient_secret = { env = \"X\" }\nclient_certificate = { env = \"Y\" }\n",
            "provider.corp.client_certificate",
        ),
    ] {
        let problems = faults(&with_provider(table));
        assert!(problems.iter().any(|problem| problem.path == path), "{table}: {problems:#?}");
    }
}
