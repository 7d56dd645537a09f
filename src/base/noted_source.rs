//! What importing a module does, read out of a note only where somebody asks: of ten thousand modules of an image
//! that is checked, a few hundred are followed.

use std::sync::OnceLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::python::ModuleSource;

/// A [`ModuleSource`], or the JSON in which it was noted.
#[derive(Clone, Debug)]
pub struct NotedSource {
    text: Option<Box<RawValue>>,
    read: OnceLock<ModuleSource>,
}

impl NotedSource {
    /// What importing the module does. Of a note that is not understood: anything.
    pub fn get(&self) -> &ModuleSource {
        let read = || {
            let source = self.text.as_ref().and_then(|text| serde_json::from_str(text.get()).ok());
            source.unwrap_or_else(|| ModuleSource { open: true, dynamic: true, ..ModuleSource::default() })
        };
        self.read.get_or_init(read)
    }

    /// About how many bytes this takes.
    #[must_use]
    pub(super) fn weight(&self) -> usize {
        self.text.as_ref().map_or_else(|| self.get().weight(), |text| text.get().len())
    }
}

impl From<ModuleSource> for NotedSource {
    fn from(source: ModuleSource) -> Self {
        Self { text: None, read: source.into() }
    }
}

impl PartialEq for NotedSource {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for NotedSource {}

impl Serialize for NotedSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.text {
            Some(text) => text.serialize(serializer),
            None => self.get().serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for NotedSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { text: Some(Deserialize::deserialize(deserializer)?), read: OnceLock::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Evidence;

    #[test]
    fn what_is_read_late_is_what_was_noted() {
        let source = ModuleSource::scan(b"import a.b\nfrom . import c, d\nx = 1\n");
        let evidence = Evidence::Module(source.clone().into());
        let text = serde_json::to_string(&evidence).unwrap();
        let read: Evidence = serde_json::from_str(&text).unwrap();
        let Evidence::Module(noted) = &read else { panic!("{read:?}") };
        assert!(noted.read.get().is_none(), "nobody has asked yet");
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert_eq!((noted.get(), &read), (&source, &evidence));
        let strange: Evidence = serde_json::from_str(r#"{"m":[1]}"#).unwrap();
        let Evidence::Module(noted) = strange else { panic!("{text}") };
        assert!(noted.get().may_bind("anything") && noted.get().dynamic);
    }
}
