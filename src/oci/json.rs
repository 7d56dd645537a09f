//! The one writer of JSON documents: compact, keys sorted, so that equal values have equal bytes.

use serde_json::Value;

/// Writes `value` compactly with the keys of every object in byte order.
///
/// Sorts by itself rather than trusting `serde_json`'s map, whose order a cargo feature of any
/// crate in the tree can change.
#[must_use]
pub fn canonical_json(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_bytes());
            delimited(*b"{}", entries.into_iter(), out, |(key, value), out| {
                write(&Value::String(key.clone()), out);
                out.push(b':');
                write(value, out);
            });
        }
        Value::Array(items) => delimited(*b"[]", items.iter(), out, write),
        scalar => out.extend_from_slice(scalar.to_string().as_bytes()),
    }
}

fn delimited<T>(
    ends: [u8; 2],
    items: impl Iterator<Item = T>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(T, &mut Vec<u8>),
) {
    out.push(ends[0]);
    for (position, item) in items.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(ends[1]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_nothing_is_lost() {
        let value: Value = serde_json::from_str(r#"{"b":[1,{"z":null,"a":"é\n"}],"a":1.5,"A":true}"#).unwrap();
        assert_eq!(canonical_json(&value), r#"{"A":true,"a":1.5,"b":[1,{"a":"é\n","z":null}]}"#.as_bytes());
    }

    #[test]
    fn canonical_json_is_its_own_canonical_form() {
        // Floating-point numbers came back as their neighbours once.
        let value: Value = serde_json::from_str("[118446744073709551615,0.1e-7,5e-324,1e3,-0.0]").unwrap();
        let once = canonical_json(&value);
        assert_eq!(canonical_json(&serde_json::from_slice(&once).unwrap()), once);
    }
}
