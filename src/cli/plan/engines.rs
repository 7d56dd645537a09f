//! A plan in the words of the engines that carry it out.
//!
//! [GitHub, "Running variations of jobs"](https://docs.github.com/en/actions/how-tos/write-workflows/choose-what-workflows-do/run-job-variations),
//! [GitLab, "Downstream pipelines"](https://docs.gitlab.com/ci/pipelines/downstream_pipelines/),
//! [Kubernetes, "Indexed Job"](https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode).

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::{error::CliError, quantity, shards::Part};

/// Jobs that a matrix of GitHub may have.
const GITHUB_JOBS: usize = 256;
/// Jobs that a pipeline of GitLab may have by default.
const GITLAB_JOBS: usize = 500;
/// How long the last Job of Kubernetes waits for the others' images, in seconds.
const WAIT: u32 = 3600;

/// What one machine does.
pub(super) struct Share {
    /// Counted from one.
    number: usize,
    bytes: u64,
    images: Vec<Value>,
}

/// Who does what, and how.
pub(super) struct Pipeline {
    pub(super) shares: Vec<Share>,
    /// Flags that all have in common.
    pub(super) same: Vec<String>,
    pub(super) pushes: Vec<String>,
    pub(super) recipes: Vec<String>,
    pub(super) image: Option<String>,
    pub(super) secret: Option<String>,
}

impl Share {
    pub(super) const fn new(number: usize) -> Self {
        Self { number, bytes: 0, images: Vec::new() }
    }

    pub(super) fn add(&mut self, recipe: &str, variant: Option<&str>, part: &Part) {
        self.bytes = self.bytes.saturating_add(part.bytes);
        self.images.push(json!({
            "recipe": recipe, "variant": variant, "platform": part.platform.to_string(), "bytes": part.bytes,
        }));
    }
}

impl Pipeline {
    pub(super) fn json(&self) -> String {
        let share = |share: &Share| {
            let shard = self.shard(share);
            json!({ "shard": shard, "bytes": share.bytes, "images": share.images, "command": self.build(&shard) })
        };
        let shares: Vec<Value> = self.shares.iter().map(share).collect();
        format!("{:#}\n", json!({ "version": 1, "shards": shares, "join": self.join() }))
    }

    pub(super) fn github(&self) -> Result<String, CliError> {
        let shares = self.busy(GITHUB_JOBS, "GitHub")?;
        let entry =
            |share: &Share| json!({ "shard": self.shard(share), "images": share.images.len(), "bytes": share.bytes });
        let entries: Vec<Value> = shares.into_iter().map(entry).collect();
        Ok(format!("{}\n", json!({ "include": entries })))
    }

    pub(super) fn gitlab(&self) -> Result<String, CliError> {
        let mut text = self.head("A child pipeline");
        if let Some(image) = &self.image {
            let _ = writeln!(text, "default:\n  image: {}", quoted(image));
        }
        text.push_str("stages: [build, join]\n");
        for share in self.busy(GITLAB_JOBS, "GitLab")? {
            let shard = self.shard(share);
            let command = quoted(&shell(&self.build(&shard)));
            let _ = writeln!(
                text,
                "\n# {}, {}\n{}:\n  stage: build\n  script:\n    - {command}\n  retry: 2",
                quantity::count(share.images.len(), "image"),
                quantity::bytes(share.bytes),
                quoted(&format!("build {shard}")),
            );
        }
        let _ = writeln!(text, "\njoin:\n  stage: join\n  script:\n    - {}", quoted(&shell(&self.join())));
        Ok(text)
    }

    pub(super) fn kubernetes(&self) -> Result<String, CliError> {
        let image = self.image.as_ref().ok_or(CliError::NoRunner { engine: "Kubernetes" })?;
        let shards = self.shares.len();
        let build = self.build(&format!("$(JOB_COMPLETION_INDEX)+1/{shards}"));
        let mut join = self.join();
        join.extend(["--wait".to_owned(), WAIT.to_string()]);
        let mut text = self.head("An indexed Job, one shard each, and a Job that joins what they made");
        text.push_str(&self.job("wheelwright-build", image, (&build, Some(shards))));
        text.push_str("---\n");
        text.push_str(&self.job("wheelwright-join", image, (&join, None)));
        Ok(text)
    }

