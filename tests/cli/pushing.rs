//! Pushes by the program: what is asked of registries, what goes over the wire, and what stays on disk.

use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    process::Stdio,
    time::Duration,
};

use serde_json::json;
use wheelwright::{
    fs::write_atomic,
    image::deliver,
    oci::{Descriptor, Digest, Hasher},
    serve::faults::{Fault, Seen},
};

use super::{
    bench::Bench,
    workshop::{WHEEL, Wire, complete, digest, files, project, put_base},
};
use crate::registry::world::{World, client, index};

/// Room for headers, manifests and configs.
const SMALL: u64 = 100_000;

/// Room for what is laid over the base.
const OWN: u64 = 2_500_000;

/// Bytes of a base layer that must not be mistaken for those.
const LARGE: usize = 4_000_000;

/// Requests for a blob's bytes.
fn gets(seen: &[Seen], blob: &Descriptor) -> usize {
    seen.iter().filter(|seen| seen.method == "GET" && seen.path.ends_with(&blob.digest.to_string())).count()
}

fn store(bench: &Bench) -> u64 {
    let files = files(&bench.store());
    files.iter().map(|file| file.metadata().unwrap().len()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_of_another_registry_passes_through() {
    let (from, to) = (World::new().await, World::new().await);
    let base = put_base(&from, LARGE).await;
    let (from_wire, to_wire) = (Wire::to(&from).await, Wire::to(&to).await);
    let bench = project(&from_wire.host());
    let locked = bench.run("lock app.toml --progress off");
    assert_eq!(locked.code, Some(0), "{locked}");
    let (before, kept) = (from.seen().len(), store(&bench));
    from_wire.counted();

    let push = format!("build app.toml --locked --progress off --push {}/app:1", to_wire.host());
    let pushed = digest(&bench.run(&push));
    // Both platforms have the same layer.
    let bytes = base.size;
    assert_eq!(gets(&from.seen()[before..], &base), 1);
    let (_, received) = from_wire.counted();
    assert!((bytes..bytes + SMALL).contains(&received), "{received} of {bytes} bytes came");
    let (sent, _) = to_wire.counted();
    assert!((bytes..bytes + OWN).contains(&sent), "{sent} for {bytes} bytes went");
    assert!(store(&bench) < kept + OWN, "the base lies in the store");
    assert_eq!(complete(&to, "app:1").await, pushed);

    // Once there, nothing of it moves again.
    let before = from.seen().len();
    let puts = to.count("PUT", "/blobs/");
    from_wire.counted();
    to_wire.counted();
    assert_eq!(digest(&bench.run(&push)), pushed);
    assert_eq!((gets(&from.seen()[before..], &base), to.count("PUT", "/blobs/")), (0, puts));
    let ((_, received), (sent, _)) = (from_wire.counted(), to_wire.counted());
    assert!(received < SMALL && sent < SMALL, "{received} bytes came, {sent} went");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_of_the_same_registry_is_mounted() {
    let world = World::new().await;
    let base = put_base(&world, LARGE).await;
    let wire = Wire::to(&world).await;
    let bench = project(&wire.host());
    let locked = bench.run("lock app.toml --progress off");
    assert_eq!(locked.code, Some(0), "{locked}");
    let before = world.seen().len();
    wire.counted();

    let run = bench.run(&format!("build app.toml --locked --progress off --push {}/app:1", wire.host()));
    assert!(run.stdout.contains("1 blob mounted"), "{run}");
    assert_eq!(gets(&world.seen()[before..], &base), 0);
    let mounts = world.seen()[before..].iter().filter(|seen| seen.query.contains("mount=")).count();
    assert_eq!(mounts, 1);
    let (sent, received) = wire.counted();
    assert!(sent < OWN && received < SMALL, "{sent} bytes went, {received} came");
    assert_eq!(complete(&world, "app:1").await, digest(&run));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_push_the_same_image() {
    let world = World::new().await;
    put_base(&world, 50_000).await;
    // Nothing in common but the recipe: neither folder nor store.
    let benches = [project(&world.host()), project(&world.host())];
    world.rule(|seen| (seen.method == "PUT").then_some(Fault::Delay(Duration::from_millis(20))));
    let line = format!("build app.toml --progress off --push {}/app:1", world.host());
    let start = |bench: &Bench| bench.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let children = benches.each_ref().map(start);
    let outputs = children.map(|child| child.wait_with_output().unwrap());
    let [left, right] = [0, 1].map(|number| digest(&benches[number].ended(outputs[number].clone())));
    assert_eq!(left, right);
    assert_eq!(complete(&world, "app:1").await, left);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_store_is_found_out_and_mended() {
    let world = World::new().await;
    put_base(&world, 50_000).await;
    let bench = project(&world.host());
    let first = digest(&bench.run("build app.toml --progress off -o oci:dist"));
    let wheel = Digest::of(&fs::read(bench.project().join(WHEEL)).unwrap());
    let blob = files(&bench.store()).into_iter().find(|file| file.ends_with(wheel.hex())).unwrap();
    let mut bytes = fs::read(&blob).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    write_atomic(&blob, &bytes).unwrap();

    let push = format!("build app.toml --locked --progress plain --push {}/app:1", world.host());
    let mended = bench.run(&push);
    assert_eq!(digest(&mended), first);
    assert!(mended.stderr.contains("warning: the store held damaged files, which are had again"), "{mended}");
    assert_eq!(complete(&world, "app:1").await, first);
    assert_eq!(bench.run("cache verify").code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_are_used_where_the_environment_names_them() {
    let world = World::new().await;
    deliver(&index(), &client().sink(&world.reference("a:1"), &[]).unwrap()).await.unwrap();
    let bench = Bench::new(&[]);
    let proxy = world.url();
    let line = "inspect registry.invalid:5000/a:1 --plain-http registry.invalid:5000";
    let run = bench.run_with(line, &[("http_proxy", &proxy)]);
    assert_eq!(run.code, Some(0), "{run}");
    let hosts: Vec<_> = world.seen().iter().map(|seen| seen.headers["host"].to_str().unwrap().to_owned()).collect();
    assert!(hosts.iter().any(|host| host == "registry.invalid:5000"), "{hosts:?}");
    let before = world.seen().len();
    let run = bench.run_with(line, &[("http_proxy", &proxy), ("no_proxy", "registry.invalid")]);
    assert_eq!(run.code, Some(6), "{run}");
    assert!(run.stderr.contains("NO_PROXY"), "{run}");
    assert_eq!(world.seen().len(), before);
}

/// Writes a layout of one image with `number` layers of zeros; each is a tar that ends at once.
fn layout_of_zeros(folder: &Path, number: u64, size: u64) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let mut layers = Vec::new();
    for layer in 0..number {
        let size = size + layer * 512;
        let mut hasher = Hasher::new();
        let zeros = vec![0; 1 << 20];
        for from in (0..size).step_by(zeros.len()) {
            hasher.update(&zeros[..usize::try_from(size - from).unwrap().min(zeros.len())]);
        }
        let digest = hasher.finish();
        // Sparse: a file of this size that takes no room.
        let mut file = fs::File::options().create_new(true).write(true).open(blobs.join(digest.hex())).unwrap();
        file.seek(SeekFrom::Start(size - 1)).unwrap();
        file.write_all(&[0]).unwrap();
        layers.push((digest, size));
    }
    let put = |value: serde_json::Value| {
        let bytes = value.to_string().into_bytes();
        write_atomic(&blobs.join(Digest::of(&bytes).hex()), &bytes).unwrap();
        (Digest::of(&bytes).to_string(), bytes.len())
    };
    let diff_ids: Vec<String> = layers.iter().map(|(digest, _)| digest.to_string()).collect();
    let (config, config_size) = put(json!({
        "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": diff_ids },
    }));
    let layer = |(digest, size): &(Digest, u64)| json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest.to_string(), "size": size });
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let (manifest, manifest_size) = put(json!({
        "schemaVersion": 2, "mediaType": manifest_type,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size },
        "layers": layers.iter().map(layer).collect::<Vec<_>>(),
    }));
    let list = [json!({ "mediaType": manifest_type, "digest": manifest, "size": manifest_size })];
    let index = json!({ "schemaVersion": 2, "manifests": list });
    write_atomic(&folder.join("index.json"), index.to_string().as_bytes()).unwrap();
    write_atomic(&folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_does_not_grow_with_what_is_pushed() {
    let world = World::new().await;
    // The registry reads it all and keeps nothing.
    let large = |seen: &Seen| seen.headers.get("content-length").is_some_and(|length| length.len() > 7);
    world.rule(move |seen| (seen.method == "PUT" && large(seen)).then_some(Fault::AnswerAfterBody(201)));
    world.rule(|seen| {
        (seen.path.contains("/manifests/") && seen.method == "PUT").then_some(Fault::AnswerAfterBody(201))
    });
    let recipe = "name = \"app\"\nbase = \"oci:zeros\"\nplatforms = [\"linux/amd64\"]\n\n\
                  [[scripts]]\nfrom = \"app.toml\"\nto = \"/app.toml\"\n";
    let bench = Bench::new(&[("app.toml", recipe)]);
    layout_of_zeros(&bench.project().join("zeros"), 8, 64 << 20);
    let locked = bench.run("lock app.toml --progress off");
    assert_eq!(locked.code, Some(0), "{locked}");
    let line = format!("build app.toml --locked --progress off --attest none --push {}/app:1", world.host());
    let mut child = bench.command(&line).stdout(Stdio::piped()).spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        let text = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let found = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak = found.map_or(peak, |kibibytes| kibibytes.parse::<u64>().unwrap());
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success());
    assert_eq!(world.seen().iter().filter(|seen| seen.method == "PUT" && large(seen)).count(), 8);
    assert!((1 << 10..64 << 10).contains(&peak), "{peak} KiB");
}
