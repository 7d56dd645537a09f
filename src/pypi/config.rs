//! The index settings that pip and uv keep, from the text of their files.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::{DefaultIndex, Index, IndexError, Location};

/// What another tool is set up to do about package indexes.
#[derive(Clone, Debug, Default)]
pub struct ToolSettings {
    /// The index asked last, unless `no_index` says that none is asked.
    pub default: DefaultIndex,
    /// `no-index`: whether no index at all is asked, neither `default` nor any of `indexes`, but for folders and pages of
    /// links; nothing where it is not said.
    pub no_index: Option<bool>,
    /// What the tool calls it; variables with its credentials go by this name.
    pub default_name: Option<String>,
    /// Further indexes.
    pub indexes: Vec<Index>,
    /// `keyring-provider`, as it stands there.
    pub keyring: Option<String>,
    /// A file of certificates to trust (`cert`).
    pub certificates: Option<PathBuf>,
}

/// Settings from the text of a `pip.conf`: `index-url`, `extra-index-url`, `find-links`, `no-index`,
/// `keyring-provider` and `cert` of the sections `[global]`, `[install]` and `[download]`, later ones over earlier ones.
///
/// # Errors
/// When a URL is none, or `no-index` neither true nor false.
pub fn pip_conf(text: &str) -> Result<ToolSettings, IndexError> {
    let fail = |reason: String| IndexError::Config { file: "pip.conf", reason };
    let mut settings = ToolSettings::default();
    for (key, value) in pip_values(text) {
        let mut places = value.split_whitespace();
        match key.as_str() {
            "index-url" => {
                let first = places.next().unwrap_or_default();
                settings.default = DefaultIndex::Other(location(first).ok_or_else(|| fail(not_a_url(first)))?);
            }
            "no-index" if !value.is_empty() => {
                settings.no_index =
                    Some(truth(&value).ok_or_else(|| fail("`no-index` is neither `true` nor `false`".to_owned()))?);
            }
            "keyring-provider" => settings.keyring = Some(value.trim().to_owned()),
            "cert" => settings.certificates = Some(PathBuf::from(value.trim())),
            "extra-index-url" | "find-links" => {
                let prefix = if key == "find-links" { "links" } else { "extra" };
                settings.indexes.retain(|index| !index.name.starts_with(prefix));
                for place in places {
                    let name = numbered(prefix, &settings.indexes);
                    let location = location(place).ok_or_else(|| fail(not_a_url(place)))?;
                    let location = if key == "find-links" { flat(location) } else { location };
                    settings.indexes.push(Index { name, location, packages: Vec::new(), platforms: Vec::new() });
                }
            }
            _ => {}
        }
    }
    Ok(settings)
}

/// Settings from the text of a `uv.toml`: `[[index]]`, `index-url`, `extra-index-url`, `find-links`,
/// `no-index` and `keyring-provider`, at the top or under `[pip]`. Indexes marked `explicit` are left out, because only
/// a `pyproject.toml` can say what comes from them.
///
/// # Errors
/// When it is not TOML, or a URL is none.
pub fn uv_toml(text: &str) -> Result<ToolSettings, IndexError> {
    let fail = |reason: String| IndexError::Config { file: "uv.toml", reason };
    let file: UvToml = toml::from_str(text).map_err(|error| fail(without_value(error.message())))?;
    let mut settings = ToolSettings::default();
    let place = |text: &str| location(text).ok_or_else(|| fail(not_a_url(text)));
    for index in file.index.into_iter().filter(|index| !index.explicit) {
        let location = place(&index.url)?;
        let location = if index.format.as_deref() == Some("flat") { flat(location) } else { location };
        if index.default {
            settings.default = DefaultIndex::Other(location);
            settings.default_name = index.name;
        } else {
            let name = index.name.unwrap_or_else(|| numbered("extra", &settings.indexes));
            settings.indexes.push(Index { name, location, packages: Vec::new(), platforms: Vec::new() });
        }
    }
    for table in [Some(file.top), file.pip].into_iter().flatten() {
        if let Some(url) = table.index_url {
            settings.default = DefaultIndex::Other(place(&url)?);
        }
        for (prefix, places) in [("extra", table.extra_index_url), ("links", table.find_links)] {
            for text in places {
                let name = numbered(prefix, &settings.indexes);
                let location = if prefix == "links" { flat(place(&text)?) } else { place(&text)? };
                settings.indexes.push(Index { name, location, packages: Vec::new(), platforms: Vec::new() });
            }
        }
        settings.keyring = table.keyring_provider.or(settings.keyring);
        settings.no_index = table.no_index.or(settings.no_index);
    }
    Ok(settings)
}

