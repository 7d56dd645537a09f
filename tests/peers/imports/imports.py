#!/usr/bin/env python3
"""Compares what `wheelwright verify` says of wheels with what importing them does.

    imports.py [--jobs N] [--table FILE] WHEELWRIGHT FOLDER [NAME…]

For each wheel of imports.toml, on each of its bases and for each platform: the image is built and verified,
unpacked, and the modules are imported in a chroot (arm64 by a registered emulator). Where `verify` names a
module that nobody imported, that one is imported as well. Prints a line for each image, also for those that
cannot be had, and at the end how many were foretold right. Needs root and binfmt for arm64.

What importing did stays in FOLDER, by the lock: run again, only what `verify` says is asked anew. Of what
is built there, only wheels and the bases' roots stay. Ends with 1 where a library or a version of a symbol was
missing and nobody said so, or where fewer than 98 of 100 are right.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading
import tomllib

HERE = pathlib.Path(__file__).parent
PLATFORMS = ["linux/amd64", "linux/arm64"]
# What the loader says, and Python code that looked for a library by itself.
MISSING = re.compile(r"([\w.+-]+\.so[\w.+-]*): cannot open shared object file")
NOT_FOUND = re.compile(
    r"(?:OSError|ImportError|RuntimeError|ValueError): .{0,80}?'?(lib(?!rary)[\w.+*-]+)'? (?:not found|could not be found)"
    r"|(?:[Cc]annot|[Cc]an not|failed to|Unable to|Couldn't) find (?:the |Ghostscript library \()?(?!library)(\w+)"
    r"|cannot load library '(lib\w+)|following libraries:([\w-]+)|'(\w+)' C library was not found"
    r"|(?i:(\w+) (?:shared )?library (?:was )?(?:not found|could not be found))"
)
VERSION = re.compile(r"version `(\S+)' not found")
SYMBOL = re.compile(r"undefined symbol: (\w+)|symbol lookup error")
KINDS = ("library", "version", "symbol")
# A base is unpacked by one thread only.
UNPACKING = threading.Lock()


def call(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)


class Case:
    """One wheel on one base: its folder holds recipe, lock and what importing did."""

    def __init__(self, wheelwright, folder, name, wheel, base, packages):
        self.wheelwright, self.folder, self.name, self.wheel, self.base = wheelwright, folder, name, wheel, base
        self.packages = list(dict.fromkeys(packages + wheel.get("packages", [])))
        self.case = folder / "cases" / f"{name}-{base}"
        self.recipe = self.case / "wheelwright.toml"
        # Frameworks of gigabytes have a store to themselves, which goes with them.
        self.store = folder / (f"store-{name}" if wheel.get("large") else "store")

    def run(self):
        """A row for each platform."""
        self.case.mkdir(parents=True, exist_ok=True)
        rows = []
        refusals = {}
        platforms = self.lock(refusals)
        rows += [Row(self, platform, "absent", refusals[platform]) for platform in sorted(refusals)]
        if platforms:
            rows += self.compared(platforms)
        return sorted(rows, key=lambda row: row.platform)

    def lock(self, refusals):
        """The platforms for which there is a lock now."""
        wanted = self.wheel.get("platforms", PLATFORMS)
        if not (refused := self.locked(wanted)):
            return wanted
        if len(wanted) == 1:
            refusals[wanted[0]] = refused
            return []
        for platform in wanted:
            if refused := self.locked([platform]):
                refusals[platform] = refused
        left = [platform for platform in wanted if platform not in refusals]
        return left if left and not self.locked(left) else []

    def locked(self, platforms):
        """Nothing where a lock could be made; else why not."""
        text = self.text(platforms)
        if not self.recipe.exists() or self.recipe.read_text() != text:
            self.recipe.write_text(text)
        done = call(self.wheelwright, "lock", self.recipe, "--store", self.store)
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["?"]
        return None if done.returncode == 0 else next((line for line in lines if "error" in line), lines[-1])[:160]

    def text(self, platforms):
        require, exclude = self.wheel.get("require", [self.name]), self.wheel.get("exclude", [])
        return f"""
name = "imports"
base = "scratch"
platforms = {json.dumps(platforms)}

[debian]
suite = "bookworm"
packages = {json.dumps(self.packages)}
strip = ["doc", "man", "locale"]

