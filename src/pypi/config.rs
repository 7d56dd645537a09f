//! The index settings that pip and uv keep, from the text of their files.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::{DefaultIndex, Index, IndexError, Location, Settings};

/// Settings from the text of a `pip.conf`: `index-url`, `extra-index-url`, `find-links` and
/// `no-index` of the sections `[global]`, `[install]` and `[download]`, later ones over earlier ones.
///
/// # Errors
/// When a URL is none.
pub fn pip_conf(text: &str) -> Result<Settings, IndexError> {
    let fail = |reason: String| IndexError::Config { file: "pip.conf", reason };
    let mut settings = Settings::default();
    for (key, value) in pip_values(text) {
        let mut places = value.split_whitespace();
        match key.as_str() {
            "index-url" => {
                let first = places.next().unwrap_or_default();
                settings.default = DefaultIndex::Other(location(first).ok_or_else(|| fail(not_a_url(first)))?);
            }
            "no-index" if matches!(value.trim(), "1" | "true" | "yes" | "on") => {
                settings.default = DefaultIndex::Nowhere;
            }
            "extra-index-url" | "find-links" => {
                let prefix = if key == "find-links" { "links" } else { "extra" };
                settings.indexes.retain(|index| !index.name.starts_with(prefix));
                for place in places {
                    let name = numbered(prefix, &settings.indexes);
                    let location = location(place).ok_or_else(|| fail(not_a_url(place)))?;
                    settings.indexes.push(Index { name, location, packages: Vec::new(), platforms: Vec::new() });
                }
            }
            _ => {}
        }
    }
    Ok(settings)
}

/// Settings from the text of a `uv.toml`: `[[index]]`, `index-url`, `extra-index-url`, `find-links`
/// and `no-index`, at the top or under `[pip]`. Indexes marked `explicit` are left out, because only
/// a `pyproject.toml` can say what comes from them.
///
/// # Errors
/// When it is not TOML, or a URL is none.
pub fn uv_toml(text: &str) -> Result<Settings, IndexError> {
    let fail = |reason: String| IndexError::Config { file: "uv.toml", reason };
    let file: UvToml = toml::from_str(text).map_err(|error| fail(error.message().to_owned()))?;
    let mut settings = Settings::default();
    let place = |text: &str| location(text).ok_or_else(|| fail(not_a_url(text)));
    for index in file.index.into_iter().filter(|index| !index.explicit) {
        let location = place(&index.url)?;
        if index.default {
            settings.default = DefaultIndex::Other(location);
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
                let location = place(&text)?;
                settings.indexes.push(Index { name, location, packages: Vec::new(), platforms: Vec::new() });
            }
        }
        if table.no_index {
            settings.default = DefaultIndex::Nowhere;
        }
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
    no_index: bool,
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

fn location(text: &str) -> Option<Location> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Some(Location::Simple(url)),
        Ok(url) if url.scheme() == "file" => url.to_file_path().ok().map(Location::Folder),
        Ok(_) => None,
        Err(_) if text.is_empty() => None,
        Err(_) => Some(Location::Folder(PathBuf::from(text))),
    }
}

fn numbered(prefix: &str, indexes: &[Index]) -> String {
    let count = indexes.iter().filter(|index| index.name.starts_with(prefix)).count();
    format!("{prefix}-{}", count + 1)
}

fn not_a_url(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => format!("`{}` is not a URL of an index", crate::http::redacted(&url)),
        Err(_) => "an index has an empty URL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(settings: &Settings) -> Vec<String> {
        let place = |location: &Location| match location {
            Location::Simple(url) => url.to_string(),
            Location::Folder(path) => path.display().to_string(),
        };
        let default = match &settings.default {
            DefaultIndex::Public => "public".to_owned(),
            DefaultIndex::Other(location) => place(location),
            DefaultIndex::Nowhere => "nowhere".to_owned(),
        };
        let more = settings.indexes.iter().map(|index| format!("{} {}", index.name, place(&index.location)));
        std::iter::once(default).chain(more).collect()
    }

    #[test]
    fn pip_is_understood() {
        let text = "[global]\ntimeout = 60\nindex_url = https://u:p@mirror/simple\nextra-index-url =\n    https://a/s\n\
                    \thttps://b/s\n# c\n[freeze]\nindex-url = https://no/\n[install]\nfind-links = wheels\n";
        let expect = ["https://u:p@mirror/simple", "extra-1 https://a/s", "extra-2 https://b/s", "links-1 wheels"];
        assert_eq!(shown(&pip_conf(text).unwrap()), expect);
        assert_eq!(shown(&pip_conf("[global]\nno-index = true\n").unwrap()), ["nowhere"]);
        assert_eq!(shown(&pip_conf("").unwrap()), ["public"]);
        assert!(pip_conf("[global]\nindex-url = ftp://x/\n").is_err());
    }

    #[test]
    fn uv_is_understood() {
        let text = "preview = true\nextra-index-url = [\"https://c/s\"]\n\
                    [[index]]\nurl = \"https://m/s\"\ndefault = true\n\
                    [[index]]\nname = \"house\"\nurl = \"https://h/s\"\n\
                    [[index]]\nname = \"cu\"\nurl = \"https://cu/s\"\nexplicit = true\n\
                    [pip]\nfind-links = [\"./w\"]\n";
        let expect = ["https://m/s", "house https://h/s", "extra-1 https://c/s", "links-1 ./w"];
        assert_eq!(shown(&uv_toml(text).unwrap()), expect);
        assert!(uv_toml("index-url = 3").is_err());
        assert!(uv_toml("= =").is_err());
    }
}
