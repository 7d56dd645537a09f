//! The .deb file: an `ar` archive of a format number, an archive of control files, and an archive of
//! the files to install.

use std::{
    collections::BTreeMap,
    io::{self, Read, Take},
};

use super::{Compression, DebianError, compression::decompress};

const MAGIC: &[u8; 8] = b"!<arch>\n";
/// Most decompressed bytes of all control files; the largest known have a few.
const CONTROL_LIMIT: u64 = 32 << 20;
/// Most members before the data: signatures of some tools stand there.
const MEMBERS_LIMIT: usize = 16;

/// A .deb whose control files are read, positioned before the files to install.
///
/// deb(5).
pub struct Deb<R> {
    control: BTreeMap<String, Vec<u8>>,
    compression: Compression,
    data: Take<R>,
}

struct Member {
    name: String,
    size: u64,
}

impl<R: Read + Send> Deb<R> {
    /// Reads up to the data.
    ///
    /// # Errors
    /// When `reader` holds no .deb of format 2, or one over the bounds.
    pub fn read(mut reader: R) -> Result<Self, DebianError> {
        let mut magic = [0; 8];
        reader.read_exact(&mut magic).map_err(DebianError::read("the package"))?;
        if magic != *MAGIC {
            return Err(DebianError::Deb { reason: "it is no `ar` archive" });
        }
        check_format(&mut reader)?;
        let mut control = None;
        for _ in 0..MEMBERS_LIMIT {
            let member = Member::read(&mut reader)?;
            if member.name.starts_with("control.tar") && control.is_none() {
                let compression = Compression::of(&member.name, "control.tar")?;
                control = Some(control_files(compression, reader.by_ref().take(member.size))?);
            } else if member.name.starts_with("data.tar") {
                let compression = Compression::of(&member.name, "data.tar")?;
                let control = control.ok_or(DebianError::Deb { reason: "the data come before the control files" })?;
                return Ok(Self { control, compression, data: reader.take(member.size) });
            } else if !member.name.starts_with('_') {
                return Err(DebianError::Deb { reason: "it has an unknown member" });
            } else {
                skip(&mut reader, member.size)?;
            }
            skip(&mut reader, member.size % 2)?;
        }
        Err(DebianError::Deb { reason: "it has too many members" })
    }

    /// Name → bytes of the control files: `control` always; `md5sums`, `conffiles`, `postinst` … where
    /// the package has them.
    #[must_use]
    pub const fn control_files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.control
    }

    /// The tar of the files to install, decompressed as it is read. Unbounded.
    ///
    /// # Errors
    /// When a decoder cannot be set up.
    pub fn data(&mut self) -> Result<impl Read + Send, DebianError> {
        decompress(self.compression, self.data.by_ref()).map_err(DebianError::read("data.tar"))
    }

    /// The reader, wherever [`Deb::data`] left it.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.data.into_inner()
    }
}

impl Member {
    fn read(reader: &mut impl Read) -> Result<Self, DebianError> {
        let mut header = [0; 60];
        reader.read_exact(&mut header).map_err(DebianError::read("the package"))?;
        let text = std::str::from_utf8(&header).ok().filter(|text| text.ends_with("`\n"));
        let read = |text: &str| {
            // Some writers end names with a slash.
            let name = text.get(..16)?.trim_end().trim_end_matches('/').to_owned();
            Some(Self { name, size: text.get(48..58)?.trim_end().parse().ok()? })
        };
        text.and_then(read).ok_or(DebianError::Deb { reason: "the header of a member is malformed" })
    }
}

fn check_format(reader: &mut impl Read) -> Result<(), DebianError> {
    let member = Member::read(reader)?;
    if member.name != "debian-binary" || member.size > 64 {
        return Err(DebianError::Deb { reason: "its first member is not `debian-binary`" });
    }
    let mut format = String::new();
    reader.by_ref().take(member.size).read_to_string(&mut format).map_err(DebianError::read("debian-binary"))?;
    skip(reader, member.size % 2)?;
    if format.starts_with("2.") { Ok(()) } else { Err(DebianError::Deb { reason: "it is not of format 2" }) }
}

