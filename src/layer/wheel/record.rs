//! RECORD as it is after installation: the wheel's own hashes, new paths, and what was generated.

use std::collections::{BTreeMap, BTreeSet};

use super::{Installation, LARGEST_RECORD, LARGEST_SCRIPTS, Placed, malformed};
use crate::{
    layer::{Body, LayerError},
    oci::Digest,
    python::{Record, RecordEntry},
    zip::{Entry, Refusal},
};

/// What the wheel's own RECORD says of each of its files.
pub(super) type Known = BTreeMap<String, RecordEntry>;

/// Reads the wheel's own RECORD.
pub(super) fn read(installation: &Installation<'_>) -> Result<Known, LayerError> {
    let original = installation.metadata("RECORD", LARGEST_RECORD)?;
    let original = Record::parse(&original)
        .map_err(|error| malformed(installation.wheel, &format!("{}/RECORD", installation.info), &error))?;
    Ok(original.entries.into_iter().map(|entry| (entry.path.clone(), entry)).collect())
}

/// The files that RECORD lists and the wheel lacks. Its signatures may have been left out, and folders
/// are no files.
pub(super) fn missing(installation: &Installation<'_>, known: &Known) -> Vec<String> {
    let there: BTreeSet<&str> = installation.entries.iter().map(|entry| entry.name.as_str()).collect();
    let may_lack = |path: &str| path.ends_with('/') || path.ends_with("/RECORD.jws") || path.ends_with("/RECORD.p7s");
    known.keys().filter(|path| !there.contains(path.as_str()) && !may_lack(path)).cloned().collect()
}

/// Holds `file`, which comes from `entry`, against RECORD: its SHA-256 now where it is in memory, else
/// when it is laid down.
pub(super) fn verify(
    installation: &Installation<'_>,
    entry: &Entry,
    file: &mut Placed,
    known: &Known,
) -> Result<(), LayerError> {
    let refuse = |reason: &str| Err(malformed(installation.wheel, &entry.name, &reason));
    let Some(listed) = known.get(&entry.name) else { return refuse("RECORD does not list it") };
    let Some(sha256) = listed.sha256 else { return refuse("RECORD has no SHA-256 of it") };
    if listed.size.is_some_and(|size| size != entry.size) {
        return refuse("RECORD gives another size");
    }
    match &mut file.body {
        Body::Span(span) => span.sha256 = Some(sha256),
        Body::Literal(_) if Digest::of(&installation.read(entry, LARGEST_SCRIPTS)?) == sha256 => {}
        Body::Literal(_) => return Err(installation.refused(Refusal::Record.of(&entry.name, entry.data_offset))),
    }
    Ok(())
}

/// The text of the RECORD that lists `placed` and itself.
pub(super) fn rewritten(installation: &Installation<'_>, placed: &[Placed], known: &Known) -> String {
    let name = format!("{}/RECORD", installation.info);
    let mut entries: Vec<RecordEntry> = placed.iter().map(|file| entry(installation, file, known)).collect();
    entries.push(RecordEntry { path: name, sha256: None, size: None });
    entries.sort();
    Record { entries }.to_text()
}

fn entry(installation: &Installation<'_>, file: &Placed, known: &Known) -> RecordEntry {
    let path = relative(&file.path, installation.root);
    let (sha256, size) = match &file.body {
        Body::Literal(bytes) => (Some(Digest::of(bytes)), bytes.len() as u64),
        Body::Span(span) => {
            let original = file.entry.as_deref().and_then(|name| known.get(name));
            (original.and_then(|entry| entry.sha256), span.size)
        }
    };
    RecordEntry { path, sha256, size: Some(size) }
}

/// `path` as seen from the folder `root`, both absolute.
fn relative(path: &str, root: &str) -> String {
    let (mut path, mut root) = (path.split('/').peekable(), root.split('/').peekable());
    while path.peek().is_some() && path.peek() == root.peek() {
        path.next();
        root.next();
    }
    root.map(|_| "..").chain(path).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_site_packages() {
        let check = |path: &str, expect: &str| assert_eq!(relative(path, "/usr/lib/python3/site"), expect);
        check("/usr/lib/python3/site/a/b.py", "a/b.py");
        check("/usr/bin/tool", "../../../bin/tool");
        check("/opt/x", "../../../../opt/x");
    }
}
