//! Resolutions against small indexes made in code.

use super::super::{
    Alternative, Choice, LocalWheel, Request, Resolution, ResolveError, resolve, resolve_aligned, skew,
};
use crate::{
    lock::{Installed, WheelSource},
    oci::Digest,
    pypi::{
        Index, Location, Settings,
        testing::{FakeIndex, Manner, Wheel, package_index},
    },
    python::{MarkerTree, Requirement, Target},
};

fn target(platform: &str, libc: &str) -> Target {
    Target {
        platform: platform.parse().unwrap(),
        python: "3.11.2".parse().unwrap(),
        libc: libc.parse().unwrap(),
        free_threaded: false,
    }
}

fn wants(requirements: &[&str]) -> Request {
    Request { requirements: parsed(requirements), ..Request::default() }
}

/// Alternatives of requirements, and of wheels on this machine: what ends so without a URL.
fn any_of(alternatives: &[&[&str]]) -> Choice {
    let one = |list: &&[&str]| {
        let is_local = |text: &&str| text.strip_suffix(".whl").is_some() && !text.contains('@');
        let (wheels, requirements): (Vec<&str>, Vec<&str>) = list.iter().copied().partition(is_local);
        Alternative { requirements: parsed(&requirements), wheels: wheels.into_iter().map(local).collect() }
    };
    Choice { any_of: alternatives.iter().map(one).collect() }
}

fn local(path: &str) -> LocalWheel {
    LocalWheel { path: path.into(), extras: Vec::new(), marker: MarkerTree::TRUE }
}

fn parsed(requirements: &[&str]) -> Vec<Requirement> {
    requirements.iter().map(|text| text.parse().unwrap()).collect()
}

async fn run(wheels: &[Wheel], request: &Request) -> Result<Resolution, ResolveError> {
    let (server, folder) = (FakeIndex::serve(wheels, Manner::Modern).await, tempfile::tempdir().unwrap());
    let index = package_index(&folder, server.settings());
    resolve(request, &target("linux/amd64", "glibc 2.28"), &index).await
}

fn names(resolution: &Resolution) -> String {
    let names = resolution.wheels.iter().map(|wheel| format!("{} {}", wheel.name, wheel.version));
    names.collect::<Vec<_>>().join(", ")
}

async fn check(wheels: &[Wheel], request: Request, expect: &str) {
    let found = match run(wheels, &request).await {
        Ok(resolution) => names(&resolution),
        Err(error) => {
            let facts: Vec<String> = error.facts().iter().map(ToString::to_string).collect();
            format!("{error}: {}", facts.join("; "))
        }
    };
    assert_eq!(found, expect, "{:?}", request.requirements);
}

fn house() -> Vec<Wheel> {
    vec![
        Wheel::new("app", "1.0").requires(&["lib>=1", "win; sys_platform == 'win32'", "old; python_version < '3'"]),
        Wheel::new("lib", "1.0"),
        Wheel::new("lib", "2.0"),
        Wheel::new("lib", "3.0rc1"),
        Wheel::new("lib", "2.5").yanked(),
        Wheel::new("lib", "2.6").python(">=3.12"),
        Wheel::new("lib", "2.7").tag("cp311-cp311-manylinux_2_34_x86_64"),
        Wheel::new("torch", "2.3.1+cpu"),
        Wheel::new("torch", "2.3.1"),
        Wheel::new("torch", "2.4.0"),
        Wheel::new("part", "1.0").extra("all").extra("a").extra("b").requires(&[
            "lib<2; extra == 'a'",
            "torch; extra == 'b'",
            "part[a,b]; extra == 'all'",
        ]),
        Wheel::new("far", "1.0").requires(&["lib @ https://host/lib-1.0-py3-none-any.whl"]),
        Wheel::new("odd", "2.0").requires(&["lib >= master"]),
        Wheel::new("odd", "1.0"),
    ]
}

#[tokio::test]
async fn versions_are_chosen_by_the_rules() {
    let wheels = house();
    check(&wheels, wants(&["app"]), "app 1.0, lib 2.0").await;
    check(&wheels, wants(&["lib==2.5"]), "lib 2.5").await;
    check(&wheels, wants(&["lib>=3.0rc1"]), "lib 3.0rc1").await;
    check(&wheels, wants(&["torch==2.3.1"]), "torch 2.3.1+cpu").await;
    check(&wheels, wants(&["part[all]"]), "lib 1.0, part 1.0, torch 2.4.0").await;
    check(&wheels, wants(&["part[b]", "torch<2.4"]), "part 1.0, torch 2.3.1+cpu").await;
    check(&wheels, wants(&["odd"]), "odd 1.0").await;
    check(&wheels, wants(&["app ; platform_machine == 'aarch64'"]), "").await;
}

