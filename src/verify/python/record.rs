//! RECORD of each distribution against the files: those that are missing, and those that changed.
//!
//! By size only. A SHA-256 of each file would cost a quarter of what laying a layer does (benches/README.md,
//! `RECORD`), and where a layer is made the wheel's own digest has been checked: there RECORD can only differ
//! from what the wheel itself holds, which `build --verify-record` tells.

use super::{View, clobbered::is_namespace, distributions::Distribution};
use crate::{
    base::Kind,
    verify::{Code, Finding},
};

/// Files named in one finding.
const NAMED: usize = 3;

pub(super) fn check(view: &View<'_>) -> Vec<Finding> {
    let judged = view.distributions.iter().filter(|distribution| !distribution.is_of_system());
    judged.flat_map(|distribution| compare(view, distribution)).collect()
}

fn compare(view: &View<'_>, distribution: &Distribution<'_>) -> Vec<Finding> {
    let (mut missing, mut different) = (Vec::new(), Vec::new());
    for (entry, node) in distribution.files.iter().flat_map(|files| files.entries(&view.subject.tree)) {
        // Bytecode comes and goes; scripts are rewritten for their interpreter.
        if has_ending(&entry.path, ".pyc") || entry.path.starts_with("..") {
            continue;
        }
        let list = match node {
            None => &mut missing,
            Some(node) if node.kind == Kind::File && entry.size.is_some_and(|size| size != node.size) => {
                if is_namespace(entry, node) {
                    continue;
                }
                &mut different
            }
            Some(_) => continue,
        };
        list.extend(place(&distribution.site, &entry.path));
    }
    let finding = |code, paths: Vec<String>, what: &str| {
        let first = paths.first()?.clone();
        let noun = if paths.len() == 1 { "file" } else { "files" };
        let named: Vec<&str> =
            paths.iter().take(NAMED).map(|path| path.trim_start_matches(&distribution.site)).collect();
        let more = if paths.len() > NAMED { ", …" } else { "" };
        let named: Vec<&str> = named.into_iter().map(|path| path.trim_start_matches('/')).collect();
        let message = format!("{} {noun} of {} {what}: {}{more}", paths.len(), distribution.title(), named.join(", "));
        let path = if paths.len() == 1 { &first } else { &distribution.info };
        let finding = view.finding(code, message).at(path).of(distribution.owner.clone());
        Some(finding.hinted("install the distribution anew"))
    };
    let is_are = |paths: &[String]| if paths.len() == 1 { "is not there" } else { "are not there" };
    let gone = is_are(&missing);
    let missing = finding(Code::RECORDED_MISSING, missing, gone);
    let changed =
        if different.len() == 1 { "has another size than RECORD says" } else { "have other sizes than RECORD says" };
    missing.into_iter().chain(finding(Code::RECORDED_DIFFERENT, different, changed)).collect()
}

fn has_ending(path: &str, ending: &str) -> bool {
    path.ends_with(ending)
}

/// Where an entry of RECORD stands, without a leading slash; nothing if it leads out of the image.
pub(super) fn place(site: &str, entry: &str) -> Option<String> {
    let joined = if entry.starts_with('/') { entry.to_owned() } else { format!("{site}/{entry}") };
    if !joined.starts_with('/') && !joined.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Some(joined);
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_lead_to_files() {
        let check = |entry: &str, expect: Option<&str>| {
            assert_eq!(place("usr/lib/site", entry).as_deref(), expect, "{entry}");
        };
        check("a/b.py", Some("usr/lib/site/a/b.py"));
        check("../../bin/x", Some("usr/bin/x"));
        check("/etc/x", Some("etc/x"));
        check("../../../../x", None);
    }
}
