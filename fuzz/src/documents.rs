//! What people write, and what other tools leave for us.

use std::collections::{BTreeMap, BTreeSet};

use wheelwright::{
    init::{Around, Found, Origin, Wishes, draft as drafted},
    lock::Lock,
    python::{Entry, ForeignLock, Libc, Part, Pyproject, RequirementsTxt, Target, marker_environment},
    recipe::{Recipe, RecipeError},
    report::Report,
};

use crate::{
    place::{headed, texts},
    python::same_requirement,
};

/// A recipe, by itself and in `pyproject.toml`: every problem lies in the text; what is a recipe is the same recipe
/// again.
pub(crate) fn recipe(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let parent = |path: &str| match path {
        "base.toml" => Ok("name = \"x\"\nplatforms = [\"linux/amd64\"]\n[env]\nA = \"1\"\n".to_owned()),
        "self.toml" => Ok(text.to_owned()),
        _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    };
    for file in ["app.toml", "pyproject.toml"] {
        match Recipe::read(file, text, &parent) {
            Ok(recipe) => {
                let again = Recipe::read(file, text, &parent).expect("it was a recipe before");
                assert_eq!(recipe.inputs(), again.inputs());
                assert_eq!(recipe.files().len(), again.files().len());
                let names: BTreeSet<&str> = recipe.variants().collect();
                assert!(recipe.images().len() <= names.len() + 1);
                for name in names {
                    recipe.variant(Some(name)).expect("it is listed");
                }
            }
            Err(RecipeError::Invalid { text, problems, .. }) => {
                assert!(!problems.is_empty());
                for problem in problems {
                    assert!(text.get(problem.span.clone()).is_some(), "{problem:?}");
                    assert!(!problem.message.is_empty() && !problem.message.contains('\n'), "{problem:?}");
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn recipe_seeds() -> Vec<(&'static str, Vec<u8>)> {
    texts(&[
        (
            "plain",
            "name = \"app\"\nbase = \"registry.example/python:3.11\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
             [wheels]\nrequire = [\"flask>=2\", \"./a.whl\"]\n[[files]]\nfrom = \"src\"\nto = \"/srv\"\n[env]\nA = \"b\"\n\
             [variants.gpu]\nwheels.require = [\"torch\"]\n",
        ),
        (
            "extends",
            "extends = \"base.toml\"\nbase = \"scratch\"\n[debian]\nsuite = \"bookworm\"\ninstall = [\"python3\"]\n",
        ),
        ("itself", "extends = \"self.toml\"\nname = 1\n"),
        (
            "pyproject",
            "[project]\nname = \"app\"\ndependencies = [\"a\"]\n[tool.wheelwright]\nbase = \"x/y:z\"\nplatforms = [\"linux/amd64\"]\n",
        ),
        ("quickstart", include_str!("../../recipes/quickstart.toml")),
        ("dicom", include_str!("../../recipes/lstv-uncertainty.toml")),
        ("converter", include_str!("../../recipes/axon-converter.toml")),
        ("shell", include_str!("../../recipes/python3-bookworm-shell.toml")),
        ("problems", "nme = 1\nplatforms = \"é\"\n[wheels]\nrequire = [1, \"==\"]\n[[x]]\n[env]\nA = {}\n"),
    ])
}

/// A lock of ours: written and read again the same; it can be exported.
pub(crate) fn lock(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(lock) = Lock::parse("app.lock", text) else { return };
    let written = lock.to_toml();
    let again = Lock::parse("app.lock", &written).expect("it was written by us");
    // Lists that somebody put into another order are written in ours.
    assert_eq!(again.to_toml(), written);
    assert_eq!(Lock::parse("app.lock", &again.to_toml()).as_ref(), Ok(&again));
    assert!(lock.changes_since(&again).is_empty());
    assert!(lock.stale(&lock.inputs).is_empty(), "it is of its own inputs");
    for image in &lock.images {
        let Ok(export) = lock.export(image.variant.as_deref(), &[]) else { continue };
        let places = BTreeMap::new();
        let path = |path: &str| path.to_owned();
        let _ = export.requirements(&[], &path);
        // Names and versions in it are those of the lock, and nobody looks at them before.
        let _ = ForeignLock::pylock(&export.pylock(&places, &path)).is_ok();
    }
}

pub(crate) fn lock_seeds() -> Vec<(&'static str, Vec<u8>)> {
    texts(&[("format-1", include_str!("../../src/lock/fixtures/format-1.lock"))])
}

fn target() -> Target {
    Target {
        platform: "linux/amd64".parse().expect("this is a platform"),
        python: "3.11.2".parse().expect("this is a version"),
        libc: Libc::Glibc(2, 36),
        free_threaded: false,
    }
}

/// `pylock.toml` and `uv.lock`: what is chosen is in the lock, each once.
pub(crate) fn foreign_lock(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let environment = marker_environment(&target());
    for lock in [ForeignLock::pylock(text), ForeignLock::uv_lock(text)].into_iter().flatten() {
        let Ok(chosen) = lock.select(&environment, &Part { extras: &[], groups: &[], also: &[], members: &[] }) else {
            continue;
        };
        assert!(chosen.len() <= text.len());
        for (place, (package, _)) in chosen.iter().enumerate() {
            assert!(chosen[..place].iter().all(|(other, _)| !std::ptr::eq(*other, *package)), "chosen twice");
            assert!(lock.named(&package.name).any(|listed| std::ptr::eq(listed, *package)));
        }
    }
}

pub(crate) fn foreign_lock_seeds() -> Vec<(&'static str, Vec<u8>)> {
    texts(&[
        (
            "pylock",
            "lock-version = \"1.0\"\nrequires-python = \">=3.9\"\nextras = [\"x\"]\ndependency-groups = [\"dev\"]\n\
             default-groups = [\"dev\"]\ncreated-by = \"us\"\n[[packages]]\nname = \"a\"\nversion = \"1.0\"\n\
             marker = \"'x' in extras or python_version < '3.12'\"\n[[packages.wheels]]\nname = \"a-1.0-py3-none-any.whl\"\n\
             url = \"https://host/a-1.0-py3-none-any.whl\"\nsize = 3\nupload-time = 2026-01-02T03:04:05Z\nhashes = { sha256 = \
             \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }\n[[packages]]\nname = \"b\"\n\
             [packages.archive]\npath = \"b.whl\"\nhashes = {}\n",
        ),
        (
            "uv",
            "version = 1\nrevision = 2\nrequires-python = \">=3.9\"\nresolution-markers = [\"sys_platform == 'linux'\"]\n\
             [[package]]\nname = \"app\"\nversion = \"0.1\"\nsource = { virtual = \".\" }\n\
             dependencies = [{ name = \"a\", extra = [\"x\"], marker = \"python_full_version < '3.12'\" }]\n\
             [package.optional-dependencies]\nz = [{ name = \"b\" }]\n[package.dev-dependencies]\ndev = [{ name = \"b\" }]\n\
             [[package]]\nname = \"a\"\nversion = \"1.0\"\nsource = { registry = \"https://host/simple\" }\n\
             dependencies = [{ name = \"b\", version = \"2\", source = { registry = \"https://host/simple\" } }]\n\
             wheels = [{ url = \"https://host/a-1.0-py3-none-any.whl\", hash = \
             \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\", size = 3 }]\n\
             [package.optional-dependencies]\nx = [{ name = \"app\" }]\n[[package]]\nname = \"b\"\nversion = \"2\"\n\
             source = { registry = \"https://host/simple\" }\n",
        ),
    ])
}

/// `requirements.txt` and `pyproject.toml`: lines lie in the text one behind the other, and requirements are written
/// and read again the same.
pub(crate) fn requirements(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(read) = RequirementsTxt::parse(text) {
        let mut end = 0;
        for line in &read.lines {
            assert!(line.span.start >= end && text.get(line.span.clone()).is_some(), "{line:?}");
            end = line.span.end;
            if let Entry::Requirement { requirement, .. } = &line.entry {
                same_requirement(requirement);
            }
        }
    }
    if let Ok(project) = Pyproject::parse(text) {
        let groups = ["dev".to_owned(), "test".to_owned()];
        let _ = (project.requirements(&[], &groups), project.requires_python());
        for span in project.sources.values() {
            assert!(text.get(span.clone()).is_some(), "{span:?}");
        }
    }
}

pub(crate) fn requirements_seeds() -> Vec<(&'static str, Vec<u8>)> {
    texts(&[
        (
            "requirements",
            "# x\n-r other.txt\n--constraint=c.txt\n-i https://a:b@host/simple\n--extra-index-url https://h/s\n-f ./wheels\n\
             a[b]>=1.0 ; python_version < '3.12' \\\n    --hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\
             ./x/a-1.0-py3-none-any.whl[b] # c\nfile:///b-1-py3-none-any.whl\nc @ https://u:p@h/c-1-py3-none-any.whl\n-e .\n${VAR}\n\
             --no-binary :all:\n--pre\nd==1.0\r\n",
        ),
        (
            "pyproject",
            "[project]\nname = \"app\"\nrequires-python = \">=3.9\"\ndependencies = [\"a>=1\", \"app[x]\"]\n\
             [project.optional-dependencies]\nx = [\"b\"]\n[dependency-groups]\ndev = [\"c\", { include-group = \"test\" }]\n\
             test = [\"d\", { include-group = \"dev\" }]\n[tool.uv.sources]\na = { path = \"../a\" }\n",
        ),
    ])
}

/// What lies beside the source of a draft.
struct Beside<'t>(&'t str);

impl Around for Beside<'_> {
    fn look(&self, path: &str) -> Option<Found> {
        match path.trim_end_matches('/').rsplit('/').next().unwrap_or_default() {
            "src" | "." => Some(Found::Folder),
            name if name.contains('.') => Some(Found::File),
            _ => None,
        }
    }

    fn read(&self, path: &str) -> Option<String> {
        path.ends_with(".txt").then(|| "a==1.0\n-r more.txt\n".to_owned()).or_else(|| {
            // The text itself may be what lies beside it.
            path.ends_with(".toml").then(|| self.0.to_owned())
        })
    }

    fn list(&self) -> Vec<String> {
        ["app.py", "requirements.txt", "src"].map(str::to_owned).to_vec()
    }

    fn name(&self) -> Option<String> {
        Some("Demo App".to_owned())
    }
}

/// The first line is the name of a file, the rest what stands in it: what is drafted from it is a recipe, and remarks
/// are about lines that are there.
pub(crate) fn draft(bytes: &[u8]) {
    let Some((name, text)) = headed(bytes) else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Some(origin) = Origin::of(name) else { return };
    let Ok(draft) = drafted(origin, name, text, &Beside(text), &Wishes::default()) else { return };
    let lines = text.lines().count().max(2);
    for remark in &draft.remarks {
        assert!(remark.line <= lines + 1, "{remark:?}");
        assert!(!remark.advice.is_empty(), "{remark:?}");
    }
    if let Err(error) = Recipe::parse("app.toml", &draft.recipe) {
        panic!("{error}\n{}", draft.recipe);
    }
}

pub(crate) fn draft_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let dockerfile = include_str!("../../src/init/fixtures/converter.Dockerfile");
    let dicom = include_str!("../../src/init/fixtures/dicom.Dockerfile");
    let mut seeds = texts(&[
        (
            "stages",
            "Dockerfile\n# syntax=docker/dockerfile:1\n# escape=`\nFROM python:3.11 AS build\nRUN pip wheel -w /w -r requirements.txt\n\
             FROM --platform=linux/arm64 python:3.11-slim\nCOPY --from=build --chown=1:2 [\"/w\", \"/w\"]\nADD https://h/x /y\n\
             SHELL [\"/bin/bash\", \"-c\"]\nRUN <<EOF\napt-get install -y a=1 b\nEOF\nENV A=\"b c\" D e\nARG X=${A:-1}\nEXPOSE 80/tcp\n\
             VOLUME /v\nUSER 1:2\nWORKDIR x\nHEALTHCHECK CMD a\nSTOPSIGNAL 9\nONBUILD RUN b\nLABEL a=b\nENTRYPOINT a b\nCMD [\"c\"]\n",
        ),
        (
            "environment",
            "environment.yml\nname: demo\nchannels: [conda-forge, nodefaults]\ndependencies:\n  - python=3.11\n  - numpy>=1.26,<2\n\
             \x20 - conda-forge::scipy=1.*=py311*\n  - pip\n  - pip:\n    - flask\n    - -r requirements.txt\nvariables: {A: b}\nprefix: /x\n",
        ),
        (
            "requirements",
            "requirements.txt\n--index-url https://a:b@h/simple\nflask>=2\nnumpy ; python_version<'3.12'\n-e .\n",
        ),
        (
            "pyproject",
            "pyproject.toml\n[project]\nname = \"app\"\ndependencies = [\"a>=1\"]\nrequires-python = \">=3.9\"\n[project.scripts]\nx = \"a:b\"\n",
        ),
    ]);
    seeds.push(("converter", format!("Dockerfile\n{dockerfile}").into()));
    seeds.push(("dicom", format!("Dockerfile\n{dicom}").into()));
    seeds
}

/// A report of ours, as `report` takes it from others: written and read again the same; what is shown of it as a
/// page has no tags of its own.
pub(crate) fn report(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(report) = Report::from_json(text) else { return };
    assert_eq!(Report::from_json(&report.json()).as_ref(), Ok(&report));
    let _ = report.markdown();
    let page = report.html();
    assert!(!page.contains("<script>alert"), "a name became a part of the page");
}

pub(crate) fn report_seeds() -> Vec<(&'static str, Vec<u8>)> {
    texts(&[(
        "report",
        "{\"format\":1,\"version\":\"0.1.0\",\"name\":\"<script>alert(1)</script>\",\"began\":1,\"took\":2,\"images\":[],\"timeline\":[],\"warnings\":[\"<script>alert(1)</script>\"]}",
    )])
}
