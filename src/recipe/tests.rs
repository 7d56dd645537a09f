//! Recipes good and bad: what is read, and what is said about what cannot be read.

mod debian;
mod documents;
mod tables;
mod told;

use proptest::prelude::*;

use super::*;
use crate::hint::Advise as _;

const HEAD: &str =
    "name = \"app\"\nbase = \"docker.io/library/python:3.11-slim\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n";

fn parse(text: &str) -> Recipe {
    Recipe::parse("app.toml", text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A recipe of the three keys that each needs, and `rest`.
fn with_head(rest: &str) -> Recipe {
    parse(&format!("{HEAD}{rest}"))
}

fn problems(file: &str, text: &str) -> Vec<Problem> {
    match Recipe::parse(file, text) {
        Err(RecipeError::Invalid { problems, .. }) => problems,
        other => panic!("{other:?}\n{text}"),
    }
}

/// `marked bytes | message | hint`.
fn rendered(text: &str, problem: &Problem) -> String {
    let marked = text[problem.span.clone()].lines().next().unwrap_or_default();
    let hint = problem.hint.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{marked} | {} | {hint}", problem.message)
}

fn check_text(file: &str, text: &str, expect: &[&str]) {
    let found: Vec<String> = problems(file, text).iter().map(|problem| rendered(text, problem)).collect();
    assert_eq!(found, expect, "{text}");
}

fn names(list: &[Spanned<Demand>]) -> Vec<&str> {
    list.iter().map(|item| item.get_ref().text.as_str()).collect()
}

#[test]
fn wrong_tables_are_explained() {
    for (rest, expect) in tables::WRONG.iter().chain(debian::WRONG) {
        check_text("app.toml", &format!("{HEAD}{rest}"), expect);
    }
}

#[test]
fn wrong_documents_are_explained() {
    for (text, expect) in documents::WRONG {
        check_text("app.toml", text, expect);
    }
}

#[test]
fn bases_may_be_described() {
    let head = "name = \"app\"\nplatforms = [\"linux/amd64\"]\n";
    let facts = "python = \"3.11.9\"\npath = \"/opt/conda/bin/python3\"\nscheme = \"conda\"\nlibc = \"glibc 2.36\"\n";
    let wheels = "[wheels]\nrequire = [\"a\"]\n";
    let recipe = parse(&format!("{head}[base]\nimage = \"python:3.11\"\n[base.facts]\n{facts}{wheels}"));
    assert_eq!(recipe.base.get_ref().to_string(), "docker.io/library/python:3.11");
    let stated = recipe.base_facts.as_ref().unwrap();
    assert_eq!(stated.scheme.as_ref().unwrap().get_ref().as_str(), "conda");
    let plain = parse(&format!("{head}base = \"python:3.11\"\n{wheels}"));
    assert_eq!(plain.base_facts, None);
    let keys = |recipe: &Recipe| recipe.inputs().into_keys().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&plain), "base platforms wheels.require");
    let all = "base base.facts.libc base.facts.path base.facts.python base.facts.scheme platforms wheels.require";
    assert_eq!(keys(&recipe), all);
    assert_eq!(plain.inputs()["base"], recipe.inputs()["base"]);
    let check = |base: &str, expect: &str| {
        let error = Recipe::parse("app.toml", &format!("{head}{base}\n{wheels}")).unwrap_err();
        let RecipeError::Invalid { problems, .. } = &error else { panic!("{error}") };
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].message, expect, "{base}");
    };
    check("base = { facts = { libc = \"musl 1.2\" } }", "`base.image` is missing");
    check("base = { image = \"a\", fact = {} }", "unknown key `base.fact`");
    check("base = { image = \"a\", facts = {} }", "`base.facts` states nothing");
    check("base = { image = \"a\", facts = { python = \"3.11\" } }", "`3.11` is not a Python version such as 3.11.2");
    check(
        "base = { image = \"a\", facts = { libc = \"2.36\" } }",
        "`2.36` is not a C library such as `glibc 2.36` or `musl 1.2`",
    );
    check("base = { image = \"a\", facts = { path = \"python3\" } }", "`python3` is not the path of an interpreter");
    check("base = { image = \"a\", facts = { scheme = \"alpine\" } }", "`base.facts.scheme` cannot be `alpine`");
    check("base = 1", "`base` must be a string, found an integer");
}

