//! `index.json`: what a layout lists, under which names.

use serde_json::{Map, Value, json};

use crate::{
    hint::{Advise, Hint},
    image::{Attachment, Manifest},
    oci::{Descriptor, MediaType, Reference, canonical_json},
};

/// The annotation that names an entry of `index.json`.
const REFERENCE_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation by which containerd, and all that is built on it, knows an image: a full reference.
const ENGINE_NAME: &str = "io.containerd.image.name";

/// The list of a layout's images. What this program does not know of an entry is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    document: Map<String, Value>,
    entries: Vec<Value>,
}

/// Why an `index.json` is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentsError {
    /// It is not JSON.
    #[error("it is not JSON")]
    Json {
        /// Where it stops being JSON.
        source: serde_json::Error,
    },
    /// It is JSON, but no image index.
    #[error("it is no image index: `manifests` is missing or malformed")]
    Manifests,
    /// It lists nothing.
    #[error("it lists no image")]
    Empty,
    /// No entry has the name.
    #[error("it lists no image named `{name}`, only {}", names(.known))]
    NoSuchName {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Several entries fit.
    #[error("it lists several images: {}", names(.known))]
    Ambiguous {
        /// What there is.
        known: Vec<String>,
    },
}

impl Contents {
    /// Reads an `index.json`.
    ///
    /// # Errors
    /// When the bytes are no image index.
    pub fn parse(bytes: &[u8]) -> Result<Self, ContentsError> {
        let mut document: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|source| ContentsError::Json { source })?;
        match document.remove("manifests") {
            Some(Value::Array(entries)) if entries.iter().all(|entry| Descriptor::from_json(entry).is_some()) => {
                Ok(Self { document, entries })
            }
            _ => Err(ContentsError::Manifests),
        }
    }

    /// The entry called `name`, or the only one there is. Entries for distinct platforms under one
    /// name, or without any, are one image: the second value is then the index over them, which is
    /// no blob of the layout.
    ///
    /// # Errors
    /// When nothing or more than one thing fits.
    pub fn choose(&self, name: Option<&str>) -> Result<(Descriptor, Option<Manifest>), ContentsError> {
        let known = || {
            self.entries
                .iter()
                .filter(|entry| !is_artifact(entry))
                .map(|entry| name_of(entry).unwrap_or("(no name)").to_owned())
                .collect()
        };
        let fitting: Vec<&Value> = self
            .entries
            .iter()
            .filter(|entry| !is_artifact(entry))
            .filter(|entry| name.is_none() || name_of(entry) == name || annotation(entry, ENGINE_NAME) == name)
            .collect();
        let one_name = have_one_name(&fitting);
        let fitting: Vec<Descriptor> = fitting.into_iter().filter_map(Descriptor::from_json).collect();
        match (fitting.as_slice(), name) {
            ([], _) if self.entries.is_empty() => Err(ContentsError::Empty),
            ([], name) => Err(ContentsError::NoSuchName { name: name.unwrap_or_default().to_owned(), known: known() }),
            ([only], _) => Ok((only.clone(), None)),
            (several, _) if one_name && one_per_platform(several) => {
                let index = Manifest::of_index(several, &Value::Null);
                Ok((index.descriptor().clone(), Some(index)))
            }
            _ => Err(ContentsError::Ambiguous { known: known() }),
        }
    }

    /// Lists `root` under `name`, in the place of the entry that had that name. Without a name it
    /// takes the place of the entry that has none.
    pub fn list(&mut self, root: &Descriptor, name: Option<&str>) {
        let mut root = root.clone();
        root.annotations.extend(name.map(|name| (REFERENCE_NAME.to_owned(), name.to_owned())));
        let is_meant = |entry: &Value| name_of(entry) == name && !is_artifact(entry);
        let place = self.entries.iter().position(is_meant).unwrap_or(self.entries.len());
        self.entries.retain(|entry| !is_meant(entry));
        self.entries.insert(place, root.to_json());
    }

    /// Lists something that is attached to an image.
    pub fn attach(&mut self, attachment: &Attachment) {
        let digest = attachment.manifest.digest.to_string();
        if !self.entries.iter().any(|entry| entry.get("digest").and_then(Value::as_str) == Some(&digest)) {
            self.entries.push(attachment.to_json());
        }
    }

    /// What is listed as attached to one image or another.
    pub fn attachments(&self) -> impl Iterator<Item = Attachment> {
        self.entries.iter().filter(|entry| is_artifact(entry)).filter_map(Attachment::of_entry)
    }

    /// Lists `root` as engines want it: under its full reference, and its tag.
    pub fn list_for_engines(&mut self, root: &Descriptor, reference: &Reference) {
        let mut root = root.clone();
        root.annotations.insert(ENGINE_NAME.to_owned(), reference.to_string());
        self.list(&root, reference.tag());
    }

    /// The images that are listed, with their names in this list.
    pub fn entries(&self) -> impl Iterator<Item = (Descriptor, Option<&str>)> {
        let images = self.entries.iter().filter(|entry| !is_artifact(entry));
        images.filter_map(|entry| Some((Descriptor::from_json(entry)?, name_of(entry))))
    }

    /// The bytes of `index.json`: equal lists have equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut document = self.document.clone();
        document.insert("schemaVersion".to_owned(), json!(2));
        document.insert("mediaType".to_owned(), json!(MediaType::ImageIndex.to_string()));
        document.insert("manifests".to_owned(), Value::Array(self.entries.clone()));
        canonical_json(&Value::Object(document))
    }
}

