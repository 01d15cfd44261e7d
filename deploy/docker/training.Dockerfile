# Training jobs: Python 3.11 with the training environment, Node, and the `tripline` command, for instance
#   docker run --rm tripline/training:dev train --registry mlflow+http://mlflow:5000
# The stages up to `assembled` are the same as in node.Dockerfile for this app, so that both share one build of them.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# The build tools, in the versions that package.json specifies.
FROM ${NODE_IMAGE} AS tools
WORKDIR /tools
COPY package.json ./
RUN --mount=type=cache,target=/var/cache/npm \
    npm install --cache /var/cache/npm --global --no-audit --no-fund \
      "turbo@$(node -p 'require("./package.json").devDependencies.turbo')" \
      "$(node -p 'require("./package.json").packageManager')"
ENV TURBO_TELEMETRY_DISABLED=1 DO_NOT_TRACK=1 CI=true PNPM_CONFIG_PM_ON_FAIL=ignore

# The part of the repository that this program needs. A change elsewhere does not rebuild the stages below.
FROM tools AS pruned
ARG APP=cli
WORKDIR /source
COPY . .
RUN turbo prune "@tripline/${APP}" --docker && cp tsconfig.base.json out/full/ && cp --parents infra/access.yaml out/full/

# The compiler's dependencies are the same for every program, so they are installed once for all images.
FROM tools AS manifests
WORKDIR /source
COPY . .
RUN mkdir /manifests \
    && find . -name package.json -exec cp --parents {} /manifests/ \; \
    && cp package.json pnpm-lock.yaml pnpm-workspace.yaml /manifests/

FROM tools AS workspace
WORKDIR /app
COPY --from=manifests /manifests/ ./
RUN --mount=type=cache,id=pnpm-store,target=/pnpm-store \
    pnpm install --frozen-lockfile --ignore-scripts --store-dir /pnpm-store

FROM workspace AS build
ARG APP=cli
COPY --from=pruned /source/out/full/ ./
RUN node node_modules/typescript/bin/tsc -b "apps/${APP}"
# The web pages of the included services. The compiler generates the contract that they share.
RUN for page in apps/*/web; do \
      [ -f "$page/index.html" ] || continue; \
      node node_modules/typescript/bin/tsc -b "$page/tsconfig.contract.json" || exit 1; \
      (cd "$page" && node node_modules/vite/bin/vite.js build --logLevel=warn) || exit 1; \
    done
# Bundles everything that the program loads into a few files (docs/adr/0037-programs-are-bundled.md).
COPY tools/start/bundle-programs.mjs tools/start/
COPY packages/system/programs.mjs packages/system/
RUN node tools/start/bundle-programs.mjs "${APP}"

# Only production dependencies. Native packages keep only this platform's files.
FROM tools AS dependencies
ARG APP=cli
WORKDIR /app
COPY --from=pruned /source/out/json/ ./
RUN --mount=type=cache,id=pnpm-store,target=/pnpm-store \
    pnpm install --frozen-lockfile --ignore-scripts --prod --filter-prod "@tripline/${APP}..." \
      --store-dir /pnpm-store --package-import-method copy
COPY deploy/docker/trim-modules.mjs /tools/
RUN node /tools/trim-modules.mjs /app

# Only files that are needed at run time, all with the same timestamp, so that a commit always produces the same layers.
FROM tools AS assembled
ARG APP=cli
COPY deploy/docker/assemble-app.mjs deploy/docker/set-times.mjs deploy/docker/check-health.mjs LICENSE /tools/
RUN --mount=type=bind,from=build,source=/app,target=/build \
    --mount=type=bind,from=dependencies,source=/app,target=/dependencies \
    node /tools/assemble-app.mjs --app "${APP}" --build /build --dependencies /dependencies --out /out

# The Python environment for `tripline train`, with exactly the packages in training.txt. The digest file tells the
# command that everything is installed.
FROM ${PYTHON_IMAGE} AS python
WORKDIR /tools
COPY packages/local-stack/uv-requirements.txt training/requirements/training.txt ./
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never VENV=/app/.tripline/tools/training-venv \
    PIP_CACHE_DIR=/var/cache/python/pip UV_CACHE_DIR=/var/cache/python/uv
RUN --mount=type=cache,target=/var/cache/python \
    python3 -m venv uv \
    && uv/bin/pip install --quiet --require-hashes --no-deps --requirement uv-requirements.txt \
    && uv/bin/uv venv --python "$(command -v python3)" "$VENV" \
    && uv/bin/uv pip sync --require-hashes --python "$VENV/bin/python" training.txt \
    && sha256sum training.txt | cut -c 1-64 | tr -d '\n' > "$VENV/.requirements-sha256"

FROM tools AS environment
COPY deploy/docker/copy-python.mjs deploy/docker/set-times.mjs /tools/
RUN --mount=type=bind,from=python,source=/app,target=/python \
    node /tools/copy-python.mjs /python /out/app /out

FROM tools AS training
COPY deploy/docker/copy-python.mjs deploy/docker/set-times.mjs /tools/
RUN --mount=type=bind,source=training,target=/source \
    node /tools/copy-python.mjs /source /out/app/training /out

FROM ${PYTHON_IMAGE}
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
ARG SOURCE_URL=unknown
LABEL org.opencontainers.image.title="tripline training" \
      org.opencontainers.image.description="Tripline, real-time card fraud detection: training jobs" \
      org.opencontainers.image.source="${SOURCE_URL}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=tools /usr/local/bin/node /usr/local/bin/node
COPY --from=environment /out/ /
COPY --from=assembled /out/dependencies/ /
COPY --from=assembled /out/app/ /
COPY --from=training /out/ /
COPY --from=assembled --chown=65532:65532 /out/data/ /
# Some libraries cache files in the home directory, but only /tmp and the volumes are writable.
ENV NODE_ENV=production HOME=/tmp PYTHONDONTWRITEBYTECODE=1
WORKDIR /app/apps/cli
USER 65532:65532
ENTRYPOINT ["node", "dist/main.js"]