#[test]
fn text_that_is_no_toml_is_marked() {
    let text = "name = \"a\nbase = [\nname = 2";
    let found = problems("app.toml", text);
    assert!(!found.is_empty());
    assert!(
        found.iter().all(|problem| problem.kind == ProblemKind::Syntax && text.get(problem.span.clone()).is_some())
    );
}

#[test]
fn deep_nesting_is_refused() {
    let deep = ["[", "{ a = ", "a."].map(|part| format!("{HEAD}x = 1\n{}", part.repeat(50_000)));
    let dotted = format!("{HEAD}{}a = 1", "a.".repeat(50_000));
    let header = format!("{HEAD}[{}a]", "a.".repeat(50_000));
    for text in deep.iter().chain([&dotted, &header]) {
        assert!(!problems("app.toml", text).is_empty());
    }
}

#[test]
fn a_project_file_is_read_below_its_table() {
    let inner = "[tool.wheelwright]\nname = \"app\"\nbase = \"python\"\nplatforms = [\"linux/amd64\"]\n[tool.wheelwright.wheels]\n";
    let good = format!("[project]\nname = \"x\"\n{inner}require = [\"flask\"]");
    let recipe = Recipe::parse("some/pyproject.toml", &good).unwrap();
    assert_eq!(names(&recipe.wheels.request.require), ["flask"]);
    let wrong = format!("[project]\nname = \"x\"\n{inner}requires = [\"flask\"]\nrequire = [\"a\"]");
    check_text("pyproject.toml", &wrong, &["requires | unknown key `wheels.requires` | did you mean `require`?"]);
    let none = "[project]\nname = \"x\"";
    check_text(
        "pyproject.toml",
        none,
        &[" | there is no table `[tool.wheelwright]` | add `[tool.wheelwright]` with `name`, `base` and `platforms`"],
    );
}

#[test]
fn an_error_is_one_line_with_its_place() {
    let check = |rest: &str, expect: &str| {
        let error = Recipe::parse("app.toml", &format!("{HEAD}{rest}")).unwrap_err();
        assert_eq!(error.to_string(), expect);
        assert!(error.hint().is_some());
    };
    check("[wheels]\nrequires = []\nrequire = [\"a\"]", "app.toml:5:1: unknown key `wheels.requires`");
    check("[wheel]\n[image]\nusers = 1\n[layer]", "app.toml:4:2: unknown key `wheel` (and 2 more problems)");
}