#[tokio::test]
async fn pre_releases_are_taken_where_nothing_else_satisfies() {
    let mut wheels: Vec<Wheel> =
        ["1.0", "1.1", "2.0rc1", "2.0", "2.1.dev3", "2.1b1"].map(|version| Wheel::new("pre", version)).into();
    wheels.extend([
        Wheel::new("gone", "1.0").yanked(),
        Wheel::new("gone", "1.1b1"),
        Wheel::new("pins", "1.0").requires(&["pre==2.1.dev3"]),
        Wheel::new("above", "1.0").requires(&["pre!=2.1.dev3", "pre>2.0"]),
        Wheel::new("either", "1.0").requires(&["pre<2"]),
        Wheel::new("either", "2.0").requires(&["pre>2.0"]),
    ]);
    for (wanted, expect) in [
        (&["pre>2.0"][..], "pre 2.1b1"),
        (&["pre==2.1.*"], "pre 2.1b1"),
        (&["pre==2.1.dev3"], "pre 2.1.dev3"),
        (&["pre>=1.2,<2"], "no set of wheels for linux/amd64 satisfies every requirement"),
        (&["gone"], "gone 1.1b1"),
        (&["pins"], "pins 1.0, pre 2.1.dev3"),
        (&["above"], "above 1.0, pre 2.1b1"),
        // Where there is another way, that is gone.
        (&["either"], "either 1.0, pre 1.1"),
        (&["either>=2"], "either 2.0, pre 2.1b1"),
    ] {
        let found = run(&wheels, &wants(wanted)).await;
        assert_eq!(found.map_or_else(|error| error.to_string(), |found| names(&found)), expect, "{wanted:?}");
    }
    let other = Request { choices: vec![any_of(&[&["pre>2.0"], &["gone==1.0"]])], ..Request::default() };
    check(&wheels, other, "gone 1.0").await;
    let only = Request { choices: vec![any_of(&[&["pre>2.0"], &["gone==1.2"]])], ..Request::default() };
    check(&wheels, only, "pre 2.1b1").await;
}

#[tokio::test]
async fn the_recipe_bounds_overrides_and_leaves_out() {
    let wheels = house();
    let with = |change: fn(&mut Request)| {
        let mut request = wants(&["app"]);
        change(&mut request);
        request
    };
    check(&wheels, with(|request| request.constraints = parsed(&["lib<2", "torch<1"])), "app 1.0, lib 1.0").await;
    let other = with(|request| request.constraints = parsed(&["lib<2; platform_machine == 'aarch64'"]));
    check(&wheels, other, "app 1.0, lib 2.0").await;
    check(&wheels, with(|request| request.overrides = parsed(&["lib==1.0"])), "app 1.0, lib 1.0").await;
    check(&wheels, with(|request| request.exclude = vec!["li*".parse().unwrap()]), "app 1.0").await;
    check(
        &wheels,
        with(|request| drop(request.prefer.insert("lib".parse().unwrap(), "1.0".parse().unwrap()))),
        "app 1.0, lib 1.0",
    )
    .await;
    let accepted = |request: &mut Request| {
        let digest = Digest::of(&Wheel::new("lib", "1.0").bytes());
        request.accepted.insert("lib".parse().unwrap(), [digest].into());
    };
    check(&wheels, with(accepted), "app 1.0, lib 1.0").await;
    let denied = with(|request| request.deny = vec!["lib".parse().unwrap()]);
    check(&wheels, denied, "lib is denied by `lib`, but needed on linux/amd64 by app: ").await;
}

#[tokio::test]
async fn hashes_count_even_where_the_index_gives_none() {
    let (server, folder) = (FakeIndex::serve(&house(), Manner::Bare).await, tempfile::tempdir().unwrap());
    let index = package_index(&folder, server.settings());
    let mut request = wants(&["lib"]);
    let right = Digest::of(&Wheel::new("lib", "2.0").bytes());
    for (accepted, expect) in [(right, None), (Digest::of(b"other"), Some("lib-2.0-py3-none-any.whl has sha256:"))] {
        request.accepted.insert("lib".parse().unwrap(), [accepted].into());
        let found =
            resolve(&request, &target("linux/amd64", "glibc 2.28"), &index).await.map_err(|error| error.to_string());
        match expect {
            None => assert_eq!(names(&found.unwrap()), "lib 2.0"),
            Some(expect) => assert!(found.unwrap_err().starts_with(expect)),
        }
    }
}

