//! Settings of other tools, and of servers.

use std::path::Path;

use wheelwright::{
    http::certificates,
    lock::{Facts, Library},
    pypi::{Netrc, pip_conf, uv_toml},
    python::{Libc, PythonVersion, TagSet, WheelName},
    recipe::Base,
    serve::Users,
    verify::Code,
};

use crate::place::texts;

/// `pip.conf`, `uv.toml`, netrc, lists of users, certificates, and short texts on command lines: no secret shows in
/// what is said of them.
pub(crate) fn settings(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for error in [pip_conf(&text).err(), uv_toml(&text).err()].into_iter().flatten() {
        assert!(!error.to_string().contains("s3cret@"), "{error}");
    }
    let netrc = Netrc::parse(&text);
    assert_eq!(Netrc::parse(&text), netrc);
    if let Some((login, password)) = netrc.find("host", None) {
        assert!(text.len() >= login.len().max(password.len()));
        let (login, password) = (login.to_owned(), password.to_owned());
        assert_eq!(netrc.find("HOST", Some(&login)), Some((&*login, &*password)), "by its login it is the same");
    }
    if let Err(error) = Users::parse(Path::new("users"), &text) {
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    assert!(certificates(bytes).is_none_or(|found| !found.is_empty()));
    if let Ok(facts) = serde_json::from_slice::<Facts>(bytes) {
        let again = serde_json::to_vec(&facts).expect("it can be written");
        assert_eq!(serde_json::from_slice::<Facts>(&again).ok(), Some(facts));
    }
    for line in text.lines().take(16) {
        macro_rules! same {
            ($($kind:ty),*) => {$(
                if let Ok(read) = line.parse::<$kind>() {
                    assert_eq!(read.to_string().parse::<$kind>().ok(), Some(read), "{line:?}");
                }
            )*};
        }
        same!(PythonVersion, Libc, Library, Code);
        let _ = Base::parse(line);
        if let Ok(wheel) = line.parse::<WheelName>() {
            let target = wheelwright::python::Target {
                platform: "linux/arm64".parse().expect("this is a platform"),
                python: "3.12.0".parse().expect("this is a version"),
                libc: Libc::Musl(1, 2),
                free_threaded: false,
            };
            let set = TagSet::of(&target);
            assert_eq!(set.best(&wheel).is_some(), wheel.tags().any(|tag| set.rank(&tag).is_some()));
        }
    }
}

pub(crate) fn settings_seeds() -> Vec<(&'static str, Vec<u8>)> {
    texts(&[
        (
            "pip",
            "[global]\nindex-url = https://me:s3cret@host/simple\nextra-index-url =\n    https://a/b\n    https://c/d\ncert=/x\n# y\n[install]\nno-index = true\nfind-links: /w\n",
        ),
        (
            "uv",
            "[[index]]\nname = \"a\"\nurl = \"https://me:s3cret@host/simple\"\ndefault = true\nexplicit = true\n[pip]\nindex-url = \"x\"\nnative-tls = true\n",
        ),
        (
            "netrc",
            "machine host login me password s3cret\nmachine b\n  login \"x y\" password 'z'\nmacdef init\n a\n\ndefault login anonymous password s3cret # c\n",
        ),
        ("users", "me:$2y$05$abcdefghijklmnopqrstuuOQ2VvC0Z0Y3b0J9W0m0nq0Zb0s3cret\n# x\nyou:s3cret\n"),
        ("pem", "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUAAAA\n-----END CERTIFICATE-----\n"),
        (
            "words",
            "glibc 2.36\nmusl 1.2\n3.11.2\noci:dir:tag\ndocker-archive:x.tar\nscratch\nWW308\nlibx.so.1\na-1-cp312-cp312-musllinux_1_2_aarch64.whl\n",
        ),
        (
            "facts",
            "{\"libc\":\"glibc 2.36\",\"symlinks\":[],\"directories\":[],\"installed\":[{\"name\":\"a\",\"version\":\"1\"}]}",
        ),
    ])
}
