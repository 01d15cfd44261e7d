import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { categoryText } from "@tripline/contracts/text/category-code";
import { formatShare } from "@tripline/decision-engine/format-value";
import type { ModelManifest } from "@tripline/model-registry/model-manifest";
import type { AliasMove, ListedVersion, ModelVersion } from "@tripline/model-registry/model-registry";
import type { ChangedValue } from "./changes.js";
import { flatten } from "./changes.js";
import type { ModelDiff } from "./diff.js";

/** Number of moves that `show` prints. */
const MOVES_SHOWN = 10;
const DIGITS = 4;

/** The metrics that a listing shows, in this order, by the end of their name. */
const LISTED_METRICS = ["average_precision", "auc_roc", "card_precision_at_100"];

export function listTable(listed: readonly ListedVersion[]): string {
  const head = ["version", "aliases", "created", "spec", ...LISTED_METRICS];
  const rows = listed.map(({ version, aliases, manifest, fault }) => {
    if (manifest === undefined) return [version, aliases.join(","), `cannot be read: ${fault}`];
    const metrics = [...flatten(manifest.metrics)];
    // Metrics of the later days are nested below `valid`; the last match is the most recent one.
    const listedMetric = (end: string): string =>
      shown(metrics.findLast(([name]) => name === end || name.endsWith(`.${end}`))?.[1]);
    return [
      version,
      [...aliases].sort().join(","),
      manifest.created_at,
      String(manifest.feature_spec_version),
      ...LISTED_METRICS.map(listedMetric),
    ];
  });
  return table([head, ...rows]);
}

export function showText(model: ModelVersion, aliases: readonly string[], moves: readonly AliasMove[]): string {
  const { manifest } = model;
  const { params, ...lineage } = manifest.lineage;
  const facts: [string, string][] = [
    ["model", `${model.name} ${model.version}`],
    ["aliases", aliases.join(", ") || "none"],
    ["created", manifest.created_at],
    ["features", featuresText(manifest)],
    ["golden batch", `${model.golden.inputs.length} rows`],
    ["files", model.directory],
    ...[...flatten(lineage)].map(([name, value]): [string, string] => [name, shown(value)]),
  ];
  const own = moves.filter(({ from, to }) => from === model.version || to === model.version).slice(-MOVES_SHOWN);
  return [
    table(facts),
    section("categories", categoryRows(manifest)),
    section("params", [...flatten(params)].map(pair)),
    section("metrics", [...flatten(manifest.metrics)].map(pair)),
    section("moves", own.map(moveRow)),
  ].join("");
}

function featuresText({ used_features: used, features, feature_spec_version: spec }: ModelManifest): string {
  const of = `${features.length}, of feature spec ${spec}`;
  return used === undefined ? of : `uses ${used.length} of ${of}`;
}

/** The values that the model knows, the most frequent first, and the share of its training rows that had them. */
function categoryRows({ categories = {} }: ModelManifest): string[][] {
  const spec = currentFeatureSpec();
  return Object.entries(categories).map(([name, { codes, rows, other_rows, missing_rows }]) => {
    const feature = spec.features.find((one) => one.name === name);
    const text = (code: number) => (feature?.kind === "category" && categoryText(feature.field, code)) || `#${code}`;
    const known = rows.reduce((sum, count) => sum + count, 0);
    const share = formatShare(known / Math.max(1, known + other_rows + missing_rows));
    return [name, `${codes.map(text).join(", ")} (${share} of payments)`];
  });
}

export function diffText(diff: ModelDiff): string {
  const { features, golden } = diff;
  const [specA, specB] = features.spec_versions;
  const spec = specA === specB ? `the same spec ${specA}` : `spec ${specA} and spec ${specB}`;
  const names = [
    ...(features.only_a.length > 0 ? [[`only ${diff.a}`, features.only_a.join(", ")]] : []),
    ...(features.only_b.length > 0 ? [[`only ${diff.b}`, features.only_b.join(", ")]] : []),
    ...(features.reordered ? [["order", "the same features in a different order"]] : []),
    ...(features.used_only_a.length > 0 ? [[`used by ${diff.a} only`, features.used_only_a.join(", ")]] : []),
    ...(features.used_only_b.length > 0 ? [[`used by ${diff.b} only`, features.used_only_b.join(", ")]] : []),
  ];
  const isSame = names.length === 0;
  const scores =
    golden === null
      ? [["not compared", "the features differ, so the models have no input rows in common"]]
      : [
          ["rows", String(golden.rows)],
          ["mean difference", shown(golden.mean_difference)],
          ["max difference", `${shown(golden.max_difference)} (${shown(golden.worst.a)} and ${shown(golden.worst.b)})`],
        ];
  return [
    `${diff.name}: ${diff.a} and ${diff.b}\n`,
    section("features", [["spec", isSame ? `${spec}, the same features` : spec], ...names]),
    section("params", changeRows(diff, diff.params)),
    section("metrics", changeRows(diff, diff.metrics)),
    section("data", changeRows(diff, diff.data)),
    section("scores of both golden batches", scores),
  ].join("");
}

/** One line for a move. */
export function moveText(name: string, { alias, from, to, by, why }: AliasMove): string {
  return `${alias} of ${name}: ${from ?? "none"} -> ${to} by ${by}${why === null ? "" : ` (${why})`}\n`;
}

function moveRow({ at, alias, from, to, by, why, is_rollback }: AliasMove): string[] {
  return [at, alias, `${from ?? "none"} -> ${to}`, is_rollback ? "rolled back" : "", by, why ?? ""];
}

function changeRows({ a, b }: ModelDiff, changes: readonly ChangedValue[]): string[][] {
  if (changes.length === 0) return [["the same"]];
  const rows = changes.map((item) => {
    const change = item.change === undefined ? "" : `${item.change > 0 ? "+" : ""}${shown(item.change)}`;
    return [item.name, "a" in item ? shown(item.a) : "-", "b" in item ? shown(item.b) : "-", change];
  });
  return [["", a, b, "change"], ...rows];
}

const pair = ([name, value]: [string, unknown]): string[] => [name, shown(value)];

function shown(value: unknown): string {
  if (value === undefined || value === null) return "-";
  if (typeof value !== "number") return typeof value === "string" ? value : JSON.stringify(value);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(DIGITS)));
}

function section(title: string, rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  return `\n${title}\n${table(rows).replaceAll(/^(?=.)/gm, "  ")}`;
}

/** Columns as wide as their longest text, separated by two spaces. */
export function table(rows: readonly (readonly string[])[]): string {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    // The last column of a row may have any width.
    Math.max(0, ...rows.map((row) => (column < row.length - 1 ? (row[column] ?? "").length : 0))),
  );
  const line = (row: readonly string[]): string =>
    row.map((text, column) => (column < row.length - 1 ? text.padEnd(widths[column] ?? 0) : text)).join("  ");
  return rows.map((row) => `${line(row).trimEnd()}\n`).join("");
}
