#!/bin/bash
# uv, umoci and skopeo: the base is pulled into an OCI layout, and each image gets two layers there.
#
#   umoci.sh    # in $WORK; $PROJECT, $ARCHITECTURES, $INDEX, $REGISTRY and $UV are set
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
created=1980-01-01T00:00:00Z

platform() { case $1 in amd64) echo x86_64-manylinux_2_36 ;; arm64) echo aarch64-manylinux_2_36 ;; esac; }

insert() { # IMAGE FROM TO
    find "$2" -print0 | xargs -0 touch --no-dereference --date=@315532800
    umoci insert --image "layout:$1" --history.created "$created" "$2" "$3"
}

joined=()
for architecture in $ARCHITECTURES; do
    [ -e "base-$architecture" ] || {
        skopeo copy --quiet --src-tls-verify=false --override-arch "$architecture" "docker://$REGISTRY/base:1" "oci:layout:base-$architecture"
        touch "base-$architecture"
    }
    if ! cmp -s "$PROJECT/requirements-$architecture.txt" "from-$architecture"; then
        "$UV" pip install --quiet --python /usr/bin/python3.11 --python-version 3.11 --default-index "$INDEX" \
            --no-deps --require-hashes --only-binary :all: --target "root-$architecture" \
            --python-platform "$(platform "$architecture")" -r "$PROJECT/requirements-$architecture.txt"
        rm -f "root-$architecture/.lock"
        umoci tag --image "layout:base-$architecture" "wheels-$architecture"
        insert "wheels-$architecture" "root-$architecture" /usr/local/lib/python3.11/dist-packages
        umoci config --image "layout:wheels-$architecture" --no-history --created "$created" \
            --config.entrypoint python3 --config.entrypoint /usr/local/lib/app/main.py
        rm -rf "root-$architecture"
        cp "$PROJECT/requirements-$architecture.txt" "from-$architecture"
    fi
    rm -rf scripts
    cp -r "$PROJECT/scripts" scripts
    umoci tag --image "layout:wheels-$architecture" "app-$architecture"
    insert "app-$architecture" scripts /usr/local/lib/app
    umoci config --image "layout:app-$architecture" --no-history --created "$created"
    skopeo copy --quiet --dest-tls-verify=false "oci:layout:app-$architecture" "docker://$REGISTRY/app:1-$architecture"
    joined+=("$architecture=1-$architecture")
done
exec /usr/bin/python3.11 -I -S "$here/push.py" "$REGISTRY" --join app:1 "${joined[@]}"
