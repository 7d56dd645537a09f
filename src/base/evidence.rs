//! The few files of a base whose bytes tell something, and what they tell.

use std::{
    borrow::Cow,
    io::{self, Read},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{
    LoaderCache, NotedSource,
    banner::{Banners, Scanner},
};
use crate::python::{LicenceFields, ModuleSource, WrittenMetadata};

/// Texts larger than this are not what their name says.
const TEXT_LIMIT: u64 = 64 << 20;
/// Where loaders look for libraries without being told, in their order.
pub(super) const LIBRARY_FOLDERS: [&str; 5] = ["lib", "usr/lib", "lib64", "usr/lib64", "usr/local/lib"];
/// The fields of core metadata stand in front; a description follows.
const METADATA_LIMIT: u64 = 1 << 20;

/// Sources larger than this are data.
const SOURCE_LIMIT: u64 = 4 << 20;
/// Keys and passwords stand in the first bytes of their files.
const SECRET_LIMIT: u64 = 64 << 10;

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
        /// What its metadata tell of its licence.
        #[serde(rename = "l", default, skip_serializing_if = "LicenceFields::is_empty")]
        licence: LicenceFields,
    },
    /// All of a file. Bytes that are no UTF-8 are replaced.
    #[serde(rename = "t", with = "apart")]
    Text(String),
    /// What stands somewhere in a program or a library.
    #[serde(rename = "b")]
    Binary(Banners),
    /// Where the loader believes libraries to be.
    #[serde(rename = "c")]
    LoaderCache(LoaderCache),
    /// What importing a Python module does.
    #[serde(rename = "m", with = "apart")]
    Module(NotedSource),
    /// A secret, of which nothing is kept.
    #[serde(rename = "s")]
    Secret(Secret),
}

/// What a file gives away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Secret {
    /// It is a private key.
    #[serde(rename = "k")]
    PrivateKey,
    /// A URL in it has a password.
    #[serde(rename = "p")]
    Password,
}

enum Sort {
    Distribution,
    Text,
    /// Who may be named: no fact of a base.
    Accounts,
    Binary,
    LoaderCache,
    Module,
    Secret(Secret),
}

/// Whether the bytes of a regular file at `path` tell something about a base.
#[must_use]
pub fn wants(path: &str, size: u64) -> bool {
    sort(path, size).is_some()
}

/// Whether the bytes of a regular file at `path` are needed to know what a base is: they are fetched
/// where a layer need not be read whole.
pub(super) fn tells_of_base(path: &str, size: u64) -> bool {
    let wanted = matches!(sort(path, size), Some(Sort::Distribution | Sort::Text | Sort::Binary));
    size > 0 && (wanted || is_found_by_loaders(path))
}

fn has_ending(name: &str, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == ending)
}

/// Whether `path` is that of a library in a folder where every loader looks.
fn is_found_by_loaders(path: &str) -> bool {
    let Some((folder, name)) = path.rsplit_once('/') else { return false };
    let general =
        folder.rsplit_once('/').filter(|(_, machine)| machine.contains("-linux-")).map(|(general, _)| general);
    let is_known = |folder: &str| LIBRARY_FOLDERS.contains(&folder);
    (has_ending(name, "so") || name.contains(".so.")) && (is_known(folder) || general.is_some_and(is_known))
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

    /// What the file at `path` with these contents tells.
    pub(super) fn of(path: &str, contents: &[u8]) -> io::Result<Option<Self>> {
        let size = contents.len() as u64;
        match sort(path, size) {
            Some(Sort::Module) => Ok(Some(Self::Module(ModuleSource::scan(contents).into()))),
            _ => Self::read(path, size, &mut &contents[..]),
        }
    }

    /// Reads what the file at `path` tells; nothing, and no byte, when it is none of the few.
    pub(super) fn read(path: &str, size: u64, content: &mut dyn Read) -> io::Result<Option<Self>> {
        match sort(path, size) {
            None => Ok(None),
            Some(Sort::Distribution) => distribution(content),
            Some(Sort::Text | Sort::Accounts) => {
                let mut bytes = Vec::new();
                content.take(TEXT_LIMIT).read_to_end(&mut bytes)?;
                let text = String::from_utf8(bytes);
                Ok(Some(Self::Text(
                    text.unwrap_or_else(|wrong| String::from_utf8_lossy(wrong.as_bytes()).into_owned()),
                )))
            }
            Some(Sort::Binary) => binary(content).map(|banners| Some(Self::Binary(banners))),
            Some(Sort::LoaderCache) => {
                let mut bytes = Vec::new();
                content.take(TEXT_LIMIT).read_to_end(&mut bytes)?;
                Ok(Some(Self::LoaderCache(LoaderCache::parse(&bytes))))
            }
            Some(Sort::Module) => {
                let mut source = Vec::new();
                content.take(SOURCE_LIMIT).read_to_end(&mut source)?;
                Ok(Some(Self::Module(ModuleSource::scan(&source).into())))
            }
            Some(Sort::Secret(secret)) => gives_away(content, secret).map(|yes| yes.then_some(Self::Secret(secret))),
        }
    }
}

