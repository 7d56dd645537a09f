//! What a recipe said of one key when it was locked.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor, value::SeqAccessDeserializer},
};
use serde_json::Value;

use crate::oci::{Digest, canonical_json};

/// What a recipe says of one key: in its own words where a difference can then be told in words, else
/// as a digest. In a lock a text stands as a string, items as a list of strings, and a digest as
/// `sha256:…`, which no text of a recipe begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The digest of a file, or of a value that has no short form.
    Digest(Digest),
    /// One value, such as the name of the base.
    Text(String),
    /// A list of values, such as requirements, in the recipe's order.
    Items(Vec<String>),
}

impl Input {
    /// What identifies it: the digest of its canonical JSON.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let of = |value: Value| Digest::of(&canonical_json(&value));
        match self {
            Self::Digest(digest) => *digest,
            Self::Text(text) => of(Value::String(text.clone())),
            Self::Items(items) => of(items.iter().cloned().map(Value::String).collect()),
        }
    }
}

impl From<&Value> for Input {
    /// Texts and lists of texts as they are, every other value by its digest.
    fn from(value: &Value) -> Self {
        let texts = |list: &Vec<Value>| list.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        match value {
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(list) => match texts(list) {
                Some(items) => Self::Items(items),
                None => Self::Digest(Digest::of(&canonical_json(value))),
            },
            _ => Self::Digest(Digest::of(&canonical_json(value))),
        }
    }
}

impl Serialize for Input {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Digest(digest) => digest.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
            Self::Items(items) => items.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Input;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string or a list of strings")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Input, E> {
                Ok(text.parse().map_or_else(|_| Input::Text(text.to_owned()), Input::Digest))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Input, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(Input::Items)
            }
        }

        deserializer.deserialize_any(Either)
    }
}
