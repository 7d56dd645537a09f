#!/bin/bash
# The BuildKit inside dockerd, once for each platform, then one name for all.
#
#   buildkit.sh DOCKERFILE    # $DOCKER, $DOCKER_HOST, $PROJECT, $ARCHITECTURES, $INDEX, $REGISTRY, $BASE_HERE and $ROUND are set
set -euo pipefail
export DOCKER_BUILDKIT=1
images=()
for architecture in $ARCHITECTURES; do
    image=$REGISTRY/app:1-$architecture
    "$DOCKER" build --quiet --network host --platform "linux/$architecture" --file "$1" --tag "$image" \
        --build-arg "BASE=$REGISTRY/base:1" --build-arg "BASE_HERE=$REGISTRY/base@$BASE_HERE" --build-arg "INDEX=$INDEX" --build-arg "ROUND=$ROUND" "$PROJECT"
    "$DOCKER" push --quiet "$image"
    images+=("$image")
done
if [ ${#images[@]} -eq 1 ]; then
    "$DOCKER" tag "${images[0]}" "$REGISTRY/app:1"
    "$DOCKER" push --quiet "$REGISTRY/app:1"
else
    "$DOCKER" manifest rm "$REGISTRY/app:1" >/dev/null 2>&1 || true
    "$DOCKER" manifest create --insecure "$REGISTRY/app:1" "${images[@]}"
    "$DOCKER" manifest push --insecure --purge "$REGISTRY/app:1"
fi
