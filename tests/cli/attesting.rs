//! What is said of images goes with them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wheelwright::{
    fs::write_atomic,
    image::{Attachment, Source as _, read_whole},
    oci::Digest,
    registry::Repository,
    serve::faults::Fault,
};

use super::{
    bench::{Bench, Run},
    workshop::{complete, digest, project, put_base},
};
use crate::registry::world::{World, client};

/// A registry with a base in it, which knows of referrers or not.
pub(super) async fn world(native: bool) -> World {
    let world = World::new().await;
    put_base(&world, 50_000).await;
    if !native {
        let absent = Fault::Answer { status: 404, headers: Vec::new(), body: bytes::Bytes::new() };
        world.fail(usize::MAX, "GET", "/referrers/", absent);
        world.fail(usize::MAX, "PUT", "/manifests/", Fault::WithoutHeader("oci-subject"));
    }
    world
}

pub(super) fn repository(world: &World) -> Repository {
    client().to_write(&world.reference("app:1")).unwrap()
}

/// Everything that is attached to the image `root` and to its images.
pub(super) async fn attached(world: &World, root: &Digest) -> Vec<(Digest, Attachment)> {
    let repository = repository(world);
    let mut subjects = vec![*root];
    subjects.extend(repository.manifest(root).await.unwrap().manifests().unwrap().iter().map(|image| image.digest));
    let mut found = Vec::new();
    for subject in subjects {
        let attached = repository.attachments(&subject, None).await.unwrap();
        found.extend(attached.into_iter().map(|attached| (subject, attached)));
    }
    found
}

/// What `attached` says.
async fn statement(world: &World, attached: &Attachment) -> Value {
    let repository = repository(world);
    let manifest = repository.manifest(&attached.manifest.digest).await.unwrap();
    let layer = manifest.layers().unwrap().remove(0);
    serde_json::from_slice(&read_whole(&repository.blob(&layer), 1 << 20).await.unwrap()).unwrap()
}

