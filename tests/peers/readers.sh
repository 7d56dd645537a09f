#!/bin/sh
# Reads one layer with every program that is here and compares what each of them makes of it.
#
#   tests/peers/readers.sh LAYER.tar.gz
#
# Decoders must yield one and the same tar; unpackers the same files; container engines, which pull the
# layer as part of an image from a registry on loopback, the same files again. A program that is missing
# is said to be. Debian has them all: gzip pigz isal p7zip-full libarchive-tools busybox-static python3
# tar skopeo umoci podman buildah runc docker.io containerd docker-registry. Needs root for the engines.
set -eu

layer=$(readlink -f "$1")
work=$(mktemp -d)
started=
failed=0
finish() {
    for process in $started; do kill "$process" 2>/dev/null || true; done
    for process in $started; do wait "$process" 2>/dev/null || true; done
    for mount in $(awk -v work="$work" 'index($2, work) == 1 { print $2 }' /proc/mounts | sort -r); do umount "$mount" || true; done
    rm -rf "$work"
}
trap finish EXIT
cd "$work"

has() { command -v "$1" >/dev/null 2>&1 || { echo "missing    $1"; return 1; }; }
say() {
    if [ "$2" = "$3" ]; then echo "same       $1"; else echo "DIFFERENT  $1: $2, not $3"; failed=1; fi
}
digest() { sha256sum | cut -d' ' -f1; }

# Every regular file with its mode and contents, in one digest.
tree() {
    (cd "$1" && find . -type f -printf '%m ' -print0 | tr '\n\0' ' \n' | LC_ALL=C sort | digest &&
        find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | digest) | digest
}

# --- decoders ------------------------------------------------------------------------------------
gzip -dc "$layer" > layer.tar
diff_id=$(digest < layer.tar)
echo "gzip -d    $diff_id, $(stat -c %s layer.tar) bytes"
decode() { if has "$1"; then say "$*" "$("$@" "$layer" 2>/dev/null | digest)" "$diff_id"; fi; }
decode pigz -dc
decode igzip -dc
decode bsdcat
decode busybox zcat
decode zcat
decode 7z e -so -tgzip
cat > decode.py <<'PYTHON'
import hashlib, sys, tarfile, zlib
# A decoder of one member alone, and a reader of tar that cannot seek.
engine, tar = zlib.decompressobj(31), hashlib.sha256()
with open(sys.argv[1], "rb") as file:
    while piece := file.read(1 << 20):
        tar.update(engine.decompress(piece))
assert engine.eof and not engine.unused_data
with open(sys.argv[1], "rb") as file, tarfile.open(fileobj=file, mode="r|gz") as stream:
    files = sum(1 for member in stream if member.isreg() and stream.extractfile(member).read() is not None)
print(tar.hexdigest(), files)
PYTHON
python=$(python3 decode.py "$layer")
say "python zlib, one member" "${python% *}" "$diff_id"

# --- unpackers -----------------------------------------------------------------------------------
mkdir tar && tar -xpf layer.tar -C tar
files=$(find tar -type f | wc -l)
expect=$(tree tar)
echo "GNU tar    $expect, $files files"
say "python tarfile r|gz, files" "${python#* }" "$files"
unpack() {
    name=$1
    shift
    if has "$1"; then
        mkdir "$name"
        "$@" > "$name.log" 2>&1 || cat "$name.log"
        say "$name" "$(tree "$name")" "$expect"
        rm -rf "$name"
    fi
}
unpack gnutar-z tar -xzpf "$layer" -C gnutar-z
unpack bsdtar bsdtar -xpf "$layer" -C bsdtar
unpack busybox-tar busybox tar -xzf "$layer" -C busybox-tar
rm -rf tar layer.tar

# --- an image ------------------------------------------------------------------------------------
image() {
    python3 - "$layer" "$diff_id" <<'PYTHON'
import hashlib, json, os, shutil, sys
def blob(data):
    digest = hashlib.sha256(data).hexdigest()
    with open(f"layout/blobs/sha256/{digest}", "wb") as file:
        file.write(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}
os.makedirs("layout/blobs/sha256")
with open(sys.argv[1], "rb") as file:
    digest = hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read()).hexdigest()
