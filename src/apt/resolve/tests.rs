//! The choice of packages, on small archives of a line a package.

use super::*;
use crate::{
    apt::testing::{packages_of, universe_of},
    hint::Advise as _,
};

/// Everything that may be asked, in words.
#[derive(Clone, Copy, Default)]
struct Asked<'a> {
    names: &'a str,
    installed: &'a str,
    exclude: &'a str,
    upgrade: &'a str,
    recommends: &'a str,
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn solve(universe: &Universe, asked: Asked<'_>) -> Result<String, AptError> {
    let (names, installed) = (words(asked.names), packages_of(asked.installed));
    let (exclude, upgrade, recommending) = (words(asked.exclude), words(asked.upgrade), words(asked.recommends));
    let recommends = match asked.recommends {
        "" => Recommends::None,
        "*" => Recommends::All,
        _ => Recommends::Of(&recommending),
    };
    let essential = names.iter().any(|name| name == "@essential");
    let select = if names.iter().any(|name| name == "@listed") { Select::Listed } else { Select::Depends };
    let names: Vec<_> = names.into_iter().filter(|name| !name.starts_with('@')).collect();
    let request = Request {
        names: &names,
        essential,
        select,
        recommends,
        installed: &installed,
        upgrade: &upgrade,
        exclude: &exclude,
    };
    let selected = resolve(universe, request)?;
    Ok(selected
        .iter()
        .map(|one| format!("{} {} <- {}", one.name, one.version, one.why.join(" ")))
        .collect::<Vec<_>>()
        .join("; "))
}

fn names(names: &str) -> Asked<'_> {
    Asked { names, ..Asked::default() }
}

#[test]
fn excluded_packages_are_left_out_whoever_depends_on_them() {
    let universe = universe_of(
        "app 1 | Depends: lib, big | small, virtual
         lib 1 | Depends: fat
         fat 1
         big 1
         small 1
         only 1 | Provides: virtual",
        "",
    );
    let found = solve(&universe, Asked { exclude: "fat big only", ..names("app") }).unwrap();
    assert_eq!(found, "app 1 <- recipe; lib 1 <- app; small 1 <- app");
}

#[test]
fn the_closure_is_what_apt_would_take() {
    let universe = universe_of(
        "app 1 | Pre-Depends: pre; Depends: lib (>= 2), either | other, virtual
         pre 1
         lib 1
         lib 2
         lib 3~rc1
         either 1 | Depends: app
         other 1
         second 1 | Provides: virtual; Priority: optional
         first 1 | Provides: virtual; Priority: extra
         wants-virtual-version 1 | Depends: numbered (>= 2)
         numbered-old 1 | Provides: numbered (= 1)
         numbered-bare 1 | Provides: numbered
         numbered-new 1 | Provides: numbered (= 2)
         qualified 1 | Depends: other:any, pre:native
         foreign 1 | Depends: other:i386 | first:amd64",
        "",
    );
    let check = |names: &str, installed: &str, expect: &str| {
        let asked = Asked { names, installed, ..Asked::default() };
        assert_eq!(solve(&universe, asked).unwrap(), expect, "{names}");
    };
    check("app", "", "app 1 <- either recipe; either 1 <- app; lib 3~rc1 <- app; pre 1 <- app; second 1 <- app");
    check("app other", "", "app 1 <- recipe; lib 3~rc1 <- app; other 1 <- app recipe; pre 1 <- app; second 1 <- app");
    check(
        "app other lib=2",
        "first 1 | Provides: virtual\npre 1",
        "app 1 <- recipe; lib 2 <- app recipe; other 1 <- app recipe",
    );
    check("app", "app 1", "");
    check("wants-virtual-version", "", "numbered-new 1 <- wants-virtual-version; wants-virtual-version 1 <- recipe");
    check("virtual", "", "second 1 <- recipe");
    check("qualified", "", "other 1 <- qualified; pre 1 <- qualified; qualified 1 <- recipe");
    check("foreign", "", "first 1 <- foreign; foreign 1 <- recipe");
}

