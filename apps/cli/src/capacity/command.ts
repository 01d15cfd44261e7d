import { PARTITIONS_DEFAULT } from "@tripline/contracts/topics";
import type { CommandOutput } from "@tripline/system/command-output";
import { Command, InvalidArgumentError } from "commander";
import { positiveNumber } from "../commands/number-options.js";
import { compareWithResult, errorOf, isWithin, TOLERANCE } from "./check.js";
import type { Measured } from "./figures.js";
import { learnFrom, measuredSchema, readCapacityResult, readMeasured } from "./figures.js";
import committed from "./measured.json" with { type: "json" };
import type { Demand, Plan } from "./model.js";
import { planCapacity } from "./model.js";
import { checkLines, planLines, refusalLines } from "./table.js";

interface CapacityFlags {
  readonly rate: number;
  readonly cards: number;
  readonly terminals: number;
  readonly retention: number;
  readonly meanShare: number;
  readonly partitions: number;
  readonly lakeCache?: number;
  readonly measured?: string;
  readonly check?: string;
  readonly learn?: string;
  readonly json?: boolean;
}

/** `tripline capacity`: estimates the resources and cost of an installation from the measured cost of a decision. */
export function capacityCommand(
  output: CommandOutput = process.stdout,
  errors: CommandOutput = process.stderr,
): Command {
  return new Command("capacity")
    .description(
      "estimate instances, partitions, memory, disks and cost for a payment rate, from the measured cost per decision; exit code " +
        "1 if a limit is reached",
    )
    .option("--rate <per second>", "decisions per second at the peak", above0, 1_000)
    .option("--cards <count>", "active cards", above0, 10_000_000)
    .option("--terminals <count>", "active terminals", above0, 1_000_000)
    .option("--retention <days>", "retention of the lake in days", above0, 365)
    .option(
      "--lake-cache <GiB>",
      "LAKE_CACHE_GIB, if the lake is in a bucket (default: the lake is in a folder)",
      above0,
    )
    .option("--partitions <number>", "partitions per topic", positiveNumber, PARTITIONS_DEFAULT)
    .option("--mean-share <share>", "average rate divided by peak rate, for storage; 0 to 1", share, 0.5)
    .option(
      "--measured <file>",
      "file from --learn with the costs on your machine, instead of those in docs/capacity.md",
    )
    .option("--learn <result.json>", "print the costs derived from a result of `npm run bench -- capacity`")
    .option(
      "--check <result.json>",
      "compare predictions with such a result; exit code 1 if a prediction is off by more than 20 %",
    )
    .option("--json", "print JSON")
    .action((flags: CapacityFlags) => runCapacity(flags, output, errors));
}

async function runCapacity(flags: CapacityFlags, output: CommandOutput, errors: CommandOutput): Promise<void> {
  const measured = flags.measured === undefined ? measuredSchema.parse(committed) : await readMeasured(flags.measured);
  if (flags.learn !== undefined) {
    print(output, [JSON.stringify(learnFrom(await readCapacityResult(flags.learn), measured), null, 2)]);
    return;
  }
  if (flags.check !== undefined) return check(measured, flags.check, output);
  const planned = plan(measured, flags, output);
  const refusals = refusalLines(planned);
  if (refusals.length === 0) return;
  print(errors, refusals);
  process.exitCode = 1;
}

function plan(measured: Measured, flags: CapacityFlags, output: CommandOutput): Plan {
  const { rate, cards, terminals, retention: retentionDays, meanShare, partitions, lakeCache: lakeCacheGib } = flags;
  const demand: Demand = { rate, cards, terminals, retentionDays, meanShare, partitions, lakeCacheGib };
  const planned = planCapacity(demand, measured);
  if (flags.json !== true) print(output, planLines(planned, measured));
  else print(output, [JSON.stringify({ ...planned, services: Object.fromEntries(planned.services) }, null, 2)]);
  return planned;
}

async function check(measured: Measured, file: string, output: CommandOutput): Promise<void> {
  const compared = compareWithResult(measured, await readCapacityResult(file));
  const worst = Math.max(...compared.filter(({ counts }) => counts).map(errorOf));
  print(output, checkLines(compared));
  print(output, [`capacity: worst_error=${(100 * worst).toFixed(0)}% allowed=${(100 * TOLERANCE).toFixed(0)}%`]);
  if (!compared.every(isWithin)) process.exitCode = 1;
}

function print(output: CommandOutput, lines: readonly string[]): void {
  output.write(`${lines.join("\n")}\n`);
}

function above0(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (value > 0 && value <= 1e12) return value;
  throw new InvalidArgumentError("It must be a number greater than 0.");
}

function share(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError("It must be greater than 0 and at most 1.");
}
