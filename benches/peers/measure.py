#!/usr/bin/env python3
"""The same job done by wheelwright and by what people use otherwise, in turns: pinned wheels and a few scripts on a
Debian base, pushed into a `docker-registry` on loopback. Wheels come from a package index on loopback too, so that
the network's mood decides nothing. See benches/README.md and docs/peers.md.

    benches/peers/measure.py --program target/release/wheelwright --folder FOLDER --results FILE --page PAGE

Needs root, Debian 12, apt sources for it, a Python with pip, and the network for what is not at hand."""

import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tomllib

sys.dont_write_bytecode = True
import page  # noqa: E402
from machine import Failed, Group, Registry, end, free_port, last_line, listens, name_of_processor, timed, until  # noqa: E402
from ways import WAYS, Job  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATES = ["cold", "nothing", "warm", "script"]
ARCHITECTURES = ["amd64", "arm64"]
SIZES = {
    "small": 'require = ["flask", "requests"]\n',
    "medium": 'require = ["pydicom>=2.4,<4", "numpy<2"]\n'
    '[[wheels.choice]]\nany-of = [["python-gdcm"], ["pylibjpeg", "pylibjpeg-libjpeg"]]\n',
    "large": 'require = ["torch==2.3.1", "transformers"]\nskew = "warn"\n',
}
RECIPE = """\
name      = "app"
base      = "{base}"
platforms = ["linux/amd64", "linux/arm64"]

[[scripts]]
from = "scripts"
to   = "/usr/local/lib/app"
mode = "0755"

[image]
entrypoint = ["python3", "/usr/local/lib/app/main.py"]

[wheels]
{wheels}"""
PACKAGES = {
    "pigz": "pigz", "igzip": "isal", "zstd": "zstd", "umoci": "umoci", "skopeo": "skopeo", "buildah": "buildah", "runc": "runc",
    "dockerd": "docker.io", "docker": "docker.io", "docker-registry": "docker-registry", "mmdebstrap": "mmdebstrap",
    "openssl": "openssl", "python3.11": "python3.11", "qemu-aarch64-static": "qemu-user-static", "update-binfmts": "binfmt-support",
}
DEBIANS = "/usr/sbin:/usr/bin:/sbin:/bin"


def words(allowed):
    def parse(text):
        found = text.split(",")
        unknown = [word for word in found if word not in allowed]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(allowed)}")
        return found

    return parse


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names, platforms = [way.name for way in WAYS], ["amd64", "arm64", "amd64+arm64"]
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "target/release/wheelwright")
    parser.add_argument("--folder", type=pathlib.Path, help="an empty folder to work in, removed at the end")
    parser.add_argument("--sizes", type=words(list(SIZES)), default=list(SIZES))
    parser.add_argument("--states", type=words(STATES), default=STATES, help="cold runs in any case, and the others in this order")
    parser.add_argument("--ways", type=words(names), default=names)
    parser.add_argument("--platforms", type=words(platforms), default=["amd64", "amd64+arm64"])
    parser.add_argument("--rounds", type=int, default=3, help="how often all ways have their turn")
    parser.add_argument("--limit", type=int, default=900, help="seconds after which a step counts as endless")
    parser.add_argument("--base", type=pathlib.Path, help="a layout that tests/peers/debian-base.sh has made; made here without it")
    parser.add_argument("--wheels", type=pathlib.Path, help="a store of wheelwright's that may have wheels already")
    parser.add_argument("--results", type=pathlib.Path, help="each measurement is added here, as a line of JSON")
    parser.add_argument("--page", type=pathlib.Path, help="write the tables there, of all that is in --results")
    parser.add_argument("--render", action="store_true", help="measure nothing, only render --results")
    parser.add_argument("--install", action="store_true", help="install what is missing, with apt-get")
    options = parser.parse_args()
    if not options.render and not options.folder:
        parser.error("--folder is needed")
    return options


def run(command, log, environment=None):
    """What has to succeed, and is not measured."""
    with log.open("ab") as output:
        output.write(f"$ {' '.join(map(str, command))}\n".encode())
        output.flush()
        code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, check=False).returncode
    if code:
        sys.exit(f"{' '.join(map(str, command))}: {last_line(log)}; see {log}")


def install(log):
    missing = sorted({package for program, package in PACKAGES.items() if not shutil.which(program, path=DEBIANS)})
    if not missing:
        return
    # Nothing shall be started that is only installed.
    policy = pathlib.Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-qq"], log)
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], log, environment)
    finally:
        if ours:
            policy.unlink()


