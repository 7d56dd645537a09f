#!/usr/bin/env python3
"""Compares what Wheelwright chooses with what `uv pip compile` chooses, on real requirement sets.

    cargo build --release --example resolve
    python3.13 -m venv venv && venv/bin/pip install uv packaging
    venv/bin/python benches/resolver/compare.py --resolve target/release/examples/resolve [SET…]

For each set, Python and platform:
- the versions and files must be the same, or stand in `differences.toml` with the reason;
- whatever we chose goes back to uv as `==` pins, which must accept it (`--no-deps` is not given: every
  requirement of every wheel is checked again, by somebody else's resolver and against its own METADATA).

`--time` measures instead: both cold (empty caches), then both warm, in turns. Nothing asserts a time.
The last line counts: `N passed, N failed`.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
PYTHONS = {"3.10": "3.10.19", "3.11": "3.11.14", "3.12": "3.12.12", "3.13": "3.13.9"}
PLATFORMS = {"amd64": ("linux/amd64", "x86_64-manylinux_2_36"), "arm64": ("linux/arm64", "aarch64-manylinux_2_36")}
LIBC = "glibc 2.36"
LIMIT = 300


def environment(cache):
    """Neither program shall hear of this machine's own settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_"))}
    return kept | {"UV_CACHE_DIR": str(cache), "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"}


def run(command, cache, limit=LIMIT):
    """Exit code, output, errors, wall seconds, CPU seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, env=environment(cache), check=False)
        code, output, errors = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        code, output, errors = 124, "", f"no end within {limit} s"
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return code, output, errors, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(options, requirements, python, platform, store):
    """{name: (version, file)} of our choice, or the error; then the seconds."""
    command = [options.resolve, "--store", store, "--libc", LIBC, "--python", PYTHONS[python]]
    command += ["--platform", PLATFORMS[platform][0], *requirements]
    if options.index:
        command[1:1] = ["--index", options.index]
    code, output, errors, *seconds = run(command, store)
    if code:
        return errors, seconds
    wheels = json.loads(output)["wheels"]
    return {wheel["name"]: (wheel["version"], wheel["file"]) for wheel in wheels}, seconds


def uv(options, requirements, python, platform, cache):
    """The same of uv's choice."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, output = Path(folder, "in.txt"), Path(folder, "pylock.toml")
        wanted.write_text("\n".join(requirements) + "\n")
        command = [options.uv, "pip", "compile", "--quiet", "--only-binary", ":all:", "--format", "pylock.toml"]
        command += ["--python-version", PYTHONS[python], "--python-platform", PLATFORMS[platform][1]]
        # It looks at an interpreter in any case, and chooses nothing that needs a newer one.
        command += ["--python", options.interpreter, "--output-file", output, wanted]
        if options.index:
            command += ["--default-index", options.index]
        code, _, errors, *seconds = run(command, cache)
        if code:
            return errors, seconds
        lock = tomllib.loads(output.read_text())
    return {package["name"]: (normal(package["version"]), names(package)) for package in lock.get("packages", [])}, seconds


def names(package):
    """Files of a package of a pylock; uv lists every wheel that would do."""
    files = package.get("wheels", [])
    return [wheel.get("name") or wheel["url"].rsplit("/", 1)[-1].replace("%2B", "+") for wheel in files]


def normal(version):
    from packaging.version import Version

    return str(Version(version))


def differ(mine, theirs, tags):
    """[(name, mine, theirs)] where versions or files differ."""
    found = []
    for name in sorted(set(mine) | set(theirs)):
        version, file = mine.get(name, (None, None))
        other, files = theirs.get(name, (None, []))
        version = version and normal(version)
        if version != other:
            found.append((name, version, other))
        elif file != best(files, tags):
            found.append((name, file, best(files, tags)))
    return found


