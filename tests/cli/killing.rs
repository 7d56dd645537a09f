//! Runs that end in the middle: what the registry shows is old or new, and what they left is put away.

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use wheelwright::serve::faults::Fault;

use super::{
    bench::Bench,
    workshop::{complete, digest, edit, files, project, put_base},
};
use crate::registry::world::World;

/// How many runs are killed.
const ROUNDS: u8 = 20;

/// What must not be left: files under construction, in the store and elsewhere.
fn temporary(bench: &Bench) -> Vec<String> {
    let all = files(&bench.store()).into_iter().chain(files(&bench.project()));
    let names = all.map(|file| file.display().to_string());
    names.filter(|name| name.contains("/ingest/") || name.contains("/.wheelwright-")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_run_leaves_the_old_image_or_the_new_one() {
    let world = World::new().await;
    put_base(&world, 100_000).await;
    let bench = project(&world.host());
    // Slow enough that every step of a push can be met.
    world.rule(|seen| match seen.method.as_str() {
        "PUT" if seen.path.contains("/uploads/") => Some(Fault::SlowRequest(Duration::from_millis(5))),
        "GET" | "HEAD" => None,
        _ => Some(Fault::Delay(Duration::from_millis(5))),
    });
    let line = format!("build app.toml --progress off --push {}/app:1", world.host());
    let start = Instant::now();
    let mut old = digest(&bench.run(&line));
    let usual = start.elapsed();
    let (mut seed, mut left) = (0x5eed_u64, 0);
    for round in 1..=ROUNDS {
        edit(&bench, &world.host(), round);
        let mut child = bench.command(&line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Every other one while files are written, which is early.
        let span = if round % 2 == 0 { usual } else { usual / 3 };
        thread::sleep(span.mul_f64(f64::from(u32::try_from(seed >> 33).unwrap() % 1000) / 950.0));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = complete(&world, "app:1").await;
        let new = digest(&bench.run(&line));
        assert_ne!(new, old);
        assert!(found == old || found == new, "round {round}: neither the old image nor the new one");
        left += u8::from(found == old);
        assert_eq!(temporary(&bench), Vec::<String>::new(), "round {round}");
        old = new;
    }
    assert!(left > ROUNDS / 4, "the runs were killed too late to tell anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_push_moves_no_tag_and_cancels_its_uploads() {
    for signal in ["INT", "TERM"] {
        let world = World::new().await;
        put_base(&world, 100_000).await;
        let bench = project(&world.host());
        let started = world.count("POST", "/v2/app/");
        world.fail(usize::MAX, "PUT", "/v2/app/blobs/uploads/", Fault::Stall);
        let line = format!("build app.toml --progress off --push {}/app:1", world.host());
        let mut child = bench.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while world.count("PUT", "/v2/app/blobs/uploads/") == 0 && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        let kill = format!("kill -{signal} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let run = bench.ended(child.wait_with_output().unwrap());
        assert_eq!((run.code, run.stderr.as_str()), (Some(130), "error: interrupted\n"), "{run}");
        let mounts = world.seen().iter().filter(|seen| seen.query.contains("mount=")).count();
        let begun = world.count("POST", "/v2/app/") - started - mounts;
        // Of an upload whose beginning was not answered yet, the program does not know the name.
        let known = world.count("PUT", "/v2/app/blobs/uploads/");
        let cancelled = world.count("DELETE", "/v2/app/blobs/uploads/");
        assert!(0 < known && known <= cancelled && cancelled <= begun, "{known} {cancelled} {begun}");
        assert_eq!(world.count("PUT", "/manifests/"), world.count("PUT", "/v2/base/python/manifests/"));
        assert_eq!(temporary(&bench), Vec::<String>::new());
    }
}
