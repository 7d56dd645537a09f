//! RECORD as it is after installation: the wheel's own hashes, new paths, and what was generated.

use std::collections::BTreeMap;

use super::{Installation, Placed, malformed};
use crate::{
    layer::{Body, LayerError},
    oci::Digest,
    python::{Record, RecordEntry},
};

/// The text of the RECORD that lists `placed` and itself.
pub(super) fn rewritten(installation: &Installation<'_>, placed: &[Placed]) -> Result<String, LayerError> {
    let name = format!("{}/RECORD", installation.info);
    let original = installation.metadata("RECORD")?;
    let original = Record::parse(&original).map_err(|error| malformed(installation.wheel, &name, &error))?;
    let known: BTreeMap<&str, &RecordEntry> =
        original.entries.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let mut entries: Vec<RecordEntry> = placed.iter().map(|file| entry(installation, file, &known)).collect();
    entries.push(RecordEntry { path: name, sha256: None, size: None });
    entries.sort();
    Ok(Record { entries }.to_text())
}

fn entry(installation: &Installation<'_>, file: &Placed, known: &BTreeMap<&str, &RecordEntry>) -> RecordEntry {
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
