//! Packages with scripts, laid out.

use super::super::{LaidOut, Options, Over, fixture::FakeDeb, lay_out};
use crate::{
    layer::{Body, Item, Node},
    lock::{Facts, Symlink},
    store::Store,
};

fn laid_out(debs: Vec<FakeDeb>) -> LaidOut {
    laid(debs, &Options::default())
}

fn laid_over(debs: Vec<FakeDeb>, base: &Facts) -> LaidOut {
    laid(debs, &Options { over: Over::Base(base), ..Options::default() })
}

fn laid(debs: Vec<FakeDeb>, options: &Options<'_>) -> LaidOut {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let packed: Vec<_> = debs.into_iter().map(|deb| deb.pack(&store).unwrap()).collect();
    let mut laid = lay_out(&packed, options).unwrap();
    // What lies in the store is gone with it.
    for item in &mut laid.items {
        if let Node::File(body) = &item.node {
            item.node = Node::File(Body::Literal(body.read(1 << 20).unwrap()));
        }
    }
    laid
}

fn shown(laid: &LaidOut, wanted: &[&str]) -> Vec<String> {
    let describe = |item: &Item| {
        let node = match &item.node {
            Node::Directory => "/".to_owned(),
            Node::File(Body::Literal(bytes)) => format!(" {:?}", String::from_utf8_lossy(bytes)),
            Node::File(Body::Span(_)) => " in the store".to_owned(),
            Node::Symlink(target) => format!(" -> {target}"),
            Node::Hardlink(target) => format!(" == {target}"),
            Node::Whiteout => " is hidden".to_owned(),
        };
        let attributes = item.xattrs.keys().map(|name| format!(" +{name}")).collect::<Vec<_>>().concat();
        format!("{}{node} {:o} {}:{}{attributes}", item.path, item.mode, item.uid, item.gid)
    };
    let find = |path: &&str| laid.items.iter().find(|item| item.path == *path);
    wanted.iter().map(|path| find(path).map_or_else(|| format!("{path} is not there"), describe)).collect()
}

fn undone(laid: &LaidOut) -> Vec<String> {
    laid.undone.iter().map(|undone| format!("{}: {}", undone.package, undone.commands.join("; "))).collect()
}

#[test]
fn the_best_alternative_is_linked() {
    let mawk = FakeDeb::new("mawk").file("./usr/bin/mawk", b"m").file("./usr/share/man/mawk.1.gz", b"1").script(
        "postinst",
        "if [ \"$1\" = configure ]; then update-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5 \\\n\
         --slave /usr/share/man/awk.1.gz awk.1.gz /usr/share/man/mawk.1.gz --slave /usr/bin/nawk nawk /usr/bin/gone; fi",
    );
    let gawk = FakeDeb::new("gawk")
        .file("./usr/bin/gawk", b"g")
        .script("postinst", "update-alternatives --quiet --install /usr/bin/awk awk /usr/bin/gawk 10");
    let wanted = ["usr/bin/awk", "etc/alternatives/awk", "usr/share/man/awk.1.gz", "usr/bin/nawk"];
    let both = laid_out(vec![mawk, gawk]);
    assert_eq!(undone(&both), [""; 0]);
    assert_eq!(
        shown(&both, &wanted),
        [
            "usr/bin/awk -> /etc/alternatives/awk 777 0:0",
            "etc/alternatives/awk -> /usr/bin/gawk 777 0:0",
            "usr/share/man/awk.1.gz is not there",
            "usr/bin/nawk is not there"
        ]
    );
    let pager = "update-alternatives --install /bin/pager pager /bin/more 50 --slave /man/pager pager.1 /man/more";
    let more = FakeDeb::new("more")
        .file("./bin/more", b"m")
        .file("./usr/bin/update-alternatives", b"")
        .script("postinst", pager);
    assert_eq!(
        shown(&laid_out(vec![more]), &["usr/bin/pager", "var/lib/dpkg/alternatives/pager"]),
        [
            "usr/bin/pager -> /etc/alternatives/pager 777 0:0",
            "var/lib/dpkg/alternatives/pager \"auto\\n/bin/pager\\npager.1\\n/man/pager\\n\\n/bin/more\\n50\\n/man/more\\n\\n\" 644 0:0",
        ]
    );
}