/// What is long is no part of the document that a note is: whoever keeps what was read keeps it behind that, by
/// [`Evidence::apart`].
mod apart {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<T, S: Serializer>(_: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }

    pub(super) fn deserialize<'de, T: Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        <()>::deserialize(deserializer).map(|()| T::default())
    }
}

impl Evidence {
    /// What is kept apart.
    pub(super) fn apart(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(text.into()),
            Self::Module(source) => Some(source.to_json()),
            _ => None,
        }
    }

    /// The same, to be filled.
    pub(super) fn apart_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Module(source) => Some(source.json_mut()),
            _ => None,
        }
    }

    /// About how many bytes this takes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Distribution { name, version, requires, licence } => {
                let requires = requires.iter().map(|text| size_of::<String>() + text.len());
                name.len() + version.len() + requires.sum::<usize>() + licence.weight()
            }
            Self::Text(text) => text.len(),
            Self::Binary(_) => size_of::<Banners>(),
            Self::LoaderCache(cache) => cache.weight(),
            Self::Module(source) => source.weight(),
            Self::Secret(_) => 0,
        }
    }
}

fn sort(path: &str, size: u64) -> Option<Sort> {
    let mut components = path.rsplit('/');
    let name = components.next()?;
    let parent = components.next().unwrap_or_default();
    if is_distribution(name, parent) {
        Some(Sort::Distribution)
    } else if path == "etc/ld.so.cache" && size <= TEXT_LIMIT {
        Some(Sort::LoaderCache)
    } else if size <= TEXT_LIMIT && is_text(name, path) {
        Some(Sort::Text)
    } else if size <= TEXT_LIMIT && matches!(path, "etc/passwd" | "etc/group") {
        Some(Sort::Accounts)
    } else if is_binary(name, size) {
        Some(Sort::Binary)
    } else if size <= SOURCE_LIMIT && is_module(name, path) {
        Some(Sort::Module)
    } else {
        possible_secret(name, parent).map(Sort::Secret)
    }
}

/// Sources; those of tests are imported by tests only.
fn is_module(name: &str, path: &str) -> bool {
    has_ending(name, "py") && !path.contains("/tests/") && !path.contains("/test/")
}

fn possible_secret(name: &str, parent: &str) -> Option<Secret> {
    if ["pem", "key", "p8", "pk8"].iter().any(|ending| has_ending(name, ending))
        || name.starts_with("id_") && !name.contains('.')
    {
        return Some(Secret::PrivateKey);
    }
    let of_password = matches!((parent, name), (".git", "config") | (_, "pip.conf" | ".npmrc" | ".yarnrc" | "uv.toml"));
    of_password.then_some(Secret::Password)
}

