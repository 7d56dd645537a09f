"""A package index behind TLS and a proxy that lets only those through who know its password, on loopback.

Arguments: the folder to serve, the certificate, its key. Prints both ports; ends with its standard input.
"""

import base64
import functools
import http.server
import socket
import ssl
import sys
import threading


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Proxy(http.server.BaseHTTPRequestHandler):
    """CONNECT alone."""

    def do_CONNECT(self):
        known = "Basic " + base64.b64encode(b"proxy:secret").decode()
        if self.headers.get("Proxy-Authorization") != known:
            self.send_error(407)
            return
        host, _, port = self.path.partition(":")
        there = socket.create_connection((host, int(port)))
        self.send_response(200)
        self.end_headers()
        threading.Thread(target=pump, args=(there, self.connection), daemon=True).start()
        pump(self.connection, there)
        self.close_connection = True

    def log_message(self, *_):
        pass


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def start(handler, context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


folder, certificate, key = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
print(start(functools.partial(Quiet, directory=folder), context), start(Proxy), flush=True)
sys.stdin.read()
