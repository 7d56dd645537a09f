//! Environment variables of images, and `${NAME}` in them.

use std::collections::BTreeMap;

use serde_json::Value;

/// Where programs are looked for when an image does not say: what every engine assumes.
pub(super) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variables with which containers of the image with this config start; none is the config of
/// `scratch`.
#[must_use]
pub fn variables(config: Option<&Value>) -> BTreeMap<String, String> {
    let listed = config.and_then(|config| config["config"]["Env"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let split = |entry: &Value| entry.as_str()?.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let mut variables: BTreeMap<String, String> = listed.iter().filter_map(split).collect();
    variables.entry("PATH".to_owned()).or_insert_with(|| DEFAULT_PATH.to_owned());
    variables
}

/// `text` with the values of `variables` in place of `${NAME}`. `${NAME:-text}` is `text` where there is no
/// value, or an empty one; `$${` is `${`, and any other `$` is itself.
///
/// # Errors
/// With the name of a variable that there is not.
pub fn expanded(text: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = (&rest[..start], &rest[start + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            out.extend([before, "${"]);
            rest = after;
            continue;
        }
        out.push_str(before);
        let reference = after.split_once('}').map(|(inner, rest)| {
            (inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default))), rest)
        });
        match reference {
            Some(((name, default), behind)) if is_name(name) => {
                let value =
                    variables.get(name).map(String::as_str).filter(|value| default.is_none() || !value.is_empty());
                out.push_str(value.or(default).ok_or_else(|| name.to_owned())?);
                rest = behind;
            }
            _ => {
                out.push_str("${");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn is_name(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().all(word) && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_stand_in_place_of_names() {
        let config = json!({ "config": { "Env": ["A=1", "EMPTY=", "EQUAL=x=y"] } });
        let known = variables(Some(&config));
        let check = |text: &str, expect: Result<&str, &str>| {
            assert_eq!(expanded(text, &known), expect.map(str::to_owned).map_err(str::to_owned), "{text}");
        };
        check("/opt/bin:${PATH}", Ok(&format!("/opt/bin:{DEFAULT_PATH}")));
        check("${A}${A}-${EQUAL}", Ok("11-x=y"));
        check("${EMPTY}|${EMPTY:-b}|${NONE:-}|${NONE:-a b}", Ok("|b||a b"));
        check("$A $$ $${A} ${ ${} ${1} ${A", Ok("$A $$ ${A} ${ ${} ${1} ${A"));
        check("é${A}é", Ok("é1é"));
        check("x${NONE}", Err("NONE"));
    }
}
