//! Each cause that people meet, and the step that mends it.

use super::*;
use crate::config::{ClientAuth, Cloud, Endpoints, MailboxName, ProviderName, SecretRef, Tenancy};
use crate::mailbox::MailboxError;

fn mailbox(host: &str) -> MailboxSettings {
    MailboxSettings {
        address: "support@contoso.com".to_owned(),
        login: "alice@contoso.com".to_owned(),
        sign_in: SignIn::OAuth(ProviderName::parse("p").unwrap()),
        host: host.to_owned(),
        port: 993,
        ..crate::preview::default_settings(MailboxName::parse("support").unwrap())
    }
}

fn provider(kind: ProviderKind, grant: GrantType) -> ProviderSettings {
    ProviderSettings {
        kind,
        grant,
        endpoints: Endpoints::Discovery { issuer: "https://id.example.com".parse().unwrap() },
        device_url: None,
        revocation_url: None,
        client_id: "app-id".to_owned(),
        client_secret: None,
        client_certificate: None,
        secret_expires: None,
        client_auth: ClientAuth::Auto,
        userinfo_url: None,
        scopes: vec!["mail".to_owned()],
        authorization_extras: Vec::new(),
        redirect_uri: "http://localhost".parse().unwrap(),
        ca_file: None,
    }
}

fn microsoft(grant: GrantType) -> ProviderSettings {
    let tenancy = Tenancy { tenant: "contoso.com".to_owned(), cloud: Cloud::Global };
    provider(ProviderKind::Microsoft(tenancy), grant)
}

fn refused(words: &str) -> MailboxError {
    MailboxError::LoginRefused { server: "mail.example.com:993".to_owned(), words: words.to_owned() }
}

fn next(case: &Case<'_>, stage: Stage, error: &MailboxError) -> String {
    advice(case, stage, Evidence::of(stage, error)).expect("advice").next
}

#[test]
fn authenticated_but_not_connected_lists_its_causes_in_order() {
    let (settings, provider) = (mailbox("outlook.office365.com"), microsoft(GrantType::AuthorizationCode));
    let case = Case { settings: &settings, provider: Some(&provider), claims: None };
    let error = MailboxError::Refused {
        server: String::new(),
        command: "EXAMINE".to_owned(),
        words: "User is authenticated but not connected.".to_owned(),
        code: None,
    };
    let next = next(&case, Stage::Select, &error);
    let lines: Vec<&str> = next.lines().collect();
    assert!(lines[0].ends_with("Set-CASMailbox -Identity support@contoso.com -ImapEnabled $true"), "{next}");
    assert!(
        lines[1].ends_with(
            "Add-MailboxPermission -Identity support@contoso.com -User alice@contoso.com -AccessRights FullAccess"
        ),
        "{next}"
    );
    assert!(lines[2].contains("mail2jira authorize support"), "{next}");
    assert!(lines[3].contains("Outlook.com"), "{next}");
    let hung_up = MailboxError::Closed { server: String::new(), words: Some("Connection closed. 14".to_owned()) };
    assert!(advice(&case, Stage::Select, Evidence::of(Stage::Select, &hung_up)).is_some());
}

#[test]
fn a_refused_program_gets_the_powershell_lines_with_the_object_id_of_its_own_token() {
    let (mut settings, provider) = (mailbox("outlook.office365.com"), microsoft(GrantType::ClientCredentials));
    settings.protocol = Protocol::Pop3;
    let claims = Claims {
        audience: Some("https://outlook.office365.com".to_owned()),
        scopes: None,
        roles: Some(vec!["POP.AccessAsApp".to_owned()]),
        object_id: Some("object-id".to_owned()),
    };
    let case = Case { settings: &settings, provider: Some(&provider), claims: Some(&claims) };
    assert_eq!(of_token(&case), None);
    let next = next(&case, Stage::Login, &refused("AUTHENTICATE failed."));
    assert!(next.contains("New-ServicePrincipal -AppId app-id -ObjectId object-id\n"), "{next}");
    assert!(next.contains("Add-MailboxPermission -Identity support@contoso.com -User object-id"), "{next}");
    assert!(next.contains("-PopEnabled $true"), "{next}");
}

