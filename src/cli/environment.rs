//! What the environment says: one snapshot of it, and the only place that takes it.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{args::Color, error::CliError};
use crate::{compiler::Search, registry::CredentialFiles};

/// Variables, home, root of the file system and time, as they were when the program started.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    variables: BTreeMap<OsString, OsString>,
    home: Option<PathBuf>,
    /// Where `etc` is.
    root: PathBuf,
    /// Seconds since 1970.
    pub(super) now: Option<u64>,
}

impl Environment {
    /// That of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for the time")]
    pub(super) fn of_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            home: std::env::home_dir().filter(|home| home.is_absolute()),
            root: PathBuf::from("/"),
            now: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs()),
        }
    }

    /// A variable that is set, not empty, and text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(OsString::from(name).as_os_str())?.to_str().filter(|text| !text.trim().is_empty())
    }

    /// Whether a variable is set, to nothing.
    pub(super) fn is_empty(&self, name: &OsStr) -> bool {
        self.variables.get(name).is_some_and(|value| value.is_empty())
    }

    /// The variables that begin with `prefix`, with the rest of their names.
    pub(super) fn beginning_with(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
        texts.filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value)))
    }

    /// A variable that is set and not empty, as a path.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.variables.get(OsString::from(name).as_os_str()).filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// `path`, below the user's home.
    pub(super) fn at_home(&self, path: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(path))
    }

    /// The folder of the user's settings.
    pub(super) fn config_home(&self) -> Option<PathBuf> {
        self.base_folder("XDG_CONFIG_HOME", ".config")
    }

    /// `path`, below the system's `etc`.
    pub(super) fn etc(&self, path: &str) -> PathBuf {
        self.root.join("etc").join(path)
    }

    /// Where interpreters are looked for: `WHEELWRIGHT_PYTHON` names some, as `PATH` names folders.
    pub(super) fn interpreters(&self) -> Search {
        let listed = |name: &str| {
            let value = self.variables.get(OsString::from(name).as_os_str());
            value.into_iter().flat_map(std::env::split_paths).filter(|path| path.is_absolute()).collect::<Vec<_>>()
        };
        Search { named: listed("WHEELWRIGHT_PYTHON"), folders: listed("PATH") }
    }

    /// The folder of the store where no flag names one.
    pub(super) fn store(&self) -> Result<PathBuf, CliError> {
        self.base_folder("XDG_CACHE_HOME", ".cache").map(|folder| folder.join("wheelwright")).ok_or(CliError::NoHome)
    }

    /// `SOURCE_DATE_EPOCH`, in seconds since 1970.
    ///
    /// [Specification](https://reproducible-builds.org/specs/source-date-epoch/).
    pub(super) fn epoch(&self) -> Result<Option<u64>, CliError> {
        match self.variables.get(OsString::from("SOURCE_DATE_EPOCH").as_os_str()) {
            None => Ok(None),
            Some(value) => {
                let digits = value.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                let seconds = digits.and_then(|text| text.parse().ok());
                seconds.map(Some).ok_or_else(|| CliError::Epoch { value: value.to_string_lossy().into_owned() })
            }
        }
    }

    /// Where Podman and Docker keep credentials.
    pub(super) fn credentials(&self) -> CredentialFiles {
        let below = |folder: Option<PathBuf>| folder.map(|folder| folder.join("containers/auth.json"));
        let usual = || [below(self.path("XDG_RUNTIME_DIR")), below(self.config_home())].into_iter().flatten().collect();
        let docker = self.path("DOCKER_CONFIG").or_else(|| self.at_home(".docker"));
        CredentialFiles {
            inline: self.text("DOCKER_AUTH_CONFIG").map(str::to_owned),
            auth_files: self.path("REGISTRY_AUTH_FILE").map_or_else(usual, |file| vec![file]),
            docker_config: docker.map(|folder| folder.join("config.json")),
        }
    }

    /// Whether to use colours, on a terminal or not.
    pub(super) fn color(&self, wanted: Color, terminal: bool) -> bool {
        match wanted {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if self.text("NO_COLOR").is_some() => false,
            Color::Auto if self.text("CLICOLOR_FORCE").is_some_and(|text| text != "0") => true,
            Color::Auto if self.text("CLICOLOR") == Some("0") => false,
            Color::Auto => terminal && self.text("TERM") != Some("dumb"),
        }
    }

    /// A folder of the XDG kind: an absolute one that a variable names, else one at home.
    ///
    /// [XDG base directories](https://specifications.freedesktop.org/basedir-spec/latest/).
    fn base_folder(&self, variable: &str, at_home: &str) -> Option<PathBuf> {
        self.path(variable).filter(|folder| folder.is_absolute()).or_else(|| self.at_home(at_home))
    }
}

