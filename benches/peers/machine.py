"""What measuring needs of the machine: control groups, commands with a limit, a registry, a package index."""

import functools
import hashlib
import http.server
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
import zipfile

SAMPLES = 0.01
MEDIA = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, " + ", ".join(
    f"application/vnd.docker.distribution.manifest.{kind}v2+json" for kind in ("", "list.")
)


class Failed(Exception):
    """A command did not succeed, or did not end."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, tries=300):
    """Whether it comes true within half a minute."""
    for _ in range(tries):
        if what():
            return True
        time.sleep(0.1)
    return False


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


def controllers():
    """Where control groups are counted: {"cpu": folder, "memory": folder}, or nothing."""
    found = {}
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup" and "cpuacct" in options.split(","):
            found["cpu"] = pathlib.Path(place)
        if kind == "cgroup" and "memory" in options.split(","):
            found["memory"] = pathlib.Path(place)
    unified = pathlib.Path("/sys/fs/cgroup/cgroup.controllers")
    if not found and unified.exists() and {"cpu", "memory"} <= set(unified.read_text().split()):
        found = {"cpu": unified.parent, "memory": unified.parent}
    return found if len(found) == 2 else {}


class Group:
    """Processes that are counted together, with all that they start."""

    def __init__(self, name):
        self.name = name
        self.unified = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
        self.folders = {kind: folder / name for kind, folder in controllers().items()}
        try:
            if self.folders and self.unified:
                (self.folders["cpu"].parent / "cgroup.subtree_control").write_text("+cpu +memory")
            for folder in self.entered():
                folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            self.folders = {}

    def __bool__(self):
        return bool(self.folders)

    def entered(self):
        """Where processes are put. The second version has them in no group that has groups in it, as engines make them."""
        return {folder / "own" if self.unified else folder for folder in self.folders.values()}

    def join(self):
        """Of the calling process, which a command is about to become."""
        for folder in self.entered():
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def cpu(self):
        """Seconds, so far. Without groups: of the commands that have ended, and of no daemon."""
        if not self:
            spent = resource.getrusage(resource.RUSAGE_CHILDREN)
            return spent.ru_utime + spent.ru_stime
        if self.unified:
            return field(self.folders["cpu"] / "cpu.stat", "usage_usec") / 1e6
        return int((self.folders["cpu"] / "cpuacct.usage").read_text()) / 1e9

    def memory(self):
        """Bytes that all of them have in use, what only caches files left out."""
        if not self:
            return 0
        return field(self.folders["memory"] / "memory.stat", "anon" if self.unified else "total_rss")

    def remove(self):
        """As soon as nothing is in it any more. runc makes one of this name under every controller."""
        mounts = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines() if " cgroup" in line]
        folders = [pathlib.Path(mount, self.name) for mount in mounts if self]
        groups = [group for folder in folders if folder.exists() for group in [*sorted(folder.rglob("*/"), reverse=True), folder]]
        until(lambda: all(is_removed(group) for group in groups), 50)


def is_removed(group):
    try:
        group.rmdir()
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def field(file, name):
    return next(int(line.split()[1]) for line in file.read_text().splitlines() if line.split()[0] == name)


class Peak(threading.Thread):
    """The most memory that a group had in use, of what a look each 10 ms sees."""

    def __init__(self, group):
        super().__init__(daemon=True)
        self.group, self.most, self.over = group, 0, threading.Event()

    def run(self):
        while self.group and not self.over.is_set():
            self.most = max(self.most, self.group.memory())
            self.over.wait(SAMPLES)

    def end(self):
        self.over.set()
        self.join()
        return self.most


def start(command, group, log, environment, folder="/"):
    """Begins a command in a group, and in a session of its own."""
    return subprocess.Popen(
        [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=folder,
        start_new_session=True, preexec_fn=group.join if group else None,
    )


def end(process, wait=30):
    """Ends what was started here, by its number, and what it has started in its session."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def timed(command, job, limit):
    """Wall clock, processor time and peak memory of a command that must succeed."""
    group, log = job.group, job.log
    with log.open("ab") as output:
        output.write(f"$ {' '.join(map(str, command))}\n".encode())
        output.flush()
        peak, cpu, begun = Peak(group), group.cpu(), time.monotonic()
        process = start(command, group, output, job.environment(), job.work)
        peak.start()
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Failed(f"over {limit} s") from None
        finally:
            wall, memory = time.monotonic() - begun, peak.end()
            end(process)
    if process.returncode:
        raise Failed(f"failed: {last_line(log)}")
    return {"wall": wall, "cpu": group.cpu() - cpu, "memory": memory if group else None}


def last_line(log):
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "without a word"


