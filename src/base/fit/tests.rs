//! Layers on another base, in a few lines each.

use serde_json::{Value, json};

use super::*;
use crate::base::tree::tests::{layer, tree};

const SITE: &str = "usr/local/lib/python3.11/site-packages";

fn python(path: &str, version: &str) -> String {
    format!("file {path} \\0{version}\\0{}", "x".repeat(2000))
}

fn libc(version: &str) -> String {
    format!(
        "file usr/lib/libc.so.6 GNU C Library (Debian GLIBC {version}-9) stable release version {version}.\\n{}",
        "x".repeat(2000)
    )
}

fn base(more: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = vec![
        python("usr/local/bin/python3.11", "3.11.9"),
        "link usr/local/bin/python3 python3.11".to_owned(),
        "file usr/local/lib/python3.11/os.py".to_owned(),
        libc("2.36"),
        "file etc/os-release ID=debian\\nVERSION_CODENAME=bookworm\\n".to_owned(),
    ];
    lines.extend(more.iter().map(|line| (*line).to_owned()));
    lines
}

/// What is said of layers that were made for the base `old` and shall lie on `new`.
fn found(old: &[String], new: &[String], ours: Option<&[&[&str]]>) -> Vec<String> {
    let [old, new] = [old, new].map(|lines| tree(&[&lines.iter().map(String::as_str).collect::<Vec<_>>()]));
    let ours: Option<Vec<LayerEntries>> =
        ours.map(|layers| layers.iter().map(|lines| LayerEntries::read(&layer(lines)[..]).unwrap()).collect());
    let settings = json!({ "Env": ["PATH=/opt/venv/bin:/usr/local/bin:/usr/bin"] });
    let platform = "linux/amd64".parse().unwrap();
    let settings: (&Value, &Value) = (&settings, &settings);
    let change = Change { platform: &platform, old: &old, new: &new, ours: ours.as_deref(), settings };
    change.misfits().unwrap().iter().map(ToString::to_string).collect()
}

fn check(old: &[&str], new: &[&str], ours: &[&str], expect: &[&str]) {
    assert_eq!(found(&base(old), &base(new), Some(&[ours])), expect, "{new:?} {ours:?}");
}

const WHEEL: &[&str] = &[
    "file usr/local/lib/python3.11/site-packages/demo/__init__.py x",
    "file usr/local/lib/python3.11/site-packages/demo-1.0.dist-info/METADATA Name: demo\\nVersion: 1.0\\nRequires-Dist: dep>=2\\n",
    "file usr/local/lib/python3.11/site-packages/dep-2.0.dist-info/METADATA Name: dep\\nVersion: 2.0\\n",
];

#[test]
fn the_same_and_more_fits() {
    check(&[], &[], WHEEL, &[]);
    check(&[], &["file etc/motd hello", "file usr/lib/new.so"], WHEEL, &[]);
    assert_eq!(found(&base(&[]), &base(&[]), None), Vec::<String>::new());
}

#[test]
fn another_interpreter_does_not_fit() {
    let with = |old: &str, new: &str| base(&[]).iter().map(|line| line.replace(old, new)).collect::<Vec<_>>();
    let check = |new: &[String], expect: &str| {
        for ours in [Some(&[WHEEL][..]), None] {
            let found = found(&base(&[]), new, ours);
            assert_eq!(found.first().map(String::as_str), Some(expect));
        }
    };
    check(&with("3.11", "3.12"), "it has Python 3.12.9, and the image is made for 3.11.9");
    check(&with("usr/local/bin/", "nowhere/"), "it has no `python3`, and the image uses /usr/local/bin/python3");
    check(&with("usr/local/", "usr/"), "python3 is /usr/bin/python3, and the image is made for /usr/local/bin/python3");
    check(&with("2.36", "2.31"), "it has glibc 2.31, and the image is made for glibc 2.36");
    assert_eq!(found(&base(&[]), &with("3.11.9", "3.11.10"), Some(&[WHEEL])), Vec::<String>::new());
    assert_eq!(found(&base(&[]), &with("2.36", "2.41"), Some(&[WHEEL])), Vec::<String>::new());
    let venv = [
        "link opt/venv/bin/python3 /usr/local/bin/python3",
        "file opt/venv/pyvenv.cfg home = /usr/local/bin\\nversion = 3.11.9\\n",
    ];
    let found = found(&base(&[]), &with("3.11", "3.12"), Some(&[&venv]));
    assert_eq!(found, ["it has Python 3.12.9, and the image is made for 3.11.9"]);
}

