//! Signatures: made once, found by whoever has the public key, and refused when anything about them is wrong.

use std::process::Stdio;

use serde_json::{Value, json};
use wheelwright::{
    cosign::{self, Payload, Signature, Signatures, SigningKey},
    image::{BlobSource as _, Graph, Manifest, Memory},
    oci::{Digest, MediaType},
};

use super::{
    bench::{Bench, Run},
    workshop::{complete, digest, project, put_base},
};
use crate::registry::world::{World, client, index, noise};

const KEY: &str = include_str!("../../src/cosign/fixtures/key.pem");
const PUBLIC: &str = include_str!("../../src/cosign/fixtures/key.pub");
const SEALED: &str = include_str!("../../src/cosign/fixtures/key-sealed.pem");
const OTHER: &str = include_str!("../../src/cosign/fixtures/other.pem");
const OTHER_PUBLIC: &str = include_str!("../../src/cosign/fixtures/other.pub");
const P384: &str = include_str!("../../src/cosign/fixtures/p384.pem");

/// A folder with keys.
fn bench() -> Bench {
    Bench::new(&[("key.pem", KEY), ("key.pub", PUBLIC), ("other.pem", OTHER), ("other.pub", OTHER_PUBLIC)])
}

/// Puts an image under a name; its digest.
async fn put(world: &World, name: &str) -> Digest {
    let image = index();
    Graph::of_index(&image).deliver(&client().sink(&world.reference(name), &[]).unwrap()).await.unwrap();
    image.manifest.descriptor().digest
}

async fn tags(world: &World, name: &str) -> Vec<String> {
    client().to_read(&world.reference(name)).unwrap().tags().await.unwrap()
}

/// Puts a signature of whatever `payload` is where those of the image with `digest` lie.
async fn put_signature(world: &World, name: &str, digest: &Digest, payload: &[u8]) {
    let signature = SigningKey::parse(KEY, "").unwrap().sign(payload);
    put_manifest(world, name, digest, (payload, signature)).await;
}

async fn put_manifest(world: &World, name: &str, digest: &Digest, (payload, signature): (&[u8], String)) {
    let place = client().to_write(&world.reference(name)).unwrap();
    let (signature, blob) = Signature::new(payload, signature);
    let signatures = Signatures::default().with(signature);
    place.put_blob(&blob).await.unwrap();
    place.put_blob(&signatures.config()).await.unwrap();
    place.put_manifest(&signatures.to_manifest(), &cosign::tag(digest)).await.unwrap();
}

