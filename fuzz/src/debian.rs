//! Debian packages and archives.

use std::io::{BufReader, Read as _};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use wheelwright::{
    debian::{
        Alternative, ClearSigned, Deb, Dependency, Package, Paragraph, Paragraphs, Release, Requirement, installed,
        openpgp::Keyring,
        packages,
        shell::{Called, Found, Programs, follow},
    },
    layer::{
        Body, Format, Node, Threads,
        debian::{Options, Packed, lay_out, pack},
        lay,
    },
    testing,
};

use crate::place::{Steps, gzip, tar_of, texts, with_store};

/// Most bytes of the files of a package that are looked at.
const MOST: u64 = 1 << 20;

/// A .deb: in pieces the same as whole; packed, it is recalled as it is; laid out, the layer can be read.
pub(crate) fn deb(bytes: &[u8]) {
    let read = |step: usize| {
        let mut deb = Deb::read(Steps(bytes, step)).ok()?;
        let control = deb.control_files().clone();
        let mut data = Vec::new();
        // What came before it broke depends on how it came.
        let data = deb.data().ok()?.take(MOST).read_to_end(&mut data).ok().map(|_| data);
        Some((control, data))
    };
    let whole = read(usize::MAX);
    assert!(read(61) == whole, "in pieces it is another one");
    let Some((control, data)) = whole else { return };
    assert!(control.contains_key("control"));
    if data.is_some_and(|data| data.len() as u64 == MOST) {
        return;
    }
    with_store(|store| {
        let blob = store.put(bytes).expect("the store can be written");
        let Ok(packed) = pack(store, &blob) else { return };
        assert_eq!(Packed::recall(store, blob.digest()).as_ref(), Some(&packed));
        let Ok(laid_out) = lay_out(&[packed], &Options::default()) else { return };
        for item in &laid_out.items {
            assert!(!item.path.starts_with('/') && !item.path.split('/').any(|part| part == ".."), "{}", item.path);
            if let Node::File(Body::Literal(literal)) = &item.node {
                assert!(literal.len() as u64 <= 16 * MOST);
            }
        }
        let laid = lay(&laid_out.items, Format::Plain, Threads::One, store, &|_| {}).expect("what was packed is whole");
        assert_eq!(laid.descriptor.size, laid.rope.length());
    });
}

pub(crate) fn deb_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let library = testing::Library::new("libdemo.so.1").build();
    let rich = testing::Deb::new("demo", "1:1.0-2")
        .field("Depends: libc6 (>= 2.36), a | b")
        .field("Replaces: c (<< 2)")
        .file("usr/bin/demo", b"#!/bin/sh\n")
        .file("usr/lib/x86_64-linux-gnu/libdemo.so.1", &library)
        .file("usr/share/doc/demo/copyright", b"free")
        .file("etc/demo.conf", b"a=1\n");
    let deb = |members: &[(&str, Vec<u8>)]| {
        let mut bytes = b"!<arch>\n".to_vec();
        for (name, member) in members {
            bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", member.len()).bytes());
            bytes.extend(member);
            bytes.resize(bytes.len().next_multiple_of(2), b'\n');
        }
        bytes
    };
    let script =
        b"#!/bin/sh\nset -e\nif [ \"$1\" = configure ]; then\n  adduser --system --group demo\n  ln -sf b /usr/bin/c\n\
        update-alternatives --install /usr/bin/x x /usr/bin/demo 5\nfi\n#DEBHELPER#\n";
    let control = tar_of(&[
        ("./control", b"Package: demo\nVersion: 1\nArchitecture: all\n"),
        ("./postinst", script),
        ("./conffiles", b"/etc/demo.conf\n"),
        ("./md5sums", b"d41d8cd98f00b204e9800998ecf8427e  etc/demo.conf\n"),
        ("./triggers", b"activate-noawait ldconfig\n"),
    ]);
    let data = tar_of(&[
        ("./usr/", b""),
        ("./usr/bin/", b""),
        ("./usr/bin/demo", b"x"),
        ("./usr/bin/d", b"->demo"),
        ("./etc/demo.conf", b""),
    ]);
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).expect("memory can be compressed");
    let format = ("debian-binary", b"2.0\n".to_vec());
    vec![
        ("plain", testing::Deb::new("demo", "1.0").build()),
        ("rich", rich.build()),
        ("scripts", deb(&[format.clone(), ("control.tar", control.clone()), ("data.tar", data.clone())])),
        ("gzip", deb(&[format.clone(), ("control.tar.gz", gzip(&control)), ("data.tar.gz", gzip(&data))])),
        (
            "zstd",
            deb(&[
                format,
                ("_gpgorigin/", b"x".to_vec()),
                ("control.tar.zst/", zstd(&control)),
                ("data.tar.zst", zstd(&data)),
            ]),
        ),
    ]
}

