import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BackfillResult } from "@tripline/backfill/backfill";
import { backfill } from "@tripline/backfill/backfill";
import { OPTIONAL_COLUMNS } from "@tripline/backfill/generated/optional-columns";
import { handbookSource } from "@tripline/backfill/input/handbook-source";
import type { TransactionsSource } from "@tripline/backfill/input/transactions-source";
import { fileSource, filesIdentity, TRANSACTIONS_COLUMNS } from "@tripline/backfill/input/transactions-source";
import { mappedSource } from "@tripline/backfill/mapping/mapped-source";
import { loadState } from "@tripline/backfill/states/load-state";
import { writeStateKey } from "@tripline/backfill/states/state-key";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { kafkaAt } from "@tripline/system/client/connect-system";
import { Command, InvalidArgumentError, Option } from "commander";
import { positiveNumber } from "../number-options.js";
import { ProgressLine } from "../progress-line.js";
import { kafkaOption } from "./load-state.js";
import { cardTokenKeyOption, installationKey, mapOption, OF_DEMO, openMapping } from "./map-options.js";

interface BackfillFlags {
  readonly input?: string;
  readonly handbook?: string;
  readonly map?: string;
  readonly rejects?: string;
  readonly cardTokenKey?: Buffer;
  readonly output: string;
  readonly state?: string;
  readonly profiles?: string;
  readonly load?: string;
  readonly kafka?: string;
  readonly topicPrefix: string;
  readonly tenant: string;
  readonly until?: number;
  readonly workers?: number;
}

/** `tripline backfill`: computes feature vectors of past payments. */
export function backfillCommand(): Command {
  return new Command("backfill")
    .description(
      "compute the features and final window states of past payments; an interrupted run resumes when restarted",
    )
    .addOption(new Option("--input <path>", "transactions, CSV or Parquet; may be a glob").conflicts("handbook"))
    .option("--handbook <folder>", "the handbook's benchmark data instead (the folder that contains raw/)")
    .addOption(mapOption().conflicts(["input", "handbook"]))
    .option("--rejects <file>", "with --map: where to write rejected rows (default: <mapping>.rejects.ndjson)")
    .addOption(cardTokenKeyOption(`with --handbook or --map; with --map, ${OF_DEMO}`))
    .requiredOption("--output <file>", "Parquet file to write, with one row per payment and one column per feature")
    .option("--state <file>", "also write the window state, for `tripline load-state`")
    .option(
      "--profiles <folder>",
      "also write the tables of the card's and terminal's profiles, for `tripline load-profiles`",
    )
    .option("--load <url>", "load the window states into this Redis at the end, with --state and --kafka")
    .addOption(kafkaOption())
    .option("--topic-prefix <prefix>", "with --kafka: the services' KAFKA_TOPIC_PREFIX", "")
    .option("--tenant <name>", "the tenant of the payments", "demo")
    .option("--until <time>", "skip events at or after this time (ISO 8601)", parseTime)
    .option(
      "--workers <count>",
      "number of threads for computing, in addition to those for writing (default: depends on the number of cores)",
      positiveNumber,
    )
    .action(async function (this: Command, flags: BackfillFlags) {
      if (flags.load !== undefined && flags.state === undefined) this.error("error: --load requires --state");
      if (flags.load !== undefined && flags.kafka === undefined) this.error("error: --load requires --kafka");
      const startedAt = performance.now();
      const line = new ProgressLine(process.stderr);
      line.say("reading and sorting the input");
      const source = await sourceOf(this, flags, line);
      const result = await run(source, flags, line).finally(() => line.end());
      await writeKeyOf(flags);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      process.stdout.write(`${summary(result)} in ${seconds} s\n`);
      const { load: redisUrl, state: statePath, kafka } = flags;
      if (redisUrl === undefined || statePath === undefined || kafka === undefined) return;
      process.stdout.write(
        `${await load({ redisUrl, statePath, kafka, topicPrefix: flags.topicPrefix })} states loaded\n`,
      );
    });
}

