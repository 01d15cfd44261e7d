import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Command, InvalidArgumentError, Option } from "commander";
import { backfill } from "./backfill.js";
import type { TransactionsSource } from "./backfill-source.js";
import { fileSource } from "./backfill-source.js";
import { handbookSource } from "./handbook-source.js";

interface BackfillFlags {
  readonly input?: string;
  readonly handbook?: string;
  readonly cardTokenKey?: Buffer;
  readonly output: string;
  readonly state?: string;
  readonly tenant: string;
  readonly until?: number;
}

/** `tripline backfill`: past payments to feature vectors, with the engine that serves them online. */
export function backfillCommand(): Command {
  return new Command("backfill")
    .description("compute the features of past payments, and the window state after them")
    .addOption(new Option("--input <path>", "transactions, CSV or Parquet; may be a glob").conflicts("handbook"))
    .option("--handbook <folder>", "the handbook's benchmark data instead (the folder that holds raw/)")
    .addOption(
      new Option("--card-token-key <base64>", "key of the front door for card tokens, with --handbook")
        .env("CARD_TOKEN_KEY")
        .argParser((text) => Buffer.from(text, "base64")),
    )
    .requiredOption("--output <file>", "Parquet file to write: a row per payment, a column per feature")
    .option("--state <file>", "also write the window state, for `tripline load-state`")
    .option("--tenant <name>", "whose payments these are", "demo")
    .option("--until <time>", "leave out what happened at or after this time (ISO 8601)", parseTime)
    .action(async function (this: Command, flags: BackfillFlags) {
      const startedAt = performance.now();
      const result = await backfill({
        spec: currentFeatureSpec(),
        source: sourceOf(this, flags),
        tenant: flags.tenant,
        outputPath: flags.output,
        ...(flags.state === undefined ? {} : { statePath: flags.state }),
        ...(flags.until === undefined ? {} : { untilMs: flags.until }),
      });
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      const entities = Object.entries(result.entities).map(([name, count]) => `${name} ${count}`);
      process.stdout.write(
        `${result.rows} payments and ${result.labels} labels in ${seconds} s; entities: ${entities.join(", ")}\n`,
      );
    });
}

function sourceOf(command: Command, flags: BackfillFlags): TransactionsSource {
  if (flags.input !== undefined) return fileSource(flags.input);
  if (flags.handbook === undefined) return command.error("one of --input and --handbook is needed");
  if (flags.cardTokenKey === undefined) return command.error("--handbook needs --card-token-key");
  return handbookSource({ directory: flags.handbook, cardTokenKey: flags.cardTokenKey });
}

function parseTime(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError("must be a time such as 2018-08-08T00:00:00Z");
  return time;
}
