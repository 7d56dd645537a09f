//! The mirrors of Debian's archives: named in variables, else those that apt uses on a Debian host.
//!
//! Only where the archives are is taken over: what comes from a mirror is checked against its signed
//! release file whichever mirror it is.

use std::path::Path;

use url::Url;

use super::{
    environment::{Environment, read_if_there},
    error::CliError,
};
use crate::{
    apt::{DEBIAN, Mirrors, SECURITY},
    fs::sorted_entries,
};

/// Reads variables and apt's files.
///
/// # Errors
/// When a variable does not hold URLs. Files that cannot be read or understood are passed over.
pub(super) fn read(environment: &Environment) -> Result<Mirrors, CliError> {
    let debian = own(environment, "WHEELWRIGHT_DEBIAN_MIRROR")?;
    let security = own(environment, "WHEELWRIGHT_DEBIAN_SECURITY_MIRROR")?;
    let host = host(environment);
    let or_host = |own: Vec<Url>, archive| if own.is_empty() { of_archive(&host, archive) } else { own };
    Ok(Mirrors::new(or_host(debian, DEBIAN), or_host(security, SECURITY)))
}

fn own(environment: &Environment, variable: &'static str) -> Result<Vec<Url>, CliError> {
    let words = environment.text(variable).unwrap_or_default().split_whitespace();
    words.map(|word| mirror(word).ok_or(CliError::Mirror { variable })).collect()
}

/// Every URL that apt is set up for, on a host that runs Debian.
fn host(environment: &Environment) -> Vec<Url> {
    let read = |path: &Path| read_if_there(path).ok().flatten().unwrap_or_default();
    if !read(&environment.etc("os-release")).lines().any(|line| matches!(line, "ID=debian" | "ID=\"debian\"")) {
        return Vec::new();
    }
    let mut urls = one_line(&read(&environment.etc("apt/sources.list")));
    for entry in sorted_entries(&environment.etc("apt/sources.list.d")).unwrap_or_default() {
        let path = entry.path();
        match path.extension().and_then(std::ffi::OsStr::to_str) {
            Some("list") => urls.extend(one_line(&read(&path))),
            Some("sources") => urls.extend(deb822(&read(&path))),
            _ => {}
        }
    }
    urls
}

/// The URLs of the binary packages in apt's older format.
///
/// sources.list(5), "One-line-style format".
fn one_line(text: &str) -> Vec<Url> {
    let url = |line: &str| {
        let rest = line.split('#').next()?.trim().strip_prefix("deb")?;
        let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
        let rest = if rest.starts_with('[') { rest.split_once(']')?.1 } else { rest };
        mirror(rest.split_whitespace().next()?)
    };
    text.lines().filter_map(url).collect()
}

/// The URLs of the binary packages in apt's newer format.
///
/// sources.list(5), "deb822-style format".
fn deb822(text: &str) -> Vec<Url> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let stanzas = lines.split(|line| line.trim().is_empty());
    stanzas.map(fields).filter(|fields| is_used(fields)).flat_map(|fields| uris(&fields)).collect()
}

/// Names in lower case, and values with their continuations.
fn fields(stanza: &[&str]) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in stanza {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.to_owned()));
        }
    }
    fields
}

fn is_used(fields: &[(String, String)]) -> bool {
    let has = |name: &str, word: &str| words(fields, name).any(|found| found.eq_ignore_ascii_case(word));
    has("types", "deb") && !["no", "false", "off", "0"].iter().any(|word| has("enabled", word))
}

fn uris(fields: &[(String, String)]) -> Vec<Url> {
    words(fields, "uris").filter_map(mirror).collect()
}

fn words<'a>(fields: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    let found = fields.iter().find(|(found, _)| found == name);
    found.map_or("", |(_, value)| value.as_str()).split_whitespace()
}

fn mirror(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Those whose path ends in the archive's name, each once.
fn of_archive(urls: &[Url], archive: &str) -> Vec<Url> {
    let mut found: Vec<Url> = Vec::new();
    for url in urls {
        let is_it = url.path().trim_end_matches('/').rsplit('/').next() == Some(archive);
        if is_it
            && !found.iter().any(|other| other.as_str().trim_end_matches('/') == url.as_str().trim_end_matches('/'))
        {
            found.push(url.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::write_atomic;

    fn shown(urls: &[Url]) -> Vec<&str> {
        urls.iter().map(Url::as_str).collect()
    }

    #[test]
    fn the_one_line_format_is_understood() {
        let text = "# deb http://no/debian x main\n\
                    deb http://a/debian bookworm main # comment\n\
                    deb-src http://no/debian bookworm main\n\
                    deb [ arch=amd64 signed-by=/k.gpg ] https://b/path/debian-security bookworm-security main\n\
                    deb [broken http://no/debian x\n\
                    deb\tfile:/mirror/debian bookworm main\n\
                    debhttp://no/debian x\n";
        assert_eq!(shown(&one_line(text)), ["http://a/debian", "https://b/path/debian-security"]);
    }

    #[test]
    fn the_deb822_format_is_understood() {
        let text = "Types: deb deb-src\nURIs: http://a/debian\n http://b/debian/\nSuites: bookworm\n# c\n\n\
                    types: deb\nuris: http://c/debian-security mirror+file:/x\nEnabled: yes\n\n\n\
                    Types: deb-src\nURIs: http://no/debian\n\n\
                    Types: deb\nEnabled: no\nURIs: http://no/debian\n";
        assert_eq!(shown(&deb822(text)), ["http://a/debian", "http://b/debian/", "http://c/debian-security"]);
    }

    #[test]
    fn archives_are_told_by_their_paths() {
        let text =
            ["http://a/debian", "http://a/debian/", "http://b/x/debian", "http://c/debian-security", "http://d/"];
        let urls: Vec<Url> = text.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(shown(&of_archive(&urls, DEBIAN)), ["http://a/debian", "http://b/x/debian"]);
        assert_eq!(shown(&of_archive(&urls, SECURITY)), ["http://c/debian-security"]);
    }

    #[test]
    fn variables_come_before_the_host_and_the_host_must_be_debian() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| write_atomic(&folder.path().join(path), text.as_bytes()).unwrap();
        write("etc/apt/sources.list", "deb http://a/debian bookworm main\n");
        write("etc/apt/sources.list.d/b.sources", "Types: deb\nURIs: http://b/debian\nSuites: x\n");
        write("etc/apt/sources.list.d/c.list.off", "deb http://no/debian bookworm main\n");
        let mirrors = |variables: &[(&str, &str)]| {
            let mirrors = read(&Environment::of(folder.path(), variables)).unwrap();
            let hosts = |url: &Url| url.host_str().unwrap().to_owned();
            mirrors.urls(DEBIAN, "dists").iter().map(hosts).collect::<Vec<_>>()
        };
        write("etc/os-release", "NAME=x\nID=ubuntu\n");
        let public = Mirrors::default().urls(DEBIAN, "dists")[0].host_str().unwrap().to_owned();
        assert_eq!(mirrors(&[]), [public]);
        write("etc/os-release", "NAME=x\nID=debian\n");
        assert_eq!(mirrors(&[]), ["a", "b"]);
        assert_eq!(mirrors(&[("WHEELWRIGHT_DEBIAN_MIRROR", "http://own/d http://other/d")]), ["own", "other"]);
        let wrong = Environment::of(folder.path(), &[("WHEELWRIGHT_DEBIAN_MIRROR", "own")]);
        assert!(matches!(read(&wrong), Err(CliError::Mirror { .. })));
    }
}
