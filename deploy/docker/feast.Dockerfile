# Feast with the feature repository: its feature server, and the command that updates its online store from the lake. For
# the profile `feast` of compose.yaml, with the package versions used in the tests of packages/feast-client.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS python
WORKDIR /tools
COPY packages/local-stack/uv-requirements.txt ./
COPY training/feature_repo/requirements.txt feast-requirements.txt
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \
    PIP_CACHE_DIR=/var/cache/python/pip UV_CACHE_DIR=/var/cache/python/uv
RUN --mount=type=cache,target=/var/cache/python \
    python3 -m venv uv \
    && uv/bin/pip install --quiet --require-hashes --no-deps --requirement uv-requirements.txt \
    && uv/bin/uv venv --python "$(command -v python3)" /opt/feast \
    && uv/bin/uv pip sync --require-hashes --python /opt/feast/bin/python feast-requirements.txt \
    # Required by an extra of SQLAlchemy for type checking; nothing imports it.
    && uv/bin/uv pip uninstall --python /opt/feast/bin/python mypy

FROM ${NODE_IMAGE} AS assembled
COPY deploy/docker/copy-python.mjs deploy/docker/set-times.mjs /tools/
RUN --mount=type=bind,from=python,source=/opt/feast,target=/python \
    node /tools/copy-python.mjs /python /out/dependencies/opt/feast /out/dependencies
# The layout is that of the repository, so that the path to the feature spec remains valid.
RUN --mount=type=bind,source=training/feature_repo,target=/source \
    --mount=type=bind,source=packages/contracts/feature-spec.yaml,target=/feature-spec.yaml \
    --mount=type=bind,source=packages/contracts/profiles,target=/profiles \
    mkdir -p /out/repository/app/packages/contracts /out/data/var/lib/tripline/feast \
    && cp -R /feature-spec.yaml /profiles /out/repository/app/packages/contracts/ \
    && node /tools/copy-python.mjs /source /out/repository/app/training/feature_repo /out/repository

FROM ${PYTHON_IMAGE}
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
ARG SOURCE_URL=unknown
LABEL org.opencontainers.image.title="tripline feast" \
      org.opencontainers.image.description="Tripline, real-time card fraud detection: its features in Feast" \
      org.opencontainers.image.source="${SOURCE_URL}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=assembled /out/dependencies/ /
COPY --from=assembled /out/repository/ /
COPY --from=assembled --chown=65532:65532 /out/data/ /
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 FEAST_DATA=/var/lib/tripline/feast
WORKDIR /app/training/feature_repo
USER 65532:65532
EXPOSE 6566
ENTRYPOINT ["/opt/feast/bin/python"]
CMD ["-m", "feast.cli.cli", "serve", "--host", "0.0.0.0", "--port", "6566"]
