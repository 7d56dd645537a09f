//! The package indexes that the user's other tools are set up for: pip's and uv's variables and files.
//!
//! `WHEELWRIGHT_INDEX` alone counts where it is set. Else pip's variables come before uv's, both before
//! pip's files, these before uv's; whoever says first what the default index is, or which further ones
//! there are, is believed. Folders of wheels (`find-links`) are used only where there is no index at
//! all: beside an index they would make the lock of one machine another than that of the next.

use std::path::{Path, PathBuf};

use super::{
    environment::{Environment, read_if_there},
    error::CliError,
};
use crate::pypi::{self, DefaultIndex, Index, IndexError, Location, Settings, pip_conf};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct PackageIndexes {
    pub(super) default: DefaultIndex,
    pub(super) indexes: Vec<Index>,
}

/// Reads variables and files.
///
/// # Errors
/// When one of them makes no sense.
pub(super) fn read(environment: &Environment) -> Result<PackageIndexes, CliError> {
    if let Some(own) = environment.text("WHEELWRIGHT_INDEX") {
        let settings = understood("WHEELWRIGHT_INDEX", pip_conf(&pip_text(&[("index-url", Some(own))])))?;
        return Ok(kept(settings));
    }
    let mut found = PackageIndexes::default();
    for voice in
        [pip_variables(environment)?, uv_variables(environment)?, pip_files(environment)?, uv_files(environment)?]
    {
        let voice = kept(voice);
        if found.default == DefaultIndex::Public {
            found.default = voice.default;
        }
        if found.indexes.is_empty() {
            found.indexes = voice.indexes;
        }
    }
    Ok(found)
}

fn pip_variables(environment: &Environment) -> Result<Settings, CliError> {
    let text = pip_text(&[
        ("index-url", environment.text("PIP_INDEX_URL")),
        ("extra-index-url", environment.text("PIP_EXTRA_INDEX_URL")),
        ("find-links", environment.text("PIP_FIND_LINKS")),
        ("no-index", environment.text("PIP_NO_INDEX")),
    ]);
    understood("the PIP_… variables", pip_conf(&text))
}

/// pip's files, from the least to the most important.
///
/// [pip documentation, "Configuration"](https://pip.pypa.io/en/stable/topics/configuration/).
fn pip_files(environment: &Environment) -> Result<Settings, CliError> {
    let named = environment.path("PIP_CONFIG_FILE");
    if named.as_deref() == Some(Path::new("/dev/null")) {
        return Ok(Settings::default());
    }
    let mut files = vec![environment.etc("xdg/pip/pip.conf"), environment.etc("pip.conf")];
    if named.as_ref().is_none_or(|file| !file.exists()) {
        files.extend(environment.at_home(".pip/pip.conf"));
        files.extend(environment.config_home().map(|folder| folder.join("pip/pip.conf")));
    }
    files.extend(environment.path("VIRTUAL_ENV").map(|folder| folder.join("pip.conf")));
    files.extend(named);
    merged(&files, pip_conf)
}

fn uv_variables(environment: &Environment) -> Result<Settings, CliError> {
    let default = environment.text("UV_DEFAULT_INDEX").or_else(|| environment.text("UV_INDEX_URL"));
    let more = environment.text("UV_INDEX").or_else(|| environment.text("UV_EXTRA_INDEX_URL"));
    let tables = default.into_iter().map(|index| uv_index(index, "default = true"));
    let tables = tables.chain(more.unwrap_or_default().split_whitespace().map(|index| uv_index(index, "")));
    understood("the UV_… variables", pypi::uv_toml(&tables.collect::<String>()))
}

/// uv's files, from the least to the most important.
///
/// [uv documentation, "Configuration files"](https://docs.astral.sh/uv/concepts/configuration-files/).
fn uv_files(environment: &Environment) -> Result<Settings, CliError> {
    let user = environment.config_home().map(|folder| folder.join("uv/uv.toml"));
    let usual = || std::iter::once(environment.etc("uv/uv.toml")).chain(user).collect();
    merged(&environment.path("UV_CONFIG_FILE").map_or_else(usual, |file| vec![file]), pypi::uv_toml)
}

fn merged(files: &[PathBuf], parse: fn(&str) -> Result<Settings, IndexError>) -> Result<Settings, CliError> {
    let mut settings = Settings::default();
    for file in files {
        let Some(text) = read_if_there(file)? else { continue };
        let newer = understood(&format!("`{}`", file.display()), parse(&text))?;
        if newer.default != DefaultIndex::Public {
            settings.default = newer.default;
        }
        let replaced = |index: &Index| newer.indexes.iter().any(|other| is_folder(other) == is_folder(index));
        settings.indexes.retain(|index| !replaced(index));
        settings.indexes.extend(newer.indexes.iter().cloned());
    }
    Ok(settings)
}