fn control_files(
    compression: Compression,
    mut member: Take<impl Read + Send>,
) -> Result<BTreeMap<String, Vec<u8>>, DebianError> {
    let what = || DebianError::read("control.tar");
    let mut files = BTreeMap::new();
    let plain = decompress(compression, &mut member).map_err(what())?;
    let mut tar = tar::Archive::new(plain.take(CONTROL_LIMIT));
    for entry in tar.entries().map_err(what())? {
        let mut entry = entry.map_err(what())?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(what())?;
        files.insert(name, bytes);
    }
    if tar.into_inner().limit() == 0 {
        return Err(DebianError::TooLarge { what: "control.tar".to_owned(), limit: CONTROL_LIMIT });
    }
    // What the decoder left of the member is between us and the data.
    io::copy(&mut member, &mut io::sink()).map_err(what())?;
    if !files.contains_key("control") {
        return Err(DebianError::Deb { reason: "it has no file `control`" });
    }
    Ok(files)
}

fn skip(reader: &mut impl Read, count: u64) -> Result<(), DebianError> {
    let skipped =
        io::copy(&mut reader.by_ref().take(count), &mut io::sink()).map_err(DebianError::read("the package"))?;
    if skipped == count { Ok(()) } else { Err(DebianError::Deb { reason: "it ends early" }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn ar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for (name, member) in members {
            bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", member.len()).bytes());
            bytes.extend(*member);
            bytes.extend(std::iter::repeat_n(b'\n', member.len() % 2));
        }
        bytes
    }

    fn packed(compression: &str, bytes: &[u8]) -> Vec<u8> {
        use std::io::Write as _;
        match compression {
            ".gz" => {
                let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                writer.write_all(bytes).unwrap();
                writer.finish().unwrap()
            }
            #[cfg(feature = "zstd")]
            ".zst" => zstd::encode_all(bytes, 3).unwrap(),
            _ => bytes.to_vec(),
        }
    }

    #[test]
    fn every_compression_is_read() {
        let control = tar_of(&[("./control", b"Package: a\n"), ("md5sums", b"x")]);
        let data = tar_of(&[("usr/share/a", b"contents")]);
        for end in [
            "",
            ".gz",
            #[cfg(feature = "zstd")]
            ".zst",
        ] {
            let (control, data) = (packed(end, &control), packed(end, &data));
            let deb = ar_of(&[
                ("debian-binary", b"2.0\n"),
                ("_signature", b"odd"),
                (&format!("control.tar{end}"), &control),
                (&format!("data.tar{end}/"), &data),
            ]);
            let mut deb = Deb::read(&deb[..]).unwrap();
            assert_eq!(deb.control_files()["control"], b"Package: a\n");
            assert_eq!(deb.control_files()["md5sums"], b"x");
            let mut tar = Vec::new();
            deb.data().unwrap().read_to_end(&mut tar).unwrap();
            assert_eq!(tar, tar_of(&[("usr/share/a", b"contents")]), "{end}");
        }
    }

    #[test]
    fn what_is_no_deb_says_why() {
        let control = tar_of(&[("control", b"Package: a\n")]);
        let check = |members: &[(&str, &[u8])], expect: &str| {
            let error = Deb::read(&ar_of(members)[..]).err().unwrap().to_string();
            assert_eq!(error, expect);
        };
        let format: (&str, &[u8]) = ("debian-binary", b"2.0\n");
        check(&[("debian-binary", b"3.0\n")], "not a Debian package: it is not of format 2");
        check(&[("control.tar", b"")], "not a Debian package: its first member is not `debian-binary`");
        check(&[format, ("data.tar", b"")], "not a Debian package: the data come before the control files");
        check(&[format, ("other", b"")], "not a Debian package: it has an unknown member");
        check(&[format, ("control.tar.bz2", b"")], "`control.tar.bz2` is compressed in a way that is not supported");
        check(&[format, ("control.tar", &tar_of(&[]))], "not a Debian package: it has no file `control`");
        check(&[format, ("control.tar", &control)], "cannot read the package");
        assert_eq!(
            Deb::read(&b"PK\x03\x04...."[..]).err().unwrap().to_string(),
            "not a Debian package: it is no `ar` archive"
        );
    }

    #[test]
    fn control_files_are_bounded() {
        let bomb = packed(".gz", &tar_of(&[("control", &vec![0; 33 << 20])]));
        let deb = ar_of(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &bomb)]);
        assert!(Deb::read(&deb[..]).is_err());
    }
}
