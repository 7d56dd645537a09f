//! Wheels built in code: `Wheel::new("demo", "1.0").file("demo.py", b"…").build()`.

use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{ZipEntry, ZipWriter};
use crate::{fs::write_atomic, oci::Digest};

/// A wheel under construction, with METADATA, WHEEL and RECORD written for it.
#[derive(Clone, Debug)]
pub struct Wheel {
    name: String,
    version: String,
    tag: String,
    metadata: String,
    files: Vec<ZipEntry>,
    /// The lines of RECORD for those.
    record: String,
    /// The RECORD in place of those lines.
    false_record: Option<Vec<u8>>,
}

impl Wheel {
    /// A pure-Python wheel without files.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            tag: "py3-none-any".to_owned(),
            metadata: String::new(),
            files: Vec::new(),
            record: String::new(),
            false_record: None,
        }
    }

    /// With another tag, such as `cp311-cp311-manylinux_2_17_x86_64`.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        tag.clone_into(&mut self.tag);
        self
    }

    /// With a requirement in its metadata.
    #[must_use]
    pub fn requires(self, requirement: &str) -> Self {
        self.header("Requires-Dist", requirement)
    }

    /// With one more line in its metadata.
    #[must_use]
    pub fn header(mut self, key: &str, value: &str) -> Self {
        let _ = writeln!(self.metadata, "{key}: {value}");
        self
    }

    /// With a deflated file of mode 0644.
    #[must_use]
    pub fn file(self, path: &str, contents: &[u8]) -> Self {
        self.entry(ZipEntry::deflated(path, contents), contents)
    }

    /// With a deflated file of mode 0755.
    #[must_use]
    pub fn executable(self, path: &str, contents: &[u8]) -> Self {
        self.entry(ZipEntry::deflated(path, contents).mode(0o100_755), contents)
    }

    /// With a file that is stored, not deflated.
    #[must_use]
    pub fn stored(self, path: &str, contents: &[u8]) -> Self {
        self.entry(ZipEntry::stored(path, contents), contents)
    }

    /// With a console script.
    #[must_use]
    pub fn console_script(self, name: &str, target: &str) -> Self {
        let path = format!("{}/entry_points.txt", self.dist_info());
        self.file(&path, format!("[console_scripts]\n{name} = {target}\n").as_bytes())
    }

    /// With an entry as it is, of which RECORD knows nothing.
    #[must_use]
    pub fn raw(mut self, entry: ZipEntry) -> Self {
        self.files.push(entry);
        self
    }

    /// With this RECORD in place of the true one.
    #[must_use]
    pub fn record(mut self, contents: &[u8]) -> Self {
        self.false_record = Some(contents.to_vec());
        self
    }

    /// The file name, `demo-1.0-py3-none-any.whl`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.whl", self.name, self.version, self.tag)
    }

    /// The text of its METADATA.
    #[must_use]
    pub fn metadata(&self) -> String {
        format!("Metadata-Version: 2.1\nName: {}\nVersion: {}\n{}", self.name, self.version, self.metadata)
    }

    /// The bytes of the wheel.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        self.archive().build()
    }

    /// Writes it into `folder`, which is made if it is missing, under its name; the path of the file.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<PathBuf> {
        let path = folder.join(self.file_name());
        write_atomic(&path, &self.build())?;
        Ok(path)
    }

    /// The wheel as an archive that may still be spoiled.
    #[must_use]
    pub fn archive(&self) -> ZipWriter {
        let info = self.dist_info();
        let pure = self.tag.ends_with("-any");
        let kind = format!("Wheel-Version: 1.0\nGenerator: fixture\nRoot-Is-Purelib: {pure}\nTag: {}\n", self.tag);
        let mut whole = self
            .clone()
            .file(&format!("{info}/METADATA"), self.metadata().as_bytes())
            .file(&format!("{info}/WHEEL"), kind.as_bytes());
        let path = format!("{info}/RECORD");
        let true_record = format!("{}{path},,\n", whole.record).into_bytes();
        let record = whole.false_record.take().unwrap_or(true_record);
        ZipWriter { entries: whole.raw(ZipEntry::deflated(&path, &record)).files, ..ZipWriter::default() }
    }

    fn dist_info(&self) -> String {
        format!("{}-{}.dist-info", self.name, self.version)
    }

    fn entry(mut self, entry: ZipEntry, contents: &[u8]) -> Self {
        let hash = BASE64_URL_SAFE_NO_PAD.encode(Digest::of(contents).as_bytes());
        let name = String::from_utf8_lossy(&entry.name);
        let _ = writeln!(self.record, "{name},sha256={hash},{}", contents.len());
        self.raw(entry)
    }
}
