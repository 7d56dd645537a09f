#!/bin/sh
# Hands an image of two platforms to Docker and containerd in every way there is, and takes it back.
#
#   tests/peers/engines.sh WHEELWRIGHT LAYOUT
#
# The image prints JSON that has "python" in it when it is run without arguments, as the quickstart does.
# Needs root, and Debian's docker.io, containerd, runc, docker-registry and python3.
set -eu

wheelwright=$(readlink -f "$1")
layout=$(readlink -f "$2")
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

say() {
    if [ "$2" = "$3" ]; then echo "same       $1"; else echo "DIFFERENT  $1: $2, not $3"; failed=1; fi
}
until_it() { for _ in $(seq 30); do "$@" >/dev/null 2>&1 && return; sleep 0.5; done; echo "gave up on $*"; exit 1; }
copy() { "$wheelwright" copy "$@" --progress off | tail -n 1 | cut -d' ' -f2; }

expect=$(copy "oci:$layout" oci:layout)
echo "index      $expect"

# --- servers -------------------------------------------------------------------------------------
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s/registry}}\nhttp: {addr: 127.0.0.1:%s}\n' "$work" "$port" > registry.yml
docker-registry serve registry.yml > registry.log 2>&1 &
started="$started $!"
"$wheelwright" serve ours --listen 127.0.0.1:0 > serve.log &
started="$started $!"
dockerd --iptables=false --ip6tables=false --bridge=none --storage-driver vfs --data-root "$work/docker" \
    --exec-root "$work/docker-exec" --pidfile "$work/docker.pid" -H "unix://$work/docker.sock" > dockerd.log 2>&1 &
started="$started $!"
export DOCKER_HOST="unix://$work/docker.sock"
printf 'version = 2\nroot = "%s/ctd"\nstate = "%s/ctd-run"\n[grpc]\naddress = "%s/ctd.sock"\n[debug]\nlevel = "warn"\n' "$work" "$work" "$work" > containerd.toml
containerd -c containerd.toml > containerd.log 2>&1 &
started="$started $!"
ctr() { command ctr -a "$work/ctd.sock" "$@"; }
until_it docker version
until_it ctr version
until_it grep -q listening serve.log
ours=$(sed -n 's,^listening on http://,,p' serve.log)

# --- archives ------------------------------------------------------------------------------------
copy oci:layout docker-archive:docker.tar:h.example/demo:tar > /dev/null
copy oci:layout oci-archive:oci.tar:oci > /dev/null
runs() { say "docker run $1" "$(docker run --rm --network none "$1" | grep -c '"python":')" 1; }
docker load -q -i docker.tar > docker.log
runs h.example/demo:tar
copy oci:layout --load=docker --name h.example/demo:pipe > /dev/null
runs h.example/demo:pipe
say "docker load, both ways" "$(docker inspect -f '{{.Id}}' h.example/demo:tar)" "$(docker inspect -f '{{.Id}}' h.example/demo:pipe)"
ctr_digest() { ctr image ls "name==$1" | awk 'NR == 2 { print $3 }'; }
ctr image import --snapshotter native docker.tar > ctr.log
say "ctr image import, our docker-archive" "$(ctr_digest h.example/demo:tar)" "$expect"
ctr image import --snapshotter native --base-name h.example/archive oci.tar > ctr.log
say "ctr image import, our oci-archive" "$(ctr_digest h.example/archive:oci)" "$expect"
tar -cf layout.tar -C layout . && copy oci:layout oci:named:layout > /dev/null && tar -cf named.tar -C named .
ctr image import --snapshotter native --base-name h.example/folder named.tar > ctr.log
say "ctr image import, our layout" "$(ctr_digest h.example/folder:layout)" "$expect"

# --- registries ----------------------------------------------------------------------------------
for registry in "127.0.0.1:$port" "$ours"; do
    copy oci:layout "$registry/by-us:1" > /dev/null
    docker rmi -f "$(docker images -q)" > docker.log 2>&1 || true
    pulled=$(docker pull "$registry/by-us:1" | sed -n 's/^Digest: //p')
    say "docker pull, $registry" "$pulled" "$expect"
    runs "$registry/by-us:1"
    docker tag "$registry/by-us:1" "$registry/by-docker:1"
    pushed=$(docker push "$registry/by-docker:1" | sed -n 's/.*digest: \(sha256:[0-9a-f]*\).*/\1/p')
    say "docker push, $registry, pulled by us" "$(copy "$registry/by-docker:1" oci:by-docker)" "$pushed"
    id=$(docker inspect -f '{{.Id}}' "$registry/by-us:1")
    config=$("$wheelwright" inspect oci:by-docker --json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["images"]))')
    say "images pushed by docker" "$config" 1
    rm -rf by-docker
    docker rmi -f "$id" > docker.log
    ctr image pull --plain-http --snapshotter native "$registry/by-us:1" > ctr.log
    say "ctr image pull, $registry" "$(ctr_digest "$registry/by-us:1")" "$expect"
    ctr image pull --plain-http --snapshotter native --all-platforms "$registry/by-us:1" > ctr.log
    ctr image tag "$registry/by-us:1" "$registry/by-ctr:1" > ctr.log
    ctr image push --plain-http "$registry/by-ctr:1" > ctr.log
    say "ctr image push, $registry, pulled by us" "$(copy "$registry/by-ctr:1" oci:by-ctr)" "$expect"
    rm -rf by-ctr
done
exit "$failed"