def emulator():
    """Programs for arm64 start here: as .ci/run does it."""
    registered = pathlib.Path("/proc/sys/fs/binfmt_misc")
    if platform.machine() == "aarch64" or (registered / "qemu-aarch64").exists():
        return
    if not (registered / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", registered], check=False, capture_output=True)
    subprocess.run(["update-binfmts", "--enable", "qemu-aarch64"], check=False, capture_output=True)


class Preparation:
    """What all ways find: tools, the base in the registry, projects with their locks, an index with their wheels."""

    def __init__(self, options):
        self.options, self.folder, self.log = options, options.folder, options.log
        self.group = Group(f"peers-{os.getpid()}")
        self.served = Group(f"peers-{os.getpid()}-registry")
        self.registry = Registry(self.folder / "registry", free_port(), self.served)
        self.index = None

    def make(self):
        if self.options.install:
            install(self.log)
        emulator()
        run([sys.executable, "-m", "pip", "install", "--quiet", "--target", self.folder / "tools", "uv", "pip"], self.log)
        self.put_base()
        for size in self.options.sizes:
            self.project(size)
        self.start_index()

    def put_base(self):
        layout = self.options.base or self.folder / "base"
        if not layout.exists():
            run(["sh", ROOT / "tests/peers/debian-base.sh", layout], self.log)
        name = json.loads((layout / "index.json").read_text())["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"]
        self.registry.start()
        to = f"docker://{self.registry.address}/base:1"
        run(["skopeo", "copy", "--all", "--dest-tls-verify=false", f"oci:{layout}:{name}", to], self.log)
        index = json.loads(self.registry.ask("base", "1"))
        here = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
        self.registry.base = next(entry["digest"] for entry in index["manifests"] if entry["platform"]["architecture"] == here)
        self.base_layers = len(json.loads(self.registry.ask("base", self.registry.base))["layers"])
        self.registry.keep()
        self.registry.fresh()

    def project(self, size):
        """A recipe, its lock, the same wheels for everybody else, and scripts."""
        folder = self.folder / "sizes" / size
        (folder / "scripts").mkdir(parents=True)
        for name in ("main", "convert", "report", "serve"):
            (folder / "scripts" / f"{name}.py").write_text(f'print("{name}")\n' * 40)
        (folder / "app.toml").write_text(RECIPE.format(base=f"{self.registry.address}/base:1", wheels=SIZES[size]))
        store = self.folder / "wheels"
        ours = [self.options.program, "--store", store]
        run([*ours, "lock", folder / "app.toml"], self.log)
        for architecture in ARCHITECTURES:
            file = folder / f"requirements-{architecture}.txt"
            wanted = ["--platform", f"linux/{architecture}", "--export", "requirements", "--output", file]
            run([*ours, "lock", "--locked", folder / "app.toml", *wanted], self.log)
        for tool, what in (("pip", "pip"), ("uv", "bin/uv")):
            into = folder / "tools" / tool
            into.mkdir(parents=True)
            for architecture in ARCHITECTURES:
                shutil.copy(folder / f"requirements-{architecture}.txt", into)
            source = self.folder / "tools" / what
            shutil.copytree(source, into / tool) if source.is_dir() else shutil.copy(source, into)
        self.have_wheels(folder, store)

    def have_wheels(self, folder, store):
        """Every wheel of the lock in the store: from one that has them, or by a build that nobody measures."""
        places = {digest: blob(store, digest) for digest, _ in wheels_of(folder)}
        for digest, place in places.items():
            other = self.options.wheels and blob(self.options.wheels, digest)
            if not place.exists() and other and other.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(other, place)
        if not all(place.exists() for place in places.values()):
            layout = self.folder / "first"
            build = [self.options.program, "--store", store, "build", folder / "app.toml", "--locked", "--verify", "off"]
            run([*build, "--attest", "none", "--output", f"oci:{layout}"], self.log)
            shutil.rmtree(layout)

    def start_index(self):
        store, listing = self.folder / "wheels", {}
        for size in self.options.sizes:
            for digest, file in wheels_of(self.folder / "sizes" / size):
                listing[file] = (digest, str(blob(store, digest)))
        (self.folder / "listing.json").write_text(json.dumps(listing))
        port = free_port()
        command = [sys.executable, "-B", ROOT / "benches/peers/machine.py", self.folder / "listing.json", str(port)]
        with self.log.open("ab") as log:
            self.index = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        self.index_url = f"http://127.0.0.1:{port}/simple"
        if not until(lambda: listens(port)):
            sys.exit(f"the package index does not listen: {last_line(self.log)}")

    def close(self):
        self.registry.stop()
        if self.index:
            end(self.index)
        for group in (self.group, self.served):
            group.remove()


def wheels_of(folder):
    """Digest and file name of every wheel of the lock, whatever its platform."""
    lock = tomllib.loads((folder / "app.lock").read_text())
    wheels = {(wheel["sha256"].removeprefix("sha256:"), wheel["file"]) for image in lock["images"] for wheel in image["wheels"]}
    return sorted(wheels)


def blob(store, digest):
    return store / "v1/blobs/sha256" / digest[:2] / digest


def facts(options):
    """The machine, and whose programs these are."""
    def first_line(*command):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return None
        return (done.stdout or done.stderr).strip(" *\n").split("\n")[0].rstrip(" *")

    commands = [
        [options.program, "--version"], [options.folder / "tools/bin/uv", "--version"], ["pigz", "--version"], ["igzip", "--version"],
        ["zstd", "--version"], ["umoci", "--version"], ["skopeo", "--version"], ["dockerd", "--version"], ["buildah", "--version"],
        ["docker-registry", "--version"],
    ]
    versions = [line for line in (first_line(*command) for command in commands) if line]
    pips = sorted(path.name for path in (options.folder / "tools").glob("pip-*.dist-info"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    machine = f"{os.cpu_count()} processors ({name_of_processor()}), {memory} GiB of memory, Linux {platform.release()}"
    return {"machine": machine, "versions": versions + [name.removesuffix(".dist-info").replace("-", " ") for name in pips]}


class Round:
    """One way's turn at one job: cold, then nothing changed, then warm, then a script changed."""

    def __init__(self, preparation, way, size, platforms, note):
        self.way, self.preparation, self.note = way, preparation, note
        self.told = {"size": size, "platforms": platforms, "way": way.name}
        options = preparation.options
        project = options.folder / "p"
        self.clean(project, options.folder / "w")
        shutil.copytree(options.folder / "sizes" / size, project, copy_function=os.link)
        self.job = Job(options, project, platforms.split("+"), preparation.index_url, preparation.registry, preparation.group)
        self.job.work.mkdir()

    @staticmethod
    def clean(*folders):
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)

    def run(self, states):
        try:
            reason = self.way.missing(self.job)
            if reason:
                raise Failed(reason)
            self.preparation.registry.fresh()
            self.way.prepare(self.job)
            for state in STATES[: 1 + max(STATES.index(state) for state in states)]:
                if state in states or state == "cold":
                    self.state(state, state in states)
                    states = [left for left in states if left != state]
        except Failed as failed:
            for state in states:
                self.note({**self.told, "state": state, "error": str(failed)})
        finally:
            self.way.close(self.job)
            self.clean(self.job.project, self.job.work)

    def state(self, state, wanted):
        job, registry = self.job, self.preparation.registry
        if state == "warm":
            self.way.forget(job)
            registry.fresh()
        if state == "script":
            script = job.project / "scripts/convert.py"
            text = script.read_text()
            script.unlink()
            script.write_text(f"{text}print('changed')\n")
        sent, served = registry.sent(), registry.cpu()
        seen = timed(self.way.command(job), job, job.options.limit)
        seen |= {"served": registry.cpu() - served, "sent": registry.sent() - sent}
        seen["digest"], seen["image"] = registry.image(job.architectures, self.preparation.base_layers)
        if wanted:
            self.note({**self.told, "state": state, **seen})


def measure(options):
    options.folder = options.folder.resolve()
    options.program = options.program.resolve()
    options.log = options.folder.with_name(options.folder.name + ".log")
    options.folder.mkdir(parents=True, exist_ok=True)
    if any(options.folder.iterdir()):
        sys.exit(f"{options.folder} is not empty")
    # What engines leave open to others shall not decide over this one.
    os.umask(0o022)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    lines, preparation = [], Preparation(options)

    def note(line):
        lines.append(line)
        if "way" in line:
            print(page.told(line), flush=True)
        if options.results:
            with options.results.open("a") as file:
                file.write(json.dumps(line) + "\n")

    try:
        preparation.make()
        counted = "control groups" if preparation.group else "the commands alone: control groups cannot be made here"
        note({**facts(options), "counted": counted, "rounds": options.rounds})
        ways = [way for way in WAYS if way.name in options.ways]
        for size in options.sizes:
            for platforms in options.platforms:
                for number in range(options.rounds):
                    # Who goes first changes.
                    turn = number % len(ways)
                    for way in ways[turn:] + ways[:turn]:
                        Round(preparation, way, size, platforms, note).run(options.states)
    finally:
        # Who asks to end it a second time shall not leave half of it lying about.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        preparation.close()
        shutil.rmtree(options.folder)
    if any("error" in line for line in lines):
        print(f"there is more about errors in {options.log}", file=sys.stderr)
    else:
        options.log.unlink()
    return lines


def main():
    options = arguments()
    lines = [] if options.render else measure(options)
    if options.results:
        lines = [json.loads(line) for line in options.results.read_text().splitlines()]
    text = page.render(lines, {way.name: way.told for way in WAYS})
    if options.page:
        page.write(options.page, text)
    else:
        print(text)
    sys.exit(1 if any("error" in line for line in lines) else 0)


if __name__ == "__main__":
    main()
