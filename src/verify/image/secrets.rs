//! Files that should not be in an image that others can pull, by their names.

use crate::{
    base::{Evidence, Kind, Node, Secret},
    verify::{Code, Finding, Owner, Subject},
};

/// Names that are those of secrets wherever they stand.
const NAMES: [(&str, &str); 15] = [
    (".env", "settings with passwords"),
    (".netrc", "passwords of servers"),
    (".pypirc", "passwords of package indexes"),
    (".git-credentials", "passwords of Git servers"),
    (".pgpass", "passwords of databases"),
    (".my.cnf", "passwords of databases"),
    (".dockercfg", "passwords of registries"),
    (".htpasswd", "passwords"),
    (".vault-token", "a token of Vault"),
    (".s3cfg", "keys of a cloud"),
    (".boto", "keys of a cloud"),
    ("id_rsa", "a private key"),
    ("id_dsa", "a private key"),
    ("id_ecdsa", "a private key"),
    ("id_ed25519", "a private key"),
];

/// Ends of paths that are those of secrets.
const PATHS: [(&str, &str); 6] = [
    (".docker/config.json", "passwords of registries"),
    (".aws/credentials", "keys of a cloud"),
    (".kube/config", "keys of a cluster"),
    (".config/gcloud/application_default_credentials.json", "keys of a cloud"),
    (".config/gh/hosts.yml", "a token of GitHub"),
    (".azure/accessTokens.json", "keys of a cloud"),
];

/// `.env.example` and the like are written to be read.
const EXAMPLES: [&str; 7] = ["example", "sample", "template", "dist", "defaults", "test", "schema"];

pub(super) fn check(subject: &Subject) -> Vec<Finding> {
    let files = subject.tree.iter().filter(|(_, node)| node.kind == Kind::File && node.size > 0);
    files.filter_map(|(path, node)| finding(subject, path, node)).collect()
}

fn finding(subject: &Subject, path: &str, node: &Node) -> Option<Finding> {
    let message = told(path, node)?;
    // What distributions and packages bring is public anyhow: test keys, examples.
    let owner = subject.owner(node);
    let Owner::Layer(layer) = &owner else { return None };
    let hint = format!("leave it out of layer {layer}, and give it to the container when it starts");
    Some(Finding::new(Code::SECRET, &subject.platform, message).at(path).of(owner).hinted(hint))
}

/// What a file gives away: by its contents where those were looked at, else by its name.
fn told(path: &str, node: &Node) -> Option<String> {
    match node.evidence.as_deref() {
        Some(Evidence::Secret(Secret::PrivateKey)) => Some("it is a private key".to_owned()),
        Some(Evidence::Secret(Secret::Password)) => Some("it holds a password or a token".to_owned()),
        _ => by_name(path).map(|what| format!("a file of this name usually holds {what}")),
    }
}

fn by_name(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next()?;
    let of = |entries: &[(&'static str, &'static str)], fits: &dyn Fn(&str) -> bool| {
        entries.iter().find(|(entry, _)| fits(entry)).map(|(_, what)| *what)
    };
    let is_below = |folder: &str| folder.is_empty() || folder.ends_with('/');
    let suffixed = name.strip_prefix(".env.").filter(|rest| !EXAMPLES.iter().any(|example| rest.contains(example)));
    of(&NAMES, &|entry| name == entry)
        .or_else(|| suffixed.map(|_| NAMES[0].1))
        .or_else(|| of(&PATHS, &|entry| path.strip_suffix(entry).is_some_and(is_below)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_secrets_from_examples() {
        for path in
            ["app/.env", "app/.env.production", "root/.netrc", "home/me/.ssh/id_rsa", "root/.docker/config.json"]
        {
            assert!(by_name(path).is_some(), "{path}");
        }
        for path in ["app/.env.example", "app/env", "app/id_rsa.pub", "docker/config.json", "app/config.json", "x.env"]
        {
            assert!(by_name(path).is_none(), "{path}");
        }
    }
}