#[test]
fn users_are_made_with_the_same_numbers_everywhere() {
    let masters = FakeDeb::new("base-passwd")
        .file(
            "./usr/share/base-passwd/passwd.master",
            b"root:*:0:0:root:/root:/bin/bash\nnobody:*:65534:65534:nobody:/x:/y\n",
        )
        .file("./usr/share/base-passwd/group.master", b"root:*:0:\nmail:*:8:\nnogroup:*:65534:\n");
    let daemon = FakeDeb::new("daemon").directory("./var/lib/").directory("./etc/daemon/").script(
        "postinst",
        "if ! getent passwd daemond >/dev/null; then\n adduser --system --group --home /var/lib/daemon --gecos 'A daemon' --quiet daemond\nfi\n\
         addgroup --system log || true\nadduser daemond mail\nchown -R daemond:log /etc/daemon\nchmod 2750 /etc/daemon",
    );
    let other = FakeDeb::new("other")
        .file(
            "./usr/lib/sysusers.d/other.conf",
            b"# users\nu other - \"The other\" /run/other\ng extra 77\nm other extra\n",
        )
        .script(
            "postinst",
            "systemd-sysusers ${DPKG_ROOT:+--root=\"$DPKG_ROOT\"} other.conf\nuseradd -r -s /bin/sh -d /srv/x third",
        );
    let laid = laid_out(vec![masters, daemon, other]);
    assert_eq!(undone(&laid), [""; 0]);
    assert_eq!(
        shown(&laid, &["etc/passwd", "etc/group", "var/lib/daemon", "etc/daemon", "home/nonroot"]),
        [
            "etc/passwd \"root:*:0:0:root:/root:/bin/bash\\nnobody:*:65534:65534:nobody:/x:/y\\n\
             nonroot:*:65532:65532:nonroot:/home/nonroot:/usr/sbin/nologin\\n\
             daemond:*:100:100:A daemon:/var/lib/daemon:/usr/sbin/nologin\\n\
             other:*:999:999:The other:/run/other:/usr/sbin/nologin\\nthird:*:998:998::/srv/x:/bin/sh\\n\" 644 0:0",
            "etc/group \"root:*:0:\\nmail:*:8:daemond\\nnogroup:*:65534:\\nnonroot:x:65532:\\n\
             daemond:x:100:\\nlog:x:101:\\nother:x:999:\\nextra:x:77:other\\nthird:x:998:\\n\" 644 0:0",
            "var/lib/daemon/ 755 100:100",
            "etc/daemon/ 2750 100:101",
            "home/nonroot/ 700 65532:65532",
        ]
    );
}

#[test]
fn passwords_are_where_they_are_said_to_be() {
    let shadow = FakeDeb::new("shadow").file("./etc/shadow", b"root:*:1::::::\n");
    for (debs, password) in [(vec![], "*"), (vec![shadow], "x")] {
        let text = shown(&laid_out(debs), &["etc/passwd"]).concat();
        assert!(text.starts_with(&format!("etc/passwd \"root:{password}:0:0:")), "{text}");
    }
}

#[test]
fn files_are_made_linked_and_given_rights() {
    let ping = FakeDeb::new("iputils-ping").file("./bin/ping", b"ping").script(
        "postinst",
        "PROGRAM=$(dpkg-divert --truename /bin/ping)\nif command -v setcap > /dev/null; then\n\
         if setcap cap_net_raw+ep $PROGRAM; then chmod u-s $PROGRAM; else chmod u+s $PROGRAM; fi\nfi",
    );
    let many = FakeDeb::new("many").file("./usr/share/many/conf", b"c").directory("./etc/").script(
        "postinst",
        "mkdir -p -m 1777 /var/lib/many/deep\nln -sf /etc/many /usr/lib/many\ncp /usr/share/many/conf /etc/many\n\
         [ -e /etc/many ] && touch /etc/touched\nucf --three-way /usr/share/many/conf /etc/kept\nrm -f /etc/gone /etc/kept\n\
         install -d -m 2755 -g 8 /var/log/many\nchmod u+s,go-rx /usr/share/many/conf\nrmdir /etc 2>/dev/null || true",
    );
    let laid = laid_out(vec![ping, many]);
    assert_eq!(undone(&laid), [""; 0]);
    let wanted = [
        "usr/bin/ping",
        "var/lib/many/deep",
        "usr/lib/many",
        "etc/many",
        "etc/touched",
        "etc/kept",
        "var/log/many",
        "usr/share/many/conf",
    ];
    assert_eq!(
        shown(&laid, &wanted),
        [
            "usr/bin/ping \"ping\" 644 0:0 +security.capability",
            "var/lib/many/deep/ 1777 0:0",
            "usr/lib/many -> /etc/many 777 0:0",
            "etc/many \"c\" 644 0:0",
            "etc/touched \"\" 644 0:0",
            "etc/kept is not there",
            "var/log/many/ 2755 0:8",
            "usr/share/many/conf \"c\" 4600 0:0",
        ]
    );
}

