//! Locks of other tools, against an index on loopback that is hardly asked.

use crate::{
    builder::{
        BuildError, Kept,
        testing::{Bench, base, wheels},
    },
    hint::Advise as _,
    lock::{Lock, WheelSource},
    oci::Digest,
    pypi::testing::Wheel,
    recipe::RecipeError,
};

const INDEX: &str = "https://house.example/simple";

fn entry(name: &str, version: &str, tags: &[&str], rest: &str) -> String {
    let wheel = |tag: &&str| {
        let file = format!("{name}-{version}-{tag}.whl");
        let hash = Digest::of(file.as_bytes());
        format!("{{ url = \"https://files.example/{file}\", hash = \"{hash}\", size = 5 }}")
    };
    let wheels: Vec<String> = tags.iter().map(wheel).collect();
    format!(
        "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = {{ registry = \"{INDEX}/\" }}\n\
         wheels = [{}]\n{rest}\n",
        wheels.join(", ")
    )
}

fn uv_lock() -> String {
    let project = "version = 1\nrequires-python = \">=3.11\"\n[[package]]\nname = \"app\"\nversion = \"1\"\n\
                   source = { editable = \".\" }\ndependencies = [{ name = \"flask\" }, { name = \"fast\", \
                   marker = \"platform_machine == 'aarch64'\" }]\n\
                   [package.optional-dependencies]\nold = [{ name = \"old\" }]\n";
    let native = ["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_28_x86_64", "cp312-cp312-win_amd64"];
    [
        project.to_owned(),
        entry("fast", "1.0", &["cp311-cp311-manylinux_2_17_aarch64"], ""),
        entry("flask", "3.0", &["py3-none-any"], "dependencies = [{ name = \"native\" }]"),
        entry("native", "2.0", &[&native[..], &["cp311-cp311-musllinux_1_2_aarch64", "py3-none-any"]].concat(), ""),
        entry("old", "1.0", &["cp39-cp39-manylinux_2_17_x86_64"], ""),
    ]
    .concat()
}

fn recipe(wheels: &str) -> String {
    format!("[wheels]\nindex = [{{ name = \"house\", url = \"{INDEX}\" }}]\n{wheels}\n")
}

async fn lock(bench: &Bench, wheels: &str) -> Result<Lock, BuildError> {
    let project = bench.project(&recipe(wheels));
    let base = base(&project);
    bench.builder(&[]).await.0.lock(&project, &Kept::of(&base)).await
}

/// The message, and `file: marked text | hint`.
async fn refused(bench: &Bench, wheels: &str) -> String {
    match lock(bench, wheels).await.unwrap_err() {
        BuildError::Recipe(RecipeError::Invalid { file, text, problems }) => {
            let problem = &problems[0];
            let hint = problem.hint.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{file}: {} | {} | {hint}", &text[problem.span.clone()], problem.message)
        }
        BuildError::Resolve(error) => {
            let facts: Vec<String> = error.facts().iter().map(ToString::to_string).collect();
            format!("{error}: {}", facts.join("; "))
        }
        error => format!("{error} | {}", error.hint().map(|hint| hint.to_string()).unwrap_or_default()),
    }
}

#[tokio::test]
async fn files_are_chosen_and_nothing_else() {
    let bench = Bench::new(&[("sub/uv.lock", &uv_lock())]);
    let lock = lock(&bench, "from-lock = \"sub/uv.lock\"").await.unwrap();
    assert_eq!(wheels(&lock, None, "linux/amd64"), "flask 3.0, native 2.0");
    assert_eq!(wheels(&lock, None, "linux/arm64"), "fast 1.0, flask 3.0, native 2.0");
    let native = &lock.images[0].wheels[1];
    assert_eq!(native.file, "native-2.0-cp311-cp311-manylinux_2_28_x86_64.whl");
    assert_eq!((native.sha256, native.size), (Digest::of(native.file.as_bytes()), 5));
    assert_eq!((&native.source, &native.why), (&WheelSource::Index("house".to_owned()), &vec!["flask".to_owned()]));
    assert_eq!(lock.images[1].wheels[2].file, "native-2.0-py3-none-any.whl");
    for host in ["house.example", "files.example"] {
        assert!(!lock.to_toml().contains(host), "a URL of the foreign lock");
    }
}

