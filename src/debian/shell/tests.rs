//! Scripts, and what is seen of them.

use std::collections::BTreeMap;

use super::{Called, Found, Programs, follow};

/// A world with a few files, that writes down what is called for certain.
#[derive(Default)]
struct World {
    files: BTreeMap<&'static str, Found>,
    calls: Vec<String>,
    umask: u32,
}

impl Programs for World {
    fn look(&self, path: &str) -> Option<Found> {
        self.files.get(path).copied()
    }

    fn is_link(&self, _: &str) -> bool {
        false
    }

    fn read(&self, path: &str) -> Option<String> {
        let text = match path {
            "/etc/x" => "A=yes; f() { one \"$A$1\"; }; [ \"$A\" = yes ] || B=1; return 0; A=no",
            "/etc/again" => "again; . /etc/again",
            _ => return None,
        };
        Some(text.to_owned())
    }

    fn find(&self, name: &str) -> Option<String> {
        let path = format!("/usr/bin/{name}");
        self.look(&path).map(|_| path)
    }

    fn call(&mut self, words: &[Option<String>], certain: bool) -> Called {
        let words: Option<Vec<String>> = words.iter().cloned().collect();
        match words {
            Some(words) if words[0] == "echo" => Called::said(format!("{}\n", words[1..].join(" "))),
            Some(words) if words[0] == "cat" || words[0] == "grep" => Called::harmless(),
            Some(words) if certain && words[0] != "strange" => {
                self.calls.push(words.join(" "));
                Called::done()
            }
            _ => Called::undone(),
        }
    }

    fn write(&mut self, path: &str, text: &str) -> bool {
        let lacking = if self.umask == 0 { String::new() } else { format!(" without {:o}", self.umask) };
        self.calls.push(format!("{path} <- {text:?}{lacking}"));
        true
    }

    fn umask(&mut self) -> &mut u32 {
        &mut self.umask
    }
}

#[track_caller]
fn check(script: &str, calls: &[&str], undone: &[&str]) {
    let program = Found::File { executable: true, empty: false };
    let files = BTreeMap::from([("/usr/bin/there", program), ("/etc/x", program), ("/etc", Found::Directory)]);
    let mut world = World { files, ..World::default() };
    let left = follow(&mut world, script, &["configure", ""], &[("PACKAGE", "demo-15")]);
    assert_eq!(world.calls, calls, "{script}");
    assert_eq!(left, undone, "{script}");
}

#[test]
fn branches_are_taken_as_the_shell_takes_them() {
    check("if [ \"$1\" = configure ]; then one; elif two; then three; else four; fi", &["one"], &[]);
    check("if [ -n \"$2\" ] && dpkg; then one; else two; fi; three", &["two", "three"], &[]);
    check("case \"$1\" in (upgrade|abort-*) one ;; conf*) two ;; *) three ;; esac", &["two"], &[]);
    check(
        "[ -x \"$(command -v there)\" ] && one || two; test -d /etc/x -o ! -e /gone && three",
        &["one", "three"],
        &[],
    );
    check("if which gone >/dev/null 2>&1; then one; fi\nif command -v there; then two; fi", &["two"], &[]);
    check("one; exit 0; two", &["one"], &[]);
    check("f() { if [ ! -f $2 ]; then cp $1 \"$2\"; fi; return 0; no; }\nf /a /b; f /a /etc/x", &["cp /a /b"], &[]);
    check(
        "for f in a 'b c'; do one $f; done; for f; do two $f; break; done",
        &["one a", "one b c", "two configure"],
        &[],
    );
}

#[test]
fn words_are_expanded() {
    check(
        "A=1 B='x y'; one $A \"$B\" $B ${C:-none} ${A:+--some=\"$A\"} ${C:+no}",
        &["one 1 x y x y none --some=1"],
        &[],
    );
    check("one ${PACKAGE##*-} ${PACKAGE%-*} \"\" \\\n  1.0~ a\\\\~b", &["one 15 demo  1.0~ a\\~b"], &[]);
    check("one \"$@\"; set -- a b; two \"$@\" $#; shift; three $1", &["one configure ", "two a b 2", "three b"], &[]);
    check("A=$(($(echo \"$1\" | two '(') * 100)); one x$((1 + 2))x || three", &[], &["one x$((1 + 2))x", "three"]);
    check("A=`echo hi`; one $A $(echo a b) | two", &["one hi a b", "two"], &[]);
}

