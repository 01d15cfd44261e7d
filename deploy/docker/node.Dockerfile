# One image per Node program: ingestion, features, archive, scoring, decisions, auth, control, console, apps/tripline
# (several of them in one process) and cli (the `tripline` command).
#   docker build --file deploy/docker/node.Dockerfile --build-arg APP=scoring --tag tripline/scoring:dev .
# or all of them: npx tripline images
ARG NODE_IMAGE=node:24-bookworm-slim

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
ARG APP
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
ARG APP
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
ARG APP
WORKDIR /app
COPY --from=pruned /source/out/json/ ./
RUN --mount=type=cache,id=pnpm-store,target=/pnpm-store \
    pnpm install --frozen-lockfile --ignore-scripts --prod --filter-prod "@tripline/${APP}..." \
      --store-dir /pnpm-store --package-import-method copy
COPY deploy/docker/trim-modules.mjs /tools/
RUN node /tools/trim-modules.mjs /app

# Only files that are needed at run time, all with the same timestamp, so that a commit always produces the same layers.
FROM tools AS assembled
ARG APP
COPY deploy/docker/assemble-app.mjs deploy/docker/set-times.mjs deploy/docker/check-health.mjs LICENSE /tools/
RUN --mount=type=bind,from=build,source=/app,target=/build \
    --mount=type=bind,from=dependencies,source=/app,target=/dependencies \
    node /tools/assemble-app.mjs --app "${APP}" --build /build --dependencies /dependencies --out /out

FROM ${NODE_IMAGE}
ARG APP
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
ARG SOURCE_URL=unknown
LABEL org.opencontainers.image.title="tripline ${APP}" \
      org.opencontainers.image.description="Tripline, real-time card fraud detection: ${APP}" \
      org.opencontainers.image.source="${SOURCE_URL}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=assembled /out/dependencies/ /
COPY --from=assembled /out/app/ /
COPY --from=assembled --chown=65532:65532 /out/data/ /
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 METRICS_PORT=9464
WORKDIR /app/apps/${APP}
# A numeric id, so that Kubernetes can verify that the user is not root.
USER 65532:65532
EXPOSE 8080 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 CMD ["node", "/app/check-health.mjs"]
# Node is process 1. The programs handle SIGTERM themselves and drain.
ENTRYPOINT ["node", "/app/program.mjs"]
