//! The vault and the places that secrets are read from.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use mail2jira::config::{Secret, SecretError, SecretRef, SecretWarning, StateSettings, VaultSettings};
use mail2jira::vault::{Holdings, Vault, VaultError, VaultKey};
use tempfile::TempDir;

fn vault() -> Vault {
    Vault::from_key(&VaultKey::generate().unwrap()).unwrap()
}

fn sqlite(directory: &TempDir) -> StateSettings {
    StateSettings::Sqlite { path: directory.path().join("state.db") }
}

fn keyless() -> VaultSettings {
    VaultSettings { key: None }
}

#[test]
fn what_is_sealed_opens_again_whatever_its_length() {
    let vault = vault();
    for length in [0, 1, 15, 16, 17, 10_000, 1 << 20] {
        let plain = vec![b'x'; length];
        let sealed = vault.seal("body:1", &plain).unwrap();
        assert_eq!(*vault.unseal("body:1", &sealed).unwrap(), plain);
    }
}

#[test]
fn the_same_value_never_looks_the_same_and_never_shows() {
    let vault = vault();
    let (first, second) = (vault.seal("c", b"refresh-token").unwrap(), vault.seal("c", b"refresh-token").unwrap());
    assert_ne!(first, second);
    assert!(!first.windows(7).any(|window| window == b"refresh"));
}

#[test]
fn a_value_moved_to_another_mailbox_does_not_open() {
    let vault = vault();
    let sealed = vault.seal("grant:support", b"token").unwrap();
    assert!(matches!(vault.unseal("grant:billing", &sealed), Err(VaultError::Tampered { .. })));
}

#[test]
fn a_change_of_any_byte_or_length_is_noticed() {
    let vault = vault();
    let sealed = vault.seal("c", b"token").unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        vault.unseal("c", &changed).unwrap_err();
        vault.unseal("c", &sealed[..at]).unwrap_err();
    }
}

#[test]
fn a_value_sealed_with_another_key_names_both_keys() {
    let (theirs, ours) = (vault(), vault());
    let error = ours.unseal("grant:support", &theirs.seal("grant:support", b"token").unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "grant:support was sealed with another key: it needs key {}, the vault has {}",
            theirs.key_id(),
            ours.key_id()
        )
    );
}

#[test]
fn a_key_file_is_made_once_for_its_owner_alone_and_read_from_then_on() {
    let directory = TempDir::new().unwrap();
    let sealed = Vault::open(&keyless(), &sqlite(&directory), Holdings::Nothing).unwrap().seal("c", b"token").unwrap();
    let path = directory.path().join("vault.key");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let again = Vault::open(&keyless(), &sqlite(&directory), Holdings::Sealed).unwrap();
    assert_eq!(**again.unseal("c", &sealed).unwrap(), *b"token");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no draft stays behind");
}

#[test]
fn a_lost_key_file_is_never_replaced_while_something_needs_it() {
    let directory = TempDir::new().unwrap();
    let error = Vault::open(&keyless(), &sqlite(&directory), Holdings::Sealed).unwrap_err();
    assert!(matches!(error, VaultError::Missing { .. }), "{error}");
    assert!(!directory.path().join("vault.key").exists());
}

#[test]
fn processes_that_start_together_agree_on_one_key() {
    let directory = TempDir::new().unwrap();
    let state = sqlite(&directory);
    let mut ids: Vec<_> = std::thread::scope(|scope| {
        let open = || Vault::open(&keyless(), &state, Holdings::Nothing).unwrap().key_id();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().to_string()).collect()
    });
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[test]
fn a_damaged_key_file_is_an_error_and_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("vault.key");
    fs::write(&path, "c2hvcnQ=\n").unwrap();
    let error = Vault::open(&keyless(), &sqlite(&directory), Holdings::Nothing).unwrap_err();
    assert_eq!(error.to_string(), format!("the vault's key in {} is not 32 bytes in base64", path.display()));
    assert_eq!(fs::read_to_string(&path).unwrap(), "c2hvcnQ=\n");
}

#[test]
fn the_configured_key_is_used_and_makes_no_file() {
    let directory = TempDir::new().unwrap();
    let key = VaultKey::generate().unwrap();
    let place = directory.path().join("key");
    fs::write(&place, key.to_base64().expose()).unwrap();
    let settings = VaultSettings { key: Some(SecretRef::File(place)) };
    assert_eq!(Vault::open(&settings, &sqlite(&directory), Holdings::Nothing).unwrap().key_id(), key.id());
    assert!(!directory.path().join("vault.key").exists());
}

#[test]
fn neither_vault_nor_key_can_be_printed() {
    let key = VaultKey::generate().unwrap();
    let printed = format!("{key:?} {:?}", Vault::from_key(&key).unwrap());
    assert_eq!(printed, format!("[hidden] Vault {{ key_id: {}, .. }}", key.id()));
}

fn secret_in(content: &[u8]) -> Result<Secret, SecretError> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("secret");
    fs::write(&path, content).unwrap();
    SecretRef::File(path).read()
}

#[test]
fn a_secret_loses_the_newline_at_its_end_and_nothing_else() {
    assert_eq!(secret_in(b" s3cret \r\n").unwrap().expose(), " s3cret ");
}

#[test]
fn what_cannot_be_a_secret_is_named_by_its_place_and_not_shown() {
    assert!(matches!(secret_in(b"\n"), Err(SecretError::Empty(_))));
    assert!(matches!(secret_in(b"\xff\xfe"), Err(SecretError::NotText(_))));
    assert!(matches!(secret_in(&vec![b'a'; 70_000]), Err(SecretError::TooLarge(_))));
    let missing = SecretRef::File(Path::new("/nowhere/at/all").to_owned()).read().unwrap_err();
    assert_eq!(missing.to_string(), "cannot read the secret in /nowhere/at/all");
    let unset = SecretRef::Env("MAIL2JIRA_NO_SUCH_VARIABLE".to_owned()).read().unwrap_err();
    assert!(matches!(unset, SecretError::Unset(_)));
}

#[test]
fn a_secret_comes_from_the_environment_too() {
    let name = SecretRef::Env("CARGO_PKG_NAME".to_owned());
    assert_eq!(name.read().unwrap().expose(), "mail2jira");
}

#[test]
fn a_credentials_name_cannot_lead_out_of_its_directory() {
    for name in ["../shadow", "a/b", "..", ""] {
        assert!(matches!(SecretRef::Credential(name.to_owned()).read(), Err(SecretError::BadName(_))));
    }
    let missing = SecretRef::Credential("no-such-credential".to_owned()).read().unwrap_err();
    assert!(missing.to_string().ends_with("/no-such-credential"), "{missing}");
}

#[test]
fn a_file_that_everyone_may_read_is_warned_about() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("secret");
    fs::write(&path, "s3cret").unwrap();
    let place = SecretRef::File(path.clone());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(place.warning(), None);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(place.warning(), Some(SecretWarning::ReadableByOthers { path, mode: 0o644 }));
}
