//! Puts a file on top of any image, for each of its platforms, without wheels, recipe or lock: the layers that
//! are there are named in the new image, and not read.
//!
//! ```text
//! cargo run --example append_layer
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::{error::Error, sync::Arc};

use wheelwright::{
    base::read_base,
    image::{
        BlobSource as _, ConfigChanges, ConfigLayer, Graph, Image, Index, Layer, Manifest, Memory, Sink, Source,
        deliver, derive_config, platform_of, read_whole,
    },
    layer::{Body, Format, Item, MTIME, Node, Threads, VirtualLayer, lay},
    layout::{LayoutSink, LayoutSource},
    oci::{Descriptor, MediaType, Platform, canonical_json},
    store::Store,
    testing::Base,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    Base::default().write(&folder.path().join("base"))?;

    let layer = hello(&Store::open(folder.path().join("store"))?)?;
    // A registry's image is a source too, and its repository a sink: `registry::Registry`.
    let source = LayoutSource::open(folder.path().join("base"), None)?;
    let sink = LayoutSink::open(folder.path().join("image"), None)?;
    let index = append(&source, &layer, &sink).await?;
    for image in &index.images {
        println!("{}: {} layers", image.platform, image.layers.len());
    }
    assert!(index.images.iter().all(|image| image.layers.len() == 2));
    Ok(())
}

/// A layer with a folder and a file in it. Items are sorted by path.
fn hello(store: &Store) -> Result<Layer, Box<dyn Error>> {
    let text = Node::File(Body::Literal("hello\n".into()));
    let items =
        [Item::new("srv".to_owned(), Node::Directory, 0o755), Item::new("srv/hello.txt".to_owned(), text, 0o644)];
    let laid = lay(&items, Format::Gzip, Threads::One, store, &|_| {})?;
    Ok(Layer { diff_id: laid.diff_id, blob: Arc::new(VirtualLayer::new(laid.descriptor, laid.rope)) })
}

async fn append(source: &dyn Source, layer: &Layer, sink: &dyn Sink) -> Result<Index, Box<dyn Error>> {
    let graph = Graph::read(source, source.root().await?).await?;
    let mut images = Vec::new();
    for (platform, manifest) in graph.images()? {
        // The root is an image, or an index that says for what its images are.
        let platform = match platform {
            Some(platform) => platform,
            None => config_platform(source, manifest).await?,
        };
        images.push(appended(source, platform, layer).await?);
    }
    let described =
        |image: &Image| Descriptor { platform: Some(image.platform.clone()), ..image.manifest.descriptor().clone() };
    let entries: Vec<Descriptor> = images.iter().map(described).collect();
    let index = Index { manifest: Manifest::of_index(&entries, &serde_json::Value::Null), images };
    deliver(&index, sink).await?;
    Ok(index)
}

async fn appended(source: &dyn Source, platform: Platform, layer: &Layer) -> Result<Image, Box<dyn Error>> {
    let base = read_base(source, &platform).await?;
    let config = serde_json::from_slice(&base.config)?;
    let history = ConfigLayer { diff_id: layer.diff_id, created_by: "append_layer".to_owned() };
    let config = derive_config(Some(&config), &platform, &ConfigChanges::default(), &[history], MTIME);
    let config = Memory::new(MediaType::ImageConfig, canonical_json(&config));
    let mut layers = base.layers;
    layers.push(layer.clone());
    let descriptors: Vec<Descriptor> = layers.iter().map(|layer| layer.blob.descriptor().clone()).collect();
    // Annotations of the old manifest say what was true of the old image.
    let manifest = Manifest::of_image(config.descriptor(), &descriptors, &serde_json::Value::Null);
    Ok(Image { platform, manifest, config, layers })
}

async fn config_platform(source: &dyn Source, manifest: &Manifest) -> Result<Platform, Box<dyn Error>> {
    let config = read_whole(&*source.blob(&manifest.config()?), 16 << 20).await?;
    platform_of(&config).ok_or_else(|| "the config names no platform".into())
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs() {
        super::main().unwrap();
    }
}