/// Control files and lists of packages: however they come, the same; what is understood of dependencies is written
/// and read again the same.
pub(crate) fn control(bytes: &[u8]) {
    let all = |capacity: usize| -> Vec<Option<Paragraph>> {
        let reader = BufReader::with_capacity(capacity, bytes);
        Paragraphs::new("it", reader, &[]).map(Result::ok).take(bytes.len() + 1).collect()
    };
    let whole = all(1 << 16);
    assert_eq!(all(7), whole);
    assert!(whole.len() <= bytes.len(), "there are no more paragraphs than lines");
    assert_eq!(
        Paragraph::parse("it", bytes).ok(),
        whole.first().cloned().unwrap_or_else(|| Some(Paragraph::default()))
    );
    let listed: Vec<Package> = packages("it", bytes).map_while(Result::ok).take(bytes.len() + 1).collect();
    for package in listed.iter().chain(installed("it", bytes).iter().flatten()) {
        for dependency in [package.dependencies(), package.recommendations()].into_iter().flatten().flatten() {
            let text = dependency.to_string();
            assert_eq!(text.parse::<Dependency>().ok().as_ref(), Some(&dependency), "{text}");
        }
        for alternative in [package.provides(), package.conflicts()].into_iter().flatten().flatten() {
            let text = alternative.to_string();
            assert_eq!(text.parse::<Alternative>().ok().as_ref(), Some(&alternative), "{text}");
            let _ = alternative.accepts(&package.version);
        }
    }
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines().take(16) {
        if let Ok(requirement) = line.parse::<Requirement>() {
            let text = requirement.to_string();
            assert_eq!(text.parse::<Requirement>().ok(), Some(requirement), "{text}");
        }
        for dependency in Dependency::parse_field(line).iter().flatten() {
            assert_eq!(dependency.to_string().parse::<Dependency>().ok().as_ref(), Some(dependency));
        }
    }
}

pub(crate) fn control_seeds() -> Vec<(&'static str, Vec<u8>)> {
    texts(&[
        (
            "packages",
            "Package: a\nVersion: 1:1.0-2\nArchitecture: amd64\nMulti-Arch: same\nEssential: yes\nPriority: required\n\
             Depends: b (>= 1), c | d:any (<< 2~), e [amd64]\nProvides: f (= 1), g\nConflicts: h\nBreaks: i (<= 3)\n\
             Description: x\n y\n .\n z\nFilename: pool/a.deb\nSize: 12\n\
             SHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\nPackage: b\nVersion: 2\n\
             Architecture: all\nRecommends: a\n\n",
        ),
        (
            "status",
            "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\nPackage: b\nStatus: deinstall ok config-files\nVersion: 1\n",
        ),
        ("fields", "a (>= 1:2.0~rc1-1), b:any | c (= 1), ${x}\nlibc6 (>> 2)\n# no\nA:\tb\r\n"),
    ])
}

const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA512

Suite: demo
Codename: demo
Date: Sat, 21 Nov 2026 00:53:02 UTC
SHA256:
 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/Contents-all
-----BEGIN PGP SIGNATURE-----

