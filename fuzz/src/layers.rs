//! Layers of base images: tars, what compresses them, what their files tell, and tables of their files.

use std::{
    collections::BTreeMap,
    io::Read as _,
    sync::{Arc, OnceLock},
};

use serde_json::{Value, json};
use wheelwright::{
    base::{BaseImage, Entry, Kind, LayerEntries, LayerListing, Recorder, Tree, read_tree, stream_layer},
    debian::{Compression, decompress},
    image::{BlobSource, Layer, Manifest, Memory},
    oci::{Descriptor, DiffId, Digest, MediaType},
    testing::Library,
};

use crate::place::{Steps, gzip, headed, tar_of, wait, with_store};

/// Most bytes that are looked at of what comes out of a decoder.
const MOST: u64 = 1 << 20;

/// A layer's tar: read in pieces the same as whole, kept and read again the same, no path leads out; laid over
/// nothing it is the tree that reading it at once gives.
pub(crate) fn tar(bytes: &[u8]) {
    let whole = LayerEntries::read(bytes).ok();
    assert_eq!(LayerEntries::read(Steps(bytes, 61)).ok(), whole);
    if let Ok(listing) = LayerListing::read(bytes) {
        let again = LayerListing::read(Steps(bytes, 509)).expect("it was read before");
        assert_eq!(listing.first_difference(&again), None);
    }
    let mut at_once = Tree::new();
    let applied = at_once.apply_layer(bytes);
    assert_eq!(applied.is_ok(), whole.is_some());
    let Some(entries) = whole else { return };
    for path in entries.iter().map(|(path, _)| path).chain(entries.whiteouts()).chain(entries.opaque()) {
        assert!(!path.split('/').any(|part| part == ".." || part == "."), "{path}");
        assert!(!path.starts_with('/') && !path.ends_with('/') && !path.contains('\0'), "{path}");
    }
    tells(&entries);
    let mut tree = Tree::new();
    tree.merge(entries);
    let nodes = |tree: &Tree| -> Vec<(String, Kind, u32, u64, usize)> {
        tree.iter().map(|(path, node)| (path.to_owned(), node.kind.clone(), node.mode, node.size, node.layer)).collect()
    };
    assert_eq!(nodes(&tree), nodes(&at_once));
    for (path, _) in tree.iter() {
        let _ = tree.find(path);
        assert!(tree.node(path).is_some());
    }
}

/// Kept as bytes it is the same, and bytes that are nearly those are read as something or nothing.
fn tells(entries: &LayerEntries) {
    let mut bytes = entries.to_bytes();
    assert_eq!(LayerEntries::from_bytes(&bytes).as_ref(), Some(entries));
    for place in 0..bytes.len().min(64) {
        bytes[place] ^= 0x55;
        if let Some(other) = LayerEntries::from_bytes(&bytes) {
            assert_eq!(LayerEntries::from_bytes(&other.to_bytes()), Some(other));
        }
        bytes[place] ^= 0x55;
    }
}

pub(crate) fn tar_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut extended = tar::Builder::new(Vec::new());
    let attributes =
        [("SCHILY.xattr.user.a", b"1".as_slice()), ("path", b"pax/name"), ("size", b"3"), ("uid", b"70000")];
    extended.append_pax_extensions(attributes).expect("a vector takes everything");
    let plain = |kind: tar::EntryType, link: Option<&str>, size: u64| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(0o4755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1);
        header.set_size(size);
        link.map_or(Ok(()), |link| header.set_link_name(link)).expect("it is short");
        header
    };
    for (path, mut header, contents) in [
        ("short", plain(tar::EntryType::Regular, None, 3), &b"abc"[..]),
        ("usr/hard", plain(tar::EntryType::Link, Some("./short"), 0), b""),
        ("dev/null", plain(tar::EntryType::Char, None, 0), b""),
    ] {
        extended.append_data(&mut header, path, contents).expect("a vector takes everything");
    }
    let long = "long/".repeat(40);
    let long = format!("{long}name");
    vec![
        (
            "plain",
            tar_of(&[("etc/", b""), ("etc/os-release", b"ID=debian\n"), ("lib", b"->usr/lib"), ("usr/lib/", b"")]),
        ),
        ("marks", tar_of(&[("a/.wh.b", b""), ("c/.wh..wh..opq", b""), (".wh..wh..plnk/x", b""), ("./d", b"1")])),
        ("long", tar_of(&[(&long, b"x"), ("x", &[b"->", long.as_bytes()].concat())])),
        ("extended", extended.into_inner().expect("a vector takes everything")),
        ("library", tar_of(&[("usr/lib/libx.so.1", &Library::new("libx.so.1").needs("libc.so.6").build())])),
    ]
}

