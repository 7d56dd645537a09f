//! The files that a recipe names, read: requirements with what they include, and `pyproject.toml`.

use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use super::{
    BuildError, Project,
    paths::{names, relative},
};
use crate::{
    hint::{Advise as _, Hint},
    oci::Digest,
    pypi,
    python::{
        Entry, ExtraName, MarkerTree, PackageName, Pyproject, PythonError, Requirement, RequirementsTxt, WheelName,
        without_login,
    },
    recipe::{InputFile, Location, Problem, ProblemKind, RecipeError},
    resolve::{LocalWheel, Request},
};

/// Requirements files that include each other more deeply than this go in a circle.
const DEEPEST: usize = 32;
/// No project has more requirements files.
const MOST: usize = 1000;

/// A file's text, by the path that the recipe or another file gives it.
pub(super) struct Text {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// What lines of a requirements file are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Require,
    Constrain,
    Override,
}

/// What is read of one tree of requirements files.
pub(super) struct Reading<'a> {
    project: &'a Project,
    /// The indexes that options may name.
    indexes: &'a pypi::Settings,
    request: &'a mut Request,
    count: usize,
}

impl Role {
    pub(super) fn add(self, request: &mut Request, requirement: Requirement) {
        match self {
            Self::Require => request.requirements.push(requirement),
            Self::Constrain => request.constraints.push(requirement),
            Self::Override => request.overrides.push(requirement),
        }
    }

    /// Adds a wheel of the distribution `name`, which bounds nothing.
    pub(super) fn add_wheel(self, request: &mut Request, name: PackageName, wheel: LocalWheel) {
        match self {
            Self::Require => request.wheels.push(wheel),
            Self::Constrain => {}
            Self::Override => {
                request.overrides.push(wheel.requirement(name));
                request.override_wheels.push(wheel);
            }
        }
    }
}

impl Text {
    /// Reads a file of the recipe's.
    pub(super) fn read(project: &Project, path: &Path) -> Result<Self, BuildError> {
        let fail = |source: io::Error| BuildError::File { path: path.to_owned(), source };
        let text = fs::read_to_string(project.folder.join(path)).map_err(fail)?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// The error that draws what is wrong with the file.
    pub(super) fn wrong(&self, error: &PythonError) -> BuildError {
        let span = if let PythonError::Place { span, .. } = error { span.clone() } else { 0..0 };
        self.problem(span, error.to_string(), error.hint())
    }

    /// The error that points at `span` of the file.
    pub(super) fn problem(&self, span: Range<usize>, message: String, hint: Option<Hint>) -> BuildError {
        let problem = Problem::new(ProblemKind::Invalid, span, message).hinted(hint);
        let file = self.path.display().to_string();
        RecipeError::Invalid { file, text: self.text.clone(), problems: vec![problem] }.into()
    }
}

impl<'a> Reading<'a> {
    pub(super) const fn new(project: &'a Project, indexes: &'a pypi::Settings, request: &'a mut Request) -> Self {
        Self { project, indexes, request, count: 0 }
    }

    /// Adds what the requirements file `path` asks, and all that it includes.
    pub(super) fn requirements(&mut self, path: &Path, role: Role) -> Result<(), BuildError> {
        self.file(path, role, 0)
    }

    /// Adds what a `pyproject.toml` asks.
    pub(super) fn pyproject(&mut self, input: &InputFile) -> Result<(), BuildError> {
        let file = Text::read(self.project, Path::new(&input.path))?;
        let parsed = Pyproject::parse(&file.text).map_err(|error| file.wrong(&error))?;
        let found = parsed.requirements(&input.extras, &input.groups).map_err(|error| file.wrong(&error))?;
        for requirement in found {
            if let Some(span) = parsed.sources.get(&requirement.name).filter(|_| !self.has_place(&requirement.name)) {
                let name = &requirement.name;
                let hint = format!(
                    "bind it to an index with `for = [\"{name}\"]` in `wheels.index`, or say `from-lock = \"uv.lock\"`"
                );
                let message = format!("uv takes {name} from a place of its own, which the recipe does not name");
                return Err(file.problem(span.clone(), message, Some(Hint::new(hint))));
            }
            self.request.requirements.push(requirement);
        }
        Ok(())
    }

    fn has_place(&self, name: &PackageName) -> bool {
        let index = &self.project.recipe.wheels.index;
        index.iter().any(|index| index.only_for.iter().any(|pattern| pattern.get_ref().matches(name)))
    }