#[test]
fn sourced_files_are_followed_where_they_are_at_hand() {
    check(". /etc/x; f z; [ \"$A\" = yes ] && two \"$B\"; three $1", &["one yesz", "two ", "three configure"], &[]);
    check("(. /etc/x); one \"$A\"; if grep x; then . /etc/x; fi; two \"$A\"", &["one "], &["two \"$A\""]);
    check(". /usr/share/debconf/confmodule; one \"$A\"", &["one "], &[]);
    // What nothing has set may have been set there.
    check(
        "B=1; . /gone; [ \"$A\" = yes ] || one; two \"$B\" \"$1\"; three ${A:-x}",
        &["two 1 configure"],
        &["one", "three ${A:-x}"],
    );
    check("source \"$(strange)\"; one $A", &[], &["strange", "one $A"]);
    let again = vec!["again"; 99];
    check(". /etc/again; one", &again, &["more commands than anybody could follow"]);
}

#[test]
fn here_documents_are_files() {
    check("cat > /etc/new <<EOF\na $1\nEOF\nnext", &["/etc/new <- \"a configure\\n\"", "next"], &[]);
    check("cat <<-'EOF' >/etc/new\n\ta $1\n\tEOF\n", &["/etc/new <- \"a $1\\n\""], &[]);
    check(
        "echo text >/etc/new; : > /etc/empty; echo log > /dev/null",
        &["/etc/new <- \"text\\n\"", "/etc/empty <- \"\""],
        &[],
    );
    check(
        "grep x /etc/y > /etc/new; echo more >> /etc/new",
        &[],
        &["grep x /etc/y > /etc/new", "echo more >> /etc/new"],
    );
}

#[test]
fn what_may_or_may_not_happen_is_left() {
    check("if grep -q x /etc/y; then one; fi; two", &["two"], &["one"]);
    check("grep x y || one; A=1; grep x && A=2; two $A", &[], &["one", "two $A"]);
    check("strange 1 \\\n   2; while grep x; do one; done", &[], &["strange 1 2", "one"]);
    check("grep x || exit 1; one; if grep x; then exit 0; fi; two", &["one"], &["two"]);
    check("$(strange) x", &[], &["strange", "$(strange) x"]);
}

#[test]
fn scripts_of_other_kinds_are_named_and_bounded() {
    check("#!/usr/bin/perl\nprint 1;", &[], &["a script for perl"]);
    check("#! /bin/sh -e\none", &["one"], &[]);
    for malformed in ["if true; then one", "one )", "'open", "case x in a) b", "f() ", "cat <<EOF\nx"] {
        check(malformed, &[], &["a script that cannot be read"]);
    }
    // Words that never come were waited for once, for ever.
    for malformed in ["for x in a & b; do c; done", "for x in a | b", "for x in )", "for x in <a; do b; done"] {
        check(malformed, &[], &["a script that cannot be read"]);
    }
    check(&"( ".repeat(500), &[], &["a script that cannot be read"]);
    check("f() { f; }; f", &[], &["more commands than anybody could follow"]);
}

#[test]
fn new_files_lack_the_rights_of_the_mask() {
    check("umask 066\n> /a\numask 0; > /b", &["/a <- \"\" without 66", "/b <- \"\""], &[]);
    check("(umask 77; > /a); > /b", &["/a <- \"\" without 77", "/b <- \"\""], &[]);
    check("if unknown-thing | grep x; then umask 77; fi; umask u=rwx; > /b", &["unknown-thing", "/b <- \"\""], &[]);
}

