//! Layers that other builds made: an empty machine fetches nothing, and lies are found out.

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::{Value, json};
use wheelwright::{
    fs::write_atomic,
    image::{Manifest, Memory},
    oci::{Descriptor, Digest, MediaType},
};

use super::{
    bench::Bench,
    workshop::{WHEEL, complete, digest, project, put_base},
};
use crate::registry::world::{World, client, noise};

/// The same project on a machine that has nothing but recipe and lock: no wheel, no store.
fn elsewhere(bench: &Bench) -> Bench {
    let other = Bench::new(&[("hello.txt", "hello\n")]);
    for file in ["app.toml", "app.lock"] {
        write_atomic(&other.project().join(file), &fs::read(bench.project().join(file)).unwrap()).unwrap();
    }
    other
}

/// A project, built and pushed to `app:1`.
async fn pushed(world: &World, more: &str) -> (Bench, Digest) {
    put_base(world, 50_000).await;
    let bench = project(&world.host());
    let run = bench.run(&format!("build app.toml --progress off --push {}/app:1{more}", world.host()));
    assert_eq!(run.stderr.matches("warning").count(), 0, "{run}");
    (bench, digest(&run))
}

fn tags(world: &World, repository: &str) -> BTreeSet<String> {
    let repository = client().to_read(&world.reference(repository)).unwrap();
    let tags = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(repository.tags()));
    tags.unwrap().into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_machine_needs_no_wheel() {
    let world = World::new().await;
    let (bench, built) = pushed(&world, "").await;
    let kinds: Vec<String> =
        tags(&world, "app:1").iter().map(|tag| tag.split('-').next().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["1", "ww1", "wwc1", "wwr1"], "both platforms have the same wheel");
    let other = elsewhere(&bench);
    let before = world.seen().len();
    let run = other.run(&format!("build app.toml --locked --progress off --push {}/app:1", world.host()));
    assert_eq!(digest(&run), built);
    assert!(run.stdout.contains(" remote "), "{run}");
    assert!(
        run.stderr.contains("warning: not checked: libraries, python, image on linux/amd64, linux/arm64: "),
        "{run}"
    );
    let seen = world.seen()[before..].to_vec();
    // Of the base its documents; of the image nothing, for it is there.
    let bytes = seen.iter().filter(|seen| seen.method == "GET" && seen.path.contains("/blobs/")).count();
    assert!(bytes <= 2, "{seen:#?}");
    assert!(seen.iter().all(|seen| !matches!(seen.method.as_str(), "PUT" | "POST")), "{seen:#?}");
    // Another name, another repository: the layers are mounted, and told of there.
    let run = other
        .run(&format!("build app.toml --locked --progress off --push {0}/two:1 --cache-from {0}/app", world.host()));
    assert_eq!(digest(&run), built);
    assert!(run.stdout.contains("2 blobs mounted"), "{run}");
    assert_eq!(complete(&world, "two:1").await, built);
    assert!(tags(&world, "two:1").iter().any(|tag| tag.starts_with("ww1-")));
    // Into a file: the bytes come out of the registry.
    let run =
        other.run(&format!("build app.toml --locked --progress off -o oci:dist --cache-from {}/two", world.host()));
    assert_eq!(digest(&run), built);
    // Without any of that, the wheel is wanted.
    let run = other.run("build app.toml --locked --progress off -o oci:dist --no-remote-cache");
    assert!(run.stderr.contains(WHEEL), "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_change_is_not_asked_for() {
    let world = World::new().await;
    let (bench, built) = pushed(&world, "").await;
    let push = format!("build app.toml --locked --progress off --push {}/app:1", world.host());
    let before = world.seen().len();
    assert_eq!(digest(&bench.run(&push)), built);
    let asked: Vec<String> =
        world.seen()[before..].iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
    // The name, the images of its index, and the receipt that keeps their records.
    assert_eq!(asked.len(), 4, "{asked:#?}");
    // Of another script: one layer, the configs, the manifests, the index.
    bench.write("hello.txt", b"hello again\n");
    let before = world.seen().len();
    assert_ne!(digest(&bench.run(&format!("{push} --attest none"))), built);
    let seen = world.seen()[before..].to_vec();
    let sent = |part: &str| seen.iter().filter(|seen| seen.method == "PUT" && seen.path.contains(part)).count();
    assert_eq!((sent("/blobs/"), sent("/manifests/sha256"), sent("/manifests/1")), (1 + 2, 2 + 1, 1), "{seen:#?}");
    assert_eq!(sent("/manifests/"), 4 + usize::from(sent("/manifests/wwr1") > 0), "{seen:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisoned_record_is_found_out() {
    let world = World::new().await;
    let scratch = tempfile::tempdir().unwrap();
    let (private, public) = (scratch.path().join("key.pem"), scratch.path().join("public.pem"));
    let script = format!(
        "openssl genpkey -algorithm ed25519 -out {0} && openssl pkey -in {0} -pubout -out {1}",
        private.display(),
        public.display()
    );
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    let (bench, built) = pushed(&world, &format!(" --cache-key {}", private.display())).await;
    let (other, third) = (elsewhere(&bench), elsewhere(&bench));
    let believing = format!("build app.toml --locked --progress off -o oci:dist --cache-from {}/app", world.host());
    let trusting = format!("{believing} --cache-trust {}", public.display());
    assert_eq!(digest(&other.run(&trusting)), built);
    poison(&world).await;
    // Who believes everybody gets what everybody says.
    assert_ne!(digest(&other.run(&believing)), built);
    // Without wheels there is nothing to hold it against, and nothing else to take.
    for refused in [third.run(&format!("{believing} --cache-verify 100%")), third.run(&trusting)] {
        assert!(refused.code == Some(3) && refused.stderr.contains(WHEEL), "{refused}");
    }
    let wheel = fs::read(bench.project().join(WHEEL)).unwrap();
    for machine in [&other, &third] {
        machine.write(WHEEL, &wheel);
        let refused = machine.run(&format!("{believing} --cache-verify 100%"));
        assert_eq!(refused.code, Some(7), "{refused}");
        assert!(refused.stderr.contains("/app says that the layer `demo` is sha256:"), "{refused}");
        fs::remove_dir_all(machine.store()).unwrap();
        let mended = machine.run(&trusting);
        assert_eq!(digest(&mended), built);
        assert!(mended.stderr.contains("none of the trusted keys has signed it"), "{mended}");
    }
    // Who made the layer himself notices as well.
    fs::remove_dir_all(bench.store().join("v1/records")).unwrap();
    let warned = bench.run(&format!("build app.toml --locked --progress off --push {}/app:2", world.host()));
    assert_eq!(digest(&warned), built);
    assert!(warned.stderr.contains("and here it became sha256:"), "{warned}");
}

/// Has the record of the wheel's layer name another layer.
async fn poison(world: &World) {
    let repository = client().to_write(&world.reference("app:1")).unwrap();
    let tag = repository.tags().await.unwrap().into_iter().find(|tag| tag.starts_with("ww1-")).unwrap();
    let record = repository.tagged(&tag).await.unwrap().unwrap();
    let layer = Memory::new(MediaType::ImageLayerGzip, noise(9, 1000));
    repository.put_blob(&layer).await.unwrap();
    let mut value: Value = record.value().clone();
    value["layers"] = json!([Descriptor::of(MediaType::ImageLayerGzip, layer.bytes()).to_json()]);
    repository.put_manifest(&Manifest::of_value(MediaType::ImageManifest, value), &tag).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_no_image_needs_are_pruned() {
    let world = World::new().await;
    let (bench, _) = pushed(&world, "").await;
    let host = world.host();
    let push = |bench: &Bench, tag: &str| {
        digest(&bench.run(&format!("build app.toml --progress off --push {host}/app:{tag}")))
    };
    push(&bench, "2");
    super::workshop::edit(&bench, &host, 1);
    push(&bench, "2");
    let prune = |expect: &str| {
        let run = bench.run(&format!("cache prune --remote {host}/app"));
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), expect), "{run}");
    };
    // app:1 has the old wheel, app:2 the new one.
    prune("removed 0 records of layers; 4 left\n");
    let repository = client().to_write(&world.reference("app:1")).unwrap();
    let old = repository.pointed_to("1").await.unwrap().unwrap();
    repository.delete(&old).await.unwrap();
    prune("removed 2 records of layers; 2 left\n");
    prune("removed 0 records of layers; 2 left\n");
    let other = elsewhere(&bench);
    digest(&other.run(&format!("build app.toml --locked --progress off --push {host}/app:2")));
}

