//! `wheelwright cache`: the store is looked at, carried, mended and pruned.

use std::fs;

use wheelwright::{
    fs::write_atomic,
    oci::Digest,
    testing::{Base, Wheel},
};

use super::bench::Bench;

const WHEEL: &str = "demo-1.0-py3-none-any.whl";

const BUILD: &str = "build app.toml --offline --progress off -o oci:dist";

fn project() -> Bench {
    let recipe = format!(
        "name = \"app\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\"]\n[wheels]\nrequire = [\"./{WHEEL}\"]\n"
    );
    let bench = Bench::new(&[("app.toml", &recipe)]);
    bench.write_base(&Base::default().platforms(&["linux/amd64"]));
    bench.write(WHEEL, &wheel());
    bench
}

fn wheel() -> Vec<u8> {
    // So much that is hard to compress that the middle of the file lies in it.
    let numbers: Vec<String> = (0..20_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_string()).collect();
    Wheel::new("demo", "1.0").file("demo.py", numbers.join("\n").as_bytes()).build()
}

fn digest(bench: &Bench, line: &str) -> String {
    let run = bench.run(line);
    assert_eq!(run.code, Some(0), "{run}");
    run.stdout.lines().last().unwrap().to_owned()
}

/// Turns a bit of the wheel in the store.
fn damage(bench: &Bench) {
    let hex = Digest::of(&wheel()).hex();
    let blob = bench.store().join("v1/blobs/sha256").join(&hex[..2]).join(&hex);
    let mut bytes = fs::read(&blob).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    write_atomic(&blob, &bytes).unwrap();
}

#[test]
fn a_store_is_carried_to_a_machine_without_the_wheels() {
    let (one, other) = (project(), project());
    let built = digest(&one, BUILD);
    let tar = one.project().join("store.tar");
    assert_eq!(one.run(&format!("cache export {}", tar.display())).code, Some(0));
    fs::copy(one.project().join("app.lock"), other.project().join("app.lock")).unwrap();
    fs::remove_file(other.project().join(WHEEL)).unwrap();
    assert_eq!(other.run(&format!("cache import {}", tar.display())).code, Some(0));
    assert_eq!(digest(&other, &format!("{BUILD} --locked")), built);
    assert!(other.run("cache verify").stdout.ends_with(" are well\n"));
    let empty = ["WHEELWRIGHT_STORE", "WHEELWRIGHT_CA_FILE", "WHEELWRIGHT_REGISTRY_MIRROR"].map(|name| (name, ""));
    let told = other.run_with("cache info", &empty);
    assert!(told.stdout.starts_with("[folder]/home/.cache/wheelwright\n\nkind"), "{told}");
}

#[test]
fn damage_is_mended_while_a_layer_is_made() {
    let bench = project();
    let built = digest(&bench, BUILD);
    damage(&bench);
    let hex = Digest::of(&wheel()).hex();
    let verified = bench.run("cache verify").to_string().replace(&format!("{}/{hex}", &hex[..2]), "[wheel]");
    insta::assert_snapshot!(verified, @"
    exit code: 7
    ----- stdout
    ----- stderr
    error: the store held damaged files, which are removed now: blobs/sha256/[wheel]
    hint: look after the disk; builds have again what they need
    ");
    assert_eq!(digest(&bench, BUILD), built);
    // The layer's own note is gone, so that the wheel is read again.
    damage(&bench);
    fs::remove_dir_all(bench.store().join("v1/layers")).unwrap();
    let run = bench.run(BUILD);
    assert_eq!(run.stderr, "warning: the store held damaged files, which are had again\n", "{run}");
    assert_eq!(run.stdout.lines().last(), Some(built.as_str()));
    // An image that is written from a damaged store is made again first.
    damage(&bench);
    let run = bench.run(&BUILD.replace("oci:dist", "oci:other"));
    assert_eq!(run.stderr, "warning: the store held damaged files, which are had again\n", "{run}");
    assert_eq!(run.stdout.lines().last(), Some(built.as_str()));
    assert_eq!(bench.run("cache verify").code, Some(0));
}

#[test]
fn what_is_not_used_goes() {
    let bench = project();
    let built = digest(&bench, BUILD);
    insta::assert_snapshot!(bench.run("cache prune"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: the following required arguments were not provided:
      <--older-than <TIME>|--max-size <SIZE>|--remote <REF>>

    Usage: wheelwright cache prune <--older-than <TIME>|--max-size <SIZE>|--remote <REF>>

    For more information, try '--help'.
    ");
    let kept = bench.run("cache prune --older-than 1d --max-size 1GB");
    assert!(kept.stdout.starts_with("removed 0 files (0 B); "), "{kept}");
    let pruned = bench.run("cache prune --max-size 0B");
    assert!(pruned.stdout.ends_with("; 0 files (0 B) left\n"), "{pruned}");
    assert_eq!(digest(&bench, &format!("{BUILD} --locked")), built);
}

#[test]
fn it_is_told_why_a_layer_is_another_one() {
    let bench = project();
    let why = format!("{BUILD} --why demo");
    let told = |bench: &Bench, line: &str| {
        let run = bench.run(line);
        assert_eq!(run.code, Some(0), "{run}");
        let lines: Vec<&str> = run.stdout.lines().filter(|line| !line.contains("sha256:")).collect();
        lines.join("\n").split_once("\n\n").map(|(_, rest)| rest.trim().to_owned()).unwrap_or_default()
    };
    assert!(told(&bench, &why).ends_with("was not built here before"));
    let other = Wheel::new("demo", "1.0").file("demo.py", b"print(2)\n").build();
    bench.write(WHEEL, &other);
    let (old, new) = (Digest::of(&wheel()).hex(), Digest::of(&other).hex());
    let line = format!("  wheel demo was 1.0 {}, asked for, and is 1.0 {}, asked for", &old[..12], &new[..12]);
    for when in ["changed now", "changed last"] {
        let told = told(&bench, &why);
        assert!(told.contains(when) && told.ends_with(&line), "{told}");
    }
    let refused = bench.run(&format!("{BUILD} --why ghost").replace("oci:dist", "oci:never"));
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.stderr.contains("no layer is called `ghost`"), "{refused}");
    assert!(!bench.project().join("never").exists(), "told before anything is delivered");
}

#[test]
fn a_change_behind_the_same_size_and_time_is_noticed() {
    let recipe = "name = \"app\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\"]\n\n\
                  [[scripts]]\nfrom = \"hello.txt\"\nto = \"/hello.txt\"\n";
    let bench = Bench::new(&[("app.toml", recipe), ("hello.txt", "one")]);
    let file = bench.project().join("hello.txt");
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    let first = digest(&bench, BUILD);
    assert_eq!(digest(&bench, BUILD), first);
    let mut open = fs::File::options().write(true).open(&file).unwrap();
    std::io::Write::write_all(&mut open, b"two").unwrap();
    open.set_modified(time).unwrap();
    assert_ne!(digest(&bench, BUILD), first);
}