#[test]
fn the_whole_grammar_is_read() {
    let recipe = parse(FULL);
    assert_eq!(recipe.platforms.iter().map(ToString::to_string).collect::<Vec<_>>(), ["linux/amd64", "linux/arm64"]);
    let wheels = &recipe.wheels;
    assert_eq!(names(&wheels.request.require), ["numpy<2", "onnx"]);
    assert_eq!(wheels.python.as_ref().map(ToString::to_string).as_deref(), Some("3.11"));
    assert_eq!(wheels.skew, Skew::Warn);
    assert_eq!(wheels.index[1].location.get_ref(), &Location::Folder("wheelhouse".to_owned()));
    assert_eq!((wheels.index[1].format, wheels.index[2].format), (IndexFormat::Simple, IndexFormat::Flat));
    assert!(wheels.index[0].only_for[0].get_ref().matches(&"torch".parse().unwrap()));
    assert_eq!(names(&wheels.request.choices[0].any_of[1]), ["pylibjpeg", "pylibjpeg-libjpeg"]);
    assert!(matches!(wheels.request.constraints[1].get_ref(), Listed::File(path) if path == "constraints.txt"));
    let debian = recipe.debian.as_ref().unwrap();
    assert_eq!(
        debian.strip.iter().map(|strip| strip.get_ref().as_str()).collect::<Vec<_>>(),
        ["doc", "/usr/share/icons"]
    );
    assert_eq!((debian.select, debian.shell), (Select::Listed, Shell::Asked));
    assert_eq!(debian.time_zone.as_ref().map(|zone| zone.get_ref().as_str()), Some("Europe/Berlin"));
    assert_eq!(debian.certificates[0].get_ref(), "certificates/company.crt");
    assert_eq!(debian.scripts.unknown, Unknown::Error);
    assert_eq!(debian.scripts.acknowledge[0].get_ref(), "fontconfig");
    assert_eq!(debian.security, Security::Without);
    assert_eq!(debian.mirrors.len(), 1);
    assert_eq!((debian.components(), debian.wants_backports()), (vec!["main", "contrib"], true));
    assert_eq!((debian.essential, &debian.recommends), (Essential::All, &Recommends::All));
    let script = &recipe.scripts[0];
    assert_eq!(
        (script.to.get_ref().as_str(), script.mode.as_ref().map(|mode| *mode.get_ref())),
        ("/axon/scripts", Some(0o755))
    );
    assert_eq!(script.owner, Owner { uid: 10001, gid: 0 });
    assert_eq!(recipe.image.ports.iter().map(ToString::to_string).collect::<Vec<_>>(), ["8080/tcp", "53/udp"]);
    assert_eq!(recipe.variants().collect::<Vec<_>>(), ["full", "pytorch", "tensorflow"]);
    assert_eq!(recipe.check.max_size.as_ref().map(|size| *size.get_ref()), Some(4_000_000_000));
    let accepted = &recipe.check.accept[0];
    assert_eq!(
        (accepted.code.get_ref().as_str(), accepted.reason.get_ref().as_str()),
        ("WW308", "holds defaults alone")
    );
    assert_eq!(accepted.path.as_ref().map(|path| path.get_ref().as_str()), Some("/axon/scripts/.env"));
}

const FULL: &str = r#"
name = "axon-converter"
base = "oci:bases/python:3.11"
platforms = ["linux/amd64", "linux/arm64/v8"]

[wheels]
require = ["numpy<2", "onnx"]
files = ["requirements.txt"]
constraints = ["protobuf<5", "constraints.txt"]
overrides = ["overrides.txt"]
python = "3.11"
skew = "warn"
index = [
  { name = "cpu", url = "https://example.org/whl/cpu", for = ["Torch"], platforms = ["linux/amd64"] },
  { name = "ours", url = "wheelhouse" },
  { name = "links", url = "https://example.org/links.html", format = "flat" },
]
deny = ["nvidia-*"]
exclude = ["triton"]
bytecode = "tools/python3.11"
[[wheels.choice]]
any-of = [["python-gdcm"], ["pylibjpeg", "pylibjpeg-libjpeg"]]

[debian]
suite = "bookworm"
components = ["main", "contrib"]
packages = ["libgl1", "libgomp1", "git/bookworm-backports"]
essential = true
recommends = true
mirror = "https://example.org/debian"
snapshot = "https://example.org/{archive}/{timestamp}"
allow-upgrade = ["libc6"]
security = false
strip = ["doc", "/usr/share/icons"]
exclude = ["libgl1-mesa-dri"]
select = "listed"
shell = true
timezone = "Europe/Berlin"
certificates = ["certificates/company.crt"]
scripts = { unknown = "error", acknowledge = ["fontconfig"] }

[[scripts]]
from = "scripts/conversion"
to = "/axon/scripts/"
mode = "0755"
owner = "10001:0"

[layers]
own = ["torch", "nvidia-*"]
compression = "gzip"
lazy = false

[image]
entrypoint = ["python3", "/axon/scripts/convert.py"]
cmd = ["--help"]
env = { PYTHONUNBUFFERED = "1", A = "1" }
user = "10001:10001"
workdir = "/axon"
labels = { "org.example.team" = "x" }
ports = [8080, "53/udp"]
volumes = ["/data"]
stop-signal = "SIGINT"

[check]
import = ["torch", "gdcm"]
allow-missing = ["libcuda.so.1"]
max-size = "4 GB"
accept = [{ code = "WW308", path = "/axon/scripts/.env", reason = "holds defaults alone" }]

[variants.pytorch]
require = ["torch==2.3.1"]
entrypoint = ["python3", "/pytorch.py"]
env = { A = "2" }
[[variants.pytorch.scripts]]
from = "scripts/pytorch"
to = "/pytorch"
[variants.tensorflow]
require = ["tensorflow"]
files = ["tensorflow.txt"]
[variants.full]
include = ["pytorch", "tensorflow"]
require = ["modelscope"]
"#;

