//! Packages chosen by what programs need.

use wheelwright::testing::{Deb, DebianArchive, Library};

use super::world::{Machine, Mirror, TODAY};

const DAY: &str = "Sat, 21 Nov 2026 00:53:02 UTC";
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// A program that needs a library, which needs another one; and packages that nobody needs.
fn mirror() -> Mirror {
    let folder = "usr/lib/x86_64-linux-gnu";
    let libc = Library::new("libc.so.6").provides("libc.so.6").provides("GLIBC_2.36");
    let packages = [
        Deb::new("libc6", "2.36-9")
            .file("usr/lib64/ld-linux-x86-64.so.2", &Library::new("ld-linux-x86-64.so.2").build())
            .file(&format!("{folder}/libc.so.6"), &libc.build()),
        Deb::new("program", "1.0").field("Depends: libc6, libone1, libfat9, data").file(
            "usr/bin/program",
            &Library::new("").interpreter(LOADER).needs("libone.so.1").needs("libc.so.6").build(),
        ),
        Deb::new("data", "1.0").field("Depends: libfat9").file("usr/share/data", b"data"),
        Deb::new("libone1", "1.0")
            .field("Depends: libtwo2, libfat9")
            .file(&format!("{folder}/libone.so.1"), &Library::new("libone.so.1").needs("libtwo.so.2").build()),
        Deb::new("libtwo2", "1.0").file(&format!("{folder}/libtwo.so.2"), &Library::new("libtwo.so.2").build()),
        Deb::new("libfat9", "1.0").file(&format!("{folder}/libfat.so.9"), &Library::new("libfat.so.9").build()),
    ];
    Mirror::start(DebianArchive::new().suite("bookworm", DAY, &packages).files())
}

fn recipe(mirror: &Mirror, more: &str) -> String {
    format!(
        "name = \"app\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\"]\n\n[debian]\nsuite = \"bookworm\"\n\
         packages = [\"program\"]\nkeyring = false\nsecurity = false\nmirror = \"{}\"\n{more}",
        mirror.url
    )
}

#[tokio::test]
async fn libraries_that_programs_need_come_along_and_no_others() {
    let mirror = mirror();
    let machine = Machine::at(TODAY);
    for (more, expect) in [
        ("", "data libc6 libfat9 libone1 libtwo2 program"),
        (
            "select = \"elf\"\nauto = \"import\"",
            "data libc6 libone1[libone.so.1 program] libtwo2[libone1 libtwo.so.2] program",
        ),
    ] {
        let lock = machine.lock(&recipe(&mirror, more)).await.unwrap();
        let shown = lock.platforms[0].debian.iter().map(|package| {
            let asked = package.why.iter().any(|why| why.contains(".so."));
            if asked { format!("{}[{}]", package.name, package.why.join(" ")) } else { package.name.clone() }
        });
        assert_eq!(shown.collect::<Vec<_>>().join(" "), expect, "{more}");
    }
}
