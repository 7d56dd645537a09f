//! The whole program under faults that follow from a number. Whatever happens, a run ends with the right
//! image or with an error that says what is wrong; what stood at the destination stands there still, or
//! the new image does, whole; the store is sound; and the next run, undisturbed, makes the right image.
//!
//! `FAULT_SEEDS=500` tries so many seeds, `FAULT_SEED=17` one of them, and tells what came of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod chance;
mod disk;
mod index;
mod past;
mod scenario;
mod sky;
mod trial;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use trial::{Reference, trial};

/// Seeds that every run of the tests tries.
const SEEDS: u64 = 42;

/// Trials at the same time: most of them wait for servers.
const AT_ONCE: u64 = 6;

#[test]
#[expect(clippy::print_stdout, reason = "figures that are asked for")]
fn every_seed_ends_in_the_right_image_or_a_clear_error() {
    let (first, count) = match (number("FAULT_SEED"), number("FAULT_SEEDS")) {
        (Some(seed), _) => (seed, 1),
        (None, count) => (0, count.unwrap_or(SEEDS)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let reference = Arc::new(runtime.block_on(Reference::make()));
    let (next, ends, wrong) = (AtomicU64::new(first), Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(count) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + count {
                        break;
                    }
                    match runtime.block_on(trial(seed, &reference)) {
                        Ok(told) => {
                            for end in told {
                                ends.lock().unwrap().entry(end).or_insert_with(Vec::new).push(seed);
                            }
                        }
                        Err(problem) => wrong.lock().unwrap().push((seed, problem)),
                    }
                }
            });
        }
    });
    for (end, seeds) in ends.into_inner().unwrap() {
        println!("{:5}  {end}  (seed {})", seeds.len(), seeds[0]);
    }
    let wrong = wrong.into_inner().unwrap();
    let told: Vec<String> = wrong.iter().map(|(seed, problem)| format!("\nFAULT_SEED={seed}: {problem}\n")).collect();
    assert!(wrong.is_empty(), "{} of {count} seeds went wrong{}", wrong.len(), told.concat());
}

#[expect(clippy::disallowed_methods, reason = "a test takes its numbers from where its caller puts them")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
