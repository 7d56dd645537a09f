//! How long builds took, kept so that the first can be held against later ones.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Builder, Built, Made, Project, why::place_of};
use crate::store::{Bucket, StoreError};

/// Builds that are remembered of one image: the first, and the last ones.
const MOST: usize = 50;

/// A build as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastBuild {
    /// When the program began, in seconds since 1970.
    pub began: Option<u64>,
    /// How long it took until everything was delivered, in milliseconds.
    pub took: u64,
    /// Layers that were made, with how long each took, in milliseconds.
    pub made: Vec<(String, u64)>,
    /// Layers that were there, of the base's or of earlier builds.
    pub kept: usize,
    /// Bytes that were sent or written.
    pub sent: u64,
}

impl Builder {
    /// Remembers that `built` took so long, and that so many bytes were sent.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remember_build(
        &self,
        project: &Project,
        built: &Built,
        (took, sent): (Duration, u64),
    ) -> Result<(), StoreError> {
        let mut builds = self.past_builds(project, built.variant.as_deref());
        let own = built.layers.iter().filter(|layer| layer.made == Made::Built);
        let made: Vec<(String, u64)> =
            own.map(|layer| (format!("{} {}", layer.name, layer.platform), milliseconds(layer.time))).collect();
        let kept = built.layers.len() - made.len();
        if builds.len() >= MOST {
            builds.remove(1);
        }
        builds.push(PastBuild { began: self.settings.now, took: milliseconds(took), made, kept, sent });
        let note = serde_json::to_vec(&builds).unwrap_or_default();
        self.settings.store.keep(Bucket::Builds, &key(project, built.variant.as_deref()), &note)
    }

    /// The builds of an image on this machine that are remembered, the first one first.
    #[must_use]
    pub fn past_builds(&self, project: &Project, variant: Option<&str>) -> Vec<PastBuild> {
        let note = self.settings.store.note(Bucket::Builds, &key(project, variant));
        note.and_then(|note| serde_json::from_slice(&note).ok()).unwrap_or_default()
    }
}

fn key(project: &Project, variant: Option<&str>) -> String {
    format!("times-1-{}", place_of(project, variant, "").hex())
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        builder::{BuiltLayer, testing::Bench},
        image::{Index, Manifest},
        oci::Digest,
    };

    #[tokio::test]
    async fn the_first_build_and_the_last_ones_are_remembered() {
        let bench = Bench::new(&[]);
        let (builder, _server) = bench.builder(&[]).await;
        let project = bench.project("[wheels]\nrequire = [\"a\"]\n");
        let layer = |name: &str, made| BuiltLayer {
            platform: "linux/amd64".parse().unwrap(),
            name: name.to_owned(),
            key: None,
            digest: Digest::of(b""),
            size: 1,
            made,
            time: Duration::from_millis(1500),
            why: None,
            holds: Vec::new(),
        };
        let built = Built {
            variant: None,
            index: Index { manifest: Manifest::of_index(&[], &Value::Null), images: Vec::new() },
            layers: vec![layer("base", Made::Base), layer("torch", Made::Built)],
            checks: Vec::new(),
            listed: Vec::new(),
        };
        for number in 0..60 {
            builder.remember_build(&project, &built, (Duration::from_secs(number), number)).unwrap();
        }
        let builds = builder.past_builds(&project, None);
        assert_eq!((builds.len(), builds[0].took, builds[1].took, builds[49].took), (50, 0, 11_000, 59_000));
        assert_eq!((builds[0].made.clone(), builds[0].kept), (vec![("torch linux/amd64".to_owned(), 1500)], 1));
        assert_eq!(builder.past_builds(&project, Some("other")), []);
    }
}