    /// A Job that runs `command`; of `shards` completions that count themselves.
    fn job(&self, name: &str, image: &str, (command, shards): (&[String], Option<usize>)) -> String {
        let indexed = shards.map_or_else(String::new, |shards| {
            format!(
                "  completionMode: Indexed\n  completions: {shards}\n  parallelism: {shards}\n  backoffLimitPerIndex: 2\n"
            )
        });
        let mut arguments = String::new();
        for word in command {
            let _ = writeln!(arguments, "            - {}", quoted(word));
        }
        let (mount, volume) = match &self.secret {
            Some(secret) => (
                "            - name: credentials\n              mountPath: /credentials\n              readOnly: true\n"
                    .to_owned(),
                format!(
                    "        - name: credentials\n          secret:\n            secretName: {}\n            items:\n              \
                     - key: .dockerconfigjson\n                path: config.json\n",
                    quoted(secret)
                ),
            ),
            None => (String::new(), String::new()),
        };
        let credentials = if self.secret.is_some() {
            "            - name: DOCKER_CONFIG\n              value: /credentials\n"
        } else {
            ""
        };
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\nspec:\n{indexed}  template:\n    spec:\n      \
             restartPolicy: Never\n      containers:\n        - name: wheelwright\n          image: {}\n          \
             command:\n{arguments}          env:\n            - name: WHEELWRIGHT_STORE\n              value: \
             /store\n{credentials}          volumeMounts:\n            - name: store\n              mountPath: \
             /store\n{mount}      volumes:\n        - name: store\n          emptyDir: {{}}\n{volume}",
            quoted(image)
        )
    }

    fn head(&self, what: &str) -> String {
        format!(
            "# {what}, by `wheelwright plan --shards {}`: recipes and locks decide who makes what.\n",
            self.shares.len()
        )
    }

    /// The machines that have anything to do.
    fn busy(&self, most: usize, engine: &'static str) -> Result<Vec<&Share>, CliError> {
        let busy: Vec<&Share> = self.shares.iter().filter(|share| !share.images.is_empty()).collect();
        // Whoever has too many jobs hears of it from us, before the engine refuses them all.
        if busy.len() > most {
            return Err(CliError::TooManyShards { shards: busy.len(), most, engine });
        }
        Ok(busy)
    }

    fn shard(&self, share: &Share) -> String {
        format!("{}/{}", share.number, self.shares.len())
    }

    fn build(&self, shard: &str) -> Vec<String> {
        let words = ["wheelwright", "build"].map(str::to_owned).into_iter().chain(self.recipes.iter().cloned());
        let pushes = self.pushes.iter().flat_map(|push| ["--push".to_owned(), push.clone()]);
        let shard = ["--shard".to_owned(), shard.to_owned()];
        words.chain(pushes).chain(self.same.iter().cloned()).chain(shard).collect()
    }

    fn join(&self) -> Vec<String> {
        let words =
            ["wheelwright", "index", "create"].map(str::to_owned).into_iter().chain(self.pushes.iter().cloned());
        let recipes = self.recipes.iter().flat_map(|recipe| ["--of".to_owned(), recipe.clone()]);
        words.chain(recipes).chain(self.same.iter().cloned()).collect()
    }
}

