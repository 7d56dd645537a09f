//! What is attached to an image is listed, by the registry or under a tag.

use serde_json::json;
use wheelwright::{
    image::{Manifest, Memory, deliver},
    oci::{Digest, MediaType},
    registry::{Attached, Registry, Repository},
    serve::faults::Fault,
};

use super::world::{World, client, index};

const SBOM: &str = "application/spdx+json";

/// A registry with an image, which knows of referrers or not.
async fn world(native: bool) -> (World, Digest) {
    let world = World::new().await;
    let index = index();
    deliver(&index, &client().sink(&world.reference("a:1"), &[]).unwrap()).await.unwrap();
    if !native {
        let absent = Fault::Answer { status: 404, headers: Vec::new(), body: bytes::Bytes::new() };
        world.fail(usize::MAX, "GET", "/referrers/", absent);
        world.fail(usize::MAX, "PUT", "/manifests/", Fault::WithoutHeader("oci-subject"));
    }
    (world, index.manifest.descriptor().digest)
}

/// Something of this type about `subject`, whose blobs are in the repository.
async fn artifact(repository: &Repository, subject: &Digest, kind: &str, note: &str) -> Manifest {
    let empty = Memory::new(MediaType::EmptyJSON, "{}");
    repository.put_blob(&empty).await.unwrap();
    let descriptor = wheelwright::image::BlobSource::descriptor(&empty).to_json();
    let subject = json!({ "mediaType": MediaType::ImageIndex.to_string(), "digest": subject.to_string(), "size": 1 });
    Manifest::of_value(
        MediaType::ImageManifest,
        json!({
            "schemaVersion": 2, "mediaType": MediaType::ImageManifest.to_string(), "artifactType": kind,
            "config": descriptor, "layers": [descriptor], "subject": subject, "annotations": { "note": note },
        }),
    )
}

fn opened(client: &Registry, world: &World) -> Repository {
    client.to_write(&world.reference("a")).unwrap()
}

#[tokio::test]
async fn artifacts_are_attached_and_listed() {
    for (native, expect) in [(true, Attached::Native), (false, Attached::Tag)] {
        let (world, subject) = world(native).await;
        let repository = opened(&client(), &world);
        assert!(repository.referrers(&subject, None).await.unwrap().is_empty());
        let sbom = artifact(&repository, &subject, SBOM, "1").await;
        let other = artifact(&repository, &subject, "text/x", "2").await;
        for artifact in [&sbom, &other, &sbom] {
            assert_eq!(repository.attach(artifact).await.unwrap(), expect);
        }
        let all = repository.referrers(&subject, None).await.unwrap();
        assert_eq!(all.len(), 2);
        let found = repository.referrers(&subject, Some(SBOM)).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].digest, sbom.descriptor().digest);
        assert_eq!(found[0].annotations["note"], "1");
    }
}

#[tokio::test]
async fn a_registry_that_says_nothing_may_list_all_the_same() {
    let (world, subject) = world(true).await;
    world.fail(usize::MAX, "PUT", "/manifests/", Fault::WithoutHeader("oci-subject"));
    let repository = opened(&client(), &world);
    let sbom = artifact(&repository, &subject, SBOM, "1").await;
    assert_eq!(repository.attach(&sbom).await.unwrap(), Attached::Native);
    assert_eq!(world.count("PUT", "/manifests/sha256-"), 0);
}