/// The first byte says how the rest is compressed. In pieces the same as whole; what both the decoder of packages
/// and that of layers take is the same; no more memory than a window.
pub(crate) fn compressed(bytes: &[u8]) {
    let Some((kind, packed)) = bytes.split_first() else { return };
    let kinds = [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd];
    let kind = kinds[usize::from(kind % 4)];
    let read = |step: usize| {
        let mut plain = Vec::new();
        let reader = decompress(kind, Steps(packed, step)).ok()?;
        reader.take(MOST).read_to_end(&mut plain).ok()?;
        Some(plain)
    };
    let whole = read(usize::MAX);
    assert!(read(13) == whole, "in pieces it is another one");
    let blob = Memory::new(MediaType::ImageLayerGzip, packed.to_vec());
    let layer = Layer { diff_id: DiffId(Digest::of(b"")), blob: Arc::new(blob) };
    let streamed = wait(stream_layer(&layer, |tar| {
        let mut plain = Vec::new();
        tar.take(MOST).read_to_end(&mut plain).map(|_| plain)
    }));
    match kind {
        Compression::None => assert!(whole.as_deref() == Some(&packed[..packed.len().min(1 << 20)])),
        // A layer's first bytes say how it is compressed; of xz it knows nothing.
        Compression::Gzip | Compression::Zstd if packed.len() >= 4 => {
            if let (Some(whole), Ok(streamed)) = (whole, streamed) {
                let is_skipped = kind == Compression::Zstd && packed[1..4] != [0xb5, 0x2f, 0xfd];
                assert!(is_skipped || whole == streamed);
            }
        }
        _ => {}
    }
}

pub(crate) fn compressed_seeds() -> Vec<(&'static str, Vec<u8>)> {
    // `plain bytes`, as `xz -0` packs them.
    const XZ: [u8; 68] = [
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x0c, 0x00,
        0x00, 0x00, 0x8f, 0x98, 0x41, 0x9c, 0x01, 0x00, 0x0a, 0x70, 0x6c, 0x61, 0x69, 0x6e, 0x20, 0x62, 0x79, 0x74,
        0x65, 0x73, 0x00, 0x00, 0x0a, 0x28, 0x04, 0x1e, 0x40, 0x2b, 0x99, 0xbc, 0x00, 0x01, 0x23, 0x0b, 0xc2, 0x1b,
        0xfd, 0x09, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a,
    ];
    let text = b"the quick brown fox jumps over the lazy dog. ".repeat(30);
    let zstd = |level| zstd::encode_all(&text[..], level).expect("memory can be compressed");
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(1)].concat();
    let seed = |kind: u8, bytes: &[u8]| [&[kind][..], bytes].concat();
    vec![
        ("none", seed(0, b"plain")),
        ("gzip", seed(1, &gzip(&text))),
        ("members", seed(1, &[gzip(b"a"), gzip(b""), gzip(&text)].concat())),
        ("xz", seed(2, &XZ)),
        ("xz-twice", seed(2, &[XZ, XZ].concat())),
        ("zstd", seed(3, &zstd(1))),
        ("zstd-high", seed(3, &zstd(19))),
        ("zstd-skipped", seed(3, &skipped)),
    ]
}

