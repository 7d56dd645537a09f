//! Image configs: the base's config with changes, everything that is not understood kept.
//!
//! [Image specification, config](https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::variables::DEFAULT_PATH;
use crate::oci::{DiffId, Platform};

/// What is changed in a base's config. Fields that are none stay as the base has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigChanges {
    /// The command. Setting it drops the base's default arguments, as a Dockerfile does.
    pub entrypoint: Option<Vec<String>>,
    /// Default arguments.
    pub cmd: Option<Vec<String>>,
    /// Environment variables, each replacing the base's of the same name.
    pub env: BTreeMap<String, String>,
    /// `user[:group]`.
    pub user: Option<String>,
    /// Working directory.
    pub workdir: Option<String>,
    /// Labels, each replacing the base's of the same name.
    pub labels: BTreeMap<String, String>,
    /// `8080/tcp`, added to the base's.
    pub ports: Vec<String>,
    /// Mount points, added to the base's.
    pub volumes: Vec<String>,
    /// Signal that stops the container.
    pub stop_signal: Option<String>,
}

/// A layer as it stands in a config: its diff id, and the line of history that tells how it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigLayer {
    /// SHA-256 of the uncompressed layer.
    pub diff_id: DiffId,
    /// `created_by` in the history.
    pub created_by: String,
}

/// The config of an image for `platform` over `base` (none from scratch), with `layers` on top.
/// `created` is in seconds since 1970.
#[must_use]
pub fn derive_config(
    base: Option<&Value>,
    platform: &Platform,
    changes: &ConfigChanges,
    layers: &[ConfigLayer],
    created: u64,
) -> Value {
    let mut config = base.and_then(Value::as_object).cloned().unwrap_or_default();
    let created = rfc3339(created);
    config.insert("created".into(), created.clone().into());
    config.insert("architecture".into(), platform.architecture().into());
    config.insert("os".into(), platform.os().into());
    if let Some(variant) = platform.variant() {
        config.insert("variant".into(), variant.into());
    }
    let inner = object(&mut config, "config");
    if base.is_none() {
        inner.insert("Env".into(), json!([format!("PATH={DEFAULT_PATH}")]));
    }
    apply(changes, inner);
    let rootfs = object(&mut config, "rootfs");
    rootfs.insert("type".into(), "layers".into());
    array(rootfs, "diff_ids").extend(layers.iter().map(|layer| Value::from(layer.diff_id.to_string())));
    // History is all or nothing: a base that has none, but layers, must not get half of one.
    let complete = base.is_none_or(|base| base.get("history").is_some() || diff_ids(base) == 0);
    if complete {
        let entry = |layer: &ConfigLayer| json!({ "created": created, "created_by": layer.created_by });
        array(&mut config, "history").extend(layers.iter().map(entry));
    }
    Value::Object(config)
}

/// `seconds` since 1970 as RFC 3339 in UTC.
#[must_use]
pub fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's civil_from_days, for days after 1970: eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year_of_era + era * 400 + carry;
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// What a config says that its image is for; nothing where it says nothing, or a platform that is
/// not known.
#[must_use]
pub fn platform_of(config: &[u8]) -> Option<Platform> {
    let value: Value = serde_json::from_slice(config).ok()?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let name = format!("{}/{}", field("os")?, field("architecture")?);
    match field("variant") {
        Some(variant) => format!("{name}/{variant}"),
        None => name,
    }
    .parse()
    .ok()
}

fn apply(changes: &ConfigChanges, config: &mut Map<String, Value>) {
    if let Some(entrypoint) = &changes.entrypoint {
        config.insert("Entrypoint".into(), json!(entrypoint));
        config.remove("Cmd");
    }
    for (key, value) in
        [("User", &changes.user), ("WorkingDir", &changes.workdir), ("StopSignal", &changes.stop_signal)]
    {
        if let Some(value) = value {
            config.insert(key.into(), value.clone().into());
        }
    }
    if let Some(cmd) = &changes.cmd {
        config.insert("Cmd".into(), json!(cmd));
    }
    if !changes.env.is_empty() {
        set_variables(array(config, "Env"), &changes.env);
    }
    for (key, names) in [("ExposedPorts", &changes.ports), ("Volumes", &changes.volumes)] {
        if !names.is_empty() {
            object(config, key).extend(names.iter().map(|name| (name.clone(), json!({}))));
        }
    }
    if !changes.labels.is_empty() {
        object(config, "Labels").extend(changes.labels.iter().map(|(key, value)| (key.clone(), value.clone().into())));
    }
}

