//! The registry as a program: where it listens, what it takes, how it ends.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use super::bench::Bench;

const RECIPE: &str = "\
name = \"app\"
base = \"scratch\"
platforms = [\"linux/amd64\", \"linux/arm64\"]

[[scripts]]
from = \"app.toml\"
to = \"/app.toml\"
";

/// Starts `line` and waits until it says where it listens; gives the address, and the lines after.
fn start(bench: &Bench, line: &str, more: usize) -> (Child, String, Vec<String>) {
    let mut child = bench.command(line).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = lines.next().unwrap().strip_prefix("listening on http://").unwrap().to_owned();
    let rest = lines.take(more).collect();
    (child, address, rest)
}

fn stop(mut child: Child, signal: &str) {
    let kill = format!("kill -{signal} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
}

#[test]
fn images_are_pushed_joined_and_pulled() {
    let bench = Bench::new(&[("app.toml", RECIPE)]);
    let (server, address, _) = start(&bench, "serve kept --listen 127.0.0.1:0", 0);
    let quiet = "--progress off";
    let pushed = bench.run(&format!("build app.toml {quiet} --push {address}/team/app:1"));
    let digest = pushed.stdout.lines().last().unwrap().to_owned();
    assert!(digest.starts_with("digest: sha256:"), "{pushed}");
    let told = bench.run(&format!("push {address}/team/app:1 {address}/other/app:1 --dry-run {quiet}"));
    assert!(told.stdout.contains("2 images, 3 blobs mounted"), "{told}");
    for architecture in ["amd64", "arm64"] {
        let to = format!("{address}/other/app:{architecture}");
        let copied = bench.run(&format!("copy {address}/team/app:1 {to} --platform linux/{architecture} {quiet}"));
        assert_eq!(copied.code, Some(0), "{copied}");
    }
    let parts = format!("--from {address}/other/app:amd64 --from {address}/other/app:arm64");
    let joined = bench.run(&format!("index create {address}/other/app:1 {parts} {quiet}"));
    assert_eq!(joined.stdout.lines().last().unwrap(), digest, "{joined}");
    assert!(joined.stdout.contains("2 images, 3 blobs there already"), "{joined}");
    let pulled = bench.run(&format!("copy {address}/other/app:1 oci:back {quiet}"));
    assert_eq!(pulled.stdout.lines().last().unwrap(), digest, "{pulled}");
    let second = bench.run("serve kept --listen 127.0.0.1:0");
    assert_eq!(
        second.stderr,
        "error: another server is at work in kept\nhint: stop the other one, or choose another folder\n"
    );
    stop(server, "TERM");

    let (server, address, names) = start(&bench, "serve oci:back --listen 127.0.0.1:0", 1);
    assert_eq!(names, [format!("{address}/back:latest  {}", digest.strip_prefix("digest: ").unwrap())]);
    let pulled = bench.run(&format!("copy {address}/back out.tar {quiet}"));
    assert_eq!(pulled.stdout.lines().last().unwrap(), digest, "{pulled}");
    let refused = bench.run(&format!("copy out.tar {address}/back:2 {quiet}"));
    assert_eq!(refused.code, Some(6), "{refused}");
    stop(server, "INT");
}

#[test]
fn what_it_cannot_use_it_names() {
    let bench = Bench::new(&[("users", "ann:secret\n"), ("cert.pem", "nothing\n")]);
    insta::assert_snapshot!(bench.refuse("serve reg --users users"), @"
    exit code: 1
    ----- stdout
    ----- stderr
    error: line 1 of `users` is no `user:` and bcrypt hash
    hint: make the file with `htpasswd -B -c FILE USER`
    ");
    insta::assert_snapshot!(bench.refuse("serve reg --tls-cert cert.pem --tls-key cert.pem"), @"
    exit code: 1
    ----- stdout
    ----- stderr
    error: `cert.pem` cannot be used for TLS: it holds no certificate
    hint: name PEM files: the certificate with its chain, and its private key
    ");
    insta::assert_snapshot!(bench.refuse("serve oci:reg"), @"
    exit code: 1
    ----- stdout
    ----- stderr
    error: the layout cannot be served
      caused by: cannot read `reg/oci-layout`
      caused by: No such file or directory (os error 2)
    hint: check the path after `oci:`, and that the layout was copied whole
    ");
    insta::assert_snapshot!(bench.refuse("serve oci:reg:1.2"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `oci:reg:1.2` is no layout that could be served
    hint: write it as `oci:DIR`, or name a folder
    ");
}
