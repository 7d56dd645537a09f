#!/bin/bash
# buildah; `podman build` is the same code.
#
#   buildah.sh DOCKERFILE    # in $WORK; $PROJECT, $ARCHITECTURES, $INDEX, $REGISTRY, $BASE_HERE and $ROUND are set
set -euo pipefail
export TMPDIR=$WORK/tmp BUILDAH_ISOLATION=chroot
mkdir -p "$TMPDIR"
buildah() { command buildah --root "$WORK/root" --runroot "$WORK/run" --storage-driver overlay "$@"; }
platforms=
for architecture in $ARCHITECTURES; do platforms=${platforms:+$platforms,}linux/$architecture; done
buildah manifest rm app >/dev/null 2>&1 || true
buildah bud --quiet --layers --timestamp 315532800 --tls-verify=false --network host --platform "$platforms" --manifest app --file "$1" \
    --build-arg "BASE=$REGISTRY/base:1" --build-arg "BASE_HERE=$REGISTRY/base@$BASE_HERE" --build-arg "INDEX=$INDEX" --build-arg "ROUND=$ROUND" "$PROJECT"
buildah manifest push --quiet --all --tls-verify=false app "docker://$REGISTRY/app:1"