#[tokio::test]
async fn the_base_is_kept() {
    let wheels = house();
    let brings = |version: &str, requirements: &[&str]| Request {
        installed: vec![Installed { name: "lib".to_owned(), version: version.to_owned() }],
        ..wants(requirements)
    };
    check(&wheels, brings("1.5", &["app"]), "app 1.0").await;
    check(&wheels, brings("9.9+house", &["app", "lib"]), "app 1.0").await;
    check(
        &wheels,
        brings("0.5", &["app"]),
        "no set of wheels for linux/amd64 satisfies every requirement: the recipe requires app; \
         app 1.0 requires lib>=1; the base brings lib 0.5, which cannot be replaced",
    )
    .await;
}

#[tokio::test]
async fn what_may_be_replaced_is_where_it_does_not_do() {
    let wheels = house();
    let brings = |version: &str, requirements: &[&str]| Request {
        installed: vec![Installed { name: "lib".to_owned(), version: version.to_owned() }],
        replace: vec!["li*".parse().unwrap()],
        ..wants(requirements)
    };
    check(&wheels, brings("1.5", &["app"]), "app 1.0").await;
    check(&wheels, brings("0.5", &["app"]), "app 1.0, lib 2.0").await;
    check(&wheels, brings("2.0", &["app", "lib<2"]), "app 1.0, lib 1.0").await;
    let other = Request { replace: vec!["app".parse().unwrap()], ..brings("0.5", &["app"]) };
    assert!(run(&wheels, &other).await.unwrap_err().to_string().starts_with("no set of wheels"));
}

#[tokio::test]
async fn a_file_that_the_recipe_names_stands_against_the_base() {
    let server = FakeIndex::serve(&house(), Manner::Plain).await;
    let folder = tempfile::tempdir().unwrap();
    let local = Wheel::new("lib", "0.9+house");
    local.lay(folder.path());
    let index = package_index(&folder, Settings { folder: folder.path().to_owned(), ..server.settings() });
    let linux = target("linux/amd64", "glibc 2.36");
    let mut request = wants(&[]);
    request.wheels = vec![self::local(&local.file())];
    request.installed = vec![Installed { name: "lib".to_owned(), version: "1.0".to_owned() }];
    let error = resolve(&request, &linux, &index).await.unwrap_err();
    let facts: Vec<String> = error.facts().iter().map(ToString::to_string).collect();
    assert_eq!(
        facts,
        [
            "the recipe requires lib",
            "the base brings lib 1.0, which cannot be replaced",
            "the recipe names the file of lib 0.9+house"
        ]
    );
    request.replace = vec!["lib".parse().unwrap()];
    assert_eq!(names(&resolve(&request, &linux, &index).await.unwrap()), "lib 0.9+house");
    // The base has the same version, and the file counts all the same.
    request.installed[0].version = "0.9+house".to_owned();
    assert_eq!(names(&resolve(&request, &linux, &index).await.unwrap()), "lib 0.9+house");
}

#[tokio::test]
async fn conflicts_lead_back_to_older_versions() {
    let mut wheels: Vec<Wheel> = (1..=40)
        .flat_map(|number| {
            let core = format!("core=={number}.0");
            [Wheel::new("front", &format!("{number}.0")).requires(&[&core]), Wheel::new("core", &format!("{number}.0"))]
        })
        .collect();
    wheels.push(Wheel::new("back", "1.0").requires(&["core<3"]));
    check(&wheels, wants(&["front", "back"]), "back 1.0, core 2.0, front 2.0").await;
}

