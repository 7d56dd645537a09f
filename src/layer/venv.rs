//! A virtual environment, laid out without running Python: what `python -m venv --without-pip` makes.
//!
//! [PEP 405](https://peps.python.org/pep-0405/).

use bytes::Bytes;

use super::{Body, Item, Node, Paths};
use crate::{
    lock::{Facts, Venv},
    oci::Platform,
};

/// The files of `venv`, with the directories above that `facts` do not have.
#[must_use]
pub fn lay_out(venv: &Venv, facts: &Facts, platform: &Platform) -> Vec<Item> {
    let paths = Paths::new(facts);
    let Some(python) = &facts.python else { return Vec::new() };
    let (prefix, version) = (&venv.prefix, python.version);
    let at = |path: &str| paths.canonical(&format!("{prefix}/{path}"));
    let item = Item::new;
    let text = |text: String| Node::File(Body::Literal(Bytes::from(text)));
    let link = |target: &str| Node::Symlink(target.to_owned());
    let mut items = vec![
        item(at("pyvenv.cfg"), text(settings(venv, &version.to_string())), 0o644),
        item(at("bin/activate"), text(activate(prefix)), 0o644),
        item(at("bin/python"), link(&venv.python), 0o777),
        item(at("bin/python3"), link("python"), 0o777),
        item(at(&format!("bin/python3.{}", version.minor)), link("python"), 0o777),
        item(paths.canonical(&python.scheme.purelib), Node::Directory, 0o755),
        item(at("include"), Node::Directory, 0o755),
    ];
    if platform.is_64_bit() {
        items.push(item(at("lib64"), link("lib"), 0o777));
    }
    paths.add_parents(&mut items);
    items
}

fn settings(venv: &Venv, version: &str) -> String {
    let home = venv.python.rsplit_once('/').map_or("", |(home, _)| home);
    let system = venv.system_site_packages;
    format!(
        "home = {home}\ninclude-system-site-packages = {system}\nversion = {version}\nexecutable = {}\n",
        venv.python
    )
}

/// What a shell sources; containers have the same in their environment.
fn activate(prefix: &str) -> String {
    format!(
        "\
# To be sourced: `. {prefix}/bin/activate`
deactivate () {{
    [ -n \"${{_OLD_VIRTUAL_PATH:-}}\" ] && PATH=\"$_OLD_VIRTUAL_PATH\" && export PATH
    unset _OLD_VIRTUAL_PATH VIRTUAL_ENV
    hash -r 2> /dev/null
    [ \"${{1:-}}\" = nondestructive ] || unset -f deactivate
}}
deactivate nondestructive
VIRTUAL_ENV='{prefix}'
export VIRTUAL_ENV
_OLD_VIRTUAL_PATH=\"$PATH\"
PATH=\"$VIRTUAL_ENV/bin:$PATH\"
export PATH
hash -r 2> /dev/null
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::{Directory, Interpreter, Scheme, Symlink};

    #[test]
    fn it_looks_as_if_python_had_made_it() {
        let site = "/opt/venv/lib/python3.11/site-packages".to_owned();
        let scheme = Scheme {
            purelib: site.clone(),
            platlib: site,
            scripts: "/opt/venv/bin".to_owned(),
            data: "/opt/venv".to_owned(),
            headers: "/opt/venv/include/site/python3.11".to_owned(),
        };
        let python = Interpreter {
            path: "/opt/venv/bin/python3".to_owned(),
            version: "3.11.9".parse().unwrap(),
            free_threaded: false,
            scheme,
        };
        let directory = |path: &str| Directory { path: path.to_owned(), mode: 0o755, uid: 0, gid: 0 };
        let facts = Facts {
            python: Some(python),
            directories: ["/data", "/data/apps"].map(directory).to_vec(),
            symlinks: vec![Symlink { path: "/opt".to_owned(), target: "data/apps".to_owned() }],
            ..Facts::default()
        };
        let venv = Venv {
            prefix: "/opt/venv".to_owned(),
            python: "/usr/local/bin/python3".to_owned(),
            system_site_packages: false,
        };
        let shown = |platform: &str| -> Vec<String> {
            let told = |item: &Item| match &item.node {
                Node::Symlink(target) => format!("{} -> {target}", item.path),
                Node::Directory => format!("{}/", item.path),
                _ => item.path.clone(),
            };
            lay_out(&venv, &facts, &platform.parse().unwrap()).iter().map(told).collect()
        };
        let expect = [
            "data/apps/venv/",
            "data/apps/venv/bin/",
            "data/apps/venv/bin/activate",
            "data/apps/venv/bin/python -> /usr/local/bin/python3",
            "data/apps/venv/bin/python3 -> python",
            "data/apps/venv/bin/python3.11 -> python",
            "data/apps/venv/include/",
            "data/apps/venv/lib/",
            "data/apps/venv/lib/python3.11/",
            "data/apps/venv/lib/python3.11/site-packages/",
            "data/apps/venv/lib64 -> lib",
            "data/apps/venv/pyvenv.cfg",
        ];
        assert_eq!(shown("linux/arm64"), expect);
        assert!(!shown("linux/arm/v7").iter().any(|item| item.contains("lib64")));
        assert_eq!(
            settings(&venv, "3.11.9"),
            "home = /usr/local/bin\ninclude-system-site-packages = false\nversion = 3.11.9\nexecutable = /usr/local/bin/python3\n"
        );
    }
}
