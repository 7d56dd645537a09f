//! Published images are made again, and whatever does not follow from recipe and lock is found.

use std::{collections::BTreeMap, io::Read as _};

use serde_json::{Value, json};
use wheelwright::{
    attest::{Origin, Statement},
    image::{Artifact, BlobSource as _, Manifest, Memory, Source as _, read_whole},
    oci::{Descriptor, Digest, MediaType, canonical_json},
};

use super::{
    attesting::{attached, repository, world},
    bench::{Bench, Run},
    workshop::{digest, edit, project},
};
use crate::registry::world::{World, client};

/// Proves on a machine that has nothing.
fn prove(world: &World, tag: &str, more: &str) -> Run {
    Bench::new(&[]).run(&format!("prove {}/app:{tag} --progress off{more}", world.host()))
}

async fn pushed(native: bool) -> (World, Bench, Digest) {
    let world = world(native).await;
    let bench = project(&world.host());
    let run = bench.run(&format!("build app.toml --progress off --push {}/app:1", world.host()));
    let root = digest(&run);
    (world, bench, root)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_made_again_from_what_is_attached_to_it() {
    for native in [true, false] {
        let (world, ..) = pushed(native).await;
        let run = prove(&world, "1", "");
        assert_eq!(run.code, Some(0), "{run}");
        assert!(run.stdout.contains("reproduced: 4 of 4 layers, "), "{run}");
        assert!(run.stdout.contains("linux/arm64  2 of 2 layers the same, "), "{run}");
        assert!(run.stdout.contains("; 1 layer of the base as locked\n"), "{run}");
    }
    let (world, bench, root) = pushed(true).await;
    let run = prove(&world, "1", " --platform linux/amd64 --sample 1");
    assert!(
        run.stdout.contains("reproduced: 1 of 2 layers, ") && run.stdout.contains("; 1 was not made again"),
        "{run}"
    );
    // The whole goes into a layout and out of it again, whichever way it is listed there.
    for how in ["referrers", "index"] {
        let line = format!("build app.toml --locked --progress off --attest {how} -o oci:{how} -o {how}.tar");
        assert_eq!(bench.run(&line).code, Some(0));
        let run = bench.run(&format!("prove oci:{how} --progress off"));
        assert_eq!(run.code, Some(0), "{run}");
    }
    assert_eq!(bench.run("prove index.tar --progress off").code, Some(0));
    let run = bench.run("prove referrers.tar --progress off");
    assert_eq!((run.code, run.stderr.contains("no recipe and lock are attached")), (Some(8), true), "{run}");
    assert!(run.stderr.contains("`--attest referrers` into a layout or `--attest index`"), "{run}");
    let pinned = bench.run(&format!("prove {}/app@{root} --context . --progress off", world.host()));
    assert_eq!(pinned.code, Some(0), "{pinned}");
    bench.write("hello.txt", b"hello, other\n");
    let run = bench.run(&format!("prove {}/app:1 --context . --progress off", world.host()));
    assert_eq!(run.code, Some(7), "{run}");
    assert!(run.stderr.contains("/resolvedDependencies/"), "{run}");
}

/// The base's own history says nothing of where it ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_over_a_local_one_that_was_built_likewise_is_made_again() {
    let (world, bench, _) = pushed(true).await;
    assert_eq!(bench.run("build app.toml --locked --progress off -o oci:base").code, Some(0));
    let recipe = "name = \"upper\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\n\
                  [[scripts]]\nfrom = \"hello.txt\"\nto = \"/upper.txt\"\n";
    bench.write("upper.toml", recipe.as_bytes());
    digest(&bench.run(&format!("build upper.toml --progress off --push {}/app:upper", world.host())));
    let run = prove(&world, "upper", "");
    assert_eq!(run.code, Some(0), "{run}");
    let told = "linux/amd64  1 of 1 layer the same, ";
    assert!(run.stdout.contains(told) && run.stdout.contains("; the base is a local one, "), "{run}");
    assert!(run.stdout.contains("\nreproduced: 2 of 2 layers, "), "{run}");
    let run = bench.run(&format!("prove {}/app:upper --context . --progress off", world.host()));
    assert!(run.code == Some(0) && run.stdout.contains("; 3 layers of the base as locked\n"), "{run}");
}

