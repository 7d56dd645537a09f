//! Modules good and strange.

use proptest::prelude::*;

use super::*;

/// `.a:x,y` for `from .a import x, y`; `?` marks optional imports, `/` conditional ones.
fn imports(source: &str) -> Vec<String> {
    let told = |import: &Import| {
        let mark = match import.guard {
            Guard::Required => "",
            Guard::Optional => "?",
            Guard::Conditional => "/",
        };
        let names = if import.names.is_empty() { String::new() } else { format!(":{}", import.names.join(",")) };
        format!("{mark}{}{}{names}", ".".repeat(import.level.into()), import.module)
    };
    ModuleSource::scan(source.as_bytes()).imports.iter().map(told).collect()
}

fn check(source: &str, expect: &[&str]) {
    assert_eq!(imports(source), expect, "{source}");
}

#[test]
fn every_form_of_import() {
    check("import a, b.c as d ; import e", &["a", "b.c", "e"]);
    check("from a.b import (c,\n  d as e, # text\n  f,\n)\n", &["a.b:c,d,f"]);
    check(
        "from . import a\nfrom .b import c\nfrom ...d.e import f\nfrom.g import h",
        &[".:a", ".b:c", "...d.e:f", ".g:h"],
    );
    check(
        "from importlib import import_module\nfrom a.import_x import y",
        &["importlib:import_module", "a.import_x:y"],
    );
    check("from a import *", &["a"]);
    check("import a \\\n  , b", &["a", "b"]);
    check("\u{feff}import a\r\nimport b\r\n", &["a", "b"]);
}

#[test]
fn what_only_looks_like_an_import_is_none() {
    check("'''\nimport a\n'''\nx = \"import b\"\n# import c\nimport_d = 1\n", &[]);
    check("x = [\n  'a', # it's\n  import_b,\n]\nf(\nimport_c)\n", &[]);
    check("s = f\"{x!r}\"; import a", &["a"]);
    check("def f():\n    import a\n    if x:\n        import b\n\nimport c\n", &["c"]);
    check("class A:\n    import a\n    def f(self):\n        import b\n", &["a"]);
    check("async def f():\n    import a\nimport b", &["b"]);
    check("f = lambda: (yield)\nimport a", &["a"]);
}

#[test]
fn guarded_imports_are_told_apart() {
    check("try:\n    import a\nexcept ImportError:\n    import b\nimport c\n", &["?a", "/b", "c"]);
    check("try: import a\nexcept: a = None\nimport b", &["?a", "b"]);
    check("try:\n    import a\nexcept (AttributeError, KeyError):\n    pass\n", &["a"]);
    check("try:\n    import a\nexcept Exception as error:\n    raise ImportError('no') from error\n", &["a"]);
    check(
        "try:\n    import a\nexcept ValueError:\n    pass\nexcept ModuleNotFoundError:\n    pass\nelse:\n    import b\n",
        &["?a", "/b"],
    );
    check("try:\n    import a\nfinally:\n    import b\n", &["a", "b"]);
    check("try:\n  try:\n    import a\n  except KeyError:\n    pass\nexcept ImportError:\n  pass\n", &["?a"]);
    check(
        "from contextlib import suppress\nwith suppress(ImportError):\n    import a\n",
        &["contextlib:suppress", "?a"],
    );
    check("with open('x') as f:\n    import a\n", &["a"]);
    check("if sys.version_info >= (3, 11):\n    import a\nelse:\n    import b\n", &["/a", "/b"]);
    check("if TYPE_CHECKING:\n    import a\nelse:\n    import b\nimport c\n", &["b", "c"]);
    check("if typing.TYPE_CHECKING: from a import b\nif not TYPE_CHECKING:\n\timport c\n", &["c"]);
    check("for x in y:\n    import a\nwhile True: import b\n", &["/a", "/b"]);
    check("if __name__ == '__main__':\n    import a\n", &["/a"]);
}

#[test]
fn names_of_a_module() {
    let names = |source: &str| ModuleSource::scan(source.as_bytes()).names.into_iter().collect::<Vec<_>>().join(" ");
    let check = |source: &str, expect: &str| assert_eq!(names(source), expect, "{source}");
    check("def f(): pass\nasync def g():\n  x = 1\nclass A(B):\n  y = 1\n  def m(self): pass\n", "A f g");
    check("a = b = 1\n(c, *d), e = f()\ng: int = 1\nh: str\ni += 1\nj.k = 2\nl[0] = 3\n", "a b c d e g i");
    check("import a.b, c as d\nfrom e import f as g, h\n", "a d g h");
    check("try:\n  import a\nexcept ImportError:\n  a = None\nif x:\n  def b(): pass\n", "a b");
    check("f(x=1)\nx == y\nx <= y\nassert x == 1\nif (n := f()):\n  pass\n", "");
    check("type X = int\nmatch = 1\n", "X match");
    check("@decorated(a=1)\ndef f(a=1, b={'c': 2}): return a == b\n", "f");
}

