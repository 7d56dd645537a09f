"""Decodes the frames of DICOM files and prints what is in them, one JSON line a file."""

import argparse
import importlib.util
import json
import pathlib
import sys


def decoder():
    """The JPEG decoder that the image was built with."""
    for module in ["gdcm", "libjpeg"]:
        if importlib.util.find_spec(module) is not None:
            return module
    sys.exit("no decoder of compressed frames in this image")


def summary(path):
    import pydicom

    dataset = pydicom.dcmread(path)
    pixels = dataset.pixel_array
    return {
        "file": path.name,
        "syntax": dataset.file_meta.TransferSyntaxUID.name,
        "shape": list(pixels.shape),
        "range": [int(pixels.min()), int(pixels.max())],
        "mean": float(pixels.mean()),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=pathlib.Path, nargs="*", help="DICOM files")
    arguments = parser.parse_args()
    print(json.dumps({"decoder": decoder()}))
    for path in arguments.files:
        print(json.dumps(summary(path)))


if __name__ == "__main__":
    main()
