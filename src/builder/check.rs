//! What is held against each other once and noted in the store: wheels of one image, and wheels and
//! their own lists of files.

use super::{
    BuildError, Builder, BuiltCheck,
    make::{Site, install_all},
};
use crate::{
    hint::Hint,
    layer::{
        Contribution, Item, LayerError, Paths, case_twins, merge_with,
        wheel::{RecordCheck, either_will_do},
    },
    lock::LockedImage,
    oci::Digest,
    plan::{Contents, LayerKey, PlannedLayer},
    remote::Check,
    store::{Bucket, Store, StoreError},
};

/// More of one kind are counted, not named.
const NAMED: usize = 3;

impl Builder {
    /// Makes sure that no two wheels of the image, in whatever layers, bring different files to one path,
    /// and warns of what installers pass over.
    pub(super) async fn check_wheels(
        &self,
        site: Site<'_>,
        image: &LockedImage,
        keys: &[LayerKey],
    ) -> Result<Option<BuiltCheck>, BuildError> {
        let Some(beside) = keys.last().filter(|_| !image.wheels.is_empty()) else { return Ok(None) };
        let of = digest_of(keys);
        let note = note_of_image(&of);
        let warnings = match recall(&self.settings.store, &note) {
            Some(warnings) => warnings,
            None => match self.recall_check(&of).await {
                Some(check) => check.warnings,
                None => self.compare_wheels(site, image, note).await?,
            },
        };
        let hint = Hint::new("tell the package's authors; what `pip install` would do is done");
        for warning in &warnings {
            self.warn(warning, Some(&hint));
        }
        Ok(Some(BuiltCheck { check: Check { of, warnings }, beside: beside.digest() }))
    }

    async fn compare_wheels(
        &self,
        site: Site<'_>,
        image: &LockedImage,
        note: String,
    ) -> Result<Vec<String>, BuildError> {
        let inputs = self.fetch(site, image.wheels.clone()).await?;
        let (facts, store) = (site.below.facts.clone(), self.settings.store.clone());
        let compared = self.compute(move || {
            let paths = Paths::new(&facts);
            let contributions = install_all(&inputs, &facts, &paths, RecordCheck::Skip)?;
            let warnings = warnings(contributions, &either_will_do(&facts, &paths))?;
            remember(&store, &note, &warnings)?;
            Ok(warnings)
        });
        let fail = |source| BuildError::Clash { platform: site.below.platform.clone(), source };
        compared.await?.map_err(fail)
    }

    /// Whether a layer that an earlier build made may be taken: not where the files of its wheels shall
    /// be held against RECORD and have not been.
    pub(super) fn is_checked(&self, planned: &PlannedLayer) -> bool {
        self.settings.records == RecordCheck::Skip
            || !matches!(planned.contents, Contents::Wheels(_) | Contents::Share { .. })
            || self.settings.store.note(Bucket::Checks, &note_of_records(&planned.key)).is_some()
    }

    /// Notes that the layer's wheels were held against RECORD, if they were.
    pub(super) fn note_records(&self, key: &LayerKey) -> Result<(), StoreError> {
        match self.settings.records {
            RecordCheck::Skip => Ok(()),
            RecordCheck::Verify => self.settings.store.keep(Bucket::Checks, &note_of_records(key), b"as in RECORD\n"),
        }
    }
}

/// What is to be said of wheels that go together.
fn warnings(
    contributions: Vec<Contribution>,
    either: &dyn Fn(&Item, &Item) -> bool,
) -> Result<Vec<String>, LayerError> {
    let mut warnings = Vec::new();
    for Contribution { from, missing, .. } in &contributions {
        if !missing.is_empty() {
            warnings.push(format!("RECORD of {from} lists files that are not in it: {}", some(missing)));
        }
    }
    let items = merge_with(contributions, either)?;
    let twins: Vec<String> =
        case_twins(&items).into_iter().map(|(one, other)| format!("/{one} and /{other}")).collect();
    if !twins.is_empty() {
        warnings.push(format!("paths differ only in the case of letters: {}", some(&twins)));
    }
    Ok(warnings)
}

/// The first few, and how many more there are.
fn some(names: &[String]) -> String {
    let first = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn recall(store: &Store, note: &str) -> Option<Vec<String>> {
    serde_json::from_slice(&store.note(Bucket::Checks, note)?).ok()
}

fn remember(store: &Store, note: &str, warnings: &[String]) -> Result<(), StoreError> {
    store.keep(Bucket::Checks, note, &serde_json::to_vec(warnings).unwrap_or_default())
}

/// Names the wheels of these layers together.
fn digest_of(keys: &[LayerKey]) -> Digest {
    let keys: Vec<String> = keys.iter().map(LayerKey::hex).collect();
    Digest::of(keys.join("\n").as_bytes())
}

/// Where it is noted that these wheels go together.
fn note_of_image(of: &Digest) -> String {
    format!("wheels-{}", of.hex())
}

/// Where it is noted that the files of a layer's wheels are what RECORD says.
fn note_of_records(key: &LayerKey) -> String {
    format!("records-{}", key.hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_counted() {
        let check = |names: &[&str], expect: &str| {
            assert_eq!(some(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()), expect);
        };
        check(&["a"], "a");
        check(&["a", "b", "c"], "a, b, c");
        check(&["a", "b", "c", "d", "e"], "a, b, c and 2 more");
    }
}