fn refused(run: &Run, part: &str) {
    assert_eq!((run.code, run.stdout.as_str()), (Some(7), ""), "{run}");
    assert!(run.stderr.contains(part) && run.stderr.contains("hint: "), "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_signed_once_and_found_signed() {
    let world = World::new().await;
    let root = put(&world, "app:1").await;
    let (bench, image) = (bench(), world.reference("app:1").to_string());
    refused(&bench.run(&format!("verify {image} --signature key.pub")), "is not signed");

    let signed = bench.run(&format!("sign {image} --key key.pem --progress off"));
    assert_eq!(digest(&signed), root);
    // The index, and each platform's image.
    assert_eq!(signed.stdout.matches("signed: ").count(), 3, "{signed}");
    let listed = tags(&world, "app:1").await;
    assert_eq!(listed.iter().filter(|tag| tag.starts_with("sha256-")).count(), 3, "{listed:?}");
    let found = bench.run(&format!("verify {image} --signature key.pub"));
    let repository = format!("{}/app", world.host());
    let expect = format!("{image}: signed by key.pub, as {repository}\ndigest: {root}\n");
    assert_eq!((found.code, found.stdout.as_str()), (Some(0), expect.as_str()), "{found}");

    // The same key in another form, and out of the environment: nothing is written again.
    let puts = world.count("PUT", "");
    let variables = [("KEY", SEALED), ("COSIGN_PASSWORD", "secret"), ("PUBLIC", PUBLIC)];
    let again = bench.run_with(&format!("sign {image} --key env://KEY --progress off"), &variables);
    assert_eq!((digest(&again), world.count("PUT", "")), (root, puts));
    let json = bench.run_with(&format!("verify {image} --signature env://PUBLIC --format json"), &variables);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["signature"]["digest"], root.to_string());
    assert_eq!(json["signature"]["identity"], repository);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_signature_is_told() {
    let world = World::new().await;
    let bench = bench();
    let identity = format!("{}/app", world.host());
    let check = async |name: &str, part: &str| {
        let image = world.reference(name);
        refused(&bench.run(&format!("verify {image} --signature key.pub --progress off")), part);
    };
    // Another key.
    let root = put(&world, "app/other:1").await;
    let other = bench.run(&format!("sign {} --key other.pem", world.reference("app/other:1")));
    assert_eq!(digest(&other), root);
    check("app/other:1", "and not by this key").await;
    // A sound signature of another image.
    put(&world, "app/digest:1").await;
    let foreign = Payload { digest: Digest::of(b"another"), identity: identity.clone() };
    put_signature(&world, "app/digest:1", &root, &foreign.to_bytes()).await;
    check("app/digest:1", &format!("is of another image, {}", Digest::of(b"another"))).await;
    // Something that is no claim about an image, signed or not.
    for (name, signature) in [("app/words:1", None), ("app/garbled:1", Some("MEUC".to_owned()))] {
        put(&world, name).await;
        match signature {
            None => put_signature(&world, name, &root, b"{\"critical\":{}}").await,
            Some(signature) => put_manifest(&world, name, &root, (b"{\"crit\0", signature)).await,
        }
        check(name, "of something that is not understood").await;
    }
    // One byte of the payload changed after it was signed.
    put(&world, "app/changed:1").await;
    let sound = Payload { digest: root, identity: identity.clone() }.to_bytes();
    let changed = Payload { digest: root, identity: identity.replace("app", "apq") }.to_bytes();
    let signature = SigningKey::parse(KEY, "").unwrap().sign(&sound);
    put_manifest(&world, "app/changed:1", &root, (&changed, signature)).await;
    check("app/changed:1", "and not by this key").await;
    // Something else under the tag.
    put(&world, "app/else:1").await;
    let place = client().to_write(&world.reference("app/else:1")).unwrap();
    let config = Memory::new(MediaType::ImageConfig, "{}");
    place.put_blob(&config).await.unwrap();
    let manifest = Manifest::of_image(config.descriptor(), &[config.descriptor().clone()], &json!({}));
    place.put_manifest(&manifest, &cosign::tag(&root)).await.unwrap();
    check("app/else:1", "cannot be read").await;
    // Among signatures of others, one is enough.
    let image = world.reference("app/other:1");
    digest(&bench.run(&format!("sign {image} --key key.pem")));
    for key in ["key.pub", "other.pub"] {
        let run = bench.run(&format!("verify {image} --signature {key}"));
        assert_eq!(run.code, Some(0), "{run}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_sign_at_once_are_both_heard() {
    let world = World::new().await;
    put(&world, "app:1").await;
    let (bench, image) = (bench(), world.reference("app:1"));
    let start = |key: &str| {
        let mut command = bench.command(&format!("sign {image} --key {key}"));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    for mut child in ["key.pem", "other.pem"].map(start) {
        assert!(child.wait().unwrap().success());
    }
    for key in ["key.pub", "other.pub"] {
        let run = bench.run(&format!("verify {image} --signature {key}"));
        assert_eq!(run.code, Some(0), "{run}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_is_signed_before_its_name_is_there() {
    let world = World::new().await;
    put_base(&world, 1000).await;
    let bench = project(&world.host());
    bench.write("key.pem", KEY.as_bytes());
    bench.write("key.pub", PUBLIC.as_bytes());
    let line = |rest: &str| format!("build app.toml --progress off --push {}/app:{rest}", world.host());
    let plain = digest(&bench.run(&line("1")));
    assert!(tags(&world, "app:1").await.iter().all(|tag| !tag.starts_with("sha256-")));

    let before = world.seen().len();
    assert_eq!(digest(&bench.run(&line("2 --sign-key key.pem"))), plain);
    let puts = world.seen().split_off(before);
    let place = |part: &str| puts.iter().position(|seen| seen.method == "PUT" && seen.path.ends_with(part)).unwrap();
    assert!(place(&cosign::tag(&plain)) < place("/manifests/2"));
    assert_eq!(complete(&world, "app:2").await, plain);
    let image = world.reference("app:2");
    // What is checked besides is the image that was signed.
    let run = bench.run(&format!("verify {image} --signature key.pub --image --fail-on never"));
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.contains("signed by key.pub") && run.stdout.contains(&format!("app@{plain}: ")), "{run}");

    // Copied, and signed for where it goes; a platform alone is signed as what it is.
    let to = world.reference("copy:1");
    let copy = format!("copy {image} {to} --platform linux/arm64 --attest none --sign-key key.pem --progress off");
    let copied = digest(&bench.run(&copy));
    let run = bench.run(&format!("verify {to} --signature key.pub"));
    assert!(run.stdout.contains(&format!("as {}/copy\ndigest: {copied}", world.host())), "{run}");
}

#[test]
fn what_cannot_be_signed_is_said_before_anything_is_made() {
    let bench = bench();
    bench.write("p384.pem", P384.as_bytes());
    bench.write("sealed.pem", SEALED.as_bytes());
    bench.write("noise", &noise(1, 100));
    let check = |line: &str, code: i32, part: &str| {
        let said = bench.refuse(line);
        assert!(said.contains(&format!("exit code: {code}\n")) && said.contains(part), "{said}");
    };
    let image = "127.0.0.1:9/app:1";
    check(&format!("sign {image} --key p384.pem"), 2, "none of ECDSA on the curve P-256");
    check(&format!("sign {image} --key sealed.pem"), 2, "set COSIGN_PASSWORD");
    check(&format!("sign {image} --key key.pub"), 2, "holds no private key");
    check(&format!("sign {image} --key noise"), 1, "cannot read `noise`");
    check(&format!("sign {image} --key env://NOTHING"), 2, "the variable NOTHING is not set");
    check(&format!("verify {image} --signature key.pem"), 2, "holds no public key");
    check("verify oci:dist --signature key.pub", 2, "only images in registries");
    check("sign oci:dist --key key.pem", 2, "signatures lie in registries");
    check("copy oci:dist oci:more --sign-key key.pem", 2, "the image goes to none");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_the_command_of_cosign_is_printed() {
    let world = World::new().await;
    let root = put(&world, "app:1").await;
    let run = bench().run(&format!("sign {}", world.reference("app:1")));
    assert_eq!(run.stdout, format!("cosign sign --recursive {}/app@{root}\ndigest: {root}\n", world.host()));
    assert_eq!(tags(&world, "app:1").await, ["1"]);
}
