"""Puts layers on a base that is in the same registry, and pushes: mounts the base, sends what is missing, and moves
the name last.

    push.py HOST:PORT BASE:TAG IMAGE:TAG ARCHITECTURE=LAYER[,LAYER…]…
    push.py HOST:PORT --join IMAGE:TAG ARCHITECTURE=TAG…

A layer is a folder with `blob`, `digest`, `diff_id` and `media`. The second form makes an index of images that are
there already."""

import hashlib
import http.client
import json
import os
import sys

OCI = "application/vnd.oci.image."
INDEX, MANIFEST, CONFIG = OCI + "index.v1+json", OCI + "manifest.v1+json", OCI + "config.v1+json"
ACCEPT = ", ".join([INDEX, MANIFEST] + ["application/vnd.docker.distribution.manifest.%sv2+json" % kind for kind in ("", "list.")])
ENTRYPOINT = ["python3", "/usr/local/lib/app/main.py"]


class Registry:
    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address, timeout=600)

    def ask(self, method, path, body=None, headers=(), expect=(200, 201, 202)):
        self.connection.request(method, path, body, dict(headers))
        return self.answer(method, path, expect)

    def answer(self, method, path, expect):
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status not in expect:
            sys.exit("%s %s: %d %s" % (method, path, answer.status, body[:300]))
        return answer, body

    def manifest(self, repository, name):
        answer, body = self.ask("GET", "/v2/%s/manifests/%s" % (repository, name), headers={"Accept": ACCEPT})
        return json.loads(body), body, answer.getheader("Content-Type")

    def blob(self, repository, digest):
        return self.ask("GET", "/v2/%s/blobs/%s" % (repository, digest))[1]

    def has(self, repository, digest):
        return self.ask("HEAD", "/v2/%s/blobs/%s" % (repository, digest), expect=(200, 404))[0].status == 200

    def mount(self, repository, digest, origin):
        path = "/v2/%s/blobs/uploads/?mount=%s&from=%s" % (repository, digest, origin)
        self.ask("POST", path, expect=(201,))

    def put(self, repository, digest, size, write):
        """Sends a blob; `write` is told the socket."""
        place = self.ask("POST", "/v2/%s/blobs/uploads/" % repository, expect=(202,))[0].getheader("Location")
        path = "/" + place.split("/", 3)[3] + ("&" if "?" in place else "?") + "digest=" + digest
        self.connection.putrequest("PUT", path)
        self.connection.putheader("Content-Length", str(size))
        self.connection.putheader("Content-Type", "application/octet-stream")
        self.connection.endheaders()
        write(self.connection.sock)
        self.answer("PUT", path, (201,))

    def put_manifest(self, repository, name, document):
        body = encode(document)
        self.ask("PUT", "/v2/%s/manifests/%s" % (repository, name), body, {"Content-Type": document["mediaType"]})
        return {"mediaType": document["mediaType"], "digest": digest_of(body), "size": len(body)}


def encode(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def digest_of(body):
    return "sha256:" + hashlib.sha256(body).hexdigest()


def layer_of(folder):
    def word(name):
        with open(os.path.join(folder, name)) as file:
            return file.read().split()[0]

    blob = os.path.join(folder, "blob")
    descriptor = {"mediaType": word("media"), "digest": "sha256:" + word("digest"), "size": os.path.getsize(blob)}
    return descriptor, "sha256:" + word("diff_id"), blob


def push_image(registry, base, repository, manifest, layers):
    """The descriptor of one platform's image, which is under its digest then."""
    config = json.loads(registry.blob(base, manifest["config"]["digest"]))
    config["created"] = "1980-01-01T00:00:00Z"
    config.setdefault("config", {})["Entrypoint"] = ENTRYPOINT
    config["config"].pop("Cmd", None)
    for descriptor in manifest["layers"]:
        if not registry.has(repository, descriptor["digest"]):
            registry.mount(repository, descriptor["digest"], base)
    descriptors = [{**layer, "mediaType": OCI + "layer.v1.tar+gzip"} for layer in manifest["layers"]]
    for folder in layers:
        descriptor, diff_id, blob = layer_of(folder)
        if not registry.has(repository, descriptor["digest"]):
            with open(blob, "rb") as file:
                registry.put(repository, descriptor["digest"], descriptor["size"], lambda socket: socket.sendfile(file))
        descriptors.append(descriptor)
        config["rootfs"]["diff_ids"].append(diff_id)
        config.setdefault("history", []).append({"created": config["created"], "created_by": "push.py"})
    body = encode(config)
    described = {"mediaType": CONFIG, "digest": digest_of(body), "size": len(body)}
    if not registry.has(repository, described["digest"]):
        registry.put(repository, described["digest"], len(body), lambda socket: socket.sendall(body))
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": descriptors}
    return registry.put_manifest(repository, digest_of(encode(document)), document)


def main():
    address, base, image, *images = sys.argv[1:]
    registry = Registry(address)
    repository, tag = image.split(":")
    entries = []
    if base == "--join":
        for item in images:
            architecture, name = item.split("=")
            _, body, media = registry.manifest(repository, name)
            described = {"mediaType": media, "digest": digest_of(body), "size": len(body)}
            entries.append((architecture, described))
    else:
        base, base_tag = base.split(":")
        platforms = registry.manifest(base, base_tag)[0]["manifests"]
        of_base = {entry["platform"]["architecture"]: entry["digest"] for entry in platforms}
        for item in images:
            architecture, layers = item.split("=")
            manifest = registry.manifest(base, of_base[architecture])[0]
            entries.append((architecture, push_image(registry, base, repository, manifest, layers.split(","))))
    manifests = [{**entry, "platform": {"architecture": name, "os": "linux"}} for name, entry in entries]
    print(registry.put_manifest(repository, tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})["digest"])


main()