/// Removes what lies under tags that begin like this.
async fn remove(world: &World, prefix: &str) {
    let repository = client().to_write(&world.reference("app:1")).unwrap();
    for tag in repository.tags().await.unwrap().into_iter().filter(|tag| tag.starts_with(prefix)) {
        let digest = repository.pointed_to(&tag).await.unwrap().unwrap();
        repository.delete(&digest).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_and_is_gone_is_told_again() {
    let world = World::new().await;
    let (bench, built) = pushed(&world, "").await;
    let told = tags(&world, "app:1");
    let push = |tag: &str| {
        let line = format!("build app.toml --locked --progress off --push {}/app:{tag}", world.host());
        assert_eq!(digest(&bench.run(&line)), built);
    };
    for gone in ["ww", "wwr1-"] {
        remove(&world, gone).await;
        push("1");
        assert_eq!(tags(&world, "app:1"), told, "{gone}");
    }
    // Whoever pruned saw no receipt of this name.
    remove(&world, "ww1-").await;
    push("2");
    assert!(tags(&world, "app:1").is_superset(&told));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_shards_go_with_the_image_that_they_become() {
    let world = World::new().await;
    put_base(&world, 50_000).await;
    let host = world.host();
    let bench = project(&host);
    let succeed = |line: &str| {
        let run = bench.run(line);
        assert_eq!(run.code, Some(0), "{run}");
        run.stdout
    };
    let prune = |expect: &str| assert_eq!(succeed(&format!("cache prune --remote {host}/app")), expect);
    for (edition, pruned) in
        [(0, "removed 0 records of layers; 2 left\n"), (1, "removed 2 records of layers; 2 left\n")]
    {
        super::workshop::edit(&bench, &host, edition);
        succeed("lock app.toml --progress off");
        for shard in 1..=2 {
            succeed(&format!("build app.toml --progress off --push {host}/app:1 --shard {shard}/2"));
        }
        succeed(&format!("index create {host}/app:1 --of app.toml"));
        prune(pruned);
    }
    let receipts = tags(&world, "app:1").into_iter().filter(|tag| tag.starts_with("wwr1-")).count();
    assert_eq!(receipts, 2, "one of each platform");
    let repository = client().to_write(&world.reference("app:1")).unwrap();
    let whole = repository.pointed_to("1").await.unwrap().unwrap();
    repository.delete(&whole).await.unwrap();
    prune("removed 2 records of layers; 0 left\n");
}
