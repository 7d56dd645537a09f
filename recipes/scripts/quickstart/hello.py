"""Shows that the image holds together: metadata, compiled parts, certificates, console scripts.

Exits with 1 and says what is wrong if anything is.
"""

import contextlib
import io
import json
import platform
import runpy
import shutil
import ssl
import sys
from importlib.metadata import distribution, entry_points, version

DISTRIBUTIONS = ["flask", "markupsafe", "cbor2", "httpx"]


def versions():
    """Versions as the metadata in the image gives them, and whether every file is in RECORD."""
    found = {}
    for name in DISTRIBUTIONS:
        files = distribution(name).files or []
        missing = [str(path) for path in files if not path.locate().exists()]
        if missing:
            raise SystemExit(f"{name} lacks {missing[:3]}")
        found[name] = version(name)
    return found


def compiled_parts():
    """Calls into compiled extensions, not into their pure-Python stand-ins."""
    import markupsafe._speedups
    import cbor2

    escaped = str(markupsafe.escape("<&>"))
    packed = cbor2.dumps({"pi": 3.5, "list": [1, 2, 3]})
    if cbor2.loads(packed) != {"pi": 3.5, "list": [1, 2, 3]}:
        raise SystemExit("cbor2 does not read what it wrote")
    return {"markupsafe": markupsafe._speedups.__file__, "escaped": escaped, "cbor2 bytes": len(packed)}


def web_service():
    """One request through Flask, in process, and the certificates that httpx would trust."""
    from flask import Flask

    import httpx

    app = Flask("quickstart")
    app.add_url_rule("/", view_func=lambda: {"hello": "world"})
    with httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://quickstart") as client:
        answer = client.get("/")
    return {"status": answer.status_code, "body": answer.json()}


def console_script():
    """Runs the script that was made from Flask's entry point, as found by its name on the PATH.

    In this process: a root that an emulator was started for may not be able to start others.
    """
    names = [point.name for point in entry_points(group="console_scripts")]
    if "flask" not in names:
        raise SystemExit(f"there is no entry point `flask` among {names}")
    script = shutil.which("flask")
    if not script:
        raise SystemExit("there is no executable `flask` on the PATH")
    output = io.StringIO()
    sys.argv = ["flask", "--version"]
    try:
        with contextlib.redirect_stdout(output):
            runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
    return output.getvalue().splitlines()


def main():
    report = {
        "python": sys.version.split()[0],
        "machine": platform.machine(),
        "certificates": len(ssl.create_default_context().get_ca_certs()),
        "versions": versions(),
        "compiled": compiled_parts(),
        "web": web_service(),
        "console script": console_script(),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
