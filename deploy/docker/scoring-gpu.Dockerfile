# Scoring on NVIDIA GPUs. Never built completely or run, because it needs the CUDA base image and a GPU.
#   npx tripline images --only scoring
#   docker build --file deploy/docker/scoring-gpu.Dockerfile --tag tripline/scoring-gpu:dev .
#   docker run --gpus all …
# The npm package of ONNX Runtime does not contain the CUDA provider; its install script downloads the matching version from
# NuGet (https://onnxruntime.ai/docs/install/#cuda-in-nodejs). x86-64 only: there is none for arm64.
ARG SCORING_IMAGE=tripline/scoring:dev
ARG NODE_IMAGE=node:24-bookworm-slim
ARG CUDA_IMAGE=nvidia/cuda:12.9.1-cudnn-runtime-ubuntu24.04

FROM ${SCORING_IMAGE} AS scoring

FROM ${NODE_IMAGE} AS assembled
COPY --from=scoring /app /out/app
COPY deploy/docker/set-times.mjs deploy/docker/add-cuda.mjs /tools/
RUN node /tools/add-cuda.mjs /out

FROM ${CUDA_IMAGE}
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
ARG SOURCE_URL=unknown
LABEL org.opencontainers.image.title="tripline scoring-gpu" \
      org.opencontainers.image.description="Tripline, real-time card fraud detection: scoring on NVIDIA GPUs" \
      org.opencontainers.image.source="${SOURCE_URL}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=assembled /usr/local/bin/node /usr/local/bin/node
COPY --from=assembled /out/ /
# Networks run on the GPU, tree models by our own code on the CPU. REQUIRE_GPU=true refuses a model that runs nothing on the GPU.
# The chart sets the same; a test compares the two.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 METRICS_PORT=9464 EXECUTION_PROVIDERS=trees,cuda,cpu
WORKDIR /app/apps/scoring
USER 65532:65532
EXPOSE 8080 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 CMD ["node", "/app/check-health.mjs"]
ENTRYPOINT ["node", "dist/main.js"]
