//! Names of distributions with `*` in them.

use super::problem::Fault;

/// A name, or several by `*`: `nvidia-*`. Normalised as distribution names are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

impl Pattern {
    /// Whether the normalised distribution name `name` is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == name };
        let Some(mut left) = name.strip_prefix(first) else { return false };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*').filter(|part| !part.is_empty()) {
            let Some(position) = left.find(part) else { return false };
            left = &left[position + part.len()..];
        }
        left.ends_with(last)
    }

    /// The normalised text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub(super) fn pattern(text: &str) -> Result<Pattern, Fault> {
    let plausible = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte));
    if text.is_empty() || !plausible {
        let fault = Fault::new(format!("`{text}` is not the name of a distribution")).labelled("not a name");
        return Err(fault.advised("write a name without a version; `*` stands for any letters"));
    }
    Ok(Pattern(normalised(text)))
}

/// Lower case, with each run of `-`, `_` and `.` as one `-`.
fn normalised(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        let separator = matches!(letter, '-' | '_' | '.');
        if !(separator && out.ends_with('-')) {
            out.push(if separator { '-' } else { letter.to_ascii_lowercase() });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_letters() {
        let check = |text: &str, name: &str, expect: bool| {
            assert_eq!(pattern(text).unwrap().matches(name), expect, "{text} {name}");
        };
        check("torch", "torch", true);
        check("torch", "torchvision", false);
        check("Nvidia_*", "nvidia-cublas-cu12", true);
        check("nvidia-*", "nvidia", false);
        check("*", "x", true);
        check("*-cu12", "nvidia-cublas-cu12", true);
        check("nvidia-*-cu12", "nvidia-cu12", false);
        check("nvidia*cublas*cu12", "nvidia-cublas-cu12", true);
        check("a*b*a", "aba", true);
        check("a*b*a", "ab", false);
    }
}
