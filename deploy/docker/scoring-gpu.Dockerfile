# Scoring on NVIDIA GPUs: the scoring image with the CUDA 13 libraries. Linux on x86-64 only. Not yet tested on a GPU.
#   npx tripline images --only scoring-gpu
#   docker run --gpus all …
# The npm package of ONNX Runtime does not contain the CUDA provider. The image adds the provider from PyPI's
# onnxruntime-gpu of the same version, and NVIDIA's libraries from PyPI. NVIDIA's container toolkit adds the driver,
# including libcuda.so.1, from the host.
ARG SCORING_IMAGE=tripline/scoring:dev
ARG NODE_IMAGE=node:24-bookworm-slim
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${SCORING_IMAGE} AS scoring

FROM ${PYTHON_IMAGE} AS libraries
WORKDIR /tools
COPY packages/local-stack/uv-requirements.txt deploy/docker/cuda-requirements.txt ./
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \
    PIP_CACHE_DIR=/var/cache/python/pip UV_CACHE_DIR=/var/cache/python/uv
RUN --mount=type=cache,target=/var/cache/python \
    python3 -m venv uv \
    && uv/bin/pip install --quiet --require-hashes --no-deps --requirement uv-requirements.txt \
    && uv/bin/uv pip install --require-hashes --no-deps --python "$(command -v python3)" --target /libraries \
      --requirement cuda-requirements.txt

FROM ${NODE_IMAGE} AS assembled
COPY deploy/docker/set-times.mjs deploy/docker/add-cuda.mjs /tools/
RUN --mount=type=bind,from=scoring,source=/app,target=/app \
    --mount=type=bind,from=libraries,source=/libraries,target=/libraries \
    node /tools/add-cuda.mjs --app /app --libraries /libraries --out /out

FROM scoring
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
ARG SOURCE_URL=unknown
LABEL org.opencontainers.image.title="tripline scoring-gpu" \
      org.opencontainers.image.description="Tripline, real-time card fraud detection: scoring on NVIDIA GPUs" \
      org.opencontainers.image.source="${SOURCE_URL}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=assembled /out/nvidia/ /
COPY --from=assembled /out/onnxruntime/ /
# The first two variables tell NVIDIA's container toolkit what to add. With EXECUTION_PROVIDERS, neural networks and the
# tensor twins of tree models run on the GPU; without a GPU, our own code runs tree models. A test checks that the chart
# sets the same values.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility LD_LIBRARY_PATH=/opt/nvidia/lib
ENV EXECUTION_PROVIDERS=cuda,trees,cpu
USER 65532:65532
