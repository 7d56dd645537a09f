#!/usr/bin/env python3
"""Holds a site-packages, and the commands beside it, against the RECORDs in it:

    tests/peers/leftovers.py SITE BIN

Prints each file that no RECORD lists, each that one lists and that is missing or another one, and each that two
list otherwise than alike; nothing where all is well. Only commands that are Python's own may be unlisted. Bytecode
belongs to its source.
"""

import base64
import csv
import hashlib
import os
import pathlib
import sys

site, commands = (pathlib.Path(folder) for folder in sys.argv[1:])
OWN = ("python3", "pip", "2to3", "idle3", "pydoc3")
listed, digests = {}, {}
for record in sorted(site.glob("*.dist-info/RECORD")):
    for path, digest, _ in csv.reader(record.read_text().splitlines()):
        file = pathlib.Path(os.path.normpath(site / path))
        # A wheel may bring bytecode that pip writes once more.
        bytecode = file.suffix == ".pyc"
        # NVIDIA's wheels bring one and the same file, each of them.
        alike = bytecode or digest and digest == digests.get(file)
        if file in listed and not alike:
            print(f"{path}: listed by {listed[file]} and by {record.parent.name}")
        listed[file], digests[file] = record.parent.name, digest
        if not file.is_file():
            # Bytecode that was written, and went with what it was made from, is no loss.
            if not bytecode:
                print(f"{path}: missing from {record.parent.name}")
        elif digest and not bytecode:
            name, _, expected = digest.partition("=")
            found = base64.urlsafe_b64encode(hashlib.new(name, file.read_bytes()).digest()).decode().rstrip("=")
            if found != expected:
                print(f"{path}: not what {record.parent.name} lists")


def source(file):
    """What bytecode was made from."""
    return file.parent.parent / (file.name.split(".")[0] + ".py")


for folder in (site, commands):
    for file in sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()):
        of_source = file.suffix == ".pyc" and source(file) in listed and source(file).exists()
        own = file.name == "README.txt" if folder == site else file.name.startswith(OWN)
        if file not in listed and not of_source and not own:
            print(f"{file.relative_to(folder)}: listed by nobody")
    for empty in sorted(path for path in folder.rglob("*") if path.is_dir() and not any(path.iterdir())):
        print(f"{empty.relative_to(folder)}: an empty folder")
