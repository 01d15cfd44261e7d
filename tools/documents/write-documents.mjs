// Writes generated content: tables of the documents, the services' environments in compose.yaml and the chart, topics and their
// access rules. --check only reports whether it is current.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { capacityTables } from "../../apps/cli/dist/capacity/document-tables.js";
import { ERROR_TABLE } from "../../packages/contracts/dist/error-table.js";
import { currentFeatureSpec } from "../../packages/contracts/dist/feature-spec.js";
import { describeFilter } from "../../packages/contracts/dist/payment-filter.js";
import { ALL_TOPICS } from "../../packages/contracts/dist/topics.js";
import { policyFileSchema } from "../../packages/decision-engine/dist/policy-file.js";
import { chartEnvironment } from "../../packages/system/dist/service-environment/write-chart-environment.js";
import {
  composeEnvironment,
  composeLite,
  composeTls,
} from "../../packages/system/dist/service-environment/write-compose-environment.js";
import { accessTables } from "../../packages/testing/dist/access/describe-access.js";
import { apiTypes } from "./describe-api-types.mjs";
import { clientTables } from "./describe-clients.mjs";
import { dataMap } from "./describe-data.mjs";
import { readmesWithImporters } from "./describe-imports.mjs";
import { listTables, paymentTables } from "./describe-payment.mjs";
import { chartLimits, fillValuesSchema, settingTables } from "./describe-settings.mjs";
import { accessRules, topicsFile } from "./describe-topics.mjs";
import { readDecisions } from "./read-decisions.mjs";

const DAY = 86_400_000;

const topics = table(
  ["topic", "value", "key", "partitions", "retention", "written by", "read by", "what"],
  ALL_TOPICS.map((topic) => [
    `\`${topic.name}\``,
    `\`${topic.schema.split(".").at(-1)}\``,
    topic.key,
    topic.partitions,
    topic.retentionDays === undefined ? "latest per key" : `${topic.retentionDays} d`,
    topic.writtenBy,
    topic.readBy.join(", "),
    topic.purpose,
  ]),
);

const errors = table(
  ["code", "HTTP", "gRPC", "a Kafka consumer", "Retry-After", "meaning"],
  Object.entries(ERROR_TABLE).map(([code, row]) => [
    `\`${code}\``,
    row.httpStatus,
    row.grpcStatus,
    row.kafka,
    row.retryAfterSeconds === undefined ? "" : `${row.retryAfterSeconds} s`,
    row.title,
  ]),
);

const spec = currentFeatureSpec();
const features = table(
  ["#", "feature", "entity", "kind", "window", "tile", "default", "sentence"],
  spec.features.map((feature, index) => {
    const window = "window" in feature ? spec.windows[feature.window] : undefined;
    const tiled = !["distinct", "neighbours", "unusual_count", "unusual_max"].includes(feature.kind);
    return [
      index,
      `\`${feature.name}\``,
      "entity" in feature ? ("of" in feature ? `${feature.entity} × ${feature.of}` : feature.entity) : "payment",
      feature.where === undefined ? feature.kind : `${feature.kind}: ${describeFilter(feature.where)}`,
      window ? duration(window.width) : "",
      window && tiled ? duration(window.tile) : "",
      feature.default,
      feature.sentence,
    ];
  }),
);

const CHART = "deploy/helm/tripline";
const VALUES_SCHEMA = `${CHART}/values.schema.json`;
const POLICY_SCHEMA = "docs/policy.schema.json";
const ACCESS = "infra/access.yaml";

/** Files with generated parts. */
const documents = [
  { file: "docs/access.md", parts: accessTables(table) },
  { file: "docs/architecture.md", parts: { topics } },
  { file: "docs/errors.md", parts: { errors } },
  { file: "docs/features.md", parts: { features } },
  { file: "docs/capacity.md", parts: capacityTables(table) },
  { file: "docs/compatibility.md", parts: clientTables(table) },
  { file: "docs/data-map.md", parts: dataMap(table) },
  { file: "docs/lists.md", parts: listTables(table) },
  { file: "docs/payment.md", parts: paymentTables(table) },
  { file: "docs/settings.md", parts: settingTables(table) },
  { file: "compose.yaml", parts: composeEnvironment() },
  { file: "compose.lite.yaml", parts: composeLite() },
  { file: "compose.tls.yaml", parts: composeTls() },
  { file: ACCESS, parts: { topics: accessRules() } },
  { file: "docs/adr/README.md", parts: { adrs: table(["decision", "date", "status"], readDecisions("docs/adr")) } },
];

/** Files that are generated completely. */
const files = [
  { file: `${CHART}/templates/_environment.tpl`, text: chartEnvironment(chartLimits()) },
  { file: `${CHART}/files/topics.yaml`, text: topicsFile() },
  { file: POLICY_SCHEMA, text: format(POLICY_SCHEMA, JSON.stringify(policyFileSchema(), null, 2)) },
  { file: VALUES_SCHEMA, text: format(VALUES_SCHEMA, fillValuesSchema(readFileSync(VALUES_SCHEMA, "utf8"))) },
  ...(await apiTypes()),
  ...readmesWithImporters(),
];

const checkOnly = process.argv.includes("--check");
for (const { file, parts } of documents) {
  let text = readFileSync(file, "utf8");
  for (const [name, part] of Object.entries(parts)) text = fill(text, name, part, file);
  // The formatter would break its long lines.
  write(file, file === ACCESS ? format(file, text) : text);
}
for (const { file, text } of files) write(file, text);

/**
 * @param {string} file
 * @param {string} text
 */
function write(file, text) {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  if (!checkOnly) writeFileSync(file, text);
  else {
    process.stderr.write(`${file} is stale; run \`npm run documents\`.\n`);
    process.exitCode = 1;
  }
}

/**
 * Formats text as `npm run fix` would.
 *
 * @param {string} file
 * @param {string} text
 */
function format(file, text) {
  return execFileSync("node_modules/.bin/biome", ["format", `--stdin-file-path=${file}`], {
    input: text,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "inherit"],
  });
}

/** @param {number} ms a multiple of one minute */
function duration(ms) {
  for (const [unit, length] of /** @type {const} */ ([
    ["d", DAY],
    ["h", 3_600_000],
  ])) {
    if (ms % length === 0) return `${ms / length} ${unit}`;
  }
  return `${ms / 60_000} min`;
}

/**
 * @param {string} document
 * @param {string} name
 * @param {string} text
 * @param {string} file
 */
function fill(document, name, text, file) {
  const [opens, closes] = file.endsWith(".md") ? ["<!-- ", " -->"] : ["# ", ""];
  const [start, end] = [`${opens}${name}: from code${closes}\n`, `${opens}/${name}${closes}\n`];
  const from = document.indexOf(start) + start.length;
  const to = document.indexOf(end, from);
  if (from < start.length || to < from) throw new Error(`${file} lacks the markers ${start.trim()} … ${end.trim()}`);
  // The end marker keeps its indentation.
  return `${document.slice(0, from)}${text}\n${document.slice(document.lastIndexOf("\n", to) + 1)}`;
}

/**
 * @param {string[]} head
 * @param {(string | number)[][]} rows
 */
function table(head, rows) {
  const line = (/** @type {(string | number)[]} */ cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
