//! The package indexes that the user's other tools are set up for: pip's and uv's variables and files.
//!
//! `WHEELWRIGHT_INDEX` alone counts where it is set. Else pip's variables come before uv's, both before
//! pip's files, these before uv's; whoever says first what the default index is, or which further ones
//! there are, is believed; so it is with the key ring and the certificates. A tool that is told to ask no index
//! (`no-index`) has none, whichever it names besides. Folders of wheels (`find-links`) are used only where there is
//! no index at all: beside an index they would make the lock of one machine another than that of the next.

use std::path::{Path, PathBuf};

use super::{
    environment::{Environment, read_if_there},
    error::CliError,
};
use crate::pypi::{
    self, Credentials, DefaultIndex, Index, IndexError, Keyring, Location, Login, Netrc, ToolSettings, pip_conf,
};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct PackageIndexes {
    pub(super) default: DefaultIndex,
    pub(super) indexes: Vec<Index>,
    pub(super) credentials: Credentials,
    /// Certificates that pip is told to trust.
    pub(super) certificates: Option<PathBuf>,
}

/// Reads variables and files.
///
/// # Errors
/// When one of them makes no sense.
pub(super) fn read(environment: &Environment) -> Result<PackageIndexes, CliError> {
    let mut found = ToolSettings::default();
    let (pip, uv) =
        ([pip_variables(environment)?, pip_files(environment)?], [uv_variables(environment)?, uv_files(environment)?]);
    let ([pip_variables, pip_files], [uv_variables, uv_files]) = (without_index(pip), without_index(uv));
    for voice in [pip_variables, uv_variables, pip_files, uv_files] {
        let voice = kept(voice);
        if found.default == DefaultIndex::Public {
            (found.default, found.default_name) = (voice.default, voice.default_name);
        }
        if found.indexes.is_empty() {
            found.indexes = voice.indexes;
        }
        found.keyring = found.keyring.or(voice.keyring);
        found.certificates = found.certificates.or(voice.certificates);
    }
    if let Some(own) = environment.text("WHEELWRIGHT_INDEX") {
        let own = kept(understood("WHEELWRIGHT_INDEX", pip_conf(&pip_text(&[("index-url", Some(own))])))?);
        found = ToolSettings { keyring: found.keyring, certificates: found.certificates, ..own };
    }
    let credentials = credentials(environment, &found)?;
    let ToolSettings { default, indexes, certificates, .. } = found;
    Ok(PackageIndexes { default, indexes, credentials, certificates })
}

/// What `UV_INDEX_NAME_USERNAME`, `UV_INDEX_NAME_PASSWORD`, netrc and the key ring say.
fn credentials(environment: &Environment, settings: &ToolSettings) -> Result<Credentials, CliError> {
    let mut credentials = Credentials::default();
    for (key, value) in environment.beginning_with("UV_INDEX_") {
        if let Some(name) = key.strip_suffix("_USERNAME") {
            credentials.named.entry(name.to_owned()).or_insert_with(Login::default).user = Some(value.to_owned());
        } else if let Some(name) = key.strip_suffix("_PASSWORD") {
            credentials.named.entry(name.to_owned()).or_insert_with(Login::default).password = Some(value.to_owned());
        }
    }
    let own = settings.default_name.as_deref().and_then(|name| credentials.named.get(&Credentials::key(name)).cloned());
    credentials.named.extend(own.map(|login| (Credentials::key("default"), login)));
    let usual = || [".netrc", "_netrc"].into_iter().filter_map(|name| environment.at_home(name)).collect();
    for file in environment.path("NETRC").map_or_else(usual, |file| vec![file]) {
        if let Some(text) = read_if_there(&file)? {
            credentials.netrc = Netrc::parse(&text);
            break;
        }
    }
    credentials.keyring = (settings.keyring.as_deref() == Some("subprocess")).then(Keyring::default);
    Ok(credentials)
}

