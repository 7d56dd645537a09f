//! What a registry asks for in `WWW-Authenticate`.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// One challenge (RFC 9110, 11.6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

/// The challenges of an answer that we can meet, Bearer first.
pub(super) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let mut found: Vec<Challenge> = values.flat_map(parse).collect();
    found.sort_by_key(|challenge| matches!(challenge, Challenge::Basic));
    found
}

/// Reads one header, which may carry several challenges. Names are of any case; commas inside quotes
/// separate nothing.
fn parse(header: &str) -> Vec<Challenge> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for item in items(header) {
        let (name, value) = match item.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(unquoted(value.trim()))),
            None => (item, None),
        };
        // `Bearer realm="…"`: the scheme stands in front of its first parameter.
        let name = match (name.split_once(char::is_whitespace), &value) {
            (Some((scheme, name)), _) => {
                found.push((scheme.to_ascii_lowercase(), Vec::new()));
                name.trim_start()
            }
            (None, None) => {
                found.push((name.to_ascii_lowercase(), Vec::new()));
                continue;
            }
            (None, Some(_)) => name,
        };
        if let (Some((_, parameters)), Some(value)) = (found.last_mut(), value) {
            parameters.push((name.to_ascii_lowercase(), value));
        }
    }
    found.into_iter().filter_map(|(scheme, parameters)| challenge(&scheme, parameters)).collect()
}

fn challenge(scheme: &str, mut parameters: Vec<(String, String)>) -> Option<Challenge> {
    let mut take = |name: &str| {
        let position = parameters.iter().position(|(found, _)| found == name)?;
        Some(parameters.swap_remove(position).1)
    };
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer { realm: take("realm")?, service: take("service"), scope: take("scope") }),
        _ => None,
    }
}

/// The parts between commas that stand outside of quotes.
fn items(header: &str) -> Vec<&str> {
    let (mut found, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (position, letter) in header.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                found.push(&header[start..position]);
                start = position + 1;
            }
            _ => {}
        }
    }
    found.push(&header[start..]);
    found.into_iter().map(str::trim).filter(|item| !item.is_empty()).collect()
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else { return value.to_owned() };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut escaped = false;
    inner
        .chars()
        .filter(|letter| {
            escaped = !escaped && *letter == '\\';
            !escaped
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let owned = |text: &str| text.to_owned();
        Challenge::Bearer { realm: realm.to_owned(), service: service.map(owned), scope: scope.map(owned) }
    }

    #[test]
    fn challenges_of_any_shape_are_read() {
        let check = |header: &str, expect: &[Challenge]| assert_eq!(parse(header), expect, "{header}");
        let token = "https://auth.example/token";
        check(
            r#"Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push""#,
            &[bearer(token, Some("reg"), Some("repository:a/b:pull,push"))],
        );
        check(r#"bearer  REALM=https://auth.example/token , service = "r\"g""#, &[bearer(token, Some("r\"g"), None)]);
        check(
            r#"Basic realm="x, y", Bearer realm="https://auth.example/token""#,
            &[Challenge::Basic, bearer(token, None, None)],
        );
        check(r#"Negotiate, Basic realm="x""#, &[Challenge::Basic]);
        check("Basic", &[Challenge::Basic]);
        for nothing in ["", ",", "Digest realm=\"x\"", "Bearer service=\"x\"", "=\"", "\""] {
            check(nothing, &[]);
        }
    }

    #[test]
    fn bearer_goes_before_basic_over_all_headers() {
        let mut headers = HeaderMap::new();
        headers.append(WWW_AUTHENTICATE, "Basic realm=\"x\"".parse().unwrap());
        headers.append(WWW_AUTHENTICATE, "Bearer realm=\"r\"".parse().unwrap());
        assert_eq!(challenges(&headers), [bearer("r", None, None), Challenge::Basic]);
    }
}
