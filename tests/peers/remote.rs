//! The remote layer index in real registries: what one machine pushed, another one without anything needs no
//! wheel and no package for.

use std::fs;

use serde_json::Value;

use super::{
    docker_registry::DockerRegistry,
    wheelwright_registry::WheelwrightRegistry,
    workshop::{Project, call, fresh, kept, output},
};

/// Builds and pushes the quickstart; its digest.
fn push(project: &Project, store: &str, image: &str, more: &[(&str, &str)]) -> String {
    let mut build = project.build(&kept(store));
    build.args(["--progress", "off", "--push", image]).envs(more.iter().copied());
    let said = String::from_utf8(output(&mut build)).unwrap();
    said.lines().last().unwrap().to_owned()
}

#[test]
fn an_empty_machine_takes_layers_out_of_registries() {
    let project = Project::of_repository("remote", "quickstart");
    let folder = project.folder().join("registries");
    fs::create_dir_all(folder.join("serve")).unwrap();
    let registry = DockerRegistry::start(&folder);
    let own = WheelwrightRegistry::start(&folder.join("serve"));
    // Nobody answers there: whatever is asked for fails.
    let nowhere = "http://127.0.0.1:9/";
    let cut_off = [
        ("WHEELWRIGHT_INDEX", nowhere),
        ("WHEELWRIGHT_DEBIAN_MIRROR", nowhere),
        ("WHEELWRIGHT_DEBIAN_SECURITY_MIRROR", nowhere),
    ];
    for image in [registry.image("app:1"), own.image("app:1")] {
        let built = push(&project, "store", &image, &[]);
        fresh("remote-empty");
        assert_eq!(push(&project, "remote-empty", &image, &cut_off), built, "{image}");
        // Records are ordinary images to other tools.
        let repository = image.trim_end_matches(":1");
        let listed =
            output(&mut call("skopeo", ["list-tags", "--tls-verify=false", &format!("docker://{repository}")]));
        let listed: Value = serde_json::from_slice(&listed).unwrap();
        let tags: Vec<&str> = listed["Tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let record = tags.iter().find(|tag| tag.starts_with("ww1-")).unwrap();
        let copy = ["copy", "--src-tls-verify=false", "--override-os", "unknown", "--override-arch", "unknown"];
        let (from, to) = (format!("docker://{repository}:{record}"), format!("oci:{}/copy:1", folder.display()));
        output(call("skopeo", copy).args([&from, &to]));
    }
}
