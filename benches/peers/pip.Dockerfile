# pip in the platform's own Python, under an emulator where the machine is another one.
ARG BASE
FROM $BASE
ARG TARGETARCH
ARG INDEX
# Another value: nothing of what follows is taken from the layers of earlier builds.
ARG ROUND
RUN --mount=type=bind,source=tools/pip,target=/tools --mount=type=cache,target=/root/.cache/pip,id=pip \
    : "$ROUND" && PYTHONPATH=/tools python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
    --break-system-packages --no-compile --no-deps --require-hashes --index-url "$INDEX" -r /tools/requirements-$TARGETARCH.txt
COPY scripts /usr/local/lib/app
ENTRYPOINT ["python3", "/usr/local/lib/app/main.py"]
