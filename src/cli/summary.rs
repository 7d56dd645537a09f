//! What a build came to: a table of layers, what was made and what went where, and the digests.

use super::{
    deliveries,
    metadata::Delivered,
    quantity,
    table::{Align, Table},
};
use crate::{
    builder::{Built, BuiltLayer, Made},
    image::{Delivery, Moved},
};

/// The closing words of a build; `told` is what was asked about layers.
pub(super) fn of(images: &[Delivered<'_>], told: &str) -> String {
    format!("{}\n{told}{}{}", layers(images), lines(images), digests(images))
}

fn layers(images: &[Delivered<'_>]) -> String {
    let mut table = Table::new([
        ("layer", Align::Left),
        ("platform", Align::Left),
        ("made", Align::Left),
        ("delivered", Align::Left),
        ("bytes", Align::Right),
        ("seconds", Align::Right),
    ]);
    for (built, deliveries) in images {
        let variant = built.variant.as_ref().map(|variant| format!("{variant}: ")).unwrap_or_default();
        for layer in &built.layers {
            let time = if layer.made == Made::Built { quantity::seconds(layer.time) } else { String::new() };
            let (name, platform) = (format!("{variant}{}", layer.name), layer.platform.to_string());
            let delivered = delivered(layer, deliveries.iter().map(|(_, delivery)| delivery));
            table.row([name, platform, layer.made.to_string(), delivered, quantity::bytes(layer.size), time]);
        }
    }
    table.render(terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
}

/// What was done for a layer at each destination, in the order of the lines below; once where it is the
/// same at all of them.
fn delivered<'d>(layer: &BuiltLayer, deliveries: impl Iterator<Item = &'d Delivery>) -> String {
    let word = |delivery: &Delivery| delivery.moved(&layer.digest).map_or("-", Moved::verb);
    let mut words: Vec<&str> = deliveries.map(word).collect();
    if words.iter().all(|word| words.first() == Some(word)) {
        words.truncate(1);
    }
    words.join(", ")
}

fn lines(images: &[Delivered<'_>]) -> String {
    let lines = images.iter().flat_map(|(_, deliveries)| deliveries);
    lines.map(|(destination, delivery)| deliveries::line(destination, delivery)).collect()
}

fn digests(images: &[Delivered<'_>]) -> String {
    let line = |built: &Built| match &built.variant {
        Some(variant) => format!("digest: {}  {variant}\n", digest(built)),
        None => format!("digest: {}\n", digest(built)),
    };
    images.iter().map(|(built, _)| line(built)).collect()
}

fn digest(built: &Built) -> String {
    built.index.manifest.descriptor().digest.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        builder::Destination,
        cli::destination,
        image::{Index, Manifest},
        oci::Digest,
    };

    fn built(variant: Option<&str>) -> Built {
        let layer = |platform: &str, name: &str, made| BuiltLayer {
            platform: platform.parse().unwrap(),
            name: name.to_owned(),
            key: None,
            digest: Digest::of(name.as_bytes()),
            size: 1_234_567,
            made,
            time: Duration::from_millis(2340),
            why: None,
            holds: Vec::new(),
        };
        let manifest = Manifest::of_index(&[], &serde_json::Value::Null);
        Built {
            variant: variant.map(str::to_owned),
            index: Index { manifest, images: Vec::new() },
            layers: vec![
                layer("linux/amd64", "base 1", Made::Base),
                layer("linux/amd64", "torch", Made::Cached),
                layer("linux/arm64", "scripts", Made::Built),
            ],
            checks: Vec::new(),
            listed: Vec::new(),
        }
    }

    fn delivery(moved: [Moved; 3]) -> Delivery {
        let digests = ["base 1", "torch", "scripts"].map(|name| Digest::of(name.as_bytes()));
        Delivery {
            root: Digest::of(b"index"),
            images: 0,
            blobs: digests.into_iter().zip(moved).collect(),
            manifests: Vec::new(),
            attached: Vec::new(),
        }
    }

    #[test]
    fn the_table_and_the_lines_below_it() {
        let (one, two) = (built(None), built(Some("one")));
        let places: [Destination; 2] = ["oci:d", "oci:e"].map(|text| destination::parse(text).unwrap());
        let sent = || delivery([Moved::Mounted, Moved::Sent(1_000_000), Moved::Sent(2_000_000)]);
        let there = delivery([Moved::Mounted, Moved::Existed, Moved::Sent(2_000_000)]);
        let only_one = Delivery { blobs: sent().blobs[..2].to_vec(), ..sent() };
        let images = [(&one, vec![(&places[0], sent())]), (&two, vec![(&places[0], there), (&places[1], only_one)])];
        insta::assert_snapshot!(layers(&images), @r"
        layer         platform     made    delivered             bytes  seconds
        base 1        linux/amd64  base    mounted              1.2 MB
        torch         linux/amd64  cached  sent                 1.2 MB
        scripts       linux/arm64  built   sent                 1.2 MB      2.3
        one: base 1   linux/amd64  base    mounted              1.2 MB
        one: torch    linux/amd64  cached  there already, sent  1.2 MB
        one: scripts  linux/arm64  built   sent, -              1.2 MB      2.3
        ");
        let line = deliveries::line(&places[0], &sent());
        let (place, rest) = line.split_once("  sha256:").unwrap();
        assert_eq!(place, "oci:d");
        assert_eq!(&rest[64..], "  0 images, 1 blob mounted, 2 blobs sent (3.0 MB)\n");
        let digests = digests(&images);
        assert!(digests.starts_with("digest: sha256:") && digests.ends_with("  one\n"), "{digests}");
    }
}
