//! Exactly once, by simulation: the real pipeline over the real ledger's statements, with a clock, a mailbox, a Jira and
//! a database that can fail at every call. Thousands of random fault sequences; a failure prints its seed.
//!
//! `SIM_CASES=20000` runs more of them, `SIM_SEED=4711` runs one and says what happened in it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use case::{Outcome, run_case};
use faults::Sabotage;

mod case;
mod faults;
mod jira;
mod judge;
mod ledger;
mod letters;
mod mailbox;
mod settings;

/// Cases in a run of the suite.
const CASES: u64 = 2_000;
/// Cases within which each planted bug must have been caught.
const CAUGHT_WITHIN: u64 = 400;

/// SQLite takes and frees some 90 KB for each sorted query. Freeing one large block first teaches glibc not to give
/// memory back to the system each time, which makes a case several times faster.
fn keep_freed_memory() {
    drop(std::hint::black_box(vec![0_u8; 16 << 20]));
}

fn setting(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "a test's own knob")]
    std::env::var(name).ok()?.parse().ok()
}

/// Runs cases on every core; the faults that happened, counted.
fn run_all(seeds: std::ops::Range<u64>) -> BTreeMap<&'static str, u64> {
    let (next, faults) = (AtomicU64::new(seeds.start), Mutex::new(BTreeMap::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let outcome = run_case(seed, Sabotage::None);
            assert!(outcome.violations.is_empty(), "SIM_SEED={seed} shows: {:#?}", outcome.violations);
            let mut faults = faults.lock().unwrap();
            outcome.faults.into_iter().for_each(|(fault, count)| *faults.entry(fault).or_insert(0) += count);
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    faults.into_inner().unwrap()
}

#[test]
fn every_message_and_attachment_is_written_exactly_once_whatever_fails() {
    let seeds = match setting("SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..setting("SIM_CASES").unwrap_or(CASES),
    };
    keep_freed_memory();
    let (began, count) = (Instant::now(), seeds.end - seeds.start);
    let faults = run_all(seeds);
    println!("{count} cases in {:.1} s; faults: {faults:?}", began.elapsed().as_secs_f64());
    if count >= CASES {
        assert!(faults.len() >= 30, "some fault never happened: {faults:?}");
    }
}

/// What the simulation is worth: each of these bugs has doubled or lost mail in some product, and each must be found.
#[test]
fn the_simulation_catches_planted_bugs() {
    keep_freed_memory();
    for sabotage in Sabotage::BUGS {
        let caught = (0..CAUGHT_WITHIN).find_map(|seed| {
            let Outcome { violations, .. } = run_case(seed, sabotage);
            violations.into_iter().next().map(|violation| (seed, violation))
        });
        let (seed, violation) =
            caught.unwrap_or_else(|| panic!("{sabotage:?} went unnoticed in {CAUGHT_WITHIN} cases"));
        println!("{sabotage:?}: caught by seed {seed}: {violation}");
    }
}

#[test]
fn a_case_can_be_repeated_from_its_seed() {
    for seed in [1, 7, 23] {
        assert_eq!(run_case(seed, Sabotage::None).faults, run_case(seed, Sabotage::None).faults);
    }
}
