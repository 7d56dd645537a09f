//! A report for programs.

use serde_json::{Value, json};

use crate::{
    builder::Signed,
    oci::{Reference, canonical_json},
    verify::{Finding, Level, Owner, Report, run::Started},
};

/// The version of the object: a key that changes its meaning raises it.
const VERSION: u32 = 1;

/// One object on one line.
pub(super) fn render(image: &str, report: &Report) -> String {
    let object = json!({
        "version": VERSION,
        "image": image,
        "findings": report.findings.iter().map(finding).collect::<Value>(),
        "summary": {
            "errors": report.count(Level::Error),
            "warnings": report.count(Level::Warning),
            "notes": report.count(Level::Note),
        },
        "checked": report.checked.iter().map(|(platform, check)| json!({
            "platform": platform.to_string(), "check": check.to_string(),
        })).collect::<Value>(),
        "sizes": report.sizes.iter().map(|(platform, bytes)| json!({
            "platform": platform.to_string(), "bytes": bytes,
        })).collect::<Value>(),
        "started": report.started.iter().map(started).collect::<Value>(),
        "skipped": report.skipped.iter().map(|skipped| json!({
            "platform": skipped.platform.to_string(), "check": skipped.check.to_string(), "reason": skipped.reason,
        })).collect::<Value>(),
    });
    String::from_utf8_lossy(&canonical_json(&object)).into_owned() + "\n"
}

/// Whose image it is, as one object on one line.
pub(super) fn signed(image: &Reference, signed: &Signed, key: &str) -> String {
    let object = json!({
        "version": VERSION,
        "image": image.to_string(),
        "signature": { "digest": signed.digest.to_string(), "identity": signed.identity, "key": key },
    });
    String::from_utf8_lossy(&canonical_json(&object)).into_owned() + "\n"
}

fn finding(finding: &Finding) -> Value {
    json!({
        "code": finding.code.to_string(),
        "level": finding.level().to_string(),
        "platform": finding.platform.to_string(),
        "path": finding.path,
        "owner": finding.owner.as_ref().map(owner),
        "message": finding.message,
        "hint": finding.hint.as_ref().map(ToString::to_string),
        "recipe": finding.recipe,
        "accepted": finding.accepted,
        "inherited": finding.inherited,
    })
}

fn started(started: &Started) -> Value {
    json!({
        "platform": started.platform.to_string(),
        "what": started.what,
        "result": started.result,
        "version": started.version,
        "seconds": started.time.as_secs_f64(),
    })
}

fn owner(owner: &Owner) -> Value {
    let (kind, name) = match owner {
        Owner::Wheel(name) => ("wheel", name),
        Owner::Package(name) => ("package", name),
        Owner::Layer(name) => ("layer", name),
    };
    json!({ "kind": kind, "name": name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verify::text::tests::report;

    #[test]
    fn every_fact_has_a_key() {
        let text = render("oci:dist", &report());
        let object: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(object["summary"], json!({ "errors": 3, "warnings": 0, "notes": 1 }));
        assert_eq!(
            object["findings"][0],
            json!({
                "code": "WW101", "level": "error", "platform": "linux/amd64", "path": "/usr/lib/cv2.so",
                "owner": { "kind": "wheel", "name": "opencv-python 4.9" }, "message": "libGL.so.1 is missing",
                "hint": null, "recipe": "packages = [\"libgl1\"]", "accepted": null, "inherited": false,
            })
        );
        assert_eq!(object["skipped"][0]["reason"], "no Python");
    }
}
