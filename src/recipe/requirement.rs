//! What a recipe requires of Python: specifiers of PEP 508, direct URLs, and local wheels.

use std::str::FromStr as _;

use pep508_rs::PackageName;
use url::Url;

use super::problem::Fault;
use crate::hint::Hint;

/// A dependency specifier of
/// [PEP 508](https://packaging.python.org/en/latest/specifications/dependency-specifiers/).
/// Its URLs are plain ones: environment variables in them are not expanded.
pub type Specifier = pep508_rs::Requirement<Url>;

/// One requirement of a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Name, extras, marker, and version or URL. A bare URL of a wheel gets the name in the wheel's file name.
    pub specifier: Specifier,
    /// A local wheel, relative to the recipe; then `specifier` has neither version nor URL.
    pub wheel: Option<String>,
    /// As the recipe writes it.
    pub text: String,
}

/// One line of `constraints` and `overrides`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// A requirement.
    Requirement(Requirement),
    /// A file of requirements, relative to the recipe.
    File(String),
}

/// The part of a requirement that is a place rather than a name, and what follows it.
struct Located<'t> {
    place: &'t str,
    extras: &'t str,
    marker: &'t str,
}

pub(super) fn requirement(text: &str) -> Result<Requirement, Fault> {
    let trimmed = text.trim();
    if trimmed.starts_with('-') {
        let fault = Fault::new(format!("`{trimmed}` is an option, not a requirement")).labelled("not a requirement");
        return Err(fault.advised("put it into a file and name the file in `files`"));
    }
    if is_file_of_requirements(trimmed) {
        let fault = Fault::new(format!("`{trimmed}` is a file, not a requirement")).labelled("not a requirement");
        return Err(fault.advised("name it in `files`"));
    }
    if is_bare_url(trimmed) {
        return from_url(trimmed);
    }
    if is_path(trimmed) {
        return from_path(trimmed);
    }
    let specifier = specifier(text)?;
    check_url(&specifier)?;
    Ok(Requirement { specifier, wheel: None, text: trimmed.to_owned() })
}

pub(super) fn listed(text: &str) -> Result<Listed, Fault> {
    if is_file_of_requirements(text) {
        return file(text).map(Listed::File);
    }
    requirement(text).map(Listed::Requirement)
}

/// A file of the user's, relative to the recipe.
pub(super) fn file(text: &str) -> Result<String, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::new("a file name is empty").advised("name a file, relative to the recipe"));
    }
    if text.starts_with('/') {
        let fault = Fault::new(format!("`{text}` is an absolute path")).labelled("a path of one machine");
        return Err(fault.advised("write it relative to the recipe"));
    }
    Ok(text.to_owned())
}

fn specifier(text: &str) -> Result<Specifier, Fault> {
    Specifier::from_str(text).map_err(|error| {
        let message = format!("`{}` is not a requirement: {}", text.trim(), one_line(&error.message.to_string()));
        let fault = Fault::new(message).labelled("not a requirement");
        let end = error.start.saturating_add(error.len.max(1)).min(text.len());
        if error.start < end { fault.at(error.start..end) } else { fault }
    })
}

fn from_path(text: &str) -> Result<Requirement, Fault> {
    let located = split_located(text);
    let path = file(located.place)?;
    let specifier = named_by_wheel(&located)?;
    Ok(Requirement { specifier, wheel: Some(path), text: text.to_owned() })
}

fn from_url(text: &str) -> Result<Requirement, Fault> {
    let located = split_located(text);
    let mut specifier = named_by_wheel(&located)?;
    let url = Url::parse(located.place)
        .map_err(|error| Fault::new(format!("`{}` is not a URL: {error}", located.place)).labelled("not a URL"))?;
    specifier.version_or_url = Some(pep508_rs::VersionOrUrl::Url(url));
    check_url(&specifier)?;
    Ok(Requirement { specifier, wheel: None, text: text.to_owned() })
}

/// Splits `PLACE[extra] ; marker`.
fn split_located(text: &str) -> Located<'_> {
    let (head, marker) = text.split_once(" ;").unwrap_or((text, ""));
    let head = head.trim_end();
    let extras_start = head.strip_suffix(']').and_then(|head| head.rfind('[')).unwrap_or(head.len());
    Located { place: &head[..extras_start], extras: &head[extras_start..], marker: marker.trim() }
}

