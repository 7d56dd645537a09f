//! A base image in code: just the files from which its Python and its C library are known.

use serde_json::{Value, json};

use crate::oci::{Digest, canonical_json};

/// A base image under construction: Python 3.11.9 in `/usr/local` over glibc 2.36, for `linux/amd64` and
/// `linux/arm64`. None of its programs can run.
#[derive(Clone, Debug)]
pub struct Base {
    platforms: Vec<String>,
    python: (u8, u8),
    files: Vec<(String, Vec<u8>)>,
}

impl Default for Base {
    fn default() -> Self {
        Self {
            platforms: ["linux/amd64", "linux/arm64"].map(str::to_owned).to_vec(),
            python: (11, 9),
            files: Vec::new(),
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

    /// With one more file, at a path without a leading slash.
    #[must_use]
    pub fn file(mut self, path: &str, contents: &[u8]) -> Self {
        self.files.push((path.to_owned(), contents.to_vec()));
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
        let layer = blob("application/vnd.oci.image.layer.v1.tar", tar);
        let mut manifests = Vec::new();
        for platform in &self.platforms {
            let platform = platform_fields(platform);
            let mut config = platform.clone();
            config["config"] = json!({ "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"] });
            config["rootfs"] = json!({ "type": "layers", "diff_ids": [diff_id] });
            let config = blob("application/vnd.oci.image.config.v1+json", canonical_json(&config));
            let media_type = "application/vnd.oci.image.manifest.v1+json";
            let manifest = json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer] });
            let mut manifest = blob(media_type, canonical_json(&manifest));
            manifest["platform"] = platform;
            manifests.push(manifest);
        }
        let index = json!({ "schemaVersion": 2, "manifests": manifests });
        files.push(("index.json".to_owned(), canonical_json(&index)));
        files
    }

    fn tar(&self) -> Vec<u8> {
        let (minor, patch) = self.python;
        // Files that are this small are not taken for programs.
        let program = |banner: &str| [banner.as_bytes(), &[b'x'; 4096]].concat();
        let python = format!("usr/local/bin/python3.{minor}");
        let mut files = vec![
            (python, program(&format!("\x7fELF\0/lib64/ld-linux-x86-64.so.2\x003.{minor}.{patch}\0"))),
            (format!("usr/local/lib/python3.{minor}/os.py"), Vec::new()),
            (
                "usr/lib/libc.so.6".to_owned(),
                program("\x7fELF\0GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n\0"),
            ),
            ("etc/os-release".to_owned(), b"ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n".to_vec()),
        ];
        files.extend(self.files.iter().cloned());
        let mut tar = tar::Builder::new(Vec::new());
        for (path, contents) in &files {
            let mut header = header(tar::EntryType::Regular);
            header.set_size(contents.len() as u64);
            tar.append_data(&mut header, path, &contents[..]).expect("a vector takes everything");
        }
        let mut link = header(tar::EntryType::Symlink);
        let target = format!("python3.{minor}");
        tar.append_link(&mut link, "usr/local/bin/python3", target).expect("a vector takes everything");
        tar.into_inner().expect("a vector takes everything")
    }
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
