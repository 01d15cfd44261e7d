import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BackfillResult } from "@tripline/backfill/backfill";
import { backfill } from "@tripline/backfill/backfill";
import { OPTIONAL_COLUMNS } from "@tripline/backfill/generated/optional-columns";
import { handbookSource } from "@tripline/backfill/input/handbook-source";
import type { TransactionsSource } from "@tripline/backfill/input/transactions-source";
import { fileSource, filesIdentity, TRANSACTIONS_COLUMNS } from "@tripline/backfill/input/transactions-source";
import { loadState } from "@tripline/backfill/states/load-state";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { kafkaAt } from "@tripline/system/client/connect-system";
import { Command, InvalidArgumentError, Option } from "commander";
import { ProgressLine } from "../progress-line.js";
import { kafkaOption } from "./load-state.js";

/** Minimum bytes that ingestion requires in `CARD_TOKEN_KEY`. */
const CARD_TOKEN_KEY_BYTES_MIN = 32;

interface BackfillFlags {
  readonly input?: string;
  readonly handbook?: string;
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
    .description("compute the features and final window states of past payments; a restart resumes where it stopped")
    .addOption(new Option("--input <path>", "transactions, CSV or Parquet; may be a glob").conflicts("handbook"))
    .option("--handbook <folder>", "the handbook's benchmark data instead (the folder that holds raw/)")
    .addOption(
      new Option("--card-token-key <base64>", "ingestion's key for card tokens, with --handbook")
        .env("CARD_TOKEN_KEY")
        .argParser(parseCardTokenKey),
    )
    .requiredOption("--output <file>", "Parquet file to write: a row per payment, a column per feature")
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
      "threads for computing, in addition to those for writing (default: depends on the cores)",
      parseCount,
    )
    .action(async function (this: Command, flags: BackfillFlags) {
      if (flags.load !== undefined && flags.state === undefined) this.error("error: --load requires --state");
      if (flags.load !== undefined && flags.kafka === undefined) this.error("error: --load requires --kafka");
      const startedAt = performance.now();
      const line = new ProgressLine(process.stderr);
      line.say("reading and sorting the input");
      const result = await run(
        sourceOf(this, flags, (columns) => sayIgnored(line, columns)),
        flags,
        line,
      ).finally(() => line.end());
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      process.stdout.write(`${summary(result)} in ${seconds} s\n`);
      const { load: redisUrl, state: statePath, kafka } = flags;
      if (redisUrl === undefined || statePath === undefined || kafka === undefined) return;
      process.stdout.write(
        `${await load({ redisUrl, statePath, kafka, topicPrefix: flags.topicPrefix })} states loaded\n`,
      );
    });
}

/** Rejects keys that ingestion would reject. */
function parseCardTokenKey(text: string): Buffer {
  const key = Buffer.from(text, "base64");
  if (key.length >= CARD_TOKEN_KEY_BYTES_MIN) return key;
  throw new InvalidArgumentError(
    `has ${key.length} bytes; must be at least ${CARD_TOKEN_KEY_BYTES_MIN} random bytes in base64`,
  );
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
  const resumed = resumedEvents > 0 ? `, ${resumedEvents} events of which are from an earlier run` : "";
  return `${rows} payments and ${labels} labels${resumed}; entities: ${counts.join(", ")};`;
}

function sayIgnored(line: ProgressLine, columns: readonly string[]): void {
  line.end();
  process.stderr.write(
    `ignored columns: ${columns.join(", ")}. Known columns: ${Object.keys({ ...TRANSACTIONS_COLUMNS, ...OPTIONAL_COLUMNS }).join(", ")}.\n`,
  );
}

function sourceOf(
  command: Command,
  flags: BackfillFlags,
  onIgnored: (columns: readonly string[]) => void,
): TransactionsSource {
  if (flags.input !== undefined) return fileSource(flags.input, onIgnored);
  const { handbook: directory, cardTokenKey } = flags;
  if (directory === undefined) return command.error("error: specify --input or --handbook");
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

export function parseTime(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError("must be a time such as 2018-08-08T00:00:00Z");
  return time;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError("must be a whole number from 1");
  return count;
}
