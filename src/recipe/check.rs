//! The table `[check]`: what must hold of an image before it is delivered, and what is accepted
//! although it does not.

use std::ops::Range;

use toml::Spanned;

use super::{problem::Fault, reader::Reader, script::absolute_path};

/// The table `[check]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// Modules, dotted, that must be there with everything they import.
    pub import: Vec<Spanned<String>>,
    /// Sonames that may be missing: something outside of the image brings them.
    pub allow_missing: Vec<Spanned<String>>,
    /// Most bytes of one platform's layers, compressed.
    pub max_size: Option<Spanned<u64>>,
    /// Findings that are known and no reason to stop.
    pub accept: Vec<Accepted>,
}

/// One finding, or all of a kind below a path, that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The code: `WW204`.
    pub code: Spanned<String>,
    /// Absolute path of the file, or of a folder with all that is below it; without it any.
    pub path: Option<Spanned<String>>,
    /// The distribution or package that brought what is wrong; without it any.
    pub package: Option<Spanned<String>>,
    /// Why.
    pub reason: Spanned<String>,
    /// Where the entry stands.
    pub span: Range<usize>,
}

impl Check {
    pub(super) fn read(table: Reader<'_>) -> Self {
        let check = Self {
            import: table.parsed_list("import", module),
            allow_missing: table.parsed_list("allow-missing", soname),
            max_size: table.parsed("max-size", size),
            accept: table.tables("accept").into_iter().filter_map(Accepted::read).collect(),
        };
        table.finish();
        check
    }
}

impl Accepted {
    fn read(table: Reader<'_>) -> Option<Self> {
        let code = table.parsed("code", code);
        let path = table.parsed("path", absolute_path);
        let package = table.parsed("package", package);
        let reason = table.parsed("reason", reason);
        for (key, example) in [("code", "\"WW308\""), ("reason", "\"…\"")] {
            if !table.has(key) {
                table.missing(key, example);
            }
        }
        let span = table.span();
        table.finish();
        Some(Self { code: code?, path, package, reason: reason?, span })
    }
}

fn module(text: &str) -> Result<String, Fault> {
    let word = |part: &str| {
        let mut letters = part.chars();
        letters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    if text.split('.').all(word) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` is not the name of a module")).labelled("not a module");
    Err(fault.advised("write it as in `import`: `package.module`; the name of a distribution may differ"))
}

fn soname(text: &str) -> Result<String, Fault> {
    if !text.contains('/') && text.contains(".so") {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` is not the name of a library")).labelled("not a library");
    Err(fault.advised("write it as it is needed: `libcuda.so.1`"))
}

fn code(text: &str) -> Result<String, Fault> {
    let digits = text.strip_prefix("WW").filter(|digits| digits.len() == 3);
    if digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit())) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` is not the code of a finding")).labelled("not a code");
    Err(fault.advised("write it as it is reported: `WW204`; `wheelwright verify --explain` lists them"))
}

/// As lists of what is installed write it: `pyyaml` for `PyYAML`.
fn package(text: &str) -> Result<String, Fault> {
    let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.+".contains(&byte);
    if !text.is_empty() && text.bytes().all(sound) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` is not the name of a package")).labelled("not a package");
    Err(fault.advised("write it as it is reported, in small letters and without its version"))
}

fn reason(text: &str) -> Result<String, Fault> {
    if !text.trim().is_empty() {
        return Ok(text.trim().to_owned());
    }
    Err(Fault::new("a finding is accepted without a reason").labelled("empty").advised("say why it does no harm"))
}

/// `4 GB`, `800MB`, `1.5 GiB`, or bytes.
fn size(text: &str) -> Result<u64, Fault> {
    const UNITS: [(&str, u64); 8] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("B", 1),
    ];
    let unit = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?.trim_end(), *bytes)));
    let (number, unit) = unit.unwrap_or((text, 1));
    let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
    let digits =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let tenths = (tenths.len() == 1).then(|| digits(tenths)).flatten();
    let bytes = digits(whole).zip(tenths).and_then(|(whole, tenths)| {
        whole.checked_mul(10)?.checked_add(tenths)?.checked_mul(unit).map(|tenfold| tenfold / 10)
    });
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| {
        let fault = Fault::new(format!("`{text}` is not a size")).labelled("not a size");
        fault.advised("write it with its unit: `\"800 MB\"`, `\"1.5 GiB\"`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Recipe, RecipeError};

    #[test]
    fn wrong_demands_are_explained() {
        let check = |keys: &str, expect: &[&str]| {
            let head =
                "name = \"a\"\nbase = \"h.example/b:1\"\nplatforms = [\"linux/amd64\"]\nwheels.require = [\"c\"]\n";
            let found = match Recipe::parse("a.toml", &format!("{head}[check]\n{keys}\n")) {
                Err(RecipeError::Invalid { problems, .. }) => problems,
                other => panic!("{other:?}"),
            };
            let hint =
                |problem: &crate::recipe::Problem| problem.hint.as_ref().map(ToString::to_string).unwrap_or_default();
            let told: Vec<String> =
                found.iter().map(|problem| format!("{} | {}", problem.message, hint(problem))).collect();
            assert_eq!(told, expect, "{keys}");
        };
        check(
            "import = [\"python-gdcm\"]\nallow-missing = [\"cuda\"]\nmax-size = \"4 gb\"\nacept = []",
            &[
                "`python-gdcm` is not the name of a module | write it as in `import`: `package.module`; the name of a distribution may differ",
                "`cuda` is not the name of a library | write it as it is needed: `libcuda.so.1`",
                "`4 gb` is not a size | write it with its unit: `\"800 MB\"`, `\"1.5 GiB\"`",
                "unknown key `check.acept` | did you mean `accept`?",
            ],
        );
        check(
            "accept = [{ code = \"204\", path = \"x\", reason = \" \" }, { code = \"WW204\" }]",
            &[
                "`204` is not the code of a finding | write it as it is reported: `WW204`; `wheelwright verify --explain` lists them",
                "`x` is not an absolute path | write `/x`",
                "a finding is accepted without a reason | say why it does no harm",
                "`check.accept.reason` is missing | add `reason = \"…\"`",
            ],
        );
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        let check = |text: &str, expect: Option<u64>| assert_eq!(size(text).ok(), expect, "{text}");
        check("4 GB", Some(4_000_000_000));
        check("800MB", Some(800_000_000));
        check("1.5 GiB", Some(1_610_612_736));
        check("1000", Some(1000));
        for wrong in
            ["", "GB", "0 MB", "-1 MB", "1.55 MB", "4 gb", "99999999999999999999", "99999999999 TB", "1 . 5 GB"]
        {
            check(wrong, None);
        }
    }
}