/// A text as YAML and JSON both read it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A command line as a shell reads it.
fn shell(words: &[String]) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@+".contains(letter);
    let quote = |word: &String| {
        let bare = !word.is_empty() && word.chars().all(plain);
        if bare { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline() -> Pipeline {
        let mut shares: Vec<Share> = (1..=3).map(Share::new).collect();
        for share in shares.iter_mut().take(2) {
            let platform = "linux/amd64".parse().unwrap();
            share.add("a.toml", None, &Part { entry: 0, order: 0, platform, bytes: 1_500_000, shard: 0 });
        }
        Pipeline {
            shares,
            same: vec!["--platform".to_owned(), "linux/amd64".to_owned()],
            pushes: vec!["h.example/{name}:1".to_owned()],
            recipes: vec!["it's here".to_owned()],
            image: Some("h.example/wheelwright:1".to_owned()),
            secret: Some("registry".to_owned()),
        }
    }

    #[test]
    fn a_matrix_has_the_machines_that_have_anything_to_do() {
        insta::assert_snapshot!(pipeline().github().unwrap(), @r#"
        {"include":[{"bytes":1500000,"images":1,"shard":"1/3"},{"bytes":1500000,"images":1,"shard":"2/3"}]}
        "#);
        let plan: Value = serde_json::from_str(&pipeline().json()).unwrap();
        assert_eq!(plan["shards"].as_array().unwrap().len(), 3);
        assert_eq!(plan["shards"][1]["command"][8], "2/3");
        let many = Pipeline { shares: Vec::new(), ..pipeline() };
        assert_eq!(many.github().unwrap(), "{\"include\":[]}\n");
        let mut shares = Vec::new();
        for number in 0..300 {
            let mut share = Share::new(number);
            let platform = "linux/amd64".parse().unwrap();
            share.add("a.toml", None, &Part { entry: 0, order: 0, platform, bytes: 1, shard: 0 });
            shares.push(share);
        }
        let many = Pipeline { shares, ..pipeline() };
        assert!(matches!(many.github(), Err(CliError::TooManyShards { shards: 300, most: 256, .. })));
    }

    #[test]
    fn a_child_pipeline_has_a_job_for_each() {
        insta::assert_snapshot!(pipeline().gitlab().unwrap(), @r#"
        # A child pipeline, by `wheelwright plan --shards 3`: recipes and locks decide who makes what.
        default:
          image: "h.example/wheelwright:1"
        stages: [build, join]

        # 1 image, 1.5 MB
        "build 1/3":
          stage: build
          script:
            - "wheelwright build 'it'\\''s here' --push 'h.example/{name}:1' --platform linux/amd64 --shard 1/3"
          retry: 2

        # 1 image, 1.5 MB
        "build 2/3":
          stage: build
          script:
            - "wheelwright build 'it'\\''s here' --push 'h.example/{name}:1' --platform linux/amd64 --shard 2/3"
          retry: 2

        join:
          stage: join
          script:
            - "wheelwright index create 'h.example/{name}:1' --of 'it'\\''s here' --platform linux/amd64"
        "#);
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "it is one document")]
    fn jobs_count_themselves() {
        insta::assert_snapshot!(pipeline().kubernetes().unwrap(), @r#"
        # An indexed Job, one shard each, and a Job that joins what they made, by `wheelwright plan --shards 3`: recipes and locks decide who makes what.
        apiVersion: batch/v1
        kind: Job
        metadata:
          name: wheelwright-build
        spec:
          completionMode: Indexed
          completions: 3
          parallelism: 3
          backoffLimitPerIndex: 2
          template:
            spec:
              restartPolicy: Never
              containers:
                - name: wheelwright
                  image: "h.example/wheelwright:1"
                  command:
                    - "wheelwright"
                    - "build"
                    - "it's here"
                    - "--push"
                    - "h.example/{name}:1"
                    - "--platform"
                    - "linux/amd64"
                    - "--shard"
                    - "$(JOB_COMPLETION_INDEX)+1/3"
                  env:
                    - name: WHEELWRIGHT_STORE
                      value: /store
                    - name: DOCKER_CONFIG
                      value: /credentials
                  volumeMounts:
                    - name: store
                      mountPath: /store
                    - name: credentials
                      mountPath: /credentials
                      readOnly: true
              volumes:
                - name: store
                  emptyDir: {}
                - name: credentials
                  secret:
                    secretName: "registry"
                    items:
                      - key: .dockerconfigjson
                        path: config.json
        ---
        apiVersion: batch/v1
        kind: Job
        metadata:
          name: wheelwright-join
        spec:
          template:
            spec:
              restartPolicy: Never
              containers:
                - name: wheelwright
                  image: "h.example/wheelwright:1"
                  command:
                    - "wheelwright"
                    - "index"
                    - "create"
                    - "h.example/{name}:1"
                    - "--of"
                    - "it's here"
                    - "--platform"
                    - "linux/amd64"
                    - "--wait"
                    - "3600"
                  env:
                    - name: WHEELWRIGHT_STORE
                      value: /store
                    - name: DOCKER_CONFIG
                      value: /credentials
                  volumeMounts:
                    - name: store
                      mountPath: /store
                    - name: credentials
                      mountPath: /credentials
                      readOnly: true
              volumes:
                - name: store
                  emptyDir: {}
                - name: credentials
                  secret:
                    secretName: "registry"
                    items:
                      - key: .dockerconfigjson
                        path: config.json
        "#);
        assert!(matches!(Pipeline { image: None, ..pipeline() }.kubernetes(), Err(CliError::NoRunner { .. })));
    }
}
