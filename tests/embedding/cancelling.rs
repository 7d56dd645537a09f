//! A build whose future is dropped leaves the store sound and the destination as it was.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;
use wheelwright::{
    builder::{Builder, Destination, Kept, Project, Selection, Settings},
    fs::sorted_entries,
    http::{Client, Options},
    oci::Digest,
    progress::{Event, Observer, TaskKind},
    recipe::Recipe,
    store::Store,
    testing::{Base, Wheel},
};

/// Where a build is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Lock,
    Layer,
    Delivery,
    Never,
}

/// Rings when the build has come so far, and keeps the thread that told it waiting until the future is gone:
/// nothing that it would do then can be a matter of luck.
struct Bell {
    at: At,
    rung: Notify,
    gone: AtomicBool,
}

impl Observer for Bell {
    fn observe(&self, event: &Event<'_>) {
        let reached = match event {
            Event::Stage { name, .. } => self.at == At::Lock && name.starts_with("choosing wheels"),
            Event::Advanced { task, .. } => match task.kind {
                TaskKind::Layer => self.at == At::Layer,
                TaskKind::Upload => self.at == At::Delivery,
                TaskKind::Download => false,
            },
            _ => false,
        };
        if reached {
            self.rung.notify_one();
            // A layer's thread is one of its own; the others run the future itself, which ends at its next pause.
            for _ in 0..6000 {
                if self.at != At::Layer || self.gone.load(Ordering::SeqCst) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_is_dropped_leaves_store_and_output_as_they_were() {
    for at in [At::Lock, At::Layer, At::Delivery] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        Base::default().write(&folder.join("base")).unwrap();
        let first = build(folder, 1, At::Never).await.unwrap();
        let before = files(&folder.join("image"));

        assert_eq!(build(folder, 2, at).await, None, "{at:?}");
        // Every blob is whole; blobs that nothing names may have come.
        for (path, bytes) in &before {
            assert_eq!(files(&folder.join("image")).get(path), Some(bytes), "{at:?}: {}", path.display());
        }
        for path in files(&folder.join("image")).keys().filter(|path| !before.contains_key(*path)) {
            assert!(path.to_string_lossy().contains("blobs/sha256/"), "{at:?}: {}", path.display());
        }
        wait_for_workers(folder).await;
        let verified = Store::open(folder.join("store")).unwrap().verify().unwrap();
        assert_eq!(verified.damaged, Vec::<String>::new(), "{at:?}");

        // And nothing that was left behind changes what is built next.
        let again = build(folder, 2, At::Never).await.unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        Base::default().write(&elsewhere.path().join("base")).unwrap();
        assert_eq!(build(elsewhere.path(), 2, At::Never).await, Some(again), "{at:?}");
        assert_ne!(first, again);
    }
}

/// Builds the application in this edition into `image`, until `at`; the digest, unless it was given up.
async fn build(folder: &Path, edition: u8, at: At) -> Option<Digest> {
    let wheel = Wheel::new("demo", &format!("1.{edition}")).stored("demo.bin", &noise(edition));
    let path = wheel.write(folder).unwrap();
    let text = format!(
        "name = \"demo\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\nwheels.require = [\"./{}\"]\n",
        path.file_name().unwrap().to_str().unwrap()
    );
    let project = Project { recipe: Recipe::parse("demo.toml", &text).unwrap(), folder: folder.to_owned() };
    let bell = Arc::new(Bell { at, rung: Notify::new(), gone: AtomicBool::new(false) });
    let settings = Settings {
        observer: Arc::clone(&bell) as Arc<dyn Observer>,
        ..Settings::new(Store::open(folder.join("store")).unwrap(), Client::new(Options::default()).unwrap())
    };
    let builder = Builder::new(settings).unwrap();
    let whole = async {
        let lock = builder.lock(&project, &Kept::nothing()).await.unwrap();
        let built = builder.build(&project, &lock, &Selection::default()).await.unwrap();
        let to = Destination::Layout { folder: folder.join("image"), name: None };
        builder.deliver(&built, &to).await.unwrap().root
    };
    let root = tokio::select! {
        biased;
        () = bell.rung.notified() => None,
        root = whole => Some(root),
    };
    bell.gone.store(true, Ordering::SeqCst);
    root
}

/// Layers under way when a build is dropped are finished by their threads, and kept.
async fn wait_for_workers(folder: &Path) {
    for _ in 0..600 {
        if Store::open_alone(folder.join("store")).is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("a thread still has the store");
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in sorted_entries(folder).unwrap_or_default() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            // What a thread that was given up had under construction may go at any time.
            found.extend(std::fs::read(entry.path()).ok().map(|bytes| (entry.path(), bytes)));
        }
    }
    found
}

/// Bytes that nothing makes smaller.
fn noise(seed: u8) -> Vec<u8> {
    let mut state = u64::from(seed) | 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()[7]
    };
    std::iter::repeat_with(next).take(300_000).collect()
}
