//! `/etc/passwd` and `/etc/group`: without them a user has no name and no home. `base-passwd` keeps
//! Debian's own as master files; without that package there are root and nobody. `nonroot` is an ordinary
//! user that every image has, and packages add their own by `adduser` and its kin.

use std::collections::BTreeSet;

use super::{
    super::{
        UnpackError,
        tree::{Tree, TreeKind, TreeNode},
    },
    Answer, Machine,
    arguments::Arguments,
    files,
};
use crate::debian::shell::Called;

const PASSWD: (&str, &str) = (
    "usr/share/base-passwd/passwd.master",
    "root:x:0:0:root:/root:/usr/sbin/nologin\n\
     nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
);
const GROUP: (&str, &str) = ("usr/share/base-passwd/group.master", "root:x:0:\nnogroup:x:65534:\n");
/// Name, number and home of the ordinary user.
const ORDINARY: (&str, u64, &str) = ("nonroot", 65532, "/home/nonroot");
const NOBODY: u64 = 65534;
const NOLOGIN: &str = "/usr/sbin/nologin";
const NO_HOME: &str = "/nonexistent";
/// Numbers that Debian gives to users of packages; `adduser` from the one end, sysusers.d(5) from the other.
const DYNAMIC: std::ops::RangeInclusive<u64> = 100..=999;

/// Most lines of a list of accounts, and most calls and lines that add to them; a large installation has some hundred.
const MOST: usize = 10_000;

/// Users and groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
    /// Calls and lines so far.
    lines: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct User {
    name: String,
    password: String,
    uid: u64,
    gid: u64,
    comment: String,
    home: String,
    shell: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: String,
    password: String,
    gid: u64,
    members: Vec<String>,
}

/// From which end a number is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Low,
    High,
}

impl Accounts {
    /// Those of the tree, before any package adds to them.
    pub(super) fn read(tree: &Tree) -> Result<Self, UnpackError> {
        let text = |(master, minimal): (&str, &str)| {
            let found = tree.read(master)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            if found.as_ref().is_some_and(|text| text.lines().count() > MOST) {
                let (path, reason) = (master.to_owned(), "lists more accounts than any system has");
                return Err(UnpackError::Tree { path, reason });
            }
            Ok(found.unwrap_or_else(|| minimal.to_owned()))
        };
        let mut accounts = Self { users: users(&text(PASSWD)?), groups: groups(&text(GROUP)?), lines: 0 };
        let (name, number, home) = ORDINARY;
        accounts.groups.push(Group::new(name, number));
        accounts.users.push(User { comment: name.to_owned(), ..User::new(name, number, number, home) });
        Ok(accounts)
    }

    /// Writes them down, unless a package brings files of its own.
    pub(super) fn write(&self, tree: &mut Tree) {
        let has_shadow = tree.look("etc/shadow").is_some();
        let users = self.users.iter().map(|user| {
            let User { name, password, uid, gid, comment, home, shell } = user;
            // Who has a password in a file that is not there cannot become anybody, even by root's doing.
            let password = if password == "x" && !has_shadow { "*" } else { password };
            format!("{name}:{password}:{uid}:{gid}:{comment}:{home}:{shell}\n")
        });
        tree.add_file("etc/passwd", users.collect::<String>());
        let groups = self
            .groups
            .iter()
            .map(|group| format!("{}:{}:{}:{}\n", group.name, group.password, group.gid, group.members.join(",")));
        tree.add_file("etc/group", groups.collect::<String>());
        if let Some(user) = self.users.iter().find(|user| user.name == ORDINARY.0) {
            add_home(tree, user, 0o700);
        }
    }

    pub(super) fn uid(&self, name: &str) -> Option<u64> {
        self.user(name).map(|user| user.uid)
    }

    pub(super) fn gid(&self, name: &str) -> Option<u64> {
        self.group(name).map(|group| group.gid)
    }

    /// Questions about accounts.
    pub(super) fn ask(&self, words: &[&str]) -> Answer {
        Some(match words {
            ["getent", "passwd", name] => Called::answered(self.user(name).is_some()),
            ["getent", "group", name] => Called::answered(self.group(name).is_some()),
            ["id", .., name] if !name.starts_with('-') => Called::answered(self.user(name).is_some()),
            _ => return None,
        })
    }

    fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    fn free(&self, end: End) -> Option<u64> {
        let numbers = self.users.iter().map(|user| user.uid).chain(self.groups.iter().map(|group| group.gid));
        let taken: BTreeSet<u64> = numbers.filter(|number| DYNAMIC.contains(number)).collect();
        let mut numbers = DYNAMIC;
        match end {
            End::Low => numbers.find(|number| !taken.contains(number)),
            End::High => numbers.rev().find(|number| !taken.contains(number)),
        }
    }

    /// Whether so many lines may still add to them.
    fn afford(&mut self, lines: usize) -> bool {
        self.lines = self.lines.saturating_add(lines);
        self.lines <= MOST
    }

