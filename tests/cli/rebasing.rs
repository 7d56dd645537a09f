//! The base under a finished image, swapped for another.

use std::fs;

use wheelwright::testing::{Base, Library, Wheel};

use super::bench::{Bench, Run};

const SITE: &str = "usr/local/lib/python3.11/site-packages";
const RECIPE: &str = "\
name = \"app\"
base = \"oci:base\"
platforms = [\"linux/amd64\", \"linux/arm64\"]

[wheels]
require = [\"./demo-2.0-py3-none-any.whl\"]

[[scripts]]
from = \"hello.txt\"
to = \"/etc/app/hello.txt\"
";

/// An image `oci:dist` over `oci:base`; the recipe's last lines are `more`.
fn bench(base: &Base, more: &str) -> Bench {
    let bench = Bench::new(&[("app.toml", &format!("{RECIPE}{more}")), ("hello.txt", "hello\n")]);
    bench.write_base(base);
    let demo = Wheel::new("demo", "2.0").file("demo/__init__.py", b"two").file("demo/new.py", b"");
    bench.write("demo-2.0-py3-none-any.whl", &demo.build());
    built(&bench, "dist");
    bench
}

fn built(bench: &Bench, folder: &str) -> Run {
    let run = bench.run(&format!("build app.toml --offline --progress off -o oci:{folder}"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run}");
    run
}

const REBASE: &str = "rebase oci:dist --from oci:base --base oci:new --offline --progress off -o oci:rebased";

/// Why the image over `old` cannot be put on `new`, and what to do, each on a line; nothing if it can.
fn refusal(old: &Base, new: &Base, more: &str) -> String {
    let bench = bench(old, more);
    bench.write_base_to("new", new);
    let run = bench.run(REBASE);
    if run.code == Some(0) {
        return String::new();
    }
    assert_eq!((run.code, run.stdout.as_str()), (Some(4), ""), "{run}");
    assert!(!bench.project().join("rebased").exists());
    run.stderr.replace("error: the new base does not fit the image for linux/amd64: ", "")
}

fn digest(run: &Run) -> String {
    assert_eq!(run.code, Some(0), "{run}");
    run.stdout.lines().last().unwrap().to_owned()
}

#[test]
fn what_is_rebased_is_what_would_have_been_built() {
    let settings = "[image]\nentrypoint = [\"python3\", \"-m\", \"demo\"]\nuser = \"10:10\"\nenv = { PATH = \"/x:${PATH}\", LANG = \"C\" }\n";
    for more in [settings, ""] {
        let bench = bench(&Base::default(), more);
        let new =
            Base::default().python(11, 10).file("etc/motd", b"new\n").environment(&["A=1", "PATH=/usr/local/bin"]);
        bench.write_base_to("new", &new);
        let run = bench.run(REBASE);
        bench.write("app.toml", format!("{RECIPE}{more}").replace("oci:base", "oci:new").as_bytes());
        assert_eq!(digest(&run), digest(&built(&bench, "anew")));
    }
}

#[test]
fn it_is_told_what_was_done() {
    let bench = bench(&Base::default(), "");
    bench.write_base_to("new", &Base::default().file("etc/motd", b"new\n"));
    insta::assert_snapshot!(bench.run(REBASE), @"
    exit code: 0
    ----- stdout
    linux/amd64  2 layers (1.2 kB) on sha256:01c06b329ded6e42dee4a2be1c308be13ce10f6e7a34169d38e1701164ac1340 in place of sha256:8e1a3db947d310a4dc6c203cd37a65e88a0bf8d259c687e08f738d0e1f975c49
    linux/arm64  2 layers (1.2 kB) on sha256:dbfc106e0384012654426db3e54963f60ff6b39099b0a0272b49f9df0021347d in place of sha256:f5946dcf58a77cb4a82594a2ac5807ac4884f515b3c4fded9008ace6af3f4727
    oci:rebased  sha256:fa7b117ddf9f762332c77a502298fe51d85e679102cfc8c86d33845d455f3445  2 images, 5 blobs sent (16.4 kB)
    digest: sha256:fa7b117ddf9f762332c77a502298fe51d85e679102cfc8c86d33845d455f3445
    ----- stderr
    ");
    let alone = bench.run(&format!("{REBASE}:one --platform linux/arm64"));
    let inspected = bench.run("inspect oci:rebased:one --json --offline");
    assert!(alone.stdout.starts_with("linux/arm64  2 layers ("), "{alone}");
    assert_eq!(inspected.stdout.matches("\"platform\":\"linux/").count(), 1, "{inspected}");
    let told = bench.run(&REBASE.replace("oci:rebased", "oci:never --dry-run"));
    assert!(told.stdout.contains("would be: oci:never") && !bench.project().join("never").exists(), "{told}");
    // Nothing changes on its own base.
    let same = bench.run(&REBASE.replace("oci:new", "oci:base"));
    assert_eq!(digest(&same), digest(&built(&bench, "dist")));
}

#[test]
fn the_old_base_must_be_known() {
    let bench = bench(&Base::default(), "");
    bench.write_base_to("new", &Base::default().file("etc/motd", b"new\n"));
    insta::assert_snapshot!(bench.refuse(&REBASE.replace("--from oci:base ", "")), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: the image for linux/amd64 does not say on which base it was built
    hint: name that base with `--from`
    ");
    insta::assert_snapshot!(bench.refuse(&REBASE.replace("--from oci:base", "--from oci:new")), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: the image for linux/amd64 was not built on sha256:01c06b329ded6e42dee4a2be1c308be13ce10f6e7a34169d38e1701164ac1340: its lowest layers are others
    hint: name the base that it was built on with `--from`, by its digest where the tag has moved
    ");
    insta::assert_snapshot!(bench.refuse(&REBASE.replace("--from oci:base", "--from oci:none")), @"
    exit code: 1
    ----- stdout
    ----- stderr
    error: the old base oci:none cannot be read
      caused by: cannot read `none/oci-layout`
      caused by: No such file or directory (os error 2)
    hint: check the path after `oci:`, and that the layout was copied whole
    ");
    insta::assert_snapshot!(bench.refuse("rebase oci:dist --base oci:new --offline"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: the following required arguments were not provided:
      <--output <WHERE>|--push <REF>>

    Usage: wheelwright rebase --base <NEW> --offline <--output <WHERE>|--push <REF>> <IMAGE>

    For more information, try '--help'.
    ");
}

#[test]
fn bases_that_would_break_the_image_are_refused() {
    let check = |new: &Base, expect: &str| {
        let refusal = refusal(&Base::default().file("usr/lib/x86/a", b""), new, "");
        assert_eq!(refusal.lines().next().unwrap_or_default(), expect);
        assert!(refusal.contains("\nhint: "), "{refusal}");
    };
    let base = || Base::default().file("usr/lib/x86/a", b"");
    check(&base().python(12, 1), "it has Python 3.12.1, and the image is made for 3.11.9");
    check(&base().glibc(31), "it has glibc 2.31, and the image is made for glibc 2.36");
    check(&base().musl(), "it has musl 1.2, and the image is made for glibc 2.36");
    check(
        &base().file("opt/x", b"").link("etc/app", "../opt"),
        "/etc/app leads to /opt, and the image is made for /etc/app",
    );
    check(&base().file("etc/app", b"x"), "/etc/app is no directory, and the image has files in it");
    check(
        &base().file("etc/app/hello.txt", b"other"),
        "the image replaces /etc/app/hello.txt, which is another file there",
    );
    let demo = |version: &str| {
        base().file(
            &format!("{SITE}/demo-{version}.dist-info/METADATA"),
            format!("Name: demo\nVersion: {version}\n").as_bytes(),
        )
    };
    check(&demo("1.0"), &format!("it brings demo 1.0 in /{SITE}, beside the image's 2.0"));
    check(&base().environment(&["PATH=/usr/bin"]), "it has no `python3`, and the image uses /usr/local/bin/python3");
}

#[test]
fn what_layers_were_made_for_must_be_there() {
    let check = |old: &Base, new: &Base, more: &str, expect: &str| {
        let refusal = refusal(old, new, more);
        assert_eq!(refusal.lines().next().unwrap_or_default(), expect);
        assert!(refusal.contains("\nhint: "), "{refusal}");
    };
    let built = |tag: &str| {
        let module = format!("usr/local/lib/python3.11/lib-dynload/math.cpython-311{tag}-x86_64-linux-gnu.so");
        Base::default().file(&module, b"")
    };
    check(
        &built(""),
        &built("d"),
        "",
        "its Python is built as cpython-311d-x86_64-linux-gnu, and the image is made for cpython-311-x86_64-linux-gnu",
    );
    check(
        &Base::default(),
        &Base::default().folder("etc/app", 0o700),
        "",
        "/etc/app has mode 0700 of 0:0, and the image gives it 0755 of 0:0",
    );
    let listed = "[[scripts]]\nfrom = \"hello.txt\"\nto = \"/var/lib/dpkg/status.d/app\"\n";
    check(
        &Base::default(),
        &Base::default().trixie(),
        listed,
        "it is debian trixie, and the image has packages for debian bookworm",
    );
    let library = "[[scripts]]\nfrom = \"hello.txt\"\nto = \"/lib/app/hello.txt\"\n";
    let (merged, split) = (Base::default().link("lib", "usr/lib"), Base::default().file("lib/other", b""));
    check(&merged, &split, library, "/lib leads to /lib, and the image is made for /usr/lib");
    check(&split, &merged, library, "/lib leads to /usr/lib, and the image is made for /lib");
}

#[test]
fn what_would_be_wrong_on_the_new_base_alone_is_found() {
    let module = "demo/fast.cpython-311-x86_64-linux-gnu.so";
    let fast = Library::new("").needs("libfast.so.1").build();
    let wheel = Wheel::new("demo", "2.0").tag("cp311-cp311-linux_x86_64").file(module, &fast);
    let wheel = wheel.file("demo/__init__.py", b"from . import fast\n");
    let recipe =
        RECIPE.replace(", \"linux/arm64\"", "").replace("demo-2.0-py3-none-any", "demo-2.0-cp311-cp311-linux_x86_64");
    let library = Library::new("libfast.so.1").build();
    let old = Base::default().file("usr/lib/x86_64-linux-gnu/libfast.so.1", &library);
    let check = |new: &Base, code: i32, expect: &str| {
        let bench = Bench::new(&[("app.toml", &recipe), ("hello.txt", "hello\n")]);
        bench.write_base(&old);
        bench.write(&wheel.file_name(), &wheel.build());
        built(&bench, "dist");
        bench.write_base_to("new", new);
        let run = bench.run(REBASE);
        assert_eq!(run.code, Some(code), "{run}");
        assert!(run.stderr.contains(expect), "{run}");
    };
    check(&old.clone().file("etc/motd", b"new\n"), 0, "");
    // Nobody demands that it be imported.
    check(&Base::default(), 0, "`libfast.so.1` is not in the image");
    check(&old.clone().more_layers(122), 0, "");
    check(&old.clone().more_layers(123), 8, "it has 126 layers, and Docker stacks 125");
}

#[test]
fn what_an_image_replaced_must_be_what_it_replaces() {
    let record = "demo/__init__.py,,\ndemo-1.0.dist-info/METADATA,,\ndemo-1.0.dist-info/RECORD,,\n";
    let with_demo = |version: &str| {
        let info = format!("{SITE}/demo-{version}.dist-info");
        Base::default()
            .file(&format!("{SITE}/demo/__init__.py"), version.as_bytes())
            .file(&format!("{info}/METADATA"), format!("Name: demo\nVersion: {version}\n").as_bytes())
            .file(&format!("{info}/RECORD"), record.replace("1.0", version).as_bytes())
    };
    let recipe = RECIPE.replace("[[scripts]]", "allow-replace = [\"demo\"]\n[[scripts]]");
    let check = |new: &Base, expect: &str| {
        let bench = Bench::new(&[("app.toml", &recipe), ("hello.txt", "hello\n")]);
        bench.write_base(&with_demo("1.0"));
        bench.write("demo-2.0-py3-none-any.whl", &Wheel::new("demo", "2.0").file("demo/__init__.py", b"two").build());
        built(&bench, "dist");
        bench.write_base_to("new", new);
        let run = bench.run(REBASE);
        assert!(run.stderr.contains(expect), "{run}");
        assert_eq!(run.code == Some(0), expect.is_empty(), "{run}");
    };
    check(&with_demo("1.0").file("etc/motd", b"new\n"), "");
    check(&with_demo("1.1"), &format!("it brings demo 1.1 in /{SITE}, beside the image's 2.0"));
    check(
        &with_demo("1.0").file(&format!("{SITE}/demo/more.py"), b""),
        &format!("the image removes /{SITE}/demo, which"),
    );
    let needs = format!("{SITE}/other-1.dist-info/METADATA");
    check(
        &with_demo("1.0").file(&needs, b"Name: other\nVersion: 1\nRequires-Dist: demo<2\n"),
        "other 1 requires demo<2, and demo is 2.0",
    );
}

#[test]
fn what_is_not_known_is_told_and_what_is_not_wanted_is_not_looked_at() {
    let bench = bench(&Base::default(), "");
    bench.write_base_to("new", &Base::default().file("etc/app/hello.txt", b"other"));
    fs::remove_dir_all(bench.store()).unwrap();
    let run = bench.run(&format!("{REBASE} --verify off"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run}");
    let run = bench.run(&REBASE.replace("-o oci:rebased", "-o oci:quick"));
    assert!(run.stderr.contains("warning: layers of the image for linux/amd64 were never read here"), "{run}");
    assert_eq!(run.code, Some(0), "{run}");
    let run = bench.run(&format!("{REBASE} --verify full"));
    assert!(run.stderr.contains("the image replaces /etc/app/hello.txt"), "{run}");
}

#[cfg(feature = "serve")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn layers_are_neither_read_nor_sent_where_they_are() {
    use super::workshop::{digest, project, put, put_base};
    use crate::registry::world::{World, noise};
    let world = World::new().await;
    put_base(&world, 50_000).await;
    let host = world.host();
    let bench = project(&host);
    let built = bench.run(&format!("build app.toml --progress off --push {host}/app:1"));
    digest(&built);
    let newer = Base::default().python(11, 10).file("opt/data", &noise(2, 60_000));
    let layer = put(&world, "base/python:3.11", &newer).await;
    let before = world.seen().len();
    let run =
        bench.run(&format!("rebase {host}/app:1 --base {host}/base/python:3.11 --progress off --push {host}/app:2"));
    let rebased = digest(&run);
    assert!(run.stdout.contains("1 blob mounted, 2 blobs sent"), "{run}");
    let read: Vec<String> = world.seen()[before..]
        .iter()
        .filter(|seen| seen.method == "GET" && seen.path.contains("/blobs/"))
        .map(|seen| seen.path.clone())
        .collect();
    // Configs, and the new base's layer once for what is in it.
    let of_layer = read.iter().filter(|path| path.contains(&layer.digest.hex())).count();
    assert_eq!((of_layer, read.len()), (1, 5), "{read:?}");
    bench.run("lock app.toml --progress off --upgrade base");
    let built = bench.run(&format!("build app.toml --progress off --push {host}/app:3"));
    assert_eq!(rebased, digest(&built));
}