#[test]
fn variants_are_joined() {
    let recipe = parse(FULL);
    let full = recipe.variant(Some("full")).unwrap();
    assert_eq!(names(&full.request.require), ["numpy<2", "onnx", "torch==2.3.1", "tensorflow", "modelscope"]);
    assert_eq!(
        full.scripts.iter().map(|script| script.to.get_ref().as_str()).collect::<Vec<_>>(),
        ["/axon/scripts", "/pytorch"]
    );
    assert_eq!(full.image, recipe.image);
    let pytorch = recipe.variant(Some("pytorch")).unwrap();
    assert_eq!(pytorch.image.entrypoint.as_ref().unwrap()[1].get_ref(), "/pytorch.py");
    assert_eq!(pytorch.image.cmd, None);
    let values: Vec<&str> = pytorch.image.env.values().map(|value| value.get_ref().as_str()).collect();
    assert_eq!(values, ["2", "1"]);
    assert_eq!(recipe.images().len(), 3);
}

#[test]
fn a_variant_that_is_not_there_is_named() {
    let check = |recipe: &Recipe, name: Option<&str>, expect: &str, hint: &str| {
        let error = recipe.variant(name).unwrap_err();
        assert_eq!((error.to_string(), error.hint().unwrap().to_string()), (expect.to_owned(), hint.to_owned()));
    };
    let (full, plain) = (parse(FULL), with_head("[wheels]\nrequire = [\"a\"]"));
    check(&full, Some("pytorc"), "app.toml has no variant `pytorc`", "did you mean `pytorch`?");
    check(
        &full,
        None,
        "app.toml has variants, and none was named",
        "name one of the variants with `--variant`: full, pytorch, tensorflow",
    );
    check(&plain, Some("x"), "app.toml has no variant `x`", "leave out `--variant`: the recipe has no variants");
    assert_eq!(names(&plain.variant(None).unwrap().request.require), ["a"]);
}

#[test]
fn layers_are_stored_as_the_recipe_says() {
    let check = |keys: &str, expect: Compression| {
        let recipe = with_head(&format!("[wheels]\nrequire = [\"a\"]\n[layers]\n{keys}"));
        assert_eq!(recipe.layers.compression, expect, "{keys}");
    };
    check("", Compression::Gzip);
    check("compression = \"gzip\"\nlazy = false", Compression::Gzip);
    check("lazy = true", Compression::Lazy);
    check("compression = \"gzip\"\nlazy = true", Compression::Lazy);
    check("compression = \"zstd\"", Compression::Zstd);
    check("compression = \"none\"\nlazy = false", Compression::None);
}

#[test]
fn files_are_listed_once_each() {
    let recipe = parse(FULL);
    let files: Vec<String> = recipe.files().into_keys().collect();
    let expect = [
        "variants.tensorflow.files (tensorflow.txt)",
        "wheels.constraints (constraints.txt)",
        "wheels.files (requirements.txt)",
        "wheels.overrides (overrides.txt)",
    ];
    assert_eq!(files, expect);
}

