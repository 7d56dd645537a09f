//! Addresses that a registry sends us to, and whether we go there.

use reqwest::header::{HeaderMap, LINK};
use url::Url;

use super::host::is_inside;

/// Why a registry's address is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is none.
    #[error("there is no address")]
    Missing,
    /// It is no URL.
    #[error("it is not a URL")]
    Malformed,
    /// It is neither http nor https.
    #[error("it is neither http nor https")]
    Scheme,
    /// It leads from https to http.
    #[error("it leads from https to http")]
    Downgrade,
    /// It leads from a public registry into a private network.
    #[error("it leads into a private network")]
    Inside,
    /// It leads to another server, where a list cannot go on.
    #[error("it leads to another server")]
    Elsewhere,
}

/// Follows `location`, absolute or relative, seen at `base`.
pub(super) fn follow(base: &Url, location: &str) -> Result<Url, Refusal> {
    if location.is_empty() {
        return Err(Refusal::Missing);
    }
    let url = base.join(location).map_err(|_| Refusal::Malformed)?;
    check(base, &url)?;
    Ok(url)
}

/// Where the list at `asked` goes on, by the headers of its answer: `Link: <…>; rel="next"`.
///
/// [Distribution specification, "Listing Tags"](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags).
pub(super) fn next_page(asked: &Url, headers: &HeaderMap) -> Result<Option<Url>, Refusal> {
    let texts = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let mut links = texts.flat_map(|text| text.split('<').skip(1)).filter_map(|link| link.split_once('>'));
    let is_next = |parameter: &str| {
        let name = parameter.trim().split_once('=');
        name.is_some_and(|(name, value)| name.trim() == "rel" && value.trim().trim_matches('"') == "next")
    };
    let next = links.find(|(_, parameters)| parameters.split([';', ',']).any(is_next));
    let Some((target, _)) = next else { return Ok(None) };
    let mut next = asked.join(target).map_err(|_| Refusal::Malformed)?;
    // Behind a proxy that ends TLS, registries write addresses without it.
    if next.host() == asked.host() && next.path() == asked.path() {
        let query = next.query().map(str::to_owned);
        next = asked.clone();
        next.set_query(query.as_deref());
    }
    if same_server(asked, &next) { Ok(Some(next)) } else { Err(Refusal::Elsewhere) }
}

/// Whether the registry at `base` may send us to `url`. A public registry must not make us knock at
/// doors that only this machine can reach.
pub(super) fn check(base: &Url, url: &Url) -> Result<(), Refusal> {
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(Refusal::Scheme);
    }
    if base.scheme() == "https" && url.scheme() != "https" {
        return Err(Refusal::Downgrade);
    }
    if is_inside(url) && !is_inside(base) && url.host() != base.host() {
        return Err(Refusal::Inside);
    }
    Ok(())
}

/// Whether both are one server: credentials for one may go to the other.
pub(super) fn same_server(left: &Url, right: &Url) -> bool {
    left.origin() == right.origin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_followed_or_refused() {
        let check = |base: &str, location: &str, expect: Result<&str, Refusal>| {
            let found = follow(&Url::parse(base).unwrap(), location);
            assert_eq!(found.as_ref().map(Url::as_str), expect.as_ref().copied(), "{base} {location}");
        };
        let base = "https://reg.example/v2/a/blobs/uploads/";
        check(base, "/v2/a/blobs/uploads/7?state=x", Ok("https://reg.example/v2/a/blobs/uploads/7?state=x"));
        check(base, "7", Ok("https://reg.example/v2/a/blobs/uploads/7"));
        check(base, "https://store.example/x?sig=1", Ok("https://store.example/x?sig=1"));
        check(base, "http://store.example/x", Err(Refusal::Downgrade));
        check(base, "https://127.0.0.1/x", Err(Refusal::Inside));
        check(base, "https://169.254.169.254/latest", Err(Refusal::Inside));
        check(base, "https://localhost/x", Err(Refusal::Inside));
        check(base, "file:///etc/passwd", Err(Refusal::Scheme));
        check(base, "", Err(Refusal::Missing));
        check("http://127.0.0.1:1/v2/", "http://127.0.0.1:2/x", Ok("http://127.0.0.1:2/x"));
    }

    #[test]
    fn lists_go_on_where_their_link_says_and_nowhere_else() {
        let asked = Url::parse("https://reg.example/v2/a/tags/list?n=2").unwrap();
        let check = |links: &[&str], expect: Result<Option<&str>, Refusal>| {
            let mut headers = HeaderMap::new();
            for link in links {
                headers.append(LINK, link.parse().unwrap());
            }
            let found = next_page(&asked, &headers);
            let found = found.as_ref().map(|url| url.as_ref().map(Url::as_str));
            assert_eq!(found, expect.as_ref().map(|url| *url), "{links:?}");
        };
        let next = Ok(Some("https://reg.example/v2/a/tags/list?n=2&last=b"));
        for link in [
            r#"</v2/a/tags/list?n=2&last=b>; rel="next""#,
            r"<https://reg.example/v2/a/tags/list?n=2&last=b>;rel=next",
            r#"<http://reg.example:5000/v2/a/tags/list?n=2&last=b>; rel="next""#,
            r#"</v2/a/tags/list?n=2>; rel="first", <?n=2&last=b>; title="x"; rel="next", <?n=2>; rel=last"#,
        ] {
            check(&[link], next);
        }
        check(&[r"<?n=2>; rel=first", r"<?n=2&last=b>; rel=next"], next);
        check(&[r#"</v2/team/a/tags/list?n=2>; rel="next""#], Ok(Some("https://reg.example/v2/team/a/tags/list?n=2")));
        for none in [&[][..], &[r"</x>; rel=prev"], &["x"], &["</x"]] {
            check(none, Ok(None));
        }
        for elsewhere in ["https://other.example/v2/a/tags/list", "http://reg.example/v2/b/tags/list", "file:///x"] {
            check(&[&format!("<{elsewhere}>; rel=next")], Err(Refusal::Elsewhere));
        }
        check(&["<https://:x>; rel=next"], Err(Refusal::Malformed));
    }

    #[test]
    fn another_port_is_another_server() {
        let check = |left: &str, right: &str, expect: bool| {
            assert_eq!(same_server(&Url::parse(left).unwrap(), &Url::parse(right).unwrap()), expect, "{left} {right}");
        };
        check("https://a.example/x", "https://a.example:443/y", true);
        check("https://a.example/", "http://a.example/", false);
        check("http://127.0.0.1:1/", "http://127.0.0.1:2/", false);
    }
}