#[tokio::test]
async fn what_the_other_tool_was_told_to_override_counts() {
    let lock_of = |more: &str| uv_lock().replacen("[[package]]", &format!("{more}\n[[package]]"), 1);
    let overriding = lock_of("[manifest]\noverrides = [{ name = \"flask\", specifier = \"==3.0\" }]");
    let bench = Bench::new(&[("uv.lock", &overriding), ("plain/uv.lock", &uv_lock())]);
    Wheel::new("app", "2.0").requires(&["flask>=4"]).lay(bench.folder.path());
    Wheel::new("app", "3.0").python(">=3.12").lay(bench.folder.path());
    let recipe_of =
        |lock: &str, version: &str| format!("from-lock = \"{lock}\"\nrequire = [\"./app-{version}-py3-none-any.whl\"]");
    let locked = lock(&bench, &recipe_of("uv.lock", "2.0")).await.unwrap();
    assert_eq!(wheels(&locked, None, "linux/amd64"), "app 2.0, flask 3.0, native 2.0");
    let other_python = refused(&bench, &recipe_of("uv.lock", "3.0")).await;
    assert!(
        other_python.starts_with("app-3.0-py3-none-any.whl does not fit linux/amd64: it requires"),
        "{other_python}"
    );
    let (builder, _index) = bench.builder(&[]).await;
    for (lock, expect) in [("uv.lock", vec!["flask".parse().unwrap()]), ("plain/uv.lock", vec![])] {
        let project = bench.project(&recipe(&recipe_of(lock, "2.0")));
        assert_eq!(builder.demands(&project).unwrap().overridden, expect);
    }
}

#[tokio::test]
async fn what_else_the_recipe_says_goes_together_with_the_lock_or_is_refused() {
    let bench = Bench::new(&[("uv.lock", &uv_lock()), ("pins.txt", "flask==3.0\n")]);
    let own = Wheel::new("app", "1.0").requires(&["flask>=2", "native"]);
    own.lay(bench.folder.path());
    let both =
        lock(&bench, "from-lock = \"uv.lock\"\nrequire = [\"./app-1.0-py3-none-any.whl\"]\nexclude = [\"fast\"]");
    assert_eq!(wheels(&both.await.unwrap(), None, "linux/arm64"), "app 1.0, flask 3.0, native 2.0");
    let check = async |rest: &str, expect: &str| {
        let found = refused(&bench, &format!("from-lock = \"uv.lock\"\n{rest}")).await;
        assert!(found.starts_with(expect), "{rest}\n{found}");
    };
    check(
        "require = [\"flask>=4\"]",
        "uv.lock: \"flask\" | the recipe requires flask>=4, and in this lock flask is 3.0 | ",
    )
    .await;
    check("require = [\"django\"]", "uv.lock:  | the recipe requires django, and in this lock django is not in it | ")
        .await;
    check(
        "require = [\"flask[async]\"]",
        "uv.lock: \"flask\" | the recipe requires flask[async], and in this lock flask has no extra `async` | ",
    )
    .await;
    check("constraints = [\"a<1\"]", "app.toml: \"a<1\" | `constraints` does not go with `from-lock`: ").await;
    check("deny = [\"nat*\"]", "native is denied by `nat*`, but needed on linux/amd64 by flask").await;
    let demanding = Wheel::new("app", "2.0").requires(&["flask>=4"]);
    demanding.lay(bench.folder.path());
    check(
        "require = [\"./app-2.0-py3-none-any.whl\"]",
        "uv.lock: \"flask\" | app-2.0-py3-none-any.whl requires flask>=4, and in this lock flask is 3.0 | ",
    )
    .await;
    let with_extras = Wheel::new("app", "3.0").extra("all").extra("web").extra("old").requires(&[
        "app[web] ; extra == 'all'",
        "flask[async] ; extra == 'web'",
        "old ; extra == 'old'",
    ]);
    with_extras.lay(bench.folder.path());
    check(
        "require = [\"./app-3.0-py3-none-any.whl[all]\"]",
        "uv.lock: \"flask\" | app-3.0-py3-none-any.whl requires flask[async] ; extra == 'web', and in this lock flask \
         has no extra `async` | ",
    )
    .await;
    check(
        "require = [\"./app-3.0-py3-none-any.whl[old]\"]",
        "uv.lock: \"old\" | app-3.0-py3-none-any.whl requires old ; extra == 'old', and in this lock old is not among \
         what is meant | name the extras of the project that are meant: ",
    )
    .await;
    assert!(lock(&bench, "from-lock = \"uv.lock\"\nfiles = [\"pins.txt\"]").await.is_ok());
    assert!(bench.warnings().is_empty());
    assert!(lock(&bench, "from-lock = \"uv.lock\"\nrequire = [\"./app-3.0-py3-none-any.whl[x]\"]").await.is_ok());
    let told = ["amd64", "arm64"].map(|machine| format!("app 3.0 has no extra `x` (linux/{machine})"));
    assert_eq!(bench.warnings(), told);
}

#[tokio::test]
async fn members_of_which_the_wheels_are_named_bring_what_they_ask_for() {
    let member = |name: &str, rest: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"1.0\"\nsource = {{ editable = \"{name}\" }}\n{rest}\n")
    };
    let uv_lock = [
        "version = 1\n[manifest]\nmembers = [\"core\", \"root\", \"tool\"]\n\
         [[package]]\nname = \"root\"\nversion = \"1.0\"\nsource = { virtual = \".\" }\n"
            .to_owned(),
        member("core", "[package.optional-dependencies]\nx = [{ name = \"orjson\" }]"),
        member("tool", "dependencies = [{ name = \"core\", extra = [\"x\"] }]"),
        entry("orjson", "3.0", &["py3-none-any"], ""),
    ]
    .concat();
    let bench = Bench::new(&[("uv.lock", &uv_lock)]);
    Wheel::new("core", "1.0").extra("x").requires(&["orjson ; extra == 'x'"]).lay(bench.folder.path());
    Wheel::new("tool", "1.0").requires(&["core[x]"]).lay(bench.folder.path());
    let both = "from-lock = \"uv.lock\"\nrequire = [\"./core-1.0-py3-none-any.whl\", \"./tool-1.0-py3-none-any.whl\"]";
    let found = lock(&bench, both).await.unwrap();
    assert_eq!(wheels(&found, None, "linux/arm64"), "core 1.0, orjson 3.0, tool 1.0");
}

