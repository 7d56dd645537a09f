//! How this machine reaches the network: proxies, and the authorities that are trusted besides the
//! system's own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{environment::Environment, error::CliError};
use crate::http::{Options, Proxies, certificates};

/// The options that the environment asks for; `pip` is the bundle of certificates that pip uses.
///
/// # Errors
/// When a bundle of certificates is missing or none.
pub(super) fn read(environment: &Environment, pip: Option<PathBuf>) -> Result<Options, CliError> {
    let bundles = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"].into_iter().filter_map(|name| environment.path(name));
    let mut bundles: Vec<PathBuf> = pip.into_iter().chain(bundles).collect();
    bundles.sort();
    bundles.dedup();
    // What SSL_CERT_FILE names is the system's own already, and mostly named thrice.
    bundles.retain(|bundle| environment.path("SSL_CERT_FILE").as_ref() != Some(bundle));
    let mut roots = Vec::new();
    for bundle in bundles {
        roots.extend(bundle_of(&bundle)?);
    }
    Ok(Options { proxies: proxies(environment), roots, ..Options::default() })
}

/// The variables that curl, pip and uv read; small letters come first, and `HTTP_PROXY` counts for
/// nothing in a CGI script, where a visitor can set it.
fn proxies(environment: &Environment) -> Proxies {
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| environment.text(name)).map(str::to_owned);
    let all = || text(["all_proxy", "ALL_PROXY"]);
    let in_cgi = environment.text("REQUEST_METHOD").is_some();
    let http = text(["http_proxy", if in_cgi { "http_proxy" } else { "HTTP_PROXY" }]).or_else(all);
    let https = text(["https_proxy", "HTTPS_PROXY"]).or_else(all);
    Proxies { http, https, except: text(["no_proxy", "NO_PROXY"]) }
}

/// The certificates of a PEM file, or of all in a folder.
///
/// # Errors
/// When it cannot be read, or a file holds none.
pub(super) fn bundle_of(path: &Path) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, CliError> {
    let read = |path: &Path| fs::read(path).map_err(|source| CliError::Read { path: path.to_owned(), source });
    if !path.is_dir() {
        return certificates(&read(path)?).ok_or_else(|| CliError::Certificates { path: path.to_owned() });
    }
    let entries = crate::fs::sorted_entries(path);
    let entries = entries.map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    let files = entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_file());
    Ok(files.filter_map(|file| certificates(&read(&file).ok()?)).flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::write_atomic;

    #[test]
    fn proxies_are_what_other_programs_take_them_to_be() {
        let check = |variables: &[(&str, &str)], http: Option<&str>, https: Option<&str>| {
            let found = proxies(&Environment::of(Path::new("/none"), variables));
            assert_eq!((found.http.as_deref(), found.https.as_deref()), (http, https), "{variables:?}");
        };
        check(&[], None, None);
        check(&[("HTTP_PROXY", "a"), ("https_proxy", "b")], Some("a"), Some("b"));
        check(&[("HTTP_PROXY", "a"), ("http_proxy", "b")], Some("b"), None);
        check(&[("HTTP_PROXY", "a"), ("REQUEST_METHOD", "GET")], None, None);
        check(&[("ALL_PROXY", "a"), ("HTTPS_PROXY", "b")], Some("a"), Some("b"));
        let found = proxies(&Environment::of(Path::new("/none"), &[("NO_PROXY", "x,.y")]));
        assert_eq!(found.except.as_deref(), Some("x,.y"));
    }

    #[test]
    fn bundles_are_read_once_and_named_when_they_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let pem = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        write_atomic(&path("own.pem"), pem).unwrap();
        write_atomic(&path("not.pem"), b"hello").unwrap();
        let roots = |variables: &[(&str, &Path)], pip: Option<PathBuf>| {
            let texts: Vec<_> = variables.iter().map(|(name, path)| (*name, path.to_str().unwrap())).collect();
            read(&Environment::of(folder.path(), &texts), pip).map(|options| options.roots.len())
        };
        let own = path("own.pem");
        assert_eq!(roots(&[], None).unwrap(), 0);
        assert_eq!(roots(&[("REQUESTS_CA_BUNDLE", &own), ("CURL_CA_BUNDLE", &own)], Some(own.clone())).unwrap(), 1);
        assert_eq!(roots(&[("REQUESTS_CA_BUNDLE", &own), ("SSL_CERT_FILE", &own)], None).unwrap(), 0);
        assert_eq!(roots(&[("CURL_CA_BUNDLE", folder.path())], None).unwrap(), 1);
        let error = roots(&[("CURL_CA_BUNDLE", &path("not.pem"))], None).unwrap_err();
        assert_eq!(error.to_string(), format!("`{}` holds no certificates", path("not.pem").display()));
        assert!(matches!(roots(&[("CURL_CA_BUNDLE", &path("none"))], None), Err(CliError::Read { .. })));
    }
}
