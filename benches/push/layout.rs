//! OCI layouts of any size, written without holding a layer in memory.

use std::{
    fs::{self, File},
    io::{self, Seek as _, SeekFrom, Write},
    path::Path,
};

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use wheelwright::{
    fs::write_atomic,
    oci::{Digest, Hasher},
};

use super::Outcome;

/// What layers hold.
#[derive(Clone, Copy)]
pub(super) enum Filling {
    /// Bytes that no compressor shortens, in a gzip of stored blocks, as peers expect layers to be.
    Noise,
    /// Zeros in a sparse file: the bytes are there, and take no room.
    Nothing,
}

struct Layer {
    digest: Digest,
    diff_id: Digest,
    size: u64,
}

/// Writes a layout of one image with `number` layers of about `size` bytes.
pub(super) fn write(folder: &Path, number: u64, size: u64, filling: Filling) -> Outcome<()> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let layers: Vec<Layer> = (0..number)
        .map(|layer| match filling {
            Filling::Noise => noise(&blobs, layer + 1, size),
            Filling::Nothing => zeros(&blobs, size + layer * 512),
        })
        .collect::<io::Result<_>>()?;
    let kind = match filling {
        Filling::Noise => "application/vnd.oci.image.layer.v1.tar+gzip",
        Filling::Nothing => "application/vnd.oci.image.layer.v1.tar",
    };
    let config = put(
        &blobs,
        "application/vnd.oci.image.config.v1+json",
        &json!({
            "os": "linux", "architecture": "amd64",
            "rootfs": { "type": "layers", "diff_ids": layers.iter().map(|layer| layer.diff_id.to_string()).collect::<Vec<_>>() },
        }),
    )?;
    let described =
        |layer: &Layer| json!({ "mediaType": kind, "digest": layer.digest.to_string(), "size": layer.size });
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = put(
        &blobs,
        manifest_type,
        &json!({
            "schemaVersion": 2, "mediaType": manifest_type, "config": config,
            "layers": layers.iter().map(described).collect::<Vec<_>>(),
        }),
    )?;
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    write_atomic(&folder.join("index.json"), index.to_string().as_bytes())?;
    write_atomic(&folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(())
}

fn put(blobs: &Path, kind: &str, value: &Value) -> io::Result<Value> {
    let bytes = value.to_string().into_bytes();
    let digest = Digest::of(&bytes);
    write_atomic(&blobs.join(digest.hex()), &bytes)?;
    Ok(json!({ "mediaType": kind, "digest": digest.to_string(), "size": bytes.len() }))
}

/// A tar of one file of noise, in a gzip.
fn noise(blobs: &Path, seed: u64, size: u64) -> io::Result<Layer> {
    let path = blobs.join(format!("layer-{seed}"));
    let file = Hashed::new(new_file(&path)?);
    let mut gzip = GzBuilder::new().write(file, Compression::none());
    let mut tar = Hashed::new(&mut gzip);
    let mut header = tar::Header::new_ustar();
    header.set_path("noise")?;
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    tar.write_all(header.as_bytes())?;
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut piece = Vec::with_capacity(1 << 20);
    for _ in 0..size >> 20 {
        piece.clear();
        for _ in 0..1 << 17 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            piece.extend_from_slice(&state.to_le_bytes());
        }
        tar.write_all(&piece)?;
    }
    tar.write_all(&[0; 1024])?;
    let diff_id = tar.hasher.finish();
    let file = gzip.finish()?;
    let (digest, size) = (file.hasher.finish(), file.size);
    fs::rename(path, blobs.join(digest.hex()))?;
    Ok(Layer { digest, diff_id, size })
}

/// A tar that ends at once, and goes on in zeros.
fn zeros(blobs: &Path, size: u64) -> io::Result<Layer> {
    let mut hashed = Hashed::new(io::sink());
    let piece = vec![0; 1 << 20];
    let mut left = size;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        hashed.write_all(&piece[..length])?;
        left -= length as u64;
    }
    let digest = hashed.hasher.finish();
    let mut file = new_file(&blobs.join(digest.hex()))?;
    file.seek(SeekFrom::Start(size - 1))?;
    file.write_all(&[0])?;
    Ok(Layer { digest, diff_id: digest, size })
}

fn new_file(path: &Path) -> io::Result<File> {
    File::options().create_new(true).write(true).open(path)
}

/// Digest and size of what passes.
struct Hashed<W> {
    inner: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Hashed<W> {
    fn new(inner: W) -> Self {
        Self { inner, hasher: Hasher::new(), size: 0 }
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
