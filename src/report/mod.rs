//! A build told as a whole: what is in the images, what was made, kept and sent, how long each part took, and
//! how that compares with earlier builds. One value, rendered as JSON, Markdown, or one page of HTML.

mod html;
mod markdown;
mod recorder;

use serde::{Deserialize, Serialize};

pub use recorder::Recorder;

/// Version of the report, raised when a reader of an older one would misunderstand.
pub const FORMAT: u32 = 1;

/// A build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// The recipe's name.
    pub name: String,
    /// Version of the program that built.
    pub version: String,
    /// When it began, in seconds since 1970, where that is known.
    pub began: Option<u64>,
    /// Milliseconds until everything was delivered.
    pub took: u64,
    /// Its images, one for each variant.
    pub images: Vec<Image>,
    /// What went on, in the order in which it began.
    pub timeline: Vec<Span>,
    /// What was warned of.
    pub warnings: Vec<String>,
}

/// An image for all of its platforms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The variant, of a recipe that has some.
    pub variant: Option<String>,
    /// Digest of the index.
    pub digest: String,
    /// Where it went.
    pub deliveries: Vec<Delivery>,
    /// What each platform gets.
    pub platforms: Vec<Platform>,
    /// Builds of it on this machine, the first one first, this one last.
    pub builds: Vec<Build>,
}

/// An image that was brought somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Where.
    pub to: String,
    /// Bytes that were sent or written.
    pub sent: u64,
}

/// The image for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Such as `linux/arm64`.
    pub platform: String,
    /// Its layers, the base's first.
    pub layers: Vec<Layer>,
    /// What checks found.
    pub findings: Vec<Finding>,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// What a person calls it.
    pub name: String,
    /// Digest of the compressed blob.
    pub digest: String,
    /// Bytes of the compressed blob.
    pub size: u64,
    /// `base`, `cached`, `remote` or `built`.
    pub made: String,
    /// What was done for it at each destination.
    pub delivered: Vec<String>,
    /// Milliseconds that it took to have it.
    pub took: u64,
    /// Why it is not what it was, one line each.
    pub why: Vec<String>,
    /// Wheels and packages in it.
    pub holds: Vec<Package>,
}

/// A wheel or a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Bytes of the file it came as.
    pub size: u64,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Such as `WW101`.
    pub code: String,
    /// `error`, `warning` or `note`.
    pub level: String,
    /// One line.
    pub message: String,
    /// The file, and what brought it.
    pub place: Option<String>,
    /// What to do.
    pub advice: Option<String>,
}

/// A build as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// When it began, in seconds since 1970, where that is known.
    pub began: Option<u64>,
    /// Milliseconds.
    pub took: u64,
    /// Layers that were made.
    pub made: usize,
    /// Layers that were there.
    pub kept: usize,
    /// Bytes that were sent or written.
    pub sent: u64,
}

/// Something that took a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// `download`, `layer` or `upload`.
    pub kind: String,
    /// A file's name, a layer's.
    pub name: String,
    /// Which of those of its kind that went on at the same time: counted from 0.
    pub lane: usize,
    /// The worker thread, of a layer that was laid down.
    pub thread: Option<String>,
    /// Milliseconds after the build began.
    pub from: u64,
    /// Milliseconds after the build began.
    pub to: u64,
    /// Bytes that were moved.
    pub bytes: u64,
}

impl Report {
    /// One page of HTML that needs nothing else: no network, no file beside it.
    #[must_use]
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// A text for a comment on a change.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::text(self)
    }

    /// The report itself, for programs; what [`Report::from_json`] reads.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads what [`Report::json`] wrote.
    ///
    /// # Errors
    /// When it is something else, or of another [`FORMAT`].
    pub fn from_json(text: &str) -> Result<Self, String> {
        let report: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if report.format == FORMAT {
            return Ok(report);
        }
        Err(format!("it has format {}, and this program reads format {FORMAT}", report.format))
    }
}

impl Platform {
    /// Bytes of its layers, compressed.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two platforms, with one of everything.
    pub(super) fn report() -> Report {
        let package = |name: &str, size| Package { name: name.to_owned(), version: "1.0".to_owned(), size };
        let layer = |name: &str, size, made: &str, holds: &[Package]| Layer {
            name: name.to_owned(),
            digest: format!("sha256:{size:064x}"),
            size,
            made: made.to_owned(),
            delivered: vec!["sent".to_owned()],
            took: if made == "built" { 1500 } else { 0 },
            why: if made == "built" { vec!["wheel a was 0.9, and is 1.0".to_owned()] } else { Vec::new() },
            holds: holds.to_vec(),
        };
        let platform = |name: &str, bytes| Platform {
            platform: name.to_owned(),
            layers: vec![
                layer("base", 40_000_000, "base", &[]),
                layer("torch", bytes, "built", &[package("torch", bytes)]),
                layer("wheels", 3_000_000, "cached", &[package("a", 2_000_000), package("b", 900_000)]),
            ],
            findings: vec![Finding {
                code: "WW101".to_owned(),
                level: "warning".to_owned(),
                message: "libGL.so.1 is <missing>".to_owned(),
                place: Some("/usr/lib/cv2.so, wheel opencv|python 4.9".to_owned()),
                advice: Some("packages = [\"libgl1\"]".to_owned()),
            }],
        };
        let build = |took, made| Build { began: Some(1_700_000_000), took, made, kept: 2, sent: 5_000_000 };
        let span = |kind: &str, name: &str, lane, from, to| Span {
            kind: kind.to_owned(),
            name: name.to_owned(),
            lane,
            thread: (kind == "layer").then(|| "layer-0".to_owned()),
            from,
            to,
            bytes: 1_000_000,
        };
        Report {
            format: FORMAT,
            name: "demo".to_owned(),
            version: "0.1.0".to_owned(),
            began: Some(1_700_000_000),
            took: 4_000,
            images: vec![Image {
                variant: Some("full".to_owned()),
                digest: format!("sha256:{:064x}", 7),
                deliveries: vec![Delivery { to: "oci:dist".to_owned(), sent: 5_000_000 }],
                platforms: vec![platform("linux/amd64", 190_000_000), platform("linux/arm64", 85_000_000)],
                builds: vec![build(60_000, 4), build(4_000, 2)],
            }],
            timeline: vec![
                span("download", "torch.whl", 0, 100, 900),
                span("download", "a.whl", 1, 100, 300),
                span("layer", "torch linux/amd64", 0, 900, 2400),
                span("upload", "torch linux/amd64", 0, 2500, 3900),
            ],
            warnings: vec!["a differs".to_owned()],
        }
    }

    #[test]
    fn json_reads_itself_back_and_no_other_format() {
        let report = report();
        assert_eq!(Report::from_json(&report.json()), Ok(report.clone()));
        let newer = Report { format: 2, ..report };
        assert_eq!(
            Report::from_json(&newer.json()),
            Err("it has format 2, and this program reads format 1".to_owned())
        );
        assert!(Report::from_json("{}").is_err());
    }
}