shutil.copy(sys.argv[1], f"layout/blobs/sha256/{digest}")
oci = "application/vnd.oci.image."
layer = {"mediaType": oci + "layer.v1.tar+gzip", "digest": f"sha256:{digest}", "size": os.path.getsize(sys.argv[1])}
config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/none"]}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sys.argv[2]]}}
config = {"mediaType": oci + "config.v1+json", **blob(json.dumps(config).encode())}
manifest = {"schemaVersion": 2, "mediaType": oci + "manifest.v1+json", "config": config, "layers": [layer]}
manifest = {"mediaType": oci + "manifest.v1+json", **blob(json.dumps(manifest).encode())}
manifest["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
with open("layout/index.json", "w") as file:
    json.dump({"schemaVersion": 2, "manifests": [manifest]}, file)
with open("layout/oci-layout", "w") as file:
    file.write('{"imageLayoutVersion":"1.0.0"}')
PYTHON
}
image
check_tree() { say "$1" "$(tree "$2")" "$expect"; }

if has umoci; then
    umoci unpack --image layout:latest umoci > umoci.log 2>&1 || cat umoci.log
    check_tree "umoci unpack" umoci/rootfs
    rm -rf umoci
fi

has docker-registry && has skopeo || exit "$failed"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s/registry}}\nhttp: {addr: 127.0.0.1:%s}\n' "$work" "$port" > registry.yml
docker-registry serve registry.yml > registry.log 2>&1 &
started="$started $!"
reference=127.0.0.1:$port/demo:latest
for _ in 1 2 3 4 5 6 7 8 9 10; do
    skopeo copy -q --dest-tls-verify=false oci:layout:latest "docker://$reference" 2> skopeo.log && break
    sleep 1
done
rm -rf layout
skopeo copy -q --src-tls-verify=false "docker://$reference" dir:skopeo
say "skopeo copy" "$(find skopeo -type f -size +1M -exec sha256sum {} + | cut -d' ' -f1)" "$(sha256sum "$layer" | cut -d' ' -f1)"
rm -rf skopeo

if has podman; then
    podman="podman --root $work/podman --runroot $work/podman-run --storage-driver vfs --runtime runc --cgroup-manager cgroupfs"
    $podman pull -q --tls-verify=false "$reference" > podman.log 2>&1 || cat podman.log
    check_tree "podman pull" "$($podman image mount "$reference")"
    $podman image umount "$reference" > podman.log 2>&1 || true
    $podman rmi -f "$reference" > podman.log 2>&1 || true
fi

if has containerd && has ctr; then
    printf 'version = 2\nroot = "%s/ctd"\nstate = "%s/ctd-run"\n[grpc]\naddress = "%s/ctd.sock"\n[debug]\nlevel = "warn"\n' "$work" "$work" "$work" > containerd.toml
    containerd -c containerd.toml > containerd.log 2>&1 &
    started="$started $!"
    ctr="ctr -a $work/ctd.sock"
    for _ in 1 2 3 4 5 6 7 8 9 10; do $ctr version > /dev/null 2>&1 && break; sleep 1; done
    $ctr image pull --plain-http --snapshotter native "$reference" > ctr.log 2>&1 || cat ctr.log
    mkdir ctr
    $ctr image mount --snapshotter native "$reference" ctr > ctr.log 2>&1 || cat ctr.log
    check_tree "containerd pull" ctr
    umount ctr || true
fi

if has dockerd; then
    mkdir docker-exec
    dockerd --iptables=false --ip6tables=false --bridge=none --storage-driver vfs --data-root "$work/docker" --exec-root "$work/docker-exec" \
        --pidfile "$work/docker.pid" -H "unix://$work/docker.sock" > dockerd.log 2>&1 &
    started="$started $!"
    docker="docker -H unix://$work/docker.sock"
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do $docker version > /dev/null 2>&1 && break; sleep 1; done
    $docker pull -q "$reference" > docker.log 2>&1 || cat docker.log
    container=$($docker create "$reference" none)
    mkdir docker-tree
    $docker export "$container" | tar -xpf - -C docker-tree
    rm -rf docker-tree/.dockerenv docker-tree/dev docker-tree/etc docker-tree/proc docker-tree/sys
    check_tree "dockerd pull" docker-tree
fi
exit "$failed"