#[test]
fn a_token_without_the_permission_or_for_another_server_is_seen_before_it_is_shown() {
    let (settings, provider) = (mailbox("outlook.office365.com"), microsoft(GrantType::AuthorizationCode));
    let claims = |audience: &str, scopes: &str| Claims {
        audience: Some(audience.to_owned()),
        scopes: Some(scopes.to_owned()),
        ..Claims::default()
    };
    let of = |claims: &Claims| of_token(&Case { settings: &settings, provider: Some(&provider), claims: Some(claims) });
    let lacking = of(&claims("https://outlook.office.com", "openid Mail.Read")).unwrap();
    assert!(lacking.cause.contains("IMAP.AccessAsUser.All"), "{lacking:?}");
    let address = "https://login.microsoftonline.com/contoso.com/adminconsent?client_id=app-id";
    assert!(lacking.next.contains(address), "{lacking:?}");
    let graph = of(&claims("https://graph.microsoft.com", "IMAP.AccessAsUser.All")).unwrap();
    assert!(graph.cause.contains("https://graph.microsoft.com"), "{graph:?}");
    assert_eq!(of(&claims("https://outlook.office.com", "IMAP.AccessAsUser.All")), None);
}

#[test]
fn a_protocol_that_is_off_is_switched_on_where_that_is_done() {
    let google = provider(ProviderKind::Google, GrantType::AuthorizationCode);
    let gmail = mailbox("imap.gmail.com");
    let case = Case { settings: &gmail, provider: Some(&google), claims: None };
    let off = refused("[ALERT] Your account is not enabled for IMAP use.");
    assert!(next(&case, Stage::Login, &off).contains("enable IMAP"));
    let (exchange, microsoft) = (mailbox("outlook.office365.com"), microsoft(GrantType::AuthorizationCode));
    let case = Case { settings: &exchange, provider: Some(&microsoft), claims: None };
    assert!(next(&case, Stage::Login, &refused("AUTHENTICATE failed.")).contains("-ImapEnabled $true"));
}

#[test]
fn passwords_that_are_not_taken_any_more_are_told_from_wrong_ones() {
    let password = |host: &str| MailboxSettings {
        sign_in: SignIn::Password { username: "ann".to_owned(), secret: SecretRef::Env("X".to_owned()) },
        ..mailbox(host)
    };
    for (host, words, told) in [
        ("outlook.office365.com", "LOGIN failed.", "OAuth"),
        ("imap.gmail.com", "[ALERT] Application-specific password required", "apppasswords"),
        ("imap.gmail.com", "[AUTHENTICATIONFAILED] Invalid credentials (Failure)", "apppasswords"),
        ("mail.example.com", "LoginDenied: Basic authentication is disabled", "OAuth"),
        ("mail.example.com", "[AUTHENTICATIONFAILED] Authentication failed.", "`username`"),
    ] {
        let settings = password(host);
        let case = Case { settings: &settings, provider: None, claims: None };
        let next = next(&case, Stage::Login, &refused(words));
        assert!(next.contains(told), "{words}: {next}");
    }
}

#[test]
fn faults_of_tls_and_of_the_network_are_told_apart() {
    let settings = mailbox("mail.example.com");
    let case = Case { settings: &settings, provider: None, claims: None };
    let faults = [
        Evidence::NoAddress,
        Evidence::NoNameServer,
        Evidence::PortClosed,
        Evidence::NoAnswer,
        Evidence::NoRoute,
        Evidence::Tls(TlsFault::UnknownCa),
        Evidence::Tls(TlsFault::NameMismatch),
        Evidence::Tls(TlsFault::Expired),
        Evidence::Tls(TlsFault::NotYetValid),
        Evidence::Tls(TlsFault::AuthoritysOwn),
        Evidence::Tls(TlsFault::Certificate),
        Evidence::Tls(TlsFault::NotTls),
        Evidence::Tls(TlsFault::NothingInCommon),
        Evidence::Tls(TlsFault::HungUp),
    ];
    let told: Vec<Advice> = faults.iter().filter_map(|evidence| advice(&case, Stage::Tls, *evidence)).collect();
    let causes: std::collections::BTreeSet<&str> = told.iter().map(|advice| advice.cause.as_str()).collect();
    assert_eq!(causes.len(), faults.len(), "{causes:#?}");
    let upgraded = MailboxSettings { tls: TlsMode::StartTls, ..settings };
    let case = Case { settings: &upgraded, provider: None, claims: None };
    let silent = advice(&case, Stage::Tls, Evidence::Tls(TlsFault::Silent)).unwrap();
    assert!(silent.next.contains("tls = \"implicit\""), "{silent:?}");
}
