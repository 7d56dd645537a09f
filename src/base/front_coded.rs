//! Sorted paths, each without what it has in common with the one before it: of the notes on a layer, most would be
//! folders otherwise.

use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, SeqAccess, Visitor},
};

/// Writes a sequence of triples: how many bytes a path has in common with the one before, the rest of it, and what it
/// leads to.
pub(super) fn serialize<T: Serialize, S: Serializer>(
    paths: &BTreeMap<String, T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut before = "";
    serializer.collect_seq(paths.iter().map(|(path, what)| {
        let same = before.bytes().zip(path.bytes()).take_while(|(one, other)| one == other).count();
        let same = path.floor_char_boundary(same);
        before = path;
        (same, &path[same..], what)
    }))
}

/// Reads what [`serialize`] wrote.
pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    deserializer.deserialize_seq(Paths(PhantomData))
}

struct Paths<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Paths<T> {
    type Value = BTreeMap<String, T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("paths, each with what it has in common with the one before")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut paths: Vec<(String, T)> = Vec::new();
        while let Some((same, rest, what)) = sequence.next_element::<(usize, Cow<'de, str>, T)>()? {
            let before = paths.last().map_or("", |(path, _)| path);
            let same = before.get(..same).ok_or_else(|| A::Error::custom("a path has more in common than there is"))?;
            paths.push(([same, &rest].concat(), what));
        }
        Ok(paths.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Kept {
        #[serde(with = "super")]
        paths: BTreeMap<String, u8>,
    }

    #[test]
    fn paths_come_back() {
        let paths = ["", "a", "a/b", "a/b/c\"d", "a/bé", "a/bè", "b"].map(|path| (path.to_owned(), 1));
        let kept = Kept { paths: paths.into() };
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(text, r#"{"paths":[[0,"",1],[0,"a",1],[1,"/b",1],[3,"/c\"d",1],[3,"è",1],[3,"é",1],[0,"b",1]]}"#);
        assert_eq!(serde_json::from_str::<Kept>(&text).unwrap(), kept);
    }

    #[test]
    fn lies_about_paths_are_refused() {
        for text in [r#"[[1,"a",1]]"#, r#"[[0,"é",1],[1,"a",1]]"#, r#"[[0,"a",1],[2,"a",1]]"#, r#"[[-1,"a",1]]"#] {
            assert!(serde_json::from_str::<Kept>(&format!(r#"{{"paths":{text}}}"#)).is_err(), "{text}");
        }
    }
}
