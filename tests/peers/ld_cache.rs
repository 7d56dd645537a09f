//! Libraries for processors that can more than others: found in the cache as the real `ldconfig` writes it.

use std::{fs, os::unix::fs::symlink, path::Path};

use wheelwright::{
    layer::{
        Item, Node,
        debian::{Options, lay_out, pack},
    },
    store::Store,
    testing::{Deb, Library},
};

use super::workshop::{call, fresh, output};

#[test]
fn libraries_for_other_processors_are_cached_as_ldconfig_does() {
    let folder = fresh("ld-cache");
    let here = "usr/lib/x86_64-linux-gnu";
    let library = |soname: &str| Library::new(soname).build();
    // Its own text in the cache is taken from the program.
    let libc = Deb::new("libc-bin", "1").file("usr/sbin/ldconfig", &fs::read("/sbin/ldconfig").unwrap()).file(
        "etc/ld.so.conf.d/x86_64-linux-gnu.conf",
        b"# Multiarch\n/usr/local/lib/x86_64-linux-gnu\n/lib/x86_64-linux-gnu\n/usr/lib/x86_64-linux-gnu\n",
    );
    let libc = libc.file("etc/ld.so.conf", b"include /etc/ld.so.conf.d/*.conf\n");
    let demo = Deb::new("demo", "1")
        .file(&format!("{here}/libdemo.so.1.9"), &library("libdemo.so.1"))
        .file(&format!("{here}/libdemo.so.1.10"), &library("libdemo.so.1"))
        .file(&format!("{here}/libplain.so.2"), &library("libplain.so.2"))
        .file(&format!("{here}/glibc-hwcaps/x86-64-v3/libdemo.so.1.10"), &library("libdemo.so.1"))
        .file(&format!("{here}/glibc-hwcaps/x86-64-v2/libdemo.so.1"), &library("libdemo.so.1"))
        .file(&format!("{here}/glibc-hwcaps/x86-64-v2/libonly.so.5"), &library("libonly.so.5"))
        .file(&format!("{here}/glibc-hwcaps/x86-64-v4/README"), b"no library")
        .file(&format!("{here}/glibc-hwcaps/README"), b"no folder")
        .file("usr/lib/glibc-hwcaps/x86-64-v3/libdemo.so.1", &library("libdemo.so.1"))
        .file("usr/local/lib/x86_64-linux-gnu/glibc-hwcaps/z15/libdemo.so.1", &library("libdemo.so.1"));
    let store = Store::open(folder.join("store")).unwrap();
    let packed: Vec<_> =
        [libc, demo].iter().map(|deb| pack(&store, &store.put(&deb.build()).unwrap()).unwrap()).collect();
    let root = folder.join("root");
    for item in lay_out(&packed, &Options::default()).unwrap().items {
        place(&item, &root.join(&item.path));
    }
    let links = || output(call("find", [root.join("usr/lib")]).args(["-type", "l", "-printf", "%P %l\n"]));
    let before = links();
    output(call("/sbin/ldconfig", ["-r"]).arg(&root).args(["-C", "/etc/real.cache"]));
    assert_eq!(links(), before, "it finds no link to make");
    let shown = |name: &str| {
        let listed = output(call("/sbin/ldconfig", ["-p", "-C"]).arg(root.join("etc").join(name)));
        String::from_utf8(listed).unwrap().split_once('\n').unwrap().1.to_owned()
    };
    let (own, real) = (shown("ld.so.cache"), shown("real.cache"));
    assert!(own.contains("hwcap: \"x86-64-v3\"") && own.contains("libonly.so.5"), "{own}");
    assert_eq!(own, real);
    let bytes = |name: &str| fs::read(root.join("etc").join(name)).unwrap();
    assert!(bytes("ld.so.cache") == bytes("real.cache"), "the same lines, but other bytes");
}

fn place(item: &Item, path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    match &item.node {
        Node::Directory => fs::create_dir_all(path).unwrap(),
        Node::Symlink(target) => symlink(target, path).unwrap(),
        Node::File(body) => fs::write(path, body.read(64 << 20).unwrap()).unwrap(),
        Node::Hardlink(_) | Node::Whiteout => panic!("{} is of a kind that no package here has", item.path),
    }
}
