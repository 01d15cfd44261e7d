# Publishes the lake as Iceberg tables, for the profile `iceberg` of compose.yaml and for jobs.iceberg of the chart:
#   docker run --rm tripline/iceberg:dev --lake s3://bucket/lake --catalog postgresql://… --every 5
ARG NODE_IMAGE=node:24-bookworm-slim
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS python
WORKDIR /tools
COPY packages/local-stack/uv-requirements.txt ./
COPY training/iceberg/requirements.txt iceberg-requirements.txt
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \
    PIP_CACHE_DIR=/var/cache/python/pip UV_CACHE_DIR=/var/cache/python/uv
RUN --mount=type=cache,target=/var/cache/python \
    python3 -m venv uv \
    && uv/bin/pip install --quiet --require-hashes --no-deps --requirement uv-requirements.txt \
    && uv/bin/uv venv --python "$(command -v python3)" /opt/iceberg \
    && uv/bin/uv pip sync --require-hashes --python /opt/iceberg/bin/python iceberg-requirements.txt

FROM ${NODE_IMAGE} AS assembled
COPY deploy/docker/copy-python.mjs deploy/docker/set-times.mjs /tools/
RUN --mount=type=bind,from=python,source=/opt/iceberg,target=/python \
    node /tools/copy-python.mjs /python /out/dependencies/opt/iceberg /out/dependencies
RUN --mount=type=bind,source=training/iceberg,target=/source \
    # The first container that mounts the lake's volume gives it its owner.
    mkdir -p /out/data/var/lib/tripline/lake \
    && node /tools/copy-python.mjs /source /out/repository/app/training/iceberg /out/repository

FROM ${PYTHON_IMAGE}
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
ARG SOURCE_URL=unknown
LABEL org.opencontainers.image.title="tripline iceberg" \
      org.opencontainers.image.description="Tripline, real-time card fraud detection: the lake as Iceberg tables" \
      org.opencontainers.image.source="${SOURCE_URL}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=assembled /out/dependencies/ /
COPY --from=assembled /out/repository/ /
COPY --from=assembled --chown=65532:65532 /out/data/ /
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app/training
USER 65532:65532
ENTRYPOINT ["/opt/iceberg/bin/python", "-m", "iceberg.publish"]