#[tokio::test]
async fn a_package_in_everyones_way_is_decided_last() {
    let mut wheels: Vec<Wheel> = (1..=100)
        .flat_map(|number| {
            let (front, middle) = (format!("middle=={number}.0"), format!("{number}.0"));
            [Wheel::new("front", &middle).requires(&[&front]), Wheel::new("middle", &middle).requires(&["shared<3"])]
        })
        .collect();
    wheels.extend(["1.0", "2.0", "3.0"].map(|version| Wheel::new("shared", version)));
    wheels.push(Wheel::new("other", "1.0").requires(&["shared"]));
    let (server, folder) = (FakeIndex::serve(&wheels, Manner::Modern).await, tempfile::tempdir().unwrap());
    let index = package_index(&folder, server.settings());
    let request = wants(&["other", "shared", "front"]);
    let resolution = resolve(&request, &target("linux/amd64", "glibc 2.28"), &index).await.unwrap();
    assert_eq!(names(&resolution), "front 100.0, middle 100.0, other 1.0, shared 2.0");
    let requests = server.requests().len();
    assert!(requests < 60, "{requests} requests");
}

#[tokio::test]
async fn the_first_alternative_with_wheels_is_taken() {
    let wheels = house();
    let choice = |alternatives: &[&[&str]]| Request { choices: vec![any_of(alternatives)], ..wants(&["app"]) };
    check(&wheels, choice(&[&["lib==2.7"], &["torch", "odd"], &["part"]]), "app 1.0, lib 2.0, odd 1.0, torch 2.4.0")
        .await;
    let resolution = run(&wheels, &choice(&[&["lib==2.7"], &["torch<2.4", "odd"]])).await.unwrap();
    assert_eq!(resolution.choices, [["torch<2.4", "odd"]]);
    let error = run(&wheels, &choice(&[&["lib==2.7"], &["nothing"]])).await.unwrap_err();
    assert_eq!(error.to_string(), "none of the alternatives lib==2.7 | nothing has wheels for linux/amd64");
    assert!(error.facts().len() > 2);
}

#[tokio::test]
async fn an_alternative_is_one_where_it_asks_for_something_that_fits() {
    let native = |machine: &str| Wheel::new("native", "1.0").tag(&format!("cp311-cp311-manylinux_2_17_{machine}"));
    let (patched, newer) = (Wheel::new("lib", "0.5+house"), Wheel::new("lib", "0.6+house").python(">=3.12"));
    let server = FakeIndex::serve(&[house(), vec![native("x86_64"), native("aarch64")]].concat(), Manner::Modern).await;
    let folder = tempfile::tempdir().unwrap();
    for wheel in [&patched, &newer, &native("aarch64")] {
        wheel.lay(folder.path());
    }
    let index = package_index(&folder, Settings { folder: folder.path().to_owned(), ..server.settings() });
    let url = |wheel: &Wheel| {
        format!("{} @ {}", wheel.project(), server.url.join(&format!("/files/{}", wheel.file())).unwrap())
    };
    let (amd64, arm64) = (url(&native("x86_64")), url(&native("aarch64")));
    let check = async |choices: Vec<Choice>, expect: &str, taken: &[&[&str]]| {
        let request = Request { choices, ..wants(&["lib"]) };
        match resolve(&request, &target("linux/amd64", "glibc 2.28"), &index).await {
            Ok(found) => {
                assert_eq!(names(&found), expect);
                assert_eq!(found.choices, taken);
            }
            Err(error) => {
                let facts: Vec<String> = error.facts().iter().map(ToString::to_string).collect();
                assert_eq!(format!("{error}: {}", facts.join("; ")), expect);
            }
        }
    };
    // By markers, none of which may hold.
    let (here, elsewhere) = ("odd ; platform_machine == 'x86_64'", "torch ; platform_machine == 'aarch64'");
    check(vec![any_of(&[&[elsewhere], &[here]])], "lib 2.0, odd 1.0", &[&[here]]).await;
    check(vec![any_of(&[&[elsewhere, "odd"], &["part"]])], "lib 2.0, odd 1.0", &[&[elsewhere, "odd"]]).await;
    check(vec![any_of(&[&[elsewhere], &[elsewhere, elsewhere]])], "lib 2.0", &[]).await;
    // By what the files are for; two alternatives name one distribution, and the third is not asked for.
    let gone = format!("gone @ {}", server.url.join("/files/gone-1.0-py3-none-any.whl").unwrap());
    let by_url = any_of(&[&[&arm64], &[&amd64], &[&gone]]);
    check(vec![by_url.clone()], "lib 2.0, native 1.0", &[&[&amd64]]).await;
    // Files of an alternative count with it alone.
    let own = patched.file();
    check(vec![any_of(&[&[&own, "app"], &[&own, "odd"]])], "lib 0.5+house, odd 1.0", &[&["odd", &own]]).await;
    check(vec![any_of(&[&[&newer.file()], &[&own]])], "lib 0.5+house", &[&[&own]]).await;
    check(vec![any_of(&[&[&own, "app"], &["app"]]), by_url], "app 1.0, lib 2.0, native 1.0", &[&["app"], &[&amd64]])
        .await;
    let misfit = native("aarch64").file();
    check(
        vec![any_of(&[&[&misfit], &[elsewhere]])],
        &format!(
            "none of the alternatives {misfit} | {elsewhere} has wheels for linux/amd64: \
             {misfit} was passed over: {misfit} does not fit linux/amd64: it is for manylinux_2_17_aarch64, the base is x86_64; \
             {elsewhere} was passed over: nothing of it is wanted on this target"
        ),
        &[],
    )
    .await;
}