/// A specifier with the distribution name that the wheel's file name starts with.
fn named_by_wheel(located: &Located<'_>) -> Result<Specifier, Fault> {
    let place = located.place.split(['#', '?']).next().unwrap_or(located.place);
    let file_name = place.rsplit('/').next().unwrap_or(place);
    let stem = file_name.strip_suffix(".whl").filter(|stem| matches!(stem.split('-').count(), 5 | 6));
    let name = stem.and_then(|stem| stem.split('-').next()).and_then(|name| PackageName::from_str(name).ok());
    let name = name.ok_or_else(|| {
        let fault = Fault::new(format!("`{}` is not the name of a wheel", located.place)).labelled("not a wheel");
        fault.advised("build a wheel of it and name that: `./demo-1.0-py3-none-any.whl`")
    })?;
    let marker = if located.marker.is_empty() { String::new() } else { format!(" ; {}", located.marker) };
    let composed = format!("{name}{}{marker}", located.extras);
    Specifier::from_str(&composed).map_err(|error| {
        let reason = one_line(&error.message.to_string());
        Fault::new(format!("`{}` is not a requirement: {reason}", located.place)).labelled("not a requirement")
    })
}

/// Only wheels, only over HTTP, and nothing secret.
fn check_url(specifier: &Specifier) -> Result<(), Fault> {
    let Some(pep508_rs::VersionOrUrl::Url(url)) = &specifier.version_or_url else { return Ok(()) };
    let name = &specifier.name;
    if !matches!(url.scheme(), "https" | "http") {
        let fault = Fault::new(format!("`{name}` cannot be fetched from a `{}:` URL", url.scheme()));
        return Err(fault.labelled("not a URL of a wheel").advised("build a wheel of it and name that: `./NAME.whl`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(credentials(&format!("the URL of `{name}`")));
    }
    if !url.path().ends_with(".whl") {
        let fault = Fault::new(format!("the URL of `{name}` does not end in `.whl`")).labelled("not a URL of a wheel");
        return Err(fault.advised("name a wheel: nothing is built from source"));
    }
    Ok(())
}

/// The fault of a URL with a password in it.
pub(super) fn credentials(subject: &str) -> Fault {
    let fault = Fault::new(format!("{subject} contains credentials")).labelled("credentials in a recipe");
    fault.hinted(Some(Hint::new("remove `user:password@` from it: a recipe is read by others")))
}

fn is_file_of_requirements(text: &str) -> bool {
    text.ends_with(".txt") && !text.contains(['@', ';', '=', '<', '>'])
}

fn is_bare_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

fn is_path(text: &str) -> bool {
    let place = split_located(text).place;
    !text.contains('@') && (text.starts_with(['.', '/']) || place.ends_with(".whl"))
}

fn one_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default().trim_end_matches('.');
    let mut letters = line.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_read() {
        let check = |text: &str, expect: &str, wheel: Option<&str>| {
            let parsed = requirement(text).unwrap();
            assert_eq!((parsed.specifier.to_string().as_str(), parsed.wheel.as_deref()), (expect, wheel), "{text}");
        };
        check("numpy<2", "numpy<2", None);
        check(" Flask[async] >= 2, < 4 ", "flask[async]>=2,<4", None);
        check("a ; python_version < '3.9'", "a ; python_full_version < '3.9'", None);
        check("./dist/My_Demo-1.0-py3-none-any.whl", "my-demo", Some("./dist/My_Demo-1.0-py3-none-any.whl"));
        check("dist/demo-1.0-py3-none-any.whl", "demo", Some("dist/demo-1.0-py3-none-any.whl"));
        check(
            "../demo-1.0-1-py3-none-any.whl[fast] ; platform_machine == 'aarch64'",
            "demo[fast] ; platform_machine == 'aarch64'",
            Some("../demo-1.0-1-py3-none-any.whl"),
        );
        let url = "https://example.org/demo-1.0-py3-none-any.whl";
        check(&format!("demo @ {url}"), &format!("demo @ {url}"), None);
        check(&format!("{url}#sha256=00"), &format!("demo @ {url}#sha256=00"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~é]{0,40}") {
            let _ = listed(&text);
        }

        #[test]
        fn near_misses_do_not_panic(text in "(a|é|\\.|/|@|;|\\[|\\]|=|<|,|'| |https://|\\.whl|-|python_version){0,12}") {
            let _ = listed(&text);
        }
    }
}