#[test]
fn diverted_files_go_elsewhere() {
    let own = FakeDeb::new("own").file("./bin/tool", b"own").script(
        "preinst",
        "if [ \"$1\" = install ]; then dpkg-divert --package own --add --rename --divert /bin/tool.other /bin/tool; fi",
    );
    let other = FakeDeb::new("other").file("./usr/bin/tool", b"other");
    let laid = laid_out(vec![own, other]);
    assert_eq!(
        shown(&laid, &["usr/bin/tool", "usr/bin/tool.other"]),
        ["usr/bin/tool \"own\" 644 0:0", "usr/bin/tool.other \"other\" 644 0:0"]
    );
}

#[test]
fn what_is_left_undone_is_named() {
    let one = FakeDeb::new("one")
        .script("postinst", "build-a-cache --all >/dev/null\nif [ -d /run/systemd ]; then start; fi");
    let two = FakeDeb::new("two")
        .script("preinst", "#!/usr/bin/perl\n1;")
        .script("postinst", "sed -i s/a/b/ /etc/passwd\nchown ghost /etc");
    assert_eq!(
        undone(&laid_out(vec![two, one])),
        ["one: build-a-cache --all >/dev/null", "two: a script for perl; sed -i s/a/b/ /etc/passwd; chown ghost /etc"]
    );
}

#[test]
fn files_of_settings_decide_what_is_done() {
    let text = "if [ -f /etc/default/x ]; then . /etc/default/x; fi\n[ \"$updates\" = yes ] || exit 0\nupdate-x";
    let own = FakeDeb::new("x").file("./etc/default/x", b"updates=yes\n").script("postinst", text);
    assert_eq!(undone(&laid_out(vec![own])), ["x: update-x"]);
}

#[test]
fn triggers_that_a_package_waits_for_are_named() {
    let pulls = FakeDeb::new("pulls").script(
        "postinst",
        "dpkg-trigger update-y\ndpkg-trigger --no-await update-x\ndpkg-trigger ldconfig\ndpkg-trigger --no-await /usr/*/x",
    );
    let waits = FakeDeb::new("waits").script("triggers", "# x\ninterest-noawait update-x\nactivate update-y\n");
    let known = FakeDeb::new("libc-bin").script("triggers", "interest-await ldconfig\n");
    assert_eq!(undone(&laid_out(vec![pulls, waits, known])), ["pulls: dpkg-trigger --no-await update-x"]);
}

#[test]
fn what_looks_into_empty_folders_has_nothing_to_do() {
    let (schemas, modules) = ("/usr/share/glib-2.0/schemas", "/usr/lib/x86_64-linux-gnu/gio/modules");
    let text = format!("/usr/lib/glib-2.0/glib-compile-schemas {schemas} || true\n/usr/lib/gio-querymodules {modules}");
    let glib = || {
        let deb = FakeDeb::new("libglib2.0-0").script("postinst", &text);
        deb.directory(&format!(".{schemas}/")).script("triggers", &format!("interest-await {schemas}\n"))
    };
    let settings = || FakeDeb::new("settings").file(&format!(".{schemas}/org.gschema.xml"), b"<x/>");
    assert_eq!(undone(&laid_out(vec![glib()])), [""; 0]);
    let call = format!("glib-compile-schemas {schemas}");
    let own = format!("libglib2.0-0: /usr/lib/glib-2.0/{call}");
    assert_eq!(undone(&laid_out(vec![glib(), settings()])), [own.as_str()]);
    // The library of a base would look there again.
    assert_eq!(undone(&laid_over(vec![settings()], &Facts::default())), [format!("settings: {call}")]);
    assert_eq!(undone(&laid_over(vec![glib(), settings()], &Facts::default())), [own.as_str()]);
    let loader = "/usr/lib/x86_64-linux-gnu/gdk-pixbuf-2.0/2.10.0/loaders";
    let images = FakeDeb::new("images").file(&format!(".{loader}/svg.so"), b"").directory(&format!(".{modules}/"));
    let laid = laid_over(vec![images], &Facts::default());
    assert_eq!(undone(&laid), [format!("images: gdk-pixbuf-query-loaders {loader}")]);
}

