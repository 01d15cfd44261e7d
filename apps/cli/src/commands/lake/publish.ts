import { runPythonModule } from "@tripline/model-loop/run-python";
import type { CommandOutput } from "@tripline/system/command-output";
import { DEMO_WORKSPACE } from "@tripline/system/services/local-system";
import { Command, InvalidArgumentError, Option } from "commander";
import { interpreterOf } from "../models/python.js";
import { positiveNumber } from "../number-options.js";
import { lakeOf, lakeOption, topicOption } from "./lake-flags.js";

interface PublishFlags {
  readonly lake?: string;
  readonly workspace: string;
  readonly topic?: string;
  readonly catalog?: string;
  readonly every?: number;
  readonly keepHours?: number;
  readonly days?: number;
}

const EVERY_MINUTES_MAX = 1_440;
const KEEP_HOURS_MAX = 8_760;

/** `tripline lake publish`: publishes the lake as Apache Iceberg tables. */
export function publishCommand(output: CommandOutput = process.stdout): Command {
  return new Command("publish")
    .description("publish the lake as Apache Iceberg tables, one per topic, without copying its files")
    .addOption(lakeOption())
    .addOption(topicOption())
    .addOption(
      new Option(
        "--catalog <url>",
        "sqlite:///path or postgresql://user:password@host/database (default: a SQLite file in the lake's folder)",
      ).env("ICEBERG_CATALOG_URL"),
    )
    .option(
      "--every <minutes>",
      "publish at this interval until stopped; without --topic, Health shows the result (default: once)",
      within(EVERY_MINUTES_MAX),
    )
    .option("--keep-hours <hours>", "how long snapshots are kept (default: 24)", within(KEEP_HOURS_MAX))
    .option("--days <days>", "publish only this many days (default: all)", positiveNumber)
    .option("--workspace <name>", "without --lake: the system on this machine", DEMO_WORKSPACE)
    .action((flags: PublishFlags) => publish(flags, output));
}

async function publish(flags: PublishFlags, output: CommandOutput): Promise<void> {
  const { topic, catalog, every, keepHours, days } = flags;
  const args = [
    ["--lake", lakeOf(flags)],
    topic === undefined ? [] : ["--topic", topic],
    every === undefined ? [] : ["--every", `${every}`],
    days === undefined ? [] : ["--days", `${days}`],
    keepHours === undefined ? [] : ["--keep-hours", `${keepHours}`],
  ].flat();
  const stop = new AbortController();
  process.once("SIGTERM", () => stop.abort());
  try {
    await runPythonModule("iceberg.publish", args, {
      interpreter: await interpreterOf("iceberg"),
      // The URL can contain a password, which other users of this machine could see among the arguments.
      env: catalog === undefined ? {} : { ICEBERG_CATALOG_URL: catalog },
      onOutput: (text) => output.write(text),
      onError: (text) => process.stderr.write(text),
      signal: stop.signal,
    });
  } catch (thrown) {
    if (!stop.signal.aborted) throw thrown;
  }
}

function within(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (value > 0 && value <= max) return value;
    throw new InvalidArgumentError(`It must be a number greater than 0 and at most ${max}.`);
  };
}
