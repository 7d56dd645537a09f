//! The report of a build, opened in a browser.

use std::{fs, path::Path};

use super::workshop::{Project, call, fresh, kept};

/// Opens the page; what the browser says of it, and the document as its script has left it.
fn opened(page: &Path, profile: &Path, flags: &[&str]) -> (String, String) {
    let usual =
        ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=2000"];
    let profile = format!("--user-data-dir={}", profile.display());
    let url = format!("file://{}", page.display());
    let run = call("chromium", usual).args(flags).args([&profile, "--dump-dom", &url]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(run.status.success(), "{}", text(&run.stderr));
    (text(&run.stderr), text(&run.stdout))
}

#[test]
fn the_page_draws_itself_and_nothing_goes_wrong() {
    let folder = fs::canonicalize(fresh("reporting")).unwrap();
    let project = Project::of_repository("reporting-recipe", "quickstart");
    let layout = format!("oci:{}", folder.join("layout").display());
    let page = folder.join("report.html");
    let build = project.build(&kept("store")).args(["--output", &layout, "--report"]).arg(&page).output().unwrap();
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    assert!(fs::metadata(&page).unwrap().len() < 1_000_000);
    for flags in [["--window-size=1280,1600"], ["--window-size=390,1600"], ["--blink-settings=preferredColorScheme=0"]]
    {
        let (said, document) = opened(&page, &folder.join("profile"), &flags);
        assert!(!said.contains(":CONSOLE"), "{flags:?}: {said}");
        let body = document.split("<body").nth(1).and_then(|rest| rest.split('>').next()).unwrap();
        assert!(body.contains("data-drawn=\"1\"") && !body.contains("data-error"), "{flags:?}: {body}");
        // One row for each layer, and a rectangle for each wheel.
        assert!(document.matches("<tr").count() > 3 && document.matches("title=\"cbor2 ").count() > 0, "{flags:?}");
    }
    fs::remove_dir_all(folder.join("profile")).unwrap();
}
