# uv on the machine's own platform for any other one: no emulator.
ARG BASE
# The base for the machine itself: buildah 1.28 takes the other platform's for the name of both.
ARG BASE_HERE
FROM --platform=$BUILDPLATFORM $BASE_HERE AS wheels
ARG TARGETARCH
ARG INDEX
# Another value: nothing of what follows is taken from the layers of earlier builds.
ARG ROUND
RUN --mount=type=bind,source=tools/uv,target=/tools --mount=type=cache,target=/root/.cache/uv,id=uv \
    : "$ROUND" && case $TARGETARCH in amd64) machine=x86_64 ;; arm64) machine=aarch64 ;; esac && \
    /tools/uv pip install --quiet --python /usr/bin/python3 --default-index "$INDEX" --link-mode copy --no-deps \
    --require-hashes --only-binary :all: --python-platform $machine-manylinux_2_36 --target /wheels -r /tools/requirements-$TARGETARCH.txt
FROM $BASE
COPY --from=wheels /wheels /usr/local/lib/python3.11/dist-packages
COPY scripts /usr/local/lib/app
ENTRYPOINT ["python3", "/usr/local/lib/app/main.py"]