#[test]
fn what_several_commands_say_is_known_where_each_is() {
    let slave = "slave() { d=$1; echo \"--slave $d/$2\"; }\n";
    check(
        &format!("{slave}one $(slave /usr a\nfor x in b c; do slave /man $x; done)"),
        &["one --slave /usr/a --slave /man/b --slave /man/c"],
        &[],
    );
    check(&format!("{slave}one $(slave /usr a)"), &["one --slave /usr/a"], &[]);
    check("f() { echo a; echo b >&2; quiet; }\none $(f) \"$(echo c; echo d >/dev/null)\"", &["quiet", "one a c"], &[]);
    check("A=$(B=1; C=2)$(D=3)$(>/dev/null); one x${A}x", &["one xx"], &[]);
    check("one $(echo a; cat /x)", &[], &["one $(echo a; cat /x)"]);
    check("one $(echo a | sort; echo b)", &["sort"], &["one $(echo a | sort; echo b)"]);
    check("one $(if cat /x; then echo b; fi)", &[], &["one $(if cat /x; then echo b; fi)"]);
}

#[test]
fn loops_are_left_as_the_shell_leaves_them() {
    check(
        "for x in a b c; do if [ $x = b ]; then continue; fi; one $x; done\n\
         for x in a b; do for y in c d; do continue 2; done; two; done; three",
        &["one a", "one c", "three"],
        &[],
    );
    check("for x in a b; do for y in c d; do break 2; done; two; done; one; break; two", &["one", "two"], &[]);
    check("for x in a b; do one $x; break 7; done; two; continue 0; three", &["one a", "two", "three"], &[]);
    check("until [ -d /etc ]; do one; done; until [ -d /gone ]; do two; done", &[], &["two"]);
    // What may be left ends where that ends.
    check("for x in a b; do grep y && continue; one $x; done; two $x", &["two b"], &["one $x"]);
    check("while grep x; do one; break; done; two", &["two"], &["one"]);
    check("f() { grep x && return; one; }; f; two", &["two"], &["one"]);
    check("(grep x && exit 0; one); two", &["two"], &["one"]);
    check("if grep x; then if grep y; then exit 0; fi; fi; one", &[], &["one"]);
    check("f() { grep x && exit 0; }; f; one", &[], &["one"]);
    check("case $1 in [a-z]*) one ;; *) two ;; esac; three", &["three"], &["one", "two"]);
    check("if grep x; then for x in a b; do :; done; fi; one $x", &[], &["one $x"]);
    // Where a loop was perhaps broken off, its variable may stand anywhere.
    check("for x in a b; do grep y && break; done; one $x", &[], &["one $x"]);
    check("for x in a b; do for y in c d; do grep y && break 2; done; done; one $x", &[], &["one $x"]);
    check("for x in a b; do for y in c d; do grep y && break; done; done; one $x; two $y", &["one b"], &["two $y"]);
    check("for x in $(cat l) z; do break; done; one $x", &[], &["one $x"]);
}

#[test]
fn whether_what_was_perhaps_left_succeeds_is_not_known() {
    check("f() { grep x && return 1; return 0; }; if f; then one; fi", &[], &["one"]);
    check("f() { if grep x; then return 0; fi; return 1; }; if f; then one; else two; fi", &[], &["one", "two"]);
    check("(grep x && exit 1; true) && one", &[], &["one"]);
    check("for x in a b; do grep y && break; [ -e /gone ]; done && one", &[], &["one"]);
    check("case $1 in [a-z]*) false ;; esac && one", &[], &["one"]);
    check("case $1 in b) false ;; esac && one", &["one"], &[]);
}

#[test]
fn functions_that_are_perhaps_defined_may_be_either() {
    check("if grep x; then f() { one; }; else f() { two; }; fi; f; three", &["three"], &["one", "two"]);
    check("f() { one; }; grep x && f() { two; }; f && three", &[], &["one", "two", "three"]);
    check("grep x && f() { one; }; command -v f && two; f() { three; }; f", &["three"], &["two"]);
    check("f() { one; }; grep x && unset -f f; f; grep x && exit 0; g() { quiet; }; g", &[], &["one", "quiet"]);
}

