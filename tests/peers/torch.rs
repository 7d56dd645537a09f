//! The case that started it: torch and transformers for two platforms, on a base of somebody else's.

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use wheelwright::oci::Digest;

use super::{
    debian_base::debian_base,
    docker_registry::DockerRegistry,
    image::Layout,
    root::run,
    workshop::{Project, call, kept, output},
};

/// Nothing is left out: on amd64, torch does not start without CUDA's libraries, which weigh 2 GB.
const RECIPE: &str = r#"
name      = "torch"
platforms = ["linux/amd64", "linux/arm64"]

[wheels]
require = ["torch==2.3.1", "transformers"]
skew    = "warn"

[[scripts]]
from = "tensor.py"
to   = "/app/tensor.py"
mode = "0755"

[image]
entrypoint = ["python3", "/app/tensor.py"]
user       = "10001:10001"
env        = { HF_HUB_OFFLINE = "1", PYTHONDONTWRITEBYTECODE = "1" }
"#;

const SCRIPT: &str = r#"
import json
import torch
import transformers

product = torch.ones(2, 3) @ torch.ones(3, 4)
hidden = transformers.BertConfig(hidden_size=32).hidden_size
print(json.dumps({"torch": torch.__version__, "product": product.tolist(), "hidden": hidden}))
"#;

/// KiB of memory, at most, that the program may use; torch's wheel alone has 779 MB.
const MOST_MEMORY: u64 = 1 << 20;

/// Bytes of address space that the program gets, the code of it and of its libraries included.
const ADDRESS_SPACE: u64 = 512 << 20;

#[test]
#[expect(clippy::print_stdout, reason = "a figure that people ask for")]
fn torch_is_built_in_little_memory_pushed_and_runs() {
    let project = Project::of_text("torch", &format!("base = {:?}\n{RECIPE}", debian_base()));
    let folder = project.folder().to_owned();
    fs::write(folder.join("tensor.py"), SCRIPT).unwrap();
    fs::create_dir(folder.join("registry")).unwrap();
    let registry = DockerRegistry::start(&folder.join("registry"));
    let (image, layout) = (registry.image("torch:2.3.1"), folder.join("layout"));
    let mut build = project.build(&kept("store"));
    build.args(["--push", &image, "--output", &format!("oci:{}", layout.display())]);
    let memory = peak_memory(&build, &folder.join("time"));
    assert!(memory < MOST_MEMORY, "{memory} KiB");
    println!("peak memory {} MiB", memory / 1024);

    let layout = Layout::at(layout);
    let pushed = output(&mut call("skopeo", ["inspect", "--raw", "--tls-verify=false", &format!("docker://{image}")]));
    assert_eq!(Digest::of(&pushed).to_string(), layout.digest());

    drop(registry);
    fs::remove_dir_all(folder.join("registry")).unwrap();
    let root = layout.unpack("amd64", &folder);
    let report = run(&root, &layout.config("amd64"), &["/usr/bin/python3", "/app/tensor.py"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(report["torch"].as_str().unwrap().starts_with("2.3.1"), "{report}");
    assert_eq!(report["product"], serde_json::json!([[3.0, 3.0, 3.0, 3.0], [3.0, 3.0, 3.0, 3.0]]), "{report}");
    assert_eq!(report["hidden"], 32, "{report}");
    // Gigabytes that nobody looks at again.
    for name in ["amd64", "layout"] {
        fs::remove_dir_all(folder.join(name)).unwrap();
    }
}

/// Runs the command in little address space and returns the most memory that it had, in KiB.
fn peak_memory(command: &Command, report: &Path) -> u64 {
    let mut timed = call("/usr/bin/time", ["--verbose", "--output"]);
    // Left to itself, glibc reserves 64 MiB for each thread.
    timed.arg(report).args(["env", "MALLOC_ARENA_MAX=1", "prlimit", &format!("--as={ADDRESS_SPACE}")]);
    output(timed.arg(command.get_program()).args(command.get_args()));
    let report = fs::read_to_string(report).unwrap();
    let line = report.lines().find_map(|line| line.trim().strip_prefix("Maximum resident set size (kbytes): "));
    line.unwrap().parse().unwrap()
}
