"""Runs in an image whose Python shall be complete: prints what it found, fails at what does not work.

Words on the command line start programs of the image, where an emulator has to be named for each.
"""

import ctypes
import ctypes.util
import datetime
import http.server
import json
import os
import platform
import pwd
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
import zoneinfo


def tls(certificate):
    """A request to a server on loopback, whose authority only the image's own bundle knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with urllib.request.urlopen(f"https://localhost:{server.server_port}/", timeout=60) as answer:
        return answer.read().decode()


def sqlite():
    with sqlite3.connect(":memory:") as database:
        database.execute("create table t (x)")
        database.execute("insert into t values (41)")
        return database.execute("select x + 1 from t").fetchone()[0]


def main():
    certificate, *emulator = sys.argv[1:]
    library = ctypes.CDLL("libz.so.1")
    library.zlibVersion.restype = ctypes.c_char_p
    child = subprocess.run([*emulator, sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True, check=True)
    report = {
        "machine": platform.machine(),
        "user": pwd.getpwuid(os.getuid()).pw_name,
        "home": os.path.expanduser("~"),
        "authorities": len(ssl.create_default_context().get_ca_certs()),
        "tls": tls(certificate),
        "sqlite": sqlite(),
        "zlib": library.zlibVersion().decode(),
        "summer": str(datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo("America/New_York")).utcoffset()),
        "local": time.strftime("%Z", time.localtime(1782907200)),
        "child": child.stdout.strip(),
        "temporary": os.access("/tmp", os.W_OK),
    }
    if not emulator:
        report["found"] = ctypes.util.find_library("z")
    print(json.dumps(report))


main()