[wheels]
require = {json.dumps(require)}
exclude = {json.dumps(exclude)}
python = "3.11"
"""

    def compared(self, platforms):
        done = call(self.wheelwright, "verify", self.recipe, "--libraries", "--format", "json", "--store", self.store)
        if done.returncode not in (0, 8):
            return [Row(self, platform, "absent", f"verify: {done.stderr.strip()[:200]}") for platform in platforms]
        report = json.loads(done.stdout)
        rows = []
        images = Images(self)
        for platform in platforms:
            errors = [one for one in report["findings"] if one["platform"] == platform and one["level"] == "error"]
            truth = self.truth(platform, errors, images)
            rows.append(judged(self, platform, errors, truth))
        images.remove()
        if self.wheel.get("large"):
            shutil.rmtree(self.store, ignore_errors=True)
        return rows

    def truth(self, platform, errors, images):
        """What importing did, by module: what was done once is not done again."""
        key = hashlib.sha256(self.recipe.read_bytes() + self.recipe.with_suffix(".lock").read_bytes()).hexdigest()
        kept = self.case / f"{platform.replace('/', '-')}.json"
        known = json.loads(kept.read_text()) if kept.exists() else {}
        outcomes = known["outcomes"] if known.get("key") == key else {}
        named = {module for error in errors if (module := module_of(error))}
        listed = self.wheel["import"]
        if missing := [module for module in dict.fromkeys([*listed, *sorted(named)]) if module not in outcomes]:
            with images.root(platform) as root:
                for module in missing:
                    outcomes[module] = imported(root, module)
            kept.write_text(json.dumps({"key": key, "outcomes": outcomes}, indent=1))
        return {module: outcomes[module] for module in [*listed, *sorted(named)]}


class Images:
    """The images of a case, built only if somebody wants to look into one."""

    def __init__(self, case):
        self.case, self.layout = case, case.case / "layout"

    def root(self, platform):
        if not self.layout.exists():
            done = call(self.case.wheelwright, "build", self.case.recipe, "--output", f"oci:{self.layout}",
                        "--verify", "off", "--store", self.case.store)
            if done.returncode:
                raise SystemExit(f"{self.case.name}: {done.stderr}")
        return Root(self.case.folder, self.case.case / "root", manifests(self.layout)[platform])

    def remove(self):
        shutil.rmtree(self.layout, ignore_errors=True)


class Root:
    """An image unpacked for as long as it is needed; the lowest layer is unpacked once and linked."""

    def __init__(self, folder, root, layers):
        self.folder, self.root, self.layers = folder, root, layers

    def __enter__(self):
        lowest, *others = self.layers
        below = self.folder / "roots" / lowest[0].replace(":", "-")
        with UNPACKING:
            if not below.exists():
                part = below.with_suffix(".part")
                subprocess.run(["rm", "-rf", part], check=True)
                part.mkdir(parents=True)
                extract(lowest[1], part)
                part.rename(below)
        subprocess.run(["rm", "-rf", self.root], check=True)
        subprocess.run(["cp", "-al", below, self.root], check=True)
        for _, layer in others:
            extract(layer, self.root)
        (self.root / "dev").mkdir(exist_ok=True)
        for name, minor in [("null", 3), ("zero", 5), ("urandom", 9)]:
            if not (self.root / "dev" / name).exists():
                os.mknod(self.root / "dev" / name, 0o020666, os.makedev(1, minor))
        return self.root

    def __exit__(self, *_):
        subprocess.run(["rm", "-rf", self.root], check=True)


class Row:
    def __init__(self, case, platform, verdict, why, said="", does=""):
        self.case, self.platform, self.verdict, self.why, self.said, self.does = case, platform, verdict, why, said, does

    def line(self):
        start = f"{self.case.name:24} {self.case.base:5} {self.platform:12} {self.verdict:6}"
        if self.verdict == "absent":
            return f"{start} {self.why}"
        why = f" | {self.why}" if self.why else ""
        return f"{start} verify: {self.said or 'imports'} | python: {self.does or 'imports'}{why}"


def module_of(error):
    """The module that cannot be imported, as the finding has it: the file that is loaded, or for want of which."""
    named = re.search(r"which /(\S+) needs to be loaded", error["message"])
    path = named[1] if named else (error["path"] or "")
    found = re.search(r"-packages/(.+?)\.(?:cpython-[\w-]+\.|abi3\.)?so$", path)
    return found[1].replace("/", ".") if found else None


def subject(error):
    """What a finding is about: the library that it begins with."""
    begins = re.match(r"`([^`]+)` (?:is|comes)", error["message"])
    return begins[1] if begins else error["message"][:80]


def judged(case, platform, errors, truth):
    """Right or wrong, and a word of why: each failure foretold, each error a failure."""
    failures = {tuple(outcome) for outcome in truth.values() if outcome}
    wanted = {(kind, what) for kind, what in failures if kind in KINDS}
    told = " ".join(error["message"] for error in errors)
    subjects = sorted({subject(error) for error in errors})
    # Python code has names of its own: PortAudio is libportaudio.so.2.
    missed = sorted(what for _, what in wanted if what.lower() not in told.lower())
    false = [] if wanted else subjects
    why = f"missed {', '.join(missed)}" if missed else f"false alarm: {', '.join(false)}" if false else ""
    said = ", ".join(subjects)
    does = "; ".join(sorted({f"{kind} {what}" for kind, what in failures}))
    return Row(case, platform, "WRONG" if why else "ok", why, said, does)


def manifests(layout):
    """Platform -> layers' files, of the layout's only index."""
    def blob(digest):
        return layout / "blobs" / digest.replace(":", "/")
    [entry] = json.loads((layout / "index.json").read_bytes())["manifests"]
    document = json.loads(blob(entry["digest"]).read_bytes())
    found = {}
    for image in document["manifests"] if "manifests" in document else [entry]:
        manifest = json.loads(blob(image["digest"]).read_bytes())
        config = json.loads(blob(manifest["config"]["digest"]).read_bytes())
        layers = [(layer["digest"], blob(layer["digest"])) for layer in manifest["layers"]]
        found[f"{config['os']}/{config['architecture']}"] = layers
    return found


def extract(layer, root):
    subprocess.run(["tar", "--extract", "--gzip", "--unlink-first", "--same-permissions", "--keep-directory-symlink",
                    "--file", layer, "--directory", root], check=False,
                   capture_output=True)


def imported(root, module):
    """Nothing if the module can be imported; else the kind of failure and for want of what."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "CUDA_VISIBLE_DEVICES": "",
                   "TF_CPP_MIN_LOG_LEVEL": "3", "MPLCONFIGDIR": "/tmp", "NUMBA_CACHE_DIR": "/tmp"}
    program = f"import importlib; importlib.import_module({module!r})"
    try:
        done = call(shutil.which("chroot"), root, "/usr/bin/python3", "-c", program, env=environment, timeout=1200)
    except subprocess.TimeoutExpired:
        return "other", "it took too long"
    if done.returncode == 0:
        return None
    text = done.stderr.replace("\n", " ")
    # Of several names that were tried, the last one.
    if found := [*MISSING.finditer(text)][-1:] or [*NOT_FOUND.finditer(text)][:1]:
        return "library", next(filter(None, found[0].groups()))
    if found := VERSION.search(text):
        return "version", found[1]
    if found := SYMBOL.search(text):
        return "symbol", found[1] or "?"
    last = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
    return "other", last[:160]


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("wheelwright", type=pathlib.Path)
    words.add_argument("folder", type=pathlib.Path)
    words.add_argument("names", nargs="*")
    words.add_argument("--jobs", type=int, default=2, help="images at a time")
    words.add_argument("--table", type=pathlib.Path, help="where the table goes as well")
    asked = words.parse_args()
    document = tomllib.loads((HERE / "imports.toml").read_text())
    chosen = [(name, wheel) for name, wheel in document["wheels"].items() if not asked.names or name in asked.names]
    # Large ones one at a time, at the end.
    cases = [Case(asked.wheelwright.resolve(), asked.folder.resolve(), name, wheel, base, packages)
             for name, wheel in sorted(chosen, key=lambda one: one[1].get("large", False))
             for base, packages in document["bases"].items()]
    rows = []

    def take(done):
        for row in done:
            rows.append(row)
            print(row.line(), flush=True)

    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        for done in pool.map(Case.run, [case for case in cases if not case.wheel.get("large")]):
            take(done)
    for case in cases:
        if case.wheel.get("large"):
            take(case.run())
    judged_rows = [row for row in rows if row.verdict != "absent"]
    right = sum(row.verdict == "ok" for row in judged_rows)
    missed = sum(row.why.startswith("missed") for row in judged_rows)
    summary = (f"{right} of {len(judged_rows)} right ({100 * right / max(len(judged_rows), 1):.1f} %), {missed} failures "
               f"missed, {len(rows) - len(judged_rows)} without a wheel for the platform")
    print(summary)
    if asked.table:
        asked.table.write_text("\n".join([*(row.line() for row in rows), summary]) + "\n")
    raise SystemExit(missed > 0 or right < 0.98 * len(judged_rows))


if __name__ == "__main__":
    main()
