#!/usr/bin/env python3
"""Puts a root file system into an OCI layout as an image of one layer, made by tar and zlib alone:

    tests/peers/layout.py ROOT LAYOUT ARCHITECTURE [NAME=VALUE …]     # then: oci:LAYOUT

The variables are those of the image's environment. Needs GNU tar.
"""

import hashlib
import json
import pathlib
import subprocess
import sys
import zlib

root, layout, architecture, *environment = sys.argv[1:]
blobs = pathlib.Path(layout, "blobs/sha256")
blobs.mkdir(parents=True)


def blob(media_type, document):
    data = json.dumps(document, sort_keys=True).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


tar = ["tar", "--create", "--numeric-owner", "--sort=name", "--exclude=./qemu-*", "--exclude=./dev/*", "--directory"]
plain, packed, size = hashlib.sha256(), hashlib.sha256(), 0
gzip = zlib.compressobj(1, zlib.DEFLATED, 31)
part = blobs / "part"
with subprocess.Popen([*tar, root, "."], stdout=subprocess.PIPE) as archive, part.open("wb") as out:
    while piece := archive.stdout.read(1 << 20):
        plain.update(piece)
        squeezed = gzip.compress(piece)
        packed.update(squeezed)
        size += out.write(squeezed)
    squeezed = gzip.flush()
    packed.update(squeezed)
    size += out.write(squeezed)
# 1: a file changed while it was read, as one does that got another link.
if archive.returncode not in (0, 1):
    sys.exit(f"tar ended with {archive.returncode}")
part.rename(blobs / packed.hexdigest())

layer = {
    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
    "digest": f"sha256:{packed.hexdigest()}",
    "size": size,
}
config = {
    "architecture": architecture,
    "os": "linux",
    "config": {"Env": environment, "Cmd": ["bash"]},
    "rootfs": {"type": "layers", "diff_ids": [f"sha256:{plain.hexdigest()}"]},
}
config = blob("application/vnd.oci.image.config.v1+json", config)
media_type = "application/vnd.oci.image.manifest.v1+json"
manifest = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer]}
manifest = blob(media_type, manifest) | {"platform": {"architecture": architecture, "os": "linux"}}
pathlib.Path(layout, "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
pathlib.Path(layout, "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