iHUEARYKAB0WIQRK23CE7Gjw/R/bDGr0luDBBoD5egUCawrkWQAKCRD0luDBBoD5
egN4AP9x/gMc41F1acEF4RsyBpddl/Jwe8yVAREeCZURuwi0pAD/SmDiRp79BCHb
dOrDvdm+iTS5AGsT9/5edQ/sb+o3JAo=
=/2os
-----END PGP SIGNATURE-----
";

/// Of a key that was made for this, and thrown away: the only text that it signed is [`SIGNED`].
const KEY: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEawrkWRYJKwYBBAHaRw8BAQdAqgw72E1OlIj1fGokxV31UERM2XbOEoIC/Y1X
yJ71/+K0F0RlbW8gPGRlbW9AZXhhbXBsZS5vcmc+iJAEExYIADgWIQRK23CE7Gjw
/R/bDGr0luDBBoD5egUCawrkWQIbAwULCQgHAgYVCgkICwIEFgIDAQIeAQIXgAAK
CRD0luDBBoD5evK4AP9eAplJhojEEoZIoYO0OkQudrMXGlt2uR3eEF+Bz42j6QEA
5fuumQQfdFBtwHMVaUIg2bjRT9v+38IkFjB/fD20Eg8=
=D54a
-----END PGP PUBLIC KEY BLOCK-----
";

/// `InRelease`: no text but the one that the key signed is ever taken for signed; the text is the same out of its
/// armour and in it again.
pub(crate) fn release(bytes: &[u8]) {
    if let Ok(Some(signed)) = ClearSigned::parse(bytes) {
        let escaped: String = signed
            .text
            .lines()
            .map(|line| if line.starts_with('-') { format!("- {line}\n") } else { format!("{line}\n") })
            .collect();
        let again = format!("-----BEGIN PGP SIGNED MESSAGE-----\n\n{escaped}{}", signed.signature);
        assert_eq!(ClearSigned::parse(again.as_bytes()).ok().flatten().as_ref(), Some(&signed));
        let keyring = Keyring::parse(KEY.as_bytes()).expect("it is a key");
        if let Ok(signer) = keyring.verify(&signed, None) {
            let original = ClearSigned::parse(SIGNED.as_bytes()).ok().flatten().expect("it is signed");
            assert_eq!(signed.text, original.text, "signed by {signer:?}");
        }
        read_release(signed.text.as_bytes());
    }
    read_release(bytes);
}

fn read_release(bytes: &[u8]) {
    if let Ok(release) = Release::parse("it", bytes) {
        assert!(release.files.len() <= bytes.len());
        let stamp = release.timestamp();
        assert_eq!(stamp.to_string().parse().ok(), Some(stamp));
    }
}

pub(crate) fn release_seeds() -> Vec<(&'static str, Vec<u8>)> {
    texts(&[
        ("signed", SIGNED),
        (
            "plain",
            "Origin: Debian\nSuite: stable\nCodename: bookworm\nDate: Sat, 21 Nov 2026 00:53:02 UTC\n\
             Valid-Until: Sat, 28 Nov 2026 00:53:02 UTC\nArchitectures: amd64 arm64\nComponents: main contrib\n\
             Acquire-By-Hash: yes\nMD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 main/x\nSHA256:\n \
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/binary-amd64/Packages.xz\n",
        ),
    ])
}

/// OpenPGP keys: in armour the same as without.
pub(crate) fn keyring(bytes: &[u8]) {
    let read = Keyring::parse(bytes).ok();
    // What is not text goes into armour.
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        let lines = BASE64_STANDARD.encode(bytes);
        let armour = format!("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{lines}\n-----END PGP PUBLIC KEY BLOCK-----\n");
        assert_eq!(Keyring::parse(armour.as_bytes()).ok(), read);
    }
    let Some(keyring) = read else { return };
    let signed = ClearSigned::parse(SIGNED.as_bytes()).ok().flatten().expect("it is signed");
    if let Ok(signer) = keyring.verify(&signed, Some(1_900_000_000)) {
        assert_eq!(signer.fingerprint.len(), 40);
    }
}

