#!/usr/bin/env python3
"""Holds the packages that Wheelwright chooses against those that apt chooses.

    cargo build --example closures
    python3 tests/peers/closures.py --closures target/debug/examples/closures          # 200 packages a suite
    python3 tests/peers/closures.py --closures … --count 10 --suite bookworm           # fewer

For each suite and architecture: packages drawn by a fixed seed from all names that apt knows, and some
that many images have. apt answers `apt-get -s install` on an empty system, with lists of its own that it
fetches from the mirror of this machine and checks itself. Names and versions must be the same, or stand in
`closures.toml` with the reason; and no answer may be one that dpkg would find broken.

Needs root, apt and Debian's keyring. The last line counts: `N same, N other for a known reason, N wrong`.
"""

import argparse
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
SUITES = ["bookworm", "trixie"]
ARCHITECTURES = ["amd64", "arm64"]
# What images are made of, whatever the seed draws.
NAMED = ["python3", "libgl1 libglib2.0-0", "ffmpeg", "ca-certificates tzdata", "build-essential", "gdal-bin"]
NAMED += ["curl", "git", "nginx", "imagemagick"]
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LIMIT = 600
INSTALL = re.compile(r"^Inst (\S+) (?:\[\S+\] )?\((\S+) ")

SETTINGS = """
Dir "{root}";
Dir::State::status "{root}/var/lib/dpkg/status";
Dir::Etc::sourcelist "{root}/etc/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "{recommends}";
APT::Sandbox::User "root";
Acquire::Languages "none";
"""


class Apt:
    """apt on a system without any package."""

    def __init__(self, options, suite, architecture):
        root = options.work / f"{suite}-{architecture}"
        for folder in ["etc/apt", "var/lib/apt/lists/partial", "var/lib/dpkg", "var/cache/apt/archives/partial"]:
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "var/lib/dpkg/status").write_text("")
        places = [(options.mirror, suite), (options.mirror, f"{suite}-updates"), (options.security, f"{suite}-security")]
        lines = [f"deb [signed-by={KEYRING}] {mirror} {name} {options.components}\n" for mirror, name in places]
        (root / "etc/apt/sources.list").write_text("".join(lines))
        recommends = "true" if options.recommends else "false"
        settings = SETTINGS.format(root=root.resolve(), architecture=architecture, recommends=recommends)
        (root / "apt.conf").write_text(settings)
        self.environment = os.environ | {"APT_CONFIG": str(root / "apt.conf"), "LC_ALL": "C"}
        if not options.offline:
            self.call("apt-get", "update", "-qq").check_returncode()
        # Answers are kept for as long as the lists are the same.
        lists = sorted((root / "var/lib/apt/lists").glob("*_InRelease"))
        state = hashlib.sha256(b"".join(file.read_bytes() for file in lists) + settings.encode()).hexdigest()
        self.kept = options.work / f"answers-{suite}-{architecture}-{state[:16]}.json"
        self.answers = json.loads(self.kept.read_text()) if self.kept.exists() else {}

    def call(self, *command):
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=LIMIT, check=False
        )

    def names(self):
        """Every name that has a package of its own."""
        found = self.call("apt-cache", "pkgnames")
        found.check_returncode()
        policy = self.call("apt-cache", "dumpavail").stdout
        real = set(re.findall(r"^Package: (\S+)$", policy, re.MULTILINE))
        return sorted(real & set(found.stdout.split()))

    def install(self, names):
        """{name: version} of what it would install, or the last of what it says against it."""
        request = " ".join(names)
        if request not in self.answers:
            self.answers[request] = self.ask(names)
            self.kept.write_text(json.dumps(self.answers))
        return self.answers[request]

    def ask(self, names):
        done = self.call("apt-get", "-s", "install", *names)
        if done.returncode:
            return done.stderr.strip().splitlines()[-1:] or ["no reason"]
        found = (INSTALL.match(line) for line in done.stdout.splitlines())
        return {match[1].split(":")[0]: match[2] for match in found if match}


