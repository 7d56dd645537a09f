//! What people read when there is no solution: to the letter, on small indexes made in code.

use super::super::{Fact, Request, ResolveError, resolve_aligned};
use crate::{
    hint::Advise as _,
    pypi::testing::{FakeIndex, Manner, Wheel, package_index},
    python::Target,
};

/// The message, the facts and the hint, as the program prints them.
fn shown(error: &ResolveError) -> String {
    let facts = error.facts().iter().map(|fact: &Fact| format!("  - {fact}\n"));
    let hint = error.hint().map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
    format!("error: {error}\n{}{hint}", facts.collect::<String>())
}

/// On two platforms with glibc 2.28 and Python 3.11.2.
async fn failure(wheels: &[Wheel], requirements: &[&str]) -> String {
    let (server, folder) = (FakeIndex::serve(wheels, Manner::Modern).await, tempfile::tempdir().unwrap());
    let index = package_index(&folder, server.settings());
    let job = |platform: &str| {
        let requirements = requirements.iter().map(|text| text.parse().unwrap()).collect();
        let target = Target {
            platform: platform.parse().unwrap(),
            python: "3.11.2".parse().unwrap(),
            libc: "glibc 2.28".parse().unwrap(),
            free_threaded: false,
        };
        (Request { requirements, ..Request::default() }, target)
    };
    let (_, error) = resolve_aligned(&[vec![job("linux/amd64"), job("linux/arm64")]], &index).await.unwrap_err();
    shown(&error)
}

fn native(name: &str, version: &str, libc: &str) -> [Wheel; 2] {
    ["x86_64", "aarch64"]
        .map(|machine| Wheel::new(name, version).tag(&format!("cp311-cp311-manylinux_{libc}_{machine}")))
}