fn pip_variables(environment: &Environment) -> Result<ToolSettings, CliError> {
    let text = pip_text(&[
        ("index-url", environment.text("PIP_INDEX_URL")),
        ("extra-index-url", environment.text("PIP_EXTRA_INDEX_URL")),
        ("find-links", environment.text("PIP_FIND_LINKS")),
        ("no-index", environment.text("PIP_NO_INDEX")),
        ("keyring-provider", environment.text("PIP_KEYRING_PROVIDER")),
    ]);
    let settings = understood("the PIP_… variables", pip_conf(&text))?;
    Ok(ToolSettings { certificates: environment.path("PIP_CERT"), ..settings })
}

/// pip's files, from the least to the most important.
///
/// [pip documentation, "Configuration"](https://pip.pypa.io/en/stable/topics/configuration/).
fn pip_files(environment: &Environment) -> Result<ToolSettings, CliError> {
    let named = environment.path("PIP_CONFIG_FILE");
    if named.as_deref() == Some(Path::new("/dev/null")) {
        return Ok(ToolSettings::default());
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

fn uv_variables(environment: &Environment) -> Result<ToolSettings, CliError> {
    let default = environment.text("UV_DEFAULT_INDEX").or_else(|| environment.text("UV_INDEX_URL"));
    let more = environment.text("UV_INDEX").or_else(|| environment.text("UV_EXTRA_INDEX_URL"));
    let tables = default.into_iter().map(|index| uv_index(index, "default = true"));
    let tables = tables.chain(more.unwrap_or_default().split_whitespace().map(|index| uv_index(index, "")));
    let settings = understood("the UV_… variables", pypi::uv_toml(&tables.collect::<String>()))?;
    Ok(ToolSettings { keyring: environment.text("UV_KEYRING_PROVIDER").map(str::to_owned), ..settings })
}

/// uv's files, from the least to the most important.
///
/// [uv documentation, "Configuration files"](https://docs.astral.sh/uv/concepts/configuration-files/).
fn uv_files(environment: &Environment) -> Result<ToolSettings, CliError> {
    let user = environment.config_home().map(|folder| folder.join("uv/uv.toml"));
    let usual = || std::iter::once(environment.etc("uv/uv.toml")).chain(user).collect();
    merged(&environment.path("UV_CONFIG_FILE").map_or_else(usual, |file| vec![file]), pypi::uv_toml)
}

fn merged(files: &[PathBuf], parse: fn(&str) -> Result<ToolSettings, IndexError>) -> Result<ToolSettings, CliError> {
    let mut settings = ToolSettings::default();
    for file in files {
        let Some(text) = read_if_there(file)? else { continue };
        let newer = understood(&format!("`{}`", file.display()), parse(&text))?;
        if newer.default != DefaultIndex::Public {
            (settings.default, settings.default_name) = (newer.default, newer.default_name);
        }
        settings.no_index = newer.no_index.or(settings.no_index);
        settings.keyring = newer.keyring.or(settings.keyring);
        settings.certificates = newer.certificates.or(settings.certificates);
        let replaced = |index: &Index| newer.indexes.iter().any(|other| is_folder(other) == is_folder(index));
        settings.indexes.retain(|index| !replaced(index));
        settings.indexes.extend(newer.indexes.iter().cloned());
    }
    Ok(settings)
}

/// What a tool says in its variables and in its files, where it is told by either to ask no index: what is said first
/// counts, and it counts for both.
fn without_index(voices: [ToolSettings; 2]) -> [ToolSettings; 2] {
    let no_index = voices.iter().find_map(|voice| voice.no_index).unwrap_or(false);
    voices.map(|mut voice| {
        if no_index && (voice.no_index.is_some() || voice.default != DefaultIndex::Public) {
            voice.default = DefaultIndex::Nowhere;
        }
        if no_index {
            voice.indexes.retain(|index| !matches!(index.location, Location::Simple(_)));
        }
        ToolSettings { no_index: Some(no_index), ..voice }
    })
}

/// Its folders, where they count, as absolute paths.
fn kept(mut settings: ToolSettings) -> ToolSettings {
    let no_index = settings.no_index == Some(true);
    settings.indexes.retain(|index| !is_folder(index) || no_index);
    for index in &mut settings.indexes {
        if let Location::Folder(folder) = &mut index.location
            && let Ok(absolute) = std::path::absolute(&*folder)
        {
            *folder = absolute;
        }
    }
    settings
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

fn understood(place: &str, settings: Result<ToolSettings, IndexError>) -> Result<ToolSettings, CliError> {
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
            Location::Simple(url) | Location::Links(url) => url.to_string(),
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
        assert_eq!(found(&[], &[("PIP_FIND_LINKS", "/w"), ("PIP_NO_INDEX", "True")]), ["nowhere", "links-1 /w"]);
        let none = ("etc/pip.conf", "[global]\nno-index = yes\nextra-index-url = https://e/s\n");
        assert_eq!(found(&[none], &[("PIP_FIND_LINKS", "/w")]), ["nowhere", "links-1 /w"]);
    }

    #[test]
    fn who_is_told_to_ask_no_index_asks_none() {
        let none = ("etc/pip.conf", "[global]\nno-index = true\nindex-url = https://system/s\n");
        let user = ("home/.config/pip/pip.conf", "[global]\nindex-url = https://user/s\n");
        let (own, no) = (("PIP_INDEX_URL", "https://p/s"), ("PIP_NO_INDEX", "off"));
        assert_eq!(found(&[none], &[]), ["nowhere"]);
        assert_eq!(found(&[none, user], &[own, ("PIP_EXTRA_INDEX_URL", "https://e/s")]), ["nowhere"]);
        assert_eq!(found(&[none], &[no]), ["https://system/s"]);
        assert_eq!(found(&[none, user], &[no]), ["https://user/s"]);
        // The other tool knows nothing of it, and speaks first here.
        assert_eq!(found(&[none], &[("UV_DEFAULT_INDEX", "https://u/s")]), ["https://u/s"]);
        let uv = ("etc/uv/uv.toml", "no-index = true\n[[index]]\nurl = \"https://x/s\"\n");
        let own = ("home/.config/uv/uv.toml", "[pip]\nindex-url = \"https://y/s\"\n");
        assert_eq!(found(&[uv, own], &[]), ["nowhere"]);
    }

    #[test]
    fn credentials_are_found_where_pip_and_uv_find_them() {
        let folder = tempfile::tempdir().unwrap();
        let netrc = |path: &str| {
            write_atomic(&folder.path().join(path), b"machine host login n password o").unwrap();
        };
        let found = |variables: &[(&str, &str)]| read(&Environment::of(folder.path(), variables)).unwrap().credentials;
        assert_eq!(found(&[]).netrc.find("host", None), None);
        netrc("home/_netrc");
        assert_eq!(found(&[]).netrc.find("host", None), Some(("n", "o")));
        netrc("other");
        let other = folder.path().join("other");
        assert_eq!(found(&[("NETRC", other.to_str().unwrap())]).netrc.find("host", None), Some(("n", "o")));
        assert_eq!(found(&[("NETRC", "/none")]).netrc.find("host", None), None);
        let variables = [
            ("UV_INDEX_MY_HOUSE_USERNAME", "u"),
            ("UV_INDEX_MY_HOUSE_PASSWORD", "p"),
            ("UV_INDEX_MAIN_PASSWORD", "q"),
            ("UV_DEFAULT_INDEX", "main=https://m/s"),
            ("UV_KEYRING_PROVIDER", "subprocess"),
        ];
        let credentials = found(&variables);
        let login = |key: &str| {
            let login = &credentials.named[key];
            (login.user.as_deref(), login.password.as_deref())
        };
        assert_eq!(login("MY_HOUSE"), (Some("u"), Some("p")));
        assert_eq!(login("DEFAULT"), (None, Some("q")));
        assert_eq!(credentials.keyring, Some(Keyring::default()));
        assert_eq!(found(&[variables[4], ("PIP_KEYRING_PROVIDER", "disabled")]).keyring, None);
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
