//! Exports, to the letter.

use super::*;
use crate::lock::Facts;

/// `platform, wheels`; a wheel is `name version tag source`.
fn lock(images: &[(&str, &[[&str; 4]])]) -> Lock {
    let mut lock = Lock { version: 1, inputs: BTreeMap::new(), platforms: Vec::new(), images: Vec::new() };
    for (platform, wheels) in images {
        let platform: Platform = platform.parse().unwrap();
        let wheel = |[name, version, tag, source]: &[&str; 4]| {
            let file = format!("{name}-{version}-{tag}.whl");
            let source = match source.split_once(':') {
                Some(("path", path)) => WheelSource::Path(path.to_owned()),
                Some(_) => WheelSource::Url((*source).to_owned()),
                None => WheelSource::Index((*source).to_owned()),
            };
            let sha256 = Digest::of(file.as_bytes());
            let (name, version) = ((*name).to_owned(), (*version).to_owned());
            LockedWheel {
                uploaded: None,
                own_hash: false,
                name,
                version,
                file,
                sha256,
                size: 10,
                source,
                why: Vec::new(),
            }
        };
        let python = crate::lock::Interpreter {
            path: "/usr/bin/python3".to_owned(),
            version: "3.11.2".parse().unwrap(),
            free_threaded: false,
            scheme: crate::lock::Scheme {
                purelib: "/p".to_owned(),
                platlib: "/p".to_owned(),
                scripts: "/s".to_owned(),
                data: "/d".to_owned(),
                headers: "/h".to_owned(),
            },
        };
        let installed = vec![crate::lock::Installed { name: "pip".to_owned(), version: "23.0.1".to_owned() }];
        let facts = Facts { python: Some(python), installed, ..Facts::default() };
        lock.platforms.push(LockedPlatform::new(platform.clone(), None, facts));
        let wheels = wheels.iter().map(wheel).collect();
        lock.images.push(LockedImage::new(None, platform, wheels));
    }
    lock
}

fn sample() -> Lock {
    lock(&[
        (
            "linux/amd64",
            &[
                ["flask", "3.0", "py3-none-any", "default"],
                ["numpy", "1.26", "cp311-cp311-manylinux_2_17_x86_64", "default"],
                ["nvidia_x", "12", "py3-none-manylinux_2_17_x86_64", "default"],
                ["own", "1", "py3-none-any", "path:dist/own-1-py3-none-any.whl"],
            ],
        ),
        (
            "linux/arm64",
            &[
                ["flask", "3.0", "py3-none-any", "default"],
                ["numpy", "1.26", "cp311-cp311-manylinux_2_17_aarch64", "default"],
                ["there", "1", "py3-none-any", "https://host.example/there-1-py3-none-any.whl"],
                ["own", "1", "py3-none-any", "path:dist/own-1-py3-none-any.whl"],
            ],
        ),
    ])
}

/// Long hexadecimal numbers as their beginnings.
fn short(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_inclusive(|letter: char| !letter.is_ascii_hexdigit()) {
        words.push(if word.len() > 60 { format!("{}…{}", &word[..6], &word[64..]) } else { word.to_owned() });
    }
    words.concat()
}

