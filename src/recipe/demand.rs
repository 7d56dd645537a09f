//! What a recipe requires of Python: requirements of PEP 508, URLs of wheels, and local wheels.

use url::Url;

use super::problem::Fault;
use crate::{
    hint::Hint,
    python::{NamePattern, Requirement, Wanted, WheelName},
};

/// One requirement of a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Name, extras, marker, and versions or URL. A URL or path that stands alone has the name
    /// with which its wheel's file name begins.
    pub requirement: Requirement,
    /// A local wheel, relative to the recipe; then `requirement` allows any version.
    pub wheel: Option<String>,
    /// As the recipe writes it.
    pub text: String,
}

/// One item of `constraints` and `overrides`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// A requirement.
    Demand(Demand),
    /// A file of requirements, relative to the recipe.
    File(String),
}

/// A requirement that says where the wheel is and not how it is called.
struct Located<'t> {
    place: &'t str,
    extras: &'t str,
    marker: &'t str,
}

pub(super) fn demand(text: &str) -> Result<Demand, Fault> {
    let text = text.trim();
    if text.starts_with('-') {
        let fault = Fault::new(format!("`{text}` is an option, not a requirement")).labelled("not a requirement");
        return Err(fault.advised("put it into a file and name the file in `files`"));
    }
    if is_file_of_requirements(text) {
        let fault = Fault::new(format!("`{text}` is a file, not a requirement")).labelled("not a requirement");
        return Err(fault.advised("name it in `files`"));
    }
    let located = split_located(text);
    if is_url(text) {
        let mut requirement = named_by_wheel(&located)?;
        let url = Url::parse(located.place).map_err(|error| not_a_url(located.place, error))?;
        requirement.wanted = Wanted::Url(url);
        return plain(requirement, text);
    }
    if is_path(&located) {
        let wheel = Some(file(located.place)?);
        return Ok(Demand { requirement: named_by_wheel(&located)?, wheel, text: text.to_owned() });
    }
    plain(requirement(text)?, text)
}

pub(super) fn listed(text: &str) -> Result<Listed, Fault> {
    if is_file_of_requirements(text) {
        return file(text).map(Listed::File);
    }
    demand(text).map(Listed::Demand)
}

/// An item of `constraints`.
pub(super) fn constraint(text: &str) -> Result<Listed, Fault> {
    let listed = listed(text)?;
    if matches!(&listed, Listed::Demand(demand) if demand.wheel.is_some()) {
        let fault = Fault::new(format!("`{text}` is a wheel, and bounds nothing")).labelled("not a limit");
        return Err(fault.advised("write its name and version, or name it in `require` or `overrides`"));
    }
    Ok(listed)
}

/// A file of the user's, relative to the recipe.
pub(super) fn file(text: &str) -> Result<String, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::new("a file name is empty")
            .labelled("empty")
            .advised("name a file, relative to the recipe"));
    }
    if text.starts_with('/') {
        let fault = Fault::new(format!("`{text}` is an absolute path")).labelled("a path of one machine");
        return Err(fault.advised("write it relative to the recipe"));
    }
    Ok(text.to_owned())
}

/// `torch`, `nvidia-*`.
pub(super) fn pattern(text: &str) -> Result<NamePattern, Fault> {
    text.parse().map_err(|_| {
        let fault = Fault::new(format!("`{text}` is not the name of a distribution")).labelled("not a name");
        fault.advised("write a name without a version; a `*` at its end stands for any letters")
    })
}

/// The fault of a URL with a password in it.
pub(super) fn credentials(subject: &str) -> Fault {
    let fault = Fault::new(format!("{subject} contains credentials")).labelled("credentials in a recipe");
    fault.hinted(Some(Hint::new("remove `user:password@` from it: a recipe is read by others")))
}

pub(super) fn not_a_url(text: &str, error: url::ParseError) -> Fault {
    let fault = Fault::new(format!("`{text}` is not a URL: {error}")).labelled("not a URL");
    fault.advised("write it whole: `https://HOST/PATH`")
}

fn requirement(text: &str) -> Result<Requirement, Fault> {
    text.parse().map_err(|error: crate::python::PythonError| {
        Fault::new(error.to_string())
            .labelled("not a requirement")
            .advised("write it as PEP 508 has it: `name[extra]>=1,<2 ; marker`")
    })
}

/// A demand that is no local wheel: if it names a URL, then one of a wheel, over HTTP, without secrets.
fn plain(requirement: Requirement, text: &str) -> Result<Demand, Fault> {
    if let Wanted::Url(url) = &requirement.wanted {
        check_url(requirement.name.as_str(), url)?;
    }
    Ok(Demand { requirement, wheel: None, text: text.to_owned() })
}

fn check_url(name: &str, url: &Url) -> Result<(), Fault> {
    if !matches!(url.scheme(), "https" | "http") {
        let fault = Fault::new(format!("`{name}` cannot be fetched from a `{}:` URL", url.scheme()));
        return Err(fault.labelled("not a URL of a wheel").advised("build a wheel of it and name that: `./NAME.whl`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(credentials(&format!("the URL of `{name}`")));
    }
    if url.path().strip_suffix(".whl").is_none() {
        let fault = Fault::new(format!("the URL of `{name}` does not end in `.whl`")).labelled("not a URL of a wheel");
        return Err(fault.advised("name a wheel: nothing is built from source"));
    }
    Ok(())
}

/// Splits `PLACE[extra] ; marker`.
fn split_located(text: &str) -> Located<'_> {
    let (head, marker) = text.split_once(" ;").unwrap_or((text, ""));
    let head = head.trim_end();
    let extras_start = head.strip_suffix(']').and_then(|head| head.rfind('[')).unwrap_or(head.len());
    Located { place: &head[..extras_start], extras: &head[extras_start..], marker: marker.trim() }
}

/// A requirement with the distribution name that the wheel's file name starts with.
fn named_by_wheel(located: &Located<'_>) -> Result<Requirement, Fault> {
    let place = located.place.split(['#', '?']).next().unwrap_or(located.place);
    let file_name = place.rsplit('/').next().unwrap_or(place).replace("%2B", "+").replace("%2b", "+");
    let wheel: WheelName = file_name.parse().map_err(|error: crate::python::PythonError| {
        let fault = Fault::new(error.to_string()).labelled("not a wheel");
        fault.advised("build a wheel of it and name that: `./demo-1.0-py3-none-any.whl`")
    })?;
    let marker = if located.marker.is_empty() { String::new() } else { format!(" ; {}", located.marker) };
    requirement(&format!("{}{}{marker}", wheel.name(), located.extras))
}

fn is_file_of_requirements(text: &str) -> bool {
    text.strip_suffix(".txt").is_some() && !text.contains(['@', ';', '=', '<', '>'])
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

fn is_path(located: &Located<'_>) -> bool {
    !located.place.contains('@')
        && (located.place.starts_with(['.', '/']) || located.place.strip_suffix(".whl").is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_read() {
        let check = |text: &str, expect: &str, wheel: Option<&str>| {
            let parsed = demand(text).unwrap();
            assert_eq!((parsed.requirement.to_string().as_str(), parsed.wheel.as_deref()), (expect, wheel), "{text}");
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
