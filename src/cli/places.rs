//! Where images go, held apart: an archive holds one image, and a name means one.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::error::CliError;
use crate::{
    builder::Destination,
    fs::{folder_of, refuse_others},
};

/// What an image takes up: a file, or a name in a layout, an engine or a registry.
type Place = (PathBuf, Option<String>);

/// Places that are taken, each with the image that goes there.
#[derive(Default)]
pub(super) struct Places(BTreeMap<Place, (String, Destination)>);

impl Places {
    /// Takes the place of `destination` for `image`. To send one image to the same place twice does no harm.
    ///
    /// # Errors
    /// When another image goes there, or the same one in another form; and when no file can stand there.
    pub(super) fn take(&mut self, image: &str, destination: &Destination) -> Result<(), CliError> {
        let (place, shown) = match destination {
            Destination::Archive { file, .. } | Destination::DockerArchive { file, .. } => {
                refuse_others(file).map_err(|source| CliError::Write { path: file.clone(), source })?;
                // A link is replaced itself.
                let folder = real(folder_of(file));
                ((folder.join(file.file_name().unwrap_or_default()), None), file.display().to_string())
            }
            Destination::Layout { folder, name } => {
                ((real(folder), Some(name.clone().unwrap_or_default())), destination.to_string())
            }
            Destination::Engine { .. } | Destination::Registry(_) => {
                ((PathBuf::new(), Some(destination.to_string())), destination.to_string())
            }
        };
        let is_archive = place.1.is_none();
        match self.0.insert(place, (image.to_owned(), destination.clone())) {
            None => Ok(()),
            Some((other, first)) if other == image && first == *destination => Ok(()),
            Some((other, first)) => {
                let one_image = other == image;
                let both = if one_image {
                    [first, destination.clone()].map(|to| to.to_string())
                } else {
                    [other, image.to_owned()]
                };
                Err(CliError::SameDestination { destination: shown, both, is_archive })
            }
        }
    }
}

/// Makes sure that none of `destinations`, to which one image goes, is where another one is.
///
/// # Errors
/// As for [`Places::take`].
pub(super) fn apart(destinations: &[Destination]) -> Result<(), CliError> {
    let mut places = Places::default();
    destinations.iter().try_for_each(|destination| places.take("", destination))
}

/// The path of something that need not be there, without links on the way.
fn real(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.file_name()) {
        (Ok(found), _) => found,
        (Err(_), Some(name)) => real(folder_of(path)).join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::destination::parse_any, hint::Advise as _};

    #[test]
    fn two_images_do_not_go_to_one_place() {
        let check = |images: &[(&str, &str)], expect: Option<&str>| {
            let mut places = Places::default();
            let taken = images.iter().try_for_each(|(image, text)| places.take(image, &parse_any(text).unwrap()));
            assert_eq!(taken.err().map(|error| error.to_string()).as_deref(), expect, "{images:?}");
        };
        check(
            &[("a", "oci:d:x"), ("b", "oci:d:y"), ("a", "oci:d"), ("b", "oci:e:x"), ("a", "x.tar"), ("b", "y.tar")],
            None,
        );
        check(&[("a", "h.example/a:1"), ("b", "h.example/a:2"), ("a", "h.example/a:1")], None);
        check(&[("a", "oci-archive:x.tar:1"), ("a", "oci-archive:x.tar:1")], None);
        let archive = Some("a and b would both go to x.tar");
        check(&[("a", "oci-archive:x.tar:1"), ("b", "oci-archive:x.tar:2")], archive);
        check(&[("a", "docker-archive:src/../x.tar:me/a:1"), ("b", "x.tar")], archive);
        check(
            &[("a", "oci-archive:none/x.tar:1"), ("a", "oci-archive:./none/x.tar:2")],
            Some("oci-archive:none/x.tar:1 and oci-archive:./none/x.tar:2 would both go to ./none/x.tar"),
        );
        check(&[("a", "oci:none:x"), ("b", "oci:src/../none:x")], Some("a and b would both go to oci:src/../none:x"));
        check(
            &[("a", "h.example/a"), ("b", "h.example/a:latest")],
            Some("a and b would both go to h.example/a:latest"),
        );
    }

    #[test]
    fn what_to_write_instead_is_told_before_anything_is_made() {
        let text = |destinations: &[&str]| {
            let destinations: Vec<_> = destinations.iter().map(|text| parse_any(text).unwrap()).collect();
            apart(&destinations).unwrap_err()
        };
        let error = text(&["oci-archive:x.tar:1", "docker-archive:x.tar"]);
        assert!(error.hint().unwrap().to_string().contains("`oci:DIR:NAME`"), "{error}");
        assert!(matches!(text(&["oci-archive:/dev/null"]), CliError::Write { .. }));
    }
}
