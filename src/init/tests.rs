//! Drafts of the sources that people have, and each of them as a recipe.

use std::collections::BTreeMap;

use super::*;
use crate::recipe::Recipe;

/// A folder in memory: paths, and their texts.
#[derive(Default)]
struct Folder(BTreeMap<String, String>);

impl Folder {
    fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }
}

impl Around for Folder {
    fn look(&self, path: &str) -> Option<Found> {
        let below = format!("{path}/");
        if self.0.contains_key(path) {
            return Some(Found::File);
        }
        self.0.keys().any(|known| known.starts_with(&below)).then_some(Found::Folder)
    }

    fn read(&self, path: &str) -> Option<String> {
        self.0.get(path).cloned()
    }

    fn list(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.0.keys().map(|path| path.split('/').next().unwrap_or(path).to_owned()).collect();
        names.dedup();
        names
    }

    fn name(&self) -> Option<String> {
        Some("My Project".to_owned())
    }
}

fn drafted(file: &str, text: &str, around: &Folder) -> String {
    let draft = draft(Origin::of(file).unwrap(), file, text, around, &Wishes::default()).unwrap();
    Recipe::parse("wheelwright.toml", &draft.recipe).unwrap_or_else(|error| panic!("{error:?}\n{}", draft.recipe));
    draft.recipe
}

const CONVERTER: &str = include_str!("fixtures/converter.Dockerfile");
const DICOM: &str = include_str!("fixtures/dicom.Dockerfile");

#[test]
fn the_converter_with_its_variants() {
    let around = Folder::of(&[
        ("requirements/common.txt", "numpy<2\nonnx\n"),
        ("scripts/conversion/convert.py", ""),
        ("README.md", ""),
    ]);
    insta::assert_snapshot!(drafted("Dockerfile", CONVERTER, &around));
}

#[test]
fn dicom_on_a_base_of_conda_s() {
    let around = Folder::of(&[("src/decode.py", ""), ("models/weights.pt", "")]);
    insta::assert_snapshot!(drafted("Dockerfile", DICOM, &around));
}

#[test]
fn a_base_of_one_s_own_counts_in_place_of_the_dockerfile_s() {
    let around = Folder::of(&[("src/decode.py", ""), ("models/weights.pt", "")]);
    let wishes = Wishes { base: Some("oci:base:bookworm".to_owned()), ..Wishes::default() };
    let draft = draft(Origin::Dockerfile, "Dockerfile", DICOM, &around, &wishes).unwrap();
    let packages = "packages = [\"libgl1-mesa-glx\", \"libglib2.0-0\"]";
    assert!(draft.recipe.contains("base = \"oci:base:bookworm\"\n") && draft.recipe.contains(packages), "{draft:?}");
    assert!(
        draft.recipe.contains("platforms = [\"linux/amd64\", \"linux/arm64\"]") && draft.remarks.len() == 1,
        "{draft:?}"
    );
}

