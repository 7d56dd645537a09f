//! What importing a module does, read out of a note only where somebody asks: of ten thousand modules of an image
//! that is checked, a few hundred are followed.

use std::{borrow::Cow, sync::OnceLock};

use crate::python::ModuleSource;

/// A [`ModuleSource`], or the JSON in which it was noted.
#[derive(Clone, Debug, Default)]
pub struct NotedSource {
    json: String,
    read: OnceLock<ModuleSource>,
}

impl NotedSource {
    /// What importing the module does. Of a note that is not understood: anything.
    pub fn get(&self) -> &ModuleSource {
        let read = || {
            let unknown = |_| ModuleSource { open: true, dynamic: true, ..ModuleSource::default() };
            serde_json::from_str(&self.json).unwrap_or_else(unknown)
        };
        self.read.get_or_init(read)
    }

    /// The JSON in which it is noted.
    pub(super) fn to_json(&self) -> Cow<'_, str> {
        match &*self.json {
            "" => serde_json::to_string(self.get()).expect("imports are strings").into(),
            json => json.into(),
        }
    }

    /// The same, to be filled before anybody asks.
    pub(super) const fn json_mut(&mut self) -> &mut String {
        &mut self.json
    }

    /// About how many bytes this takes.
    #[must_use]
    pub(super) fn weight(&self) -> usize {
        if self.json.is_empty() { self.get().weight() } else { self.json.len() }
    }
}

impl From<ModuleSource> for NotedSource {
    fn from(source: ModuleSource) -> Self {
        Self { json: String::new(), read: source.into() }
    }
}

impl PartialEq for NotedSource {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for NotedSource {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_late_is_what_was_noted() {
        let source = ModuleSource::scan(b"import a.b\nfrom . import c, d\nx = 1\n");
        let noted: NotedSource = source.clone().into();
        let json = noted.to_json().into_owned();
        let read = NotedSource { json: json.clone(), ..NotedSource::default() };
        assert_eq!(read.to_json(), json);
        assert!(read.read.get().is_none(), "nobody has asked yet");
        assert_eq!((read.get(), &read), (&source, &noted));
        for strange in ["", "[1]", "{\"a\":"] {
            let strange = NotedSource { json: strange.to_owned(), ..NotedSource::default() };
            assert!(strange.get().may_bind("anything") && strange.get().dynamic);
        }
    }
}
