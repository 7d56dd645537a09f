//! What `verify` says from files, against what happens when the image is started in its sandbox.

use serde_json::{Value, json};

use super::{
    quickstart::quickstart,
    workshop::{fresh, kept, wheelwright},
};

/// The report on the quickstart's layout under a recipe that demands these modules; `name` is a test's own.
fn report(name: &str, imports: &[&str]) -> (Option<i32>, Value) {
    let folder = fresh(name);
    let recipe = folder.join("demands.toml");
    let text = format!(
        "name = \"demands\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
         debian = {{ suite = \"bookworm\", packages = [\"python3\"] }}\n[check]\nimport = {imports:?}\n"
    );
    std::fs::write(&recipe, text).unwrap();
    let image = format!("oci:{}", quickstart().folder.join("layout").display());
    let mut program = wheelwright(["verify", &image, "--python", "--image", "--run", "--format", "json", "--offline"]);
    program.arg("--recipe").arg(&recipe).arg("--store").arg(kept("store"));
    let output = program.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}\n{stderr}")))
}

fn column(report: &Value, list: &str, keys: &[&str]) -> Vec<String> {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let line = |row: &Value| keys.iter().map(|key| text(row, key)).collect::<Vec<_>>().join(" ");
    report[list].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn what_is_found_well_runs_on_every_platform() {
    let (code, report) = report("verifying-well", &["flask", "cbor2", "markupsafe._speedups"]);
    assert_eq!((code, &report["summary"]["errors"]), (Some(0), &json!(0)), "{report:#}");
    assert_eq!(report["skipped"], json!([]), "{report:#}");
    let expect = ["amd64", "arm64"].map(|architecture| {
        [
            "import flask imported",
            "import cbor2 imported",
            "import markupsafe._speedups imported",
            "entry point started",
        ]
        .map(|what| format!("linux/{architecture} {what}"))
    });
    // In an emulator it may still run when its time is over, which is as good.
    let started = column(&report, "started", &["platform", "what", "result"]).into_iter();
    let started = started.map(|line| line.replace("ends well", "started").replace("runs", "started"));
    assert_eq!(started.collect::<Vec<_>>(), expect.concat(), "{report:#}");
}

#[test]
fn what_is_found_missing_does_not_import() {
    let (code, report) = report("verifying-missing", &["flask", "numpy"]);
    assert_eq!(code, Some(8), "{report:#}");
    let expect = ["WW209 linux/amd64", "WW209 linux/arm64", "WW401 linux/amd64", "WW401 linux/arm64"];
    let mut found = column(&report, "findings", &["code", "platform"]);
    found.retain(|line| !line.starts_with("WW210"));
    assert_eq!(found, expect, "{report:#}");
}
