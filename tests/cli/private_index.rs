//! A package index that asks who we are: every place to keep the answer is found, and the answer is
//! found nowhere else afterwards.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::read::MultiGzDecoder;
use wheelwright::{
    fs::sorted_entries,
    oci::Digest,
    testing::{Base, Wheel},
};

use super::bench::{Bench, Run};

const RECIPE: &str = "\
name = \"app\"
base = \"oci:base\"
platforms = [\"linux/amd64\"]

[wheels]
require = [\"demo\"]
";

pub(super) const USER: &str = "me";
pub(super) const PASSWORD: &str = "hunter2+Zp9q";

/// Serves `demo` to those who know the password; ends with the test's process.
pub(super) fn index() -> String {
    serve(false).0
}

/// Serves `demo` to everybody, and tells how often it was asked.
pub(super) fn open() -> (String, impl Fn() -> usize) {
    let (address, asked) = serve(true);
    (address, move || asked.load(Ordering::SeqCst))
}

fn serve(everybody: bool) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || answer(stream.unwrap(), everybody));
        }
    });
    (address, asked)
}

fn answer(mut stream: TcpStream, everybody: bool) {
    let wheel = Wheel::new("demo", "1.0").file("demo.py", b"pass\n");
    let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let credentials = format!("authorization: Basic {}", BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let known = everybody || head.iter().any(|line| line.eq_ignore_ascii_case(&credentials));
    let (status, kind, body) = match path {
        _ if !known => ("401 Unauthorized", "text/plain", b"who are you?".to_vec()),
        "/simple/demo/" => {
            let hash = Digest::of(&wheel.build()).hex();
            let page = format!("<a href=\"/files/{}#sha256={hash}\">demo</a>\n", wheel.file_name());
            ("200 OK", "text/html", page.into_bytes())
        }
        "/files/demo-1.0-py3-none-any.whl" => ("200 OK", "application/zip", wheel.build()),
        _ => ("404 Not Found", "text/plain", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(&[head.as_bytes(), &body].concat());
}

/// Builds with these variables, and with `files` beside the project's.
fn build(address: &str, files: &[(&str, &str)], variables: &[(&str, &str)]) -> (Bench, Run) {
    let bench = Bench::new(&[("app.toml", RECIPE)]);
    bench.write_base(&Base::default().platforms(&["linux/amd64"]));
    for (path, text) in files {
        bench.write(path, text.replace("ADDRESS", address).as_bytes());
        if text.starts_with("#!") {
            fs::set_permissions(bench.project().join(path), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    let variables: Vec<(&str, String)> =
        variables.iter().map(|(name, value)| (*name, value.replace("ADDRESS", address))).collect();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let run = bench.run_with("build app.toml --progress off -o oci:dist -o app.tar", &variables);
    (bench, run)
}

/// The files below `folder` that hold any of `secrets`.
pub(super) fn holding(folder: &Path, secrets: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in sorted_entries(folder).unwrap_or_default() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, secrets));
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let mut inflated = Vec::new();
        // Of what is no gzip nothing comes out.
        let _ = MultiGzDecoder::new(&bytes[..]).read_to_end(&mut inflated);
        let bytes = [bytes, inflated].concat();
        let holds = |secret: &String| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        if secrets.iter().any(holds) {
            found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    found
}

/// The password in every form that a program could write it down in.
fn secrets() -> Vec<String> {
    let encoded = PASSWORD.replace('+', "%2B");
    vec![PASSWORD.to_owned(), encoded, BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"))]
}

/// A build that knows the password must succeed and keep it to itself; `own` are the files that hold it
/// from the start.
fn check(files: &[(&str, &str)], variables: &[(&str, &str)], own: &[&str]) {
    let loud = [variables, &[("WHEELWRIGHT_LOG", "trace")]].concat();
    let (bench, run) = build(&index(), files, &loud);
    assert_eq!(run.code, Some(0), "{variables:?}\n{run}");
    assert!(run.stderr.contains("TRACE"), "{}", run.stderr);
    for secret in secrets() {
        assert!(!run.stdout.contains(&secret) && !run.stderr.contains(&secret), "{variables:?}\n{run}");
    }
    let project = bench.project();
    assert_eq!(holding(project.parent().unwrap(), &secrets()), own, "{variables:?}");
    let lock = fs::read_to_string(project.join("app.lock")).unwrap();
    assert!(lock.contains("demo-1.0-py3-none-any.whl") && !lock.contains("127.0.0.1"), "{lock}");
}

#[test]
fn credentials_are_found_and_kept_secret() {
    check(&[], &[("PIP_INDEX_URL", "http://me:hunter2%2BZp9q@ADDRESS/simple")], &[]);
    check(&[], &[("UV_DEFAULT_INDEX", "http://me:hunter2%2BZp9q@ADDRESS/simple/")], &[]);
    let netrc = ("netrc", "machine 127.0.0.1 login me password hunter2+Zp9q\n");
    check(&[netrc], &[("NETRC", "netrc"), ("WHEELWRIGHT_INDEX", "http://ADDRESS/simple")], &["netrc"]);
    check(
        &[],
        &[
            ("UV_DEFAULT_INDEX", "my-house=http://ADDRESS/simple"),
            ("UV_INDEX_MY_HOUSE_USERNAME", "me"),
            ("UV_INDEX_MY_HOUSE_PASSWORD", "hunter2+Zp9q"),
        ],
        &[],
    );
    let config = ("pip.conf", "[global]\nindex-url = http://me:hunter2%2BZp9q@ADDRESS/simple\n");
    check(&[config], &[("PIP_CONFIG_FILE", "pip.conf")], &["pip.conf"]);
    let config = ("uv.toml", "[[index]]\nurl = \"http://me:hunter2%2BZp9q@ADDRESS/simple\"\ndefault = true\n");
    check(&[config], &[("UV_CONFIG_FILE", "uv.toml")], &["uv.toml"]);
}

#[test]
fn the_key_ring_is_asked_when_it_shall_be() {
    let script = "#!/bin/sh\n[ \"$*\" = 'get http://ADDRESS/simple me' ] && echo 'hunter2+Zp9q'\n";
    let variables = [
        ("PATH", "bin:/usr/bin:/bin"),
        ("PIP_INDEX_URL", "http://me@ADDRESS/simple"),
        ("PIP_KEYRING_PROVIDER", "subprocess"),
    ];
    check(&[("bin/keyring", script)], &variables, &["keyring"]);
    let (_, run) = build(&index(), &[("bin/keyring", script)], &variables[..2]);
    assert_eq!(run.code, Some(6), "{run}");
}

#[test]
fn who_is_not_known_is_told_so_without_a_word_about_the_password() {
    let (bench, run) = build(&index(), &[], &[("PIP_INDEX_URL", "http://me:wrong-hunter2@ADDRESS/simple")]);
    let address = run.stderr.split("http://").nth(1).unwrap().split('/').next().unwrap();
    assert_eq!(
        run.to_string().replace(address, "ADDRESS"),
        "exit code: 6\n----- stdout\n----- stderr\nerror: cannot ask index `default` for demo\n  \
         caused by: http://ADDRESS/simple/demo/ answered 401 Unauthorized: who are you?\n\
         hint: check the credentials for this host\n"
    );
    assert!(!bench.project().join("app.lock").exists());
}