#[tokio::test]
async fn an_alternative_that_is_left_out_is_none() {
    let server = FakeIndex::serve(&house(), Manner::Modern).await;
    let folder = tempfile::tempdir().unwrap();
    let index = package_index(&folder, server.settings());
    let choices = vec![any_of(&[&["app"], &["odd"]])];
    let excluding = Request { exclude: vec!["app".parse().unwrap()], choices: choices.clone(), ..wants(&["lib"]) };
    let overrides = parsed(&["app ; platform_machine == 'aarch64'"]);
    let overriding = Request { choices, overrides, ..wants(&["lib"]) };
    for request in [excluding, overriding] {
        let found = resolve(&request, &target("linux/amd64", "glibc 2.28"), &index).await.unwrap();
        assert_eq!((names(&found).as_str(), &found.choices), ("lib 2.0, odd 1.0", &vec![vec!["odd".to_owned()]]));
    }
}

#[tokio::test]
async fn own_wheels_are_for_the_python_of_the_base_and_named_once_in_any_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let (lib, newer) = (Wheel::new("lib", "0.5"), Wheel::new("lib", "0.6").python(">=3.12"));
    lib.lay(folder.path());
    newer.lay(&folder.path().join("more"));
    newer.lay(folder.path());
    let server = FakeIndex::serve(&house(), Manner::Modern).await;
    let index = package_index(&folder, Settings { folder: folder.path().to_owned(), ..server.settings() });
    let check = async |wheels: &[String], expect: &str| {
        let request = Request { wheels: wheels.iter().map(|path| local(path)).collect(), ..Request::default() };
        let found = resolve(&request, &target("linux/amd64", "glibc 2.28"), &index).await;
        assert_eq!(found.map_or_else(|error| error.to_string(), |found| names(&found)), expect);
    };
    let refused = "lib-0.6-py3-none-any.whl does not fit linux/amd64: it requires Python >=3.12, the base has 3.11.2";
    check(&[newer.file()], refused).await;
    check(&[lib.file(), format!("./{}", lib.file()), format!("more/../{}", lib.file())], "lib 0.5").await;
    let twice = "lib is named twice, as lib-0.5-py3-none-any.whl and as ./lib-0.6-py3-none-any.whl";
    check(&[lib.file(), format!("./{}", newer.file())], twice).await;
}

#[tokio::test]
async fn a_wheel_that_overrides_is_the_only_one_and_asks_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let patched = Wheel::new("lib", "0.5+house");
    patched.lay(folder.path());
    let server = FakeIndex::serve(&house(), Manner::Modern).await;
    let index = package_index(&folder, Settings { folder: folder.path().to_owned(), ..server.settings() });
    for (wanted, expect) in [("app", "app 1.0, lib 0.5+house"), ("odd", "odd 1.0")] {
        let overrides = parsed(&["lib"]);
        let request = Request { overrides, override_wheels: vec![local(&patched.file())], ..wants(&[wanted]) };
        let found = resolve(&request, &target("linux/amd64", "glibc 2.28"), &index).await.unwrap();
        assert_eq!(names(&found), expect);
    }
}

