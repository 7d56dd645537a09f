//! Index pages in JSON, as they come: texts are borrowed from the answer, and a value of a wrong kind is
//! no value, because one strange file must not hide all the others.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// A page; what is not named here is of no use to us.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    pub(super) meta: Option<Meta<'a>>,
    #[serde(borrow)]
    pub(super) files: Option<Vec<File<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct Meta<'a> {
    #[serde(borrow, rename = "api-version")]
    pub(super) api_version: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", default, bound(deserialize = "'de: 'a"))]
#[derive(Default)]
pub(super) struct File<'a> {
    pub(super) filename: Text<'a>,
    pub(super) url: Text<'a>,
    #[serde(deserialize_with = "hashes")]
    pub(super) hashes: Hashes<'a>,
    pub(super) requires_python: Text<'a>,
    pub(super) yanked: Mark<'a>,
    pub(super) size: Number,
    pub(super) upload_time: Text<'a>,
    pub(super) core_metadata: Mark<'a>,
    pub(super) dist_info_metadata: Mark<'a>,
    pub(super) data_dist_info_metadata: Mark<'a>,
}

/// Digests by algorithm; only one is known here.
#[derive(Default)]
pub(super) struct Hashes<'a> {
    pub(super) sha256: Option<Text<'a>>,
}

/// A text, or nothing.
#[derive(Default)]
pub(super) struct Text<'a>(pub(super) Option<Cow<'a, str>>);

/// A whole number, or nothing.
#[derive(Default)]
pub(super) struct Number(pub(super) Option<u64>);

/// A value that says yes or no, in several ways.
#[derive(Default)]
pub(super) enum Mark<'a> {
    #[default]
    Nothing,
    No,
    Yes,
    Text(Cow<'a, str>),
    Hashes(Hashes<'a>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Mark::deserialize(deserializer)? {
            Mark::Text(text) => Self(Some(text)),
            _ => Self(None),
        })
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(|(_, number)| Self(number))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Mark<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(|(mark, _)| mark)
    }
}

fn hashes<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Hashes<'a>, D::Error> {
    Ok(match Mark::deserialize(deserializer)? {
        Mark::Hashes(hashes) => hashes,
        _ => Hashes::default(),
    })
}

/// Takes whatever comes, as a mark and as a number.
struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = (Mark<'de>, Option<u64>);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok((if value { Mark::Yes } else { Mark::No }, None))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok((Mark::Nothing, Some(value)))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok((Mark::Nothing, None))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok((Mark::Nothing, None))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok((Mark::Nothing, None))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok((Mark::Text(Cow::Borrowed(text)), None))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok((Mark::Text(Cow::Owned(text.to_owned())), None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok((Mark::Yes, None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut hashes = Hashes::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "sha256" {
                hashes.sha256 = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok((Mark::Hashes(hashes), None))
    }
}
