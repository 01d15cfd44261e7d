# MLflow as the model registry, for compose.yaml, in the version used in the tests of packages/model-registry. In
# production, use your own server with a real database and object store.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS python
COPY packages/model-registry/mlflow-requirements.txt /tools/
RUN --mount=type=cache,target=/var/cache/pip \
    python3 -m venv /out/opt/mlflow \
    && /out/opt/mlflow/bin/pip install --cache-dir /var/cache/pip --require-hashes --no-deps --no-compile -r /tools/mlflow-requirements.txt \
    && mkdir -p /data/var/lib/mlflow

FROM ${PYTHON_IMAGE}
COPY --from=python /out/ /
COPY --from=python --chown=65532:65532 /data/ /
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
WORKDIR /var/lib/mlflow
USER 65532:65532
EXPOSE 5000
ENTRYPOINT ["/opt/mlflow/bin/python", "-m", "mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", "1", \
  "--backend-store-uri", "sqlite:////var/lib/mlflow/mlflow.db", "--artifacts-destination", "/var/lib/mlflow/artifacts"]
# Accepts only these host names.
CMD ["--allowed-hosts", "mlflow:5000,localhost:*,127.0.0.1:*"]