#[test]
fn modules_that_cannot_be_known_say_so() {
    let check = |source: &str, open: bool, dynamic: bool| {
        let found = ModuleSource::scan(source.as_bytes());
        assert_eq!((found.open, found.dynamic), (open, dynamic), "{source}");
    };
    check("a = 1\n", false, false);
    check("from a import *\n", true, false);
    check("def __getattr__(name): pass\n", true, false);
    check("globals()['x'] = 1\n", true, false);
    check("def f():\n    return globals()\n", false, false);
    check("def f():\n    sys.modules[n] = m\n", true, true);
    check("__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n", true, true);
    check("x = (1,\n", true, false);
    assert!(ModuleSource::scan(b"x = 1").may_bind("x") && !ModuleSource::scan(b"x = 1").may_bind("y"));
}

#[test]
fn namespaces_are_told_from_packages() {
    let check = |source: &str, expect: bool| {
        assert_eq!(ModuleSource::scan(source.as_bytes()).is_namespace(), expect, "{source}");
    };
    check("__path__ = __import__('pkgutil').extend_path(__path__, __name__)  # type: ignore\n", true);
    check("from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n", true);
    check("\"\"\"Shared.\"\"\"\nimport pkgutil\n__path__ = pkgutil.extend_path(__path__, __name__)\n", true);
    let both = "try:\n    __import__('pkg_resources').declare_namespace(__name__)\nexcept ImportError:\n    \
                from pkgutil import extend_path\n    __path__ = extend_path(__path__, __name__)\n";
    check(both, true);
    check("", false);
    check("x = 1\n", false);
    check(&format!("{both}__version__ = '1'\n"), false);
    check(&format!("{both}from .core import run\n"), false);
    check(&format!("{both}import os\n"), false);
    check(&format!("{both}def f(): pass\n"), false);
}

#[test]
fn modules_that_make_others_say_so() {
    let check =
        |source: &str, expect: bool| assert_eq!(ModuleSource::scan(source.as_bytes()).makes, expect, "{source}");
    check("def f():\n    sys.modules[subname] = apimod\n", true);
    check("sys.modules[__name__ + '.moves'] = moves\n", true);
    check("mod = sys.modules[names[0]] = new(name)\n", true);
    check("sys.modules.setdefault('a', b)\n", true);
    check("sys.meta_path.append(loader)\n", true);
    check("sys.modules[__name__] = Lazy(__name__)\n", false);
    check("here = sys.modules[__name__]\nif sys.modules[a] == b: pass\ndel sys.modules[a]\n", false);
    check("'sys.meta_path'\n", false);
}

/// Lines whose brackets and strings are closed. No bracket closes what was not opened, here and in [`TORN`]: that
/// stands in no module.
const LINES: &str = r#"(import a\n|from .b import c\n|x = |\\\n|\n|\r\n|    |\t|#[("')\\]?\n|def f\(\):\n|class A:\n|if x: |y = \["\(", f\('\)'\)\]\n|1, |\((1, |\n|#[("')\\]?\n|    |import a\n|\[(1, |\n)*\])*\)){0,60}"#;
/// The same, and beginnings of strings.
const TORN: &str = r#"(import a\n|from .b import c\n|x = |\\\n|\n|\r\n|    |\t|#[("')\\]?\n|def f\(\):\n|class A:\n|if x: |1, |\((1, |    )*\)|"|'|'''){0,60}"#;

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(import |from |a|\\.|,|\\(|\\)|\"|'|\\\\|\n|    |try:|except|:|=|#|é|\t|class |def |if |;|\\*){0,40}") {
        let _ = ModuleSource::scan(text.as_bytes());
    }

    #[test]
    fn bodies_that_are_passed_over_tell_nothing(lines in LINES, open in r"(\(|\[)?", torn in TORN) {
        let text = format!("{lines}{open}{torn}\n");
        // With such a word in it, every line is read.
        let (passing, reading) = (ModuleSource::scan(text.as_bytes()), ModuleSource::scan(format!("{text}#__path__").as_bytes()));
        prop_assume!(!reading.dynamic);
        prop_assert_eq!(passing, reading);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = ModuleSource::scan(&bytes);
    }
}