/// What a Python of a base image looks like from outside.
fn python() -> Vec<u8> {
    [b"\x003.11.2\0".as_slice(), b"x".repeat(2000).as_slice()].concat()
}

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// The first line is a path, the rest stands there: noted while a layer is made the same as when it is read; what
/// the tree tells of it is told the same after it was kept.
pub(crate) fn evidence(bytes: &[u8]) {
    let Some((path, contents)) = headed(bytes) else { return };
    let mut recorder = Recorder::default();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(contents.len() as u64);
    // A name that no tar can hold is passed over.
    if path.is_empty() || path.ends_with('/') || tar.append_data(&mut header, path, contents).is_err() {
        return;
    }
    recorder.begin(path, Entry { kind: Kind::File, mode: 0o755, uid: 0, gid: 0, size: contents.len() as u64 });
    contents.chunks(97).for_each(|piece| recorder.contents(piece));
    let tar = tar.into_inner().expect("a vector takes everything");
    let (noted, read) = (recorder.finish(), LayerEntries::read(&tar[..]));
    let (Ok(noted), Ok(read)) = (noted, read) else { return };
    assert_eq!(noted, read);
    tells(&read);
    let python = python();
    let os = format!("{SITE}/../os.py").replace("site-packages/../", "");
    let base = tar_of(&[("usr/local/bin/python3.11", &python), ("usr/local/bin/python3", b"->python3.11"), (&os, b"")]);
    let mut tree = Tree::new();
    tree.apply_layer(&base[..]).expect("it is a layer");
    tree.merge(read);
    let config = json!({ "Env": ["PATH=/usr/local/bin:/usr/bin"] });
    let facts = tree.facts(&config, &["/usr/lib/x".to_owned()]);
    if let Ok(facts) = facts {
        let json = serde_json::to_string(&facts).expect("it can be written");
        assert_eq!(serde_json::from_str::<wheelwright::lock::Facts>(&json).expect("it was written"), facts);
    }
    let _ = (tree.os_release(), tree.debian_packages(), tree.distributions(&config), tree.declared(&config));
}

