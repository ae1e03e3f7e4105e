//! Access tokens through rotation, refusals, outages, faults of the store and kills.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use mail2jira::clock::{Clock as _, SystemClock};
use mail2jira::config::Secret;
use mail2jira::oauth::provider::Provider;
use mail2jira::oauth::tokens::{AccessTokens, GrantState, Grants as _, LOCK_S, Rejection, TokensError};
use mail2jira::oauth::{AccessToken, Grant, RefreshEnd};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::store::{Disk, Mishap, Store, TestClock};
use super::stub::{Fault, Stub};

/// A provider, a disk and a clock; processes come and go.
struct World {
    stub: Stub,
    provider: Arc<Provider>,
    disk: Arc<Mutex<Disk>>,
    clock: TestClock,
}

struct Process {
    store: Arc<Store>,
    tokens: Arc<AccessTokens>,
}

impl World {
    async fn new() -> Self {
        let stub = Stub::start().await;
        let provider = Arc::new(Provider::new(stub.settings(), Arc::new(SystemClock)).unwrap());
        let world = Self { stub, provider, disk: Arc::default(), clock: TestClock::new() };
        world.consent().await;
        world
    }

    /// As `authorize` in another process does it.
    async fn consent(&self) {
        let now = self.clock.now();
        let access = AccessToken { token: Secret::new("at-first"), expires_at: now + SignedDuration::from_secs(3600) };
        let grant = Grant {
            refresh_token: Secret::new(self.stub.issue()),
            access: Some(access),
            granted_at: now,
            identity: Some("alice@example.com".to_owned()),
            scopes: vec!["mail".to_owned()],
            refresh_end: RefreshEnd::Untold,
        };
        Store::new(&self.disk, &self.clock).save_consent("support", &grant).await.unwrap();
    }

    fn process(&self) -> Process {
        let store = Store::new(&self.disk, &self.clock);
        let clock = Arc::new(self.clock.clone());
        let tokens =
            Arc::new(AccessTokens::new("support", "alice@example.com", self.provider.clone(), store.clone(), clock));
        Process { store, tokens }
    }

    fn stored(&self) -> mail2jira::oauth::tokens::StoredGrant {
        self.disk.lock().unwrap().grants["support"].clone()
    }

    fn expire(&self) {
        self.clock.advance(3600);
    }
}

