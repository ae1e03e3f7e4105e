//! One `run` per SQLite state.

use std::process::{Command, Stdio};

use mail2jira::store::run_lock::{RunLock, RunLockError};

#[test]
fn a_second_run_on_the_same_state_is_refused_and_told_why() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state.db");
    let lock = RunLock::take(&state).unwrap();
    let refused = RunLock::take(&state).unwrap_err();
    let file = dir.path().join("state.db.lock");
    assert_eq!(refused.to_string(), format!("another mail2jira runs on this state: it holds {}", file.display()));
    RunLock::take(&dir.path().join("other.db")).unwrap();
    drop(lock);
    RunLock::take(&state).unwrap();
}

#[test]
fn the_lock_of_another_process_counts_and_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (state, file) = (dir.path().join("state.db"), dir.path().join("state.db.lock"));
    let mut other = Command::new("flock")
        .arg(&file)
        .args(["sh", "-c", "echo locked; exec cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 7];
    std::io::Read::read_exact(other.stdout.as_mut().unwrap(), &mut line).unwrap();
    assert!(matches!(RunLock::take(&state), Err(RunLockError::Held { .. })));
    drop(other.stdin.take());
    other.wait().unwrap();
    RunLock::take(&state).unwrap();
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let refused = RunLock::take("/nonexistent/state.db".as_ref()).unwrap_err();
    assert_eq!(refused.to_string(), "cannot lock /nonexistent/state.db.lock");
}
