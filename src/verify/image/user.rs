//! Whether the image has the user that it runs as.

use serde_json::Value;

use crate::verify::{Code, Finding, Subject};

/// Runtimes take a number as it is, and look for a name in the image.
///
/// [Image specification, config, `User`](https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties).
pub(super) fn check(subject: &Subject) -> Vec<Finding> {
    let account = subject.settings().get("User").and_then(Value::as_str).unwrap_or_default();
    let (user, group) = account.split_once(':').unwrap_or((account, ""));
    let sides = [(user, "etc/passwd", "user"), (group, "etc/group", "group")];
    sides.into_iter().filter_map(|(name, path, kind)| missing(subject, name, path, kind)).collect()
}

fn missing(subject: &Subject, name: &str, path: &str, kind: &str) -> Option<Finding> {
    if name.parse::<i64>().is_ok() || name.is_empty() {
        return None;
    }
    let message = match subject.tree.find(path) {
        None => format!("the image runs as the {kind} `{name}`, and has no /{path}"),
        Some((_, node)) => {
            let text = match node.evidence.as_deref() {
                Some(evidence) => evidence.text()?,
                None if node.size == 0 => "",
                None => return None,
            };
            if text.lines().any(|line| line.split(':').next() == Some(name)) {
                return None;
            }
            format!("the image runs as the {kind} `{name}`, and /{path} does not have it")
        }
    };
    let hint = format!("write its number in `[image] user`, or bring a /{path} that has it");
    Some(Finding::new(Code::NO_USER, &subject.platform, message).hinted(hint))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        base::{Entry, Kind, Tree},
        image::Bytes,
    };

    #[test]
    fn names_are_looked_for_and_numbers_taken() {
        let check = |files: &[(&str, &str)], user: &str, expect: &[&str]| {
            let mut tree = Tree::new();
            for (path, text) in files {
                let entry = Entry { kind: Kind::File, mode: 0o644, uid: 0, gid: 0, size: text.len() as u64 };
                tree.insert(path, entry, Some(&Bytes::copy_from_slice(text.as_bytes()))).unwrap();
            }
            let config = json!({ "config": { "User": user } });
            let subject = Subject::new("linux/amd64".parse().unwrap(), config, Vec::new(), tree);
            let found: Vec<String> = super::check(&subject).into_iter().map(|finding| finding.message).collect();
            assert_eq!(found, expect, "{user}");
        };
        let files = [("etc/passwd", "root:x:0:0::/:\napp:x:1:1::/:\n"), ("etc/group", "root:x:0:\nstaff:x:50:app\n")];
        for there in ["", "0", "10001:10001", "app", "app:staff", "root:0", "12:root"] {
            check(&files, there, &[]);
        }
        check(&files, "ap", &["the image runs as the user `ap`, and /etc/passwd does not have it"]);
        check(&files, "app:app", &["the image runs as the group `app`, and /etc/group does not have it"]);
        check(&[("etc/passwd", "")], "x", &["the image runs as the user `x`, and /etc/passwd does not have it"]);
        check(&[], "root", &["the image runs as the user `root`, and has no /etc/passwd"]);
        check(&[], "10001", &[]);
    }
}