def ours(options, suite, architecture, requests):
    """An answer for each request."""
    command = [options.closures, "--store", options.work / "store", "--suite", suite, "--architecture", architecture]
    command += ["--mirror", options.mirror, "--security-mirror", options.security]
    command += ["--components", options.components.replace(" ", ",")]
    command += ["--recommends"] if options.recommends else []
    lines = "".join(" ".join(names) + "\n" for names in requests)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def difference(mine, theirs):
    """What is different, in words; nothing where nothing is."""
    if "error" in mine:
        return None if isinstance(theirs, list) else f"we say: {mine['error']}"
    if isinstance(theirs, list):
        return f"apt says: {theirs[-1]}"
    packages = mine["packages"]
    more = [f"+{name} {packages[name]}" for name in sorted(set(packages) - set(theirs))]
    less = [f"-{name} {theirs[name]}" for name in sorted(set(theirs) - set(packages))]
    other = [
        f"~{name} {packages[name]} for {theirs[name]}"
        for name in sorted(set(packages) & set(theirs))
        if packages[name] != theirs[name]
    ]
    return ", ".join(more + less + other) or None


def known(reasons, suite, request, said):
    """The reason that `closures.toml` gives for a difference; nothing where it gives none."""
    for reason in reasons:
        if reason["request"] == request and suite in reason["suites"] and re.search(reason["says"], said):
            return reason["why"]
    return None


def compare(options, reasons, suite, architecture):
    """(same, other for a known reason, wrong)."""
    apt = Apt(options, suite, architecture)
    drawn = random.Random(f"{options.seed} {suite} {architecture}").sample(apt.names(), options.count)
    requests = [names.split() for names in NAMED] + [[name] for name in drawn]
    counts = [0, 0, 0]
    for names, mine in zip(requests, ours(options, suite, architecture, requests), strict=True):
        said, request = difference(mine, apt.install(names)), " ".join(names)
        if mine.get("faults"):
            counts[2] += 1
            print(f"BROKEN {suite} {architecture} {request}: {'; '.join(mine['faults'])}")
        elif said is None:
            counts[0] += 1
        elif why := known(reasons, suite, request, said):
            counts[1] += 1
            print(f"other  {suite} {architecture} {request}: {said} ({why})")
        else:
            counts[2] += 1
            print(f"WRONG  {suite} {architecture} {request}: {said}")
    print(f"{suite} {architecture}: {counts[0]} same, {counts[1]} other for a known reason, {counts[2]} wrong", flush=True)
    return counts


def mirrors():
    """The mirrors that apt is set up for on this machine: (Debian, security)."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True, text=True, check=True,
    )
    urls = sorted(set(listed.stdout.split()))
    ending = lambda end: next((url for url in urls if url.rstrip("/").endswith(end)), None)
    return ending("/debian"), ending("/debian-security")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--closures", required=True, type=Path, help="the example program")
    parser.add_argument("--work", type=Path, default=Path("target/tmp/closures"), help="where lists are kept")
    parser.add_argument("--count", type=int, default=200, help="packages drawn a suite and architecture")
    parser.add_argument("--seed", default="wheelwright")
    parser.add_argument("--suite", action="append", choices=SUITES)
    parser.add_argument("--architecture", action="append", choices=ARCHITECTURES)
    parser.add_argument("--components", default="main")
    parser.add_argument("--recommends", action="store_true", help="with recommendations")
    parser.add_argument("--offline", action="store_true", help="apt keeps the lists that it has")
    options = parser.parse_args()
    options.mirror, options.security = mirrors()
    if not options.mirror or not options.security:
        sys.exit("apt is set up for no mirror of Debian and its security updates")
    reasons = tomllib.loads((HERE / "closures.toml").read_text())["difference"]
    totals = [0, 0, 0]
    for suite in options.suite or SUITES:
        for architecture in options.architecture or ARCHITECTURES:
            found = compare(options, reasons, suite, architecture)
            totals = [total + count for total, count in zip(totals, found, strict=True)]
    print(f"{totals[0]} same, {totals[1]} other for a known reason, {totals[2]} wrong")
    sys.exit(1 if totals[2] else 0)


main()