def best(files, tags):
    """The wheel that an installer takes: by tag, then by build number."""
    from packaging.utils import parse_wheel_filename

    def standing(file):
        _, _, build, own = parse_wheel_filename(file)
        return min(tags[tag] for tag in own if tag in tags), tuple(-number if isinstance(number, int) else number for number in build[:1]) or (1,)

    fitting = [file for file in files if any(tag in tags for tag in parse_wheel_filename(file)[3])]
    return min(fitting, key=standing, default=None)


def tags_of(python, platform):
    """Tags of a target by rank, as `packaging` makes them."""
    from packaging import tags

    machine = {"amd64": "x86_64", "arm64": "aarch64"}[platform]
    legacy = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    floor = 5 if machine == "x86_64" else 17
    platforms = []
    for minor in range(36, floor - 1, -1):
        platforms += [f"manylinux_2_{minor}_{machine}"]
        platforms += [f"{legacy[minor]}_{machine}"] if minor in legacy else []
    platforms.append(f"linux_{machine}")
    major, minor = map(int, python.split("."))
    own = list(tags.cpython_tags((major, minor), [f"cp{major}{minor}"], platforms))
    own += tags.compatible_tags((major, minor), f"cp{major}{minor}", platforms)
    ranks = {}
    for rank, tag in enumerate(own):
        ranks.setdefault(tag, rank)
    return ranks


def remembered(file, ask):
    """The answer of today's earlier run, where `--caches` keeps one."""
    today = time.strftime("%Y-%m-%d")
    if file.exists():
        kept = json.loads(file.read_text())
        if kept["day"] == today:
            return kept["answer"]
    answer = ask()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"day": today, "answer": answer}))
    return answer


def accepted(options, requirements, mine, python, platform, cache):
    """What uv says against our choice, given back to it as pins."""
    theirs = accepted_or_reason(options, requirements, mine, python, platform, cache)
    if isinstance(theirs, str):
        return theirs.strip()
    lacking = sorted(set(theirs) - set(mine))
    return f"uv needs {', '.join(lacking)} besides" if lacking else ""


def judge(options, name, requirements, python, platform, caches):
    """One line, and whether all is well."""
    mine, _ = ours(options, requirements, python, platform, caches / "ours")
    key = hashlib.sha256("\n".join([python, platform, *requirements]).encode()).hexdigest()[:24]
    theirs = remembered(caches / "answers" / f"{name}-{key}.json", lambda: uv(options, requirements, python, platform, caches / "uv")[0])
    case = f"{name:24} {python:5} {platform:6}"
    if isinstance(mine, str) or isinstance(theirs, str):
        if isinstance(mine, str) and isinstance(theirs, str):
            return f"{case} neither finds a solution: {last(mine)}", True
        who = "only uv" if isinstance(mine, str) else "only we"
        well = isinstance(mine, dict) and not accepted(options, requirements, mine, python, platform, caches / "uv")
        return f"{case} {who} found a solution: {last(mine if isinstance(mine, str) else theirs)}", well
    complaint = accepted(options, requirements, mine, python, platform, caches / "uv")
    if complaint:
        return f"{case} REFUSED by uv: {complaint}", False
    different = differ(mine, theirs, tags_of(python, platform))
    if not different:
        return f"{case} {len(mine):4} wheels, the same", True
    known = options.differences.get(name, {})
    unexplained = [entry for entry in different if not explained(entry, known, python, platform)]
    told = ", ".join(f"{name} {mine} / {theirs}" for name, mine, theirs in different[:12])
    verdict = "differ without a reason" if unexplained else "differ for a known reason"
    return f"{case} {len(mine):4} wheels, {len(different)} {verdict}, accepted by uv (ours / uv's): {told}", not unexplained


def accepted_or_reason(options, requirements, mine, python, platform, cache):
    """uv's answer to our choice, by the pins remembered."""
    pins = sorted(f"{name}=={version}" for name, (version, _) in mine.items())
    key = hashlib.sha256("\n".join([python, platform, *requirements, *pins]).encode()).hexdigest()
    file = cache.parent / "answers" / f"pins-{key[:24]}.json"
    return remembered(file, lambda: uv(options, [*requirements, *pins], python, platform, cache)[0])