#[tokio::test]
async fn two_requirements_that_exclude_each_other() {
    let machine = |tag: &str| format!("cp311-cp311-manylinux_2_17_{tag}");
    let wheels = [
        Wheel::new("torch", "2.3.1"),
        Wheel::new("torch", "2.4.0"),
        Wheel::new("torchvision", "0.15.0").tag(&machine("x86_64")).requires(&["torch==2.0.0+cu117"]),
        Wheel::new("torchvision", "0.15.0").tag(&machine("aarch64")),
        Wheel::new("torchvision", "0.18.1").requires(&["torch==2.3.1"]),
        Wheel::new("torchvision", "0.19.0").requires(&["torch==2.4.0"]),
    ];
    insta::assert_snapshot!(failure(&wheels, &["torch==2.3.1", "torchvision==0.15.0"]).await, @"
    error: no set of wheels for linux/amd64 satisfies every requirement
      - the recipe requires torch==2.3.1
      - the recipe requires torchvision==0.15.0
      - torchvision 0.15.0 requires torch==2.0.0+cu117
      - with torchvision==0.18.1 in place of torchvision==0.15.0 there is a solution
      - there is a solution for linux/arm64
    hint: write `torchvision==0.18.1` for `torchvision==0.15.0`
    ");
}

#[tokio::test]
async fn a_chain_of_others_requirements() {
    let wheels = [
        Wheel::new("app", "1.0").requires(&["middle>=2"]),
        Wheel::new("middle", "2.0").requires(&["core<2"]),
        Wheel::new("middle", "2.1").requires(&["core<2", "more"]),
        Wheel::new("more", "1.0"),
        Wheel::new("core", "1.0"),
        Wheel::new("core", "2.0"),
        Wheel::new("other", "1.0").requires(&["core>=2"]),
    ];
    insta::assert_snapshot!(failure(&wheels, &["app", "other"]).await, @"
    error: no set of wheels for linux/amd64 satisfies every requirement
      - the recipe requires app
      - the recipe requires other
      - app 1.0 requires middle>=2
      - middle 2.0 and 2.1 requires core<2
      - other 1.0 requires core>=2
      - there is none for linux/arm64 either
    hint: loosen `app` or `other`, or set a wrong requirement of somebody else right with `wheels.overrides`
    ");
}

#[tokio::test]
async fn wheels_for_newer_systems_only() {
    let wheels = [native("python-gdcm", "3.2.6", "2_34"), native("python-gdcm", "3.0.10", "2_17")].concat();
    insta::assert_snapshot!(failure(&wheels, &["python-gdcm>=3.1"]).await, @"
    error: no set of wheels for linux/amd64 satisfies every requirement
      - the recipe requires python-gdcm>=3.1
      - python-gdcm 3.2.6 cannot be used: no wheel fits: the nearest, cp311-cp311-manylinux_2_34_x86_64, needs glibc 2.34, the base has glibc 2.28
      - with python-gdcm==3.0.10 in place of python-gdcm>=3.1 there is a solution
      - there is none for linux/arm64 either
    hint: write `python-gdcm==3.0.10` for `python-gdcm>=3.1`
    ");
}

#[tokio::test]
async fn source_only() {
    let wheels = [
        Wheel::new("atlasclient", "1.0.0").source(),
        Wheel::new("atlasclient", "0.1.8").source(),
        Wheel::new("client", "1.0").requires(&["atlasclient>=0.1.2"]),
    ];
    insta::assert_snapshot!(failure(&wheels, &["client"]).await, @"
    error: no set of wheels for linux/amd64 satisfies every requirement
      - the recipe requires client
      - client 1.0 requires atlasclient>=0.1.2
      - atlasclient is published as source only, without wheels, in every version
      - there is none for linux/arm64 either
    hint: build a wheel of atlasclient and name it in `wheels.require`, take another package, or leave it out with `wheels.exclude`
    ");
    let wheels = [Wheel::new("once", "2.0").source(), Wheel::new("once", "1.9").source(), Wheel::new("once", "1.0")];
    insta::assert_snapshot!(failure(&wheels, &["once>=1.5"]).await, @"
    error: no set of wheels for linux/amd64 satisfies every requirement
      - the recipe requires once>=1.5
      - once is published as source only, without wheels, in 2.0, 1.9; 1.0 is the newest that has one for the target
      - with once==1.0 in place of once>=1.5 there is a solution
      - there is none for linux/arm64 either
    hint: write `once==1.0` for `once>=1.5`
    ");
}

#[tokio::test]
async fn names_and_versions_that_are_not_there() {
    let wheels = [Wheel::new("numpy", "2.0"), Wheel::new("numpy", "1.0")];
    insta::assert_snapshot!(failure(&wheels, &["nunpy"]).await, @"
    error: no set of wheels for linux/amd64 satisfies every requirement
      - the recipe requires nunpy
      - no index has nunpy: asked was default
      - there is none for linux/arm64 either
    hint: did you mean `numpy`?
    ");
    insta::assert_snapshot!(failure(&wheels, &["numpy>=9"]).await, @"
    error: no set of wheels for linux/amd64 satisfies every requirement
      - the recipe requires numpy>=9
      - there is no version of numpy in >=9; usable are 2.0, 1.0
      - with numpy==2.0 in place of numpy>=9 there is a solution
      - there is none for linux/arm64 either
    hint: write `numpy==2.0` for `numpy>=9`
    ");
}

#[tokio::test]
async fn advice_is_near_and_keeps_extras_and_markers() {
    let versions = ["2.8.0", "2.9.1", "2.9.2", "3.0", "3.1", "3.2", "3.3"];
    let wheels = versions.map(|version| Wheel::new("airflow", version).extra("a").extra("b"));
    insta::assert_snapshot!(
        failure(&wheels, &["airflow[a,b]==2.9.3 ; sys_platform == 'linux'"]).await, @"
    error: no set of wheels for linux/amd64 satisfies every requirement
      - the recipe requires airflow[a,b]==2.9.3 ; sys_platform == 'linux'
      - there is no version of airflow in ==2.9.3; usable are 2.9.2, 2.9.1, 2.8.0, 3.3, 3.2
      - with airflow[a,b]==2.9.2 ; sys_platform == 'linux' in place of airflow[a,b]==2.9.3 ; sys_platform == 'linux' there is a solution
      - there is none for linux/arm64 either
    hint: write `airflow[a,b]==2.9.2 ; sys_platform == 'linux'` for `airflow[a,b]==2.9.3 ; sys_platform == 'linux'`
    ");
}

#[tokio::test]
async fn local_versions_that_are_elsewhere() {
    let wheels = [Wheel::new("torch", "2.3.1"), Wheel::new("torch", "2.4.0")];
    insta::assert_snapshot!(failure(&wheels, &["torch==2.3.1+cpu"]).await, @"
    error: no set of wheels for linux/amd64 satisfies every requirement
      - the recipe requires torch==2.3.1+cpu
      - there is no torch 2.3.1+cpu; of this version there is 2.3.1
      - with torch==2.3.1 in place of torch==2.3.1+cpu there is a solution
      - there is none for linux/arm64 either
    hint: name the index that has torch 2.3.1+cpu with `[[wheels.index]]`, or require `torch==2.3.1`
    ");
}

#[tokio::test]
async fn withdrawn_versions_alone() {
    let wheels = [
        Wheel::new("requests", "2.31.0"),
        Wheel::new("requests", "2.32.0").yanked(),
        Wheel::new("requests", "2.32.1").yanked(),
        Wheel::new("requests", "2.32.4"),
    ];
    insta::assert_snapshot!(failure(&wheels, &["requests>=2.32.0,<2.32.2"]).await, @"
    error: no set of wheels for linux/amd64 satisfies every requirement
      - the recipe requires requests>=2.32.0,<2.32.2
      - requests 2.32.0 was withdrawn by its authors, and is taken only by `==2.32.0`
      - requests 2.32.1 was withdrawn by its authors, and is taken only by `==2.32.1`
      - with requests==2.32.4 in place of requests>=2.32.0,<2.32.2 there is a solution
      - there is none for linux/arm64 either
    hint: write `requests==2.32.4` for `requests>=2.32.0,<2.32.2`
    ");
}

#[tokio::test]
async fn another_python() {
    let wheels = [
        Wheel::new("numpy", "2.5").python(">=3.12"),
        Wheel::new("numpy", "2.6").tag("cp312-cp312-win_amd64"),
        Wheel::new("numpy", "2.6").tag("cp313-cp313-manylinux_2_17_x86_64"),
        Wheel::new("numpy", "2.4"),
    ];
    insta::assert_snapshot!(failure(&wheels, &["numpy==2.5"]).await, @"
    error: no set of wheels for linux/amd64 satisfies every requirement
      - the recipe requires numpy==2.5
      - numpy 2.5 cannot be used: it requires Python >=3.12, the base has 3.11.2
      - with numpy==2.4 in place of numpy==2.5 there is a solution
      - there is none for linux/arm64 either
    hint: write `numpy==2.4` for `numpy==2.5`
    ");
    insta::assert_snapshot!(failure(&wheels, &["numpy==2.6"]).await, @"
    error: no set of wheels for linux/amd64 satisfies every requirement
      - the recipe requires numpy==2.6
      - numpy 2.6 cannot be used: no wheel fits: they are for cp312, cp313, the base has Python 3.11.2
      - with numpy==2.4 in place of numpy==2.6 there is a solution
      - there is none for linux/arm64 either
    hint: write `numpy==2.4` for `numpy==2.6`
    ");
}

#[tokio::test]
async fn urls_of_others() {
    let wheels = [Wheel::new("far", "1.0").requires(&["lib @ https://host/lib-1.0-py3-none-any.whl"])];
    insta::assert_snapshot!(failure(&wheels, &["far"]).await, @"
    error: no set of wheels for linux/amd64 satisfies every requirement
      - the recipe requires far
      - far 1.0 cannot be used: it requires lib from a URL, which only the recipe may do
      - there is none for linux/arm64 either
    hint: choose a version or base that fits, or offer alternatives with `[[wheels.choice]]`
    ");
}
