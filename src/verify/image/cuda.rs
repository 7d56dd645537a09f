//! Libraries of CUDA that the base has, and wheels bring again.

use std::collections::BTreeMap;

use crate::{
    base::Kind,
    quantity::bytes,
    verify::{Code, Finding, Subject},
};

/// How the names of CUDA's libraries begin.
const NAMES: [&str; 16] = [
    "libcudart.so",
    "libcublas.so",
    "libcublasLt.so",
    "libcudnn",
    "libcufft.so",
    "libcurand.so",
    "libcusolver.so",
    "libcusolverMg.so",
    "libcusparse.so",
    "libcusparseLt.so",
    "libnccl.so",
    "libnvrtc.so",
    "libnvJitLink.so",
    "libcupti.so",
    "libnpp",
    "libnvToolsExt.so",
];

/// Folders of the interpreter in which wheels keep them.
const SITES: [&str; 2] = ["/site-packages/", "/dist-packages/"];

/// One library in one folder.
struct Copy<'a> {
    path: &'a str,
    size: u64,
}

pub(super) fn check(subject: &Subject) -> Option<Finding> {
    let (mut in_wheels, mut elsewhere) = (BTreeMap::new(), BTreeMap::new());
    for (path, node) in subject.tree.iter().filter(|(_, node)| node.kind == Kind::File) {
        let Some(name) = library(path) else { continue };
        let of_wheel = SITES.iter().any(|site| path.contains(site));
        let copies = if of_wheel { &mut in_wheels } else { &mut elsewhere };
        copies.entry(name).or_insert(Copy { path, size: node.size });
    }
    let twice: Vec<(&String, &Copy<'_>)> = elsewhere.iter().filter(|(name, _)| in_wheels.contains_key(*name)).collect();
    let (_, first) = twice.iter().max_by_key(|(_, copy)| copy.size)?;
    let size: u64 = twice.iter().map(|(_, copy)| copy.size).sum();
    let names: Vec<String> = twice.iter().map(|(name, _)| (*name).clone()).collect();
    let message = format!(
        "{} of CUDA are in the wheels and outside of them, with {} more than needed: {}",
        if twice.len() == 1 { "a library".to_owned() } else { format!("{} libraries", twice.len()) },
        bytes(size),
        super::some(&names)
    );
    let node = subject.tree.node(first.path)?;
    let finding = Finding::new(Code::CUDA_TWICE, &subject.platform, message).at(first.path);
    let finding = finding.of(subject.owner(node));
    Some(finding.hinted("choose a `base` without CUDA, or wheels built without it; drivers come from the machine"))
}

/// `libcudnn.so.8` of `…/libcudnn.so.8.9.2`: what two copies have in common.
fn library(path: &str) -> Option<String> {
    // Nearly no file ends in a version.
    if !path.ends_with(|last: char| last.is_ascii_digit()) {
        return None;
    }
    let name = path.rsplit('/').next()?;
    if !name.starts_with("lib") || !NAMES.iter().any(|start| name.starts_with(start)) || path.contains("/stubs/") {
        return None;
    }
    let (stem, version) = name.split_once(".so.")?;
    let major = version.split('.').next()?;
    Some(format!("{stem}.so.{major}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_cuda_are_known_by_their_names() {
        let check = |path: &str, expect: Option<&str>| assert_eq!(library(path).as_deref(), expect, "{path}");
        check("usr/local/cuda/lib64/libcudnn_ops_infer.so.8.9.2", Some("libcudnn_ops_infer.so.8"));
        check("a/site-packages/nvidia/cublas/lib/libcublas.so.12", Some("libcublas.so.12"));
        check("usr/lib/libcublas.so", None);
        check("usr/local/cuda/lib64/stubs/libcublas.so.12", None);
        check("usr/lib/libcrypto.so.3", None);
    }
}