/// Replaces variables by name, in their places; new ones follow, sorted.
fn set_variables(list: &mut Vec<Value>, variables: &BTreeMap<String, String>) {
    for (name, value) in variables {
        let same =
            |entry: &Value| entry.as_str().and_then(|text| text.split_once('=')).is_some_and(|(key, _)| key == name);
        let entry = Value::from(format!("{name}={value}"));
        match list.iter_mut().find(|entry| same(entry)) {
            Some(place) => *place = entry,
            None => list.push(entry),
        }
    }
}

fn diff_ids(config: &Value) -> usize {
    config["rootfs"]["diff_ids"].as_array().map_or(0, Vec::len)
}

fn object<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = map.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("it was made an object")
}

fn array<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Vec<Value> {
    let value = map.entry(key).or_insert(Value::Null);
    if !value.is_array() {
        *value = json!([]);
    }
    value.as_array_mut().expect("it was made an array")
}

/// The seconds since 1970 of a time in UTC as [`rfc3339`] writes it; nothing of any other.
#[must_use]
pub fn seconds(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    // Days from 1970-03-01, in years that begin in March.
    let (years, months) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = years * 365 + years / 4 - years / 100 + years / 400 + (months * 153 + 2) / 5 + day;
    let days = days.checked_sub(719_469)?;
    let found = days * 86_400 + number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    (rfc3339(found) == text).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;

    fn layer() -> ConfigLayer {
        ConfigLayer { diff_id: DiffId(Digest::of(b"")), created_by: "wheelwright: wheels".to_owned() }
    }

    fn derive(base: Option<&Value>, changes: &ConfigChanges) -> Value {
        derive_config(base, &"linux/arm/v7".parse().unwrap(), changes, &[layer()], 315_532_800)
    }

    #[test]
    fn what_the_base_says_is_kept_unless_it_is_changed() {
        let base = json!({
            "architecture": "arm", "os": "linux", "os.version": "1", "author": "someone",
            "config": { "Env": ["PATH=/bin", "A=1", "B=2"], "Cmd": ["bash"], "Healthcheck": { "Test": ["NONE"] }, "Labels": null },
            "rootfs": { "type": "layers", "diff_ids": ["sha256:base"] },
            "history": [{ "created_by": "base" }],
        });
        let changes = ConfigChanges {
            entrypoint: Some(vec!["python3".to_owned()]),
            env: BTreeMap::from([("A".to_owned(), "9".to_owned()), ("C".to_owned(), "3".to_owned())]),
            labels: BTreeMap::from([("l".to_owned(), "v".to_owned())]),
            ports: vec!["80/tcp".to_owned()],
            ..ConfigChanges::default()
        };
        let config = derive(Some(&base), &changes);
        assert_eq!(config["os.version"], "1");
        assert_eq!(config["config"]["Healthcheck"]["Test"][0], "NONE");
        assert_eq!(config["config"]["Env"], json!(["PATH=/bin", "A=9", "B=2", "C=3"]));
        assert_eq!(config["config"]["Cmd"], Value::Null);
        assert_eq!(config["config"]["Labels"], json!({ "l": "v" }));
        assert_eq!(config["config"]["ExposedPorts"], json!({ "80/tcp": {} }));
        assert_eq!(config["rootfs"]["diff_ids"], json!(["sha256:base", layer().diff_id.to_string()]));
        assert_eq!(config["history"].as_array().unwrap().len(), 2);
        assert_eq!(config["variant"], "v7");
    }

    #[test]
    fn a_base_without_history_gets_none() {
        let base = json!({ "rootfs": { "type": "layers", "diff_ids": ["sha256:base"] } });
        assert_eq!(derive(Some(&base), &ConfigChanges::default()).get("history"), None);
        assert_eq!(derive(None, &ConfigChanges::default())["history"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn times_are_written_as_rfc_3339_has_them() {
        let check = |number, expect: &str| {
            assert_eq!((rfc3339(number).as_str(), seconds(expect)), (expect, Some(number)));
        };
        for wrong in ["", "1980", "1980-13-01T00:00:00Z", "1980-01-01T00:00:00+01:00", "1969-12-31T23:59:59Z"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
        check(0, "1970-01-01T00:00:00Z");
        check(315_532_800, "1980-01-01T00:00:00Z");
        check(951_827_696, "2000-02-29T12:34:56Z");
        check(4_102_444_799, "2099-12-31T23:59:59Z");
    }
}