/// The text of a file that need not exist.
pub(super) fn read_if_there(path: &Path) -> Result<Option<String>, CliError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(CliError::Read { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
impl Environment {
    /// One for tests: home and root below `folder`.
    pub(super) fn of(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        Self { variables, home: Some(folder.join("home")), root: folder.to_owned(), now: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::of(Path::new("/test"), variables)
    }

    #[test]
    fn the_epoch_is_a_whole_number_or_an_error() {
        let epoch = |value| environment(&[("SOURCE_DATE_EPOCH", value)]).epoch().ok();
        assert_eq!(epoch("1700000000"), Some(Some(1_700_000_000)));
        for wrong in ["", "-1", "+1", "1.5", "now", "99999999999999999999999"] {
            assert_eq!(epoch(wrong), None, "{wrong}");
        }
        assert_eq!(environment(&[]).epoch().ok(), Some(None));
    }

    #[test]
    fn credentials_are_looked_for_where_other_tools_keep_them() {
        let check = |variables: &[(&str, &str)], auth_files: &[&str], docker: &str| {
            let found = environment(variables).credentials();
            assert_eq!(found.auth_files, auth_files.iter().map(PathBuf::from).collect::<Vec<_>>(), "{variables:?}");
            assert_eq!(found.docker_config, Some(PathBuf::from(docker)), "{variables:?}");
        };
        let (usual, docker) = ("/test/home/.config/containers/auth.json", "/test/home/.docker/config.json");
        check(&[], &[usual], docker);
        check(&[("XDG_RUNTIME_DIR", "/run/me")], &["/run/me/containers/auth.json", usual], docker);
        check(&[("XDG_CONFIG_HOME", "/c")], &["/c/containers/auth.json"], docker);
        check(&[("REGISTRY_AUTH_FILE", "a.json"), ("XDG_RUNTIME_DIR", "/r")], &["a.json"], docker);
        check(&[("DOCKER_CONFIG", "/d")], &[usual], "/d/config.json");
    }

    #[test]
    fn the_store_has_a_usual_place() {
        let store = |variables: &[(&str, &str)]| environment(variables).store().unwrap();
        assert_eq!(store(&[]), Path::new("/test/home/.cache/wheelwright"));
        assert_eq!(store(&[("XDG_CACHE_HOME", "/c")]), Path::new("/c/wheelwright"));
        assert_eq!(store(&[("XDG_CACHE_HOME", "relative")]), Path::new("/test/home/.cache/wheelwright"));
    }

    #[test]
    fn colours_obey() {
        let check = |variables: &[(&str, &str)], wanted, terminal, expect| {
            assert_eq!(environment(variables).color(wanted, terminal), expect, "{variables:?} {wanted:?} {terminal}");
        };
        check(&[], Color::Auto, true, true);
        check(&[], Color::Auto, false, false);
        check(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], Color::Auto, true, false);
        check(&[("NO_COLOR", "")], Color::Auto, true, true);
        check(&[("CLICOLOR_FORCE", "1")], Color::Auto, false, true);
        check(&[("CLICOLOR_FORCE", "0")], Color::Auto, false, false);
        check(&[("CLICOLOR", "0")], Color::Auto, true, false);
        check(&[("CLICOLOR", "1")], Color::Auto, false, false);
        check(&[("CLICOLOR", "0"), ("CLICOLOR_FORCE", "1")], Color::Auto, false, true);
        check(&[("TERM", "dumb")], Color::Auto, true, false);
        check(&[("NO_COLOR", "1")], Color::Always, false, true);
        check(&[], Color::Never, true, false);
    }
}
