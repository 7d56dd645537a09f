#!/bin/sh
# Makes an OCI layout with a Debian bookworm base that has python3, for linux/amd64 and linux/arm64
# in one image index named `bookworm-python3`:
#
#   tests/peers/debian-base.sh OUTDIR     # then: oci:OUTDIR:bookworm-python3
#
# Needs root, apt sources for bookworm, mmdebstrap, umoci and python3. An architecture that this
# machine can run (itself, or by a registered emulator) is installed in full; any other one is
# extracted only: the same files and the same list of packages, but no maintainer script has run.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUTDIR" >&2; exit 2; }
suite=bookworm
name=$suite-python3
created=2024-01-01T00:00:00Z
SOURCE_DATE_EPOCH=1704067200
export SOURCE_DATE_EPOCH

[ ! -e "$1" ] || { echo "$0: $1 exists already" >&2; exit 1; }
mkdir -p "$(dirname "$1")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What apt is configured to use, for this suite only; the keyring is Debian's own.
apt-get indextargets \
    --format '$(ORIGIN) $(RELEASE) deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' | sort -u | sed -n "s/^Debian $suite[a-z-]* //p" >"$work/sources"
[ -s "$work/sources" ] || { echo "$0: apt has no source for $suite" >&2; exit 1; }

runs() {
    [ "$1" = "$(dpkg --print-architecture)" ] && return 0
    case $1 in amd64) emulator=qemu-x86_64 ;; arm64) emulator=qemu-aarch64 ;; esac
    [ -e "/proc/sys/fs/binfmt_misc/$emulator" ]
}

bootstrap() {
    if runs "$1"; then
        mmdebstrap --variant=minbase --include=python3 --architectures="$1" "$suite" "$work/$1.tar" "$work/sources"
    else
        mmdebstrap --variant=extract --include='?essential' --include=python3 --architectures="$1" \
            --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --extract-hook="$work/list" \
            "$suite" "$work/$1.tar" "$work/sources"
    fi
}

# dpkg's list, which it writes itself where it may run.
cat >"$work/list" <<'SHELL'
#!/bin/sh
set -eu
for deb in "$1"/var/cache/apt/archives/*.deb; do
    dpkg-deb --field "$deb" | sed '1a Status: install ok installed'
    echo
done >>"$1/var/lib/dpkg/status"
grep -q '^Package: libc6$' "$1/var/lib/dpkg/status"
SHELL
chmod +x "$work/list"

layout=$work/layout
umoci init --layout "$layout"
for architecture in amd64 arm64; do
    bootstrap "$architecture"
    image=$layout:$architecture
    umoci new --image "$image"
    umoci raw add-layer --image "$image" --history.created "$created" --history.created_by "mmdebstrap $suite" \
        "$work/$architecture.tar"
    umoci config --image "$image" --no-history --created "$created" --os linux --architecture "$architecture" \
        --config.env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --config.cmd python3
    rm "$work/$architecture.tar"
done
umoci gc --layout "$layout"

# umoci makes no image index.
python3 - "$layout" "$name" <<'PYTHON'
import hashlib, json, pathlib, sys

layout, name = pathlib.Path(sys.argv[1]), sys.argv[2]
INDEX = "application/vnd.oci.image.index.v1+json"


def write(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


manifests = []
for entry in json.loads((layout / "index.json").read_bytes())["manifests"]:
    architecture = entry["annotations"]["org.opencontainers.image.ref.name"]
    manifests.append({
        "mediaType": entry["mediaType"],
        "digest": entry["digest"],
        "size": entry["size"],
        "platform": {"architecture": architecture, "os": "linux"},
    })
manifests.sort(key=lambda manifest: manifest["platform"]["architecture"])
index = write({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
digest = hashlib.sha256(index).hexdigest()
(layout / "blobs/sha256" / digest).write_bytes(index)
entry = {
    "mediaType": INDEX,
    "digest": "sha256:" + digest,
    "size": len(index),
    "annotations": {"org.opencontainers.image.ref.name": name},
}
(layout / "index.json").write_bytes(write({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}))
PYTHON

mv "$layout" "$1"
echo "oci:$1:$name"