#[tokio::test]
async fn of_a_place_with_a_password_only_the_place_is_written() {
    let lock = format!(
        "lock-version = \"1.0\"\n[[packages]]\nname = \"own\"\nversion = \"1.0\"\narchive = {{ url = \
         \"https://me:s3cret@files.example/own-1.0-py3-none-any.whl\", size = 5, hashes = {{ sha256 = \"{}\" }} }}\n",
        "0".repeat(64)
    );
    let bench = Bench::new(&[("pylock.toml", &lock)]);
    let wheel = Wheel::new("app", "1.0");
    let (builder, server) = bench.builder(std::slice::from_ref(&wheel)).await;
    let place = format!("files/app-1.0-py3-none-any.whl#sha256={}", Digest::of(&wheel.bytes()).hex());
    let mut url = server.url.join(&format!("/{place}")).unwrap();
    url.set_username("me").unwrap();
    url.set_password(Some("s3cret")).unwrap();
    bench.write("r.txt", &format!("app @ {url}\n"));
    let project = bench.project(&recipe("from-lock = \"pylock.toml\"\nfiles = [\"r.txt\"]\nrequire = [\"own[x]\"]"));
    let found = builder.lock(&project, &Kept::of(&base(&project))).await.unwrap();
    assert_eq!(wheels(&found, None, "linux/amd64"), "app 1.0, own 1.0");
    let text = found.to_toml();
    assert!(text.contains("https://files.example/own") && !text.contains("s3cret"), "{text}");
    assert_eq!(
        bench.warnings()[0],
        "what own[x] asks for is not seen to: the lock does not say which extras it has (linux/amd64)"
    );
}

#[tokio::test]
async fn what_cannot_be_had_is_told() {
    let check = async |lock: &str, rest: &str, expect: &str| {
        let bench = Bench::new(&[("uv.lock", lock)]);
        let rest = if rest.is_empty() { "from-lock = \"uv.lock\"" } else { rest };
        assert_eq!(refused(&bench, rest).await, expect);
    };
    let lock = uv_lock();
    check(
        &lock,
        "from-lock = { file = \"uv.lock\", extras = [\"old\"] }",
        "no set of wheels for linux/amd64 satisfies every requirement: old 1.0 cannot be used: its only wheel, \
         cp39-cp39-manylinux_2_17_x86_64, is for the ABI cp39, the base has cp311",
    )
    .await;
    check(
        &lock.replacen(&format!("{INDEX}/"), "https://me:secret@other.example/simple", 1),
        "",
        "uv.lock: \"fast\" | fast comes from https://other.example/simple, which is no index of the recipe | \
         add `{ name = \"NAME\", url = \"https://other.example/simple\", for = [\"fast\"] }` to `wheels.index`",
    )
    .await;
    check(
        &lock.replacen(&format!("registry = \"{INDEX}/\""), "git = \"https://git.example/fast?rev=1\"", 1),
        "",
        "uv.lock: \"fast\" | fast comes from https://git.example/fast, and would have to be built | \
         build a wheel of fast and name it in `wheels.require`: `./dist/NAME.whl`",
    )
    .await;
    check(
        &lock.replace(">=3.11", ">=3.12"),
        "",
        "`uv.lock` is for Python >=3.12, and the base has 3.11.2 on linux/amd64 | \
         take a `base` with such a Python, or lock the project again",
    )
    .await;
    check(
        &lock.replace(
            "version = 1\nrequires",
            "version = 1\nsupported-markers = [\"sys_platform == 'win32'\"]\nrequires",
        ),
        "",
        "uv.lock: [\"sys_platform == 'win32'\"] | the lock is for other environments than Linux on x86_64 with Python \
         3.11.2 | let its own tool lock the project for this environment too (uv: `tool.uv.environments`)",
    )
    .await;
    check(
        &lock.replacen(&format!("registry = \"{INDEX}/\""), "git = \"https://me:s3cret@git.example/fast?rev=1\"", 1),
        "",
        "uv.lock: \"fast\" | fast comes from https://git.example/fast, and would have to be built | \
         build a wheel of fast and name it in `wheels.require`: `./dist/NAME.whl`",
    )
    .await;
    check("version = 1\npackage = 3\n", "", "uv.lock: 3 | invalid type: integer `3`, expected a sequence | ").await;
}