#[tokio::test]
async fn files_that_the_recipe_names_are_the_only_ones() {
    let server = FakeIndex::serve(&house(), Manner::Plain).await;
    let folder = tempfile::tempdir().unwrap();
    let local = Wheel::new("lib", "0.9+house").requires(&["odd"]);
    local.lay(folder.path());
    let index = package_index(&folder, Settings { folder: folder.path().to_owned(), ..server.settings() });
    let linux = target("linux/amd64", "glibc 2.36");
    let url = server.url.join("/files/torch-2.3.1-py3-none-any.whl").unwrap();
    let named = format!("torch @ {url}");
    let mut request = wants(&["part[b]", &named]);
    request.wheels = vec![self::local(&local.file())];
    let resolution = resolve(&request, &linux, &index).await.unwrap();
    assert_eq!(names(&resolution), "lib 0.9+house, odd 1.0, part 1.0, torch 2.3.1");
    let sources: Vec<&WheelSource> = resolution.wheels.iter().map(|wheel| &wheel.source).collect();
    assert_eq!(*sources[0], WheelSource::Path(local.file()));
    assert_eq!(*sources[2], WheelSource::Index("default".to_owned()));
    assert_eq!(*sources[3], WheelSource::Url(url.to_string()));
    assert_eq!(resolution.wheels[0].sha256, Digest::of(&local.bytes()));
    assert_eq!(
        (&resolution.wheels[0].why[..], &resolution.wheels[1].why[..]),
        (&["recipe".to_owned()][..], &["lib".to_owned()][..])
    );
    request.requirements.extend(parsed(&["app"]));
    let error = resolve(&request, &linux, &index).await.unwrap_err();
    let facts: Vec<String> = error.facts().iter().map(ToString::to_string).collect();
    assert!(facts.contains(&"the recipe names the file of lib 0.9+house".to_owned()), "{facts:?}");
    let wrong = format!("app @ {url}");
    let error = resolve(&wants(&[&wrong]), &linux, &index).await.unwrap_err();
    assert_eq!(error.to_string(), "the URL of app leads to torch-2.3.1-py3-none-any.whl");
}

#[tokio::test]
async fn bound_packages_come_from_their_index_on_its_platform() {
    let public = FakeIndex::serve(&house(), Manner::Modern).await;
    let cpu = FakeIndex::serve(&[Wheel::new("torch", "2.0+cpu")], Manner::Bare).await;
    let folder = tempfile::tempdir().unwrap();
    let mut settings = public.settings();
    settings.indexes.push(Index {
        name: "cpu".to_owned(),
        location: Location::Simple(cpu.url.clone()),
        packages: vec!["torch".parse().unwrap()],
        platforms: vec!["linux/amd64".parse().unwrap()],
    });
    let index = package_index(&folder, settings);
    let linux = |platform| target(platform, "glibc 2.36");
    let amd64 = resolve(&wants(&["torch"]), &linux("linux/amd64"), &index).await.unwrap();
    assert_eq!(
        (names(&amd64).as_str(), &amd64.wheels[0].source),
        ("torch 2.0+cpu", &WheelSource::Index("cpu".to_owned()))
    );
    assert_eq!(amd64.wheels[0].sha256, Digest::of(&Wheel::new("torch", "2.0+cpu").bytes()));
    let arm64 = resolve(&wants(&["torch"]), &linux("linux/arm64"), &index).await.unwrap();
    assert_eq!(names(&arm64), "torch 2.4.0");
}

