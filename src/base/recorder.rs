//! What a layer holds, put together while it is made: its files' bytes pass by in pieces.

use std::sync::Arc;

use super::{
    Entry, Evidence, LayerEntries, LayerError,
    entries::{EVIDENCE_LIMIT, Kind, Recorded, clean_path},
    evidence::wants,
};
use crate::elf::{Collector, Detail};

/// Files whose contents tell something are held up to this size; larger ones tell nothing.
const HELD: u64 = 64 << 20;

/// Takes the entries of a layer in the order of its tar. Equal to what [`LayerEntries::read`] makes of
/// the tar.
#[derive(Debug)]
pub struct Recorder {
    layer: LayerEntries,
    /// What becomes the layer's entries, in the order in which they came: looking for the place of each among
    /// paths that begin alike takes longer than sorting what is sorted.
    entries: Vec<(String, Recorded)>,
    now: Option<Current>,
    /// Contents of the newest file, where they are wanted.
    contents: Vec<u8>,
    collector: Collector,
    weight: usize,
    failed: Option<LayerError>,
}

#[derive(Debug)]
struct Current {
    path: String,
    entry: Entry,
    wanted: bool,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            layer: LayerEntries::default(),
            entries: Vec::new(),
            now: None,
            contents: Vec::new(),
            collector: Collector::new(Detail::Symbols),
            weight: 0,
            failed: None,
        }
    }
}

impl Recorder {
    /// The next entry of the layer begins.
    pub fn begin(&mut self, path: &str, entry: Entry) {
        self.end();
        match clean_path(path.as_bytes()) {
            Ok(Some(path)) if !self.layer.take_mark(&path) => {
                let is_file = entry.kind == Kind::File;
                if is_file {
                    self.collector.begin(entry.size);
                }
                let wanted = is_file && entry.size <= HELD && wants(&path, entry.size);
                self.now = Some(Current { path, entry, wanted });
            }
            Ok(_) => {}
            Err(error) => self.failed = Some(error),
        }
    }

    /// Further entries come as a tar.
    pub fn append(&mut self, tar: &[u8]) {
        self.end();
        match LayerEntries::read(tar) {
            Ok(more) => self.entries.extend(more.entries),
            Err(error) => self.failed = Some(error),
        }
    }

    /// The next bytes of its contents.
    pub fn contents(&mut self, bytes: &[u8]) {
        if let Some(now) = &self.now {
            self.collector.write(bytes);
            if now.wanted {
                self.contents.extend_from_slice(bytes);
            }
        }
    }

    /// The whole layer.
    ///
    /// # Errors
    /// When a path leads out of it, or when its files tell more than is kept.
    pub fn finish(mut self) -> Result<LayerEntries, LayerError> {
        self.end();
        self.layer.entries = self.entries.into_iter().collect();
        self.failed.map_or(Ok(self.layer), Err)
    }

    fn end(&mut self) {
        let Some(Current { path, entry, wanted }) = self.now.take() else { return };
        let elf = if entry.kind == Kind::File { self.collector.finish().settled() } else { None };
        let evidence = match wanted.then(|| Evidence::of(&path, &self.contents)) {
            None => None,
            Some(Ok(evidence)) => evidence,
            Some(Err(source)) => {
                self.failed = Some(source.into());
                None
            }
        };
        self.contents.clear();
        let recorded = Recorded { entry, evidence: evidence.map(Arc::new), elf: elf.map(Arc::new) };
        self.weight += recorded.weight();
        if self.weight > EVIDENCE_LIMIT {
            self.failed = Some(LayerError::TooMuchText { limit: EVIDENCE_LIMIT });
        } else {
            self.entries.push((path, recorded));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Library;

    #[test]
    fn it_is_what_reading_the_tar_gives() {
        let files = [
            ("usr/lib/libx.so.1", Library::new("libx.so.1").needs("libc.so.6").undefined("f").build()),
            ("usr/bin/.wh.old", Vec::new()),
            ("site/a-1.0.dist-info/METADATA", b"Name: a\nVersion: 1.0\n\n".to_vec()),
            ("usr/lib/cut.so", Library::new("").build()[..200].to_vec()),
            ("venv/pyvenv.cfg", b"home = /usr/bin".to_vec()),
            ("empty", Vec::new()),
        ];
        let mut builder = tar::Builder::new(Vec::new());
        let mut recorder = Recorder::default();
        for (path, bytes) in &files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, path, &bytes[..]).unwrap();
            let entry = Entry { kind: Kind::File, mode: 0o644, uid: 0, gid: 0, size: bytes.len() as u64 };
            recorder.begin(path, entry);
            for piece in bytes.chunks(100) {
                recorder.contents(piece);
            }
        }
        let read = LayerEntries::read(&builder.into_inner().unwrap()[..]).unwrap();
        let found = recorder.finish().unwrap();
        assert_eq!(found, read);
        assert!(found.entries["usr/lib/libx.so.1"].elf.as_deref().unwrap().is_ok());
        assert!(found.entries["usr/lib/cut.so"].elf.as_deref().unwrap().is_err());
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        let mut recorder = Recorder::default();
        recorder.begin("../x", Entry { kind: Kind::Directory, mode: 0o755, uid: 0, gid: 0, size: 0 });
        assert!(recorder.finish().is_err());
    }
}
