//! A lock held against the recipe's policy, before anything is made of it.

use std::collections::BTreeMap;

use super::{BuildError, Builder, Project};
use crate::{
    lock::{Lock, LockedWheel, WheelSource},
    oci::Digest,
    python::{Licence, LicenceFields},
    verify::{Report, policy},
};

impl Builder {
    /// What recipe and lock say against the recipe's policy, with what METADATA says of licences as far as it is at
    /// hand: all that the resolver has read. What a lock of another tool names is read when it is built.
    ///
    /// # Errors
    /// When a wheel that lies here cannot be read.
    pub async fn judge_lock(&self, project: &Project, lock: &Lock) -> Result<Report, BuildError> {
        let (recipe, mut report) = (&project.recipe, Report::default());
        if recipe.policy.is_empty() {
            return Ok(report);
        }
        let licences =
            if recipe.policy.is_about_licences() { self.licences(project, lock).await? } else { BTreeMap::new() };
        report.findings.extend(policy::of_recipe(recipe));
        for image in &lock.images {
            report.findings.extend(policy::of_lock(&recipe.policy, image));
            report
                .findings
                .extend(policy::of_wheels(&recipe.policy, image, |wheel| licences.get(&wheel.sha256).cloned()));
            let now = self.settings.now.into_iter();
            report.findings.extend(now.flat_map(|now| policy::too_young(&recipe.policy, image, now)));
        }
        Ok(report.settled(&recipe.check.accept))
    }

    /// What wheels say of their licences, by their digests.
    async fn licences(&self, project: &Project, lock: &Lock) -> Result<BTreeMap<Digest, Option<Licence>>, BuildError> {
        let index = self.package_index(project);
        let wheels: BTreeMap<Digest, &LockedWheel> =
            lock.images.iter().flat_map(|image| &image.wheels).map(|wheel| (wheel.sha256, wheel)).collect();
        let mut licences = BTreeMap::new();
        for (digest, wheel) in wheels {
            let path = if let WheelSource::Path(path) = &wheel.source { Some(path.as_ref()) } else { None };
            let text = index.kept_metadata((&wheel.file, &digest), path).await;
            let text = text.map_err(|source| BuildError::Wheel { wheel: wheel.file.clone(), source })?;
            if let Some(text) = text {
                let fields = LicenceFields::of_metadata(&String::from_utf8_lossy(&text));
                licences.insert(digest, fields.licence());
            }
        }
        Ok(licences)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        builder::{
            Kept,
            testing::{Bench, base, wheels},
        },
        pypi::testing::{FakeIndex, Manner, Wheel},
        python::UploadTime,
        verify::Level,
    };

    fn bench() -> Bench {
        let now: UploadTime = "2026-11-28T00:00:00Z".parse().unwrap();
        let mut bench = Bench::new(&[]);
        bench.now = Some(now.seconds());
        bench
    }

    /// Codes, levels and owners of what is found on one platform.
    async fn judged(bench: &Bench, rest: &str, lock: &Lock) -> Vec<String> {
        let report = bench.builder(&[]).await.0.judge_lock(&bench.project(rest), lock).await.unwrap();
        let told = report.findings.iter().filter(|finding| finding.platform.to_string() == "linux/amd64");
        told.map(|one| format!("{} {} {}", one.level(), one.code, one.owner.as_ref().unwrap())).collect()
    }

    #[tokio::test]
    async fn younger_files_are_passed_over_and_the_lock_says_since_when_each_is_there() {
        let bench = bench();
        let all = [
            Wheel::new("app", "1.0").uploaded("2026-11-01T00:00:00.5Z"),
            Wheel::new("app", "2.0").uploaded("2026-11-27T12:00:00Z"),
            Wheel::new("untold", "1.0"),
        ];
        let require = "[wheels]\nrequire = [\"app\", \"untold\"]\n";
        let policy = "[policy]\nmin-age = \"7 days\"\n";
        let accepting = |names: &[&str]| {
            let entry = |name: &&str| format!("{{ code = \"WW503\", package = \"{name}\", reason = \"known\" }}");
            let entries: Vec<String> = names.iter().map(entry).collect();
            format!("{require}{policy}[check]\naccept = [{}]\n", entries.join(", "))
        };
        // Nobody asks.
        let plain = bench.lock(&all, require, None, &[]).await.unwrap();
        assert_eq!(wheels(&plain, None, "linux/arm64"), "app 2.0, untold 1.0");
        assert!(!plain.to_toml().contains("uploaded"), "{}", plain.to_toml());

        let strict = format!("{require}{policy}");
        let lock = bench.lock(&all, &strict, None, &[]).await.unwrap();
        assert_eq!(wheels(&lock, None, "linux/arm64"), "app 1.0, untold 1.0");
        assert!(lock.to_toml().contains("uploaded = \"2026-11-01T00:00:00Z\""), "{}", lock.to_toml());
        assert_eq!(Lock::parse("app.lock", &lock.to_toml()).unwrap(), lock);
        assert_eq!(judged(&bench, &strict, &lock).await, ["error WW503 wheel untold 1.0"]);
        assert_eq!(judged(&bench, &accepting(&["untold"]), &lock).await, ["note WW503 wheel untold 1.0"]);
        // A lock that was made without the policy is stale under it, and what is too young in one is found.
        let project = bench.project(&strict);
        let stale = bench.builder(&[]).await.0.stale(&project, &plain).unwrap();
        assert!(stale.iter().any(|stale| stale.to_string().contains("policy.min-age")), "{stale:?}");
        // Whoever accepts a distribution at any age gets its newest version.
        let any = accepting(&["app", "untold"]);
        let lock = bench.lock(&all, &any, None, &[]).await.unwrap();
        assert_eq!(wheels(&lock, None, "linux/amd64"), "app 2.0, untold 1.0");
        assert_eq!(judged(&bench, &any, &lock).await, ["note WW503 wheel app 2.0", "note WW503 wheel untold 1.0"]);
        assert_eq!(judged(&bench, &strict, &lock).await, ["error WW503 wheel app 2.0", "error WW503 wheel untold 1.0"]);
        // Nothing else will do: it is said why.
        let newer = format!("[wheels]\nrequire = [\"app>1\"]\n{policy}");
        let error = bench.lock(&all, &newer, None, &[]).await.unwrap_err();
        let text = format!("{error:?}");
        assert!(text.contains("it came on 2026-11-27T12:00:00Z, which is later than"), "{text}");
    }

