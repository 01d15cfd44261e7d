import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { DriftDetected } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import type { Kafka } from "@tripline/kafka/port";
import { SPEC_FILE } from "@tripline/model-loop/retraining/retrain";
import type { LakeDatasetOptions } from "@tripline/model-loop/retraining/retrain-dataset";
import {
  newestPaymentMs,
  writeLoggedFeatures,
  writeServedScores,
} from "@tripline/model-loop/retraining/retrain-dataset";
import { runPythonModule, trainingPython } from "@tripline/model-loop/run-python";
import { kafkaFrom } from "@tripline/system/client/connect-system";
import type { CommandOutput } from "@tripline/system/command-output";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import { kafkaEnvironment, labelsByOption, lakeOption, parseTime, tenantOption, withKafka } from "../lake-options.js";
import { interpreterOf } from "./python.js";

interface DriftFlags {
  readonly lake: string;
  readonly model: string;
  readonly tenant?: string;
  readonly day?: number;
  readonly reference?: string;
  readonly labelsBy: LakeDatasetOptions["labelsBy"];
  readonly metrics?: string;
  readonly report?: string;
  readonly failOnDrift?: true;
  readonly kafka?: string;
  readonly topicPrefix?: string;
}

const DAY_MS = 86_400_000;
/** A day, the 14 days that it is compared with, the 14 that say what is usual. */
const DAYS_COMPARED = 29;
/** Outcomes are those of labels by the day of their arrival; labels of older payments do not count. */
const LABEL_AGE_DAYS_MAX = 60;
/** As judge_days.py has it. */
const SCORED_PER_DAY_MIN = 100;
const DRIFT_EXIT_CODE = 3;

/** `tripline drift`: whether the lake's newest day differs from the days before it, or from a reference. */
export function driftCommand(output: CommandOutput = process.stdout): Command {
  return withKafka(
    new Command("drift")
      .description("compare the lake's newest whole day with earlier days: features, served scores, outcomes")
      .addOption(lakeOption())
      .option("--model <name>", "which model; it labels metrics and events", MODEL_NAME)
      .addOption(tenantOption())
      .option("--day <date>", "the day to judge, UTC; the newest whole one unless given", parseTime)
      .option(
        "--reference <first..last>",
        "days to compare with, for instance those the model has learnt from",
        parseReference,
      )
      .addOption(labelsByOption())
      .option("--metrics <file>", "for Prometheus, as node_exporter's textfile collector reads it")
      .option("--report <file>", "Evidently's report, HTML; needs the Python environment `drift`")
      .option("--fail-on-drift", `end with exit code ${DRIFT_EXIT_CODE} on drift`),
  ).action(async (flags: DriftFlags) => {
    process.exitCode = await run(flags, output);
  });
}

async function run(flags: DriftFlags, output: CommandOutput): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "tripline-drift-"));
  try {
    const { lake, tenant } = flags;
    const newestMs =
      flags.day ?? (await newestPaymentMs({ lake, ...(tenant === undefined ? {} : { tenant }) })) - DAY_MS;
    const dayMs = Math.floor(newestMs / DAY_MS) * DAY_MS;
    const lines = await judge(flags, folder, dayMs, output);
    const events = lines.map((line) => eventOf(line, tenant));
    for (const { sentence } of events) output.write(`${sentence}\n`);
    const isSent = events.length > 0 && (flags.kafka ?? process.env.KAFKA_BROKERS) !== undefined;
    if (isSent) await send(kafkaFrom(kafkaEnvironment(flags)).kafka, events);
    const columns = events.flatMap((event) => event.columns.map(({ column }) => column)).join(",") || "none";
    output.write(`drift: day=${new Date(dayMs).toISOString().slice(0, 10)} drifted=${columns} event_sent=${isSent}\n`);
    return events.length > 0 && flags.failOnDrift === true ? DRIFT_EXIT_CODE : 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The events of the day as lines of JSON. */
async function judge(flags: DriftFlags, folder: string, dayMs: number, output: CommandOutput): Promise<string[]> {
  const { lake, tenant, labelsBy, reference, metrics, report, model } = flags;
  const [features, scores, events] = ["features.parquet", "scores.parquet", "events.ndjson"].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  const compared = comparedDays(dayMs / DAY_MS, reference);
  const options: LakeDatasetOptions = {
    lake,
    labelsBy,
    spec: currentFeatureSpec(),
    cutoffMs: dayMs + DAY_MS,
    fromMs: Math.max(0, (Math.min(...compared) - LABEL_AGE_DAYS_MAX) * DAY_MS),
    outputPath: features,
    ...(tenant === undefined ? {} : { tenant }),
  };
  await writeLoggedFeatures(options);
  const scored = await writeServedScores({ ...options, outputPath: scores });
  // A day on which no model answered shall not keep the features from being judged.
  const thin = compared.filter((each) => (scored.get(each) ?? 0) < SCORED_PER_DAY_MIN).length;
  const withScores = scored.size > 0 && thin === 0;
  if (scored.size > 0 && !withScores) {
    output.write(
      `drift: scores are not judged: ${thin} of the ${compared.length} days have too few that a model gave\n`,
    );
  }
  const day = new Date(dayMs).toISOString().slice(0, 10);
  await runPythonModule(
    "tripline_training.detect_drift",
    [
      ...["--features", features, "--feature-spec", SPEC_FILE, "--name", model, "--events", events],
      ...["--from", day, "--to", day],
      ...(withScores ? ["--scores", scores] : []),
      ...(reference === undefined ? [] : ["--reference", reference]),
      ...(metrics === undefined ? [] : ["--metrics", resolve(metrics)]),
      ...(report === undefined ? [] : ["--report", resolve(report)]),
    ],
    { interpreter: report === undefined ? await trainingPython() : await interpreterOf("drift") },
  );
  const text = await readFile(events, "utf8").catch((error: NodeJS.ErrnoException) => {
    // No event, no file.
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return text.split("\n").filter((line) => line !== "");
}

function parseReference(text: string): string {
  if (/^\d{4}-\d{2}-\d{2}\.\.\d{4}-\d{2}-\d{2}$/.test(text)) return text;
  throw new InvalidArgumentError("must be two days such as 2026-01-01..2026-01-31");
}

/** The days that a judgement reads, counted from 1970-01-01: those it compares with, and the judged one. */
function comparedDays(day: number, reference: string | undefined): number[] {
  const count = DAYS_COMPARED - 1;
  const last = reference === undefined ? day - 1 : Math.floor(parseTime(reference.split("..")[1] ?? "") / DAY_MS);
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

async function send(kafka: Kafka, events: readonly DriftDetected[]): Promise<void> {
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
