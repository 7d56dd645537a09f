//! Pipelines for CI engines, the examples and those that `plan` writes, judged by what the engines' own schemas say.

use std::{fs, path::Path, process::Command, sync::OnceLock};

use super::workshop::{call, fresh, kept, of_repository, output, wheelwright};

/// A call of a program out of packages of linters.
fn linter(module: &str) -> Command {
    static FOLDER: OnceLock<std::path::PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = kept("linters");
        let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action", "ignore"];
        let packages = ["check-jsonschema==0.39.0", "kubernetes-validate==1.37.0"];
        if !folder.join("check_jsonschema").is_dir() {
            output(call("python3", quiet).arg("--target").arg(&folder).args(packages));
        }
        folder
    });
    let mut command = call("python3", ["-m", module]);
    command.env("PYTHONPATH", folder);
    command
}

fn judge(engine: &str, file: &Path) {
    let mut linter = linter(if engine == "kubernetes" { "kubernetes_validate" } else { "check_jsonschema" });
    linter.args(match engine {
        "kubernetes" => &["--strict"][..],
        "github" => &["--builtin-schema", "vendor.github-workflows"],
        _ => &["--builtin-schema", "vendor.gitlab-ci"],
    });
    output(linter.arg(file));
}

#[test]
fn pipelines_are_what_their_engines_read() {
    let examples = of_repository("recipes/ci");
    judge("github", &examples.join("github.yml"));
    judge("gitlab", &examples.join("gitlab.yml"));
    judge("kubernetes", &examples.join("kubernetes.yaml"));

    let folder = fresh("pipelines");
    let recipe = "name = \"app\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\n\
                  [[scripts]]\nfrom = \"app.toml\"\nto = \"/app.toml\"\n";
    fs::write(folder.join("app.toml"), recipe).unwrap();
    let ours = |arguments: &[&str]| {
        output(wheelwright(arguments).arg("--offline").arg("--store").arg(folder.join("store")).current_dir(&folder))
    };
    ours(&["lock", "app.toml"]);
    let plan = ["plan", "app.toml", "--shards", "2", "--push", "h.example/{name}:1", "--image", "h.example/w:1"];
    for engine in ["gitlab", "kubernetes"] {
        let file = folder.join(format!("{engine}.yml"));
        fs::write(&file, ours(&[&plan[..], &["--format", engine, "--registry-secret", "registry"]].concat())).unwrap();
        judge(engine, &file);
    }
    // A matrix stands in a workflow of the user's.
    let matrix = String::from_utf8(ours(&[&plan[..], &["--format", "github"]].concat())).unwrap();
    let workflow = format!(
        "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    strategy:\n      matrix: {matrix}    steps:\n      - run: echo\n"
    );
    let file = folder.join("github.yml");
    fs::write(&file, workflow).unwrap();
    judge("github", &file);
}
