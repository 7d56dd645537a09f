//! What holds for one registry and not for others: where its API is reached, whether TLS is spoken
//! there, what stands in for it, and how it takes uploads.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use url::{Host, Url};

/// Settings of a registry client.
#[derive(Clone, Debug)]
pub struct Options {
    /// Registries, host and port, that are spoken to without TLS. Loopback hosts always are.
    pub plain_http: BTreeSet<String>,
    /// Registry → mirrors that are read before it, first to last: each a host, and the path below
    /// which it keeps the registry's repositories.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Registry → bytes of which an upload may consist at most. Where one is named, blobs are sent in
    /// so many requests; elsewhere in one, which every registry understands best.
    pub chunks: BTreeMap<String, u64>,
    /// Uploads to one registry at the same time.
    pub uploads: usize,
    /// Other requests to one registry at the same time.
    pub requests: usize,
}

impl Default for Options {
    fn default() -> Self {
        let (plain_http, mirrors, chunks) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        Self { plain_http, mirrors, chunks, uploads: 4, requests: 16 }
    }
}

impl Options {
    /// Host and repository of each mirror of a repository.
    pub(super) fn mirrors(&self, registry: &str, repository: &str) -> Vec<(String, String)> {
        let mirrors = self.mirrors.get(registry).into_iter().flatten();
        let place = |mirror: &String| match mirror.trim_end_matches('/').split_once('/') {
            Some((host, path)) => (host.to_owned(), format!("{path}/{repository}")),
            None => (mirror.trim_end_matches('/').to_owned(), repository.to_owned()),
        };
        mirrors.map(place).collect()
    }

    /// The root of `registry`'s API, or nothing when its name makes no URL.
    pub(super) fn root(&self, registry: &str) -> Option<Url> {
        let host = api_host(registry);
        let https = Url::parse(&format!("https://{host}/v2/")).ok()?;
        let plain = self.plain_http.contains(registry) || https.host().is_some_and(|host| is_loopback(&host));
        if plain { Url::parse(&format!("http://{host}/v2/")).ok() } else { Some(https) }
    }
}

/// Docker Hub is named after one host and answers at another.
fn api_host(registry: &str) -> &str {
    match registry {
        "docker.io" | "index.docker.io" => "registry-1.docker.io",
        other => other,
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Whether `url` leads into a network that is nobody's but the machine's or the house's own.
pub(super) fn is_inside(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_inside_address(address.into()),
        Some(Host::Ipv6(address)) => is_inside_address(address.to_canonical()),
        Some(host @ Host::Domain(_)) => is_loopback(&host),
        None => false,
    }
}

fn is_inside_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified()
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_named_hosts_are_plain() {
        let options = Options { plain_http: ["corp.example:5000".to_owned()].into(), ..Options::default() };
        let check = |registry: &str, expect: &str| {
            assert_eq!(options.root(registry).unwrap().as_str(), expect, "{registry}");
        };
        check("docker.io", "https://registry-1.docker.io/v2/");
        check("ghcr.io", "https://ghcr.io/v2/");
        check("127.0.0.1:5000", "http://127.0.0.1:5000/v2/");
        check("127.8.8.8", "http://127.8.8.8/v2/");
        check("localhost:80", "http://localhost/v2/");
        check("[::1]:5000", "http://[::1]:5000/v2/");
        check("localhost.example.com", "https://localhost.example.com/v2/");
        check("10.0.0.1:5000", "https://10.0.0.1:5000/v2/");
        check("corp.example:5000", "http://corp.example:5000/v2/");
        check("corp.example", "https://corp.example/v2/");
        assert!(options.root("a b").is_none());
    }

    #[test]
    fn mirrors_may_keep_repositories_below_a_path() {
        let mirrors = vec!["mirror.example".to_owned(), "harbor.example:8443/hub/".to_owned()];
        let options = Options { mirrors: [("docker.io".to_owned(), mirrors)].into(), ..Options::default() };
        let found = options.mirrors("docker.io", "library/python");
        let expect = [("mirror.example", "library/python"), ("harbor.example:8443", "hub/library/python")];
        assert_eq!(found, expect.map(|(host, path)| (host.to_owned(), path.to_owned())));
        assert!(options.mirrors("ghcr.io", "a").is_empty());
    }

    #[test]
    fn inside_addresses_are_known() {
        let check = |url: &str, expect: bool| assert_eq!(is_inside(&Url::parse(url).unwrap()), expect, "{url}");
        for url in ["http://127.0.0.1", "http://10.1.2.3", "http://169.254.169.254", "http://[::1]", "http://0.0.0.0"] {
            check(url, true);
        }
        check("http://[::ffff:10.0.0.1]", true);
        check("http://2130706433", true);
        check("http://8.8.8.8", false);
        check("https://ghcr.io", false);
    }
}