#[test]
fn choices_that_lead_nowhere_are_taken_back() {
    let universe = universe_of(
        "app 1 | Depends: bad | good, base
         bad 1 | Conflicts: base
         good 1
         base 1
         deep 1 | Depends: middle | other
         middle 1 | Depends: lacking
         lacking 1 | Depends: gone
         other 1
         virtual-user 1 | Depends: v
         aa 1 | Provides: v; Depends: gone
         bb 1 | Provides: v",
        "",
    );
    let check = |asked: &str, expect: &str| assert_eq!(solve(&universe, names(asked)).unwrap(), expect);
    check("app", "app 1 <- recipe; base 1 <- app; good 1 <- app");
    check("deep", "deep 1 <- recipe; other 1 <- deep");
    check("virtual-user", "bb 1 <- virtual-user; virtual-user 1 <- recipe");
}

#[test]
fn recommendations_come_on_request_and_only_where_they_fit() {
    let universe = universe_of(
        "app 1 | Depends: lib; Recommends: nice, unfit | fit, gone
         lib 1 | Recommends: more
         nice 1 | Depends: tool
         tool 1 | Recommends: far
         far 1
         unfit 1 | Breaks: lib
         fit 1
         more 1",
        "",
    );
    let check = |recommends: &str, expect: &str| {
        assert_eq!(solve(&universe, Asked { recommends, ..names("app") }).unwrap(), expect);
    };
    check("", "app 1 <- recipe; lib 1 <- app");
    check("lib", "app 1 <- recipe; lib 1 <- app; more 1 <- lib (recommends)");
    check(
        "*",
        "app 1 <- recipe; far 1 <- tool (recommends); lib 1 <- app; more 1 <- lib (recommends); \
         nice 1 <- app (recommends); tool 1 <- nice",
    );
}

#[test]
fn backports_come_only_where_they_are_named() {
    let universe = universe_of(
        "git 1 | Depends: lib
         lib 1",
        "git 2~bpo | Depends: lib (>= 2~), perl
         lib 2~bpo
         perl 9~bpo",
    );
    let check = |asked: &str, expect: &str| assert_eq!(solve(&universe, names(asked)).unwrap(), expect);
    check("git", "git 1 <- recipe; lib 1 <- git");
    check("git/demo-backports", "git 2~bpo <- recipe; lib 2~bpo <- git; perl 9~bpo <- git");
}

#[test]
fn a_base_from_scratch_has_the_essential_packages() {
    let universe = universe_of(
        "bash 1 | Essential: yes; Depends: libc
         libc 1
         app 1
         dash 1 | Essential: yes",
        "",
    );
    let found = solve(&universe, Asked { exclude: "dash", ..names("app @essential") }).unwrap();
    assert_eq!(found, "app 1 <- recipe; bash 1 <- essential; libc 1 <- bash");
}

/// Error and hint for what is asked.
fn explained(universe: &Universe, asked: Asked<'_>) -> (String, String) {
    let error = solve(universe, asked).unwrap_err();
    (error.to_string(), error.hint().unwrap().to_string())
}

#[test]
fn errors_name_the_way_to_the_package() {
    let universe = universe_of(
        "app 1 | Depends: middle
         middle 1 | Depends: lib (>= 2), gone
         lib 1
         other 1 | Depends: none | nothing
         lone 1 | Depends: absent
         strict 1 | Depends: tool (>= 2)
         tool 2
         tool 1
         fresh 1 | Depends: back (>= 2)
         back 1",
        "back 2",
    );
    let check = |asked: &str, expect: &str, hint: &str| {
        assert_eq!(explained(&universe, names(asked)), (expect.to_owned(), hint.to_owned()), "{asked}");
    };
    let alternative = "name an alternative in `debian.packages`";
    check("app", "the recipe → app → middle needs `lib (>= 2)`, but the archive has lib 1 (demo)", alternative);
    check("other", "the recipe → other needs `none | nothing`, but the archive has none of them", alternative);
    check("lib=3", "the recipe needs `lib (= 3)`, but the archive has lib 1 (demo)", alternative);
    check(
        "lib/demo-backports",
        "the recipe needs `lib/demo-backports`, but the archive has lib 1 (demo)",
        "name the package without a suite, or a suite that has it",
    );
    check(
        "strict tool=1",
        "the recipe → strict needs `tool (>= 2)`, but tool 1 is there, needed by the recipe",
        alternative,
    );
    check(
        "fresh",
        "the recipe → fresh needs `back (>= 2)`, but the archive has back 1 (demo), 2 (demo-backports)",
        "add `back/demo-backports` to `debian.packages`",
    );
    let correct = "correct the name, or add the component that has it to `debian.components`";
    check("lone", "the recipe → lone needs `absent`, and there is no package of that name", correct);
    check("pyhton3-lib", "the recipe needs `pyhton3-lib`, and there is no package of that name", correct);
    check("miidle", "the recipe needs `miidle`, and there is no package of that name", "did you mean `middle`?");
}

