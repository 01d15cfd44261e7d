// Writes the parts of the documents that come from code: the topic table, the error table, the features.
// With --check it only says whether they are fresh.
import { readFileSync, writeFileSync } from "node:fs";
import { ERROR_TABLE } from "../../../packages/contracts/dist/error-table.js";
import { currentFeatureSpec } from "../../../packages/contracts/dist/feature-spec.js";
import { ALL_TOPICS } from "../../../packages/contracts/dist/topics.js";
import { capacityTables } from "../dist/capacity-documents.js";

const DAY = 86_400_000;

const topics = table(
  ["topic", "value", "key", "partitions", "kept", "written by", "read by", "what"],
  ALL_TOPICS.map((topic) => [
    `\`${topic.name}\``,
    `\`${topic.schema.split(".").at(-1)}\``,
    topic.key,
    topic.partitions,
    `${topic.retentionDays} d`,
    topic.writtenBy,
    topic.readBy.join(", ") || "an operator",
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
  ["#", "feature", "of", "kind", "window", "moves by", "default", "in words"],
  spec.features.map((feature, index) => {
    const window = "window" in feature ? spec.windows[feature.window] : undefined;
    const tiled = !["distinct", "unusual_count", "unusual_max"].includes(feature.kind);
    return [
      index,
      `\`${feature.name}\``,
      "entity" in feature ? ("of" in feature ? `${feature.entity} × ${feature.of}` : feature.entity) : "payment",
      feature.kind,
      window ? duration(window.width) : "",
      window && tiled ? duration(window.tile) : "",
      feature.default,
      feature.sentence,
    ];
  }),
);

const documents = [
  { file: "docs/architecture.md", parts: { topics } },
  { file: "docs/errors.md", parts: { errors } },
  { file: "docs/features.md", parts: { features } },
  { file: "docs/capacity.md", parts: capacityTables(table) },
];

/** @param {number} ms a whole number of minutes */
function duration(ms) {
  for (const [unit, length] of /** @type {const} */ ([
    ["d", DAY],
    ["h", 3_600_000],
  ])) {
    if (ms % length === 0) return `${ms / length} ${unit}`;
  }
  return `${ms / 60_000} min`;
}

const checkOnly = process.argv.includes("--check");
for (const { file, parts } of documents) {
  const before = readFileSync(file, "utf8");
  let after = before;
  for (const [name, text] of Object.entries(parts)) after = fill(after, name, text, file);
  if (after === before) continue;
  if (checkOnly) {
    process.stderr.write(`${file} is stale; run \`npm run documents\`.\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, after);
  }
}

/**
 * @param {string} document
 * @param {string} name
 * @param {string} text
 * @param {string} file
 */
function fill(document, name, text, file) {
  const [start, end] = [`<!-- ${name}: from code -->`, `<!-- /${name} -->`];
  const from = document.indexOf(start);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} lacks the marks ${start} … ${end}`);
  return `${document.slice(0, from + start.length)}\n${text}\n${document.slice(to)}`;
}

/**
 * @param {string[]} head
 * @param {(string | number)[][]} rows
 */
function table(head, rows) {
  const line = (/** @type {(string | number)[]} */ cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
