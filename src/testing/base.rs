//! A base image in code: just the files from which its Python and its C library are known.

use std::{io, path::Path};

use serde_json::{Value, json};

use crate::{
    fs::write_atomic,
    oci::{Digest, canonical_json},
};

/// A base image under construction: Python 3.11.9 in `/usr/local` over glibc 2.36, for `linux/amd64` and
/// `linux/arm64`. None of its programs can run.
#[derive(Clone, Debug)]
pub struct Base {
    platforms: Vec<String>,
    python: (u8, u8),
    libc: String,
    loader: &'static str,
    release: &'static str,
    environment: Vec<String>,
    steps: Vec<String>,
    files: Vec<(String, Vec<u8>)>,
    links: Vec<(String, String)>,
    folders: Vec<(String, u32)>,
    more_layers: usize,
}

impl Default for Base {
    fn default() -> Self {
        Self {
            platforms: ["linux/amd64", "linux/arm64"].map(str::to_owned).to_vec(),
            python: (11, 9),
            libc: glibc(36),
            loader: "ld-linux-x86-64.so.2",
            release: "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n",
            environment: vec!["PATH=/usr/local/bin:/usr/bin:/bin".to_owned()],
            steps: Vec::new(),
            files: Vec::new(),
            links: Vec::new(),
            folders: Vec::new(),
            more_layers: 0,
        }
    }
}

impl Base {
    /// For these platforms, each as `linux/amd64`.
    #[must_use]
    pub fn platforms(mut self, platforms: &[&str]) -> Self {
        self.platforms = platforms.iter().map(|platform| (*platform).to_owned()).collect();
        self
    }

    /// With Python 3.`minor`.`patch`.
    #[must_use]
    pub fn python(mut self, minor: u8, patch: u8) -> Self {
        self.python = (minor, patch);
        self
    }

    /// With glibc 2.`minor`.
    #[must_use]
    pub fn glibc(mut self, minor: u16) -> Self {
        self.libc = glibc(minor);
        self
    }

    /// With musl 1.2 in place of glibc.
    #[must_use]
    pub fn musl(mut self) -> Self {
        self.libc = String::from("1.2.5\0musl libc (x86_64)\nVersion %s\n\0");
        self.loader = "ld-musl-x86_64.so.1";
        self
    }

    /// With the name of another release, Debian 13.
    #[must_use]
    pub fn trixie(mut self) -> Self {
        self.release = "ID=debian\nVERSION_ID=\"13\"\nVERSION_CODENAME=trixie\n";
        self
    }

    /// With these variables alone, each as `NAME=VALUE`.
    #[must_use]
    pub fn environment(mut self, variables: &[&str]) -> Self {
        self.environment = variables.iter().map(|variable| (*variable).to_owned()).collect();
        self
    }

    /// With one more `ONBUILD` step.
    #[must_use]
    pub fn step(mut self, step: &str) -> Self {
        self.steps.push(step.to_owned());
        self
    }

    /// With one more symbolic link, at a path without a leading slash.
    #[must_use]
    pub fn link(mut self, path: &str, target: &str) -> Self {
        self.links.push((path.to_owned(), target.to_owned()));
        self
    }

    /// With one more file, at a path without a leading slash.
    #[must_use]
    pub fn file(mut self, path: &str, contents: &[u8]) -> Self {
        self.files.push((path.to_owned(), contents.to_vec()));
        self
    }

    /// With one more directory of this mode, at a path without a leading slash.
    #[must_use]
    pub fn folder(mut self, path: &str, mode: u32) -> Self {
        self.folders.push((path.to_owned(), mode));
        self
    }

    /// With so many more layers, in which nothing is.
    #[must_use]
    pub const fn more_layers(mut self, number: usize) -> Self {
        self.more_layers = number;
        self
    }