pub(crate) fn evidence_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let seed = |path: &str, contents: &[u8]| [path.as_bytes(), b"\n", contents].concat();
    let metadata =
        b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: a>1; extra == 'x'\nLicense: MIT\n\ntext";
    let package = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9\nDepends: a (>= 1) | b:any\n\n";
    let mut cache = b"glibc-ld.so.cache1.1".to_vec();
    cache.extend([1, 0, 0, 0, 30, 0, 0, 0]);
    cache.extend([0; 20]);
    cache.extend([3, 3, 0, 0, 72, 0, 0, 0, 82, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    cache.extend(b"libz.so.1\0/lib/libz.so.1\0");
    let apk = "P:musl\nV:1.2.4-r2\nA:x86_64\n\n";
    vec![
        ("metadata", seed(&format!("{SITE}/demo-1.0.dist-info/METADATA"), metadata)),
        ("record", seed(&format!("{SITE}/demo-1.0.dist-info/RECORD"), b"a.py,,\n")),
        ("entries", seed(&format!("{SITE}/demo-1.0.dist-info/entry_points.txt"), b"[console_scripts]\na=b:c\n")),
        ("module", seed(&format!("{SITE}/a.py"), b"import b\nfrom .c import d\n")),
        ("pth", seed(&format!("{SITE}/x.pth"), b"import os\n../y\n")),
        ("os-release", seed("etc/os-release", b"ID=debian\nVERSION_CODENAME=\"bookworm\"\nNAME='x'\n")),
        ("status", seed("var/lib/dpkg/status", package.as_bytes())),
        ("apk", seed("lib/apk/db/installed", apk.as_bytes())),
        ("cache", seed("etc/ld.so.cache", &cache)),
        ("conf", seed("etc/ld.so.conf", b"include /etc/ld.so.conf.d/*.conf\n/opt/lib\n")),
        ("passwd", seed("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")),
        ("venv", seed("venv/pyvenv.cfg", b"home = /usr/local/bin\nversion = 3.11.2\n")),
        ("python", seed("usr/bin/python3.12", &python())),
        (
            "libc",
            seed(
                "lib/x86_64-linux-gnu/libc.so.6",
                b"\x7fELF GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n",
            ),
        ),
        ("library", seed("usr/lib/libx.so.1", &Library::new("libx.so.1").needs("libc.so.6").gnu_hash().build())),
        ("key", seed("root/.ssh/id_rsa", b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n")),
        ("pip", seed("etc/pip.conf", b"[global]\nindex-url = https://a:b@host/simple\n")),
    ]
}

/// A layer with a table of its files, of which only some are wanted.
struct Tabled {
    blob: Vec<u8>,
    rows: Vec<Value>,
    tar: Vec<u8>,
}

/// Noise, so that it is not worth while to fetch all of the layer.
fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(16 << 10).collect()
}

impl Tabled {
    /// Each file and each header by itself; the largest file in two pieces.
    fn new(compress: fn(&[u8]) -> Vec<u8>) -> Self {
        let (python, noise) = (python(), noise());
        let metadata = format!("{SITE}/demo-1.0.dist-info/METADATA");
        let files: [(&str, &[u8]); 4] = [
            ("usr/local/bin/python3.11", &python),
            (&metadata, b"Name: demo\nVersion: 1.0\n\n"),
            ("etc/os-release", b"ID=debian\n"),
            ("noise", &noise),
        ];
        let mut tabled = Self { blob: Vec::new(), rows: Vec::new(), tar: tar_of(&files) };
        for (path, contents) in files {
            let header = tar_of(&[(path, contents)])[..512].to_vec();
            tabled.blob.extend(compress(&header));
            let cut = contents.len().min(1000);
            for (number, piece) in [&contents[..cut], &contents[cut..]].into_iter().enumerate() {
                if piece.is_empty() {
                    continue;
                }
                let mut row = json!({
                    "type": if number == 0 { "reg" } else { "chunk" }, "name": path, "offset": tabled.blob.len(),
                    "chunkOffset": number * cut, "chunkDigest": Digest::of(piece), "chunkSize": piece.len(),
                });
                if number == 0 {
                    row["mode"] = json!(0o755);
                    row["size"] = json!(contents.len());
                    row["digest"] = json!(Digest::of(contents));
                }
                tabled.blob.extend(compress(piece));
                tabled.rows.push(row);
            }
            let padding = contents.len().next_multiple_of(512) - contents.len();
            tabled.blob.extend(compress(&vec![0; padding]));
        }
        tabled.rows.push(
            json!({ "type": "symlink", "name": "usr/local/bin/python3", "linkName": "python3.11", "mode": 0o777 }),
        );
        tabled.rows.push(json!({ "type": "dir", "name": "tmp/", "mode": 0o1777, "uid": 1, "gid": 2 }));
        tabled
    }

    fn table(&self) -> Vec<u8> {
        json!({ "version": 1, "entries": self.rows }).to_string().into()
    }

    fn gzipped() -> &'static Self {
        static TABLED: OnceLock<Tabled> = OnceLock::new();
        TABLED.get_or_init(|| Self::new(gzip))
    }

    fn zstd() -> &'static Self {
        static TABLED: OnceLock<Tabled> = OnceLock::new();
        TABLED.get_or_init(|| Self::new(|bytes| zstd::encode_all(bytes, 1).expect("memory can be compressed")))
    }
}