impl Advise for ContentsError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::NoSuchName { name, known } => Hint::did_you_mean(name, known.iter().map(String::as_str)),
            Self::Ambiguous { .. } => Some(Hint::new("append `:NAME` to the path to choose one of them")),
            Self::Json { .. } | Self::Manifests | Self::Empty => {
                Some(Hint::new("have the layout or archive written anew, or name another"))
            }
        }
    }
}

fn name_of(entry: &Value) -> Option<&str> {
    annotation(entry, REFERENCE_NAME)
}

/// Whether an entry is no image but something about one.
fn is_artifact(entry: &Value) -> bool {
    entry.get("artifactType").is_some()
}

fn annotation<'a>(entry: &'a Value, key: &str) -> Option<&'a str> {
    entry.get("annotations")?.get(key)?.as_str()
}

fn names(known: &[String]) -> String {
    known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn have_one_name(entries: &[&Value]) -> bool {
    let names = |entry| (name_of(entry), annotation(entry, ENGINE_NAME));
    entries.windows(2).all(|pair| names(pair[0]) == names(pair[1]))
}

fn one_per_platform(entries: &[Descriptor]) -> bool {
    let platforms: std::collections::BTreeSet<_> = entries.iter().filter_map(|entry| entry.platform.as_ref()).collect();
    platforms.len() == entries.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(bytes: &[u8]) -> Descriptor {
        Descriptor::of(MediaType::ImageIndex, bytes)
    }

    #[test]
    fn a_name_points_to_the_last_thing_listed_under_it() {
        let mut contents = Contents::default();
        contents.list(&descriptor(b"1"), Some("one"));
        contents.list(&descriptor(b"2"), Some("two"));
        contents.list(&descriptor(b"3"), Some("one"));
        contents.list(&descriptor(b"4"), None);
        contents.list(&descriptor(b"5"), None);
        let contents = Contents::parse(&contents.to_bytes()).unwrap();
        let digests: Vec<_> = contents.entries.iter().map(|entry| entry["digest"].clone()).collect();
        let expect = [&b"3"[..], b"2", b"5"].map(|bytes| json!(descriptor(bytes).digest.to_string()));
        assert_eq!(digests, expect);
        assert_eq!(contents.choose(Some("two")).unwrap().0.digest, descriptor(b"2").digest);
        assert_eq!(
            contents.choose(None).unwrap_err().to_string(),
            "it lists several images: `one`, `two`, `(no name)`"
        );
        let missing = contents.choose(Some("twa")).unwrap_err();
        assert_eq!(missing.hint().unwrap().to_string(), "did you mean `two`?");
    }

    #[test]
    fn entries_of_distinct_platforms_under_one_name_are_one_image() {
        let check = |entries: &[(&str, Option<&str>, Option<&str>)],
                     name: Option<&str>,
                     expect: Result<usize, &str>| {
            let entry = |(platform, name, engines): &(&str, Option<&str>, Option<&str>)| {
                let mut entry = Descriptor { platform: platform.parse().ok(), ..descriptor(platform.as_bytes()) };
                let names = [(REFERENCE_NAME, name), (ENGINE_NAME, engines)];
                let names = names.into_iter().filter_map(|(key, name)| Some((key.to_owned(), (*name)?.to_owned())));
                entry.annotations.extend(names);
                entry.to_json()
            };
            let list: Vec<_> = entries.iter().map(entry).collect();
            let contents = Contents::parse(&canonical_json(&json!({ "manifests": list }))).unwrap();
            let found =
                contents.choose(name).map(|(_, index)| index.map_or(1, |index| index.manifests().unwrap().len()));
            assert_eq!(found.map_err(|error| error.to_string()), expect.map_err(str::to_owned), "{entries:?} {name:?}");
        };
        let (amd, arm) = ("linux/amd64", "linux/arm64");
        check(&[(amd, None, None), (arm, None, None)], None, Ok(2));
        check(&[(amd, None, None), (amd, None, None)], None, Err("it lists several images: `(no name)`, `(no name)`"));
        let one = [(amd, Some("one"), None), (arm, Some("one"), None)];
        check(&one, None, Ok(2));
        check(&one, Some("one"), Ok(2));
        let two = [(amd, Some("one"), None), (arm, Some("two"), None)];
        check(&two, None, Err("it lists several images: `one`, `two`"));
        check(&two, Some("two"), Ok(1));
        let tags = [(amd, Some("1"), Some("example.com/a:1")), (arm, Some("1"), Some("example.com/b:1"))];
        check(&tags, Some("1"), Err("it lists several images: `1`, `1`"));
        check(&tags, Some("example.com/b:1"), Ok(1));
    }

    #[test]
    fn what_is_attached_stands_beside_the_images() {
        let mut contents = Contents::default();
        let attached = Attachment { manifest: descriptor(b"a"), kind: Some("text/x".to_owned()) };
        for _ in 0..2 {
            contents.list(&descriptor(b"1"), None);
            contents.attach(&attached);
        }
        let contents = Contents::parse(&contents.to_bytes()).unwrap();
        assert_eq!(contents.choose(None).unwrap().0.digest, descriptor(b"1").digest);
        assert_eq!((contents.entries().count(), contents.attachments().collect::<Vec<_>>()), (1, vec![attached]));
    }

    #[test]
    fn what_is_not_understood_is_kept() {
        let text =
            br#"{"future":1,"manifests":[],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}"#;
        assert_eq!(Contents::parse(text).unwrap().to_bytes(), text);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "[]", "{}", r#"{"manifests":1}"#, r#"{"manifests":[{"digest":"sha256:../x"}]}"#] {
            assert!(Contents::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
