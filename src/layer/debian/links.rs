//! Paths through symbolic links, as the kernel follows them, without a file system.

/// As many links as the kernel follows.
const HOPS: usize = 40;

/// Where `path` leads when every link that `target` knows of is followed, the last component's included.
/// `..` does not leave the root. None where the links go round in a circle.
pub(super) fn resolve<'a>(path: &str, target: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let mut pending: Vec<String> = path.rsplit('/').map(str::to_owned).collect();
    let mut done = String::new();
    let mut hops = 0;
    while let Some(component) = pending.pop() {
        match component.as_str() {
            "" | "." => {}
            ".." => done.truncate(done.rfind('/').unwrap_or(0)),
            name => {
                let before = done.len();
                if !done.is_empty() {
                    done.push('/');
                }
                done.push_str(name);
                if let Some(text) = target(&done) {
                    hops += 1;
                    if hops > HOPS {
                        return None;
                    }
                    done.truncate(if text.starts_with('/') { 0 } else { before });
                    pending.extend(text.rsplit('/').map(str::to_owned));
                }
            }
        }
    }
    Some(done)
}

/// Where `path` stands when the links in its parent are followed, but not its last component.
pub(super) fn through<'a>(path: &str, target: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    match path.rsplit_once('/') {
        Some((parent, name)) => {
            let parent = resolve(parent, target)?;
            Some(if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") })
        }
        None => Some(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_as_the_kernel_does() {
        let links = [("lib", "usr/lib"), ("a/b", "../c"), ("abs", "/lib/x"), ("loop", "loop"), ("up", "../../..")];
        let target = |path: &str| links.iter().find(|(from, _)| *from == path).map(|(_, to)| *to);
        let check = |path: &str, whole: Option<&str>, parent: Option<&str>| {
            assert_eq!(resolve(path, target).as_deref(), whole, "{path}");
            assert_eq!(through(path, target).as_deref(), parent, "{path}");
        };
        check("lib/x", Some("usr/lib/x"), Some("usr/lib/x"));
        check("lib", Some("usr/lib"), Some("lib"));
        check("a/b/d", Some("c/d"), Some("c/d"));
        check("abs/y", Some("usr/lib/x/y"), Some("usr/lib/x/y"));
        check("loop/y", None, None);
        check("up/y", Some("y"), Some("y"));
        check("plain", Some("plain"), Some("plain"));
    }
}
