//! Programs that an image does without, and why.

use crate::debian::shell::Called;

/// Questions to the administrator; the answers are the defaults.
const QUESTIONS: &[&str] = &[
    "db_input",
    "db_go",
    "db_stop",
    "db_version",
    "db_subst",
    "db_title",
    "db_settitle",
    "db_fset",
    "db_capb",
    "db_beginblock",
    "db_endblock",
    "db_unregister",
    "db_purge",
    "db_set",
    "db_get",
    "db_fget",
    "db_metaget",
    "db_register",
    "db_reset",
    "debconf-set-selections",
];

/// Services: nothing runs in an image, and what starts a container is in its config.
const SERVICES: &[&str] = &[
    "deb-systemd-helper",
    "deb-systemd-invoke",
    "systemctl",
    "systemd-tmpfiles",
    "update-rc.d",
    "invoke-rc.d",
    "service",
    "init",
    "telinit",
    "dbus-send",
    "udevadm",
    "update-initramfs",
    "update-grub",
    "shadowconfig",
    "restorecon",
    "ischroot",
    "aa-enabled",
    "start-stop-daemon",
    "sysctl",
    "modprobe",
    "apparmor_parser",
    "journalctl",
    "systemd-machine-id-setup",
    "systemd-hwdb",
    "update-binfmts",
];

/// Upgrades, of which a new image has none.
const UPGRADES: &[&str] =
    &["dpkg-maintscript-helper", "rm_conffile", "mv_conffile", "ucfr", "ucfq", "deb-systemd-unit-helper"];

/// Caches that programs do without or make for themselves, and indexes of manuals and menus.
const CACHES: &[&str] = &[
    "py3compile",
    "pypy3compile",
    "pycompile",
    "py3clean",
    "ldconfig",
    "update-mime",
    "update-menus",
    "install-info",
    "update-info-dir",
    "install-docs",
    "mandb",
    "update-desktop-database",
    "gtk-update-icon-cache",
    "update-icon-caches",
    "update-ca-certificates",
    "update-shells",
    "add-shell",
    "fc-cache",
];

/// Programs that only read, or speak to whoever watches.
const READERS: &[&str] = &[
    "cat",
    "echo",
    "realpath",
    "dpkg-realpath",
    "grep",
    "egrep",
    "awk",
    "cut",
    "head",
    "tail",
    "sort",
    "tr",
    "wc",
    "ls",
    "stat",
    "id",
    "date",
    "uname",
    "getent",
    "md5sum",
    "sha256sum",
    "sha512sum",
    "cmp",
    "diff",
    "dpkg",
    "dpkg-query",
    "mktemp",
    "tempfile",
    "printf",
    "sleep",
    "sync",
    "expr",
    "seq",
    "kill",
    "pidof",
    "pgrep",
    "getcap",
    "ps",
    "mountpoint",
    "logger",
    "readlink",
    "dirname",
    "basename",
    "type",
    "hostname",
    "lsb_release",
    "selinuxenabled",
    "dbus-uuidgen",
];

/// What a call of `name` comes to, if it needs not be done; `words` are those of its arguments that are known.
pub(super) fn call(name: &str, words: &[&str]) -> Option<Called> {
    let done = [QUESTIONS, SERVICES, UPGRADES, CACHES];
    if done.iter().any(|names| names.contains(&name)) {
        return Some(if name == "db_get" { Called::harmless() } else { Called::done() });
    }
    let reads = match name {
        "sed" => !words.iter().any(|word| word.starts_with("-i") || word.starts_with("--in-place")),
        // A name that is not known has wildcards in it. It is that of a folder: who watches it looks there
        // when it is configured.
        "dpkg-trigger" => words.iter().all(|word| word.starts_with('-')),
        "find" => !words.iter().any(|word| ["-delete", "-exec", "-execdir", "-fprint"].contains(word)),
        _ => READERS.contains(&name),
    };
    reads.then(Called::harmless)
}
