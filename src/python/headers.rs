//! The header lines that METADATA and WHEEL are made of.

/// Keys, in lower case, and their values, in order.
pub(super) type Headers = [(String, String)];

/// The `Key: value` lines before the first empty line; continuation lines are joined with a space.
/// As with Python's own reader, a line of white space continues the value above, and a line that is
/// neither key nor continuation ends the headers.
pub(super) fn headers(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            let more = line.trim();
            if let Some((_, value)) = found.last_mut().filter(|_| !more.is_empty()) {
                if !value.is_empty() {
                    value.push(' ');
                }
                value.push_str(more);
            }
        } else if let Some((key, value)) = line.split_once(':').filter(|(key, _)| !key.contains(' ')) {
            found.push((key.to_ascii_lowercase(), value.trim().to_owned()));
        } else {
            break;
        }
    }
    found
}

/// The first value under `key`, which is lower-case.
pub(super) fn first<'a>(headers: &'a Headers, key: &str) -> Option<&'a str> {
    headers.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

/// Every value under `key`, which is lower-case.
pub(super) fn all<'a>(headers: &'a Headers, key: &'a str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
}
