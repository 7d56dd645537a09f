//! `SECURITY.md` says which test holds what: those tests are there.

use std::{fs, path::Path};

use super::rust_files;

#[test]
fn tests_that_the_threat_model_names_are_there() {
    let page = fs::read_to_string("SECURITY.md").unwrap();
    let files = ["src", "tests"].into_iter().flat_map(|folder| rust_files(Path::new(folder)));
    let code: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    let is_name = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    // `bombs` is one, and so is nothing else without an underscore that no room is called.
    let named =
        page.split('`').skip(1).step_by(2).filter(is_name).filter(|name| name.contains('_') || *name == "bombs");
    let mut count = 0;
    for name in named {
        count += 1;
        assert!(code.contains(&format!("fn {name}(")), "SECURITY.md: there is no test `{name}`");
    }
    assert!(count > 40, "{count} names");
}

#[test]
fn one_file_alone_is_excepted_from_the_lint_against_unsafe_code() {
    let excepted = |file: &std::path::PathBuf| fs::read_to_string(file).unwrap().contains("expect(unsafe_code");
    let excepted: Vec<_> = rust_files(Path::new("src")).into_iter().filter(excepted).collect();
    assert_eq!(excepted, [Path::new("src/layer/inflate.rs")]);
    let text = fs::read_to_string(&excepted[0]).unwrap();
    let blocks: Vec<&str> = text.split("unsafe {").collect();
    for before in &blocks[..blocks.len() - 1] {
        let near = before.lines().rev().take(6).any(|line| line.contains("// SAFETY:"));
        assert!(near, "a block without `// SAFETY:` behind {:?}", before.lines().last());
    }
}