#[test]
fn folders_of_fonts_are_no_caches() {
    let text = "if command -v update-fonts-dir >/dev/null; then\n\
                update-fonts-dir --x11r7-layout misc;update-fonts-alias --include /etc/x.alias misc\nfi";
    let laid = laid_out(vec![FakeDeb::new("xfonts-base").script("postinst", text)]);
    let expect = "xfonts-base: update-fonts-dir --x11r7-layout misc; update-fonts-alias --include /etc/x.alias misc";
    assert_eq!(undone(&laid), [expect]);
}

#[test]
fn of_what_others_do_the_alternatives_are_left() {
    let text = "ua() {\nupdate-alternatives --install /usr/bin/which which /usr/bin/which.debianutils 0 \\\n\
                --slave /usr/share/man/man1/which.1.gz which.1.gz /usr/share/man/man1/which.debianutils.1.gz\n}\n\
                if test -z \"$2\" && test ! -f \"$DPKG_ROOT/etc/shells\"\nthen\ncp -pZ /a /b || cp -p /a /b\nfi\n\
                touch /etc/x\necho x > /etc/y\ncase \"$1\" in (configure) update-shells; ua ;; esac";
    let own = FakeDeb::new("debianutils")
        .file("./usr/bin/which.debianutils", b"w")
        .file("./usr/share/man/man1/which.debianutils.1.gz", b"1")
        .script("postinst", text);
    let laid = laid_out(vec![own]);
    assert_eq!(undone(&laid), [""; 0]);
    assert_eq!(
        shown(&laid, &["usr/bin/which", "usr/share/man/man1/which.1.gz", "etc/x", "etc/y"]),
        [
            "usr/bin/which -> /etc/alternatives/which 777 0:0",
            "usr/share/man/man1/which.1.gz -> /etc/alternatives/which.1.gz 777 0:0",
            "etc/x is not there",
            "etc/y is not there"
        ]
    );
}

#[test]
fn over_a_base_links_are_made_and_users_are_not() {
    let blas = FakeDeb::new("libblas3").file("./usr/lib/blas/libblas.so.3", b"b").script(
        "postinst",
        "update-alternatives --install /lib/libblas.so.3 libblas.so.3 /usr/lib/blas/libblas.so.3 10\nadduser --system blas",
    );
    let ed = FakeDeb::new("ed").file("./usr/bin/ed", b"e").script(
        "postinst",
        "update-alternatives --install /usr/bin/editor editor /usr/bin/ed -100 --slave /usr/bin/e e /usr/bin/ed",
    );
    let link = |(path, target): (&str, &str)| Symlink { path: path.to_owned(), target: target.to_owned() };
    let symlinks = [("/lib", "usr/lib"), ("/etc/alternatives/editor", "/bin/nano")].map(link).to_vec();
    let laid = laid_over(vec![blas, ed], &Facts { symlinks, ..Facts::default() });
    assert_eq!(undone(&laid), ["libblas3: adduser --system blas"]);
    let wanted = [
        "usr/lib/libblas.so.3",
        "etc/alternatives/libblas.so.3",
        "etc/passwd",
        "usr/bin/editor",
        "etc/alternatives/editor",
        "usr/bin/e",
    ];
    assert_eq!(
        shown(&laid, &wanted),
        [
            "usr/lib/libblas.so.3 -> /etc/alternatives/libblas.so.3 777 0:0",
            "etc/alternatives/libblas.so.3 -> /usr/lib/blas/libblas.so.3 777 0:0",
            "etc/passwd is not there",
            "usr/bin/editor is not there",
            "etc/alternatives/editor is not there",
            "usr/bin/e is not there"
        ]
    );
    assert_eq!(laid.alternatives["editor"], ("/usr/bin/ed".to_owned(), -100));
}

