import type { JudgeOptions } from "@tripline/model-loop/drift/judge-day";
import { DAY_MS, dateOf, judgeDay, sendDrift } from "@tripline/model-loop/drift/judge-day";
import { newestPaymentMs } from "@tripline/model-loop/retraining/retrain-dataset";
import { kafkaFrom } from "@tripline/system/client/connect-system";
import type { CommandOutput } from "@tripline/system/command-output";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { Command, InvalidArgumentError } from "commander";
import { kafkaEnvironment, labelsByOption, lakeOption, parseTime, tenantOption, withKafka } from "../lake-options.js";
import { registryOption } from "../registry-options.js";
import { interpreterOf } from "./python.js";

interface DriftFlags {
  readonly lake: string;
  readonly model: string;
  readonly registry: string;
  readonly tenant?: string;
  readonly day?: number;
  readonly reference?: string;
  readonly labelsBy: JudgeOptions["labelsBy"];
  readonly metrics?: string;
  readonly report?: string;
  readonly failOnDrift?: true;
  readonly kafka?: string;
  readonly topicPrefix?: string;
}

const DRIFT_EXIT_CODE = 3;

/** `tripline drift`: tests the lake's newest day for drift relative to the days before it or to a reference. */
export function driftCommand(output: CommandOutput = process.stdout): Command {
  return withKafka(
    new Command("drift")
      .description("compare the latest full day in the lake with earlier days: features, served scores and outcomes")
      .addOption(lakeOption())
      .option("--model <name>", "the model, which labels metrics and events", MODEL_NAME)
      .addOption(registryOption())
      .addOption(tenantOption())
      .option("--day <date>", "the day to check, UTC (default: the latest full day)", parseTime)
      .option(
        "--reference <first..last>",
        "days to compare with, for example the training days of the model",
        parseReference,
      )
      .addOption(labelsByOption())
      .option("--metrics <file>", "metrics file for node_exporter's textfile collector")
      .option("--report <file>", "Evidently report in HTML; requires the Python environment `drift`")
      .option("--fail-on-drift", `exit code ${DRIFT_EXIT_CODE} on drift`),
  ).action(async (flags: DriftFlags) => {
    process.exitCode = await run(flags, output);
  });
}

async function run(flags: DriftFlags, output: CommandOutput): Promise<number> {
  const { lake, tenant: name, registry: registryUrl, kafka, report, failOnDrift, day: dayMs, ...rest } = flags;
  const tenant = name === undefined ? {} : { tenant: name };
  const day = Math.floor((dayMs ?? (await newestPaymentMs({ lake, ...tenant })) - DAY_MS) / DAY_MS);
  const drawn = report === undefined ? {} : { report: { path: report, interpreter: await interpreterOf("drift") } };
  const events = await judgeDay({ ...rest, lake, registryUrl, ...tenant, ...drawn, output }, day);
  for (const { sentence } of events) output.write(`${sentence}\n`);
  const isSent = events.length > 0 && (kafka ?? process.env.KAFKA_BROKERS) !== undefined;
  if (isSent) await sendDrift(kafkaFrom(kafkaEnvironment(flags)).kafka, events);
  const columns = events.flatMap((event) => event.columns.map(({ column }) => column)).join(",") || "none";
  output.write(`drift: day=${dateOf(day)} drifted=${columns} event_sent=${isSent}\n`);
  return events.length > 0 && failOnDrift === true ? DRIFT_EXIT_CODE : 0;
}

function parseReference(text: string): string {
  if (/^\d{4}-\d{2}-\d{2}\.\.\d{4}-\d{2}-\d{2}$/.test(text)) return text;
  throw new InvalidArgumentError("It must be two days, such as 2026-01-01..2026-01-31.");
}
