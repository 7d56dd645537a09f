//! The few files of a base whose bytes tell something, and what they tell.

use std::{
    io::{self, Read},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::banner::{Banners, Scanner};

/// Texts larger than this are not what their name says.
const TEXT_LIMIT: u64 = 64 << 20;
/// The fields of core metadata stand in front; a description follows.
const METADATA_LIMIT: u64 = 1 << 20;

/// What the bytes of one file tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Evidence {
    /// The name and version of a distribution.
    #[serde(rename = "d")]
    Distribution {
        /// As its metadata spells it.
        name: String,
        /// As its metadata spells it.
        version: String,
        /// `Requires-Dist`, as written.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        requires: Vec<String>,
    },
    /// All of a file. Bytes that are no UTF-8 are replaced.
    #[serde(rename = "t")]
    Text(String),
    /// What stands somewhere in a program or a library.
    #[serde(rename = "b")]
    Binary(Banners),
}

enum Sort {
    Distribution,
    Text,
    Binary,
}

/// Whether the bytes of a regular file at `path` tell something about a base.
#[must_use]
pub fn wants(path: &str, size: u64) -> bool {
    sort(path, size).is_some()
}

impl Evidence {
    /// The file's text, if it was kept.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Reads what the file at `path` tells; nothing, and no byte, when it is none of the few.
    pub(super) fn read(path: &str, size: u64, content: &mut dyn Read) -> io::Result<Option<Self>> {
        match sort(path, size) {
            None => Ok(None),
            Some(Sort::Distribution) => distribution(content),
            Some(Sort::Text) => {
                let mut bytes = Vec::new();
                content.take(TEXT_LIMIT).read_to_end(&mut bytes)?;
                let text = String::from_utf8(bytes);
                Ok(Some(Self::Text(
                    text.unwrap_or_else(|wrong| String::from_utf8_lossy(wrong.as_bytes()).into_owned()),
                )))
            }
            Some(Sort::Binary) => binary(content).map(|banners| Some(Self::Binary(banners))),
        }
    }
}

impl Evidence {
    /// About how many bytes this takes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Distribution { name, version, requires } => {
                name.len() + version.len() + requires.iter().map(String::len).sum::<usize>()
            }
            Self::Text(text) => text.len(),
            Self::Binary(_) => size_of::<Banners>(),
        }
    }
}

fn sort(path: &str, size: u64) -> Option<Sort> {
    let mut components = path.rsplit('/');
    let name = components.next()?;
    let parent = components.next().unwrap_or_default();
    if is_distribution(name, parent) {
        Some(Sort::Distribution)
    } else if size <= TEXT_LIMIT && is_text(name, path) {
        Some(Sort::Text)
    } else {
        is_binary(name, size).then_some(Sort::Binary)
    }
}

fn is_distribution(name: &str, parent: &str) -> bool {
    match name {
        "METADATA" => parent.ends_with(".dist-info"),
        "PKG-INFO" => parent.ends_with(".egg-info"),
        other => other.ends_with(".egg-info"),
    }
}

fn is_text(name: &str, path: &str) -> bool {
    match name {
        "pyvenv.cfg" | "patchlevel.h" | "os-release" => true,
        "RECORD" => path.ends_with(".dist-info/RECORD"),
        other if other.strip_suffix(".json").is_some() => path.rsplit('/').nth(1) == Some("conda-meta"),
        "status" => path.ends_with("var/lib/dpkg/status"),
        // Images without dpkg keep the paragraphs of its list in files of their own.
        other if path.contains("var/lib/dpkg/status.d/") => !other.ends_with(".md5sums"),
        other => {
            other.starts_with("_sysconfigdata_") && Path::new(other).extension().is_some_and(|ending| ending == "py")
        }
    }
}

fn is_binary(name: &str, size: u64) -> bool {
    // Anything smaller is a script, a stub or a linker script.
    if size < 1024 {
        return false;
    }
    let interpreter = name
        .strip_prefix("python")
        .is_some_and(|rest| rest.trim_end_matches('t').bytes().all(|letter| letter.is_ascii_digit() || letter == b'.'));
    let library = (name.starts_with("libpython3") || name.starts_with("libc-2.")) && name.contains(".so")
        || matches!(name, "libc.so.6" | "libc.so" | "libc.so.6.1")
        || (name.starts_with("ld-musl-") || name.starts_with("libc.musl-")) && name.ends_with(".so.1");
    interpreter || library
}

fn distribution(content: &mut dyn Read) -> io::Result<Option<Evidence>> {
    let mut bytes = Vec::new();
    content.take(METADATA_LIMIT).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let fields = || text.lines().take_while(|line| !line.trim().is_empty()).filter_map(|line| line.split_once(':'));
    let field = |wanted: &str| {
        fields().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim().to_owned())
    };
    let requires = || {
        let lines = fields().filter(|(name, _)| name.eq_ignore_ascii_case("Requires-Dist"));
        lines.map(|(_, value)| value.trim().to_owned()).collect()
    };
    let told = field("Name").zip(field("Version"));
    Ok(told.map(|(name, version)| Evidence::Distribution { name, version, requires: requires() }))
}

fn binary(content: &mut dyn Read) -> io::Result<Banners> {
    let mut scanner = Scanner::default();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(scanner.finish()),
            count => scanner.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_files_are_wanted() {
        for path in [
            "usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA",
            "usr/lib/python3/dist-packages/pip-23.egg-info/PKG-INFO",
            "x/old-1.0.egg-info",
            "usr/bin/python3.11",
            "opt/conda/bin/python3.13t",
            "usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0",
            "lib/libc.so.6",
            "lib/ld-musl-x86_64.so.1",
            "usr/lib/python3.11/_sysconfigdata__x86_64-linux-gnu.py",
            "var/lib/dpkg/status.d/libc6",
            "x/demo-1.0.dist-info/RECORD",
            "opt/conda/conda-meta/zlib-1.3-0.json",
            "usr/lib/os-release",
        ] {
            assert!(wants(path, 4096), "{path}");
        }
        for path in [
            "usr/bin/python3-config",
            "usr/share/doc/METADATA",
            "usr/lib/libcrypto.so.3",
            "usr/lib/python3.11/os.py",
            "var/lib/dpkg/status-old",
            "x/RECORD",
            "x/package.json",
            "",
        ] {
            assert!(!wants(path, 4096), "{path}");
        }
    }

    #[test]
    fn descriptions_are_no_fields() {
        let text = b"Metadata-Version: 2.1\nName: Demo.Thing\nVersion: 1.0\nRequires-Dist: a>=1\n\nVersion: 2.0\n";
        let found = Evidence::read("a.dist-info/METADATA", 1, &mut &text[..]).unwrap();
        assert_eq!(
            found,
            Some(Evidence::Distribution {
                name: "Demo.Thing".into(),
                version: "1.0".into(),
                requires: vec!["a>=1".into()]
            })
        );
        assert_eq!(Evidence::read("a.dist-info/METADATA", 1, &mut &b"\nName: x\nVersion: 1"[..]).unwrap(), None);
    }
}
