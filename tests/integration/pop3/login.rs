//! Signing in: what is shown to the server, and what its refusals mean.

use std::time::Duration;

use mail2jira::config::{Mechanism, Protocol, Secret, TlsMode};
use mail2jira::failure::{Scope, Verdict};
use mail2jira::mailbox::MailboxError;
use mail2jira::oauth::xoauth2::{oauthbearer, xoauth2};

use super::{only_login, with_password, with_token};
use crate::imap::peer::Client;

#[tokio::test]
async fn a_token_comes_on_a_line_of_its_own_however_long_it_is() {
    let token = "t".repeat(6000);
    let shown = xoauth2("ann@example.com", &Secret::new(token.as_str()));
    let dialogue = format!(
        "
        S: +OK The Microsoft Exchange POP3 service is ready.
        C: CAPA
        S: +OK
        S: TOP
        S: UIDL
        S: SASL PLAIN XOAUTH2
        S: .
        C: AUTH XOAUTH2
        S: +
        C: {}
        S: +OK User successfully authenticated.",
        shown.expose()
    );
    let client = Client::with_this_token(&token).set(|settings| settings.protocol = Protocol::Pop3);
    only_login(client, &dialogue).await.unwrap();
}

#[tokio::test]
async fn a_server_that_wants_the_token_in_the_command_gets_it_there() {
    let dialogue = "
        S: +OK
        C: CAPA
        S: -ERR what?
        C: AUTH XOAUTH2
        S: -ERR malformed command
        C: AUTH XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgVAEB
        S: +OK Welcome.";
    only_login(with_token(), dialogue).await.unwrap();
}

#[tokio::test]
async fn the_error_challenge_is_answered_with_an_empty_line_and_told() {
    let dialogue = "
        S: +OK Gpop ready
        C: CAPA
        S: +OK
        S: SASL PLAIN XOAUTH2 OAUTHBEARER
        S: .
        C: AUTH XOAUTH2
        S: +
        C: dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgVAEB
        S: + eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==
        C:
        S: -ERR [AUTH] Username and password not accepted.";
    let error = only_login(with_token(), dialogue).await.unwrap_err();
    let told = "[AUTH] Username and password not accepted. (status 400, wants the scope https://mail.google.com/)";
    assert!(matches!(&error, MailboxError::LoginRefused { words, .. } if words == told), "{error:?}");
}

#[tokio::test]
async fn oauthbearers_error_challenge_is_answered_with_its_own_sign() {
    let client = with_token();
    let shown = oauthbearer("ann@example.com", "127.0.0.1", client.settings.port, &Secret::new("T"));
    let dialogue = format!(
        "
        S: +OK
        C: CAPA
        S: +OK
        S: SASL OAUTHBEARER
        S: .
        C: AUTH OAUTHBEARER
        S: +
        C: {}
        S: + eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=
        C: AQ==
        S: -ERR [AUTH] Authentication failed.",
        shown.expose()
    );
    let error = only_login(client, &dialogue).await.unwrap_err();
    assert!(matches!(&error, MailboxError::LoginRefused { words, .. } if words.contains("invalid_token")), "{error:?}");
}

#[tokio::test]
async fn passwords_go_by_whatever_the_server_offers() {
    let plain = "
        C: AUTH PLAIN
        S: +
        C: AGFubgBwYXNz
        S: +OK";
    let login = "
        C: AUTH LOGIN
        S: + VXNlcm5hbWU6
        C: YW5u
        S: + UGFzc3dvcmQ6
        C: cGFzcw==
        S: +OK";
    let user = "
        C: USER ann
        S: +OK
        C: PASS pass
        S: +OK";
    for (capabilities, mechanism, dialogue) in [
        ("USER\n S: SASL LOGIN PLAIN", Mechanism::Auto, plain),
        ("USER\n S: SASL LOGIN PLAIN", Mechanism::Login, login),
        ("sasl login", Mechanism::Auto, login),
        ("USER\n S: SASL XOAUTH2", Mechanism::Auto, user),
        ("USER", Mechanism::Login, user),
    ] {
        let dialogue = format!("S: +OK\nC: CAPA\nS: +OK\nS: {capabilities}\nS: .\n{dialogue}");
        only_login(with_password().set(|settings| settings.mechanism = mechanism), &dialogue).await.unwrap();
    }
    for (capabilities, mechanism) in [("SASL XOAUTH2", Mechanism::Auto), ("USER", Mechanism::Plain)] {
        let dialogue = format!("S: +OK\nC: CAPA\nS: +OK\nS: {capabilities}\nS: .\n");
        let client = with_password().set(|settings| settings.mechanism = mechanism);
        let error = only_login(client, &dialogue).await.unwrap_err();
        assert!(matches!(error, MailboxError::NotOffered { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_password_cannot_smuggle_a_command() {
    let dialogue = "S: +OK\nC: CAPA\nS: -ERR";
    let client = Client::with_this_password("x\r\nDELE 1").set(|settings| settings.protocol = Protocol::Pop3);
    let error = only_login(client, dialogue).await.unwrap_err();
    assert!(matches!(error, MailboxError::NotOffered { .. }), "{error:?}");
}

#[tokio::test]
async fn a_refusal_of_the_credential_is_told_from_a_server_that_has_no_time() {
    for (answer, verdict) in [
        ("[AUTH] Authentication failed.", Verdict::Halt(Scope::Everything)),
        ("Logon failure: unknown user name or bad password.", Verdict::Halt(Scope::Everything)),
        ("[SYS/PERM] Your account is not enabled for POP access.", Verdict::Halt(Scope::Everything)),
        ("[IN-USE] Do you have another POP session running?", Verdict::Retry(None)),
        ("maildrop already locked", Verdict::Retry(None)),
        ("[LOGIN-DELAY] minimum time between mail checks violation", Verdict::Retry(None)),
        ("[SYS/TEMP] Temporary authentication failure.", Verdict::Retry(None)),
        (
            "[SYS/PERM] Account exceeded command or bandwidth limits. (Failure)",
            Verdict::Retry(Some(Duration::from_secs(3600))),
        ),
        (
            "Request is throttled. Suggested Backoff Time: 89117 milliseconds",
            Verdict::Retry(Some(Duration::from_millis(89_117))),
        ),
    ] {
        let dialogue = format!("S: +OK\nC: CAPA\nS: -ERR\nC: USER ann\nS: +OK\nC: PASS pass\nS: -ERR {answer}");
        let error = only_login(with_password(), &dialogue).await.unwrap_err();
        assert_eq!(error.verdict(), verdict, "{answer}: {error:?}");
    }
    let error = only_login(with_password(), "S: -ERR [SYS/TEMP] too busy").await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Retry(None), "{error:?}");
}

#[tokio::test]
async fn what_comes_in_the_clear_behind_the_answer_to_stls_ends_the_session() {
    let client = || with_password().set(|settings| settings.tls = TlsMode::StartTls);
    let dialogue = "
        S: +OK
        C: CAPA
        S: +OK
        S: STLS
        S: .
        C: STLS
        S| +OK begin\\r\\n+OK injected\\r\\n";
    let error = only_login(client(), dialogue).await.unwrap_err();
    assert!(matches!(&error, MailboxError::Protocol { words, .. } if words.contains("in the clear")), "{error:?}");
    let error = only_login(client(), "S: +OK\nC: CAPA\nS: +OK\nS: USER\nS: .").await.unwrap_err();
    assert!(matches!(&error, MailboxError::NotOffered { what, .. } if what == "STLS"), "{error:?}");
}
