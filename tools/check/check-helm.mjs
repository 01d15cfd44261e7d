// Checks the Helm chart with the installed tools: `helm lint --strict` and kubeconform for every values file, and the cases of
// helm-unittest. Skipped checks are listed. KUBECONFORM_SCHEMAS is kubeconform's -schema-location for the Kubernetes schemas;
// without it kubeconform downloads them.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findSchemaFault } from "./reach-schemas.mjs";
import { reportFindings } from "./report-findings.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CHART = join(ROOT, "deploy", "helm", "tripline");
const TOOL_TIMEOUT_MS = 120_000;
/** For one schema, which kubeconform requests three times. */
const SCHEMA_TIMEOUT_MS = 30_000;

/** The combinations to install: our values for an environment, plus values that only its operator knows. */
const INSTALLATIONS = {
  local: ["values-local.yaml"],
  "local, decisions and scoring together": ["values-local.yaml", "tests/values/together.yaml"],
  "local with GPUs": ["values-local.yaml", "values-gpu.yaml"],
  aws: ["values-aws.yaml", "tests/values/aws.yaml"],
  "aws, dev": ["values-aws.yaml", "values-dev.yaml", "tests/values/aws.yaml"],
  "aws, staging": ["values-aws.yaml", "values-staging.yaml", "tests/values/aws.yaml"],
  "aws, prod": ["values-aws.yaml", "values-prod.yaml", "tests/values/aws.yaml"],
  "aws with GPUs": ["values-aws.yaml", "tests/values/aws.yaml", "values-gpu.yaml"],
  gcp: ["values-gcp.yaml", "tests/values/gcp.yaml"],
  "gcp, prod": ["values-gcp.yaml", "values-prod.yaml", "tests/values/gcp.yaml"],
  azure: ["values-azure.yaml", "tests/values/azure.yaml"],
  "azure, prod": ["values-azure.yaml", "values-prod.yaml", "tests/values/azure.yaml"],
  "azure with GPUs": ["values-azure.yaml", "tests/values/azure.yaml", "values-gpu.yaml"],
  "external Kafka, Redis and Postgres": ["tests/values/external.yaml"],
  "a user's additions": ["values-local.yaml", "tests/values/additions.yaml"],
  "new versions step by step": ["tests/values/external.yaml", "tests/values/rollouts.yaml"],
};

/** Custom resources of operators, without schemas in kubeconform. */
const KINDS_SKIPPED = [
  "HTTPRoute",
  "ScaledObject",
  "TriggerAuthentication",
  "SecretStore",
  "ExternalSecret",
  "ServiceMonitor",
  "PrometheusRule",
  "KafkaTopic",
  "Rollout",
  "AnalysisTemplate",
];

/** @type {string[]} */
const faults = [];
/** @type {string[]} */
const skipped = [];

if (!isInstalled("helm", ["version"])) skipped.push("the Helm chart: helm is not installed");
else {
  const hasKubeconform = isInstalled("kubeconform", ["-v"]);
  if (!hasKubeconform)
    skipped.push("the chart's manifests against the Kubernetes schemas: kubeconform is not installed");
  const rendered = Object.entries(INSTALLATIONS).map(([name, files]) => checkInstallation(name, files));
  if (hasKubeconform) checkManifests(rendered);
  if (isInstalled("helm", ["unittest", "--help"])) expectSuccess("helm unittest", "helm", ["unittest", CHART]);
  else skipped.push("the chart's cases: the plugin helm-unittest is not installed");
}

reportFindings({ faults, skipped });

/**
 * @param {string} name
 * @param {readonly string[]} files
 */
function checkInstallation(name, files) {
  const values = files.flatMap((file) => ["--values", join(CHART, file)]);
  expectSuccess(`helm lint, ${name}`, "helm", [
    "lint",
    "--strict",
    "--quiet",
    CHART,
    "--namespace",
    "tripline",
    ...values,
  ]);
  const { status, output } = run("helm", ["template", "tripline", CHART, "--namespace", "tripline", ...values]);
  if (status === 0) return { name, output };
  faults.push(`helm template, ${name} failed:\n${output}`);
  return { name, output: "" };
}

/**
 * Checks all manifests in one run, because kubeconform compiles its schemas each time. Checks them separately only to
 * locate a fault.
 *
 * @param {readonly { name: string, output: string }[]} rendered
 */
function checkManifests(rendered) {
  const { KUBECONFORM_SCHEMAS: location } = process.env;
  const schemas = location === undefined ? [] : ["-schema-location", location];
  const args = ["-strict", "-summary", "-skip", KINDS_SKIPPED.join(","), ...schemas, "-"];
  const fault = findSchemaFault({ command: "kubeconform", args, timeoutMs: SCHEMA_TIMEOUT_MS }, location);
  if (fault !== undefined) {
    faults.push(fault);
    return;
  }
  const all = rendered.map(({ output }) => output).join("\n---\n");
  const { status, output: said } = run("kubeconform", args, all);
  if (status === 0) process.stdout.write("ok: kubeconform\n");
  else if (status === null) faults.push(`kubeconform did not finish: \n${said}`);
  else for (const { name, output } of rendered) expectSuccess(`kubeconform, ${name}`, "kubeconform", args, output);
}

/**
 * @param {string} what
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} [input]
 */
function expectSuccess(what, command, args, input) {
  const { status, output } = run(command, args, input);
  if (status === 0) process.stdout.write(`ok: ${what}\n`);
  else faults.push(`${what} failed:\n${output.trimEnd()}`);
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} [input]
 */
function run(command, args, input) {
  const options = { cwd: ROOT, encoding: /** @type {const} */ ("utf8"), timeout: TOOL_TIMEOUT_MS };
  const result = spawnSync(command, args, input === undefined ? options : { ...options, input });
  const errors = result.status === 0 ? "" : `${result.stderr ?? ""}${result.error?.message ?? ""}`;
  return { status: result.status, output: `${result.stdout ?? ""}${errors}` };
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function isInstalled(command, args) {
  return spawnSync(command, args, { stdio: "ignore", timeout: TOOL_TIMEOUT_MS }).status === 0;
}
