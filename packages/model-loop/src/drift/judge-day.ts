import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { asTriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { DriftDetected } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import type { Kafka } from "@tripline/kafka/port";
import { usedFeatures } from "@tripline/model-registry/model-manifest";
import { openRegistry } from "@tripline/model-registry/open-registry";
import type { CommandOutput } from "@tripline/system/command-output";
import { z } from "zod";
import { SPEC_FILE } from "../retraining/retrain.js";
import type { LakeDatasetOptions } from "../retraining/retrain-dataset.js";
import { writeLoggedFeatures, writeServedScores } from "../retraining/retrain-dataset.js";
import { ROWS_MAX } from "../retraining/sample-payments.js";
import { runPythonModule, trainingPython } from "../run-python.js";

export interface JudgeOptions {
  readonly lake: string;
  /** Label of the metrics and events. */
  readonly model: string;
  /**
   * Registry with the champion, because only the features that the champion uses are tested. Without a champion, all
   * features are tested.
   */
  readonly registryUrl: string;
  readonly tenant?: string;
  readonly labelsBy: LakeDatasetOptions["labelsBy"];
  /** Reference days, as `2026-01-01..2026-01-31`. Default: the days immediately before the tested day. */
  readonly reference?: string;
  /** Metrics file for node_exporter's textfile collector. */
  readonly metrics?: string;
  /** Evidently's HTML report, and a Python interpreter with Evidently installed. */
  readonly report?: { readonly path: string; readonly interpreter: string };
  readonly output: CommandOutput;
}

export const DAY_MS = 86_400_000;
/** The day, the 14 days with which it is compared, and 14 more days that provide the baseline. */
const DAYS_COMPARED = 29;
/** Outcome drift uses labels by their arrival day; labels of older payments are ignored. */
const LABEL_AGE_DAYS_MAX = 60;
/** The same value as in judge_days.py. */
const SCORED_PER_DAY_MIN = 100;

/** The date of a day that is counted from 1970-01-01. */
export const dateOf = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/**
 * Tests whether a day in the lake drifted from the days before it or from a reference.
 *
 * @param day counted from 1970-01-01 (UTC)
 * @returns an event if it did
 * @throws TriplineError or Error in one sentence, for example if a day has too few payments
 */
export async function judgeDay(options: JudgeOptions, day: number): Promise<DriftDetected[]> {
  const folder = await mkdtemp(join(tmpdir(), "tripline-drift-"));
  try {
    return await readEvents(await judge(options, folder, day), options.tenant);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns the file of the day's events, which exists only if there are any */
async function judge(options: JudgeOptions, folder: string, day: number): Promise<string> {
  const { lake, tenant, labelsBy, reference, metrics, report, model, output } = options;
  const [features, scores, events] = ["features.parquet", "scores.parquet", "events.ndjson"].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  const compared = comparedDays(day, reference);
  const dataset: LakeDatasetOptions = {
    lake,
    labelsBy,
    spec: currentFeatureSpec(),
    cutoffMs: (day + 1) * DAY_MS,
    fromMs: Math.max(0, firstDayRead(day, reference) * DAY_MS),
    outputPath: features,
    sample: { rowsMax: ROWS_MAX, purpose: "comparison" },
    ...(tenant === undefined ? {} : { tenant }),
  };
  const { shares } = await writeLoggedFeatures(dataset);
  const scored = await writeServedScores({ ...dataset, outputPath: scores }, shares);
  // A day without enough model scores must not prevent the tests of features.
  const thin = compared.filter((each) => (scored.get(each) ?? 0) < SCORED_PER_DAY_MIN).length;
  const withScores = scored.size > 0 && thin === 0;
  if (scored.size > 0 && !withScores) {
    output.write(
      `drift: scores are not checked, because models scored too few payments on ${thin} of the ${compared.length} days\n`,
    );
  }
  const date = dateOf(day);
  const used = await championUses(options);
  await runPythonModule(
    "tripline_training.detect_drift",
    [
      ...["--features", features, "--feature-spec", SPEC_FILE, "--name", model, "--events", events],
      ...["--from", date, "--to", date],
      ...(used === undefined ? [] : ["--watch", used.join(",")]),
      ...(withScores ? ["--scores", scores] : []),
      ...(reference === undefined ? [] : ["--reference", reference]),
      ...(metrics === undefined ? [] : ["--metrics", resolve(metrics)]),
      ...(report === undefined ? [] : ["--report", resolve(report.path)]),
    ],
    { interpreter: report?.interpreter ?? (await trainingPython()) },
  );
  return events;
}

/** The features that the champion uses; undefined if there is no champion with this feature spec. */
async function championUses({ registryUrl, model }: JudgeOptions): Promise<readonly string[] | undefined> {
  try {
    const registry = openRegistry(registryUrl);
    const version = await registry.aliasTarget(model, "champion");
    const manifest = (await registry.list(model)).find((listed) => listed.version === version)?.manifest;
    return manifest?.feature_spec_version === currentFeatureSpec().version ? usedFeatures(manifest) : undefined;
  } catch (error) {
    if (asTriplineError(error).code === "model-not-found") return undefined;
    throw error;
  }
}

/** Reads the output of `tripline_training.detect_drift`. */
export async function readEvents(path: string, tenant?: string): Promise<DriftDetected[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    // Without events, there is no file.
    if (error.code === "ENOENT") return "";
    throw error;
  });
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => eventOf(line, tenant));
}

/** The first day of the lake that a test reads, counted from 1970-01-01. */
export function firstDayRead(day: number, reference?: string): number {
  return Math.min(...comparedDays(day, reference)) - LABEL_AGE_DAYS_MAX;
}

/** The days that a test compares, counted from 1970-01-01: the reference days and the tested day. */
function comparedDays(day: number, reference: string | undefined): number[] {
  const count = DAYS_COMPARED - 1;
  const last = reference === undefined ? day - 1 : Math.floor(Date.parse(reference.split("..")[1] ?? "") / DAY_MS);
  return [...Array.from({ length: count }, (_, index) => last - count + 1 + index), day];
}

const found = z.object({
  event_id: z.string(),
  detected_at: z.iso.datetime(),
  model: z.string(),
  day: z.iso.date(),
  compared_with: z.object({ from: z.iso.date(), to: z.iso.date() }),
  rows: z.int(),
  columns: z.array(
    z.object({
      column: z.string(),
      kind: z.string(),
      distance: z.number(),
      threshold: z.number(),
      p_value: z.number(),
    }),
  ),
  sentence: z.string(),
});

function eventOf(line: string, tenant: string | undefined): DriftDetected {
  const event = found.parse(JSON.parse(line));
  return {
    eventId: event.event_id,
    modelName: event.model,
    tenant: tenant ?? "",
    day: event.day,
    comparedFrom: event.compared_with.from,
    comparedTo: event.compared_with.to,
    rows: event.rows,
    columns: event.columns.map(({ p_value: pValue, ...column }) => ({ ...column, pValue })),
    sentence: event.sentence,
    detectedAtMs: Date.parse(event.detected_at),
  };
}

/** Publishes the events to `drift-detected`. @throws TriplineError `kafka-unavailable` */
export async function sendDrift(kafka: Kafka, events: readonly DriftDetected[]): Promise<void> {
  const { name: topic, schema } = TOPICS.driftDetected;
  const producer = await kafka.producer();
  try {
    await producer.send(
      events.map((event) => ({
        topic,
        key: event.modelName,
        value: DriftDetected.encode(event).finish(),
        headers: { [HEADERS.schema]: schema },
      })),
    );
  } finally {
    await producer.close();
  }
}