#[tokio::test]
async fn a_good_token_is_handed_out_without_asking_the_provider() {
    let world = World::new().await;
    assert_eq!(world.process().tokens.get().await.unwrap().expose(), "at-first");
    assert_eq!(world.stub.requests(), 0);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_stored_and_used_the_next_time() {
    let world = World::new().await;
    let process = world.process();
    let mut before = world.stored().grant.refresh_token;
    for _ in 0..3 {
        world.expire();
        let token = process.tokens.get().await.unwrap();
        let stored = world.stored().grant;
        assert_eq!(stored.access.unwrap().token, token);
        assert_eq!(world.stub.last_request()["refresh_token"], before.expose());
        assert_ne!(stored.refresh_token, before);
        assert_eq!((stored.identity.as_deref(), stored.scopes.len()), (Some("alice@example.com"), 1));
        before = stored.refresh_token;
    }
}

#[tokio::test]
async fn a_token_is_replaced_ahead_of_its_end_and_not_at_every_use() {
    let world = World::new().await;
    let process = world.process();
    world.expire();
    process.tokens.get().await.unwrap();
    world.clock.advance(3000);
    process.tokens.get().await.unwrap();
    assert_eq!(world.stub.requests(), 1);
    world.clock.advance(301);
    process.tokens.get().await.unwrap();
    assert_eq!(world.stub.requests(), 2);
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let world = World::new().await;
    world.stub.set(|behaviour| behaviour.rotates = false);
    let before = world.stored().grant.refresh_token;
    world.expire();
    world.process().tokens.get().await.unwrap();
    assert_eq!(world.stored().grant.refresh_token, before);
}

#[tokio::test]
async fn many_who_ask_at_once_make_one_request() {
    let world = World::new().await;
    let process = world.process();
    world.expire();
    let mut asking = JoinSet::new();
    for _ in 0..20 {
        let tokens = process.tokens.clone();
        asking.spawn(async move { tokens.get().await.unwrap().expose().to_owned() });
    }
    let mut tokens = asking.join_all().await;
    tokens.dedup();
    assert_eq!((tokens.len(), world.stub.requests()), (1, 1));
}

#[tokio::test]
async fn processes_that_ask_at_once_make_one_request() {
    let world = World::new().await;
    let processes: Vec<_> = (0..4).map(|_| world.process()).collect();
    world.expire();
    let gate = Arc::new(Semaphore::new(0));
    world.stub.fail(Fault::Hold(gate.clone()));
    let mut asking = JoinSet::new();
    for process in &processes {
        let tokens = process.tokens.clone();
        asking.spawn(async move { tokens.get().await.unwrap().expose().to_owned() });
    }
    while world.stub.requests() == 0 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(1);
    let mut tokens = asking.join_all().await;
    tokens.dedup();
    assert_eq!((tokens.len(), world.stub.requests()), (1, 1));
}

#[tokio::test]
async fn who_gets_the_lock_late_does_not_refresh_what_is_fresh() {
    let world = World::new().await;
    let (late, early) = (world.process(), world.process());
    world.expire();
    let gate = Arc::new(Semaphore::new(0));
    late.store.hold(1, &gate);
    let first = async {
        let token = early.tokens.get().await.unwrap();
        gate.add_permits(1);
        token
    };
    let (late, early) = tokio::join!(late.tokens.get(), first);
    assert_eq!((late.unwrap(), world.stub.requests()), (early, 1));
}

#[tokio::test]
async fn while_another_process_refreshes_a_good_token_is_not_waited_for() {
    let world = World::new().await;
    let until = world.clock.now() + SignedDuration::from_secs(7200);
    assert!(world.process().store.lock_refresh("support", "another", until).await.unwrap());
    world.clock.advance(3400);
    assert_eq!(world.process().tokens.get().await.unwrap().expose(), "at-first");
    assert_eq!(world.stub.requests(), 0);
}

#[tokio::test]
async fn a_dead_grant_is_recorded_once_and_not_asked_for_again() {
    let world = World::new().await;
    let process = world.process();
    world.stub.revoke_all();
    world.expire();
    for _ in 0..3 {
        let error = process.tokens.get().await.unwrap_err();
        let TokensError::NeedsConsent { reason, since } = error else { panic!("{error}") };
        assert_eq!(reason, "invalid_grant: Token has been expired or revoked.");
        assert_eq!(since, Some(world.clock.now()));
    }
    assert_eq!((world.stub.requests(), world.disk.lock().unwrap().consents_needed), (1, 1));
    assert!(matches!(world.stored().state, GrantState::Needed { .. }));
}

#[tokio::test]
async fn a_refusal_that_could_not_be_recorded_is_recorded_the_next_time() {
    for mishap in [Mishap::FailBefore, Mishap::FailAfter] {
        let world = World::new().await;
        let process = world.process();
        world.stub.revoke_all();
        world.expire();
        process.store.plan(SAVE, mishap);
        assert!(matches!(process.tokens.get().await, Err(TokensError::Store(_))));
        assert!(matches!(process.tokens.get().await, Err(TokensError::NeedsConsent { .. })));
        assert_eq!(world.disk.lock().unwrap().consents_needed, 1);
    }
}

#[tokio::test]
async fn a_consent_given_in_another_process_is_seen_at_once() {
    let world = World::new().await;
    let process = world.process();
    world.stub.revoke_all();
    world.expire();
    process.tokens.get().await.unwrap_err();
    world.consent().await;
    assert_eq!(process.tokens.get().await.unwrap().expose(), "at-first");
    world.expire();
    process.tokens.get().await.unwrap();
}

#[tokio::test]
async fn a_mailbox_that_nobody_consented_for_says_so() {
    let world = World::new().await;
    world.disk.lock().unwrap().grants.clear();
    let error = world.process().tokens.get().await.unwrap_err();
    assert_eq!(error.to_string(), "consent is needed (nobody has consented yet)");
}

#[tokio::test]
async fn trouble_at_the_provider_is_never_taken_for_a_refusal() {
    for (status, body) in [
        (500, r#"{"error":"invalid_grant"}"#),
        (503, ""),
        (429, r#"{"error":"invalid_grant"}"#),
        (400, "<html>invalid_grant</html>"),
        (400, r#"{"error":"temporarily_unavailable"}"#),
        (403, "forbidden by the proxy"),
        (302, ""),
        (200, "<html>Sign in to the hotel's network</html>"),
    ] {
        let world = World::new().await;
        let process = world.process();
        world.clock.advance(3400);
        world.stub.answer(status, body);
        assert_eq!(process.tokens.get().await.unwrap().expose(), "at-first", "{status}: good to its end");
        world.clock.advance(200);
        world.stub.answer(status, body);
        let error = process.tokens.get().await.unwrap_err();
        assert!(matches!(error, TokensError::Unavailable { .. }), "{status}: {error}");
        assert_eq!(world.stored().state, GrantState::Granted);
        world.clock.advance(3600);
        process.tokens.get().await.unwrap();
    }
}

#[tokio::test]
async fn a_provider_in_trouble_is_left_alone_for_as_long_as_it_asks() {
    let world = World::new().await;
    let process = world.process();
    world.expire();
    world.stub.fail(Fault::Answer(503, vec![("retry-after", "300")], String::new()));
    process.tokens.get().await.unwrap_err();
    world.clock.advance(200);
    let error = process.tokens.get().await.unwrap_err();
    let TokensError::Unavailable { retry_after, .. } = error else { panic!("{error}") };
    assert_eq!((retry_after, world.stub.requests()), (Some(Duration::from_secs(100)), 1));
    world.clock.advance(100);
    process.tokens.get().await.unwrap();
}

#[tokio::test]
async fn a_refused_client_is_a_matter_of_configuration_and_costs_no_consent() {
    let world = World::new().await;
    let process = world.process();
    world.stub.set(|behaviour| behaviour.client_secret = "another".to_owned());
    world.expire();
    let error = process.tokens.get().await.unwrap_err();
    assert!(matches!(error, TokensError::Misconfigured { .. }), "{error}");
    assert_eq!(world.stored().state, GrantState::Granted);
    std::fs::write(&world.stub.secret_file, "another").unwrap();
    world.clock.advance(60);
    process.tokens.get().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_was_lost_after_rotation_is_survived_where_the_provider_allows() {
    let world = World::new().await;
    world.stub.set(|behaviour| behaviour.grace = true);
    let process = world.process();
    world.expire();
    world.stub.fail(Fault::LoseAnswer);
    let error = process.tokens.get().await.unwrap_err();
    assert!(matches!(error, TokensError::Unavailable { .. }), "{error}");
    world.clock.advance(10);
    process.tokens.get().await.unwrap();
    // Without grace nobody can help, but it is known within one request.
    world.stub.set(|behaviour| behaviour.grace = false);
    world.expire();
    world.stub.fail(Fault::LoseAnswer);
    process.tokens.get().await.unwrap_err();
    world.clock.advance(10);
    assert!(matches!(process.tokens.get().await, Err(TokensError::NeedsConsent { .. })));
}

#[tokio::test]
async fn whoever_gives_up_waiting_does_not_lose_the_rotated_token() {
    let world = World::new().await;
    let process = world.process();
    world.expire();
    let gate = Arc::new(Semaphore::new(0));
    world.stub.fail(Fault::Hold(gate.clone()));
    let mut asking = Box::pin(process.tokens.get());
    while world.stub.requests() == 0 {
        assert!(futures_util::poll!(&mut asking).is_pending());
        tokio::task::yield_now().await;
    }
    drop(asking);
    gate.add_permits(1);
    process.tokens.finish().await;
    assert_eq!(world.disk.lock().unwrap().refreshes_saved, 1);
    assert_eq!(process.tokens.get().await.unwrap(), world.stored().grant.access.unwrap().token);
    assert_eq!(world.stub.requests(), 1);
}

#[tokio::test]
async fn a_token_that_the_mail_server_refuses_is_replaced_once() {
    let world = World::new().await;
    let process = world.process();
    let first = process.tokens.get().await.unwrap();
    assert_eq!(process.tokens.rejected(&first).await, Rejection::Replaced);
    let second = process.tokens.get().await.unwrap();
    assert_ne!(first, second);
    assert_eq!(process.tokens.rejected(&second).await, Rejection::NotTheToken);
    assert_eq!(process.tokens.get().await.unwrap(), second);
    assert_eq!(world.stub.requests(), 1);
}

#[tokio::test]
async fn a_replacement_that_a_server_took_is_replaced_too_when_it_is_refused_later() {
    let world = World::new().await;
    let tokens = world.process().tokens;
    let first = tokens.get().await.unwrap();
    tokens.rejected(&first).await;
    let second = tokens.get().await.unwrap();
    tokens.accepted(&second);
    assert_eq!(tokens.rejected(&second).await, Rejection::Replaced);
    let third = tokens.get().await.unwrap();
    assert_eq!(tokens.rejected(&third).await, Rejection::NotTheToken);
    world.clock.advance(600);
    assert_eq!(tokens.rejected(&third).await, Rejection::Replaced, "that was long ago");
}

#[tokio::test]
async fn a_consent_that_comes_during_a_refresh_wins() {
    let world = World::new().await;
    let process = world.process();
    world.expire();
    let gate = Arc::new(Semaphore::new(0));
    world.stub.fail(Fault::Hold(gate.clone()));
    let consent = async {
        while world.stub.requests() == 0 {
            tokio::task::yield_now().await;
        }
        world.consent().await;
        gate.add_permits(1);
    };
    let (token, ()) = tokio::join!(process.tokens.get(), consent);
    assert_eq!(token.unwrap().expose(), "at-first");
    assert_eq!(world.stored().state, GrantState::Granted);
}

/// The calls of one refresh: read, lock, read under the lock, save.
const CALLS: usize = 4;
const SAVE: usize = 3;

/// Dies in the middle of a refresh, comes back, and says whether a token was to be had.
async fn killed_at(world: &World, call: usize, mishap: Mishap) -> Result<Secret, TokensError> {
    let process = world.process();
    world.expire();
    process.store.plan(call, mishap);
    tokio::select! {
        biased;
        () = process.store.killed.notified() => {}
        token = process.tokens.get() => panic!("survived call {call}: {token:?}"),
    }
    world.clock.advance(LOCK_S as i64 + 1);
    world.process().tokens.get().await
}

#[tokio::test]
async fn a_kill_at_any_call_of_a_refresh_is_survived_at_a_provider_with_grace() {
    for call in 0..CALLS {
        for mishap in [Mishap::KillBefore, Mishap::KillAfter] {
            let world = World::new().await;
            world.stub.set(|behaviour| behaviour.grace = true);
            killed_at(&world, call, mishap).await.unwrap();
            world.expire();
            world.process().tokens.get().await.unwrap();
        }
    }
}

#[tokio::test]
async fn without_grace_only_a_kill_between_the_answer_and_its_saving_costs_the_grant() {
    for call in 0..CALLS {
        for mishap in [Mishap::KillBefore, Mishap::KillAfter] {
            let world = World::new().await;
            let outcome = killed_at(&world, call, mishap).await;
            let lost = matches!(outcome, Err(TokensError::NeedsConsent { .. }));
            assert_eq!(lost, (call, mishap) == (SAVE, Mishap::KillBefore), "{call} {mishap:?}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_store_that_fails_at_any_call_costs_nothing_even_without_grace() {
    for call in 0..CALLS {
        for mishap in [Mishap::FailBefore, Mishap::FailAfter] {
            let world = World::new().await;
            let process = world.process();
            world.expire();
            process.store.plan(call, mishap);
            let _told = process.tokens.get().await;
            world.clock.advance(LOCK_S as i64 + 1);
            process.tokens.get().await.unwrap_or_else(|error| panic!("{call} {mishap:?}: {error}"));
            world.expire();
            process.tokens.get().await.unwrap_or_else(|error| panic!("{call} {mishap:?}, later: {error}"));
        }
    }
}

#[tokio::test]
async fn a_store_that_stays_down_after_a_rotation_gets_the_token_when_it_is_back() {
    let world = World::new().await;
    let process = world.process();
    world.expire();
    (SAVE..SAVE + 4).for_each(|call| process.store.plan(call, Mishap::FailBefore));
    assert!(matches!(process.tokens.get().await, Err(TokensError::Store(_))));
    assert_eq!(world.disk.lock().unwrap().refreshes_saved, 0);
    let token = process.tokens.get().await.unwrap();
    assert_eq!(world.stored().grant.access.unwrap().token, token);
    assert_eq!(world.stub.requests(), 1, "the spent refresh token was not used again");
}

#[tokio::test]
async fn after_a_thousand_rounds_with_kills_the_grant_still_lives() {
    let world = World::new().await;
    world.stub.set(|behaviour| behaviour.grace = true);
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..1000 {
        let mishap = random.choice([Mishap::KillBefore, Mishap::KillAfter]).unwrap();
        killed_at(&world, random.usize(..CALLS), mishap).await.unwrap_or_else(|error| panic!("{round}: {error}"));
    }
    assert_eq!(world.disk.lock().unwrap().consents_needed, 0);
}

#[tokio::test]
async fn no_error_of_the_tokens_holds_one() {
    let world = World::new().await;
    let process = world.process();
    let refresh_token = world.stored().grant.refresh_token.expose().to_owned();
    world.expire();
    for (status, code) in [(503, "x"), (401, "invalid_client"), (400, "invalid_grant")] {
        world.stub.answer(status, &format!(r#"{{"error":"{code}","error_description":"{refresh_token}"}}"#));
        if code == "invalid_client" {
            world.stub.answer(401, &format!(r#"{{"error":"{code}","error_description":"{refresh_token}"}}"#));
        }
        let error = process.tokens.get().await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&refresh_token), "{error:?}");
        world.clock.advance(3600);
    }
    assert!(!format!("{:?}", world.stored()).contains("secret"));
}