class Registry:
    """Debian's docker-registry, always at the same address; each time with the base alone."""

    def __init__(self, folder, port, group):
        self.folder, self.port, self.group, self.process = folder, port, group, None
        # Digest of the base for this machine.
        self.base = None
        self.address = f"127.0.0.1:{port}"
        self.data, self.seed = folder / "data", folder / "seed"
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "config.yml"
        self.config.write_text(
            "version: 0.1\nlog: { level: error, accesslog: { disabled: true } }\n"
            f"storage: {{ filesystem: {{ rootdirectory: {self.data} }} }}\nhttp: {{ addr: '{self.address}' }}\n"
        )

    def start(self):
        with (self.folder / "log").open("ab") as log:
            self.process = start(["docker-registry", "serve", self.config], self.group, log, os.environ)
        if not until(lambda: listens(self.port)):
            sys.exit("docker-registry does not listen")

    def keep(self):
        """What it holds now is what it starts with from here on."""
        self.stop()
        self.data.rename(self.seed)
        self.held = self.holds(self.seed)

    def fresh(self):
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(self.seed, self.data, copy_function=os.link)
        self.start()

    def stop(self):
        if self.process:
            end(self.process)
            self.process = None

    def holds(self, folder):
        return sum(file.stat().st_size for file in folder.rglob("blobs/sha256/*/*/data"))

    def sent(self):
        """Bytes it holds beside the base."""
        return self.holds(self.data) - self.held

    def cpu(self):
        if self.group:
            return self.group.cpu()
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, repository, name):
        request = urllib.request.Request(f"http://{self.address}/v2/{repository}/manifests/{name}", headers={"Accept": MEDIA})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return answer.read()

    def image(self, architectures, base_layers):
        """Digest of `app:1`, and the bytes of its layers above the base."""
        body = self.ask("app", "1")
        document, size = json.loads(body), 0
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        if "manifests" not in document:
            manifests = [document]
        else:
            of = {entry["platform"]["architecture"]: entry["digest"] for entry in document["manifests"] if "platform" in entry}
            manifests = [json.loads(self.ask("app", of[architecture])) for architecture in architectures]
        for manifest in manifests:
            size += sum(layer["size"] for layer in manifest["layers"][base_layers:])
        return digest, size


class Index(http.server.BaseHTTPRequestHandler):
    """A package index of these wheels and no others: pages, files by ranges, metadata apart."""

    protocol_version = "HTTP/1.1"
    wheels, metadata = {}, {}

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = urllib.parse.unquote(self.path).strip("/").split("/")
        if path[0] == "simple" and len(path) == 2:
            self.page(path[1])
        elif path[0] == "files" and path[-1].removesuffix(".metadata") in self.wheels:
            name = path[-1]
            self.file(name) if name in self.wheels else self.give(self.metadata[name.removesuffix(".metadata")], "text/plain")
        else:
            self.send_error(404)

    def page(self, distribution):
        links = []
        for name, (file, digest) in sorted(self.wheels.items()):
            if name.split("-")[0].lower().replace("_", "-").replace(".", "-") == distribution:
                of_metadata = hashlib.sha256(self.metadata[name]).hexdigest()
                told = f'data-core-metadata="sha256={of_metadata}" data-dist-info-metadata="sha256={of_metadata}"'
                links.append(f'<a href="/files/{urllib.parse.quote(name)}#sha256={digest}" {told}>{name}</a><br>')
        if not links:
            return self.send_error(404)
        self.give(("<!DOCTYPE html><html><body>\n" + "\n".join(links) + "\n</body></html>\n").encode(), "text/html")

    def give(self, body, media):
        self.send_response(200)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def file(self, name):
        path = self.wheels[name][0]
        size = path.stat().st_size
        first, last, asked = 0, size - 1, self.headers.get("Range", "")
        if asked.startswith("bytes=") and "," not in asked:
            begin, _, stop = asked[6:].partition("-")
            first = int(begin) if begin else max(0, size - int(stop))
            last = min(int(stop), last) if begin and stop else last
        self.send_response(206 if asked else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.end_headers()
        if self.command == "GET":
            with path.open("rb") as file:
                self.connection.sendfile(file, first, last - first + 1)

    def log_message(self, *_):
        pass


def metadata_of(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1)
        return archive.read(name)


def serve_wheels(listing, port):
    """What the process does that is the package index; `listing` has file name, digest and place of each wheel."""
    for name, (digest, place) in json.loads(pathlib.Path(listing).read_text()).items():
        Index.wheels[name] = (pathlib.Path(place), digest)
        Index.metadata[name] = metadata_of(place)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Index)
    server.daemon_threads = True
    server.serve_forever()


def unmount_below(folder):
    mounts = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted(mounts, reverse=True):
        if mount.startswith(f"{folder}/"):
            subprocess.run(["umount", mount], check=False)


@functools.cache
def name_of_processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


if __name__ == "__main__":
    serve_wheels(*sys.argv[1:])
