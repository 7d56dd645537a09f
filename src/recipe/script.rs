//! The tables `[[scripts]]`: files of the user's that go into the image.

use toml::Spanned;

use super::{
    demand::file,
    problem::{Fault, Problem, ProblemKind},
    reader::Reader,
};

/// One file or folder, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// File or folder, relative to the recipe.
    pub from: Spanned<String>,
    /// Absolute path in the image, without a trailing slash: of the file, or of what is in the folder.
    pub to: Spanned<String>,
    /// Whether `to` was written with a slash at its end, as of a folder.
    pub is_to_folder: bool,
    /// Permission bits of every file; without it, 0755 for files that are executable and 0644 for others.
    pub mode: Option<Spanned<u32>>,
    /// Numeric owner of everything.
    pub owner: Owner,
}

/// A numeric user and group; root unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Script {
    /// Takes all `[[scripts]]` of a table.
    pub(super) fn read_all(table: &Reader<'_>) -> Vec<Self> {
        let scripts: Vec<Self> = table.tables("scripts").into_iter().filter_map(Self::read).collect();
        for (position, script) in scripts.iter().enumerate() {
            if scripts[..position].iter().any(|other| other.from == script.from && other.to == script.to) {
                let message = format!("`{}` goes to `{}` twice", script.from.get_ref(), script.to.get_ref());
                let problem = Problem::new(ProblemKind::Duplicate, script.to.span(), message);
                table.add(
                    problem.labelled("again").hinted(crate::hint::Hint::new("remove one of the two `[[scripts]]`")),
                );
            }
        }
        scripts
    }

    fn read(table: Reader<'_>) -> Option<Self> {
        let from = table.parsed("from", file);
        let to = table.parsed("to", |text| Ok((absolute_path(text)?, text.len() > 1 && text.ends_with('/'))));
        let mode = table.parsed("mode", mode);
        let owner = table.parsed("owner", owner).map(Spanned::into_inner).unwrap_or_default();
        for (key, example) in [("from", "\"scripts\""), ("to", "\"/app\"")] {
            if !table.has(key) {
                table.missing(key, example);
            }
        }
        table.finish();
        let (from, to) = (from?, to?);
        let (span, (to, is_to_folder)) = (to.span(), to.into_inner());
        Some(Self { from, to: Spanned::new(span, to), is_to_folder, mode, owner })
    }
}

/// A path in the image that cannot lead anywhere else.
pub(super) fn absolute_path(text: &str) -> Result<String, Fault> {
    if !text.starts_with('/') {
        let fault = Fault::new(format!("`{text}` is not an absolute path")).labelled("not absolute");
        return Err(fault.advised(format!("write `/{}`", text.trim_start_matches("./"))));
    }
    let path = if text.len() > 1 { text.strip_suffix('/').unwrap_or(text) } else { text };
    let mut parts = path.split('/').skip(1);
    if text != "/" && parts.any(|part| matches!(part, "" | "." | "..")) {
        let fault = Fault::new(format!("`{text}` is not a plain path")).labelled("has an empty part, `.` or `..`");
        return Err(fault.advised("write the path without `..`, `.` and `//`"));
    }
    Ok(path.to_owned())
}

fn mode(text: &str) -> Result<u32, Fault> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let octal = (3..=5).contains(&digits.len()) && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let parsed = octal.then(|| u32::from_str_radix(digits, 8).ok()).flatten().filter(|mode| *mode <= 0o7777);
    parsed.ok_or_else(|| {
        let fault = Fault::new(format!("`{text}` is not a file mode")).labelled("not an octal mode");
        fault.advised("write it in octal: `\"0755\"`")
    })
}

fn owner(text: &str) -> Result<Owner, Fault> {
    let (uid, gid) = text.split_once(':').unwrap_or((text, text));
    if let (Some(uid), Some(gid)) = (number(uid), number(gid)) {
        return Ok(Owner { uid, gid });
    }
    let fault = Fault::new(format!("`{text}` is not a numeric owner")).labelled("not `uid:gid`");
    Err(fault.advised("write numbers: `\"10001:10001\"`"))
}

/// Digits alone: `parse` would take `+1`.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
