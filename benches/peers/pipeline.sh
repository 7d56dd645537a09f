#!/bin/bash
# The script of somebody careful: uv, tar, a compressor, two digests, a push that sends what is missing. All
# platforms at once; nothing is read twice; what was packed is kept by what it was packed from.
#
#   pipeline.sh MEDIA-TYPE COMPRESSOR…    # in $WORK; $PROJECT, $ARCHITECTURES, $INDEX, $REGISTRY and $UV are set
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
media=$1
shift

# Packs a folder into a layer: a folder with blob, digest, diff_id and media.
pack() {
    local layer=$1 root=$2
    shift 2
    mkdir -p "$layer.new"
    echo "$media" >"$layer.new/media"
    mkfifo "$layer.new/plain" "$layer.new/packed"
    openssl dgst -sha256 -r <"$layer.new/plain" >"$layer.new/diff_id" &
    openssl dgst -sha256 -r <"$layer.new/packed" >"$layer.new/digest" &
    tar --create --sort=name --mtime=@315532800 --owner=0 --group=0 --numeric-owner --exclude=.lock -C "$root" usr |
        tee "$layer.new/plain" | "$@" | tee "$layer.new/packed" >"$layer.new/blob"
    wait
    rm "$layer.new/plain" "$layer.new/packed"
    mv "$layer.new" "$layer"
}

install() {
    local architecture=$1
    local into=root-$architecture/usr/local/lib/python3.11/dist-packages
    mkdir -p "$into"
    "$UV" pip install --quiet --python /usr/bin/python3.11 --python-version 3.11 --default-index "$INDEX" \
        --no-deps --require-hashes --only-binary :all: --target "$into" \
        --python-platform "$(platform "$architecture")" -r "$PROJECT/requirements-$architecture.txt"
}

platform() { case $1 in amd64) echo x86_64-manylinux_2_36 ;; arm64) echo aarch64-manylinux_2_36 ;; esac; }

# Runs a function for several architectures at once.
each() {
    local architecture process started=()
    for architecture in $anew; do
        "$@" "$architecture" &
        started+=($!)
    done
    for process in "${started[@]}"; do wait "$process"; done
}
packed() { pack "wheels-${*: -1}" "root-${*: -1}" "${@:1:$#-1}"; }

anew=
images=()
for architecture in $ARCHITECTURES; do
    if ! cmp -s "$PROJECT/requirements-$architecture.txt" "wheels-$architecture/from"; then
        rm -rf "wheels-$architecture" "wheels-$architecture.new" "root-$architecture"
        anew+=" $architecture"
    fi
    images+=("$architecture=wheels-$architecture,scripts")
done
# Files of pure wheels are links to the same ones of uv's cache: whoever makes or removes some changes those that another
# tar reads, which it does not take.
each install
each packed "$@"
for architecture in $anew; do rm -rf "root-$architecture"; done
for architecture in $ARCHITECTURES; do cp "$PROJECT/requirements-$architecture.txt" "wheels-$architecture/from"; done

rm -rf scripts scripts.new root
mkdir -p root/usr/local/lib/app
cp -r "$PROJECT/scripts/." root/usr/local/lib/app
pack scripts root "$@"
rm -rf root
exec /usr/bin/python3.11 -I -S "$here/push.py" "$REGISTRY" base:1 app:1 "${images[@]}"