    #[tokio::test]
    async fn hashes_must_come_from_somewhere() {
        let bench = bench();
        let (listed, named) = (Wheel::new("listed", "1.0"), Wheel::new("named", "1.0"));
        Wheel::new("own", "1.0").lay(bench.folder.path());
        for (manner, expect) in [
            (Manner::Modern, vec!["error WW504 wheel named 1.0"]),
            (Manner::Bare, vec!["error WW504 wheel listed 1.0", "error WW504 wheel named 1.0"]),
        ] {
            let server = FakeIndex::serve(&[listed.clone(), named.clone()], manner).await;
            let url = server.url.join("/files/named-1.0-py3-none-any.whl").unwrap();
            let check = async |hash: &str, server: FakeIndex, expect: &[&str]| {
                let rest = format!(
                    "[wheels]\nrequire = [\"listed\", \"named @ {url}{hash}\", \"./own-1.0-py3-none-any.whl\"]\n\
                     [policy]\nrequire-hashes = true\n"
                );
                let project = bench.project(&rest);
                let (builder, server) = bench.builder_over(server);
                let known = base(&project);
                let lock = builder.lock(&project, &Kept::of(&known)).await.unwrap();
                assert_eq!(Lock::parse("app.lock", &lock.to_toml()).unwrap(), lock);
                assert_eq!(judged(&bench, &rest, &lock).await, expect);
                server
            };
            let server = check("", server, &expect).await;
            let hash = format!("#sha256={}", Digest::of(&named.bytes()).hex());
            check(&hash, server, &expect[..expect.len() - 1]).await;
        }
    }

    #[tokio::test]
    async fn licences_and_denied_versions_are_told_before_anything_is_built() {
        let bench = bench();
        let all = [
            Wheel::new("free", "1.0").header("License-Expression: MIT OR GPL-3.0-only"),
            Wheel::new("copyleft", "1.0").header("License-Expression: AGPL-3.0-only AND MIT"),
            Wheel::new("silent", "1.0"),
        ];
        let rest = "[wheels]\nrequire = [\"free\", \"copyleft\", \"silent\"]\n\
                    [policy]\ndeny-licences = [\"*GPL-*\"]\ndeny = [\"free<2\", \"silent>1\"]\npin-base = true\n";
        let lock = bench.lock(&all, rest, None, &[]).await.unwrap();
        let report = bench.builder(&[]).await.0.judge_lock(&bench.project(rest), &lock).await.unwrap();
        let told: Vec<String> = report
            .findings
            .iter()
            .filter(|finding| finding.platform.to_string() == "linux/arm64")
            .map(|finding| format!("{} {}", finding.code, finding.message))
            .collect();
        assert_eq!(
            told,
            [
                "WW501 copyleft is under AGPL-3.0-only AND MIT, and AGPL-3.0-only is not allowed",
                "WW505 free 1.0 is what `free<2` denies",
                "WW506 the base is registry.example/python:3.11, without a digest",
                "WW502 silent says nothing of its licence, which is none that SPDX lists",
            ]
        );
        assert_eq!((report.count(Level::Error), report.count(Level::Warning)), (6, 2));
        // A list of what is allowed has no room for what is not known.
        let allowing = rest.replace(
            "deny-licences = [\"*GPL-*\"]\ndeny = [\"free<2\", \"silent>1\"]\npin-base = true",
            "allow-licences = [\"MIT\"]",
        );
        assert_eq!(
            judged(&bench, &allowing, &lock).await,
            ["error WW501 wheel copyleft 1.0", "error WW501 wheel silent 1.0"]
        );
    }
}
