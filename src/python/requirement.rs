//! Requirements as PEP 508 has them, bounded against hostile metadata.

use std::{fmt, str::FromStr};

use pep508_rs::VersionOrUrl;
use url::Url;

use super::{ExtraName, MarkerEnvironment, MarkerTree, PackageName, PythonError, VersionSpecifiers, lenient};

/// The longest requirement that is read, in bytes: the marker parser recurses and multiplies out.
const LONGEST: usize = 8 << 10;
/// The deepest nesting of parentheses that is read.
const DEEPEST: usize = 24;

/// A distribution that someone wants.
///
/// [Dependency specifiers](https://packaging.python.org/en/latest/specifications/dependency-specifiers/).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Of what.
    pub name: PackageName,
    /// With which optional parts, as written.
    pub extras: Vec<ExtraName>,
    /// Which versions, or where it lies.
    pub wanted: Wanted,
    /// When it applies.
    pub marker: MarkerTree,
}

/// The part of a requirement behind the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Versions that satisfy all of these; every version when there are none.
    Versions(VersionSpecifiers),
    /// The file at this URL (`name @ https://…`).
    Url(Url),
}

impl Requirement {
    /// Reads a requirement from someone else's metadata, mending the known ways in which old
    /// packages get version specifiers wrong (`>=1.9.*`, `!=3.0*`, `>=7.2.0<8.0.0`).
    ///
    /// # Errors
    /// When it is not understood even so.
    pub fn lenient(text: &str) -> Result<Self, PythonError> {
        text.parse::<Self>().or_else(|error| lenient::requirement(text).parse().map_err(|_| error))
    }

    /// Whether it applies in `environment`, when no extra is asked for or when one of `extras` is.
    #[must_use]
    pub fn applies(&self, environment: &MarkerEnvironment, extras: &[ExtraName]) -> bool {
        self.marker.evaluate(environment, extras)
    }

    /// The version specifiers; none for a URL.
    #[must_use]
    pub const fn versions(&self) -> Option<&VersionSpecifiers> {
        match &self.wanted {
            Wanted::Versions(versions) => Some(versions),
            Wanted::Url(_) => None,
        }
    }
}

impl FromStr for Requirement {
    type Err = PythonError;

    fn from_str(text: &str) -> Result<Self, PythonError> {
        let text = text.trim();
        let fail = |reason: String| PythonError::Requirement { text: shown(text), reason };
        bounded(text).map_err(|reason| fail(reason.to_owned()))?;
        if !extras_are_names(text) {
            return Err(fail("an extra ends with `.`, `-` or `_`".to_owned()));
        }
        let parsed: pep508_rs::Requirement<Url> =
            text.parse().map_err(|error: pep508_rs::Pep508Error<Url>| fail(one_line(&error.message.to_string())))?;
        let wanted = match parsed.version_or_url {
            Some(VersionOrUrl::Url(url)) => Wanted::Url(url),
            Some(VersionOrUrl::VersionSpecifier(versions)) => {
                countable(&versions).map_err(|reason| fail(reason.to_owned()))?;
                Wanted::Versions(versions)
            }
            None => Wanted::Versions(VersionSpecifiers::empty()),
        };
        let marker = if has_former_names(text) { under_present_names(parsed.marker) } else { parsed.marker };
        Ok(Self { name: (&parsed.name).into(), extras: parsed.extras, wanted, marker })
    }
}

/// Whether variables of the marker may go by names that they had before PEP 508.
fn has_former_names(text: &str) -> bool {
    ["os.name", "sys.platform", "platform.", "python_implementation"].iter().any(|name| text.contains(name))
}

/// `os.name` is `os_name`: the parser takes them for two variables, and writes them as one.
fn under_present_names(marker: MarkerTree) -> MarkerTree {
    marker.contents().and_then(|marker| marker.to_string().parse().ok()).unwrap_or(marker)
}

/// Whether the words in brackets behind the name end as names do: `pep508_rs` panics where they do not.
fn extras_are_names(text: &str) -> bool {
    let Some((name, rest)) = text.split_once('[') else { return true };
    if name.contains(|letter: char| !letter.is_alphanumeric() && !letter.is_whitespace() && !"-_.".contains(letter)) {
        return true;
    }
    let inside = rest.split(']').next().unwrap_or_default();
    let mut words = inside.split(|letter: char| letter == ',' || letter.is_whitespace());
    words.all(|word| !word.ends_with(['.', '-', '_']))
}

/// `url` without a user and a password: what stands in locks, images and messages is read by others.
pub(crate) fn without_login(url: &Url) -> Url {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// As PEP 508 has it. Of a URL, user and password are left out.
impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.name)?;
        if !self.extras.is_empty() {
            let extras: Vec<String> = self.extras.iter().map(ToString::to_string).collect();
            write!(formatter, "[{}]", extras.join(","))?;
        }
        match &self.wanted {
            Wanted::Versions(versions) => {
                let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
                write!(formatter, "{}", versions.join(","))?;
            }
            Wanted::Url(url) => write!(formatter, " @ {}", without_login(url))?,
        }
        match self.marker.contents() {
            Some(marker) => write!(formatter, " ; {marker}"),
            None => Ok(()),
        }
    }
}