#[test]
fn stages_that_install_for_others_and_a_lock_of_uv_s() {
    let text = "\
ARG PYTHON=3.12
FROM python:${PYTHON}-slim-bookworm AS builder
COPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/uv
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
WORKDIR /app
RUN --mount=type=cache,target=/var/cache/uv \\
    --mount=type=bind,source=uv.lock,target=uv.lock \\
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \\
    uv sync --locked --no-install-project --no-dev --extra web
COPY . /app

FROM python:3.12-slim-bookworm
RUN groupadd -r app -g 999 && useradd -r -u 999 -g app app
COPY --from=builder --chown=app:app /app/.venv /app/.venv
COPY --chown=app:app . /app
ENV PATH=\"/app/.venv/bin:$PATH\" MODE=fast
WORKDIR /app
USER app
EXPOSE 8000
HEALTHCHECK CMD curl -f http://localhost:8000/
CMD [\"uvicorn\", \"app.main:app\", \"--port\", \"8000\"]
";
    let around = Folder::of(&[
        ("pyproject.toml", "[project]\nname = \"web\"\n"),
        ("uv.lock", ""),
        ("app/main.py", ""),
        ("Dockerfile", ""),
        ("tests/test.py", ""),
        (".dockerignore", "tests\n"),
    ]);
    insta::assert_snapshot!(drafted("Dockerfile", text, &around));
}

#[test]
fn stages_side_by_side_are_variants() {
    let text = "\
FROM python:3.11-slim-bookworm AS base
RUN pip install numpy
COPY app.py /app/
FROM base AS torch
RUN pip install torch --index-url https://wheels.example/cpu
FROM base AS tensorflow
RUN pip install tensorflow numpy
CMD python /app/app.py
";
    insta::assert_snapshot!(drafted("Dockerfile", text, &Folder::of(&[("app.py", "")])));
}

#[test]
fn everything_else_has_its_line_and_its_advice() {
    let text = "\
FROM python:3.11-slim-bookworm
SHELL [\"/bin/bash\", \"-c\"]
RUN apt-get update && apt-get install -y --no-install-recommends \\
    build-essential \\
    # for reading images
    libgl1=1.6.0-1 ffmpeg \\
 && rm -rf /var/lib/apt/lists/*
RUN curl -L https://files.example/model.bin -o /models/model.bin
ADD https://files.example/a.bin /a.bin
ADD data.tar.gz /data
RUN pip install 'uvicorn[standard]>=0.20' git+https://git.example/a/b.git -e . && pip install numpy>=1.26 --pre
RUN for name in a b; do touch $name; done
RUN mkdir -p /var/lib/app && chown 1000:1000 /var/lib/app
RUN python -c \"import nltk; nltk.download('punkt')\"
RUN <<END
pip install scipy
echo done > /done
END
COPY *.py /app/
COPY missing /missing
USER web
CMD exec gunicorn --bind :$PORT app:app
";
    let around = Folder::of(&[("a.py", ""), ("b.py", ""), ("pyproject.toml", "[project]\nname = \"x\"\n")]);
    insta::assert_snapshot!(drafted("Dockerfile", text, &around));
}

#[test]
fn an_environment_of_conda_s() {
    let text = "\
name: Imaging_Env
channels: [conda-forge, pytorch]
dependencies:
  - python=3.10
  - numpy=1.26.4
  - conda-forge::gdcm>=3
  - pytorch=2.3
  - pytorch-cuda=12.1
  - ffmpeg
  - r-base=4.3
  - pip
  - pip:
      - pydicom>=2.4,<4
      - -r requirements.txt
      - -e .
variables:
  THREADS: 4
";
    insta::assert_snapshot!(drafted("environment.yml", text, &Folder::default()));
}

#[test]
fn requirements_and_projects() {
    let requirements = "numpy<2\n-e .\nflask\n--pre\n";
    insta::assert_snapshot!(drafted("requirements.txt", requirements, &Folder::default()));
    let project = "\
[project]
name = \"Web_Shop\"
requires-python = \">=3.10,<3.12\"
dependencies = [\"flask\"]
[project.scripts]
shop = \"web_shop:main\"
[tool.uv.sources]
flask = { path = \"../flask\" }
";
    insta::assert_snapshot!(drafted("pyproject.toml", project, &Folder::default()));
}

#[test]
fn what_is_no_source_is_refused_with_its_place() {
    let check = |file: &str, text: &str, expect: &str| {
        let found = draft(Origin::of(file).unwrap(), file, text, &Folder::default(), &Wishes::default());
        assert_eq!(found.unwrap_err().to_string(), expect, "{text}");
    };
    check("Dockerfile", "FROM a\nFRM b\n", "Dockerfile:2: unknown instruction 'FRM'");
    check("Dockerfile", "ARG BASE\nFROM $BASE\nCOPY a /a\n", "Dockerfile:2: nothing says what `${BASE}` is");
    check("Dockerfile", "FROM python:3.12\nCMD python\n", "Dockerfile puts nothing into an image");
    check("environment.yml", "a: [", "environment.yml:2: while parsing a node, did not find expected node content");
    check("environment.yml", "- a\n", "environment.yml:1: it is no environment: a mapping with `dependencies`");
    check("pyproject.toml", "[project]\nname = 3\n", "pyproject.toml:2: invalid type: integer `3`, expected a string");
}

#[test]
fn stages_are_chosen_by_name() {
    let text = "FROM python:3.12 AS one\nCOPY a /a\nFROM python:3.11 AS two\nCOPY b /b\n";
    let with = |stage: Option<&str>| {
        let wishes = Wishes { stage: stage.map(str::to_owned), ..Wishes::default() };
        draft(Origin::Dockerfile, "Dockerfile", text, &Folder::of(&[("a", ""), ("b", "")]), &wishes)
    };
    assert!(with(Some("one")).unwrap().recipe.contains("python:3.12"));
    let last = with(None).unwrap();
    assert!(last.recipe.contains("python:3.11") && last.remarks[0].advice.contains("--stage one"), "{last:?}");
    assert!(matches!(with(Some("tow")), Err(InitError::NoStage { .. })));
}

fn draft_of(file: &str, text: &str, around: &[(&str, &str)]) -> Draft {
    let draft = draft(Origin::of(file).unwrap(), file, text, &Folder::of(around), &Wishes::default()).unwrap();
    Recipe::parse("app.toml", &draft.recipe).unwrap_or_else(|error| panic!("{error:?}\n{}", draft.recipe));
    draft
}

/// A source and its name, what lies beside it, lines of the recipe, and words of each of its remarks.
type Case<'c> = (&'c str, &'c str, &'c [(&'c str, &'c str)], &'c [&'c str], &'c [&'c str]);

/// Drafts each, and looks for lines in the recipe and for words in the remarks; no other remarks are there.
fn each_says(cases: &[Case<'_>]) {
    for (file, text, around, lines, remarks) in cases {
        let draft = draft_of(file, text, around);
        for line in *lines {
            assert!(draft.recipe.contains(&format!("\n{line}\n")), "{line}\n{}", draft.recipe);
        }
        let said: Vec<String> =
            draft.remarks.iter().map(|remark| format!("{}: {}: {}", remark.line, remark.text, remark.advice)).collect();
        assert_eq!(said.len(), remarks.len(), "{text}: {said:#?}");
        for (said, remark) in said.iter().zip(*remarks) {
            assert!(said.contains(remark), "{said}\n{remark}");
        }
    }
}

#[test]
fn what_is_built_by_default_is_a_variant_too() {
    let check = |arguments: &str, rest: &str, expect: &[&str]| {
        let text = format!("FROM python:3.12-slim-bookworm\n{arguments}\nRUN pip install six\n{rest}");
        let recipe = Recipe::parse("app.toml", &draft_of("Dockerfile", &text, &[]).recipe).unwrap();
        assert_eq!(recipe.variants().collect::<Vec<_>>(), expect, "{text}");
    };
    let only = "RUN if [ \"$APP_ENV\" = \"dev\" ]; then pip install click; fi\n";
    check("ARG APP_ENV=prod", only, &["dev", "prod"]);
    check("ARG APP_ENV=dev", only, &["dev"]);
    check("ARG APP_ENV", only, &["default", "dev"]);
    check(
        "ARG APP_ENV=prod",
        "RUN if [ $APP_ENV = dev ]; then pip install a; else pip install b; fi",
        &["dev", "prod"],
    );
    check("ARG APP_ENV=prod", "RUN if [ $APP_ENV = dev ]; then echo hello; fi", &[]);
    let gpu = format!("{only}RUN if [ $GPU = yes ]; then pip install torch; fi\n");
    check("ARG APP_ENV=prod GPU=no", &gpu, &["dev", "prod", "yes"]);
    let stages = "FROM python:3.12 AS base\nARG E=x\nFROM base AS one\nRUN if [ $E = y ]; then pip install a; fi\n\
                  FROM base AS two\nRUN pip install b\n";
    let recipe = Recipe::parse("app.toml", &draft_of("Dockerfile", stages, &[]).recipe).unwrap();
    assert_eq!(recipe.variants().collect::<Vec<_>>(), ["two", "y"]);
}

#[test]
fn what_conda_has_and_wheels_have_not_is_named() {
    let text = "dependencies:\n  - pytorch\n  - cpuonly\n  - libgl\n  - libgdal\n  - openssl\n  - libstdcxx-ng\n";
    each_says(&[(
        "environment.yml",
        text,
        &[],
        &["packages = [\"libgl1\"]  # line 4", "require = [\"torch\"]  # line 2"],
        &["3: cpuonly: wheels of torch", "5: libgdal: wheels bring"],
    )]);
}

#[test]
fn requirements_files_are_drafted_so_that_they_lock() {
    let file = "files = [\"requirements.txt\"]";
    let url = "https://wheels.example/simple";
    let index = format!("index = [{{ name = \"extra-1\", url = \"{url}\" }}]  # line 1");
    let alone = format!("index = [{{ name = \"extra-1\", url = \"{url}\", for = [\"*\"] }}]  # line 1");
    let flat = format!("index = [{{ name = \"extra-1\", url = \"{url}\", format = \"flat\" }}]  # line 1");
    let hash = format!("--pre\na==1 --hash=sha256:{}\n", "0".repeat(64));
    let with = |option: &str, host: &str| format!("{option} {host}\nflask\n");
    let require = "require = [\"flask\"]  # line 2";
    each_says(&[
        (
            "requirements.txt",
            &with("--extra-index-url", "https://me:secret@wheels.example/simple"),
            &[],
            &[file, &index],
            &[],
        ),
        ("requirements.txt", &with("--index-url", url), &[], &[file, &alone], &[]),
        (
            "requirements.txt",
            "--no-index\n-f ./wheels\nflask\n",
            &[],
            &[file, "index = [{ name = \"extra-1\", url = \"./wheels\", for = [\"*\"] }]  # line 2"],
            &[],
        ),
        ("requirements.txt", "--no-index\nflask\n", &[], &[file], &["1: --no-index: name the folder"]),
        ("requirements.txt", &with("-f", url), &[], &[require, &flat], &["; the other lines of `requirements.txt`"]),
        ("requirements.txt", &with("-i", "https://${HOST}/simple"), &[], &[require], &["nothing says which index"]),
        ("requirements.txt", "-e .\nflask\n", &[], &[require], &["1: -e .: build a wheel"]),
        ("requirements.txt", "a @ git+https://git.example/a\nflask\n", &[], &[require], &["/a: build a wheel"]),
        ("requirements.txt", &hash, &[], &[file], &["take it out of `requirements.txt` before `lock`"]),
    ]);
}

#[test]
fn requirements_files_are_read_with_those_within_them() {
    each_says(&[
        (
            "requirements/dev.txt",
            "-r ../base.txt\n-r missing.txt\n-c pins.txt\n./own-1-py3-none-any.whl\n",
            &[("base.txt", "git+https://git.example/a.git\nSix<2 # old\n")],
            &[
                "  \"six<2\",  # line 1",
                "  \"./requirements/own-1-py3-none-any.whl\",  # line 4",
                "files = [\"requirements/missing.txt\"]  # line 2",
                "constraints = [\"requirements/pins.txt\"]  # line 3",
            ],
            &[
                "1: base.txt:1: git+https://git.example/a.git: build a wheel",
                "2: -r missing.txt: `requirements/missing.txt` is not",
                "3: -c pins.txt: `requirements/pins.txt` is not",
            ],
        ),
        (
            "requirements.txt",
            "-r requirements.txt\nflask\n",
            &[("requirements.txt", "")],
            &["files = [\"requirements.txt\"]"],
            &[],
        ),
        (
            "Dockerfile",
            "FROM python:3.12\nCOPY requirements.txt /\nRUN pip install -r /requirements.txt\n",
            &[("requirements.txt", "-e .\nflask\n")],
            &["require = [\"flask\"]  # line 3"],
            &["3: requirements.txt:1: -e ."],
        ),
        (
            "Dockerfile",
            "FROM python:3.12\nCOPY . /\nRUN pip install -r /requirements.txt\n",
            &[],
            &["files = [\"requirements.txt\"]  # line 3"],
            &["2: COPY . /: nothing lies beside", "`requirements.txt` is not beside the recipe"],
        ),
    ]);
}

#[test]
fn what_is_started_by_uv_is_started_without_it() {
    let check = |start: &str, expect: &str, remarks: &[&str]| {
        let text = format!("FROM python:3.12\nENV UV_COMPILE_BYTECODE=1\nRUN uv pip install a\n{start}\n");
        each_says(&[("Dockerfile", &text, &[], &[expect, "bytecode = true  # line 2"], remarks)]);
    };
    check("CMD [\"uv\", \"run\", \"service\"]", "cmd = [\"service\"]  # line 4", &[]);
    check("CMD uv run --frozen --no-dev -- service -v", "cmd = [\"service\", \"-v\"]  # line 4", &[]);
    check("CMD uv run --no-sync app.py", "cmd = [\"python\", \"app.py\"]  # line 4", &[]);
    check("ENTRYPOINT [\"uv\", \"run\"]\nCMD [\"-m\", \"a\"]", "cmd = [\"-m\", \"a\"]  # line 5", &[]);
    check("CMD uv run -m app", "cmd = [\"python\", \"-m\", \"app\"]  # line 4", &[]);
    check("CMD uv run --with x app", "cmd = [\"uv\", \"run\", \"--with\", \"x\", \"app\"]  # line 4", &["brings `uv`"]);
}

#[test]
fn the_python_that_a_project_names_is_taken_where_it_fits() {
    let check = |file: &str, text: &str, version: &str, expect: &str| {
        let recipe = draft_of(file, text, &[(".python-version", version)]).recipe;
        assert!(recipe.contains(&format!("python:{expect}-slim-bookworm\"\n")), "{text} {version}\n{recipe}");
    };
    let project = |wanted: &str| format!("[project]\nname = \"a\"\nrequires-python = \"{wanted}\"\n");
    check("requirements.txt", "flask\n", "3.11.9\n", "3.11");
    check("requirements.txt", "flask\n", "cpython-3.11\n", "3.12");
    check("requirements.txt", "flask\n", "3.\n", "3.12");
    check("pyproject.toml", &project(">=3.10"), "3.11", "3.11");
    check("pyproject.toml", &project(">=3.11.4"), "3.11.2", "3.12");
    check("pyproject.toml", &project(">=3.12"), "3.11", "3.12");
}

#[test]
fn users_and_packages_of_other_systems_are_not_passed_over() {
    each_says(&[(
        "Dockerfile",
        "FROM python:3.12-alpine\nRUN apk update && apk add --no-cache libpq && pip install a\n\
         RUN groupadd -g 7 app && useradd -u 8 -g app app\nUSER app\n",
        &[],
        &["user = \"8:7\"  # line 4"],
        &[
            "2: apk add --no-cache libpq: Alpine's",
            "3: groupadd -g 7 app: the group is the number 7",
            "the user is 8:7",
        ],
    )]);
}

#[test]
fn a_base_and_its_suite_are_of_one_release() {
    let check = |base: &str, expect: &str, suite: &str| {
        let text = format!("FROM {base}\nRUN apt-get install -y less\n");
        let recipe = draft_of("Dockerfile", &text, &[]).recipe;
        let found = [format!("base = \"docker.io/library/{expect}\"  # line 1"), format!("suite = \"{suite}\"")];
        assert!(found.iter().all(|line| recipe.contains(&format!("\n{line}\n"))), "{base}\n{recipe}");
    };
    check("python:3.11-slim", "python:3.11-slim-bookworm", "bookworm");
    check("docker.io/library/python:3", "python:3-bookworm", "bookworm");
    check("python", "python:bookworm", "bookworm");
    check("python:slim", "python:slim-bookworm", "bookworm");
    check("python:3.11.4-slim", "python:3.11.4-slim", "bookworm");
    check("python:3.6-slim", "python:3.6-slim", "bookworm");
    check("python:3.13-slim-trixie", "python:3.13-slim-trixie", "trixie");
    check("debian:stable-slim", "debian:bookworm-slim", "bookworm");
    check("debian:11.2-slim", "debian:11.2-slim", "bullseye");
    check("debian:13", "debian:13", "trixie");
    let wishes = Wishes { base: Some("python:3.12-slim-trixie".to_owned()), ..Wishes::default() };
    let text = "dependencies: [ffmpeg]\n";
    let draft = draft(Origin::Environment, "environment.yml", text, &Folder::of(&[]), &wishes).unwrap();
    assert!(draft.recipe.contains("\nsuite = \"trixie\"\n"), "{}", draft.recipe);
}

proptest::proptest! {
    #[test]
    fn no_dockerfile_makes_it_panic(text in "(FROM a\n|RUN |COPY |ENV |pip install |if \\[ |\\$A|\\$\\{A|'|\"|\\\\\n|&&|;|\\||<<E\n|E\n|é|then |fi|[a-z ./=$-]|\n){0,30}") {
        let text = format!("FROM a\n{text}");
        if let Ok(draft) = draft(Origin::Dockerfile, "Dockerfile", &text, &Folder::default(), &Wishes::default()) {
            // What people write themselves, a requirement or a path, may still be none.
            proptest::prop_assert!(toml::from_str::<toml::Table>(&draft.recipe).is_ok(), "{}", draft.recipe);
        }
    }
}

#[test]
fn names_of_debian_packages_that_no_recipe_takes_are_remarked() {
    let text = "FROM debian:bookworm\nRUN apt-get update && apt-get install -y curl=7.88.1-10 libGL x git:amd64 less\n";
    let draft = draft(Origin::Dockerfile, "Dockerfile", text, &Folder::of(&[]), &Wishes::default()).unwrap();
    Recipe::parse("app.toml", &draft.recipe).unwrap();
    assert!(draft.recipe.contains("packages = [\"curl=7.88.1-10\", \"less\"]"), "{}", draft.recipe);
    let texts: Vec<&str> = draft.remarks.iter().map(|remark| remark.text.as_str()).collect();
    assert_eq!(texts, ["git:amd64", "libGL", "x"]);
}

#[test]
fn what_no_recipe_takes_stands_in_comments_and_remarks() {
    let text = "FROM debian:bookworm\nRUN apt-get install -y less\nEXPOSE 80/tcp 99999\nSTOPSIGNAL NONE SUCH\n";
    let draft = draft(Origin::Dockerfile, "Dockerfile", text, &Folder::of(&[]), &Wishes::default()).unwrap();
    Recipe::parse("app.toml", &draft.recipe).unwrap_or_else(|error| panic!("{error:?}\n{}", draft.recipe));
    let lines: Vec<usize> = draft.remarks.iter().map(|remark| remark.line).collect();
    assert_eq!(lines, [3, 4], "{draft:?}");
    let text = "FROM --platform=linux/foo debian:bookworm\nRUN apt-get install -y less\n";
    let other = super::draft(Origin::Dockerfile, "Dockerfile", text, &Folder::of(&[]), &Wishes::default()).unwrap();
    assert!(other.recipe.contains("platforms = [\"linux/amd64\", \"linux/arm64\"]"), "{}", other.recipe);
    assert_eq!(other.remarks.len(), 1, "{other:?}");
    let nothing = super::draft(Origin::Requirements, "a\0.txt", "flask\n", &Folder::of(&[]), &Wishes::default());
    assert!(matches!(nothing, Err(InitError::Nothing { .. })), "{nothing:?}");
    let strange =
        super::draft(Origin::Requirements, "a\u{6}.txt", "flask\n", &Folder::of(&[]), &Wishes::default()).unwrap();
    Recipe::parse("app.toml", &strange.recipe).unwrap_or_else(|error| panic!("{error:?}\n{}", strange.recipe));
}

#[test]
fn stages_copy_from_earlier_ones_and_no_more_often_than_they_are_there() {
    let mut text =
        "FROM debian:bookworm AS s0\nCOPY --from=s0 /a /b\nCOPY --from=2 /a /b\nRUN pip install -\u{1f600}x flask\n"
            .to_owned();
    text.extend((1..60).map(|stage| {
        let below = stage - 1;
        format!("FROM debian AS s{stage}\nCOPY --from=s{below} /bin/a /bin\nCOPY --from={below} /bin/b /bin\n")
    }));
    let draft = draft(Origin::Dockerfile, "Dockerfile", &text, &Folder::of(&[]), &Wishes::default()).unwrap();
    assert!(draft.recipe.contains("require = [\"flask\"]"), "{}", draft.recipe);
}

#[test]
fn logins_beside_letters_that_are_spelled_leave_a_recipe() {
    let text =
        "flask>=2\nnumpy ; python_version<'   libgomp1 & http\u{1}\0\0\0a:b@h/& \\\n    rm -rf /var/l3.12'\n-e .\n";
    let recipe = drafted("requirements.txt", text, &Folder::default());
    assert!(!recipe.contains("a:b@"), "{recipe}");
}
