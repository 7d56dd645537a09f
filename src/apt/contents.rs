//! Which packages bring which libraries: the `Contents` of an archive, reduced to what a loader finds.
//!
//! Repository format, "Contents Indices". A few thousand times smaller than what it is read from, and kept
//! in the store under the digest of that.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read as _},
};

use super::{AptError, Archive, Query, Standing, archive, mirrors::is_debians};
use crate::{debian::IndexFile, oci::Digest, store::Bucket};

/// Most bytes of a line; the longest known name some hundred packages.
const LINE_LIMIT: u64 = 1 << 20;
/// Most bytes that are kept of lines about libraries, and what each weighs besides its text.
const LIBRARIES_LIMIT: usize = 256 << 20;
const LIBRARY: usize = 512;
/// Raised when something else is kept of the same bytes.
const FORMAT: u32 = 1;

/// Names under which programs ask for libraries, and the packages that have them where a loader looks
/// without being told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sonames(BTreeMap<String, BTreeSet<String>>);

impl Sonames {
    /// The packages that have the library `soname`, the plainest name first: builds with special
    /// options, and those that only bring it along, have longer ones.
    #[must_use]
    pub fn packages(&self, soname: &str) -> Vec<&str> {
        let mut found: Vec<&str> = self.0.get(soname).into_iter().flatten().map(String::as_str).collect();
        found.sort_by_key(|name| (name.len(), *name));
        found
    }

    /// Every package that has a library.
    pub fn all_packages(&self) -> impl Iterator<Item = &str> {
        let distinct: BTreeSet<&str> = self.0.values().flatten().map(String::as_str).collect();
        distinct.into_iter()
    }

    /// Number of libraries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Of these lines.
    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self::read(text.as_bytes()).unwrap()
    }

    fn extend(&mut self, other: Self) {
        for (soname, packages) in other.0 {
            self.0.entry(soname).or_default().extend(packages);
        }
    }

    /// Reads decompressed `Contents`: a path and the packages that have it, on each line.
    fn read(mut text: impl BufRead) -> std::io::Result<Self> {
        let (mut found, mut line, mut kept) = (Self::default(), Vec::new(), 0);
        loop {
            line.clear();
            if text.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line)? == 0 {
                return Ok(found);
            }
            let Some((soname, packages)) = std::str::from_utf8(&line).ok().and_then(library) else { continue };
            kept += line.len() + LIBRARY;
            if kept > LIBRARIES_LIMIT {
                return Err(std::io::Error::other("there are too many libraries"));
            }
            let names = packages.split(',').filter_map(|place| place.rsplit('/').next());
            // The link without a version is for compilers.
            let real = |name: &&str| soname.contains(".so.") || !name.ends_with("-dev");
            let names: BTreeSet<String> = names.filter(real).map(str::to_owned).collect();
            if !names.is_empty() {
                found.0.entry(soname.to_owned()).or_default().extend(names);
            }
        }
    }
}

/// File name and packages of a line about a library in a folder where loaders look.
fn library(line: &str) -> Option<(&str, &str)> {
    let (path, packages) = line.trim_end().rsplit_once([' ', '\t'])?;
    let (folder, name) = path.trim_end().rsplit_once('/')?;
    let folder = folder.strip_prefix("usr/").unwrap_or(folder);
    let searched = match folder.split_once('/') {
        None => matches!(folder, "lib" | "lib64"),
        Some((first, machine)) => first == "lib" && machine.contains("-linux-") && !machine.contains('/'),
    };
    let is_library = name.contains(".so.") || name.strip_suffix(".so").is_some();
    (searched && is_library).then_some((name, packages))
}

impl Archive {
    /// Which packages of Debian's suites of `query` bring which libraries.
    ///
    /// # Errors
    /// When the suite has no `Contents` for the architecture, and when anything that was fetched is not what
    /// it should be.
    pub async fn sonames(&self, query: &Query) -> Result<Sonames, AptError> {
        let mut all = Sonames::default();
        for part in
            archive::parts(query).iter().filter(|part| part.standing == Standing::Regular && is_debians(part.archive))
        {
            let folder = format!("dists/{}", part.suite);
            let checked = match self.release(part, &folder, query).await {
                Err(error) if part.optional && archive::is_missing(&error) => continue,
                checked => checked?,
            };
            for component in &query.components {
                let name = format!("{component}/Contents-{}.gz", query.architecture);
                let Some(file) = checked.release.files.get(&name) else { continue };
                let paths = archive::places(&folder, &name, file, &checked.release);
                all.extend(self.distilled(part.archive, paths, file).await?);
            }
        }
        if all.is_empty() {
            let (suite, architecture) = (query.suite.clone(), query.architecture.clone());
            return Err(AptError::NoContents { suite, architecture });
        }
        Ok(all)
    }

    /// What is kept of one `Contents`.
    async fn distilled(&self, archive: &str, paths: Vec<String>, file: &IndexFile) -> Result<Sonames, AptError> {
        let key = key(&file.sha256);
        let known = self.store.note(Bucket::Pages, &key).and_then(|note| serde_json::from_slice(&note).ok());
        if let Some(known) = known {
            return Ok(Sonames(known));
        }
        let blob = self.checked(archive, &paths, file).await?;
        let (store, name) = (self.store.clone(), paths.last().cloned().unwrap_or_default());
        let task = tokio::task::spawn_blocking(move || {
            let unreadable = |source| AptError::Read { file: name.clone(), source };
            let plain = flate2::read::MultiGzDecoder::new(blob.open().map_err(unreadable)?);
            let sonames = Sonames::read(BufReader::with_capacity(64 << 10, plain)).map_err(unreadable)?;
            let note = serde_json::to_vec(&sonames.0).unwrap_or_default();
            let keep = |source| AptError::Keep { file: name.clone(), source };
            store.keep(Bucket::Pages, &key, &note).map_err(keep)?;
            Ok(sonames)
        });
        task.await.map_err(|_| AptError::Interrupted { file: paths.last().cloned().unwrap_or_default() })?
    }
}

fn key(digest: &Digest) -> String {
    format!("sonames-{FORMAT}-{}", digest.hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_those_that_loaders_find() {
        let text = "bin/ls utils/coreutils\n\
                    usr/lib/x86_64-linux-gnu/libGL.so.1 libs/libgl1,libs/libgl1-extra\n\
                    lib/x86_64-linux-gnu/libz.so.1\t\tlibs/zlib1g\n\
                    usr/lib/x86_64-linux-gnu/libz.so libdevel/zlib1g-dev\n\
                    usr/lib/x86_64-linux-gnu/libodd-1.2.so non-free/libs/odd\n\
                    usr/lib/x86_64-linux-gnu/dri/libx.so.1 libs/x\n\
                    usr/share/libx.so.1 libs/x\n\
                    usr/lib/a\\ b/with space.so.1 libs/x\n\
                    usr/lib/libtop.so.3 libs/b,libs/a\n\
                    \n";
        let bytes = [text.as_bytes(), b"usr/lib/libbad\xff.so.1 libs/x\n"].concat();
        let found = Sonames::read(&bytes[..]).unwrap();
        let check = |soname: &str, expect: &[&str]| assert_eq!(found.packages(soname), expect, "{soname}");
        check("libGL.so.1", &["libgl1", "libgl1-extra"]);
        check("libz.so.1", &["zlib1g"]);
        check("libz.so", &[]);
        check("libodd-1.2.so", &["odd"]);
        check("libtop.so.3", &["a", "b"]);
        assert_eq!(found.len(), 4);
    }
}
