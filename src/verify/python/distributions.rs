//! The distributions that the interpreter sees, with what their metadata says.

use std::collections::BTreeMap;

use crate::{
    base::{Evidence, Kind, Python, Tree},
    python::{EntryPoints, PackageName},
    verify::{Code, Finding, ListedFiles, Owner, Subject},
};

/// One installed distribution.
pub(super) struct Distribution<'a> {
    pub(super) name: PackageName,
    /// As its metadata spells it.
    pub(super) version: &'a str,
    /// The folder that it is installed in, without a leading slash.
    pub(super) site: String,
    /// Its metadata, file or folder, without a leading slash.
    pub(super) info: String,
    /// Its RECORD, if there is one that can be read.
    pub(super) files: Option<&'a ListedFiles>,
    pub(super) commands: EntryPoints,
    pub(super) owner: Owner,
    /// The layer that brought its metadata.
    pub(super) layer: usize,
}

impl Distribution<'_> {
    /// `numpy 1.26.4`.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// Whether the system's package manager brought it, which answers for it.
    pub(super) const fn is_of_system(&self) -> bool {
        matches!(self.owner, Owner::Package(_))
    }
}

/// The distributions in the interpreter's folders, those that are seen first before those that they
/// hide; and what is wrong with their metadata.
pub(super) fn find<'a>(subject: &'a Subject, python: &Python) -> (Vec<Distribution<'a>>, Vec<Finding>) {
    let (mut found, mut findings) = (Vec::new(), Vec::new());
    let mut sites: Vec<String> = Vec::new();
    for site in &python.sites {
        let Some(site) = subject.tree.walk_to(site) else { continue };
        if !sites.contains(&site) {
            sites.push(site);
        }
    }
    for site in sites {
        for (name, node) in subject.tree.children(&site) {
            let info = format!("{site}/{name}");
            if let Some(distribution) = read(subject, &site, info, node.kind == Kind::File, &mut findings) {
                found.push(distribution);
            }
        }
    }
    findings.extend(twice(subject, &found));
    let mut seen: Vec<PackageName> = Vec::new();
    found.retain(|distribution| {
        let new = !seen.contains(&distribution.name);
        if new {
            seen.push(distribution.name.clone());
        }
        new
    });
    (found, findings)
}

fn read<'a>(
    subject: &'a Subject,
    site: &str,
    info: String,
    is_file: bool,
    findings: &mut Vec<Finding>,
) -> Option<Distribution<'a>> {
    let tree = &subject.tree;
    let document = match info.rsplit_once('.')?.1 {
        "dist-info" => format!("{info}/METADATA"),
        "egg-info" if is_file => info.clone(),
        "egg-info" => format!("{info}/PKG-INFO"),
        _ => return None,
    };
    let (_, node) = tree.find(&document)?;
    let Some(Evidence::Distribution { name, version, .. }) = node.evidence.as_deref() else { return None };
    let name: PackageName = name.parse().ok()?;
    let owner = subject.owner(node);
    let mut malformed = |file: &str, error: &dyn std::fmt::Display| {
        let message = format!("{file} of {name} {version} is malformed: {error}");
        let finding = Finding::new(Code::METADATA_UNREADABLE, &subject.platform, message);
        findings.push(finding.at(&format!("{info}/{file}")).of(owner.clone()));
    };
    let text = |file: &str| text(tree, &format!("{info}/{file}"));
    let record = tree.find(&format!("{info}/RECORD")).and_then(|(place, _)| subject.owners.record(&place));
    let files = record.and_then(|record| record.map_err(|error| malformed("RECORD", error)).ok());
    let commands = text("entry_points.txt").and_then(|text| {
        EntryPoints::parse(text.as_bytes()).map_err(|error| malformed("entry_points.txt", &error)).ok()
    });
    let commands = commands.unwrap_or_default();
    let (site, layer) = (site.to_owned(), node.layer);
    Some(Distribution { name, version, site, info, files, commands, owner, layer })
}

pub(super) fn text<'a>(tree: &'a Tree, path: &str) -> Option<&'a str> {
    tree.find(path)?.1.evidence.as_deref()?.text()
}

/// Distributions that one folder holds in two versions.
fn twice(subject: &Subject, found: &[Distribution<'_>]) -> Vec<Finding> {
    let mut places: BTreeMap<(&str, &str), Vec<&Distribution<'_>>> = BTreeMap::new();
    for distribution in found.iter().filter(|distribution| !distribution.is_of_system()) {
        places.entry((&distribution.site, distribution.name.as_str())).or_default().push(distribution);
    }
    let doubled = places.into_values().filter(|all| all.iter().any(|one| one.version != all[0].version));
    let finding = |all: Vec<&Distribution<'_>>| {
        let versions: Vec<&str> = all.iter().map(|one| one.version).collect();
        let message = format!("{} is there in the versions {}", all[0].name, versions.join(" and "));
        let finding = Finding::new(Code::TWO_VERSIONS, &subject.platform, message).at(&all[0].info);
        finding.of(all[0].owner.clone()).hinted("remove the older one before the newer one is installed")
    };
    doubled.map(finding).collect()
}