#[test]
fn what_others_depend_on_comes_first_and_questions_have_their_defaults() {
    let needing = FakeDeb::new("a").field("Depends: b (>= 1), c | d").directory("./etc/").script(
        "postinst",
        "chown maker /etc; db_get a/link || true; if [ \"$RET\" = Slight ]; then ln -s to /etc/link; fi",
    );
    let needing = needing.script("templates", "Template: a/link\nType: select\nDefault: Slight\n");
    let needed = FakeDeb::new("b").field("Depends: a").script("postinst", "adduser --system maker");
    let laid = laid_out(vec![needing, needed]);
    assert_eq!(undone(&laid), [""; 0]);
    assert_eq!(shown(&laid, &["etc", "etc/link"]), ["etc/ 755 100:0", "etc/link -> to 777 0:0"]);
}

#[test]
fn shells_are_listed() {
    let list = FakeDeb::new("debianutils").file("./usr/share/debianutils/shells", b"# shells\n/bin/sh\n");
    let dash = FakeDeb::new("dash")
        .file("./bin/dash", b"d")
        .file("./usr/share/debianutils/shells.d/dash", b"/bin/dash\n/bin/gone\n");
    assert_eq!(
        shown(&laid_out(vec![list, dash]), &["etc/shells"]),
        ["etc/shells \"# shells\\n/bin/sh\\n/bin/dash\\n/usr/bin/dash\\n\" 644 0:0"]
    );
}

#[test]
fn secrets_are_for_root_alone() {
    let text = "if ! [ -f \"$DPKG_ROOT\"/etc/security/opasswd ]; then\n\tumask 066\n\ttouch \"$DPKG_ROOT\"/etc/security/opasswd\n\
                \tumask 022\nfi\ntouch \"$DPKG_ROOT\"/etc/environment";
    let modules = FakeDeb::new("libpam-modules").directory("./etc/security/").script("postinst", text);
    let laid = laid_out(vec![modules]);
    assert_eq!(undone(&laid), [""; 0]);
    let files = ["etc/security/opasswd", "etc/environment"];
    assert_eq!(shown(&laid, &files), ["etc/security/opasswd \"\" 600 0:0", "etc/environment \"\" 644 0:0"]);
}

#[test]
fn profiles_are_no_business_of_an_image() {
    let text = "APP_PROFILE=\"/etc/apparmor.d/app\"\nif [ -f \"$APP_PROFILE\" ]; then\nLOCAL=\"/etc/apparmor.d/local/app\"\n\
                test -e \"$LOCAL\" || {\nmkdir -p `dirname \"$LOCAL\"`\ninstall --mode 644 /dev/null \"$LOCAL\"\n}\n\
                if aa-enabled --quiet 2>/dev/null; then\napparmor_parser -r -T -W \"$APP_PROFILE\" || true\nfi\nfi";
    let app = FakeDeb::new("app").file("./etc/apparmor.d/app", b"profile").script("postinst", text);
    let laid = laid_out(vec![app]);
    assert_eq!(undone(&laid), [""; 0]);
    assert_eq!(shown(&laid, &["etc/apparmor.d/local/app"]), ["etc/apparmor.d/local/app \"\" 644 0:0"]);
}

#[test]
fn alternatives_go_by_names() {
    let install = |name: &str| format!("update-alternatives --install /usr/bin/v {name} /usr/share/x/x.conf 5");
    let text = [".", "a/b", "v"].map(install).join("\n");
    let laid = laid_out(vec![FakeDeb::new("x").file("./usr/share/x/x.conf", b"x").script("postinst", &text)]);
    assert_eq!(undone(&laid), [format!("x: {}; {}", install("."), install("a/b"))]);
    assert_eq!(shown(&laid, &["etc/alternatives/v"]), ["etc/alternatives/v -> /usr/share/x/x.conf 777 0:0"]);
}

