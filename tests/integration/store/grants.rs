//! Consents at rest, and the key that seals them.

use mail2jira::config::Secret;
use mail2jira::oauth::tokens::GrantState;
use mail2jira::oauth::{AccessToken, Grant, RefreshEnd};
use mail2jira::store::grants::{Age, Holder, Refused};
use mail2jira::store::{StoreError, key};
use mail2jira::vault::{Holdings, VaultError};

use super::book::{Kind, apart, at, on, on_both};

fn grant(token: &str) -> Grant {
    Grant {
        refresh_token: Secret::new(format!("refresh-{token}")),
        access: Some(AccessToken { token: Secret::new(format!("access-{token}")), expires_at: at(3_600) }),
        granted_at: at(0),
        identity: Some("alice@example.com".to_owned()),
        scopes: vec!["mail".to_owned()],
        refresh_end: RefreshEnd::Untold,
    }
}

#[test]
fn a_grant_comes_back_sealed_in_between_and_every_write_raises_its_generation() {
    on_both(async |book| {
        let ledger = &book.ledger;
        assert_eq!(ledger.grant("support").await.unwrap(), None);
        ledger.save_consent("support", &grant("one")).await.unwrap();
        let first = ledger.grant("support").await.unwrap().unwrap();
        assert_eq!((&first.grant, &first.state), (&grant("one"), &GrantState::Granted));
        assert!(ledger.save_refreshed("support", first.generation, &grant("two"), at(3)).await.unwrap());
        assert!(
            !ledger.save_refreshed("support", first.generation, &grant("three"), at(3)).await.unwrap(),
            "overtaken"
        );
        let second = ledger.grant("support").await.unwrap().unwrap();
        assert_eq!(second.grant, grant("two"));
        assert!(second.generation > first.generation);
        let raw = book.raw();
        for secret in ["refresh-two", "access-two", "alice@example.com"] {
            assert!(!raw.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        }
    });
}

#[test]
fn a_refusal_is_recorded_for_the_grant_it_was_about_and_a_new_consent_ends_it() {
    on_both(async |book| {
        let ledger = &book.ledger;
        ledger.save_consent("support", &grant("one")).await.unwrap();
        let generation = ledger.grant("support").await.unwrap().unwrap().generation;
        assert!(ledger.record_consent_needed("support", generation, refused("revoked", at(5))).await.unwrap());
        assert!(ledger.record_consent_needed("support", generation, refused("still revoked", at(9))).await.unwrap());
        let needed = GrantState::Needed { reason: "still revoked".to_owned(), since: at(5) };
        let summaries = ledger.grants().await.unwrap();
        assert_eq!((summaries.len(), &summaries[0].state), (1, &needed));
        assert_eq!((summaries[0].subject.as_str(), summaries[0].granted_at), ("support", Some(at(0))));
        ledger.save_consent("support", &grant("two")).await.unwrap();
        assert!(
            !ledger.record_consent_needed("support", generation, refused("late", at(10))).await.unwrap(),
            "overtaken"
        );
        assert_eq!(ledger.grant("support").await.unwrap().unwrap().state, GrantState::Granted);
    });
}

#[test]
fn the_right_to_refresh_is_one_owners_until_it_is_given_back_or_runs_out() {
    on_both(async |book| {
        let ledger = &book.ledger;
        ledger.save_consent("support", &grant("one")).await.unwrap();
        assert!(ledger.lock_refresh("support", "a", at(0), at(30)).await.unwrap());
        assert!(ledger.lock_refresh("support", "a", at(1), at(31)).await.unwrap(), "its own");
        assert!(!ledger.lock_refresh("support", "b", at(30), at(60)).await.unwrap());
        ledger.unlock_refresh("support", "b").await.unwrap();
        assert!(!ledger.lock_refresh("support", "b", at(30), at(60)).await.unwrap(), "b had nothing to give back");
        assert!(ledger.lock_refresh("support", "b", at(31), at(60)).await.unwrap(), "it ran out");
        ledger.unlock_refresh("support", "b").await.unwrap();
        let (killed, busy) = (Holder::Daemon.named("killed"), Holder::Command.named("busy"));
        assert!(ledger.lock_refresh("support", &killed, at(32), at(900)).await.unwrap());
        assert_eq!(ledger.free_refresh_locks().await.unwrap(), 1);
        assert!(ledger.lock_refresh("support", &busy, at(33), at(60)).await.unwrap());
        assert_eq!(ledger.free_refresh_locks().await.unwrap(), 0, "a command may be refreshing while a daemon starts");
        assert!(!ledger.lock_refresh("support", "c", at(59), at(90)).await.unwrap());
        assert!(ledger.lock_refresh("support", "c", at(60), at(90)).await.unwrap());
        let generation = ledger.grant("support").await.unwrap().unwrap().generation;
        assert!(ledger.save_refreshed("support", generation, &grant("two"), at(3)).await.unwrap());
        assert!(ledger.lock_refresh("support", "d", at(61), at(90)).await.unwrap(), "saving gives it back");
    });
}

#[test]
fn a_grant_moved_to_another_mailbox_does_not_open() {
    on(Kind::Sqlite, &async |book| {
        book.ledger.save_consent("support", &grant("one")).await.unwrap();
        book.ask("UPDATE grants SET subject = 'sales' RETURNING subject");
        let moved = book.ledger.grant("sales").await;
        assert!(matches!(moved, Err(StoreError::Vault(VaultError::Tampered { .. }))), "{moved:?}");
    });
}

#[test]
fn what_is_sealed_is_known_before_there_is_a_vault() {
    for seal in [Seal::Proof, Seal::Grant, Seal::Message] {
        on_both(async |book| {
            assert_eq!(holdings(book).await, Holdings::Nothing);
            match seal {
                Seal::Proof => prove(book),
                Seal::Grant => book.ledger.save_consent("support", &grant("one")).await.unwrap(),
                Seal::Message => drop(book.new_message(book.letter(1)).await),
            }
            assert_eq!(holdings(book).await, Holdings::Sealed, "{seal:?}");
        });
    }
}

#[derive(Debug, Clone, Copy)]
enum Seal {
    Proof,
    Grant,
    Message,
}

async fn holdings(book: &super::book::Book) -> Holdings {
    apart(|| key::holdings(&mut book.database().connect().unwrap()).unwrap())
}

fn prove(book: &super::book::Book) {
    apart(|| key::prove(&mut book.database().connect().unwrap(), &book.vault).unwrap());
}

fn refused(reason: &str, at: jiff::Timestamp) -> Refused {
    Refused { reason: reason.to_owned(), at, age: Age::Accidental }
}
