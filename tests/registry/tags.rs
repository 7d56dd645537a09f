//! Lists of tags: all of them, or an error.

use wheelwright::{
    hint::Advise as _,
    image::deliver,
    registry::{RegistryError, Repository},
    remote::prune,
    serve::faults::Fault,
};

use super::world::{World, client, index};

/// A registry with an image, under the tags `1` and `2`.
async fn world() -> (World, Repository) {
    let world = World::new().await;
    deliver(&index(), &client().sink(&world.reference("a:1"), &["2".to_owned()]).unwrap()).await.unwrap();
    let repository = client().to_write(&world.reference("a")).unwrap();
    (world, repository)
}

#[tokio::test]
async fn tags_are_listed_over_pages() {
    let (world, repository) = world().await;
    assert_eq!(repository.tags().await.unwrap(), ["1", "2"]);
    // Two links in one line, and an address as a registry writes it that does not know of the TLS in front of it.
    let link = format!("<{}/v2/a/tags/list?n=1>; rel=\"first\", <{0}/v2/a/tags/list?last=1>; rel=next", world.url());
    world.fail(1, "GET", "/tags/list", Fault::Header("link", link));
    assert_eq!(repository.tags().await.unwrap(), ["1", "2", "2"]);
    let answer = |body: &str| Fault::Answer { status: 200, headers: Vec::new(), body: body.to_owned().into() };
    world.fail(1, "GET", "/tags/list", answer(r#"{"name":"a","tags":null}"#));
    assert!(repository.tags().await.unwrap().is_empty());
    let absent = client().to_read(&world.reference("absent")).unwrap();
    assert!(absent.tags().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_list_that_breaks_off_is_none_and_nothing_is_pruned_by_it() {
    let check = async |fault: Fault, expect: &str| {
        let (world, repository) = world().await;
        world.fail(usize::MAX, "GET", "/tags/list", fault);
        let error = repository.tags().await.unwrap_err();
        assert!(error.to_string().ends_with(expect) && error.hint().is_some(), "{error}");
        let pruned = prune(&repository, async |_: &str| false).await;
        assert!(matches!(pruned, Err(RegistryError::Address { .. } | RegistryError::NoTags { .. })));
    };
    let elsewhere = "<http://127.0.0.1:1/v2/a/tags/more>; rel=\"next\"".to_owned();
    check(Fault::Header("link", elsewhere), "the registry's address for the rest of a list is not followed").await;
    for body in ["", "<html>", "{}", r#"{"tags":{}}"#, r#"{"tags":["1",2]}"#] {
        let answer = Fault::Answer { status: 200, headers: Vec::new(), body: body.into() };
        check(answer, "the list of tags is malformed").await;
    }
}
