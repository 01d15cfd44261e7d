import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { ATTACK_SEEDS } from "@tripline/simulator/attacks/attack-seeds";
import type { AttackName } from "@tripline/simulator/create-simulation";
import { StepLog } from "@tripline/system/step-log";
import { Command, InvalidArgumentError } from "commander";
import type { ExamResult } from "../../models/examine-attacks.js";
import { CONTESTANTS, examineSeed } from "../../models/examine-attacks.js";
import { positiveNumber } from "../number-options.js";

interface BenchAttacksFlags {
  readonly seeds: readonly number[];
  readonly cards: number;
}

const LEARNED: readonly AttackName[] = ["card-testing", "account-takeover"];
/** The last two were specified independently of the features, and no model learns from them. */
const EXAMINED: readonly AttackName[] = [...LEARNED, "distributed-card-testing", "slow-takeover"];
const REVIEW_SHARE = 0.005;
/** The share of genuine payments used for training, as for the published figures on the handbook's data. */
const GENUINE_SHARE = 0.2;

type Exam = Readonly<Record<(typeof CONTESTANTS)[number], ExamResult>>;

/**
 * `tripline bench-attacks`: measures how much features over filters, payment updates and neighbours improve the
 * detection of attacks.
 */
export function benchAttacksCommand(): Command {
  return new Command("bench-attacks")
    .description(
      "measure how well simulated attacks are detected with and without the documented features, and the memory used",
    )
    .option("--seeds <list>", "comma-separated seeds", seedList, [...ATTACK_SEEDS.exam])
    .option("--cards <number>", "number of cards", positiveNumber, 4_000)
    .action(async ({ seeds, cards }: BenchAttacksFlags) => {
      const folder = await mkdtemp(join(tmpdir(), "tripline-bench-attacks-"));
      const stack = await startStack({ directory: join(folder, "stack"), parts: ["redis"], isDurable: false });
      const steps = new StepLog();
      const exams: Exam[] = [];
      try {
        for (const seed of seeds) {
          const own = join(folder, String(seed));
          await mkdir(own);
          const given = { seed, cards, reviewShare: REVIEW_SHARE, genuineShare: GENUINE_SHARE };
          const exam = await steps.run(`simulate, train and measure seed ${seed}`, () =>
            examineSeed({ ...given, learned: LEARNED, examined: EXAMINED, folder: own, redisUrl: stack.redisUrl }),
          );
          exams.push(exam);
          await rm(own, { recursive: true });
          process.stdout.write(`seed ${seed}: ${JSON.stringify(exam)}\n`);
        }
        process.stdout.write(`\n${tableOf(exams).join("\n")}\n`);
      } finally {
        await stack.stop();
        await rm(folder, { recursive: true, force: true });
      }
    });
}

function seedList(text: string): number[] {
  const seeds = text.split(",").map(Number);
  if (seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0)) return seeds;
  throw new InvalidArgumentError("It must be a comma-separated list of whole numbers, such as 1,2,3.");
}

/** Medians, with the lowest and the highest seed. */
function tableOf(exams: readonly Exam[]): string[] {
  const both = (figureOf: (result: ExamResult) => number, digits: number): string =>
    CONTESTANTS.map((name) => {
      const values = exams.map((exam) => figureOf(exam[name])).sort((left, right) => left - right);
      const [low = 0, median = 0, high = 0] = [values[0], values[(values.length - 1) >> 1], values.at(-1)];
      return `${name} ${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
    }).join(", ");
  const attacks = EXAMINED.flatMap((attack) => [
    `${attack}, recall at ${REVIEW_SHARE * 100} %: ${both((one) => one.attacks[attack]?.recall_at_budget ?? Number.NaN, 3)}`,
    `${attack}, value detected: ${both((one) => one.attacks[attack]?.value_detected ?? Number.NaN, 3)}`,
  ]);
  return [...attacks, `state bytes per card: ${both((one) => one.stateBytesPerCard, 0)}`];
}
