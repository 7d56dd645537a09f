//! Packages from archives besides Debian's.

use wheelwright::{
    lock::Lock,
    testing::{Deb, DebianArchive},
};

use super::world::{Machine, Mirror, TODAY, digest};

const DAY: &str = "Sat, 21 Nov 2026 00:53:02 UTC";

fn debian() -> Mirror {
    let packages =
        [Deb::new("lib", "1.0").file("usr/lib/lib.txt", b"1.0"), Deb::new("app", "1.0").field("Depends: lib")];
    Mirror::start(DebianArchive::new().suite("bookworm", DAY, &packages).files())
}

fn company() -> Mirror {
    let packages = [
        Deb::new("lib", "9.0").file("usr/lib/lib.txt", b"9.0"),
        Deb::new("tool", "2.0").field("Depends: lib").file("usr/share/tool", b"tool"),
    ];
    Mirror::start(DebianArchive::new().suite("stable", DAY, &packages).files())
}

fn recipe(debian: &Mirror, company: &Mirror, packages: &str, more: &str) -> String {
    format!(
        "name = \"app\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\"]\n\n[debian]\nsuite = \"bookworm\"\n\
         packages = [{packages}]\nkeyring = false\nsecurity = false\nmirror = \"{}\"\n\n[[debian.archive]]\n\
         name = \"company\"\nmirror = \"{}\"\nsuite = \"stable\"\n{more}",
        debian.url, company.url
    )
}

fn chosen(lock: &Lock) -> Vec<String> {
    let of = |package: &wheelwright::lock::LockedPackage| {
        format!("{} {} {}", package.archive, package.name, package.version)
    };
    lock.platforms[0].debian.iter().map(of).collect()
}

#[tokio::test]
async fn packages_of_others_come_where_they_are_asked_for() {
    let (debian, company) = (debian(), company());
    let machine = Machine::at(TODAY);
    for (packages, only_for, expect) in [
        ("\"app\", \"tool\"", "", ["debian app 1.0", "debian lib 1.0", "company tool 2.0"]),
        ("\"app\", \"tool/company\"", "", ["debian app 1.0", "debian lib 1.0", "company tool 2.0"]),
        ("\"app\", \"lib/company\", \"tool\"", "", ["debian app 1.0", "company lib 9.0", "company tool 2.0"]),
        ("\"app\", \"tool\"", "for = [\"l*\", \"tool\"]\n", ["debian app 1.0", "company lib 9.0", "company tool 2.0"]),
        ("\"app\", \"tool\"", "for = [\"tool\"]\n", ["debian app 1.0", "debian lib 1.0", "company tool 2.0"]),
    ] {
        let recipe = recipe(&debian, &company, packages, &format!("keyring = false\n{only_for}"));
        let lock = machine.lock(&recipe).await.unwrap();
        assert_eq!(chosen(&lock), expect, "{recipe}");
        let built = machine.build(&recipe, &lock).await.unwrap();
        assert_eq!(digest(&built), digest(&Machine::at(TODAY).build(&recipe, &lock).await.unwrap()));
    }
    let lone = recipe(&debian, &company, "\"app\", \"tool\"", "keyring = false\nfor = [\"other\"]\n");
    assert!(machine.lock(&lone).await.unwrap_err().contains("`tool`"));
    let signed = recipe(&debian, &company, "\"tool\"", "keyring = true\n");
    let refused = machine.lock(&signed).await.unwrap_err();
    assert!(refused.ends_with("the archive's suite `stable` is not signed"), "{refused}");
}
