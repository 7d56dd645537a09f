"""Prints, as JSON, the tags that `packaging` gives to interpreters on systems that need not exist."""

import json
import sys

from packaging import _manylinux, _musllinux, tags

MACHINES = ["x86_64", "aarch64", "armv7l", "i686", "ppc64le", "s390x", "riscv64"]
LIBCS = ["glibc 2.17", "glibc 2.28", "glibc 2.36", "glibc 2.41", "musl 1.1", "musl 1.2"]


def platforms(machine, libc):
    """What `packaging.tags.platform_tags` says where this machine and C library are found."""
    name, version = libc.split()
    major, minor = map(int, version.split("."))
    glibc = (major, minor) if name == "glibc" else (-1, -1)
    musl = _musllinux._MuslVersion(major, minor) if name == "musl" else None
    _manylinux._get_glibc_version = lambda: glibc
    _manylinux._have_compatible_abi = lambda *_: True
    _musllinux._get_musl_version = lambda *_: musl
    found = list(_manylinux.platform_tags([machine])) if name == "glibc" else []
    return found + list(_musllinux.platform_tags([machine])) + [f"linux_{machine}"]


def all_tags(minor, threads, own):
    abi = f"cp3{minor}{'' if threads else 't'}"
    yield from tags.cpython_tags((3, minor), [abi], own)
    yield from tags.compatible_tags((3, minor), f"cp3{minor}", own)


def main():
    found = []
    for machine in MACHINES:
        for libc in LIBCS:
            own = platforms(machine, libc)
            for minor in range(8, 15):
                for threads in [True] + [False] * (minor >= 13):
                    # A tag that comes twice counts where it comes first.
                    names = list(dict.fromkeys(str(tag) for tag in all_tags(minor, threads, own)))
                    found.append({"machine": machine, "libc": libc, "minor": minor, "free": not threads, "tags": names})
    json.dump(found, sys.stdout)


main()