/// Pushes the image `from` to `tag` with another layer for amd64, and attaches to it what was attached to `from`, as if
/// all of it spoke of the new one.
async fn forge(world: &World, from: &Digest, tag: &str, change: impl Fn(&mut tar::Header, &str, &mut Vec<u8>)) {
    let repository = repository(world);
    let source = client().source(&world.reference("app:1")).unwrap();
    let root = repository.manifest(from).await.unwrap();
    let entry = root.manifests().unwrap().remove(0);
    let image = repository.manifest(&entry.digest).await.unwrap();
    let mut layers = image.layers().unwrap();
    let bytes = read_whole(&*source.blob(&layers[1]), 1 << 24).await.unwrap();
    let tar = forged(&bytes, change);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &tar).unwrap();
    let layer = Memory::new(MediaType::ImageLayerGzip, encoder.finish().unwrap());
    layers[1] = layer.descriptor().clone();
    let mut config: Value =
        serde_json::from_slice(&read_whole(&*source.blob(&image.config().unwrap()), 1 << 20).await.unwrap()).unwrap();
    config["rootfs"]["diff_ids"][1] = Digest::of(&tar).to_string().into();
    let config = Memory::new(MediaType::ImageConfig, canonical_json(&config));
    let annotations = image.value()["annotations"].clone();
    let other = Manifest::of_image(config.descriptor(), &layers, &annotations);
    for blob in [&layer, &config] {
        repository.put_blob(blob).await.unwrap();
    }
    repository.put_manifest(&other, &other.descriptor().digest.to_string()).await.unwrap();
    let mut index = root.value().clone();
    let platform = index["manifests"][0]["platform"].clone();
    index["manifests"][0] = other.descriptor().to_json();
    index["manifests"][0]["platform"] = platform;
    let index = Manifest::of_value(MediaType::ImageIndex, index);
    repository.put_manifest(&index, tag).await.unwrap();
    let moved: BTreeMap<Digest, Descriptor> =
        [(*from, index.descriptor().clone()), (entry.digest, other.descriptor().clone())].into();
    carry_over(world, from, &moved, |bytes| bytes).await;
}

/// The tar in `layer`, each entry of which `change` may change.
fn forged(layer: &[u8], change: impl Fn(&mut tar::Header, &str, &mut Vec<u8>)) -> Vec<u8> {
    let mut archive = tar::Archive::new(flate2::read::MultiGzDecoder::new(layer));
    let mut out = tar::Builder::new(Vec::new());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let (mut header, path) = (entry.header().clone(), entry.path().unwrap().display().to_string());
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        change(&mut header, &path, &mut bytes);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        out.append(&header, &bytes[..]).unwrap();
    }
    out.into_inner().unwrap()
}

/// Attaches to what manifests have `moved` to what was attached to them, its lock as `change` has it, and every
/// statement as if it were about the new one.
async fn carry_over(
    world: &World,
    from: &Digest,
    moved: &BTreeMap<Digest, Descriptor>,
    change: impl Fn(Vec<u8>) -> Vec<u8>,
) {
    let repository = repository(world);
    for (subject, one) in attached(world, from).await {
        let Some(to) = moved.get(&subject) else { continue };
        let manifest = repository.manifest(&one.manifest.digest).await.unwrap();
        let layer = manifest.layers().unwrap().remove(0);
        let bytes = read_whole(&repository.blob(&layer), 1 << 24).await.unwrap();
        let artifact = if let Some((origin, _)) = Origin::layers(&manifest).pop() {
            origin.to_artifact(to, change(bytes.to_vec()).into(), &[])
        } else {
            Statement { subject: to.digest, ..Statement::parse(&bytes).unwrap() }.to_artifact(to)
        };
        attach(world, &artifact).await;
    }
}