def explained(entry, known, python, platform):
    """`differences.toml`: [SET] PACKAGE = "reason", or "*"; a key may end in @3.10 or @arm64."""
    keys = {entry[0], "*"}
    return any(key in known or f"{key}@{python}" in known or f"{key}@{platform}" in known for key in keys)


def last(text):
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return " | ".join(lines[:3])[:300]


def compare(options, sets, caches):
    cases = [
        (name, requirements, python, platform)
        for name, requirements in sets.items()
        for python in options.python
        for platform in options.platform
    ]
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        jobs = [pool.submit(judge, options, *case, caches) for case in cases]
        for job in jobs:
            line, well = job.result()
            print(line, flush=True)
            passed, failed = passed + well, failed + (not well)
    print(f"{passed} passed, {failed} failed")
    return failed == 0


def measure(options, sets, caches):
    """Both programs in turns; medians of `--rounds`."""
    python, platform = options.python[-1], options.platform[0]
    print(f"Python {PYTHONS[python]}, {platform}; wall (CPU) seconds, the median of {options.rounds}; ratio ours/uv's of the wall")
    print(f"{'set':24} {'cold ours':>14} {'cold uv':>14} {'ratio':>6} {'warm ours':>14} {'warm uv':>14} {'ratio':>6}")
    for name, requirements in sets.items():
        seconds = {key: [] for key in ("cold ours", "cold uv", "warm ours", "warm uv")}
        for turn in range(options.rounds):
            folder = caches / f"{name}-{turn}"
            programs = [("ours", ours), ("uv", uv)]
            for heat in ("cold", "warm"):
                for who, program in programs if turn % 2 == 0 else programs[::-1]:
                    found, spent = program(options, requirements, python, platform, folder / who)
                    seconds[f"{heat} {who}"].append(spent if isinstance(found, dict) else [float("nan")] * 2)
            shutil.rmtree(folder, ignore_errors=True)
        middle = {key: sorted(all_)[len(all_) // 2] for key, all_ in seconds.items()}
        cells = ""
        for heat in ("cold", "warm"):
            mine, theirs = middle[f"{heat} ours"], middle[f"{heat} uv"]
            cells += "".join(f" {f'{wall:.2f} ({cpu:.2f})':>14}" for wall, cpu in (mine, theirs)) + f" {mine[0] / theirs[0]:6.2f}"
        print(f"{name:24}{cells}", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolve", required=True, help="the program of examples/resolve.rs")
    parser.add_argument("--uv", default=str(Path(sys.executable).parent / "uv"))
    parser.add_argument("--interpreter", default=sys.executable, help="a Python as new as any that is compared")
    parser.add_argument("--index", help="another index than the public one")
    parser.add_argument("--python", action="append", choices=PYTHONS)
    parser.add_argument("--platform", action="append", choices=PLATFORMS)
    parser.add_argument("--caches", type=Path, help="kept between runs; else new and thrown away")
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("sets", nargs="*", help="names from sets.toml; all when none is named")
    options = parser.parse_args()
    options.python = options.python or list(PYTHONS)
    options.platform = options.platform or list(PLATFORMS)
    options.differences = tomllib.loads((HERE / "differences.toml").read_text())
    known = tomllib.loads((HERE / "sets.toml").read_text())
    unknown = [name for name in options.sets if name not in known]
    if unknown:
        parser.error(f"sets.toml has no {', '.join(unknown)}")
    sets = {name: requirements for name, requirements in known.items() if not options.sets or name in options.sets}
    with tempfile.TemporaryDirectory() as folder:
        caches = options.caches or Path(folder)
        caches.mkdir(parents=True, exist_ok=True)
        well = (measure if options.time else compare)(options, sets, caches)
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
