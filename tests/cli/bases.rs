//! Bases by the program: what is fetched to know them, and what is not fetched again.

use std::fmt::Write as _;

use wheelwright::{fs::write_atomic, serve::faults::Fault, testing::Wheel};

use super::{
    bench::Bench,
    workshop::{Wire, digest},
};
use crate::registry::world::{World, noise};

/// Bytes of the base that nobody needs to know it.
const LARGE: usize = 4_000_000;

/// Room for headers, manifests, configs, a table and a few small files.
const SMALL: u64 = 200_000;

/// Pushes a base of one eStargz layer to `world`: a Python of which little more than its name is there.
fn put_lazy_base(world: &World) {
    let program = |text: &str| [b"\x7fELF\0", text.as_bytes(), &[b'x'; 4096]].concat();
    let files: [(&str, Vec<u8>); 5] = [
        ("usr/local/bin/python3", program("/lib64/ld-linux-x86-64.so.2\x003.12.1\0")),
        ("usr/local/lib/python3.12/os.py", b"pass".to_vec()),
        (
            "usr/local/lib/python3.12/site-packages/known-1.0.dist-info/METADATA",
            b"Name: known\nVersion: 1.0\n".to_vec(),
        ),
        ("usr/lib/libc.so.6", program("GNU C Library (GNU libc) stable release version 2.36.\n\0")),
        ("opt/data", noise(1, LARGE)),
    ];
    let mut recipe =
        "name = \"base\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\"]\nlayers.lazy = true\n".to_owned();
    let bench = Bench::new(&[]);
    for (number, (path, bytes)) in files.iter().enumerate() {
        write_atomic(&bench.project().join(format!("file{number}")), bytes).unwrap();
        writeln!(recipe, "[[scripts]]\nfrom = \"file{number}\"\nto = \"/{path}\"\nmode = \"0755\"").unwrap();
    }
    write_atomic(&bench.project().join("base.toml"), recipe.as_bytes()).unwrap();
    digest(&bench.run(&format!("build base.toml --progress off --push {}/base/lazy:1", world.host())));
}

/// A project over that base, in a folder with a store of its own.
fn project(host: &str) -> Bench {
    let bench = Bench::new(&[]);
    let wheel = Wheel::new("demo", "1.0").file("demo.py", b"pass");
    write_atomic(&bench.project().join("demo-1.0-py3-none-any.whl"), &wheel.build()).unwrap();
    let recipe = format!(
        "name = \"app\"\nbase = \"{host}/base/lazy:1\"\nplatforms = [\"linux/amd64\"]\n[wheels]\nrequire = [\"./demo-1.0-py3-none-any.whl\"]\n"
    );
    write_atomic(&bench.project().join("app.toml"), recipe.as_bytes()).unwrap();
    bench
}

/// What the lock says of the base, locked anew.
fn facts(bench: &Bench) -> String {
    let locked = bench.run("lock app.toml --upgrade --progress off");
    assert_eq!(locked.code, Some(0), "{locked}");
    let text = std::fs::read_to_string(bench.project().join("app.lock")).unwrap();
    let text = text.split_once("[platforms.facts]").unwrap().1;
    text.split_once("[[images]]").unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_layer_with_a_table_only_what_is_wanted_is_fetched() {
    let world = World::new().await;
    put_lazy_base(&world);
    let wire = Wire::to(&world).await;
    let bench = project(&wire.host());
    wire.counted();
    let known = facts(&bench);
    let (_, received) = wire.counted();
    assert!(received < SMALL, "{received} bytes");
    for expect in ["libc = \"glibc 2.36\"", "{ name = \"known\", version = \"1.0\" }", "version = \"3.12.1\""] {
        assert!(known.contains(expect), "{known}");
    }
    let before = world.count("GET", "/blobs/");
    assert_eq!(facts(&bench), known);
    assert_eq!(world.count("GET", "/blobs/") - before, 1, "the config alone is read again");

    // A registry that gives no ranges costs bytes, and changes nothing else.
    world.rule(|seen| seen.path.contains("/blobs/").then_some(Fault::IgnoreHeader("range")));
    let bench = project(&wire.host());
    wire.counted();
    assert_eq!(facts(&bench), known);
    let (_, received) = wire.counted();
    assert!(received > LARGE as u64, "{received} bytes");
}
