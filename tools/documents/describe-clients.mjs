// The tools that Tripline is tested with, in the versions pinned by the files that install them.
import { readFileSync } from "node:fs";

const NIGHTLY = ".github/workflows/nightly.yml";
const CLIENTS = "`npx tripline test clients`";
const ALWAYS = "`npm test`";

/** @type {readonly (readonly [tool: string, pin: string, file: string, asked: string, run: string])[]} */
const TOOLS = [
  [
    "KServe Python SDK",
    "kserve==",
    "load-tests/peers/clients/requirements.txt",
    "scoring: readiness and inference over gRPC and REST, raw, typed, binary and JSON",
    CLIENTS,
  ],
  [
    "NVIDIA tritonclient",
    "tritonclient==",
    "apps/scoring/clients/requirements.txt",
    "scoring: Triton's whole API over gRPC and HTTP",
    ALWAYS,
  ],
  [
    "MLServer",
    "mlserver==",
    "load-tests/peers/scoring/requirements.txt",
    "in place of scoring: the client of decisions",
    "`npx tripline test mlserver`",
  ],
  [
    "MLflow",
    "mlflow==",
    "packages/model-registry/mlflow-requirements.txt",
    "the model registry: `pyfunc` and `onnx` load the champion, runs and metrics",
    `${ALWAYS}, ${CLIENTS}`,
  ],
  [
    "Feast",
    "feast==",
    "training/feature_repo/requirements.txt",
    "features: offline and online store, feature server",
    ALWAYS,
  ],
  ["grpcurl", "fullstorydev/grpcurl:", NIGHTLY, "scoring: reflection, health, metadata, inference as JSON", CLIENTS],
  [
    "OpenTelemetry Collector",
    "otel/opentelemetry-collector-contrib:",
    NIGHTLY,
    "all services: spans and log lines over OTLP, resource attributes",
    CLIENTS,
  ],
  [
    "promtool",
    "prom/prometheus:",
    NIGHTLY,
    "alert rules, Prometheus configuration, `/metrics` of all services",
    CLIENTS,
  ],
  [
    "k6",
    "grafana/k6:",
    NIGHTLY,
    "ingestion: every kind of request, compared with the ledger",
    `${CLIENTS}, \`npm run load\``,
  ],
  [
    "Schemathesis",
    "schemathesis==",
    "load-tests/peers/security/schemathesis.txt",
    "ingestion, control, auth and console: requests made from their OpenAPI documents",
    "`npx tripline test apis`, short in `npm test`",
  ],
];

/**
 * @param {(head: string[], rows: string[][]) => string} table
 * @throws Error if a version is not pinned
 */
export function clientTables(table) {
  const rows = TOOLS.map(([tool, pin, file, asked, run]) => {
    const text = readFileSync(file, "utf8");
    const version = text.split(pin)[1]?.match(/^v?(\d+(?:\.\d+)+)/)?.[1];
    if (version === undefined) throw new Error(`${file} has no version of ${tool}: no version follows ${pin}.`);
    return [tool, version, asked, run];
  });
  return { clients: table(["tool", "version", "what is tested", "run by"], rows) };
}