fn kept(settings: Settings) -> PackageIndexes {
    let Settings { default, mut indexes, .. } = settings;
    indexes.retain(|index| !is_folder(index) || default == DefaultIndex::Nowhere);
    for index in &mut indexes {
        if let Location::Folder(folder) = &mut index.location
            && let Ok(absolute) = std::path::absolute(&*folder)
        {
            *folder = absolute;
        }
    }
    PackageIndexes { default, indexes }
}

const fn is_folder(index: &Index) -> bool {
    matches!(index.location, Location::Folder(_))
}

/// Variables in the words of a `pip.conf`.
fn pip_text(values: &[(&str, Option<&str>)]) -> String {
    let lines = values.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
    let one_line = |value: &str| value.split_whitespace().collect::<Vec<_>>().join(" ");
    lines.fold("[global]\n".to_owned(), |text, (key, value)| format!("{text}{key} = {}\n", one_line(value)))
}

/// `url` or `name=url` in the words of a `uv.toml`.
fn uv_index(text: &str, more: &str) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let (name, url) = match text.split_once('=') {
        Some((name, url)) if !name.contains([':', '/']) => (format!("name = {}\n", quoted(name)), url),
        _ => (String::new(), text),
    };
    format!("[[index]]\n{name}url = {}\n{more}\n", quoted(url))
}

fn understood(place: &str, settings: Result<Settings, IndexError>) -> Result<Settings, CliError> {
    settings.map_err(|source| CliError::PackageIndexes { place: place.to_owned(), source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::write_atomic;

    /// The default index, then the others with their names.
    fn found(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            write_atomic(&folder.path().join(path), text.as_bytes()).unwrap();
        }
        let found = read(&Environment::of(folder.path(), variables)).unwrap();
        let place = |location: &Location| match location {
            Location::Simple(url) => url.to_string(),
            Location::Folder(path) => path.display().to_string(),
        };
        let default = match &found.default {
            DefaultIndex::Public => "public".to_owned(),
            DefaultIndex::Other(location) => place(location),
            DefaultIndex::Nowhere => "nowhere".to_owned(),
        };
        let more = found.indexes.iter().map(|index| format!("{} {}", index.name, place(&index.location)));
        std::iter::once(default).chain(more).collect()
    }

    #[test]
    fn variables_come_before_files_and_pip_before_uv() {
        let user =
            ("home/.config/pip/pip.conf", "[global]\nindex-url = https://user/s\nextra-index-url = https://e/s\n");
        let system = ("etc/pip.conf", "[global]\nindex-url = https://system/s\n");
        let uv = ("home/.config/uv/uv.toml", "index-url = \"https://uv/s\"\n");
        assert_eq!(found(&[], &[]), ["public"]);
        assert_eq!(found(&[system, uv], &[]), ["https://system/s"]);
        assert_eq!(found(&[user, system, uv], &[]), ["https://user/s", "extra-1 https://e/s"]);
        assert_eq!(found(&[user], &[("PIP_INDEX_URL", "https://p/s")]), ["https://p/s", "extra-1 https://e/s"]);
        assert_eq!(found(&[uv], &[]), ["https://uv/s"]);
        assert_eq!(found(&[user], &[("PIP_CONFIG_FILE", "/dev/null")]), ["public"]);
        let variables = [("UV_DEFAULT_INDEX", "main=https://u/s"), ("UV_INDEX", "house=https://h/s https://x/s?a=b")];
        assert_eq!(found(&[user], &variables), ["https://u/s", "house https://h/s", "extra-1 https://x/s?a=b"]);
        assert_eq!(found(&[user], &[("WHEELWRIGHT_INDEX", "https://own/s"), variables[1]]), ["https://own/s"]);
    }

    #[test]
    fn folders_count_only_where_there_is_no_index() {
        assert_eq!(found(&[], &[("PIP_FIND_LINKS", "/w")]), ["public"]);
        assert_eq!(found(&[], &[("PIP_FIND_LINKS", "/w"), ("PIP_NO_INDEX", "1")]), ["nowhere", "links-1 /w"]);
    }

    #[test]
    fn nonsense_is_named_without_its_secrets() {
        let environment = Environment::of(Path::new("/none"), &[("PIP_INDEX_URL", "ftp://u:hunter2@h/")]);
        let error = read(&environment).unwrap_err();
        let text = crate::cli::report::render(&error, false);
        assert!(text.starts_with("error: the package indexes of the PIP_… variables cannot be used\n"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