#[test]
fn inputs_follow_what_a_lock_depends_on_and_nothing_else() {
    let before = parse(FULL).inputs();
    let check = |from: &str, to: &str, expect: &[&str]| {
        assert!(FULL.contains(from), "{from}");
        let after = parse(&FULL.replacen(from, to, 1)).inputs();
        let keys = before.keys().chain(after.keys()).collect::<std::collections::BTreeSet<_>>();
        let changed: Vec<&String> = keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).collect();
        assert_eq!(changed, expect, "{from}");
    };
    check("numpy<2", "numpy<3", &["wheels.require"]);
    check("linux/arm64/v8", "linux/arm64", &[]);
    check("3.11\"\nplat", "3.12\"\nplat", &["base"]);
    check("[\"triton\"]", "[]", &["wheels.exclude"]);
    check("\"warn\"", "\"error\"", &["wheels.skew"]);
    check("[\"python-gdcm\"]", "[\"gdcm\"]", &["wheels.choice"]);
    check("\"wheelhouse\"", "\"other\"", &["wheels.index"]);
    check("security = false", "", &["debian.security"]);
    check("https://example.org/debian", "https://example.org/mirror", &[]);
    check("\nsnapshot = \"https://example.org/{archive}/{timestamp}\"", "", &[]);
    check("\nessential = true", "", &["debian.essential"]);
    check("\nselect = \"listed\"", "", &["debian.select"]);
    check("\nshell = true", "", &["debian.shell"]);
    check("\ntimezone = \"Europe/Berlin\"", "", &[]);
    check("unknown = \"error\"", "unknown = \"warn\"", &[]);
    check("recommends = true", "recommends = [\"libgl1\"]", &["debian.recommends"]);
    check("allow-upgrade = [\"libc6\"]", "", &["debian.allow-upgrade"]);
    check("\"contrib\"]", "\"non-free\"]", &["debian.components"]);
    check("torch==2.3.1", "torch==2.4.0", &["variants.pytorch.require"]);
    check(
        "[variants.full]\ninclude",
        "[variants.all]\ninclude",
        &["variants", "variants.all.include", "variants.all.require", "variants.full.include", "variants.full.require"],
    );
    check("SIGINT", "SIGTERM", &[]);
    check("4 GB", "5 GB", &[]);
    check("\"0755\"", "\"0700\"", &[]);
    check("own = [\"torch\", ", "own = [", &[]);
    check("name = \"axon-converter\"", "name = \"other\"", &[]);
}

#[test]
fn a_problem_that_turns_up_later_points_into_the_file() {
    let recipe = parse(FULL);
    let span = recipe.wheels.request.require[1].span();
    assert_eq!(&recipe.text()[span.clone()], "\"onnx\"");
    let error = recipe.problem_at(span, "no wheel of `onnx`", Some(Hint::new("take another")));
    assert_eq!(error.to_string(), "app.toml:7:23: no wheel of `onnx`");
}

#[test]
fn the_recipes_of_this_repository_are_read() {
    let check = |file: &str, text: &str, images: &[Option<&str>]| {
        let recipe = Recipe::parse(file, text).unwrap_or_else(|error| panic!("{error}"));
        let found = recipe.images();
        let names: Vec<Option<&str>> = found.iter().map(|image| image.name.as_deref()).collect();
        assert_eq!(names, images, "{file}");
        assert!(!recipe.scripts.is_empty(), "{file}");
    };
    check("quickstart.toml", include_str!("../../recipes/quickstart.toml"), &[None]);
    check(
        "axon-converter.toml",
        include_str!("../../recipes/axon-converter.toml"),
        &[Some("full"), Some("pytorch"), Some("tensorflow")],
    );
    check("lstv-uncertainty.toml", include_str!("../../recipes/lstv-uncertainty.toml"), &[None]);
}

#[test]
fn many_variants_that_include_each_other_are_no_burden() {
    let variants: Vec<String> = (0..200)
        .map(|number| format!("[variants.v{number}]\nrequire = [\"a\"]\ninclude = [\"v{}\"]\n", (number + 1) % 200))
        .collect();
    assert_eq!(problems("app.toml", &format!("{HEAD}{}", variants.concat())).len(), 200);
    let more = format!("{HEAD}{}[variants.x]", variants.concat());
    assert_eq!(problems("app.toml", &more)[0].message, "there are more than 200 variants");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(rest in "(\\[|\\]|\"|=|\n|wheels|require|image|env|\\.|a|\\{|\\}|é|#|,|'|1){0,30}") {
        let _ = Recipe::parse("app.toml", &format!("{HEAD}{rest}"));
    }

    #[test]
    fn every_problem_points_into_the_text(key in "[a-zé\"\\\\]{1,8}", value in "[ -~é]{0,12}") {
        let text = format!("{HEAD}[image]\nuser = \"{value}\"\n[wheels]\nrequire = [\"{value}\"]\n{key} = 1");
        if let Err(RecipeError::Invalid { problems, .. }) = Recipe::parse("app.toml", &text) {
            for problem in problems {
                prop_assert!(text.get(problem.span.clone()).is_some(), "{:?}", problem);
            }
        }
    }
}