#[test]
fn requirements_have_hashes_and_markers_only_where_they_are_needed() {
    let lock = sample();
    let path = |path: &str| format!("../{path}");
    let indexes =
        [IndexOption::Url("https://cpu.example/simple".to_owned()), IndexOption::Folder("./wheels".to_owned())];
    insta::assert_snapshot!(short(&lock.export(None, &[]).unwrap().requirements(&indexes, &path)), @r"
    # Written by `wheelwright lock --export requirements`, for linux/amd64, linux/arm64 with Python 3.11.
    # The base of the image brings, and this does not: pip 23.0.1.
    --extra-index-url https://cpu.example/simple
    --find-links ./wheels
    flask==3.0 \
        --hash=sha256:76195f…
    numpy==1.26 \
        --hash=sha256:84aaf4… \
        --hash=sha256:99ad62…
    nvidia_x==12 ; platform_machine == 'x86_64' \
        --hash=sha256:e18dac…
    ../dist/own-1-py3-none-any.whl \
        --hash=sha256:9bcef0…
    there @ https://host.example/there-1-py3-none-any.whl ; platform_machine == 'aarch64' \
        --hash=sha256:f3bb1c…
    ");
    insta::assert_snapshot!(
        short(&lock.export(None, &["linux/arm64".parse().unwrap()]).unwrap().requirements(&[], &path)), @r"
    # Written by `wheelwright lock --export requirements`, for linux/arm64 with Python 3.11.
    # The base of the image brings, and this does not: pip 23.0.1.
    flask==3.0 \
        --hash=sha256:76195f…
    numpy==1.26 \
        --hash=sha256:84aaf4…
    ../dist/own-1-py3-none-any.whl \
        --hash=sha256:9bcef0…
    there @ https://host.example/there-1-py3-none-any.whl \
        --hash=sha256:f3bb1c…
    ");
}

#[test]
fn a_pylock_places_every_wheel() {
    let lock = sample();
    let export = lock.export(None, &[]).unwrap();
    let place = |wheel: &LockedWheel| (wheel.sha256, FilePlace::Url(format!("https://files.example/{}", wheel.file)));
    let places = export.wheels().into_iter().map(place).collect();
    insta::assert_snapshot!(short(&export.pylock(&places, &|path| format!("./{path}"))), @r#"
    # Written by `wheelwright lock --export pylock`, for linux/amd64, linux/arm64 with Python 3.11.
    # The base of the image brings, and this does not: pip 23.0.1.
    lock-version = "1.0"
    environments = [
      "platform_machine == 'x86_64' and sys_platform == 'linux' and implementation_name == 'cpython'",
      "platform_machine == 'aarch64' and sys_platform == 'linux' and implementation_name == 'cpython'",
    ]
    requires-python = "==3.11.*"
    created-by = "wheelwright"

    [[packages]]
    name = "flask"
    version = "3.0"
    wheels = [
      { name = "flask-3.0-py3-none-any.whl", url = "https://files.example/flask-3.0-py3-none-any.whl", size = 10, hashes = { sha256 = "76195f…" } },
    ]

    [[packages]]
    name = "numpy"
    version = "1.26"
    wheels = [
      { name = "numpy-1.26-cp311-cp311-manylinux_2_17_aarch64.whl", url = "https://files.example/numpy-1.26-cp311-cp311-manylinux_2_17_aarch64.whl", size = 10, hashes = { sha256 = "84aaf4…" } },
      { name = "numpy-1.26-cp311-cp311-manylinux_2_17_x86_64.whl", url = "https://files.example/numpy-1.26-cp311-cp311-manylinux_2_17_x86_64.whl", size = 10, hashes = { sha256 = "99ad62…" } },
    ]

    [[packages]]
    name = "nvidia_x"
    version = "12"
    marker = "platform_machine == 'x86_64'"
    wheels = [
      { name = "nvidia_x-12-py3-none-manylinux_2_17_x86_64.whl", url = "https://files.example/nvidia_x-12-py3-none-manylinux_2_17_x86_64.whl", size = 10, hashes = { sha256 = "e18dac…" } },
    ]

    [[packages]]
    name = "own"
    version = "1"
    archive = { path = "./dist/own-1-py3-none-any.whl", size = 10, hashes = { sha256 = "9bcef0…" } }

    [[packages]]
    name = "there"
    version = "1"
    marker = "platform_machine == 'aarch64'"
    archive = { url = "https://host.example/there-1-py3-none-any.whl", size = 10, hashes = { sha256 = "f3bb1c…" } }
    "#);
    let again: toml::Table = export.pylock(&places, &str::to_owned).parse().unwrap();
    assert_eq!(again["packages"].as_array().unwrap().len(), 5);
}

#[test]
fn what_is_not_locked_is_not_exported() {
    let lock = sample();
    let check = |variant: Option<&str>, platforms: &[&str], expect: &str| {
        let platforms: Vec<Platform> = platforms.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(lock.export(variant, &platforms).unwrap_err().to_string(), expect);
    };
    check(Some("x"), &[], "the lock has no variant `x` for linux/amd64");
    check(None, &["linux/arm64", "linux/386"], "the lock has no image for linux/386");
}
