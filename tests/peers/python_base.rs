//! Bases with Debian's Python, made from nothing but packages: they start, and what maintainer scripts would
//! have written is what the real programs write.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{
    image::Layout,
    root::{MACHINES, emulator, run},
    workshop::{Project, call, fresh, kept, of_repository, output},
};

#[test]
fn bookworm_starts_and_is_as_the_real_programs_leave_it() {
    check("bookworm", "libpython3.11");
}

#[test]
fn trixie_starts_and_is_as_the_real_programs_leave_it() {
    check("trixie", "libpython3.13");
}

fn check(suite: &str, library: &str) {
    let folder = fresh(&format!("python-{suite}"));
    certificates(&folder);
    let name = format!("python3-{suite}");
    let recipe = fs::read_to_string(of_repository(&format!("recipes/{name}.toml"))).unwrap();
    let more = "\n[debian]\ntimezone = \"Europe/Berlin\"\ncertificates = [\"company.crt\"]";
    let project = Project::of_text(&name, &recipe.replace("\n[debian]", more));
    fs::copy(folder.join("company.crt"), project.folder().join("company.crt")).unwrap();
    output(project.build(&kept("store")).args(["--output", &format!("oci:{}", folder.join("layout").display())]));
    let layout = Layout::at(folder.join("layout"));
    for (architecture, machine) in MACHINES {
        let root = layout.unpack(architecture, &folder);
        for file in ["server.pem", "probe.py"] {
            fs::copy(folder.join(file), root.join(file)).unwrap();
        }
        starts(&root, &layout.config(architecture), machine);
        same_cache(&root, architecture);
        same_certificates(&root);
        scanned(&root, library);
        fs::remove_dir_all(root).unwrap();
    }
}

fn starts(root: &Path, config: &Value, machine: &str) {
    let mut words = vec!["/usr/bin/python3", "/probe.py", "/server.pem"];
    words.extend(emulator(config));
    let report: Value = serde_json::from_str(&run(root, config, &words)).unwrap();
    let text = |key: &str| report[key].as_str().unwrap_or_default().to_owned();
    assert_eq!(text("machine"), machine);
    assert_eq!((text("user"), text("home")), ("nonroot".to_owned(), "/home/nonroot".to_owned()), "{report}");
    assert_eq!((text("tls"), text("child")), ("hello".to_owned(), "42".to_owned()), "{report}");
    assert_eq!((text("summer"), text("local")), ("-1 day, 20:00:00".to_owned(), "CEST".to_owned()), "{report}");
    assert_eq!((&report["sqlite"], &report["temporary"]), (&Value::from(42), &Value::from(true)), "{report}");
    assert!(report["authorities"].as_u64().unwrap() > 100, "{report}");
    assert!(text("zlib").starts_with("1."), "{report}");
    if machine == MACHINES[0].1 {
        assert_eq!(text("found"), "libz.so.1", "{report}");
    }
}

/// The image's own `ldconfig` writes the same cache, and finds no link to make.
fn same_cache(root: &Path, architecture: &str) {
    let before = fs::read(root.join("etc/ld.so.cache")).unwrap();
    let links = links(&root.join("usr/lib"));
    output(in_root(root, architecture, "/usr/sbin/ldconfig").args(["-C", "/etc/real.cache"]));
    assert!(fs::read(root.join("etc/real.cache")).unwrap() == before, "{architecture}: another ld.so.cache");
    assert_eq!(self::links(&root.join("usr/lib")), links);
}

/// The image's own `update-ca-certificates`, by this machine's shell and `openssl rehash`, writes the same bundle
/// and the same links.
fn same_certificates(root: &Path) {
    let ours = root.join("etc/ssl/certs");
    let theirs = root.join("real.certs");
    fs::create_dir(&theirs).unwrap();
    let mut update =
        call("sh", [root.join("usr/sbin/update-ca-certificates"), "--fresh".into(), "--etccertsdir".into()]);
    update.arg(&theirs);
    for (option, place) in [
        ("--certsconf", "etc/ca-certificates.conf"),
        ("--certsdir", "usr/share/ca-certificates"),
        ("--localcertsdir", "usr/local/share/ca-certificates"),
        ("--hooksdir", "etc/ca-certificates/update.d"),
    ] {
        update.arg(option).arg(root.join(place));
    }
    output(&mut update);
    let bundles = [&ours, &theirs].map(|folder| fs::read(folder.join("ca-certificates.crt")).unwrap());
    assert!(bundles[0] == bundles[1], "another bundle");
    // The program was told where the root lies; the image's links do not know.
    let inside = |target: PathBuf| target.strip_prefix(root).map_or(target.clone(), |path| Path::new("/").join(path));
    let expected: BTreeMap<_, _> = links(&theirs).into_iter().map(|(name, target)| (name, inside(target))).collect();
    assert!(expected.len() > 200, "{}", expected.len());
    assert_eq!(links(&ours), expected);
}

/// Every package is listed where scanners look, with the fields they need.
fn scanned(root: &Path, library: &str) {
    let list = fs::read_dir(root.join("var/lib/dpkg/status.d")).unwrap().map(|entry| entry.unwrap().path());
    let packages: Vec<PathBuf> = list.filter(|path| path.extension().is_none_or(|end| end != "md5sums")).collect();
    assert!(packages.iter().any(|path| path.file_name().unwrap().to_str().unwrap().starts_with(library)));
    for path in packages {
        let text = fs::read_to_string(path).unwrap();
        for field in ["Package: ", "Version: ", "Architecture: ", "Maintainer: "] {
            assert!(text.lines().any(|line| line.starts_with(field)), "{text}");
        }
    }
}

fn in_root(root: &Path, architecture: &str, program: &str) -> Command {
    let mut command = call("/usr/sbin/chroot", [root]);
    let config = serde_json::json!({ "architecture": architecture });
    command.args(emulator(&config)).arg(program).env_clear();
    command
}

/// Name → target of the symbolic links in a folder.
fn links(folder: &Path) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let found = entries.filter_map(|entry| {
        let target = fs::read_link(entry.path()).ok()?;
        Some((entry.file_name().into_string().unwrap(), target))
    });
    found.collect()
}

/// An authority that nobody knows, and a server's certificate by it.
fn certificates(folder: &Path) {
    fs::copy(of_repository("tests/peers/base_probe.py"), folder.join("probe.py")).unwrap();
    let openssl = |words: &str| {
        output(call("openssl", words.split(' ')).current_dir(folder));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30";
    openssl(&format!(
        "req -x509 {key} -keyout ca.key -out company.crt -subj /O=Company/CN=Company \
         -addext keyUsage=critical,keyCertSign,cRLSign"
    ));
    openssl(&format!(
        "req -x509 {key} -keyout server.key -out server.crt -subj /CN=localhost -CA company.crt -CAkey ca.key \
         -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE"
    ));
    let both = ["server.key", "server.crt"].map(|name| fs::read_to_string(folder.join(name)).unwrap());
    fs::write(folder.join("server.pem"), both.concat()).unwrap();
}
