//! Signing in: what is shown to the server, and what its refusals mean.

use std::time::Duration;

use mail2jira::config::{Mechanism, Secret, TlsMode};
use mail2jira::failure::{Scope, Verdict};
use mail2jira::mailbox::MailboxError;
use mail2jira::oauth::xoauth2::{oauthbearer, xoauth2};

use super::only_login;
use super::peer::Client;

#[tokio::test]
async fn a_token_is_shown_in_one_line_where_the_server_takes_it_and_capabilities_are_asked_for_again() {
    let dialogue = "
        S: * OK ready
        C: T1 CAPABILITY
        S: * CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER ID
        S: T1 OK done
        C: T2 AUTHENTICATE XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgVAEB
        S: T2 OK done
        C: T3 CAPABILITY
        S: * CAPABILITY IMAP4rev1 IDLE
        S: T3 OK done";
    let pushes = Client::with_token().talk(dialogue, async |mailbox| Ok(mailbox.pushes())).await.unwrap();
    assert!(pushes);
}

#[tokio::test]
async fn without_sasl_ir_the_token_waits_for_the_continuation() {
    for continuation in ["+", "+ "] {
        let dialogue = format!(
            "
            S: * OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2] ready
            C: T1 AUTHENTICATE XOAUTH2
            S: {continuation}
            C: dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgVAEB
            S: T1 OK [CAPABILITY IMAP4rev1 ID] in
            C: T2 ID (\"name\" \"mail2jira\" \"version\" \"0.1.0\")
            S: * ID (\"name\" \"x\" \"vendor\" NIL)
            S: T2 OK done"
        );
        only_login(Client::with_token(), &dialogue).await.unwrap();
    }
}

#[tokio::test]
async fn a_long_token_waits_for_the_continuation_even_where_the_server_takes_short_ones_at_once() {
    let client = Client::with_this_token(&"t".repeat(5000));
    let shown = xoauth2("ann@example.com", &Secret::new("t".repeat(5000)));
    let dialogue = format!(
        "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready
        C: T1 AUTHENTICATE XOAUTH2
        S: +
        C: {}
        S: T1 OK [CAPABILITY IMAP4rev1] in",
        shown.expose()
    );
    only_login(client, &dialogue).await.unwrap();
}

#[tokio::test]
async fn gmails_error_challenge_is_answered_with_an_empty_line_and_told() {
    let dialogue = "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready
        C: T1 AUTHENTICATE XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgVAEB
        S: + eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==
        C:
        S: T1 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)";
    let error = only_login(Client::with_token(), dialogue).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Halt(Scope::Everything));
    let MailboxError::LoginRefused { words, .. } = error else { panic!("{error:?}") };
    let told =
        "[AUTHENTICATIONFAILED] Invalid credentials (Failure) (status 400, wants the scope https://mail.google.com/)";
    assert_eq!(words, told);
}

#[tokio::test]
async fn oauthbearers_error_challenge_is_answered_with_its_own_sign() {
    let client = Client::with_token();
    let shown = oauthbearer("ann@example.com", "127.0.0.1", client.settings.port, &Secret::new("T"));
    let dialogue = format!(
        "
        S: * OK [CAPABILITY IMAP4rev1 AUTH=OAUTHBEARER] ready
        C: T1 AUTHENTICATE OAUTHBEARER
        S: +
        C: {}
        S: + eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=
        C: AQ==
        S: T1 NO [AUTHENTICATIONFAILED] Authentication failed.",
        shown.expose()
    );
    let error = only_login(client, &dialogue).await.unwrap_err();
    assert!(matches!(error, MailboxError::LoginRefused { words, .. } if words.contains("invalid_token")));
}