#[test]
fn packages_of_another_release_do_not_fit() {
    let other = base(&[]).iter().map(|line| line.replace("bookworm", "trixie")).collect::<Vec<_>>();
    let packaged: &[&str] = &["file var/lib/dpkg/status.d/a Package: a\\n"];
    assert_eq!(
        found(&base(&[]), &other, Some(&[packaged])),
        ["it is debian trixie, and the image has packages for debian bookworm"]
    );
    assert_eq!(found(&base(&[]), &other, Some(&[WHEEL])), Vec::<String>::new());
}

#[test]
fn links_in_the_way_are_named() {
    let split: &[&str] = &["dir lib/x86_64-linux-gnu", "dir usr/lib/x86_64-linux-gnu"];
    let merged: &[&str] = &["link lib usr/lib", "dir usr/lib/x86_64-linux-gnu"];
    let leads = |path: &str, new: &str, old: &str| format!("/{path} leads to /{new}, and the image is made for /{old}");
    check(split, merged, &["file lib/x86_64-linux-gnu/a.so x"], &[&leads("lib", "usr/lib", "lib")]);
    check(merged, split, &["file usr/lib/x86_64-linux-gnu/a.so x"], &[&leads("lib", "lib", "usr/lib")]);
    check(split, merged, &["file usr/lib/x86_64-linux-gnu/a.so x"], &[]);
    check(&[], &["dir data", "link opt data"], &["dir opt", "file opt/a x"], &[&leads("opt", "data", "opt")]);
    check(&[], &["file opt x"], &["file opt/a x"], &["/opt is no directory, and the image has files in it"]);
    check(&["dir app"], &["dir app"], &["dir app", "file app/a x"], &[]);
    assert_eq!(found(&base(split), &base(merged), None), [leads("lib", "usr/lib", "lib")]);
    assert_eq!(found(&base(merged), &base(split), None), [leads("lib", "lib", "usr/lib")]);
}

#[test]
fn what_is_replaced_or_removed_must_be_what_it_was() {
    let replaces = "the image replaces /etc/app.conf, which is another file there";
    check(&["file etc/app.conf a"], &["file etc/app.conf a"], &["file etc/app.conf own"], &[]);
    check(&["file etc/app.conf a"], &["file etc/app.conf other"], &["file etc/app.conf own"], &[replaces]);
    check(&[], &["file etc/app.conf other"], &["file etc/app.conf own"], &[replaces]);
    check(&["file etc/app.conf a"], &[], &["file etc/app.conf own"], &[]);
    let removes = "the image removes /srv/a, which holds something else there";
    check(&["file srv/a/x 1"], &["file srv/a/x 1"], &["file srv/.wh.a"], &[]);
    check(&["file srv/a/x 1"], &["file srv/a/x 1", "file srv/a/y 1"], &["file srv/.wh.a"], &[removes]);
    check(&["file srv/a/x 1"], &["file srv/a/x 12"], &["file srv/a/.wh..wh..opq"], &[removes]);
    check(&["file srv/a/x 1"], &["dir srv"], &["file srv/.wh.a"], &[]);
}

#[test]
fn distributions_must_not_meet() {
    let dist = |site: &str, version: &str| {
        format!("file {site}/demo-{version}.dist-info/METADATA Name: demo\\nVersion: {version}\\n")
    };
    let beside = |version: &str| format!("it brings demo {version} in /{SITE}, beside the image's 1.0");
    check(&[], &[&dist(SITE, "1.1")], WHEEL, &[&beside("1.1")]);
    // A base that brings the very same: its files are the image's too.
    let found = found(&base(&[]), &base(&[&dist(SITE, "1.0")]), Some(&[WHEEL]));
    assert_eq!(found[0], beside("1.0"));
    // What was replaced must be what was there.
    let mark = format!("file {SITE}/.wh.demo-0.9.dist-info");
    let hiding: Vec<&str> = [&*mark].iter().chain(WHEEL).copied().collect();
    check(&[&dist(SITE, "0.9")], &[&dist(SITE, "0.9")], &hiding, &[]);
    check(&[&dist(SITE, "0.9")], &[&dist(SITE, "0.8")], &hiding, &[&beside("0.8")]);
}

#[test]
fn what_was_met_stays_met() {
    let dep = |version: &str| format!("file {SITE}/dep-{version}.dist-info/METADATA Name: dep\\nVersion: {version}\\n");
    let user = format!("file {SITE}/user-1.dist-info/METADATA Name: user\\nVersion: 1\\nRequires-Dist: demo>5\\n");
    let (wheel, _) = WHEEL.split_at(2);
    check(&[&dep("2.0")], &[&dep("2.1")], wheel, &[]);
    check(&[&dep("2.0")], &[&dep("1.0")], wheel, &["demo 1.0 requires dep>=2, and dep is 1.0"]);
    check(&[&dep("2.0")], &[], wheel, &["demo 1.0 requires dep>=2, and that is not there"]);
    // What the new base lacks by itself is its own business.
    check(&[], &[&user], WHEEL, &[]);
}