/// Whether a file gives away what its name lets suspect.
fn gives_away(content: &mut dyn Read, secret: Secret) -> io::Result<bool> {
    let mut bytes = Vec::new();
    content.take(SECRET_LIMIT).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(match secret {
        Secret::PrivateKey => text.lines().any(|line| line.starts_with("-----BEGIN") && line.contains("PRIVATE KEY")),
        Secret::Password => {
            text.split("://").skip(1).any(|rest| {
                let host = rest.split(['/', '"', '\'', ' ', '\n']).next().unwrap_or_default();
                host.split_once('@').is_some_and(|(user, _)| user.contains(':') && !user.contains(['$', '{']))
            }) || text.contains("_authToken=") && !text.contains("_authToken=$")
        }
    })
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
        "pyvenv.cfg" | "patchlevel.h" => true,
        "RECORD" => path.ends_with(".dist-info/RECORD"),
        "entry_points.txt" => path.ends_with(".dist-info/entry_points.txt"),
        "ld.so.conf" => path == "etc/ld.so.conf",
        other if path.contains("etc/ld.so.conf.d/") => has_ending(other, "conf"),
        "os-release" => matches!(path, "etc/os-release" | "usr/lib/os-release"),
        other if has_ending(other, "json") => path.rsplit('/').nth(1) == Some("conda-meta"),
        other if has_ending(other, "pth") => path.contains("-packages/"),
        // Where musl looks for libraries.
        other if other.starts_with("ld-musl-") && has_ending(other, "path") => true,
        "status" => path.ends_with("var/lib/dpkg/status"),
        // Images without dpkg keep the paragraphs of its list in files of their own, and checksums beside them.
        _ if path.contains("var/lib/dpkg/status.d/") => true,
        _ if path.starts_with("var/lib/dpkg/alternatives/") => true,
        other if path.contains("var/lib/dpkg/info/") => has_ending(other, "list"),
        other => other.starts_with("_sysconfigdata_") && has_ending(other, "py"),
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
    let written = WrittenMetadata::read(&String::from_utf8_lossy(&bytes));
    let distribution = |WrittenMetadata { name, version, requires, licence }| Evidence::Distribution {
        name,
        version,
        requires,
        licence,
    };
    Ok(written.map(distribution))
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
            "etc/ld.so.conf.d/x86_64-linux-gnu.conf",
            "etc/passwd",
        ] {
            assert!(wants(path, 4096), "{path}");
        }
        for path in [
            "usr/bin/python3-config",
            "usr/share/doc/METADATA",
            "usr/lib/libcrypto.so.3",
            "usr/lib/python3.11/test/test_os.py",
            "var/lib/dpkg/status-old",
            "x/RECORD",
            "x/package.json",
            "srv/etc/passwd",
            "",
        ] {
            assert!(!wants(path, 4096), "{path}");
        }
    }

    #[test]
    fn secrets_are_seen_and_not_kept() {
        let check = |path: &str, text: &str, expect: Option<Secret>| {
            let found = Evidence::read(path, text.len() as u64, &mut text.as_bytes()).unwrap();
            assert_eq!(found, expect.map(Evidence::Secret), "{path} {text}");
        };
        check("a/b.key", "-----BEGIN RSA PRIVATE KEY-----\nx\n", Some(Secret::PrivateKey));
        check("a/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n", Some(Secret::PrivateKey));
        check("a/ca.pem", "-----BEGIN CERTIFICATE-----\nx\n", None);
        check("a/.git/config", "url = https://me:secret@h.example/x\n", Some(Secret::Password));
        check("a/.git/config", "url = https://h.example/x\nurl = ssh://git@h.example/x\n", None);
        check("etc/pip.conf", "index-url = https://${USER}:${PASSWORD}@h.example/simple\n", None);
        check("a/.npmrc", "//h.example/:_authToken=abc\n", Some(Secret::Password));
    }

    #[test]
    fn libraries_are_fetched_where_loaders_look() {
        let check = |path: &str, expect| assert_eq!(tells_of_base(path, 4096), expect, "{path}");
        check("usr/lib/x86_64-linux-gnu/libz.so.1.2.13", true);
        check("lib64/libm.so.6", true);
        check("usr/local/lib/liba.so", true);
        check("usr/lib/python3/dist-packages/x.so", false);
        check("usr/lib/x86_64-linux-gnu/perl/libz.so", false);
        check("usr/lib/liba.a", false);
        check("etc/passwd", false);
        assert!(!tells_of_base("usr/lib/libempty.so", 0));
    }

    #[test]
    fn fields_stand_before_the_description() {
        let check = |text: &str, expect: Option<[&str; 4]>| {
            let found = Evidence::read("a.dist-info/METADATA", 1, &mut text.as_bytes()).unwrap();
            let expect = expect.map(|[name, version, requires, licence]| Evidence::Distribution {
                name: name.to_owned(),
                version: version.to_owned(),
                requires: requires.split_whitespace().map(str::to_owned).collect(),
                licence: LicenceFields {
                    name: (!licence.is_empty()).then(|| licence.to_owned()),
                    ..Default::default()
                },
            });
            assert_eq!(found, expect, "{text}");
        };
        let start = "Metadata-Version: 2.1\nName: Demo.Thing\nVersion: 1.0\n";
        let described = format!("{start}Requires-Dist: a>=1\n\nVersion: 2.0\nRequires-Dist: b\n");
        check(&described, Some(["Demo.Thing", "1.0", "a>=1", ""]));
        // Writers keep an empty line of a licence's text as blanks, and go on behind it.
        let blank =
            format!("{start}License: MIT\n        \n        text\nrequires-dist: a\nRequires-Dist:\n b\n\nc: d\n");
        check(&blank, Some(["Demo.Thing", "1.0", "a b", "MIT text"]));
        check("\u{feff}Name: x\r\nVersion: 1\r\n", Some(["x", "1", "", ""]));
        check("\nName: x\nVersion: 1", None);
        check("Name: x\n", None);
    }

    #[test]
    fn short_texts_weigh_what_they_take() {
        let check = |path: &str, text: String| {
            let found = Evidence::read(path, 1, &mut text.as_bytes()).unwrap().unwrap();
            assert!(found.weight() > 1000 * size_of::<String>(), "{path}: {}", found.weight());
        };
        check("a.dist-info/METADATA", format!("Name: a\nVersion: 1\n{}", "Requires-Dist: a\n".repeat(1000)));
        check("a.dist-info/METADATA", format!("Name: a\nVersion: 1\n{}", "License-File: a\n".repeat(1000)));
        check("a/b.py", format!("from a import {}", "b, ".repeat(1000)));
    }
}