/// What a base image of one layer holds: whatever its table says, it is read, because the layer itself is in order.
fn read_by(tar: &[u8], blob: Vec<u8>, annotations: &[(&str, String)], table: Option<&[u8]>) {
    let mut descriptor = Descriptor::of(MediaType::ImageLayerGzip, &blob);
    descriptor.annotations = annotations.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let named = Named(descriptor.clone(), Memory::new(MediaType::ImageLayerGzip, blob));
    let layer = Layer { diff_id: DiffId(Digest::of(tar)), blob: Arc::new(named) };
    let table = table.map(|table| Memory::new(MediaType::from("application/octet-stream"), table.to_vec()));
    let tables = table.map(|table| (descriptor.digest, Arc::new(table) as Arc<dyn BlobSource>));
    let config = Memory::new(MediaType::ImageConfig, "{}");
    let base = BaseImage {
        manifest: Manifest::of_image(config.descriptor(), &[descriptor], &Value::Null),
        index: None,
        config: config.bytes().clone(),
        layers: vec![layer],
        tables: tables.into_iter().collect::<BTreeMap<_, _>>(),
    };
    let tree = with_store(|store| {
        let tree = wait(read_tree(&base, store)).expect("the layer is in order, and read whole if its table is not");
        let again = wait(read_tree(&base, store)).expect("it was read before");
        assert_eq!(tree.iter().count(), again.iter().count(), "what was kept is what was read");
        tree
    });
    let _ = tree.facts(&json!({ "Env": ["PATH=/usr/local/bin"] }), &[]);
}

/// A blob under a descriptor with annotations.
struct Named(Descriptor, Memory);

impl BlobSource for Named {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    fn open(
        &self,
        from: u64,
    ) -> futures_util::future::BoxFuture<'_, Result<wheelwright::image::ByteStream, wheelwright::image::TransferError>>
    {
        self.1.open(from)
    }
}

/// Any bytes as the table of an eStargz layer that is in order otherwise.
pub(crate) fn estargz(bytes: &[u8]) {
    let tabled = Tabled::gzipped();
    let (mut blob, mut tar) = (tabled.blob.clone(), tabled.tar.clone());
    let end = tar_of(&[("stargz.index.json", bytes)]);
    tar.truncate(tar.len() - 1024);
    tar.extend(&end);
    let offset = blob.len();
    blob.extend(gzip(&end));
    blob.extend([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 26, 0, b'S', b'G', 22, 0]);
    blob.extend(format!("{offset:016x}STARGZ").bytes());
    blob.extend([1, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0]);
    read_by(&tar, blob, &[("containerd.io/snapshot/stargz/toc.digest", Digest::of(bytes).to_string())], None);
}

/// Any bytes as the table of a zstd:chunked layer that is in order otherwise.
pub(crate) fn zstd_chunked(bytes: &[u8]) {
    let tabled = Tabled::zstd();
    let mut blob = tabled.blob.clone();
    blob.extend(zstd::encode_all(&[0; 1024][..], 1).expect("memory can be compressed"));
    let stored = zstd::encode_all(bytes, 1).expect("memory can be compressed");
    let length = u32::try_from(stored.len()).expect("it is small").to_le_bytes();
    blob.extend([&[0x50, 0x2a, 0x4d, 0x18][..], &length].concat());
    let place = format!("{}:{}:{}:1", blob.len(), stored.len(), bytes.len());
    let checksum = Digest::of(&stored).to_string();
    blob.extend(stored);
    let prefix = "io.github.containers.zstd-chunked";
    let names = [format!("{prefix}.manifest-checksum"), format!("{prefix}.manifest-position")];
    read_by(&tabled.tar, blob, &[(&names[0], checksum), (&names[1], place)], None);
}

pub(crate) fn table_seeds() -> Vec<(&'static str, Vec<u8>)> {
    vec![("gzip", Tabled::gzipped().table()), ("zstd", Tabled::zstd().table())]
}

/// Any bytes as the table that SOCI makes of a layer; the first two say where 32 KiB of zeros belong into the rest.
pub(crate) fn soci(bytes: &[u8]) {
    let Some((at, rest)) = bytes.split_first_chunk::<2>() else { return };
    let at = usize::from(u16::from_le_bytes(*at)).min(rest.len());
    let table = [&rest[..at], &[0; 32 << 10], &rest[at..]].concat();
    let tar = &Tabled::gzipped().tar;
    read_by(tar, gzip(tar), &[], Some(&table));
}