    /// The files of an OCI layout that holds it, each with its path in the layout's folder.
    #[must_use]
    pub fn layout(&self) -> Vec<(String, Vec<u8>)> {
        let tar = self.tar();
        let mut files = vec![("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())];
        let mut blob = |media_type: &str, bytes: Vec<u8>| {
            let digest = Digest::of(&bytes);
            let descriptor = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
            files.push((format!("blobs/sha256/{}", digest.hex()), bytes));
            descriptor
        };
        let diff_id = Digest::of(&tar);
        let mut layers = vec![blob("application/vnd.oci.image.layer.v1.tar", tar)];
        let mut diff_ids = vec![diff_id];
        if self.more_layers > 0 {
            let nothing = vec![0; 1024];
            diff_ids.extend(std::iter::repeat_n(Digest::of(&nothing), self.more_layers));
            let empty = blob("application/vnd.oci.image.layer.v1.tar", nothing);
            layers.extend(std::iter::repeat_n(empty, self.more_layers));
        }
        let mut manifests = Vec::new();
        for platform in &self.platforms {
            let platform = platform_fields(platform);
            let mut config = platform.clone();
            config["config"] = json!({ "Env": self.environment });
            if !self.steps.is_empty() {
                config["config"]["OnBuild"] = json!(self.steps);
            }
            config["rootfs"] = json!({ "type": "layers", "diff_ids": diff_ids });
            let config = blob("application/vnd.oci.image.config.v1+json", canonical_json(&config));
            let media_type = "application/vnd.oci.image.manifest.v1+json";
            let manifest = json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers });
            let mut manifest = blob(media_type, canonical_json(&manifest));
            manifest["platform"] = platform;
            manifests.push(manifest);
        }
        let index = json!({ "schemaVersion": 2, "manifests": manifests });
        files.push(("index.json".to_owned(), canonical_json(&index)));
        files
    }

    /// Writes that layout into `folder`, which is made if it is missing; the recipe's `base = "oci:FOLDER"`.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        self.layout().iter().try_for_each(|(path, bytes)| write_atomic(&folder.join(path), bytes))
    }

    fn tar(&self) -> Vec<u8> {
        let (minor, patch) = self.python;
        // Files that are this small are not taken for programs.
        let program = |banner: &str| [banner.as_bytes(), &[b'x'; 4096]].concat();
        let python = format!("usr/local/bin/python3.{minor}");
        let mut files = vec![
            (python, program(&format!("\x7fELF\0/lib64/{}\x003.{minor}.{patch}\0", self.loader))),
            (format!("usr/local/lib/python3.{minor}/os.py"), Vec::new()),
            ("usr/lib/libc.so.6".to_owned(), program(&format!("\x7fELF\0{}", self.libc))),
            ("etc/os-release".to_owned(), self.release.as_bytes().to_vec()),
        ];
        files.extend(self.files.iter().cloned());
        let mut tar = tar::Builder::new(Vec::new());
        for (path, contents) in &files {
            let mut header = header(tar::EntryType::Regular);
            header.set_size(contents.len() as u64);
            tar.append_data(&mut header, path, &contents[..]).expect("a vector takes everything");
        }
        for (path, mode) in &self.folders {
            let mut header = header(tar::EntryType::Directory);
            header.set_mode(*mode);
            tar.append_data(&mut header, path, &[][..]).expect("a vector takes everything");
        }
        let python = ("usr/local/bin/python3".to_owned(), format!("python3.{minor}"));
        for (path, target) in std::iter::once(&python).chain(&self.links) {
            let mut link = header(tar::EntryType::Symlink);
            tar.append_link(&mut link, path, target).expect("a vector takes everything");
        }
        tar.into_inner().expect("a vector takes everything")
    }
}

fn glibc(minor: u16) -> String {
    format!("GNU C Library (Debian GLIBC 2.{minor}-9) stable release version 2.{minor}.\n\0")
}

fn header(kind: tar::EntryType) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    header
}

fn platform_fields(platform: &str) -> Value {
    let mut words = platform.split('/');
    let mut fields = json!({ "os": words.next(), "architecture": words.next() });
    if let Some(variant) = words.next() {
        fields["variant"] = variant.into();
    }
    fields
}