#[tokio::test]
async fn versions_are_aligned_where_they_can_be() {
    let native = |version: &str, machine: &str| {
        Wheel::new("native", version).tag(&format!("cp311-cp311-manylinux_2_17_{machine}"))
    };
    let wheels = [
        native("1.0", "x86_64"),
        native("1.0", "aarch64"),
        native("2.0", "aarch64"),
        Wheel::new("only", "1.0").tag("cp311-cp311-manylinux_2_17_x86_64"),
        Wheel::new("only", "2.0").tag("cp311-cp311-manylinux_2_17_aarch64"),
        Wheel::new("gaps", "1.0"),
        Wheel::new("gaps", "2.0").tag("cp311-cp311-manylinux_2_17_x86_64"),
        Wheel::new("gaps", "3.0").tag("cp311-cp311-manylinux_2_17_aarch64"),
        Wheel::new("led", "1.0").requires(&["part==1.0"]),
        Wheel::new("led", "2.0").requires(&["part==2.0"]),
        Wheel::new("part", "1.0").tag("cp311-cp311-manylinux_2_17_aarch64"),
        Wheel::new("part", "2.0"),
        Wheel::new("whole", "1.0").requires(&["idle"]),
        Wheel::new("whole", "2.0").requires(&["idle<2", "intel"]),
        Wheel::new("idle", "1.0"),
        Wheel::new("idle", "2.0"),
        Wheel::new("intel", "1.0").tag("cp311-cp311-manylinux_2_17_x86_64"),
    ];
    let server = FakeIndex::serve(&wheels, Manner::Modern).await;
    let folder = tempfile::tempdir().unwrap();
    let index = package_index(&folder, server.settings());
    let jobs = |requirements: &[&str]| {
        let platforms = ["linux/amd64", "linux/arm64"];
        [platforms.map(|platform| (wants(requirements), target(platform, "glibc 2.36"))).to_vec()]
    };
    let aligned = resolve_aligned(&jobs(&["native"]), &index).await.unwrap().remove(0);
    assert!(skew(&aligned).is_empty());
    assert_eq!(names(&aligned[1]), "native 1.0");
    // The lowest is not to be had on the other platform, and an older one is.
    let gaps = resolve_aligned(&jobs(&["gaps"]), &index).await.unwrap().remove(0);
    assert!(skew(&gaps).is_empty());
    assert_eq!(names(&gaps[0]), "gaps 1.0");
    // What the older one needs is not there: but what one platform has will do on the other.
    let led = resolve_aligned(&jobs(&["led", "part"]), &index).await.unwrap().remove(0);
    assert!(skew(&led).is_empty(), "{:?}", skew(&led));
    assert_eq!(names(&led[1]), "led 2.0, part 2.0");
    // Nothing asks for the older part any more, once the newer whole is not taken anywhere.
    let whole = resolve_aligned(&jobs(&["whole"]), &index).await.unwrap().remove(0);
    assert_eq!(whole.iter().map(names).collect::<Vec<_>>(), ["idle 2.0, whole 1.0"; 2]);
    let skewed = resolve_aligned(&jobs(&["native", "only"]), &index).await.unwrap().remove(0);
    assert_eq!(names(&skewed[1]), "native 1.0, only 2.0");
    let skew = skew(&skewed);
    let versions: Vec<String> = skew[0].versions.values().map(ToString::to_string).collect();
    assert_eq!((skew.len(), versions), (1, vec!["1.0".to_owned(), "2.0".to_owned()]));
}

#[tokio::test]
async fn a_search_without_end_is_given_up_and_tells_of_itself_before() {
    let mut wheels = Vec::new();
    for number in 1..=40 {
        for other in ["b", "c"] {
            let requires = format!("{other}-dep=={number}.0");
            wheels.push(Wheel::new(other, &format!("{number}.0")).requires(&[&requires]));
            wheels.push(Wheel::new(&format!("{other}-dep"), &format!("{number}.0")).requires(&["never>=2"]));
        }
    }
    wheels.push(Wheel::new("never", "1.0"));
    let request = Request { patience: Some(20), ..wants(&["b", "c", "never"]) };
    check(&wheels, request, "gave up on linux/amd64 after looking at 21 versions, most often of b, b-dep, c: ").await;
    let error = run(&wheels, &wants(&["b", "c", "never"])).await.unwrap_err();
    assert!(matches!(error, ResolveError::NoSolution { .. }), "{error}");
}

#[tokio::test]
async fn what_stops_nothing_is_noticed() {
    let resolution = run(&house(), &wants(&["part[zzz]", "lib==2.5"])).await.unwrap();
    let notices: Vec<String> = resolution.notices.iter().map(ToString::to_string).collect();
    assert_eq!(notices, ["part 1.0 has no extra `zzz`", "lib 2.5 was withdrawn by its authors"]);
    // Of what the base brings, an index may know what its extras ask for.
    let brings = |version: &str| Request {
        installed: vec![Installed { name: "part".to_owned(), version: version.to_owned() }],
        ..wants(&["part[b,zzz]"])
    };
    for (version, expect, told) in [
        ("1.0", "torch 2.4.0", &["part 1.0 has no extra `zzz`"][..]),
        (
            "1.0+house",
            "",
            &[
                "what part[b] asks for is not seen to: no index has part 1.0+house, which the base brings",
                "what part[zzz] asks for is not seen to: no index has part 1.0+house, which the base brings",
            ],
        ),
    ] {
        let resolution = run(&house(), &brings(version)).await.unwrap();
        let notices: Vec<String> = resolution.notices.iter().map(ToString::to_string).collect();
        assert_eq!(
            (names(&resolution).as_str(), &notices[..]),
            (expect, &told.iter().map(ToString::to_string).collect::<Vec<_>>()[..])
        );
    }
}
