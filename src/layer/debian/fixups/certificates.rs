//! The bundle of certificate authorities, made by `update-ca-certificates` on a real system: all of the
//! certificates that `ca-certificates` brings, one after the other, and a link to each.

use super::{Tree, UnpackError};

const SOURCE: &str = "usr/share/ca-certificates";
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

pub(super) fn apply(tree: &mut Tree) -> Result<(), UnpackError> {
    let certificates: Vec<_> = tree
        .below(SOURCE)
        .map(|(path, _)| path)
        .filter(|path| std::path::Path::new(path).extension().is_some_and(|end| end == "crt"))
        .map(str::to_owned)
        .collect();
    let mut bundle = Vec::new();
    for path in &certificates {
        let Some(bytes) = tree.read(path)? else { continue };
        bundle.extend_from_slice(&bytes);
        if bytes.last() != Some(&b'\n') {
            bundle.push(b'\n');
        }
        tree.add_symlink(&format!("etc/ssl/certs/{}", link_name(path)), &format!("/{path}"));
    }
    if !bundle.is_empty() {
        tree.add_file(BUNDLE, bundle);
    }
    Ok(())
}

/// The name that `update-ca-certificates` gives the link: `.pem`, and no letter that a shell would mind.
fn link_name(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.strip_suffix(".crt").unwrap_or(name);
    let safe = |letter| match letter {
        ' ' | ',' => '_',
        '(' | ')' => '=',
        other => other,
    };
    format!("{}.pem", stem.chars().map(safe).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_is_in_the_order_of_names() {
        let mut tree = Tree::new();
        tree.add_file("usr/share/ca-certificates/mozilla/B.crt", "b\n");
        tree.add_file("usr/share/ca-certificates/mozilla/A (x).crt", "a");
        tree.add_file("usr/share/ca-certificates/mozilla/README", "no");
        apply(&mut tree).unwrap();
        assert_eq!(tree.read(BUNDLE).unwrap().unwrap(), b"a\nb\n");
        assert_eq!(tree.resolve("etc/ssl/certs/A_=x=.pem").unwrap(), "usr/share/ca-certificates/mozilla/A (x).crt");
    }
}
