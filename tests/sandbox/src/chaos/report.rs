//! What a storm came to, for people. Prints; judges nothing.

use std::collections::BTreeMap;

use sandbox::jira::JiraCloud;

use super::judge::Verdict;

/// How many findings of one kind are shown.
const SHOWN: usize = 20;

pub fn print(verdict: &Verdict, jira: &JiraCloud, killed: usize, seed: u64) {
    let Verdict { mails, expected, files, unread, .. } = verdict;
    println!("{mails} mails, {expected} of them for Jira, with {files} files; {killed} kills; seed {seed}");
    let (total, faults) = faults(jira);
    println!("{total} requests to Jira, of which went wrong: {faults}");
    for (kind, findings) in [("lost", &verdict.lost), ("doubled", &verdict.doubled), ("misplaced", &verdict.misplaced)]
    {
        for finding in findings.iter().take(SHOWN) {
            println!("  {kind}: {finding}");
        }
    }
    println!(
        "lost {}, doubled {} (misplaced {}, left unread {unread})",
        verdict.lost.len(),
        verdict.doubled.len(),
        verdict.misplaced.len()
    );
}

fn faults(jira: &JiraCloud) -> (usize, String) {
    let requests = jira.requests();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for entry in &requests {
        let Some(fault) = entry.fault else { continue };
        let status = entry.status.map(|status| format!(" {status}")).unwrap_or_default();
        let wrote = entry.handled.is_some_and(|status| status < 300) && entry.method != "GET";
        let wrote = if wrote { " after writing" } else { "" };
        *counts.entry(format!("{fault}{status}{wrote}")).or_default() += 1;
    }
    let parts: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    (requests.len(), parts.join(", "))
}