pub(crate) fn keyring_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let lines: String = KEY.lines().filter(|line| !line.starts_with(['-', '='])).collect();
    let key = BASE64_STANDARD.decode(lines).unwrap_or_default();
    // The first keys of Debian's own are enough: RSA, with subkeys.
    let debian = include_str!("../../src/debian/openpgp/archive-keys.asc");
    let lines: String =
        debian.lines().skip_while(|line| !line.is_empty()).take_while(|line| !line.starts_with('=')).collect();
    let debian = BASE64_STANDARD.decode(lines).unwrap_or_default();
    vec![("armour", KEY.as_bytes().to_vec()), ("packets", key), ("debian", debian[..debian.len().min(4096)].to_vec())]
}

/// A world in which there is everything, and everything works.
#[derive(Default)]
struct World {
    calls: usize,
    umask: u32,
}

impl Programs for World {
    fn look(&self, path: &str) -> Option<Found> {
        match path.len() % 3 {
            0 => None,
            1 => Some(Found::Directory),
            _ => Some(Found::File { executable: true, empty: false }),
        }
    }

    fn is_link(&self, path: &str) -> bool {
        path.len().is_multiple_of(5)
    }

    fn read(&self, path: &str) -> Option<String> {
        (!path.len().is_multiple_of(3)).then(|| format!("A={path}; if b; then . {path}; fi; return 0"))
    }

    fn find(&self, name: &str) -> Option<String> {
        (!name.is_empty()).then(|| format!("/usr/bin/{name}"))
    }

    fn call(&mut self, words: &[Option<String>], certain: bool) -> Called {
        assert!(!words.is_empty());
        self.calls += 1;
        match words.len() % 3 {
            0 if certain => Called::said("a b\n".to_owned()),
            1 => Called::done(),
            _ => Called::undone(),
        }
    }

    fn write(&mut self, _: &str, text: &str) -> bool {
        self.calls += 1;
        text.len().is_multiple_of(2)
    }

    fn umask(&mut self) -> &mut u32 {
        &mut self.umask
    }
}

/// A maintainer script: followed to an end, with a bounded number of calls, twice the same.
pub(crate) fn script(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let run = || {
        let mut world = World::default();
        let undone = follow(&mut world, &text, &["configure", "1.0"], &[("DPKG_ROOT", "")]);
        (undone, world.calls)
    };
    let (undone, calls) = run();
    assert!(calls <= 1 << 20, "{calls} calls");
    assert_eq!(run(), (undone, calls));
}

pub(crate) fn script_seeds() -> Vec<(&'static str, Vec<u8>)> {
    texts(&[
        (
            "configure",
            "#!/bin/sh\nset -e\ncase \"$1\" in\n  configure|abort-*)\n    for i in a 'b c' ${x:-d}; do\n      [ -e \"/etc/$i\" ] || \
             ln -s \"$i\" /etc/x\n    done\n    ;;\n  *) exit 1 ;;\nesac\nif command -v y >/dev/null 2>&1; then y --z; fi\n\
             cat <<EOF >/etc/f\na $1 $(hostname) `b`\nEOF\nf() { local v=\"${1#a}\"; return 0; }\nf abc && g || h\n\
             while read -r line; do echo \"$line\"; done < /etc/g\nexit 0\n",
        ),
        (
            "ways",
            "a && b || c && ! d\nfor i in a b; do for j in \"$@\"; do e && continue 2; break; done; done\n\
             until f; do shift 2; done\ng() { local IFS=: x=$(h); set -- $x \"$x$x\"; unset x; }\ng > /etc/x\n\
             command i -n ${1-y} ${z=1}; j() { k $(j) \"${x##*a}\"; }; j\n",
        ),
        (
            "words",
            "#!/bin/bash\na=${b%%x*}${c##*y}${#d}$((1 + 2 * 3))\ntest -n \"$a\" -a ! -d /x -o 1 -lt 2\n{ a; (b); } | c &\n! d\numask 022\nunset a\nshift\n: ${e:=f} ~/g [a-z]*\n",
        ),
    ])
}