#[tokio::test]
async fn registries_that_know_of_no_lists_say_so_in_many_ways() {
    for status in [200, 400, 404, 405, 406, 501] {
        let (world, subject) = world(true).await;
        let empty = if status == 200 { r#"{"schemaVersion":2,"manifests":[]}"# } else { "" };
        let answer = Fault::Answer { status, headers: Vec::new(), body: empty.into() };
        world.fail(usize::MAX, "GET", "/referrers/", answer);
        world.fail(usize::MAX, "PUT", "/manifests/", Fault::WithoutHeader("oci-subject"));
        let repository = opened(&client(), &world);
        let sbom = artifact(&repository, &subject, SBOM, "1").await;
        assert_eq!(repository.attach(&sbom).await.unwrap(), Attached::Tag, "{status}");
        for kind in [None, Some(SBOM)] {
            let found = repository.referrers(&subject, kind).await.unwrap();
            assert_eq!(found.len(), 1, "{status}");
        }
        assert!(repository.referrers(&subject, Some("text/x")).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_empty_list_of_a_registry_that_lists_is_believed() {
    let (world, subject) = world(true).await;
    let repository = opened(&client(), &world);
    let sbom = artifact(&repository, &subject, SBOM, "1").await;
    repository.attach(&sbom).await.unwrap();
    assert!(repository.referrers(&sbom.descriptor().digest, None).await.unwrap().is_empty());
    assert_eq!(world.count("GET", "/manifests/sha256-"), 0);
}

#[tokio::test]
async fn what_lies_under_the_tag_is_looked_at() {
    // As GitLab does it: until there is such a tag, it is read as a digest.
    let (world, subject) = world(false).await;
    let repository = opened(&client(), &world);
    let index = index().manifest;
    let headers = vec![("content-type", index.descriptor().media_type.to_string())];
    world.fail(2, "GET", "/manifests/sha256-", Fault::Answer { status: 200, headers, body: index.bytes().clone() });
    assert!(repository.referrers(&subject, None).await.unwrap().is_empty());
    let sbom = artifact(&repository, &subject, SBOM, "1").await;
    assert_eq!(repository.attach(&sbom).await.unwrap(), Attached::Tag);
    assert_eq!(repository.referrers(&subject, None).await.unwrap().len(), 1);
    // An image under such a name is nobody's list, and is not written over.
    let (world, subject) = self::world(false).await;
    let repository = opened(&client(), &world);
    let tag = format!("sha256-{}", subject.hex());
    let image = self::index().images[0].manifest.clone();
    repository.put_manifest(&image, &tag).await.unwrap();
    assert!(repository.referrers(&subject, None).await.unwrap().is_empty());
    let sbom = artifact(&repository, &subject, SBOM, "1").await;
    let error = repository.attach(&sbom).await.unwrap_err();
    assert!(error.to_string().contains(&format!("`{tag}` is no list of what is attached")), "{error}");
    assert_eq!(repository.pointed_to(&tag).await.unwrap(), Some(image.descriptor().digest));
}

#[tokio::test]
async fn the_tag_keeps_what_others_wrote() {
    let (world, subject) = world(false).await;
    let repository = opened(&client(), &world);
    let theirs = artifact(&repository, &subject, "text/theirs", "x").await;
    repository.attach(&theirs).await.unwrap();
    let ours = artifact(&repository, &subject, SBOM, "y").await;
    repository.attach(&ours).await.unwrap();
    let tag = format!("sha256-{}", subject.hex());
    let list = wheelwright::image::Source::root(&client().source(&world.reference(&format!("a:{tag}"))).unwrap()).await;
    let list = list.unwrap();
    let entries = list.value()["manifests"].as_array().unwrap();
    let digests: Vec<&str> = entries.iter().map(|entry| entry["digest"].as_str().unwrap()).collect();
    assert!(digests.is_sorted() && digests.len() == 2, "{digests:?}");
    assert!(entries.iter().any(|entry| entry["artifactType"] == "text/theirs" && entry["annotations"]["note"] == "x"));
}

#[tokio::test]
async fn two_who_attach_at_the_same_time_both_do() {
    for clients in [1, 2] {
        let (world, subject) = world(false).await;
        let first = client();
        let second = if clients == 1 { first.clone() } else { client() };
        let (left, right) = (opened(&first, &world), opened(&second, &world));
        let one = artifact(&left, &subject, SBOM, "1").await;
        let two = artifact(&right, &subject, SBOM, "2").await;
        let (one, two) = tokio::join!(left.attach(&one), right.attach(&two));
        assert_eq!((one.unwrap(), two.unwrap()), (Attached::Tag, Attached::Tag));
        assert_eq!(left.referrers(&subject, None).await.unwrap().len(), 2, "{clients} clients");
    }
}

#[tokio::test]
async fn lists_go_on_over_pages() {
    let (world, subject) = world(true).await;
    let repository = opened(&client(), &world);
    let page = |note: &str| {
        let entry = json!({ "mediaType": "x", "digest": Digest::of(note.as_bytes()).to_string(), "size": 1 });
        json!({ "schemaVersion": 2, "manifests": [entry] }).to_string()
    };
    let next = vec![("link", format!("</v2/a/referrers/{subject}?last=1>; rel=\"next\""))];
    world.fail(1, "GET", "/referrers/", Fault::Answer { status: 200, headers: next, body: page("1").into() });
    let last = Fault::Answer { status: 200, headers: Vec::new(), body: page("2").into() };
    world.rule(move |seen| (seen.query == "last=1").then(|| last.clone()));
    assert_eq!(repository.referrers(&subject, None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_list_that_breaks_off_is_none() {
    let (world, subject) = world(true).await;
    let headers = vec![("link", "<https://elsewhere.example/v2/a/referrers/x>; rel=\"next\"".to_owned())];
    let body = r#"{"schemaVersion":2,"manifests":[]}"#.into();
    world.fail(1, "GET", "/referrers/", Fault::Answer { status: 200, headers, body });
    let error = opened(&client(), &world).referrers(&subject, None).await.unwrap_err();
    assert!(error.to_string().ends_with("the registry's address for the rest of a list is not followed"), "{error}");
}

#[tokio::test]
async fn what_has_no_subject_is_attached_to_nothing() {
    let (world, _) = world(true).await;
    let error = opened(&client(), &world).attach(&index().manifest).await.unwrap_err();
    assert!(error.to_string().ends_with("names no subject"), "{error}");
}
