//! Debian packages and an archive of them, in code.

use std::{collections::BTreeMap, fmt::Write as _, io::Write as _};

use crate::oci::Digest;

/// A .deb under construction, for every architecture; none of its programs can run.
#[derive(Clone, Debug)]
pub struct Deb {
    name: String,
    version: String,
    fields: String,
    files: Vec<(String, Vec<u8>)>,
    scripts: Vec<(String, String)>,
}

impl Deb {
    /// A package without files.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            fields: String::new(),
            files: Vec::new(),
            scripts: Vec::new(),
        }
    }

    /// With one more line in its control file: `Depends: libc6 (>= 2.36)`.
    #[must_use]
    pub fn field(mut self, line: &str) -> Self {
        let _ = writeln!(self.fields, "{line}");
        self
    }

    /// With one more file, at a path without a leading slash.
    #[must_use]
    pub fn file(mut self, path: &str, contents: &[u8]) -> Self {
        self.files.push((path.to_owned(), contents.to_vec()));
        self
    }

    /// With a maintainer script: `postinst`.
    #[must_use]
    pub fn script(mut self, name: &str, text: &str) -> Self {
        self.scripts.push((format!("./{name}"), text.to_owned()));
        self
    }

    /// Its control file.
    #[must_use]
    pub fn control(&self) -> String {
        let Self { name, version, fields, .. } = self;
        format!("Package: {name}\nVersion: {version}\nArchitecture: all\n{fields}")
    }

    /// Its bytes.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let files: Vec<(String, &[u8])> =
            self.files.iter().map(|(path, bytes)| (format!("./{path}"), &bytes[..])).collect();
        let control = self.control();
        let scripts = self.scripts.iter().map(|(path, text)| (path.clone(), text.as_bytes()));
        let control = [("./control".to_owned(), control.as_bytes())].into_iter().chain(scripts);
        let members = [
            ("debian-binary", b"2.0\n".to_vec()),
            ("control.tar", tar(&control.collect::<Vec<_>>())),
            ("data.tar", tar(&files)),
        ];
        let mut deb = b"!<arch>\n".to_vec();
        for (name, bytes) in members {
            let (time, user, group, mode) = (0, 0, 0, "100644");
            let size = bytes.len();
            deb.extend(format!("{name:<16}{time:<12}{user:<6}{group:<6}{mode:<8}{size:<10}`\n").bytes());
            deb.extend(bytes);
            // Members begin at even places.
            deb.resize(deb.len().next_multiple_of(2), b'\n');
        }
        deb
    }

    /// Its lines of a `Contents` file.
    fn contents(&self) -> String {
        let mut lines = String::new();
        for (path, _) in &self.files {
            let _ = writeln!(lines, "{path} misc/{}", self.name);
        }
        lines
    }

    fn path(&self) -> String {
        // An epoch does not stand in file names.
        let version = self.version.rsplit(':').next().unwrap_or(&self.version);
        format!("pool/main/{}/{}_{version}_all.deb", self.name, self.name)
    }
}

/// An archive of Debian packages that nobody signed: files by their paths below its root.
#[derive(Clone, Debug, Default)]
pub struct DebianArchive {
    files: BTreeMap<String, Vec<u8>>,
}

impl DebianArchive {
    /// An archive without suites.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With the suite `codename`, of the moment `date` (`Sat, 21 Nov 2026 00:53:02 UTC`), in place of an earlier
    /// one, with these packages for amd64 and arm64.
    #[must_use]
    pub fn suite(mut self, codename: &str, date: &str, packages: &[Deb]) -> Self {
        let mut index = String::new();
        for deb in packages {
            let (bytes, path) = (deb.build(), deb.path());
            let (size, sha256) = (bytes.len(), Digest::of(&bytes).hex());
            let _ = writeln!(index, "{}Filename: {path}\nSize: {size}\nSHA256: {sha256}\n", deb.control());
            self.files.insert(path, bytes);
        }
        let mut release = format!("Codename: {codename}\nDate: {date}\nComponents: main\nSHA256:\n");
        let contents = gzip(packages.iter().map(Deb::contents).collect::<String>().as_bytes());
        for architecture in ["amd64", "arm64"] {
            let names = [format!("main/binary-{architecture}/Packages"), format!("main/Contents-{architecture}.gz")];
            for (name, bytes) in names.into_iter().zip([index.clone().into_bytes(), contents.clone()]) {
                let _ = writeln!(release, " {} {} {name}", Digest::of(&bytes).hex(), bytes.len());
                self.files.insert(format!("dists/{codename}/{name}"), bytes);
            }
        }
        self.files.insert(format!("dists/{codename}/InRelease"), release.into_bytes());
        self
    }

    /// Its files.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).and_then(|()| writer.finish()).expect("a vector takes everything")
}

fn tar(files: &[(String, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, contents) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(if path.starts_with("./usr/bin/") { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(contents.len() as u64);
        tar.append_data(&mut header, path, *contents).expect("a vector takes everything");
    }
    tar.into_inner().expect("a vector takes everything")
}
