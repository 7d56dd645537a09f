#!/usr/bin/env python3
"""How long an import takes in an image, with bytecode and without: benches/README.md has the command."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

RECIPE = """\
name = "cold-start"
platforms = ["linux/amd64"]
{base}
[wheels]
require = {require}
bytecode = {bytecode}
"""

SCRATCH = """\
base = "scratch"
[debian]
suite = "bookworm"
packages = ["python3", "libgomp1", "libstdc++6"]
"""


def run(*command, **more):
    return subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL, **more)


def unpack(arguments, folder, bytecode):
    """Builds the image, and unpacks it with umoci: its root, and the bytes of its layers."""
    folder.mkdir()
    if arguments.base:
        base = f"base = {json.dumps(arguments.base)}"
    else:
        base = SCRATCH
    text = RECIPE.format(base=base, require=json.dumps(arguments.require), bytecode=json.dumps(bytecode))
    (folder / "image.toml").write_text(text)
    layout = folder / "layout"
    build = [arguments.wheelwright, "build", folder / "image.toml", "--output", f"oci:{layout}", "--progress", "off"]
    if arguments.store:
        build += ["--store", arguments.store]
    run(*build, stdout=subprocess.DEVNULL)
    blob = lambda digest: json.loads((layout / "blobs" / digest.replace(":", "/")).read_text())
    index = json.loads((layout / "index.json").read_text())
    entry = blob(index["manifests"][0]["digest"])["manifests"][0]
    size = sum(layer["size"] for layer in blob(entry["digest"])["layers"])
    # umoci does not follow a name to an image index.
    entry["annotations"] = {"org.opencontainers.image.ref.name": "image"}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    run("umoci", "unpack", "--image", f"{layout}:image", folder / "bundle", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shutil.rmtree(layout)
    return folder / "bundle/rootfs", size


def seconds(root, code, dropped):
    if dropped:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    start = time.monotonic()
    run("/usr/sbin/chroot", root, "/usr/bin/python3", "-c", code, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheelwright", required=True, help="the program")
    parser.add_argument("--base", help="in place of Debian's Python from scratch")
    parser.add_argument("--store", help="where wheels are kept")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--code", required=True, help="what Python runs")
    parser.add_argument("require", nargs="+")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images = {bytecode: unpack(arguments, Path(folder) / str(bytecode), bytecode) for bytecode in [False, True]}
        for dropped in [False, True]:
            times = {bytecode: [] for bytecode in images}
            for number in range(arguments.runs + 1):
                # In turns, so that a busy machine is busy for both; the first warms up.
                for bytecode, (root, _) in images.items():
                    took = seconds(root, arguments.code, dropped)
                    if number > 0:
                        times[bytecode].append(took)
            without, compiled = (statistics.median(times[bytecode]) for bytecode in [False, True])
            cache = "dropped" if dropped else "warm"
            print(f"page cache {cache}: {without:.2f} s without, {compiled:.2f} s with bytecode, ratio {without / compiled:.2f}")
        before, after = (size for _, size in images.values())
        print(f"layers: {before / 1e6:.1f} MB without, {after / 1e6:.1f} MB with bytecode")


main()
