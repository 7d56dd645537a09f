//! One lock, built on several days, from mirrors in every state.

use wheelwright::{
    builder::Kept,
    testing::{Deb, DebianArchive},
};

use super::world::{Machine, Mirror, TODAY, digest};

const DAY: &str = "Sat, 21 Nov 2026 00:53:02 UTC";
const LATER: &str = "Tue, 21 Dec 2027 00:53:02 UTC";
const YEAR: u64 = 400 * 86400;

fn recipe(mirror: &Mirror, more: &str) -> String {
    format!(
        "name = \"app\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\n[debian]\nsuite = \"demo\"\n\
         packages = [\"app\"]\nkeyring = false\nsecurity = false\nmirror = \"{}\"\n{more}",
        mirror.url
    )
}

fn packages(version: &str) -> [Deb; 2] {
    let app = Deb::new("app", "1.0").field("Depends: lib").file("usr/share/app/readme", b"hello\n");
    [app, Deb::new("lib", version).file("usr/lib/lib.txt", version.as_bytes())]
}

fn archive() -> DebianArchive {
    DebianArchive::new().suite("demo", DAY, &packages("2:1.0-1"))
}

#[tokio::test]
async fn a_lock_gives_the_same_image_for_as_long_as_its_packages_can_be_had() {
    let mirror = Mirror::start(archive().files());
    let today = Machine::at(TODAY);
    let lock = today.lock(&recipe(&mirror, "")).await.unwrap();
    let suites = &lock.platforms[0].suites;
    assert_eq!((suites.len(), suites[0].date.as_str()), (1, "20261121T005302Z"));
    let first = digest(&today.build(&recipe(&mirror, ""), &lock).await.unwrap());

    // A year later, on another machine: newer packages, the older ones still there.
    mirror.now_serves(archive().suite("demo", LATER, &packages("2:1.1-1")).files());
    let later = Machine::at(TODAY + YEAR);
    assert_eq!(digest(&later.build(&recipe(&mirror, ""), &lock).await.unwrap()), first);
    let newer = later.lock_after(&recipe(&mirror, ""), Kept::but(&lock, &["lib".to_owned()]).unwrap()).await.unwrap();
    assert_eq!(newer.platforms[0].debian[1].version, "2:1.1-1");

    // Then the older ones are gone, but for an archive of past states, which saw them a day after.
    mirror.now_serves(DebianArchive::new().suite("demo", LATER, &packages("2:1.1-1")).files());
    let error = Machine::at(TODAY + YEAR).build(&recipe(&mirror, ""), &lock).await.err().unwrap();
    let gone = "lib 2:1.0-1: `pool/main/lib/lib_1.0-1_all.deb` has gone from the archive `debian`: ";
    assert!(error.contains(gone), "{error}");
    let dated = |(path, bytes): (&String, &Vec<u8>)| (format!("debian/20261122T005302Z/{path}"), bytes.clone());
    let past = Mirror::start(&archive().files().iter().map(dated).collect());
    let snapshot = format!("snapshot = \"{}/{{archive}}/{{timestamp}}\"\n", past.url);
    let built = Machine::at(TODAY + YEAR).build(&recipe(&mirror, &snapshot), &lock).await.unwrap();
    assert_eq!(digest(&built), first);
}

#[tokio::test]
async fn a_mirror_that_does_not_serve_what_was_locked_is_told_from_others() {
    let mirror = Mirror::start(archive().files());
    let lock = Machine::at(TODAY).lock(&recipe(&mirror, "")).await.unwrap();
    let bytes = archive().files()["pool/main/lib/lib_1.0-1_all.deb"].clone();
    let mut corrupt = bytes.clone();
    corrupt[100] ^= 1;
    let check = async |served: Option<&[u8]>, expect: &str| {
        mirror.now_serves(archive().files());
        mirror.replace("lib_1.0-1_all.deb", served);
        let error = Machine::at(TODAY).build(&recipe(&mirror, ""), &lock).await.err().unwrap();
        assert!(error.contains(expect), "{error}");
    };
    let size = bytes.len();
    let promised = format!("in place of the {size} bytes that were promised");
    let url = format!("{}/pool/main/lib/lib_1.0-1_all.deb", mirror.url);
    check(None, "has gone from the archive `debian`").await;
    check(Some(&corrupt), &format!("{url} sends other bytes than were promised: ")).await;
    check(Some(&bytes[..100]), &format!("{url} sends 100 bytes {promised}")).await;
    check(Some(&[&bytes[..], b"more"].concat()), &format!("{url} sends more {promised}")).await;
    // A good mirror behind a bad one is enough.
    let good = Mirror::start(archive().files());
    let both = recipe(&mirror, "")
        .replace("mirror = ", "mirrors = [")
        .replace(&mirror.url, &format!("{}\", \"{}", mirror.url, good.url));
    let both = both.replace(&format!("{}\"\n", good.url), &format!("{}\"]\n", good.url));
    Machine::at(TODAY).build(&both, &lock).await.unwrap();
}