    /// The number of the group, which is made unless it is there.
    fn add_group(&mut self, name: &str, number: Option<u64>, end: End) -> Option<u64> {
        if let Some(group) = self.group(name) {
            return Some(group.gid);
        }
        let gid = number.or_else(|| self.free(end))?;
        self.groups.push(Group::new(name, gid));
        Some(gid)
    }

    fn add_member(&mut self, user: &str, group: &str) -> bool {
        let Some(group) = self.groups.iter_mut().find(|known| known.name == group) else { return false };
        if !group.members.iter().any(|member| member == user) {
            group.members.push(user.to_owned());
        }
        true
    }
}

impl User {
    fn new(name: &str, uid: u64, gid: u64, home: &str) -> Self {
        let text = str::to_owned;
        Self {
            name: text(name),
            password: text("x"),
            uid,
            gid,
            comment: text(""),
            home: text(home),
            shell: text(NOLOGIN),
        }
    }
}

impl Group {
    fn new(name: &str, gid: u64) -> Self {
        Self { name: name.to_owned(), password: "x".to_owned(), gid, members: Vec::new() }
    }
}

fn users(text: &str) -> Vec<User> {
    let user = |line: &str| {
        let [name, password, uid, gid, comment, home, shell] = line.split(':').collect::<Vec<_>>()[..] else {
            return None;
        };
        Some(User {
            name: name.to_owned(),
            password: password.to_owned(),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            comment: comment.to_owned(),
            home: home.to_owned(),
            shell: shell.to_owned(),
        })
    };
    text.lines().filter_map(user).collect()
}

fn groups(text: &str) -> Vec<Group> {
    let group = |line: &str| {
        let [name, password, gid, members] = line.split(':').collect::<Vec<_>>()[..] else { return None };
        let members = members.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Some(Group { name: name.to_owned(), password: password.to_owned(), gid: gid.parse().ok()?, members })
    };
    text.lines().filter_map(group).collect()
}

fn add_home(tree: &mut Tree, user: &User, mode: u32) {
    if let Some(path) = user.home.strip_prefix('/').and_then(|path| tree.place(path))
        && tree.get(&path).is_none()
        && files::is_bounded(&path)
    {
        // Whatever stands between is root's.
        tree.add_parents_of(&path);
        let node = TreeNode::made(TreeKind::Directory, mode);
        tree.insert(path, TreeNode { uid: user.uid, gid: user.gid, ..node });
    }
}

pub(super) fn call(machine: &mut Machine<'_>, words: &[&str]) -> Answer {
    let (name, words) = words.split_first()?;
    let act = match *name {
        "adduser" => adduser,
        "addgroup" => addgroup,
        "groupadd" => groupadd,
        "useradd" => useradd,
        "systemd-sysusers" => sysusers,
        _ => return None,
    };
    let done =
        machine.accounts.as_mut().is_some_and(|accounts| accounts.afford(1) && act(accounts, machine.tree, words));
    Some(if done { Called::done() } else { Called::undone() })
}

/// adduser(8): users of packages, or a user's entry into a group.
fn adduser(accounts: &mut Accounts, tree: &mut Tree, words: &[&str]) -> bool {
    let valued =
        ["--home", "--shell", "--uid", "--gid", "--ingroup", "--gecos", "--comment", "--firstuid", "--lastuid"];
    let arguments = Arguments::parse(words, &valued);
    match arguments.rest[..] {
        [user, group] => accounts.add_member(user, group),
        [name] if arguments.has(&["--system"]) => {
            if accounts.user(name).is_some() {
                return true;
            }
            let number = arguments.value(&["--uid"]).and_then(|number| number.parse().ok());
            let Some(uid) = number.or_else(|| accounts.free(End::Low)) else { return false };
            let gid = if arguments.has(&["--group"]) {
                accounts.add_group(name, Some(uid), End::Low)
            } else {
                match arguments.value(&["--ingroup", "--gid"]) {
                    Some(group) => accounts.gid(group),
                    None => Some(NOBODY),
                }
            };
            let Some(gid) = gid else { return false };
            let mut user = User::new(name, uid, gid, arguments.value(&["--home"]).unwrap_or(NO_HOME));
            add_details(&mut user, &arguments);
            if user.home != NO_HOME && !arguments.has(&["--no-create-home"]) {
                add_home(tree, &user, 0o755);
            }
            accounts.users.push(user);
            true
        }
        [name] if arguments.has(&["--group"]) => addgroup(accounts, tree, &["--system", name]),
        _ => false,
    }
}

fn add_details(user: &mut User, arguments: &Arguments<'_>) {
    if let Some(comment) = arguments.value(&["--gecos", "--comment", "-c"]) {
        comment.clone_into(&mut user.comment);
    }
    if let Some(shell) = arguments.value(&["--shell", "-s"]) {
        shell.clone_into(&mut user.shell);
    }
}