fn push(bench: &Bench, world: &World, more: &str) -> Run {
    bench.run(&format!("build app.toml --progress off --push {}/app:1{more}", world.host()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_and_the_recipe_go_with_a_push() {
    for native in [true, false] {
        let world = world(native).await;
        let bench = project(&world.host());
        let run = push(&bench, &world, "");
        let root = digest(&run);
        assert!(run.stdout.contains(", 7 artifacts attached\n"), "{run}");
        let found = attached(&world, &root).await;
        let mut kinds: BTreeMap<(bool, String), usize> = BTreeMap::new();
        for (subject, one) in &found {
            let kind = one.predicate().or(one.kind.as_deref()).unwrap().to_owned();
            *kinds.entry((*subject == root, kind)).or_default() += 1;
        }
        let kinds: Vec<String> = kinds.iter().map(|((whole, kind), count)| format!("{whole} {kind} {count}")).collect();
        let expect = [
            "false https://slsa.dev/provenance/v1 2",
            "false https://spdx.dev/Document 2",
            "false wheelwright:paths/v1 2",
            "true application/vnd.ocipkg.v1.artifact 1",
        ];
        assert_eq!(kinds, expect);
        for (subject, one) in found.iter().filter(|(subject, _)| *subject != root) {
            assert_eq!(statement(&world, one).await["subject"][0]["digest"]["sha256"], subject.hex());
        }
        // Another time nothing is sent, or asked for but the name, its images, and the receipt of the layers' records.
        let before = world.seen().len();
        let again = push(&bench, &world, "");
        assert_eq!((digest(&again), again.stdout.contains("attached")), (root, false), "{again}");
        assert_eq!(world.seen().len() - before, 4);
        // And neither by a machine that only sees what is there.
        let other = project(&world.host());
        let again = push(&other, &world, "");
        assert_eq!((digest(&again), again.stdout.contains("attached")), (root, false), "{again}");
        assert_eq!(attached(&world, &root).await.len(), 7);
        let inspected = bench.run(&format!("inspect {}/app:1", world.host()));
        assert_eq!(inspected.stdout.matches("https://slsa.dev/provenance/v1").count(), 2, "{inspected}");
        let inspected = bench.run(&format!("inspect {}/app:1 --json", world.host()));
        let inspected: Value = serde_json::from_str(&inspected.stdout).unwrap();
        assert_eq!(inspected["attached"].as_array().unwrap().len(), 7);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_attached_and_is_gone_comes_back_when_it_is_asked_for() {
    let world = world(true).await;
    let bench = project(&world.host());
    let root = digest(&push(&bench, &world, ""));
    for (_, one) in attached(&world, &root).await.into_iter().take(2) {
        repository(&world).delete(&one.manifest.digest).await.unwrap();
    }
    let again = push(&bench, &world, " --attest referrers");
    assert!(again.stdout.contains(", 2 artifacts attached\n"), "{again}");
    assert_eq!(attached(&world, &root).await.len(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_of_which_only_blobs_are_left_is_attached_to_anew() {
    let world = world(true).await;
    let bench = project(&world.host());
    let root = digest(&push(&bench, &world, ""));
    let repository = repository(&world);
    for (_, one) in attached(&world, &root).await {
        repository.delete(&one.manifest.digest).await.unwrap();
    }
    repository.delete(&root).await.unwrap();
    let again = push(&bench, &world, "");
    assert!(again.stdout.contains(", 7 artifacts attached\n"), "{again}");
    assert_eq!((digest(&again), attached(&world, &root).await.len()), (root, 7));
}

/// Where each layer of the image for a platform comes from, as the map of its paths has it.
async fn origins(world: &World, root: &Digest) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, one) in attached(world, root).await {
        if one.predicate() == Some(wheelwright::attest::PATHS) {
            let said = statement(world, &one).await;
            let layers = said["predicate"]["layers"].as_array().unwrap();
            let origins: Vec<&str> = layers.iter().map(|layer| layer["origin"].as_str().unwrap()).collect();
            found.insert(origins.join(" "));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn layers_are_the_bases_whatever_history_that_has() {
    let world = world(true).await;
    let host = world.host();
    // A base without history.
    let bench = project(&host);
    let below = digest(&push(&bench, &world, ""));
    assert_eq!(origins(&world, &below).await, ["base recipe recipe".to_owned()].into());
    // A base that was built here.
    let wheel = wheelwright::testing::Wheel::new("more", "1.0").file("more.py", b"");
    bench.write("more-1.0-py3-none-any.whl", &wheel.build());
    let recipe = format!(
        "name = \"app\"\nbase = \"{host}/app:1\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\n\
         [wheels]\nrequire = [\"./more-1.0-py3-none-any.whl\"]\n"
    );
    bench.write("over.toml", recipe.as_bytes());
    let above = digest(&bench.run(&format!("build over.toml --progress off --push {host}/app:2")));
    assert_eq!(origins(&world, &above).await, ["base base base recipe".to_owned()].into());
    let listed = bench.run(&format!("sbom {host}/app:2 --of over.toml --platform linux/amd64"));
    assert!(listed.stdout.contains("more"), "{listed}");
    // The same of parts that are joined elsewhere.
    let whole = attached(&world, &above).await;
    for shard in 1..=2 {
        let run = bench.run(&format!("build over.toml --progress off --push {host}/parts:1 --shard {shard}/2"));
        assert_eq!(run.code, Some(0), "{run}");
    }
    let elsewhere = project(&host);
    for file in ["over.toml", "over.lock", "more-1.0-py3-none-any.whl"] {
        elsewhere.write(file, &std::fs::read(bench.project().join(file)).unwrap());
    }
    let joined = elsewhere.run(&format!("index create {host}/parts:1 --of over.toml --progress off"));
    assert_eq!(joined.code, Some(0), "{joined}");
    let parts = client().to_read(&world.reference("parts:1")).unwrap();
    for (subject, one) in &whole {
        let there = parts.attachments(subject, None).await.unwrap();
        assert!(there.contains(one), "{one:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_is_none_unless_all_is_attached() {
    let world = world(true).await;
    let bench = project(&world.host());
    let alone = digest(&push(&bench, &world, " --attest none"));
    assert!(attached(&world, &alone).await.is_empty());
    bench.write("hello.txt", b"other\n");
    let images = std::sync::atomic::AtomicUsize::new(0);
    // The two images and their index are taken, and nothing behind them.
    world.rule(move |seen| {
        let put = seen.method == "PUT" && seen.path.contains("/manifests/sha256:");
        let refused = put && images.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= 3;
        let body = bytes::Bytes::from_static(b"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no artifacts here\"}]}");
        refused.then_some(Fault::Answer { status: 403, headers: Vec::new(), body })
    });
    let run = push(&bench, &world, "");
    assert_eq!(run.code, Some(6), "{run}");
    assert!(run.stderr.contains("cannot attach https://slsa.dev/provenance/v1 to sha256:"), "{run}");
    assert_eq!(complete(&world, "app:1").await, alone, "the name has not moved");
}

/// All files of the layout `folder`, by their names.
fn layout(bench: &Bench, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let root = bench.project().join(folder);
    let files = super::workshop::files(&root).into_iter();
    files.map(|file| (file.strip_prefix(&root).unwrap().display().to_string(), std::fs::read(&file).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn layouts_hold_them_too_and_they_are_the_same_everywhere() {
    let world = world(true).await;
    let bench = project(&world.host());
    let locked = bench.run("lock app.toml --progress off");
    assert_eq!(locked.code, Some(0), "{locked}");
    let other = project(&world.host());
    write_atomic(&other.project().join("app.lock"), &std::fs::read(bench.project().join("app.lock")).unwrap()).unwrap();
    let plain = digest(&bench.run("build app.toml --locked --progress off -o oci:plain"));
    for how in ["referrers", "index"] {
        let line =
            |jobs: usize| format!("build app.toml --locked --progress off -o oci:{how} --attest {how} --jobs {jobs}");
        let roots = [bench.run(&line(1)), other.run(&line(8))].map(|run| digest(&run));
        assert_eq!((roots[0] == roots[1], roots[0] == plain), (true, how == "referrers"));
        assert!(layout(&bench, how) == layout(&other, how), "{how}");
        let source = wheelwright::layout::LayoutSource::open(bench.project().join(how), None).unwrap();
        let root = source.root().await.unwrap();
        assert_eq!(root.descriptor().digest, roots[0]);
        let listed = wheelwright::attest::entries(&root);
        assert_eq!(listed.len(), if how == "index" { 2 } else { 0 });
        // Whoever copies the image copies what its index lists, and finds its platforms all the same.
        let copied = bench.run(&format!("copy oci:{how} oci:copy-{how} --progress off"));
        assert_eq!(digest(&copied), roots[0]);
        assert!(copied.stdout.contains("  2 images, "), "{copied}");
    }
    let inspected = bench.run("inspect oci:index");
    assert_eq!(inspected.stdout.matches("wheelwright:paths/v1").count(), 2, "{inspected}");
    let contents = wheelwright::layout::read_contents(&bench.project().join("referrers")).unwrap();
    assert_eq!((contents.entries().count(), contents.attachments().count()), (1, 7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_take_along_what_is_attached() {
    const KEY: &str = include_str!("../../src/cosign/fixtures/key.pem");
    const PUBLIC: &str = include_str!("../../src/cosign/fixtures/key.pub");
    for native in [true, false] {
        let (here, there) = (world(native).await, world(!native).await);
        let bench = project(&here.host());
        bench.write("key.pem", KEY.as_bytes());
        bench.write("key.pub", PUBLIC.as_bytes());
        let root = digest(&push(&bench, &here, " --sign-key key.pem"));
        // Somebody's remark on a statement.
        let (_, about) = attached(&here, &root).await.remove(0);
        let remark = wheelwright::image::Artifact::new("remark", &about.manifest, None, vec![], &BTreeMap::new());
        let origin = repository(&here);
        for blob in &remark.blobs {
            origin.put_blob(&**blob).await.unwrap();
        }
        origin.attach(&remark.manifest).await.unwrap();

        let from = format!("{}/app:1", here.host());
        let to = format!("{}/app:1", there.host());
        let into = format!("copy {from} oci:by --attest referrers");
        for line in [into, format!("copy oci:by {to}"), format!("copy {from} {to}")] {
            let run = bench.run(&format!("{line} --progress off"));
            assert!(digest(&run) == root && run.stdout.contains(", 8 artifacts attached\n"), "{run}");
        }
        assert_eq!(attached(&there, &root).await.len(), 7);
        let remarks = repository(&there).attachments(&about.manifest.digest, None).await.unwrap();
        assert_eq!(remarks.len(), 1);
        for image in ["oci:by", &to] {
            let run = bench.run(&format!("prove {image} --progress off"));
            assert!(run.stdout.contains("\nreproduced: 4 of 4 layers, "), "{run}");
        }
        assert_eq!(bench.run(&format!("verify {to} --signature key.pub --progress off")).code, Some(0));
        let inspected = bench.run("inspect oci:by");
        assert_eq!(inspected.stdout.matches("https://slsa.dev/provenance/v1").count(), 2, "{inspected}");

        let alone = bench.run(&format!("copy {from} oci:alone by.tar --progress off"));
        let archive = bench.run(&format!("copy {from} archive.tar --attest referrers --progress off"));
        let nothing = bench.run(&format!("copy {from} {}/bare:1 --attest none --progress off", there.host()));
        assert!(!nothing.stdout.contains("attached"), "{nothing}");
        assert!(!format!("{alone}{archive}").contains("attached"), "{alone}{archive}");
        assert!(layout(&bench, "alone").len() < layout(&bench, "by").len());
        let bytes = |name: &str| std::fs::read(bench.project().join(name)).unwrap();
        assert_eq!(bytes("by.tar"), bytes("archive.tar"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_listed_and_about_something_else_is_not_copied() {
    let world = world(false).await;
    let bench = project(&world.host());
    let root = digest(&push(&bench, &world, ""));
    let repository = repository(&world);
    let (subject, list) = (root, format!("sha256-{}", root.hex()));
    let other = repository.manifest(&root).await.unwrap().manifests().unwrap().remove(0);
    let strange = wheelwright::image::Artifact::new("strange", &other, None, vec![], &BTreeMap::new());
    for blob in &strange.blobs {
        repository.put_blob(&**blob).await.unwrap();
    }
    repository.put_manifest(&strange.manifest, &strange.manifest.descriptor().digest.to_string()).await.unwrap();
    let index = wheelwright::image::Manifest::of_entries(vec![Attachment::of(&strange.manifest).to_json()]);
    repository.put_manifest(&index, &list).await.unwrap();
    let run = bench.refuse(&format!("copy {}/app:1 oci:copy --attest referrers --progress off", world.host()));
    let says = format!("{} is listed as attached to {subject}, and says", strange.manifest.descriptor().digest);
    assert!(run.contains(&says) && run.contains("hint: "), "{run}");
    assert!(!bench.project().join("copy").exists());
}
