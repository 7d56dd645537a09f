//! Packages over bases that hold some of them already.

use wheelwright::{
    lock::Lock,
    testing::{Base, Deb, DebianArchive},
};

use super::world::{Machine, Mirror, TODAY};

const DAY: &str = "Sat, 21 Nov 2026 00:53:02 UTC";
const STATUS: &str = "Package: libc6\nStatus: install ok installed\nArchitecture: all\nVersion: 2.36-9\n\n\
                      Package: lib\nStatus: install ok installed\nArchitecture: all\nVersion: 1.0\n\n\
                      Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 9\n";

/// An archive whose suite is the release of [`Base`].
fn mirror() -> Mirror {
    let packages = [
        Deb::new("libc6", "2.36-9+deb12u1").file("usr/lib/libc.so.6", b"another"),
        Deb::new("lib", "1.1").file("usr/lib/lib.txt", b"1.1"),
        Deb::new("gone", "1.0").file("lib/gone.txt", b"back"),
        Deb::new("app", "1.0").field("Depends: libc6 (>= 2.36), lib, gone").file("srv/app/readme", b"hello\n"),
        Deb::new("eager", "1.0").field("Depends: lib (>= 1.1)").file("usr/lib/eager.txt", b""),
        tool("gawk", 10),
        tool("plain", 0),
        Deb::new("file", "1.0").file("opt/there", b"a file"),
    ];
    Mirror::start(DebianArchive::new().suite("bookworm", DAY, &packages).files())
}

/// A package of something that goes by the name `awk`.
fn tool(name: &str, priority: i64) -> Deb {
    let install = format!("update-alternatives --install /usr/bin/awk awk /usr/bin/{name} {priority}");
    Deb::new(name, "1.0").file(&format!("usr/bin/{name}"), b"").script("postinst", &install)
}

fn recipe(mirror: &Mirror, packages: &str, more: &str) -> String {
    format!(
        "name = \"app\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\"]\n\n[debian]\nsuite = \"bookworm\"\n\
         packages = [{packages}]\nkeyring = false\nsecurity = false\nmirror = \"{}\"\n{more}",
        mirror.url
    )
}

fn base() -> Base {
    Base::default().file("var/lib/dpkg/status", STATUS.as_bytes()).file("opt/there/x", b"x")
}

fn brought(lock: &Lock) -> Vec<String> {
    lock.platforms[0].debian.iter().map(|package| format!("{} {}", package.name, package.version)).collect()
}

#[tokio::test]
async fn what_the_base_holds_is_not_brought_again() {
    let mirror = mirror();
    let machine = Machine::at(TODAY).with_base(&base());
    let recipe = recipe(&mirror, "\"app\"", "");
    let lock = machine.lock(&recipe).await.unwrap();
    assert_eq!(brought(&lock), ["app 1.0", "gone 1.0"]);
    assert_eq!(lock.platforms[0].below, None, "its directories are as packages have them");
    let built = machine.build(&recipe, &lock).await.unwrap();
    let names: Vec<_> = built.layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["base", "debian"]);
}

#[tokio::test]
async fn layers_go_by_what_matters_of_a_base_and_not_by_its_digest() {
    let mirror = mirror();
    let recipe = recipe(&mirror, "\"app\"", "");
    let debian = async |base: &Base| {
        let machine = Machine::at(TODAY).with_base(base);
        let lock = machine.lock(&recipe).await.unwrap();
        machine.build(&recipe, &lock).await.unwrap().layers[1].digest
    };
    assert_eq!(debian(&base()).await, debian(&base().file("opt/data", b"another base")).await);
}

#[tokio::test]
async fn what_goes_by_a_name_in_a_base_stays_unless_something_better_comes() {
    let mirror = mirror();
    let own = || base().link("etc/alternatives/awk", "/usr/bin/mawk").file("usr/bin/mawk", b"");
    let remembered = |mode: &str, priority: &str| {
        let memory = format!("{mode}\n/usr/bin/awk\n\n/usr/bin/mawk\n{priority}\n\n");
        own().file("var/lib/dpkg/alternatives/awk", memory.as_bytes())
    };
    let check = async |base: &Base, packages: &str, stays: bool| {
        let (machine, recipe) = (Machine::at(TODAY).with_base(base), recipe(&mirror, packages, ""));
        let lock = machine.lock(&recipe).await.unwrap();
        let links = lock.platforms[0].below.iter().flat_map(|below| &below.symlinks);
        let kept: Vec<_> = links.map(|link| (link.path.as_str(), link.target.as_str())).collect();
        let expect = [("/etc/alternatives/awk", "/usr/bin/mawk")];
        assert_eq!(kept, expect[..usize::from(stays)], "{packages}");
    };
    check(&base(), "\"plain\"", false).await;
    check(&remembered("auto", "5"), "\"plain\"", true).await;
    check(&remembered("auto", "5"), "\"gawk\", \"plain\"", false).await;
    check(&remembered("auto", "10"), "\"gawk\"", true).await;
    check(&remembered("manual", "5"), "\"gawk\"", true).await;
    check(&remembered("auto", "5").link("etc/alternatives/awk", "/usr/bin/gone"), "\"plain\"", false).await;
    check(&own(), "\"gawk\"", true).await;
}

#[tokio::test]
async fn a_base_that_does_not_go_with_packages_is_refused() {
    let mirror = mirror();
    let check = async |base: &Base, packages: &str, more: &str, expect: &str| {
        let recipe = recipe(&mirror, packages, more);
        let error = Machine::at(TODAY).with_base(base).lock(&recipe).await.unwrap_err();
        assert_eq!(error, expect);
    };
    let release = |text: &str| base().file("etc/os-release", text.as_bytes());
    check(
        &release("ID=alpine\nPRETTY_NAME=\"Alpine Linux v3.20\"\n"),
        "\"app\"",
        "",
        "the base for linux/amd64 is Alpine Linux v3.20, and `[debian]` brings packages of Debian",
    )
    .await;
    check(
        &release("ID=debian\nVERSION_CODENAME=trixie\n"),
        "\"app\"",
        "",
        "the base for linux/amd64 is of Debian trixie, and `debian.suite` is bookworm",
    )
    .await;
    let newer = STATUS.replace("2.36-9", "2.41-1");
    check(
        &release("ID=debian\n").file("var/lib/dpkg/status", newer.as_bytes()),
        "\"app\"",
        "",
        "the base for linux/amd64 has libc6 2.41-1, and bookworm has 2.36-9+deb12u1",
    )
    .await;
    let silent = "the base for linux/amd64 does not say which Debian packages it holds";
    check(&Base::default(), "\"app\"", "", silent).await;
    let part = base().file("var/lib/dpkg/status", b"Package: lib\nStatus: install ok installed\nVersion: 1.0\n");
    check(&part, "\"app\"", "", silent).await;
    check(
        &base(),
        "\"file\"",
        "",
        "Debian packages for linux/amd64 bring `/opt/there` as a file, and the base has something else there",
    )
    .await;
    let unfit = "Debian packages for linux/amd64 cannot be had: the recipe → eager needs `lib (>= 1.1)`, but the base has lib 1.0";
    check(&base(), "\"eager\"", "", unfit).await;
}

#[tokio::test]
async fn what_may_be_replaced_is() {
    let mirror = mirror();
    let recipe = recipe(&mirror, "\"eager\"", "allow-upgrade = [\"lib\"]\n");
    let lock = Machine::at(TODAY).with_base(&base()).lock(&recipe).await.unwrap();
    assert_eq!(brought(&lock), ["eager 1.0", "lib 1.1"]);
}
