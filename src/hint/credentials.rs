//! Users and passwords in URLs, found in any text: messages repeat lines of files, and drafts take them over.

use std::ops::Range;

/// `text` with stars in place of what stands before the `@` of a host. Columns stay where they are.
#[cfg(any(test, feature = "cli"))]
pub(crate) fn masked(text: &str) -> String {
    replaced(text, |secret| "*".repeat(secret.chars().count()) + "@")
}

/// `text` with hosts that name nobody.
pub(crate) fn stripped(text: &str) -> String {
    replaced(text, |_| String::new())
}

/// Whether a URL in `text` says with which password, or token, to ask. Who logs in over SSH has neither there.
pub(crate) fn has_login(text: &str) -> bool {
    places(text).any(|place| {
        let scheme = text[..place.start].strip_suffix("://");
        scheme.is_some_and(|scheme| text[place].contains(':') || !scheme.ends_with("ssh"))
    })
}

/// Puts what `with` makes of who is named in place of that and the `@`.
fn replaced(text: &str, with: impl Fn(&str) -> String) -> String {
    let (mut shown, mut done) = (String::with_capacity(text.len()), 0);
    for place in places(text) {
        shown.push_str(&text[done..place.start]);
        shown.push_str(&with(&text[place.clone()]));
        done = place.end + 1;
    }
    shown + &text[done..]
}

/// What stands before the last `@` of a host: behind `://`, or in a word like `USER:PASSWORD@HOST`, which no digest
/// follows as it does in `NAME:TAG@sha256:…`.
fn places(text: &str) -> impl Iterator<Item = Range<usize>> {
    let ends = |letter: char| matches!(letter, '/' | '?' | '#' | '\\' | '"' | '\'' | '`' | '<' | '>') || letter <= ' ';
    let mut next = 0;
    text.split(ends).filter_map(move |word| {
        let start = next;
        // Whatever ends a word is one byte long.
        next += word.len() + 1;
        let at = word.rfind('@').filter(|at| *at > 0)?;
        let (before, behind) = (&word[..at], &word[at + 1..]);
        let is_pinned = ["sha256:", "sha512:"].iter().any(|kind| behind.starts_with(kind));
        let names_somebody = text[..start].ends_with("://") || (before.contains(':') && !is_pinned);
        names_somebody.then_some(start..start + at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_with_logins_are_told_from_other_words() {
        for text in ["\"own @ https://me:a@h/x\"", "git+https://token@h/x", "ssh://me:a@h/x", "x ftp://me@h"] {
            assert!(has_login(text), "{text}");
        }
        for text in ["git+ssh://git@h/x", "mailto:me@h", "git@h:x", "https://h/a@b", "{email = \"me@h\"}"] {
            assert!(!has_login(text), "{text}");
        }
    }

    #[test]
    fn passwords_go_and_all_else_stays() {
        let check = |text: &str, mask: &str, strip: &str| {
            assert_eq!((masked(text).as_str(), stripped(text).as_str()), (mask, strip), "{text}");
        };
        check("url = \"https://me:a@b@h/x@1\"", "url = \"https://******@h/x@1\"", "url = \"https://h/x@1\"");
        check(
            "`git+ssh://git@h/x` and http://t\u{f6}k@h",
            "`git+ssh://***@h/x` and http://***@h",
            "`git+ssh://h/x` and http://h",
        );
        check("`me:a@b@h:5000/x`", "`******@h:5000/x`", "`h:5000/x`");
        for text in [
            "",
            "me@h",
            "git@h:x",
            "://",
            "https://",
            "http://@h",
            "https://h/a@b",
            "https://h?a@b",
            "python:3.11@sha256:00",
            "a://b c@d",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
