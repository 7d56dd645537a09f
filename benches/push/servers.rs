//! Registries to push to: Docker's, and one that keeps no layer.

use std::{
    fs::File,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::runtime::Runtime;
use wheelwright::{
    fs::write_atomic,
    serve::{
        Running, Server,
        faults::{Fault, Intercept, Seen},
    },
};

use super::Outcome;

/// A running `docker-registry`; stops when dropped.
pub(super) struct DockerRegistry {
    process: Child,
    address: String,
}

impl DockerRegistry {
    pub(super) fn start(folder: &Path) -> Outcome<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let data = folder.join("data");
        let text = format!(
            "version: 0.1\nlog: {{ level: warn, accesslog: {{ disabled: true }} }}\n\
             storage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: \"{address}\" }}\n",
            data.display()
        );
        let config = folder.join("config.yml");
        write_atomic(&config, text.as_bytes())?;
        let log = File::options().create_new(true).write(true).open(folder.join("log"))?;
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(config).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let process = command.spawn()?;
        let registry = Self { process, address };
        for _ in 0..100 {
            if TcpStream::connect(&registry.address).is_ok() {
                return Ok(registry);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err("docker-registry does not listen".into())
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A registry that reads everything and keeps nothing.
pub(super) struct Sink {
    server: Running,
    counts: Arc<Counts>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Counts {
    bytes: AtomicU64,
    uploads: AtomicU64,
}

impl Intercept for Counts {
    fn intercept(&self, seen: &Seen) -> Fault {
        if seen.method != "PUT" {
            return Fault::None;
        }
        let length = seen.headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok());
        if seen.path.contains("/uploads/") {
            self.bytes.fetch_add(length.unwrap_or(0), Ordering::SeqCst);
            self.uploads.fetch_add(1, Ordering::SeqCst);
        }
        Fault::AnswerAfterBody(201)
    }
}

impl Sink {
    pub(super) fn start(folder: &Path) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let counts = Arc::<Counts>::default();
        let intercept = Arc::clone(&counts) as Arc<dyn Intercept>;
        let server = runtime.block_on(async {
            let server = Server::bind(([127, 0, 0, 1], 0).into(), &folder.join("sink")).await?;
            Outcome::Ok(server.with_intercept(intercept).spawn())
        })?;
        Ok(Self { server, counts, _runtime: runtime })
    }

    pub(super) fn address(&self) -> String {
        self.server.address().to_string()
    }

    pub(super) fn received(&self) -> u64 {
        self.counts.bytes.load(Ordering::SeqCst)
    }

    pub(super) fn uploads(&self) -> u64 {
        self.counts.uploads.load(Ordering::SeqCst)
    }
}
