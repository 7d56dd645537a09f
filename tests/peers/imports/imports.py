#!/usr/bin/env python3
"""Compares what `wheelwright verify` says of wheels with what importing them does.

    imports.py WHEELWRIGHT FOLDER [NAME…]

For each wheel of imports.toml, on each of its bases and for each platform: the image is built, verified,
unpacked, and the modules are imported in a chroot (arm64 by a registered emulator). Prints a line for each,
and at the end how many were foretold right. Needs root and binfmt for arm64; what it downloads and builds
stays in FOLDER. Ends with 1 where a library or a version of a symbol was missing and nobody said so, or
where fewer than 98 of 100 are right.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib

HERE = pathlib.Path(__file__).parent
PLATFORMS = ["linux/amd64", "linux/arm64"]
# What the loader says.
MISSING = re.compile(r"(lib\S+|\S+\.so\S*): cannot open shared object file")
NOT_FOUND = re.compile(r"OSError: .*'?(lib[\w.+-]+)'? (?:not found|could not be found)|(\w+) library not found")
VERSION = re.compile(r"version `(\S+)' not found")
SYMBOL = re.compile(r"undefined symbol: (\S+)|symbol lookup error")


def call(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)


def recipe(name, wheel, packages, platforms):
    require = wheel.get("require", [name])
    return f"""
name = "imports"
base = "scratch"
platforms = {json.dumps(platforms)}

[debian]
suite = "bookworm"
packages = {json.dumps(packages)}
strip = ["doc", "man", "locale"]
# Drivers of graphics cards: 200 MB that nothing here loads.
exclude = ["libgl1-mesa-dri"]

[wheels]
require = {json.dumps(require)}
python = "3.11"
"""


def build(wheelwright, folder, name, wheel, base, packages):
    """The layout of the image, and its platforms: as many as there are wheels for."""
    case = folder / "cases" / f"{name}-{base}"
    layout = case / "layout"
    wanted = wheel.get("platforms", PLATFORMS)
    options = ["--store", folder / "store"]
    for platforms in [wanted] + [[one] for one in wanted if len(wanted) > 1]:
        case.mkdir(parents=True, exist_ok=True)
        (case / "wheelwright.toml").write_text(recipe(name, wheel, packages, platforms))
        built = call(wheelwright, "build", case / "wheelwright.toml", "--output", f"oci:{layout}", "--verify", "off", *options)
        if built.returncode == 0:
            return layout, platforms
        shutil.rmtree(layout, ignore_errors=True)
    return built.stderr, []


def verify(wheelwright, folder, layout):
    """The errors of each platform: code, what it is about, the message."""
    done = call(wheelwright, "verify", f"oci:{layout}", "--libraries", "--format", "json", "--store", folder / "store")
    if done.returncode not in (0, 8):
        raise SystemExit(f"verify {layout}: {done.stderr}")
    errors = {}
    for finding in json.loads(done.stdout)["findings"]:
        if finding["level"] == "error":
            errors.setdefault(finding["platform"], []).append(finding)
    return errors


def manifests(layout):
    """Platform -> layers' files, of the layout's only index."""
    blob = lambda digest: layout / "blobs" / digest.replace(":", "/")
    [entry] = json.loads((layout / "index.json").read_bytes())["manifests"]
    document = json.loads(blob(entry["digest"]).read_bytes())
    images = document["manifests"] if "manifests" in document else [entry]
    found = {}
    for image in images:
        manifest = json.loads(blob(image["digest"]).read_bytes())
        config = json.loads(blob(manifest["config"]["digest"]).read_bytes())
        layers = [(layer["digest"], blob(layer["digest"])) for layer in manifest["layers"]]
        found[f"{config['os']}/{config['architecture']}"] = layers
    return found


def unpack(folder, layers):
    """A root with these layers; the lowest one is unpacked once and linked."""
    lowest, *others = layers
    below = folder / "roots" / lowest[0].replace(":", "-")
    if not below.exists():
        part = below.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        extract(lowest[1], part)
        part.rename(below)
    root = folder / "roots" / "case"
    subprocess.run(["rm", "-rf", root], check=True)
    subprocess.run(["cp", "-al", below, root], check=True)
    for _, layer in others:
        extract(layer, root)
    (root / "dev").mkdir(exist_ok=True)
    for name, minor in [("null", 3), ("zero", 5), ("urandom", 9)]:
        if not (root / "dev" / name).exists():
            os.mknod(root / "dev" / name, 0o020666, os.makedev(1, minor))
    return root


def extract(layer, root):
    subprocess.run(["tar", "--extract", "--gzip", "--unlink-first", "--recursive-unlink", "--same-permissions",
                    "--keep-directory-symlink", "--file", layer, "--directory", root], check=False,
                   capture_output=True)


def imported(root, module, platform):
    """Nothing if the module can be imported; else the kind of failure and for want of what."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "CUDA_VISIBLE_DEVICES": "",
                   "TF_CPP_MIN_LOG_LEVEL": "3", "MPLCONFIGDIR": "/tmp", "NUMBA_CACHE_DIR": "/tmp"}
    try:
        done = call(shutil.which("chroot"), root, "/usr/bin/python3", "-c", f"import {module}", env=environment, timeout=900)
    except subprocess.TimeoutExpired:
        return "other", "it took too long"
    if done.returncode == 0:
        return None
    text = done.stderr.replace("\n", " ")
    if found := MISSING.search(text) or NOT_FOUND.search(text):
        return "library", next(filter(None, found.groups()))
    if found := VERSION.search(text):
        return "version", found[1]
    if found := SYMBOL.search(text):
        return "symbol", found[1] or "?"
    last = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
    return "other", last[:100]


