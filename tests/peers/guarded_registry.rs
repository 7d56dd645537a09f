//! A registry behind a private authority's TLS and a password, as companies have them.

use std::{
    fs,
    net::{IpAddr, UdpSocket},
    path::Path,
    process::Output,
};

use super::{
    docker_registry::DockerRegistry,
    image::Layout,
    workshop::{Project, call, output},
};

const RECIPE: &str = "\
name = \"guarded\"
base = \"scratch\"
platforms = [\"linux/amd64\", \"linux/arm64\"]

[[scripts]]
from = \"guarded.toml\"
to = \"/guarded.toml\"
";

/// User `wheel`, password `wright`.
const PASSWORDS: &str = "wheel:$2b$05$abcdefghijklmnopqrstuu4XVqZzc9i0HyK/KRDm97GF31dCStsyK\n";

/// The same, as Docker's `config.json` has it.
const AUTH: &str = "d2hlZWw6d3JpZ2h0";

#[test]
fn images_pass_through_tls_and_log_in() {
    let project = Project::of_text("guarded", RECIPE);
    let folder = project.folder().to_owned();
    let host = own_address();
    certificates(&folder, &host);
    let registry = guarded(&folder, &host);
    let image = registry.image("team/app:1");
    log_in(&folder, &image, AUTH);

    let store = folder.join("store");
    output(project.build(&store).arg("--output").arg(format!("oci:{}", folder.join("built").display())));
    let push = |more: &[&str]| {
        let mut command = project.build(&store);
        command.args(["--locked", "--push", &image]).args(more).env("DOCKER_CONFIG", &folder);
        command
    };
    let authority = folder.join("authority.pem");
    let authority = authority.to_str().unwrap();

    // A stranger's certificate is not taken, and the way out is named.
    let refused = push(&[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(6), "{}", said(&refused));
    assert!(said(&refused).contains("--ca-file"), "{}", said(&refused));
    output(&mut push(&["--ca-file", authority]));

    // What went there is there, for us and for skopeo; the environment may name the authority as well.
    let built = Layout::at(folder.join("built"));
    let mut pull = call(env!("CARGO_BIN_EXE_wheelwright"), ["copy", &image]);
    pull.arg(format!("oci:{}", folder.join("pulled").display())).arg("--store").arg(&store);
    output(pull.env("DOCKER_CONFIG", &folder).env("SSL_CERT_FILE", authority));
    let theirs = ["--insecure-policy", "copy", "--all", "--preserve-digests", "--src-creds", "wheel:wright"];
    let mut theirs = call("skopeo", theirs);
    theirs.arg("--src-cert-dir").arg(folder.join("trusted")).arg(format!("docker://{image}"));
    output(theirs.arg(format!("oci:{}:latest", folder.join("skopeo").display())));
    for name in ["pulled", "skopeo"] {
        let there = Layout::at(folder.join(name));
        assert_eq!((there.digest(), there.blobs()), (built.digest(), built.blobs()), "{name}");
    }

    // A wrong password is told of as such.
    log_in(&folder, &image, "d2hlZWw6d3Jvbmc=");
    let refused = push(&["--ca-file", authority]).output().unwrap();
    assert_eq!(refused.status.code(), Some(6), "{}", said(&refused));
    assert!(said(&refused).contains("401") && said(&refused).contains("log in"), "{}", said(&refused));
}

fn guarded(folder: &Path, host: &str) -> DockerRegistry {
    let server = folder.join("server");
    fs::create_dir(&server).unwrap();
    fs::write(server.join("passwords"), PASSWORDS).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let http = format!(", tls: {{ certificate: {}, key: {} }}", path("server.pem"), path("server.key"));
    let sections = format!("auth: {{ htpasswd: {{ realm: \"a, b\", path: {} }} }}\n", path("server/passwords"));
    DockerRegistry::start_at(&server, host, &http, &sections)
}

/// An authority, and a certificate for `host` that it has signed.
fn certificates(folder: &Path, host: &str) {
    let kind = if host.parse::<IpAddr>().is_ok() { "IP" } else { "DNS" };
    fs::write(folder.join("names"), format!("subjectAltName={kind}:{host}\n")).unwrap();
    let openssl = |line: &str| {
        output(call("openssl", line.split(' ')).current_dir(folder));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!("req -x509 {key} -keyout authority.key -out authority.pem -days 2 -subj /CN=authority"));
    openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=server"));
    openssl(
        "x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -out server.pem -days 2 -extfile names",
    );
    fs::create_dir(folder.join("trusted")).unwrap();
    fs::copy(folder.join("authority.pem"), folder.join("trusted/ca.crt")).unwrap();
}

fn log_in(folder: &Path, image: &str, auth: &str) {
    let registry = image.split('/').next().unwrap();
    let config = format!(r#"{{"auths":{{"{registry}":{{"auth":"{auth}"}}}}}}"#);
    fs::write(folder.join("config.json"), config).unwrap();
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An address of this machine that is no loopback one: those are spoken to without TLS. Nothing is sent.
fn own_address() -> String {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("198.51.100.1:9").unwrap();
    socket.local_addr().unwrap().ip().to_string()
}
