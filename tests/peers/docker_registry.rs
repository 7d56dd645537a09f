//! The reference registry, on a loopback port.

use std::{
    fs,
    fs::File,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// A running `docker-registry`; stops when dropped.
pub(super) struct DockerRegistry {
    process: Child,
    address: String,
}

impl DockerRegistry {
    /// Starts one that keeps what it is given in `folder`.
    pub(super) fn start(folder: &Path) -> Self {
        Self::start_at(folder, "127.0.0.1", "", "")
    }

    /// Starts one at a host, with more settings of its `http` section, and more sections.
    pub(super) fn start_at(folder: &Path, host: &str, http: &str, sections: &str) -> Self {
        // The port is free again when the registry asks for it; nobody else is given it so soon.
        let address = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap();
        let config = folder.join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{ level: warn }}\nstorage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: \"{address}\"{http} }}\n{sections}",
            folder.join("data").display()
        );
        fs::write(&config, text).unwrap();
        let log = File::create(folder.join("log")).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(config).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let process = command.spawn().unwrap_or_else(|error| panic!("docker-registry, see .ci/run: {error}"));
        let mut registry = Self { process, address: address.to_string() };
        registry.wait();
        registry
    }

    /// The name of an image in this registry.
    pub(super) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    fn wait(&mut self) {
        for _ in 0..100 {
            if TcpStream::connect(&self.address).is_ok() {
                return;
            }
            assert!(self.process.try_wait().unwrap().is_none(), "docker-registry has given up");
            thread::sleep(Duration::from_millis(100));
        }
        panic!("docker-registry does not listen");
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