async fn attach(world: &World, artifact: &Artifact) {
    let repository = repository(world);
    for blob in &artifact.blobs {
        repository.put_blob(&**blob).await.unwrap();
    }
    repository.attach(&artifact.manifest).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_is_named_that_a_forged_layer_has_otherwise() {
    let (world, _, root) = pushed(true).await;
    let is_module = |path: &str| path.ends_with("site-packages/demo.py");
    forge(&world, &root, "byte", |_, path, bytes| {
        if is_module(path) {
            bytes[500_000] ^= 1;
        }
    })
    .await;
    forge(&world, &root, "mode", |header, path, _| {
        if is_module(path) {
            header.set_mode(0o755);
        }
    })
    .await;
    forge(&world, &root, "time", |header, path, _| {
        if is_module(path) {
            header.set_mtime(315_532_801);
        }
    })
    .await;
    forge(&world, &root, "same", |_, _, _| {}).await;
    for (tag, expect) in [
        (
            "byte",
            "linux/amd64  layer `demo`: the contents of /usr/local/lib/python3.11/site-packages/demo.py are sha256:",
        ),
        (
            "mode",
            "the mode of /usr/local/lib/python3.11/site-packages/demo.py is 0755 in the image, and 0644 by the lock",
        ),
        (
            "time",
            "the time of /usr/local/lib/python3.11/site-packages/demo.py is 315532801 in the image, and 315532800",
        ),
        ("same", "layer `demo`: the same files, and other bytes: sha256:"),
    ] {
        let run = prove(&world, tag, "");
        assert_eq!(run.code, Some(8), "{run}");
        assert!(run.stdout.contains(expect) && run.stdout.contains("\nnot reproduced: 3 of 4 layers, "), "{run}");
    }
    // Who changes nothing but how the container starts is found out as well.
    assert_eq!(prove(&world, "byte", " --platform linux/arm64").code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_belong_to_an_image_is_refused() {
    let (world, bench, root) = pushed(true).await;
    // Another edition in the same repository, with another wheel.
    edit(&bench, &world.host(), 1);
    let other = digest(&bench.run(&format!("build app.toml --progress off --push {}/app:2", world.host())));
    let repository = repository(&world);
    let remove = async |root: &Digest, what: &str| {
        for (_, one) in attached(&world, root).await {
            if one.predicate().or(one.kind.as_deref()).unwrap().contains(what) {
                repository.delete(&one.manifest.digest).await.unwrap();
            }
        }
    };
    let descriptor = async |digest: &Digest| repository.manifest(digest).await.unwrap().descriptor().clone();
    // A lock with other wheels, attached to the right image.
    let theirs: Vec<_> = attached(&world, &other).await.into_iter().filter(|(subject, _)| *subject == other).collect();
    let manifest = repository.manifest(&theirs[0].1.manifest.digest).await.unwrap();
    let (origin, layer) = Origin::layers(&manifest).remove(0);
    let archive = read_whole(&repository.blob(&layer), 1 << 24).await.unwrap();
    remove(&root, "ocipkg").await;
    attach(&world, &origin.to_artifact(&descriptor(&root).await, archive, &[])).await;
    let run = prove(&world, "1", "");
    assert_eq!(run.code, Some(7), "{run}");
    assert!(
        run.stderr.contains("recipe and lock do not belong to the image for linux/amd64: the provenance says"),
        "{run}"
    );
    // With provenance of its own making it is another image that follows.
    let images = async |root: &Digest| repository.manifest(root).await.unwrap().manifests().unwrap();
    remove(&root, "slsa").await;
    for (ours, theirs) in images(&root).await.into_iter().zip(images(&other).await) {
        let about = attached(&world, &other).await.into_iter().find(|(subject, one)| {
            *subject == theirs.digest && one.predicate().is_some_and(|predicate| predicate.contains("slsa"))
        });
        let manifest = repository.manifest(&about.unwrap().1.manifest.digest).await.unwrap();
        let bytes = read_whole(&repository.blob(&manifest.layers().unwrap()[0]), 1 << 20).await.unwrap();
        let statement = Statement { subject: ours.digest, ..Statement::parse(&bytes).unwrap() };
        attach(&world, &statement.to_artifact(&ours)).await;
    }
    let run = prove(&world, "1", "");
    assert_eq!(run.code, Some(8), "{run}");
    assert!(run.stdout.contains("layer `demo`: ") && run.stdout.contains("not reproduced: 2 of 4 layers"), "{run}");
    // A statement about another image.
    let (ours, theirs) = (images(&root).await.remove(0), images(&other).await.remove(0));
    let statement = Statement {
        name: "app".to_owned(),
        subject: theirs.digest,
        predicate_type: wheelwright::attest::PROVENANCE.to_owned(),
        predicate: json!({}),
    };
    attach(&world, &statement.to_artifact(&ours)).await;
    let run = prove(&world, "1", "");
    assert_eq!(run.code, Some(7), "{run}");
    assert!(run.stderr.contains(&format!(" is attached to {} and speaks of {}", ours.digest, theirs.digest)), "{run}");
    // Nothing at all.
    let run = bench.run(&format!("build app.toml --progress off --attest none --push {}/bare:1", world.host()));
    assert_eq!(run.code, Some(0), "{run}");
    let run = bench.run(&format!("prove {}/bare:1 --progress off", world.host()));
    assert_eq!((run.code, run.stderr.contains("no recipe and lock are attached to")), (Some(8), true), "{run}");
}