def judge(errors, outcomes):
    """Right or wrong, and a word of why."""
    told = " ".join(error["message"] for error in errors)
    wanted = [(kind, what) for kind, what in outcomes if kind in ("library", "version", "symbol")]
    if not wanted:
        return (not errors), ("" if not errors else "false alarm")
    missed = [what for kind, what in wanted if what not in told]
    return (not missed), (f"missed {', '.join(missed)}" if missed else "")


def main():
    wheelwright, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    asked = json.loads(json.dumps(tomllib.loads((HERE / "imports.toml").read_text())))
    only = set(sys.argv[3:])
    right = count = missed = 0
    for name, wheel in asked["wheels"].items():
        if only and name not in only:
            continue
        for base, packages in asked["bases"].items():
            layout, platforms = build(wheelwright, folder, name, wheel, base, packages)
            if not platforms:
                print(f"{name:24} {base:5} not built: {layout.strip().splitlines()[0][:120] if layout.strip() else '?'}", flush=True)
                continue
            errors = verify(wheelwright, folder, layout)
            for platform, layers in manifests(layout).items():
                root = unpack(folder, layers)
                outcomes = [found for module in wheel["import"] if (found := imported(root, module, platform))]
                good, why = judge(errors.get(platform, []), outcomes)
                count, right = count + 1, right + good
                missed += why.startswith("missed")
                said = sorted({re.sub(r"^`([^`]*)`.*", r"\1", error["message"])[:60] for error in errors.get(platform, [])})
                does = "imports" if not outcomes else "; ".join(sorted({f"{kind} {what}" for kind, what in outcomes}))
                print(f"{name:24} {base:5} {platform:12} {'ok   ' if good else 'WRONG'} "
                      f"verify: {', '.join(said) or 'imports'} | python: {does}{' | ' + why if why else ''}", flush=True)
            shutil.rmtree(layout, ignore_errors=True)
    print(f"{right} of {count} right ({100 * right / max(count, 1):.1f} %), {missed} failures missed")
    sys.exit(missed > 0 or right < 0.98 * count)


if __name__ == "__main__":
    main()