/// Version numbers leave room for the successors that ranges are made of.
pub(super) fn countable(versions: &VersionSpecifiers) -> Result<(), &'static str> {
    const LARGEST: u64 = u64::MAX >> 1;
    let fits = versions.iter().all(|specifier| {
        let version = specifier.version();
        let pre = version.pre().map(|pre| pre.number);
        let numbers = [version.post(), version.dev(), pre];
        version.release().iter().chain(numbers.iter().flatten()).all(|number| *number < LARGEST)
    });
    if fits { Ok(()) } else { Err("a version number is too large") }
}

fn bounded(text: &str) -> Result<(), &'static str> {
    if text.len() > LONGEST {
        return Err("it is too long");
    }
    if !text.is_ascii() {
        return Err("it has letters outside ASCII");
    }
    if names(text).any(|name| name.ends_with(['-', '_', '.'])) {
        return Err("a name must end in a letter or digit");
    }
    let mut depth = 0_usize;
    for letter in text.bytes() {
        match letter {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err("its parentheses nest too deeply");
        }
    }
    Ok(())
}

/// The name and the extras that a requirement starts with. The parser below trusts their ends.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let end =
        text.find(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter)).unwrap_or(text.len());
    let extras = text[end..].trim_start().strip_prefix('[').and_then(|extras| extras.split(']').next());
    std::iter::once(&text[..end]).chain(extras.into_iter().flat_map(|extras| extras.split(',').map(str::trim)))
}

fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

fn one_line(text: &str) -> String {
    let mut letters = text.lines().next().unwrap_or_default().chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requirements_read_and_print() {
        let check = |text: &str, expect: &str| {
            assert_eq!(text.parse::<Requirement>().unwrap().to_string(), expect, "{text}");
        };
        check("NumPy<2", "numpy<2");
        check("pandas[Excel, test] (>=1.0)", "pandas[excel,test]>=1.0");
        check("a @ https://host/a-1-py3-none-any.whl", "a @ https://host/a-1-py3-none-any.whl");
        check(
            "a @ https://me:pw@host/a-1-py3-none-any.whl#sha256=00",
            "a @ https://host/a-1-py3-none-any.whl#sha256=00",
        );
        check("a;python_version<'3.8'", "a ; python_full_version < '3.8'");
    }

    #[test]
    fn former_names_of_variables_are_the_present_ones() {
        for (former, present) in [
            ("os.name == 'nt'", "os_name == 'nt'"),
            ("sys.platform != 'win32'", "sys_platform != 'win32'"),
            ("platform.machine == 'x'", "platform_machine == 'x'"),
            ("platform.version == 'x'", "platform_version == 'x'"),
            ("platform.python_implementation == 'x'", "platform_python_implementation == 'x'"),
            ("python_implementation == 'x'", "platform_python_implementation == 'x'"),
        ] {
            let read = |marker| format!("a ; {marker}").parse::<Requirement>().unwrap();
            assert_eq!(read(former), read(present));
            assert_eq!(read(former).to_string(), format!("a ; {present}"));
        }
        let never = "a ; os.name == 'nt' and os_name == 'posix'".parse::<Requirement>().unwrap();
        assert!(never.marker.is_false());
    }

    #[test]
    fn old_metadata_is_mended() {
        let check = |text: &str, expect: Option<&str>| {
            let found = Requirement::lenient(text).ok().map(|requirement| requirement.to_string());
            assert_eq!(found.as_deref(), expect, "{text}");
        };
        check("a>=1.9.*", Some("a>=1.9"));
        check("a (>=1.9.*,<2)", Some("a>=1.9,<2"));
        check("a!=3.0*", Some("a!=3.0.*"));
        check("a>=7.2.0<8.0.0", Some("a>=7.2.0,<8.0.0"));
        check("a>=1.0,", Some("a>=1.0"));
        check("a>='2.7'", Some("a>=2.7"));
        check("a> =2.7 ; extra == 'b'", Some("a>=2.7 ; extra == 'b'"));
        check("a=>1", None);
        check("a>=master", None);
    }

    #[test]
    fn hostile_requirements_are_refused() {
        let deep = format!("a; {}python_version>'3'{}", "(".repeat(5000), ")".repeat(5000));
        let long = format!("a{}", ",!=1".repeat(9000));
        for text in [
            deep.as_str(),
            &long,
            // On these the parser would panic.
            "a[b.]",
            "a [c, b-]>1",
            "gh[r. io:443/a",
            "a==18446744073709551615.*",
            "a>1.dev18446744073709551615",
            "",
            "a-;",
            "a[b-]",
            "a;é",
        ] {
            assert!(text.parse::<Requirement>().is_err(), "{}", &text[..text.len().min(40)]);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~é]{0,40}") {
            let _ = Requirement::lenient(&text);
        }

        #[test]
        fn no_near_miss_makes_it_panic(text in "(a|é|\\.|@|;|\\[|\\]|=|<|,|'|\\(| |extra|https://|and|-|os_name){0,14}") {
            let _ = Requirement::lenient(&text);
        }
    }
}