#[test]
fn conflicts_say_who_needs_either() {
    let universe = universe_of(
        "left 1 | Depends: right
         right 2 | Breaks: left (<< 2)
         mail 1 | Provides: mta; Conflicts: mta
         post 1 | Provides: mta; Conflicts: mta",
        "",
    );
    let check = |asked: &str, expect: &str| {
        let hint = "name in `debian.packages` which alternative is meant, or leave one out with `debian.exclude`";
        assert_eq!(explained(&universe, names(asked)), (expect.to_owned(), hint.to_owned()), "{asked}");
    };
    check(
        "left",
        "right 2 conflicts with left 1 (`left (<< 2)`): right is needed by the recipe → left; left is needed by the recipe",
    );
    check(
        "mail post",
        "mail 1 conflicts with post 1 (`mta`): mail is needed by the recipe; post is needed by the recipe",
    );
    assert!(solve(&universe, names("mail")).is_ok());
}

#[test]
fn what_the_base_has_is_replaced_only_where_that_is_allowed() {
    let universe = universe_of(
        "new 1 | Depends: lib (>= 2)
         lib 2 | Depends: libc (>= 3)
         libc 3
         tied 2 | Depends: lib (= 2)",
        "",
    );
    let base = "lib 1\nlibc 3\ntied 1 | Depends: lib (= 1)\nbroken 1 | Depends: gone";
    let attempt = |upgrade: &str| solve(&universe, Asked { installed: base, upgrade, ..names("new") });
    let error = attempt("").unwrap_err();
    assert_eq!(error.to_string(), "the recipe → new needs `lib (>= 2)`, but the base has lib 1");
    let hint = "take a newer image as `base` (`lock --upgrade base`), or let it be replaced with `debian.allow-upgrade = [\"lib\"]`";
    assert_eq!(error.hint().unwrap().to_string(), hint);
    let error = attempt("lib").unwrap_err();
    assert_eq!(error.to_string(), "the base's tied 1 needs `lib (= 1)`, and would get lib 2");
    let hint = "add `tied` to `debian.allow-upgrade`, or take a newer image as `base`";
    assert_eq!(error.hint().unwrap().to_string(), hint);
    assert_eq!(attempt("lib tied").unwrap(), "lib 2 <- new tied; new 1 <- recipe; tied 2 <- lib");
    let old_libc = base.replace("libc 3", "libc 2");
    let error = solve(&universe, Asked { installed: &old_libc, upgrade: "lib", ..names("new") }).unwrap_err();
    assert_eq!(error.to_string(), "the recipe → new → lib needs `libc (>= 3)`, but the base has libc 2");
}

#[test]
fn what_the_base_has_conflicts_only_with_what_is_new() {
    let universe = universe_of("new 1", "");
    let attempt = |installed: &str| solve(&universe, Asked { installed, ..names("new") });
    assert!(attempt("a 1 | Conflicts: b\nb 1").is_ok());
    let error = attempt("a 1 | Conflicts: new").unwrap_err().to_string();
    assert_eq!(error, "a 1 conflicts with new 1 (`new`): a is in the base; new is needed by the recipe");
}