    fn file(&mut self, path: &Path, role: Role, depth: usize) -> Result<(), BuildError> {
        self.count += 1;
        if depth > DEEPEST || self.count > MOST {
            return Err(BuildError::Circle { path: path.to_owned() });
        }
        let file = Text::read(self.project, path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for line in RequirementsTxt::parse(&file.text).map_err(|error| file.wrong(&error))?.lines {
            match line.entry {
                Entry::Include(name) => self.file(&folder.join(name), role, depth + 1)?,
                Entry::Constraints(name) if role == Role::Override => {
                    let hint = format!("name `{}` in `wheels.constraints`", folder.join(name).display());
                    let message = "constraints are no overrides".to_owned();
                    return Err(file.problem(line.span, message, Some(Hint::new(hint))));
                }
                Entry::Constraints(name) => self.file(&folder.join(name), Role::Constrain, depth + 1)?,
                Entry::Requirement { requirement, hashes } => {
                    self.accept(&requirement.name, hashes);
                    role.add(self.request, requirement);
                }
                Entry::Wheel { .. } if role == Role::Constrain => {
                    let hint = Hint::new("write its name and version, or name it in `wheels.require`");
                    return Err(file.problem(line.span, "a wheel bounds nothing".to_owned(), Some(hint)));
                }
                Entry::Wheel { path, rest, hashes } => {
                    let wheel = local_wheel(&folder.join(path), &rest);
                    let (name, wheel) =
                        wheel.map_err(|error| file.problem(line.span, error.to_string(), error.hint()))?;
                    self.accept(&name, hashes);
                    role.add_wheel(self.request, name, wheel);
                }
                entry => self
                    .option(&entry, folder)
                    .map_err(|(message, hint)| file.problem(line.span, message, Some(Hint::new(hint))))?,
            }
        }
        Ok(())
    }

    fn accept(&mut self, name: &PackageName, hashes: Vec<Digest>) {
        if !hashes.is_empty() {
            self.request.accepted.entry(name.clone()).or_default().extend(hashes);
        }
    }

    /// Options that name indexes are obeyed if the recipe says the same: its lock calls them by the
    /// names that the recipe gives them.
    fn option(&self, entry: &Entry, folder: &Path) -> Result<(), (String, String)> {
        let recipe = &self.project.recipe.wheels.index;
        let everything = |name: &str| {
            let index = recipe.iter().find(|index| index.name.get_ref() == name);
            index.is_some_and(|index| index.only_for.iter().any(|pattern| pattern.get_ref().to_string() == "*"))
        };
        let (message, table) = match entry {
            Entry::DefaultIndex(url) => match self.indexes.name_at(url) {
                Some(name) if name == "default" || everything(&name) => return Ok(()),
                _ => ("the recipe does not know this index", format!("url = \"{}\", for = [\"*\"]", plain(url))),
            },
            Entry::ExtraIndex(url) => match self.indexes.name_at(url) {
                Some(_) => return Ok(()),
                None => ("the recipe does not know this index", format!("url = \"{}\"", plain(url))),
            },
            Entry::FindLinks(place) if place.contains("://") => {
                return Err((
                    "a page of links is not an index".to_owned(),
                    "download its wheels into a folder, and name that in `wheels.index`".to_owned(),
                ));
            }
            Entry::FindLinks(place) => {
                let wanted = folder.join(place);
                let (base, wanted) = (&self.project.folder, self.project.folder.join(&wanted));
                let same = |known: &str| names(&base.join(known)) == names(&wanted);
                let known = recipe
                    .iter()
                    .any(|index| matches!(index.location.get_ref(), Location::Folder(known) if same(known)));
                if known {
                    return Ok(());
                }
                ("the recipe does not know this folder of wheels", format!("url = \"{}\"", relative(base, &wanted)))
            }
            _ if recipe.iter().any(|index| everything(index.name.get_ref())) => return Ok(()),
            _ => ("the recipe does not do without the default index", "url = \"FOLDER\", for = [\"*\"]".to_owned()),
        };
        Err((message.to_owned(), format!("add `{{ name = \"NAME\", {table} }}` to `wheels.index`")))
    }
}

/// A URL without credentials: a hint may stand in a public log.
fn plain(url: &str) -> String {
    url.parse().map_or_else(|_| "URL".to_owned(), |url| without_login(&url).to_string())
}

fn local_wheel(path: &Path, rest: &str) -> Result<(PackageName, LocalWheel), PythonError> {
    let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = file.parse::<WheelName>()?.name().clone();
    let (extras, marker): (Vec<ExtraName>, MarkerTree) = if rest.is_empty() {
        (Vec::new(), MarkerTree::TRUE)
    } else {
        let requirement: Requirement = format!("{name}{rest}").parse()?;
        (requirement.extras, requirement.marker)
    };
    Ok((name, LocalWheel { path: path.components().collect(), extras, marker }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        builder::{
            Kept, inputs,
            testing::{Bench, base, wheels},
        },
        lock::WheelSource,
        pypi::testing::Wheel,
    };

    fn request(bench: &Bench, wheels: &str) -> Result<Request, String> {
        let project = bench.project(&format!("[wheels]\n{wheels}\n"));
        let settings = pypi::Settings { indexes: inputs::indexes(&project).collect(), ..pypi::Settings::default() };
        let found = inputs::request(&project, &project.recipe.images()[0], &settings);
        found.map_err(|error| match error {
            BuildError::Recipe(RecipeError::Invalid { file, text, problems }) => {
                let problem = &problems[0];
                let line = text[..problem.span.start].matches('\n').count() + 1;
                let hint = problem.hint.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{file}:{line}: {} | {hint}", problem.message)
            }
            error => error.to_string(),
        })
    }

    fn shown(request: &Request) -> String {
        let list = |list: &[Requirement]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let wheels: Vec<String> = request.wheels.iter().map(|wheel| wheel.path.display().to_string()).collect();
        let accepted: Vec<String> =
            request.accepted.iter().map(|(name, set)| format!("{name}:{}", set.len())).collect();
        let parts = [list(&request.requirements), list(&request.constraints), wheels.join(" "), accepted.join(" ")];
        parts.join(" | ")
    }

    #[test]
    fn requirements_come_with_all_that_they_include() {
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        let bench = Bench::new(&[
            (
                "req/main.txt",
                "a\n-r more/web.txt\n-c pins.txt\n--extra-index-url https://user:pw@house.example/simple/\n--find-links ../wheels\nz\n",
            ),
            (
                "req/more/web.txt",
                &format!(
                    "b==1 --hash=sha256:{one} --hash=sha256:{two}\n-c pins.txt\n./own-1-py3-none-any.whl --hash=sha256:{one}\n"
                ),
            ),
            ("req/more/pins.txt", "c<2\n"),
            ("req/pins.txt", &format!("d==3 --hash=sha256:{one}\n-r more/pins.txt\n")),
            (
                "pyproject.toml",
                "[project]\nname = \"x\"\ndependencies = [\"e\"]\n[project.optional-dependencies]\nweb = [\"f\"]\n[dependency-groups]\ndev = [\"g\"]\n",
            ),
        ]);
        let index = "index = [{ name = \"house\", url = \"https://house.example/simple\" }, { name = \"local\", url = \"wheels\" }]";
        let files = "files = [\"req/main.txt\", { file = \"pyproject.toml\", extras = [\"web\"], groups = [\"dev\"] }]";
        let found = request(&bench, &format!("{index}\n{files}")).unwrap();
        assert_eq!(shown(&found), "a b==1 z e f g | c<2 d==3 c<2 | req/more/own-1-py3-none-any.whl | b:2 d:1 own:1");
    }

    #[test]
    fn files_of_constraints_and_overrides_are_read_as_such() {
        let bench = Bench::new(&[
            ("con.txt", "a<2\n-c more/up.txt\n-r more/r.txt\n"),
            ("more/up.txt", "b<3\n"),
            ("more/r.txt", "c<4\n"),
            ("more/over.txt", &format!("d==1\n./e-1-py3-none-any.whl[x] --hash=sha256:{}\n", "1".repeat(64))),
            ("wrong.txt", "f\n-c more/up.txt\n"),
        ]);
        let lists = "constraints = [\"con.txt\", \"z<1\"]\noverrides = [\"more/over.txt\", \"./g-1-py3-none-any.whl\"]";
        let found = request(&bench, &format!("require = [\"y\"]\n{lists}")).unwrap();
        assert_eq!(shown(&found), "y | a<2 b<3 c<4 z<1 |  | e:1");
        let overrides: Vec<String> = found.overrides.iter().map(ToString::to_string).collect();
        let wheels: Vec<String> = found.override_wheels.iter().map(ToString::to_string).collect();
        assert_eq!(
            (overrides.join(" "), wheels.join(" ")),
            ("d==1 e[x] g".to_owned(), "more/e-1-py3-none-any.whl[x] ./g-1-py3-none-any.whl".to_owned(),)
        );
        let check = |list: &str, expect: &str| {
            assert_eq!(request(&bench, &format!("require = [\"y\"]\n{list}")).unwrap_err(), expect);
        };
        check(
            "overrides = [\"wrong.txt\"]",
            "wrong.txt:2: constraints are no overrides | name `more/up.txt` in `wheels.constraints`",
        );
        check(
            "constraints = [\"more/over.txt\"]",
            "more/over.txt:2: a wheel bounds nothing | write its name and version, or name it in `wheels.require`",
        );
    }

    #[tokio::test]
    async fn local_wheels_override_and_are_alternatives() {
        let bench = Bench::new(&[]);
        for wheel in [Wheel::new("lib", "0.5"), Wheel::new("acme_core", "0.5").tag("cp311-cp311-manylinux_2_17_x86_64")]
        {
            wheel.lay(&bench.folder.path().join("own"));
        }
        let index = [
            Wheel::new("app", "1.0").requires(&["lib>=1"]),
            Wheel::new("lib", "2.0"),
            Wheel::new("acme-core", "9.0"),
            Wheel::new("other", "1.0"),
        ];
        let acme = "./own/acme_core-0.5-cp311-cp311-manylinux_2_17_x86_64.whl";
        let recipe = format!(
            "[wheels]\nrequire = [\"app\"]\noverrides = [\"own/lib-0.5-py3-none-any.whl\"]\n\
             [[wheels.choice]]\nany-of = [[\"{acme}\"], [\"other\"]]\n"
        );
        let lock = bench.lock(&index, &recipe, None, &[]).await.unwrap();
        assert_eq!(wheels(&lock, None, "linux/amd64"), "acme-core 0.5, app 1.0, lib 0.5");
        assert_eq!(wheels(&lock, None, "linux/arm64"), "app 1.0, lib 0.5, other 1.0");
        assert_eq!(
            (&lock.images[0].choices, &lock.images[1].choices),
            (&vec![vec![acme.to_owned()]], &vec![vec!["other".to_owned()]])
        );
        assert_eq!(lock.images[0].wheels[0].source, WheelSource::Path(acme.to_owned()));
        assert_eq!(bench.lock(&index, &recipe, Some(&lock), &[]).await.unwrap(), lock);
        // Whatever others require, what overrides is no finding, also where it stands in a file.
        bench.write("over.txt", "./own/lib-0.5-py3-none-any.whl\nother<2\n");
        let project = bench.project("[wheels]\nrequire = [\"app\"]\noverrides = [\"over.txt\", \"app==1\"]\n");
        let overridden = bench.builder(&index).await.0.demands(&project).unwrap().overridden;
        assert_eq!(overridden, ["lib", "other", "app"].map(|name| name.parse().unwrap()));
    }

    #[tokio::test]
    async fn no_password_of_a_url_is_written_or_told() {
        let bench = Bench::new(&[]);
        let (builder, server) = bench.builder(&[Wheel::new("own", "1.0").requires(&["gone ; extra == 'x'"])]).await;
        let mut url = server.url.join("/files/own-1.0-py3-none-any.whl").unwrap();
        url.set_username("me").unwrap();
        url.set_password(Some("s3cret")).unwrap();
        let locked = async |extra: &str| {
            let text = format!("[project]\nname = \"x\"\ndependencies = [\"own{extra} @ {url}\"]\n");
            bench.write("pyproject.toml", &text);
            let project = bench.project("[wheels]\nfiles = [\"pyproject.toml\"]\n");
            let below = base(&project);
            builder.lock(&project, &Kept::of(&below)).await
        };
        let lock = locked("").await.unwrap().to_toml();
        assert!(lock.contains("/files/own-1.0-py3-none-any.whl\"") && !lock.contains("s3cret"), "{lock}");
        let BuildError::Resolve(error) = locked("[x]").await.unwrap_err() else { panic!() };
        let facts: Vec<String> = error.facts().iter().map(ToString::to_string).collect();
        assert!(facts[0].starts_with("the recipe requires own[x] @ http://127.0.0.1:"), "{facts:?}");
    }

    #[test]
    fn what_files_say_wrong_has_its_file_and_line() {
        let bench = Bench::new(&[
            ("i.txt", "a\n--index-url https://me:pw@main.example/simple\n"),
            ("x.txt", "--extra-index-url https://extra.example/simple\n"),
            ("f.txt", "\n-f dir\n"),
            ("n.txt", "--no-index\n"),
            ("bad.txt", "a\nb <\n"),
            ("circle.txt", "-r circle.txt\n"),
            (
                "uv/pyproject.toml",
                "[project]\nname = \"x\"\ndependencies = [\"torch\"]\n[tool.uv.sources]\ntorch = { index = \"cpu\" }\n",
            ),
        ]);
        let check = |file: &str, more: &str, expect: &str| {
            let found = request(&bench, &format!("files = [\"{file}\"]\n{more}"));
            assert_eq!(found.map_or_else(|error| error, |found| shown(&found)), expect);
        };
        let index = |table: &str| format!("index = [{{ name = \"n\", {table} }}]");
        check(
            "i.txt",
            "",
            "i.txt:2: the recipe does not know this index | add `{ name = \"NAME\", url = \"https://main.example/simple\", for = [\"*\"] }` to `wheels.index`",
        );
        check("i.txt", &index("url = \"https://main.example/simple\", for = [\"*\"]"), "a |  |  | ");
        check(
            "x.txt",
            "",
            "x.txt:1: the recipe does not know this index | add `{ name = \"NAME\", url = \"https://extra.example/simple\" }` to `wheels.index`",
        );
        check(
            "f.txt",
            "",
            "f.txt:2: the recipe does not know this folder of wheels | add `{ name = \"NAME\", url = \"./dir\" }` to `wheels.index`",
        );
        check(
            "n.txt",
            "",
            "n.txt:1: the recipe does not do without the default index | add `{ name = \"NAME\", url = \"FOLDER\", for = [\"*\"] }` to `wheels.index`",
        );
        check("n.txt", &index("url = \"dir\", for = [\"*\"]"), " |  |  | ");
        check(
            "bad.txt",
            "",
            "bad.txt:2: `b <` is not a requirement: unexpected end of version specifier, expected version | write it as PEP 508 has it, such as `numpy>=1.26,<2`",
        );
        check("circle.txt", "", "`circle.txt` includes itself");
        check(
            "uv/pyproject.toml",
            "",
            "uv/pyproject.toml:5: uv takes torch from a place of its own, which the recipe does not name | bind it to an index with `for = [\"torch\"]` in `wheels.index`, or say `from-lock = \"uv.lock\"`",
        );
        check("uv/pyproject.toml", &index("url = \"https://cpu.example/whl\", for = [\"torch\"]"), "torch |  |  | ");
        check("gone.txt", "", "cannot read `gone.txt`");
    }

    #[tokio::test]
    async fn hashes_are_enforced_and_files_make_locks_stale() {
        let (good, other) = (Wheel::new("lib", "1.0"), Wheel::new("lib", "2.0"));
        let text = |wheel: &Wheel| format!("lib --hash=sha256:{}\n", Digest::of(&wheel.bytes()).hex());
        let bench = Bench::new(&[
            ("r.txt", &text(&good)),
            ("pyproject.toml", "[project]\nname = \"x\"\ndependencies = [\"lib\"]\n"),
        ]);
        let recipe = "[wheels]\nfiles = [\"r.txt\", \"pyproject.toml\"]\n";
        let all = [good, other];
        let lock = bench.lock(&all, recipe, None, &[]).await.unwrap();
        assert_eq!(wheels(&lock, None, "linux/amd64"), "lib 1.0");
        bench.write("r.txt", &text(&Wheel::new("lib", "3.0")));
        bench.write(
            "pyproject.toml",
            "[project]\nname = \"x\"\nversion = \"2\"\ndependencies = [\"lib<9\", \"more\"]\n",
        );
        let project = bench.project(recipe);
        let stale = bench.builder(&[]).await.0.stale(&project, &lock).unwrap();
        let stale: Vec<String> = stale.iter().map(ToString::to_string).collect();
        assert_eq!(
            stale,
            [
                "`wheels.files (pyproject.toml)` gained `more` and has `lib<9` in place of `lib`",
                "`wheels.files (r.txt)` changed"
            ]
        );
        bench.write("pyproject.toml", "[project]\nname = \"x\"\n");
        let error = bench.lock(&all, recipe, None, &[]).await.unwrap_err();
        let BuildError::Resolve(error) = error else { panic!("{error}") };
        assert!(
            error
                .facts()
                .iter()
                .any(|fact| fact.to_string().ends_with("none of its wheels has a hash that the recipe accepts"))
        );
    }
}