#[test]
fn what_is_installed_gets_its_rights_and_nothing_else_does() {
    let text = "cd /usr/share/x\ninstall -m 0640 -g 8 /usr/share/x/x.conf /etc/\n\
                install -D -m 600 -t /var/lib/x /usr/share/x/x.conf /usr/share/x/y.conf\n\
                install -D /usr/share/x/x.conf /opt/a/b.conf\nchown 7:7 /usr/share/x/y.conf\n\
                cp -a /usr/share/x/y.conf /opt/a\ncp /usr/share/x/x.conf /usr/share/x/y.conf /srv\n\
                ln -s /opt/a /opt/b\nmv /opt/b /opt/c\nmv /srv/x.conf /srv/z.conf\ncp -n /usr/share/x/x.conf /srv/y.conf\n\
                mv -n /srv/z.conf /srv/y.conf\ncp -dp /srv/z.conf /srv/p.conf\ncp -d /opt/c /opt/e\n\
                install -m 644 /usr/share/x/x.conf /gone/\ninstall -m 1 /usr/share/x/x.conf /usr/share/x/y.conf /gone\n\
                cp -a /opt/c /opt/d\nln -sf /x /opt/c";
    let own = FakeDeb::new("x").file("./usr/share/x/x.conf", b"x").file("./usr/share/x/y.conf", b"y");
    let laid = laid_out(vec![own.directory("./etc/").directory("./srv/").script("postinst", text)]);
    assert_eq!(
        undone(&laid),
        ["x: cp -d /opt/c /opt/e; install -m 644 /usr/share/x/x.conf /gone/; \
          install -m 1 /usr/share/x/x.conf /usr/share/x/y.conf /gone; cp -a /opt/c /opt/d; ln -sf /x /opt/c"]
    );
    let wanted = [
        "etc",
        "etc/x.conf",
        "var/lib/x",
        "var/lib/x/x.conf",
        "var/lib/x/y.conf",
        "opt/a/b.conf",
        "opt/a/y.conf",
        "opt/b",
        "opt/c",
        "srv",
        "srv/x.conf",
        "srv/y.conf",
        "srv/z.conf",
        "gone",
    ];
    assert_eq!(
        shown(&laid, &wanted),
        [
            "etc/ 755 0:0",
            "etc/x.conf \"x\" 640 0:8",
            "var/lib/x/ 755 0:0",
            "var/lib/x/x.conf \"x\" 600 0:0",
            "var/lib/x/y.conf \"y\" 600 0:0",
            "opt/a/b.conf \"x\" 755 0:0",
            "opt/a/y.conf \"y\" 644 7:7",
            "opt/b is not there",
            "opt/c -> /opt/a 777 0:0",
            "srv/ 755 0:0",
            "srv/x.conf is not there",
            "srv/y.conf \"y\" 644 0:0",
            "srv/z.conf \"x\" 644 0:0",
            "gone is not there",
        ]
    );
}

#[test]
fn what_shells_say_differently_is_named() {
    let text = "echo -n foo > /etc/f\n[ \"$(echo -n a)\" = a ] && echo --x - > /etc/g\necho -e x > /etc/h\n\
                echo 'a\\nb' > /etc/i\nln -s \"$(dirname /a)$(basename /b/c/)$(dirname /d/e/)\" /etc/j";
    let laid = laid_out(vec![FakeDeb::new("x").directory("./etc/").script("postinst", text)]);
    assert_eq!(undone(&laid), ["x: echo -e x > /etc/h; echo 'a\\nb' > /etc/i"]);
    assert_eq!(
        shown(&laid, &["etc/f", "etc/g", "etc/h", "etc/j"]),
        ["etc/f \"foo\" 644 0:0", "etc/g \"--x -\\n\" 644 0:0", "etc/h is not there", "etc/j -> /c/d 777 0:0"]
    );
}

#[test]
fn what_no_package_does_is_named() {
    let deep = "/a".repeat(2000);
    let text = format!("systemd-sysusers x.conf\nmkdir -p {deep}\nadduser --system --home {deep} user");
    let lines = "g group -\n".repeat(10_001);
    let own = FakeDeb::new("x").file("./usr/lib/sysusers.d/x.conf", lines.as_bytes()).script("postinst", &text);
    let laid = laid_out(vec![own]);
    let adduser = "adduser --system --home ";
    assert_eq!(undone(&laid), [format!("x: systemd-sysusers x.conf; mkdir -p {deep}; {adduser}{deep} user")]);
    assert_eq!(shown(&laid, &["a"]), ["a is not there"]);
}
