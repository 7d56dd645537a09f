#!/usr/bin/env python3
"""What no way can do without: the wheels' deflate streams inflated once, and three SHA-256 — of the wheel, because a
lock names it by that, of the layer's tar (`diff_id`) and of its blob, which has about the wheel's size. Processor time
in user mode only: what it costs to move bytes comes on top, and so does everything else.

    benches/peers/floor.py --lock app.lock --store STORE --folder FOLDER [--platform linux/amd64]

STORE is one of wheelwright's that has the wheels. Needs `igzip` (isal), `libdeflate-gunzip` (libdeflate-tools) and
`openssl`, Debian's, and as much room in FOLDER as the wheels take."""

import argparse
import os
import pathlib
import struct
import subprocess
import sys
import tomllib
import zipfile
import zlib

DECODERS = {"igzip": ["igzip", "-d", "-c"], "libdeflate": ["libdeflate-gunzip", "-c"]}
DIGEST = ["openssl", "dgst", "-sha256", "-r"]


def wheels(lock, store, platform):
    images = [image for image in tomllib.loads(lock.read_text())["images"] if image["platform"] == platform]
    digests = {wheel["sha256"].removeprefix("sha256:") for image in images for wheel in image["wheels"]}
    return [store / "v1/blobs/sha256" / digest[:2] / digest for digest in sorted(digests)]


def members(wheel, out):
    """Writes each file of a wheel as a gzip member, its deflate stream as it is; says how large they are inflated."""
    inflated = 0
    with wheel.open("rb") as source, zipfile.ZipFile(source) as entries:
        for entry in entries.infolist():
            if entry.is_dir():
                continue
            source.seek(entry.header_offset + 26)
            name, extra = struct.unpack("<HH", source.read(4))
            source.seek(entry.header_offset + 30 + name + extra)
            stream = source.read(entry.compress_size)
            if entry.compress_type == zipfile.ZIP_STORED:
                compressor = zlib.compressobj(0, zlib.DEFLATED, -15)
                stream = compressor.compress(stream) + compressor.flush()
            out.write(b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + stream)
            out.write(struct.pack("<II", entry.CRC, entry.file_size & 0xFFFFFFFF))
            inflated += entry.file_size
    return inflated


def user_seconds(process):
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{process.args[0]} ended with status {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime


def digest(**what):
    return subprocess.Popen(DIGEST, stdout=subprocess.DEVNULL, **what)


def inflate_and_digest(decoder, file):
    decoding = subprocess.Popen([*decoder, file], stdout=subprocess.PIPE)
    digesting = digest(stdin=decoding.stdout)
    decoding.stdout.close()
    return user_seconds(decoding), user_seconds(digesting)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lock", type=pathlib.Path, required=True)
    parser.add_argument("--store", type=pathlib.Path, required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="where the streams are put; the file is removed")
    parser.add_argument("--platform", default="linux/amd64")
    options = parser.parse_args()

    options.folder.mkdir(parents=True, exist_ok=True)
    file = options.folder / "streams.gz"
    found = wheels(options.lock, options.store, options.platform)
    with file.open("wb") as out:
        inflated = sum(members(wheel, out) for wheel in found)
    try:
        print(f"{len(found)} wheels, {file.stat().st_size / 1e6:.0f} MB of streams, {inflated / 1e6:.0f} MB inflated")
        with file.open("rb") as blob:
            packed = user_seconds(digest(stdin=blob))
        for name, decoder in DECODERS.items():
            decoding, plain = inflate_and_digest(decoder, file)
            print(
                f"{name}: {decoding:.1f} s to inflate, {plain:.1f} s for the tar's SHA-256, 2 x {packed:.1f} s for the"
                f" wheels' and the blobs': {decoding + plain + 2 * packed:.1f} s"
            )
    finally:
        file.unlink()


if __name__ == "__main__":
    main()