#[tokio::test]
async fn a_refusal_of_the_credential_is_told_from_a_server_that_has_no_time() {
    for (answer, verdict) in [
        ("NO AUTHENTICATE failed.", Verdict::Halt(Scope::Everything)),
        ("NO [AUTHENTICATIONFAILED] Authentication failed.", Verdict::Halt(Scope::Everything)),
        ("NO [PRIVACYREQUIRED] not without TLS", Verdict::Halt(Scope::Everything)),
        ("NO [UNAVAILABLE] Temporary authentication failure.", Verdict::Retry(None)),
        ("NO [ALERT] Too many simultaneous connections. (Failure)", Verdict::Retry(Some(Duration::from_secs(120)))),
        ("NO [LIMIT] enough for now", Verdict::Retry(Some(Duration::from_secs(300)))),
        (
            "NO [OVERQUOTA] Account exceeded command or bandwidth limits.",
            Verdict::Retry(Some(Duration::from_secs(3600))),
        ),
        ("NO Account exceeded command or bandwidth limits. (Failure)", Verdict::Retry(Some(Duration::from_secs(3600)))),
        ("NO Server Unavailable. 15", Verdict::Retry(None)),
        ("BAD", Verdict::Retry(None)),
        (
            "BAD Request is throttled. Suggested Backoff Time: 89117 milliseconds",
            Verdict::Retry(Some(Duration::from_millis(89_117))),
        ),
    ] {
        let dialogue = format!(
            "
            S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
            C: T1 AUTHENTICATE PLAIN AGFubgBwYXNz
            S: T1 {answer}"
        );
        let error = only_login(Client::with_password(), &dialogue).await.unwrap_err();
        assert_eq!(error.verdict(), verdict, "{answer}: {error:?}");
    }
}

#[tokio::test]
async fn passwords_go_by_whatever_the_server_offers() {
    let authenticate_login = "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=LOGIN] ready
        C: T1 AUTHENTICATE LOGIN
        S: + VXNlcm5hbWU6
        C: YW5u
        S: + UGFzc3dvcmQ6
        C: cGFzcw==
        S: T1 OK [CAPABILITY IMAP4rev1] in";
    only_login(Client::with_password(), authenticate_login).await.unwrap();
    let command = r#"
        S: * OK [CAPABILITY IMAP4rev1] ready
        C: T1 LOGIN "ann" "pa\"ss\\"
        S: T1 OK [CAPABILITY IMAP4rev1] in"#;
    only_login(Client::with_this_password("pa\"ss\\"), command).await.unwrap();
    let preauth = "S: * PREAUTH [CAPABILITY IMAP4rev1] welcome";
    only_login(Client::with_password(), preauth).await.unwrap();
}

#[tokio::test]
async fn what_is_not_offered_is_named() {
    let not_offered = async |client: Client, capabilities: &str| {
        let greeting = format!("S: * OK [CAPABILITY IMAP4rev1 {capabilities}] ready");
        match only_login(client, &greeting).await.unwrap_err() {
            MailboxError::NotOffered { what, .. } => what,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(not_offered(Client::with_token(), "AUTH=PLAIN").await, "XOAUTH2 or OAUTHBEARER");
    assert_eq!(not_offered(Client::with_password(), "LOGINDISABLED").await, "PLAIN or LOGIN");
    assert_eq!(
        not_offered(Client::with_this_password("pässword"), "ID").await,
        "AUTH=PLAIN, which this password needs"
    );
    let plain = Client::with_password().set(|settings| settings.mechanism = Mechanism::Plain);
    assert_eq!(not_offered(plain, "AUTH=LOGIN").await, "PLAIN");
    let starttls = Client::with_password().set(|settings| settings.tls = TlsMode::StartTls);
    assert_eq!(not_offered(starttls, "AUTH=PLAIN").await, "STARTTLS");
}

#[tokio::test]
async fn a_login_without_tls_is_not_forced_on_us_by_preauth() {
    let client = Client::with_password().set(|settings| settings.tls = TlsMode::StartTls);
    let error = only_login(client, "S: * PREAUTH [CAPABILITY IMAP4rev1] welcome").await.unwrap_err();
    assert!(matches!(error, MailboxError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn a_goodbye_instead_of_a_greeting_and_no_imap_at_all_are_told_apart() {
    let error = only_login(Client::with_password(), "S: * BYE Too busy for ann@example.com").await.unwrap_err();
    assert!(matches!(&error, MailboxError::Closed { words: Some(words), .. } if words == "Too busy for [address]"));
    let error = only_login(Client::with_password(), "S: HTTP/1.1 400 Bad Request").await.unwrap_err();
    assert!(matches!(error, MailboxError::Protocol { .. }), "{error:?}");
    let error = only_login(Client::with_password(), "X").await.unwrap_err();
    assert!(matches!(error, MailboxError::Closed { words: None, .. }), "{error:?}");
}