fn addgroup(accounts: &mut Accounts, _: &mut Tree, words: &[&str]) -> bool {
    let arguments = Arguments::parse(words, &["--gid", "--firstgid", "--lastgid"]);
    match arguments.rest[..] {
        [user, group] => accounts.add_member(user, group),
        [name] => {
            let number = arguments.value(&["--gid"]).and_then(|number| number.parse().ok());
            accounts.add_group(name, number, End::Low).is_some()
        }
        _ => false,
    }
}

fn groupadd(accounts: &mut Accounts, _: &mut Tree, words: &[&str]) -> bool {
    let arguments = Arguments::parse(words, &["-g", "--gid", "-K", "--key"]);
    let [name] = arguments.rest[..] else { return false };
    let number = arguments.value(&["-g", "--gid"]).and_then(|number| number.parse().ok());
    accounts.add_group(name, number, End::High).is_some()
}

fn useradd(accounts: &mut Accounts, tree: &mut Tree, words: &[&str]) -> bool {
    let valued = [
        "-d",
        "--home-dir",
        "--home",
        "-s",
        "--shell",
        "-g",
        "--gid",
        "-c",
        "--comment",
        "-u",
        "--uid",
        "-G",
        "--groups",
        "-K",
    ];
    let arguments = Arguments::parse(words, &valued);
    let [name] = arguments.rest[..] else { return false };
    if !arguments.has(&["r", "--system"]) || arguments.has(&["-G", "--groups"]) {
        return false;
    }
    if accounts.user(name).is_some() {
        return true;
    }
    let number = arguments.value(&["-u", "--uid"]).and_then(|number| number.parse().ok());
    let Some(uid) = number.or_else(|| accounts.free(End::High)) else { return false };
    let gid = match arguments.value(&["-g", "--gid"]) {
        Some(group) => accounts.gid(group),
        None => accounts.add_group(name, Some(uid), End::High),
    };
    let Some(gid) = gid else { return false };
    let mut user = User::new(name, uid, gid, arguments.value(&["-d", "--home-dir", "--home"]).unwrap_or(NO_HOME));
    add_details(&mut user, &arguments);
    if arguments.has(&["m", "--create-home"]) {
        add_home(tree, &user, 0o755);
    }
    accounts.users.push(user);
    true
}

/// The files of sysusers.d(5) that are named.
fn sysusers(accounts: &mut Accounts, tree: &mut Tree, words: &[&str]) -> bool {
    let arguments = Arguments::parse(words, &["--root"]);
    arguments.rest.iter().all(|name| {
        let path = name.strip_prefix('/').map_or_else(|| format!("usr/lib/sysusers.d/{name}"), str::to_owned);
        let Ok(Some(text)) = tree.read(&path) else { return false };
        let text = String::from_utf8_lossy(&text);
        accounts.afford(text.lines().count()) && text.lines().all(|line| sysusers_line(accounts, line))
    })
}

/// One line: `u NAME ID "COMMENT" HOME SHELL`, `g NAME ID`, `m USER GROUP`.
fn sysusers_line(accounts: &mut Accounts, line: &str) -> bool {
    let fields = fields(line);
    let given = |at: usize| fields.get(at).map(String::as_str).filter(|field| *field != "-" && !field.is_empty());
    let (Some(kind), Some(name)) = (given(0), given(1)) else { return true };
    if kind.starts_with('#') {
        return true;
    }
    let number = |text: &str| text.parse::<u64>().ok();
    match kind.trim_end_matches('!') {
        "g" => accounts.add_group(name, given(2).and_then(number), End::High).is_some(),
        "m" => given(2).is_some_and(|group| {
            accounts.add_group(group, None, End::High).is_some() && accounts.add_member(name, group)
        }),
        "u" => {
            if accounts.user(name).is_some() {
                return true;
            }
            let (user, group) = given(2)
                .map_or(("", None), |id| id.split_once(':').map_or((id, None), |(user, group)| (user, Some(group))));
            let Some(uid) = number(user)
                .or_else(|| accounts.group(name).map(|group| group.gid))
                .or_else(|| accounts.free(End::High))
            else {
                return false;
            };
            let gid = match group {
                Some(group) => accounts.gid(group),
                None => accounts.add_group(name, Some(uid), End::High),
            };
            let Some(gid) = gid else { return false };
            let mut user = User::new(name, uid, gid, given(4).unwrap_or("/"));
            given(3).unwrap_or_default().clone_into(&mut user.comment);
            given(5).unwrap_or(NOLOGIN).clone_into(&mut user.shell);
            accounts.users.push(user);
            true
        }
        "r" => true,
        _ => false,
    }
}

/// Fields between blanks, quoted where they have some.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    for letter in line.trim().chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ' ' | '\t' if !is_quoted => {
                if fields.last().is_some_and(|field| !field.is_empty()) {
                    fields.push(String::new());
                }
            }
            letter => fields.last_mut().expect("there is always one").push(letter),
        }
    }
    fields
}