#[test]
fn builtins_do_what_they_say() {
    check("A=1; unset A; one x$A ${A-none}; f() { one; }; unset -f f; f", &["one x none", "f"], &[]);
    check("set -- a b c d; shift 2; one $1 $#; shift 5 || two; set x y; three $2", &["one c 2", "two", "three y"], &[]);
    check("while grep x; do shift; done; one $1 $#; set -- $(cat x) a; two $1", &[], &["one $1 $#", "two $1"]);
    check(
        "command one; one() { two; }; command one; one; command $(cat x)",
        &["one", "one", "two"],
        &["command $(cat x)"],
    );
    check("f() { local A=2 B; A=3 C=4; }; A=1; f; one $A $C", &["one 1 4"], &[]);
    check("f() { (local A=2); A=3; }; A=1; f; one $A", &["one 3"], &[]);
    check("f() { local A=$(cat x); one x$A; }; f; export B=\"$(cat x)\"; two $B", &[], &["one x$A", "two $B"]);
    check(": ${A:=x}; one $A ${B=}x${B-z}x ${B:+y}", &["one x xx"], &[]);
    check("A=a:b; B=$IFS; IFS=:; one $A; IFS=$B; two $A", &["two a:b"], &["one $A"]);
    check("one a\0b", &["one ab"], &[]);
    check("set a b; one \"$*\"; IFS=,; two \"$*\"", &["one a b"], &["two \"$*\""]);
    check(
        "A=lib/lib.so.1; one ${A#*lib} ${A##*lib} ${A%.*} ${A%%.*} ${A#x}",
        &["one /lib.so.1 .so.1 lib/lib.so lib/lib lib/lib.so.1"],
        &[],
    );
}

#[test]
fn what_functions_say_goes_where_it_is_sent() {
    check("f() { echo a; }; f > /etc/new; one x$(f >/dev/null)x", &["/etc/new <- \"a\\n\"", "one xx"], &[]);
    check(
        "one x$(echo a > /dev/null)x; f() { cat x; }; f > /etc/new; true > /etc/x",
        &["one xx"],
        &["f > /etc/new", "true > /etc/x"],
    );
    check("cat > /etc/new <<EOF\n\\\"$1\\$\nEOF\n", &["/etc/new <- \"\\\\\\\"configure$\\n\""], &[]);
}

#[test]
fn no_script_takes_more_than_there_is() {
    let (commands, texts) = ("more commands than anybody could follow", "longer texts than anybody could follow");
    check(&format!("true{}", " && true".repeat(30_000)), &[], &[commands]);
    check(&format!("false{}; one", " || false".repeat(10_000)), &["one"], &[]);
    check(&format!("if grep x; then one; {}fi", "elif grep x; then one; ".repeat(9_000)), &[], &["one"]);
    check(&format!("[ {} x ] && one", "! ".repeat(30_000)), &["one"], &[]);
    check(&format!("[ {} x ] && one", "'(' ".repeat(30_000)), &[], &["one"]);
    check("f() { : $(f) $(f); }; f; one", &[], &[commands]);
    let nested = format!("{}$(f){}", "$(: ".repeat(25), ")".repeat(25));
    check(&format!("f() {{ {nested}; }}; f; one"), &[], &[commands, &nested]);
    check(&format!("f() {{ {}f{}; }}; f; one", "( ".repeat(25), " )".repeat(25)), &[], &[commands]);
    check(&format!("x=aaaaaaaa; {}one $x; two", "x=$x$x; ".repeat(40)), &[], &[texts]);
    check(&format!("{}one", "set -- \"$@\" \"$@\"; ".repeat(40)), &[], &[texts]);
    check(&format!("f() {{ f {}; }}; f $1", "$1".repeat(9)), &[], &[texts]);
    let long = "a".repeat(100_000);
    check(&format!("x={long}; for i in {}; do (:); done; one", "i ".repeat(1000)), &[], &[texts]);
    check(&format!("x={long}; case $x in *b*) one ;; $x) two ;; esac; three"), &[], &[texts]);
    check(&format!("x={long}b; one ${{x#*b}} ${{x##a*a}}"), &["one b"], &[]);
}
