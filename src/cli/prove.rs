//! `wheelwright prove`: a published image made again from what is attached to it.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Outcome, destination, error::CliError, exit::Code, platform, quantity, report::visible, session::Session};
use crate::{
    base::{Aspect, EntryDifference},
    builder::{BaseProof, Difference, Proof, Prove as Order, ProvedImage, Sample},
    oci::Platform,
    pypi,
    recipe::Base,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  wheelwright prove ghcr.io/me/app:1
  wheelwright prove ghcr.io/me/app:1 --platform linux/arm64 --sample 20%
  wheelwright prove ghcr.io/me/app:1 --against https://mirror.example/simple
  wheelwright prove oci:dist --context .

Recipe and lock are those that are attached to the image. They have to be what its provenance names, and every
layer of its own is made again from them, in memory: wheels and packages are fetched into the store by the
lock's digests, and layers are hashed and kept nowhere. The base's layers are held against the base that the lock
names, by their digests, and manifest and configuration against what follows from all that.

What differs first is named by its file: exit code 8. What is attached and does not belong to the image is refused:
exit code 7.

It is proved that the image is what this recipe and this lock make of these files. Whether those are good is for
whoever reads them: files of your own are compared with those that are attached, or with --context.";

/// `prove`.
#[derive(Debug, Args)]
pub(super) struct Prove {
    /// HOST/REPOSITORY:TAG, oci:DIR[:NAME], oci-archive:FILE[:NAME] or docker-archive:FILE[:REF]
    /// (FILE.tar alone will do)
    #[arg(value_name = "IMAGE", value_parser = destination::parse_image)]
    image: Base,
    /// Prove the image for this platform only; may be given several times
    #[arg(long, value_name = "P", value_parser = platform::parse)]
    platform: Vec<Platform>,
    /// Make only so many layers again, or so many in a hundred; which ones is left to chance
    #[arg(long, value_name = "N|P%")]
    sample: Option<Sample>,
    /// Fetch wheels that the store lacks from this index, in place of all that the recipe knows
    #[arg(long, value_name = "URL")]
    against: Option<url::Url>,
    /// The recipe's folder, in place of the files of its own that are attached
    #[arg(long, value_name = "DIR")]
    context: Option<PathBuf>,
}

/// Proves; returns a line for each platform, and what came of the whole.
///
/// # Errors
/// When nothing is attached, what is attached does not belong to the image, or something cannot be had.
pub(super) async fn run(session: &Session, arguments: &Prove) -> Result<Outcome, CliError> {
    let order = Order {
        image: arguments.image.clone(),
        platforms: arguments.platform.clone(),
        sample: arguments.sample.unwrap_or_default(),
        against: arguments.against.clone().map(pypi::Location::Simple),
        context: arguments.context.clone(),
    };
    let proof = session.builder()?.prove(&order, Path::new("")).await?;
    let code = if proof.holds() { Code::Success } else { Code::Findings };
    Ok(Outcome::ended(told(&proof), code))
}

fn told(proof: &Proof) -> String {
    let mut text = String::new();
    for image in &proof.images {
        let _ = writeln!(text, "{}  {}", image.platform, one(image));
    }
    let sum = |of: fn(&ProvedImage) -> usize| proof.images.iter().map(of).sum::<usize>();
    let (layers, made, reproduced) =
        (sum(|image| image.layers), sum(|image| image.made), sum(|image| image.reproduced));
    let bytes = quantity::bytes(proof.images.iter().map(|image| image.bytes).sum());
    let counted = format!("{reproduced} of {}, {bytes}", quantity::count(layers, "layer"));
    let _ = match proof.holds() {
        true if made == 0 && layers > 0 => write!(text, "no layer compared"),
        true => write!(text, "reproduced: {counted}"),
        false => write!(text, "not reproduced: {counted}"),
    };
    let left = layers - made;
    if left > 0 {
        let _ = write!(text, "; {left} {} not made again", if left == 1 { "was" } else { "were" });
    }
    let _ = writeln!(text, "\nby {} and its lock, {}", visible(&proof.recipe), proof.lock);
    text
}

fn one(image: &ProvedImage) -> String {
    if let Some(difference) = &image.difference {
        return told_difference(difference);
    }
    let layers = match image.made {
        0 if image.layers > 0 => format!("none of {} compared", quantity::count(image.layers, "layer")),
        _ => {
            let layers = quantity::count(image.layers, "layer");
            format!("{} of {layers} the same, {}", image.reproduced, quantity::bytes(image.bytes))
        }
    };
    let below = match image.base {
        BaseProof::Absent => "no base".to_owned(),
        BaseProof::Same(count) => format!("{} of the base as locked", quantity::count(count, "layer")),
        BaseProof::Unknown => {
            "the base is a local one, and neither it nor the configuration was compared (--context DIR)".to_owned()
        }
    };
    format!("{layers}; {below}")
}

fn told_difference(difference: &Difference) -> String {
    let text = match difference {
        Difference::Layers { published, made } => {
            format!("the image has {}, and {made} follow from recipe and lock", quantity::count(*published, "layer"))
        }
        Difference::Base { number, published, locked } => {
            format!("layer {number} of the base is {published} in the image, and {locked} in the base that is locked")
        }
        Difference::File { layer, entry } => format!("layer `{layer}`: {}", told_entry(entry)),
        Difference::Bytes { layer, published, made } => {
            format!("layer `{layer}`: the same files, and other bytes: {published} in the image, {made} by the lock")
        }
        Difference::Document { place, published, made } => {
            format!("{place} is {published} in the image, and {made} by the lock")
        }
    };
    visible(&text)
}

fn told_entry(entry: &EntryDifference) -> String {
    let EntryDifference { path, aspect } = entry;
    match aspect {
        Aspect::OnlyFirst => format!("/{path} is in the image, and not by the lock"),
        Aspect::OnlySecond => format!("/{path} is not in the image, and is by the lock"),
        Aspect::Order => format!("/{path} stands elsewhere in the layer than by the lock"),
        Aspect::Said(what, published, made) => {
            format!("{what} of /{path} is {published} in the image, and {made} by the lock")
        }
        Aspect::Contents(published, made) => {
            format!("the contents of /{path} are {published} in the image, and {made} by the lock")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;

    fn image(difference: Option<Difference>) -> ProvedImage {
        ProvedImage {
            platform: "linux/amd64".parse().unwrap(),
            manifest: Digest::of(b"manifest"),
            layers: 3,
            made: 2,
            reproduced: 2,
            bytes: 1_234_567,
            base: BaseProof::Same(4),
            difference,
        }
    }

    #[test]
    fn a_proof_says_what_was_made_again_and_what_differs() {
        let proof = |images| Proof { recipe: "app.toml".to_owned(), lock: Digest::of(b"lock"), images };
        let other = ProvedImage { base: BaseProof::Unknown, layers: 2, ..image(None) };
        insta::assert_snapshot!(told(&proof(vec![image(None), other])));
        let entry = EntryDifference {
            path: "app/x\u{1b}".to_owned(),
            aspect: Aspect::Said("the mode", "0644".to_owned(), "0755".to_owned()),
        };
        let differences = [
            Difference::Layers { published: 3, made: 4 },
            Difference::Base { number: 1, published: Digest::of(b"1"), locked: Digest::of(b"2") },
            Difference::File { layer: "demo".to_owned(), entry },
            Difference::Bytes { layer: "demo".to_owned(), published: Digest::of(b"1"), made: Digest::of(b"2") },
            Difference::Document {
                place: "config/config/User".to_owned(),
                published: "\"0\"".to_owned(),
                made: "nothing".to_owned(),
            },
        ];
        let images = differences.map(|difference| image(Some(difference)));
        insta::assert_snapshot!(told(&proof(images.into())));
        let unmade = ProvedImage { made: 0, reproduced: 0, bytes: 0, ..image(None) };
        insta::assert_snapshot!(told(&proof(vec![unmade])), @"
        linux/amd64  none of 3 layers compared; 4 layers of the base as locked
        no layer compared; 3 were not made again
        by app.toml and its lock, sha256:0c030586945fe504b604ecc2e875c38ede400cd5cd73da9730302162e6b02c6f
        ");
    }
}
