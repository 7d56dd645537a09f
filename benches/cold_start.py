#!/usr/bin/env python3
"""How long something takes in an image, with the bytecode that wheelwright made and without.

ROOT is an image unpacked, `wheels.bytecode` and all: benches/README.md has the commands. Without means that the
unchecked pycs, which nobody else makes, are renamed for the time being; pycs of the base's own stay. Needs root.
"""

import argparse
import os
import resource
import statistics
import subprocess
import time
from pathlib import Path

UNCHECKED = b"\1\0\0\0"


def unchecked(root):
    for folder, _, files in os.walk(root):
        if os.path.basename(folder) == "__pycache__":
            for file in files:
                path = os.path.join(folder, file)
                with open(path, "rb") as pyc:
                    if file.endswith(".pyc") and pyc.read(8)[4:] == UNCHECKED:
                        yield path


def seconds(root, words, dropped):
    """Wall clock, and processor time of the command."""
    if dropped:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["/usr/sbin/chroot", root, *words], env=environment, stdin=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, metavar="N")
    parser.add_argument("root", metavar="ROOT")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="WORD", help="the command, an absolute path first")
    arguments = parser.parse_args()
    pycs = list(unchecked(arguments.root))
    size = sum(os.path.getsize(pyc) for pyc in pycs)
    print(f"{len(pycs)} pycs, {size / 1e6:.1f} MB")
    for dropped in [False, True]:
        without, compiled = [], []
        # In turns, so that a busy machine is busy for both; the first of each warms up.
        for _ in range(arguments.runs + 1):
            for pyc in pycs:
                os.rename(pyc, pyc + ".off")
            try:
                without.append(seconds(arguments.root, arguments.words, dropped))
            finally:
                for pyc in pycs:
                    os.rename(pyc + ".off", pyc)
            compiled.append(seconds(arguments.root, arguments.words, dropped))
        cache = "dropped" if dropped else "warm"
        for number, kind in enumerate(["wall clock", "processor"]):
            before, after = ([run[number] for run in runs[1:]] for runs in (without, compiled))
            for name, of in [("median", statistics.median), ("least", min)]:
                ratio = of(before) / of(after)
                print(f"page cache {cache}, {kind}, {name}: {of(before):.2f} s without, {of(after):.2f} s with, ratio {ratio:.2f}")


main()
