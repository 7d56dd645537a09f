#!/usr/bin/env python3
"""Builds and pushes a recipe again and again into a Debian `docker-registry` on loopback: with nothing changed,
and with one script changed each time. Prints wall clock and processor time of the program, the requests that the
registry logged, and what was uploaded. See benches/README.md."""

import argparse
import collections
import os
import pathlib
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time

REQUEST = re.compile(r'"(GET|HEAD|POST|PATCH|PUT|DELETE) (\S+) HTTP/')


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default="target/release/wheelwright")
    parser.add_argument("--store", required=True, help="a store; it may hold the wheels already")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--verify", default="quick", help="what `--verify` of `build` is told")
    parser.add_argument("--requests", action="store_true", help="print every request of the last run of each kind")
    parser.add_argument("recipe", type=pathlib.Path, help="its first script is the one that changes")
    return parser.parse_args()


class Registry:
    """A registry with an empty folder of its own."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]
        config = folder / "config.yml"
        config.write_text(
            "version: 0.1\nlog: { level: warn }\n"
            f"storage: {{ filesystem: {{ rootdirectory: {folder / 'data'} }} }}\nhttp: {{ addr: '{self.address}' }}\n"
        )
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log)
        for _ in range(100):
            try:
                socket.create_connection(tuple([self.address.split(":")[0], int(self.address.split(":")[1])])).close()
                return
            except OSError:
                time.sleep(0.1)
        sys.exit("docker-registry does not listen")

    def seen(self):
        return self.log.stat().st_size

    def requests(self, since):
        with self.log.open() as log:
            log.seek(since)
            return REQUEST.findall(log.read())


def timed(command):
    """Wall clock and processor seconds of a command that must succeed."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stdout}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall * 1000, cpu * 1000


def uploads(requests):
    """What was stored: blobs closed by a PUT, and manifests."""
    kinds = collections.Counter()
    for method, path in requests:
        if method == "PUT":
            kinds["blobs" if "/blobs/uploads/" in path else "manifests" if "@" not in path else "other"] += 1
    return kinds


def row(name, runs, requests=()):
    walls, cpus = [wall for wall, _ in runs], [cpu for _, cpu in runs]
    put = uploads(requests)
    told = f"{len(requests)} requests, {put['blobs']} blobs and {put['manifests']} manifests put" if requests else ""
    print(
        f"{name:34} wall {statistics.median(walls):6.0f} ms (least {min(walls):.0f}, most {max(walls):.0f})"
        f"  CPU {statistics.median(cpus):6.0f} ms (least {min(cpus):.0f})  {told}",
        flush=True,
    )


def main():
    options = arguments()
    recipe = options.recipe.read_text()
    script = options.recipe.parent / re.search(r'\[\[scripts\]\]\s*from *= *"([^"]+)"', recipe).group(1)
    original = script.read_text()
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(pathlib.Path(folder))
        image = f"{registry.address}/warm:1"
        build = [options.program, "build", options.recipe, "--store", options.store, "--push", image]
        build += ["--verify", options.verify]
        try:
            wall, cpu = timed(build)
            print(f"first: wall {wall / 1000:.1f} s, CPU {cpu / 1000:.1f} s", flush=True)
            timed(build)
            for name, changes in (("nothing changed", False), ("one script changed", True)):
                runs = []
                for number in range(options.runs):
                    if changes:
                        script.write_text(f"{original}\n# {time.time_ns()} {number}\n")
                    since = registry.seen()
                    runs.append(timed(build))
                requests = registry.requests(since)
                row(name, runs, requests)
                if options.requests:
                    print("\n".join(f"    {method} {path}" for method, path in requests))
            copy = ["skopeo", "copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"]
            copy += [f"docker://{image}", f"docker://{registry.address}/copy:1"]
            timed(copy)
            runs = []
            for _ in range(options.runs):
                since = registry.seen()
                runs.append(timed(copy))
            row("skopeo copy, all there", runs, registry.requests(since))
        finally:
            script.write_text(original)
            registry.process.terminate()
            registry.process.wait()


if __name__ == "__main__":
    os.nice(0)
    main()