/// `FlatBuffers`, written from front to back.
#[derive(Default)]
struct Flat(Vec<u8>);

impl Flat {
    /// A table of these fields, none where there is nothing; gives where each lies.
    fn table(&mut self, from: usize, fields: &[&[u8]]) -> Vec<usize> {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        let description = self.0.len();
        let mut inside = 4_u16;
        let mut places = vec![u16::try_from(4 + 2 * fields.len()).unwrap_or(0), 0];
        for field in fields {
            places.push(if field.is_empty() { 0 } else { inside });
            inside += u16::try_from(field.len()).unwrap_or(0);
        }
        places[1] = inside;
        self.0.extend(places.iter().flat_map(|place| place.to_le_bytes()));
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        let at = self.0.len();
        self.refer(from);
        self.0.extend(u32::try_from(at - description).unwrap_or(0).to_le_bytes());
        self.0.extend(fields.concat());
        places[2..].iter().map(|place| at + usize::from(*place)).collect()
    }

    fn refer(&mut self, from: usize) {
        let distance = u32::try_from(self.0.len() - from).unwrap_or(0).to_le_bytes();
        self.0[from..from + 4].copy_from_slice(&distance);
    }

    fn bytes(&mut self, from: usize, bytes: &[u8]) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self.refer(from);
        self.0.extend(u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
        self.0.extend(bytes);
        self.0.push(0);
    }

    fn vector(&mut self, from: usize, length: usize) -> Vec<usize> {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self.refer(from);
        self.0.extend(u32::try_from(length).unwrap_or(0).to_le_bytes());
        let first = self.0.len();
        self.0.resize(first + 4 * length, 0);
        (0..length).map(|number| first + 4 * number).collect()
    }
}

pub(crate) fn soci_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let tar = &Tabled::gzipped().tar;
    let blob = gzip(tar);
    let reference = &[0; 4][..];
    let mut flat = Flat(vec![0; 4]);
    let (stored, plain) = ((blob.len() as u64).to_le_bytes(), (tar.len() as u64).to_le_bytes());
    let root = flat.table(0, &[reference, reference, &stored, &plain, reference, reference]);
    flat.bytes(root[0], b"0.9");
    flat.bytes(root[1], b"demo");
    let list = flat.table(root[4], &[reference]);
    let mut archive = tar::Archive::new(&tar[..]);
    let entries: Vec<_> = archive.entries().into_iter().flatten().flatten().collect();
    for (place, entry) in flat.vector(list[0], entries.len()).into_iter().zip(&entries) {
        let numbers = [entry.raw_file_position(), entry.size(), 0o755].map(u64::to_le_bytes);
        let fields = flat.table(place, &[reference, reference, &numbers[0], &numbers[1], &[], &numbers[2]]);
        flat.bytes(fields[0], &entry.path_bytes());
        flat.bytes(fields[1], b"reg");
    }
    let compression = flat.table(root[5], &[&[1], &0_u32.to_le_bytes(), reference, reference]);
    let digests = flat.vector(compression[2], 1);
    // From the first block of the stream to the end of the blob.
    flat.bytes(digests[0], Digest::of(&blob[10..]).to_string().as_bytes());
    let head = [&1_u32.to_le_bytes()[..], &(4_u64 << 20).to_le_bytes(), &10_u64.to_le_bytes(), &[0; 9]].concat();
    let window = [&head[..], &[0; 32 << 10]].concat();
    flat.bytes(compression[3], &window);
    let at = flat.0.len() - 1 - (32 << 10);
    let mut seed = u16::try_from(at).unwrap_or(0).to_le_bytes().to_vec();
    seed.extend(&flat.0[..at]);
    seed.extend(&flat.0[at + (32 << 10)..]);
    vec![("one-span", seed)]
}
