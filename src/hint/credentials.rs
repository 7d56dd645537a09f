//! Users and passwords in URLs, found in any text: messages repeat lines of files, and drafts take them over.

use std::ops::Range;

/// `text` with stars in place of what stands before the `@` of a URL's host. Columns stay where they are.
#[cfg(any(test, feature = "cli"))]
pub(crate) fn masked(text: &str) -> String {
    replaced(text, |secret| "*".repeat(secret.chars().count()))
}

/// `text` with URLs that name nobody.
pub(crate) fn stripped(text: &str) -> String {
    replaced(text, |_| String::new()).replace("://@", "://")
}

fn replaced(text: &str, with: impl Fn(&str) -> String) -> String {
    let (mut shown, mut done) = (String::with_capacity(text.len()), 0);
    for place in places(text) {
        shown.push_str(&text[done..place.start]);
        shown.push_str(&with(&text[place.clone()]));
        done = place.end;
    }
    shown + &text[done..]
}

/// Between `://` and the last `@` before the path.
fn places(text: &str) -> impl Iterator<Item = Range<usize>> {
    let ends = |letter: char| matches!(letter, '/' | '?' | '#' | '\\' | '"' | '\'' | '`' | '<' | '>') || letter <= ' ';
    text.match_indices("://").filter_map(move |(position, mark)| {
        let start = position + mark.len();
        let rest = &text[start..];
        let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
        authority.rfind('@').filter(|at| *at > 0).map(|at| start..start + at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for text in
            ["", "://", "https://", "http://@h", "https://h/a@b", "https://h?a@b", "python:3.11@sha256:00", "a://b c@d"]
        {
            assert_eq!(masked(text), text);
        }
    }
}
