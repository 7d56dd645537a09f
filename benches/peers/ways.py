"""The ways from pinned wheels to an image in a registry: ours, and what people use otherwise."""

import os
import pathlib
import platform
import shutil
import subprocess

from machine import Failed, end, start, until, unmount_below

HERE = pathlib.Path(__file__).parent
# What of our store is no wheel and nothing known of the base.
MADE = ["layers", "splices", "packed", "checks", "records", "files", "builds"]
FOREIGN = {"x86_64": "arm64", "aarch64": "amd64"}.get(platform.machine())


class Job:
    """What is to be done: a project, for these architectures, with what is at hand."""

    def __init__(self, options, project, architectures, index, registry, group):
        self.options, self.project, self.architectures = options, project, architectures
        self.index, self.registry, self.group = index, registry, group
        self.work = options.folder / "w"
        self.log = options.log
        self.round = 0

    def environment(self):
        """Nothing of this machine's own settings."""
        (self.work / "home").mkdir(parents=True, exist_ok=True)
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
            "HOME": str(self.work / "home"), "WORK": str(self.work), "PROJECT": str(self.project),
            "ARCHITECTURES": " ".join(self.architectures), "INDEX": self.index, "REGISTRY": self.registry.address,
            "BASE_HERE": self.registry.base,
            "ROUND": str(self.round), "UV": str(self.options.folder / "tools/bin/uv"), "UV_NO_CONFIG": "1",
            "UV_CACHE_DIR": str(self.work / "uv"), "WHEELWRIGHT_INDEX": self.index,
        }


class Way:
    """Begins with nothing; `command` builds and pushes; `forget` leaves wheels and the base, and nothing that was built."""

    needs, packages, engine = [], [], False

    def __init__(self, name, told):
        self.name, self.told = name, told

    def missing(self, job):
        """Why it cannot run on this machine, if it cannot."""
        path = job.environment()["PATH"]
        absent = [program for program in self.needs if not shutil.which(program, path=path)]
        if absent:
            return f"no {', '.join(absent)} here"
        if self.engine and not job.group:
            return "control groups cannot be made here, so its daemon's share cannot be told"
        return None

    def prepare(self, job):
        pass

    def close(self, job):
        unmount_below(job.work)

    def forget(self, job):
        job.round += 1


class Wheelwright(Way):
    def __init__(self, name, told, *flags):
        super().__init__(name, told)
        self.flags = flags

    def command(self, job):
        recipe, store = job.project / "app.toml", job.work / "store"
        command = [job.options.program, "build", recipe, "--locked", "--store", store, "--push", f"{job.registry.address}/app:1"]
        for architecture in job.architectures:
            command += ["--platform", f"linux/{architecture}"]
        return command + list(self.flags)

    def forget(self, job):
        super().forget(job)
        for bucket in MADE:
            shutil.rmtree(job.work / "store/v1" / bucket, ignore_errors=True)


class Script(Way):
    """One of the scripts beside this file."""

    def __init__(self, name, told, needs, *command):
        super().__init__(name, told)
        self.needs, self.words = needs, command

    def command(self, job):
        return [HERE / self.words[0], *self.words[1:]]


class Pipeline(Script):
    def forget(self, job):
        super().forget(job)
        for layer in job.work.glob("wheels-*"):
            shutil.rmtree(layer)


class Umoci(Script):
    def forget(self, job):
        super().forget(job)
        for stamp in job.work.glob("from-*"):
            stamp.unlink()


class Dockerfile(Script):
    """Under an engine; pip in an image of another architecture needs an emulator."""

    engine = True

    def missing(self, job):
        emulator = {"arm64": "qemu-aarch64", "amd64": "qemu-x86_64"}.get(FOREIGN)
        emulated = FOREIGN in job.architectures and self.words[1] == "pip.Dockerfile"
        if emulated and not pathlib.Path("/proc/sys/fs/binfmt_misc", emulator).exists():
            return f"no emulator is registered for {FOREIGN}"
        return super().missing(job)

    def command(self, job):
        return [HERE / self.words[0], HERE / self.words[1]]


class BuildKit(Dockerfile):
    """A daemon of its own, with an empty folder."""

    process = None

    def prepare(self, job):
        # Names of sockets may not be long.
        state, self.socket = job.work / "d", f"unix://{job.work}/s"
        command = ["dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver", "overlay2"]
        command += ["--data-root", state, "--exec-root", job.work / "e", "--pidfile", job.work / "pid", "--host", self.socket]
        command += ["--cgroup-parent", f"/{job.group.name}", "--exec-opt", "native.cgroupdriver=cgroupfs", "--log-level", "error"]
        with job.log.open("ab") as log:
            self.process = start(command, job.group, log, job.environment())
        ready = [self.docker(), "--host", self.socket, "version"]
        if not until(lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0):
            raise Failed("dockerd does not answer")

    @staticmethod
    def docker():
        """Debian's, which is of dockerd's version."""
        return "/usr/bin/docker" if os.path.exists("/usr/bin/docker") else "docker"

    def command(self, job):
        settings = [f"DOCKER_HOST={self.socket}", f"DOCKER={self.docker()}"]
        return ["/usr/bin/env", *settings, *super().command(job)]

    def close(self, job):
        if self.process:
            end(self.process)
            self.process = None
        super().close(job)


GZIP, ZSTD = "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar+zstd"
UV = ["tar", "openssl", "/usr/bin/python3.11"]
WAYS = [
    Wheelwright("wheelwright", "wheelwright: checked, SBOM and provenance pushed along"),
    Wheelwright("bare", "wheelwright `--verify off --attest none`: the peers' job", "--verify", "off", "--attest", "none"),
    Pipeline("pigz", "uv, tar, `pigz -6`, push", [*UV, "pigz"], "pipeline.sh", GZIP, "pigz", "-n", "-6"),
    Pipeline("igzip", "uv, tar, `igzip -1`, push", [*UV, "igzip"], "pipeline.sh", GZIP, "igzip", "-n", "-1", "-c"),
    Pipeline("zstd", "uv, tar, `zstd -T0 -1`, push", [*UV, "zstd"], "pipeline.sh", ZSTD, "zstd", "-q", "-T0", "-1", "-c"),
    Umoci("umoci", "uv, `umoci insert`, `skopeo copy`", ["umoci", "skopeo", "/usr/bin/python3.11"], "umoci.sh"),
    BuildKit("buildkit-uv", "dockerd's BuildKit, uv", ["dockerd", "docker", "runc"], "buildkit.sh", "uv.Dockerfile"),
    BuildKit("buildkit-pip", "dockerd's BuildKit, pip", ["dockerd", "docker", "runc"], "buildkit.sh", "pip.Dockerfile"),
    Dockerfile("buildah-uv", "buildah, uv", ["buildah"], "buildah.sh", "uv.Dockerfile"),
    Dockerfile("buildah-pip", "buildah, pip", ["buildah"], "buildah.sh", "pip.Dockerfile"),
]