/// Another tool's file: what is not named here is none of our business.
#[derive(Deserialize)]
struct UvToml {
    #[serde(default)]
    index: Vec<UvIndex>,
    #[serde(flatten)]
    top: UvTable,
    pip: Option<UvTable>,
}

#[derive(Deserialize)]
struct UvIndex {
    name: Option<String>,
    url: String,
    format: Option<String>,
    #[serde(default)]
    default: bool,
    #[serde(default)]
    explicit: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct UvTable {
    index_url: Option<String>,
    extra_index_url: Vec<String>,
    find_links: Vec<String>,
    no_index: Option<bool>,
    keyring_provider: Option<String>,
}

/// Keys and values in order; lines that begin with white space continue the value above.
fn pip_values(text: &str) -> Vec<(String, String)> {
    let mut values: Vec<(String, String)> = Vec::new();
    let mut wanted = false;
    for line in text.trim_start_matches('\u{feff}').lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            wanted = matches!(section.trim(), "global" | "install" | "download");
        } else if !wanted {
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = values.last_mut() {
                value.push(' ');
                value.push_str(trimmed);
            }
        } else if let Some((key, value)) = trimmed.split_once(['=', ':']) {
            values.push((key.trim().to_ascii_lowercase().replace('_', "-"), value.trim().to_owned()));
        }
    }
    values
}

/// In pip's words.
fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn location(text: &str) -> Option<Location> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Some(Location::Simple(url)),
        Ok(url) if url.scheme() == "file" => url.to_file_path().ok().map(Location::Folder),
        Ok(_) => None,
        Err(_) if text.is_empty() => None,
        Err(_) => Some(Location::Folder(PathBuf::from(text))),
    }
}

/// The same place as a page, or folder, of links.
fn flat(location: Location) -> Location {
    match location {
        Location::Simple(url) => Location::Links(url),
        location => location,
    }
}

fn numbered(prefix: &str, indexes: &[Index]) -> String {
    let count = indexes.iter().filter(|index| index.name.starts_with(prefix)).count();
    format!("{prefix}-{}", count + 1)
}

fn not_a_url(text: &str) -> String {
    let Ok(url) = Url::parse(text) else { return "an index has an empty URL".to_owned() };
    let shown = crate::http::redacted(&url);
    // Of what is mistyped nobody knows where the password ends.
    let rest = shown.rsplit_once('@').map(|(_, rest)| format!("{}:***@{rest}", url.scheme()));
    format!("`{}` is not a URL of an index", rest.unwrap_or(shown))
}