interface Loading {
  readonly redisUrl: string;
  readonly statePath: string;
  readonly kafka: string;
  readonly topicPrefix: string;
}

async function load({ kafka, topicPrefix, ...where }: Loading): Promise<number> {
  const admin = await kafkaAt(kafka.split(","), topicPrefix, process.env).admin();
  try {
    return (await loadState({ ...where, kafka: { admin, topicPrefix } })).states;
  } finally {
    await admin.close();
  }
}

function run(source: TransactionsSource, flags: BackfillFlags, line: ProgressLine): Promise<BackfillResult> {
  return backfill({
    spec: currentFeatureSpec(),
    source,
    tenant: flags.tenant,
    outputPath: flags.output,
    ...(flags.state === undefined ? {} : { statePath: flags.state }),
    ...(flags.profiles === undefined ? {} : { profilesPath: flags.profiles }),
    ...(flags.until === undefined ? {} : { untilMs: flags.until }),
    ...(flags.workers === undefined ? {} : { tuning: { workers: flags.workers } }),
    onProgress: (progress) => line.update(progress),
  });
}

function summary({ rows, labels, entities, resumedEvents }: BackfillResult): string {
  const counts = Object.entries(entities).map(([name, count]) => `${name} ${count}`);
  const resumed = resumedEvents > 0 ? `, including ${resumedEvents} events from an earlier run` : "";
  return `${rows} payments and ${labels} labels${resumed}; entities: ${counts.join(", ")};`;
}

function sayIgnored(line: ProgressLine, columns: readonly string[]): void {
  line.end();
  process.stderr.write(
    `ignored columns: ${columns.join(", ")}. Known columns: ${Object.keys({ ...TRANSACTIONS_COLUMNS, ...OPTIONAL_COLUMNS }).join(", ")}.\n`,
  );
}

async function sourceOf(command: Command, flags: BackfillFlags, line: ProgressLine): Promise<TransactionsSource> {
  if (flags.input !== undefined) return fileSource(flags.input, (columns) => sayIgnored(line, columns));
  if (flags.map !== undefined) return mapped(flags.map, flags, line);
  const { handbook: directory, cardTokenKey } = flags;
  if (directory === undefined) return command.error("error: specify --input, --map or --handbook");
  if (cardTokenKey === undefined) return command.error("error: --handbook requires --card-token-key");
  return {
    ...handbookSource({ directory, cardTokenKey }),
    async identity(connection) {
      const terminals = join(directory, "terminals.csv");
      return [
        cardTokenKey.toString("hex"),
        ...(await filesIdentity(connection, join(directory, "raw", "*.csv.gz"))),
        ...(existsSync(terminals) ? await filesIdentity(connection, terminals) : []),
      ];
    },
  };
}

async function mapped(path: string, flags: BackfillFlags, line: ProgressLine): Promise<TransactionsSource> {
  const opened = await openMapping(path);
  const rejectsPath = flags.rejects ?? opened.rejectsPath;
  return mappedSource({
    mapping: opened.mapping,
    key: installationKey(flags.cardTokenKey),
    rejectsPath,
    onMapped: ({ rows, accepted }) => {
      if (accepted === rows) return;
      line.end();
      process.stderr.write(`${rows - accepted} of ${rows} rows were rejected: see ${rejectsPath}\n`);
    },
  });
}

/**
 * Stores which key was used to create the tokens. For a transactions file, the key is unknown, because the author of
 * the file created the tokens.
 */
async function writeKeyOf({ input, state, map, cardTokenKey }: BackfillFlags): Promise<void> {
  if (state === undefined || input !== undefined) return;
  const key = map === undefined ? cardTokenKey : installationKey(cardTokenKey);
  if (key !== undefined) await writeStateKey(state, key);
}

export function parseTime(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError("It must be a time such as 2018-08-08T00:00:00Z.");
  return time;
}
