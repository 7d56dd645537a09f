//! A package index of a company: its certificate is of an authority of its own, and a proxy with a
//! password stands before it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use wheelwright::testing::{Base, Wheel};

use super::workshop::{Project, call, of_repository, output};

/// The servers; they end with the test.
struct Servers {
    child: Child,
    index: String,
    proxy: String,
}

impl Servers {
    fn start(folder: &Path) -> Self {
        let files = ["site", "leaf.pem", "leaf.key"].map(|name| folder.join(name));
        let mut command = call("python3", [of_repository("tests/peers/private_index.py")]);
        let mut child = command.args(files).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (index, proxy) = line.trim().split_once(' ').unwrap();
        Self {
            child,
            index: format!("https://127.0.0.1:{index}/simple"),
            proxy: format!("http://proxy:PASSWORD@127.0.0.1:{proxy}"),
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An authority, and a certificate for loopback that it signed.
fn certificates(folder: &Path) -> PathBuf {
    fs::write(folder.join("leaf.ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    for line in [
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=house",
        "req -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj /CN=loopback",
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile leaf.ext -out leaf.pem",
    ] {
        output(call("openssl", line.split(' ')).current_dir(folder));
    }
    folder.join("ca.pem")
}

fn site(folder: &Path) {
    let wheel = Wheel::new("demo", "1.0").file("demo.py", b"pass\n");
    let page = folder.join("site/simple/demo");
    fs::create_dir_all(&page).unwrap();
    fs::write(page.join(wheel.file_name()), wheel.build()).unwrap();
    fs::write(page.join("index.html"), format!("<a href=\"{0}\">{0}</a>\n", wheel.file_name())).unwrap();
}

#[test]
fn a_private_authority_and_a_proxy_are_believed_where_they_are_named() {
    let recipe =
        "name = \"house\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\"]\n\n[wheels]\nrequire = [\"demo\"]\n";
    let project = Project::of_text("house", recipe);
    let folder = project.folder();
    for (path, contents) in Base::default().platforms(&["linux/amd64"]).layout() {
        let path = folder.join("base").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    site(folder);
    let authority = certificates(folder);
    let authority = authority.to_str().unwrap();
    let servers = Servers::start(folder);
    let build = |variables: &[(&str, &str)]| {
        let store = tempfile::tempdir_in(folder).unwrap();
        let mut command: Command = project.build(store.path());
        command.args(["--progress", "off", "--output", &format!("oci:{}", store.path().join("dist").display())]);
        command.env_clear().env("HOME", folder).env("PIP_INDEX_URL", &servers.index);
        let finished = command.envs(variables.iter().copied()).output().unwrap();
        let _ = fs::remove_file(project.lock_file());
        (finished.status.code(), String::from_utf8(finished.stderr).unwrap())
    };
    for variable in ["PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"] {
        let (code, stderr) = build(&[(variable, authority)]);
        assert_eq!(code, Some(0), "{variable}: {stderr}");
    }
    let (code, stderr) = build(&[]);
    assert!(
        code == Some(6) && stderr.contains("UnknownIssuer") && stderr.contains("SSL_CERT_FILE"),
        "{code:?} {stderr}"
    );
    let through = servers.proxy.replace("PASSWORD", "secret");
    let (code, stderr) = build(&[("PIP_CERT", authority), ("HTTPS_PROXY", &through)]);
    assert_eq!(code, Some(0), "{stderr}");
    let refused = servers.proxy.replace("PASSWORD", "guessed");
    let (code, stderr) = build(&[("PIP_CERT", authority), ("HTTPS_PROXY", &refused)]);
    assert!(code == Some(6) && stderr.contains("proxy") && !stderr.contains("guessed"), "{code:?} {stderr}");
    let (code, stderr) = build(&[("PIP_CERT", authority), ("HTTPS_PROXY", &refused), ("NO_PROXY", "127.0.0.1")]);
    assert_eq!(code, Some(0), "{stderr}");
}
