//! The tags of every target, in their order, are those of the `packaging` library, which pip uses.

use serde_json::Value;
use wheelwright::python::{PythonVersion, TagSet, Target};

use super::workshop::{call, kept, of_repository, output};

/// The release that is compared with: a newer one may know tags that this program does not know yet.
const PACKAGING: &str = "packaging==26.3";

#[test]
fn tags_are_those_of_packaging_in_their_order() {
    let folder = kept("packaging-26.3");
    if !folder.join("packaging").is_dir() {
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action", "ignore"];
        output(call("python3", pip).arg("--target").arg(&folder).arg(PACKAGING));
    }
    let printed = output(call("python3", [of_repository("tests/peers/tags.py")]).env("PYTHONPATH", &folder));
    let cases: Vec<Value> = serde_json::from_slice(&printed).unwrap();
    assert_eq!(cases.len(), 7 * 6 * (7 + 2));
    for case in &cases {
        let target = target(case);
        let theirs: Vec<&str> = case["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
        let set = TagSet::of(&target);
        let ours: Vec<String> = set.iter().map(|tag| tag.to_string()).collect();
        let differ = ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs);
        let at = differ.unwrap_or(ours.len().min(theirs.len()));
        assert!(ours == theirs, "{target:?}: at {at} {:?}, theirs {:?}", ours.get(at), theirs.get(at));
        assert!(ours.len() > 20, "{target:?}");
    }
}

fn target(case: &Value) -> Target {
    let text = |key: &str| case[key].as_str().unwrap();
    let platform = match text("machine") {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7l" => "arm/v7",
        "i686" => "386",
        machine => machine,
    };
    Target {
        platform: format!("linux/{platform}").parse().unwrap(),
        python: PythonVersion { major: 3, minor: case["minor"].as_u64().unwrap().try_into().unwrap(), patch: 0 },
        libc: text("libc").parse().unwrap(),
        free_threaded: case["free"].as_bool().unwrap(),
    }
}