/// What serde says of a value of the wrong type, without the value: a URL may stand where something else belongs.
fn without_value(message: &str) -> String {
    let ends = message.find('"').zip(message.rfind('"')).filter(|(start, end)| start < end);
    ends.map_or_else(|| message.to_owned(), |(start, end)| format!("{}***{}", &message[..=start], &message[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(settings: &ToolSettings) -> Vec<String> {
        let place = |location: &Location| match location {
            Location::Simple(url) => url.to_string(),
            Location::Links(url) => format!("flat {url}"),
            Location::Folder(path) => path.display().to_string(),
        };
        let default = match &settings.default {
            DefaultIndex::Public => "public".to_owned(),
            DefaultIndex::Other(location) => place(location),
            DefaultIndex::Nowhere => "nowhere".to_owned(),
        };
        let more = settings.indexes.iter().map(|index| format!("{} {}", index.name, place(&index.location)));
        let none = settings.no_index.map(|none| format!("no-index {none}"));
        std::iter::once(default).chain(more).chain(none).collect()
    }

    #[test]
    fn pip_is_understood() {
        let text = "[global]\ntimeout = 60\nindex_url = https://u:p@mirror/simple\nextra-index-url =\n    https://a/s\n\
                    \thttps://b/s\n# c\n[freeze]\nindex-url = https://no/\n[install]\nfind-links = wheels https://f/l.html\n";
        let expect = [
            "https://u:p@mirror/simple",
            "extra-1 https://a/s",
            "extra-2 https://b/s",
            "links-1 wheels",
            "links-2 flat https://f/l.html",
        ];
        assert_eq!(shown(&pip_conf(text).unwrap()), expect);
        assert_eq!(shown(&pip_conf("").unwrap()), ["public"]);
        let more = pip_conf("[global]\ncert = /etc/own.pem\nkeyring_provider = subprocess\n").unwrap();
        assert_eq!((more.keyring.as_deref(), more.certificates), (Some("subprocess"), Some("/etc/own.pem".into())));
        assert!(pip_conf("[global]\nindex-url = ftp://x/\n").is_err());
    }

    #[test]
    fn uv_is_understood() {
        let text = "preview = true\nkeyring-provider = \"subprocess\"\nextra-index-url = [\"https://c/s\"]\n\
                    [[index]]\nname = \"main\"\nurl = \"https://m/s\"\ndefault = true\n\
                    [[index]]\nname = \"house\"\nurl = \"https://h/s\"\n\
                    [[index]]\nname = \"flat\"\nurl = \"https://f/l\"\nformat = \"flat\"\n\
                    [[index]]\nname = \"cu\"\nurl = \"https://cu/s\"\nexplicit = true\n\
                    [pip]\nfind-links = [\"./w\"]\n";
        let expect =
            ["https://m/s", "house https://h/s", "flat flat https://f/l", "extra-1 https://c/s", "links-1 ./w"];
        let settings = uv_toml(text).unwrap();
        assert_eq!(shown(&settings), expect);
        assert_eq!((settings.default_name.as_deref(), settings.keyring.as_deref()), (Some("main"), Some("subprocess")));
        assert!(uv_toml("index-url = 3").is_err());
        assert!(uv_toml("= =").is_err());
    }

    #[test]
    fn whether_an_index_is_asked_stands_apart_from_which() {
        let pip = |value: &str| pip_conf(&format!("[global]\nno-index = {value}\nindex-url = https://a/s\n"));
        for (words, expect) in [("True YES t y on 1", true), ("No FALSE f n off 0", false)] {
            for word in words.split(' ') {
                assert_eq!(
                    shown(&pip(word).unwrap()),
                    ["https://a/s".to_owned(), format!("no-index {expect}")],
                    "{word}"
                );
            }
        }
        assert_eq!(shown(&pip("").unwrap()), ["https://a/s"]);
        let error = pip("maybe").unwrap_err().to_string();
        assert_eq!(error, "cannot understand pip.conf: `no-index` is neither `true` nor `false`");
        let uv = |text: &str| shown(&uv_toml(text).unwrap());
        let table = "[pip]\nindex-url = \"https://a/s\"\n";
        assert_eq!(uv(&format!("no-index = true\n{table}")), ["https://a/s", "no-index true"]);
        assert_eq!(uv(&format!("no-index = true\n{table}no-index = false\n")), ["https://a/s", "no-index false"]);
    }

    #[test]
    fn no_password_shows_of_what_is_no_url() {
        for slashes in ["", "/", "///", "////", "//me:secret@hoste://"] {
            let error = pip_conf(&format!("[global]\nindex-url = hte:{slashes}me:secret@host/simple\n"));
            let error = error.unwrap_err().to_string();
            assert!(error.contains("hte:***@host") && !error.contains("secret"), "{error}");
        }
        let error = uv_toml("[[index]]\nurl = \"x\"\ndefault = \"me \\\"secret@host\"\n").unwrap_err().to_string();
        assert_eq!(error, "cannot understand uv.toml: invalid type: string \"***\", expected a boolean");
    }
}
