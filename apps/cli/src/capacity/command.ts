import { Command, InvalidArgumentError } from "commander";
import { compareWithResult, errorOf, isWithin, TOLERANCE } from "./check.js";
import type { Measured } from "./figures.js";
import { learnFrom, measuredSchema, readCapacityResult, readMeasured } from "./figures.js";
import committed from "./measured.json" with { type: "json" };
import type { Demand } from "./model.js";
import { planCapacity } from "./model.js";
import { checkLines, planLines } from "./table.js";

interface CapacityFlags {
  readonly rate: number;
  readonly cards: number;
  readonly terminals: number;
  readonly retention: number;
  readonly meanShare: number;
  readonly measured?: string;
  readonly check?: string;
  readonly learn?: string;
  readonly json?: boolean;
}

/** `tripline capacity`: estimates the resources and cost of an installation from the measured cost of a decision. */
export function capacityCommand(): Command {
  return new Command("capacity")
    .description(
      "estimate instances, partitions, memory, disks and cost for a rate, from the measured cost of a decision",
    )
    .option("--rate <per second>", "decisions per second at the peak", above0, 1_000)
    .option("--cards <count>", "active cards", above0, 10_000_000)
    .option("--terminals <count>", "active terminals", above0, 1_000_000)
    .option("--retention <days>", "retention of the lake in days", above0, 365)
    .option("--mean-share <share>", "mean rate divided by peak rate, for storage; 0 to 1", share, 0.5)
    .option("--measured <file>", "costs of your machine, from --learn, instead of those in docs/capacity.md")
    .option("--learn <result.json>", "print the costs behind a result of `npm run bench -- capacity`")
    .option("--check <result.json>", "compare predictions with such a result; exit code 1 if one is 20 % off")
    .option("--json", "print JSON")
    .action(runCapacity);
}

async function runCapacity(flags: CapacityFlags): Promise<void> {
  const measured = flags.measured === undefined ? measuredSchema.parse(committed) : await readMeasured(flags.measured);
  if (flags.learn !== undefined) {
    print([JSON.stringify(learnFrom(await readCapacityResult(flags.learn), measured), null, 2)]);
    return;
  }
  if (flags.check !== undefined) await check(measured, flags.check);
  else plan(measured, flags);
}

function plan(measured: Measured, flags: CapacityFlags): void {
  const { rate, cards, terminals, retention: retentionDays, meanShare } = flags;
  const demand: Demand = { rate, cards, terminals, retentionDays, meanShare };
  const planned = planCapacity(demand, measured);
  if (flags.json !== true) print(planLines(planned, measured));
  else print([JSON.stringify({ ...planned, services: Object.fromEntries(planned.services) }, null, 2)]);
}

async function check(measured: Measured, file: string): Promise<void> {
  const compared = compareWithResult(measured, await readCapacityResult(file));
  const worst = Math.max(...compared.filter(({ counts }) => counts).map(errorOf));
  print(checkLines(compared));
  print([`capacity: worst_error=${(100 * worst).toFixed(0)}% allowed=${(100 * TOLERANCE).toFixed(0)}%`]);
  if (!compared.every(isWithin)) process.exitCode = 1;
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}

function above0(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (value > 0 && value <= 1e12) return value;
  throw new InvalidArgumentError("It must be a number above 0.");
}

function share(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError("It must be above 0 and at most 1.");
}
